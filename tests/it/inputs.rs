//! Inputs beside plain files: tables, compressed files, revisions of git repositories, DOCX and
//! PDF, and hostile ones of each.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Int64Array, LargeStringArray, StringArray, StringViewArray,
};
use fineprint::document::{BlockKind, Document, DocumentError, Format, ParseOptions, extract};
use fineprint::segment::sentences;
use serde_json::{Value, json};

use crate::support::docx::{archive, docx, paragraph};
use crate::support::hostile::{POLICY, hostile_pdfs, scan};
use crate::support::pack::{gzip, parquet_file, zstd};
use crate::support::pdf::{self, text, with_contents};
use crate::support::repository::Builder;
use crate::support::sandbox::{Run, Sandbox};

fn classify(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let fixed = ["classify", "--format", "jsonl", "--all-sentences", "--any-language"];
    sandbox.run(&[&fixed[..], arguments].concat())
}

/// Name and sentences of every document, or why it failed.
fn documents(run: &Run) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for record in run.records() {
        let string = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
        match record["record"].as_str().unwrap() {
            "document" if record["status"] == "failed" => {
                found.push((string("document"), vec![format!("! {}", string("notice"))]));
            }
            "document" => found.push((string("document"), Vec::new())),
            "sentence" => found.last_mut().unwrap().1.push(string("text")),
            _ => {}
        }
    }
    found
}

#[test]
fn a_row_of_a_table_is_a_document_with_its_other_columns() {
    let table = "id,text,year\n7,\"We sell data. We ask first.\",2023\n8,short\n9,\"We keep\nlogs.\",2024\n";
    let sandbox = Sandbox::with(&[("t.csv", table)]);
    let run = classify(&sandbox, &["t.csv"]);
    assert_eq!(run.status, Some(3), "{run:?}");
    let list = |items: &[&str]| items.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        documents(&run),
        [
            ("t.csv#1".to_owned(), list(&["We sell data.", "We ask first."])),
            ("t.csv#2".to_owned(), list(&["! line 3: it has 2 fields, and the header has 3"])),
            ("t.csv#3".to_owned(), list(&["We keep logs."])),
        ]
    );
    let records = run.of_kind("document");
    assert_eq!(records[0]["columns"], json!({"id": "7", "year": "2023"}));
    assert_eq!(records[1].get("columns"), None);

    let run = classify(&sandbox, &["t.csv", "--lines"]);
    assert_eq!(documents(&run)[0].1, ["We sell data. We ask first."]);
    assert_eq!(documents(&run)[2].1, ["We keep logs."]);
    let run = classify(&sandbox, &["t.csv", "--text-column", "body"]);
    assert_eq!(run.status, Some(3));
    assert!(run.stderr.contains("no column `body`; its columns are: id, text, year"), "{run:?}");
    // As text it is one document.
    let run = classify(&sandbox, &["t.csv", "--input-format", "text"]);
    assert_eq!(documents(&run).len(), 1);
}

#[test]
fn tables_come_by_standard_input_compressed_and_from_folders() {
    let lines =
        "{\"body\": \"We sell data.\", \"n\": [1]}\n{\"body\": 5}\n{\"body\": \"We do not.\"}\n";
    let sandbox = Sandbox::new();
    let arguments = ["classify", "--format", "jsonl", "--input-format", "jsonl", "--any-language"];
    let arguments = [&arguments[..], &["--text-column", "body", "--all-sentences"]].concat();
    let run = sandbox.run_with_stdin(&arguments, lines);
    let expected = [
        ("<stdin>#1".to_owned(), vec!["We sell data.".to_owned()]),
        ("<stdin>#2".to_owned(), vec!["! line 2: `body` is no string".to_owned()]),
        ("<stdin>#3".to_owned(), vec!["We do not.".to_owned()]),
    ];
    assert_eq!(documents(&run), expected);
    assert_eq!(run.of_kind("document")[0]["columns"], json!({"n": [1]}));

    sandbox.write("in/a.ndjson.gz", &gzip(lines.as_bytes()));
    sandbox.write("in/b.tsv.zst", &zstd(b"x\tbody\n1\tWe ask.\n"));
    sandbox.write("in/c.md.gz", &[gzip(b"# T\n\nWe sell "), gzip(b"it.\n")].concat());
    sandbox.write("in/d.md", b"# T\n\nWe sell it.\n");
    let run = classify(&sandbox, &["in", "--text-column", "body"]);
    let found = documents(&run);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "in/a.ndjson.gz#1",
        "in/a.ndjson.gz#2",
        "in/a.ndjson.gz#3",
        "in/b.tsv.zst#1",
        "in/c.md.gz",
        "in/d.md",
    ];
    assert_eq!(names, expected);
    assert_eq!(found[4].1, found[5].1);
    assert_eq!(run.of_kind("document")[4]["format"], "markdown");
}

#[test]
fn damaged_and_growing_archives_fail_alone_and_say_why() {
    let sandbox = Sandbox::with(&[("good.md", POLICY)]);
    let packed = gzip(POLICY.as_bytes());
    sandbox.write("cut.md.gz", &packed[..packed.len() / 2]);
    sandbox.write("twice.md.gz", &gzip(&packed));
    sandbox.write("bomb.txt.gz", &gzip(&vec![b' '; 64 << 20]));
    sandbox.write("large.txt.gz", &gzip(&large()));
    let names = ["cut.md.gz", "twice.md.gz", "bomb.txt.gz", "large.txt.gz", "good.md"];
    let run = classify(&sandbox, &names);
    assert_eq!(run.status, Some(3));
    let found = documents(&run);
    let reasons = ["cut off", "compressed twice", "more than 256 times", "limit of 16 MiB"];
    for ((name, texts), reason) in found.iter().zip(reasons) {
        assert!(texts[0].contains(reason), "{name}: {texts:?}");
    }
    assert_eq!(
        found[4].1,
        ["Policy", "We sell your data to partners.", "We never read your mail."]
    );
}

/// Text over the limit of a document that does not compress as bombs do.
fn large() -> Vec<u8> {
    let mut state = 1u32;
    let mut word = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("{state:x} ")
    };
    let mut text = String::new();
    while text.len() <= fineprint::limits::DOCUMENT_BYTES {
        text.push_str(&word());
    }
    text.into_bytes()
}

#[test]
fn parquet_has_its_text_in_any_kind_of_string() {
    use parquet::basic::{Compression, GzipLevel};
    let words = vec![Some("We sell data."), None, Some("We ask.")];
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![10, 11, 12]));
    let dictionary: DictionaryArray<Int32Type> = words.clone().into_iter().collect();
    let kinds: Vec<(ArrayRef, Compression)> = vec![
        (Arc::new(StringArray::from(words.clone())), Compression::UNCOMPRESSED),
        (Arc::new(LargeStringArray::from(words.clone())), Compression::SNAPPY),
        (Arc::new(StringViewArray::from(words.clone())), Compression::GZIP(GzipLevel::default())),
        (Arc::new(dictionary), Compression::LZ4_RAW),
    ];
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..kinds.len()).map(|n| format!("{n}.parquet")).collect();
    for (name, (array, codec)) in names.iter().zip(kinds) {
        sandbox.write(name, &parquet_file(vec![("id", ids.clone()), ("text", array)], codec));
    }
    let run = classify(&sandbox, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let found = documents(&run);
    assert_eq!(found.len(), 12, "{run:?}");
    for (number, rows) in found.chunks(3).enumerate() {
        assert_eq!(rows[0], (format!("{number}.parquet#1"), vec!["We sell data.".to_owned()]));
        assert_eq!(rows[1].1, ["! row 2: `text` is null"]);
        assert_eq!(rows[2].1, ["We ask."]);
    }
    assert_eq!(run.of_kind("document")[2]["columns"], json!({"id": 12}));
    let run = classify(&sandbox, &["0.parquet", "--text-column", "id"]);
    assert!(run.stderr.contains("its column `id` has Int64 and no text"), "{run:?}");
    let run = classify(&sandbox, &["0.parquet", "--text-column", "gone"]);
    assert!(run.stderr.contains("its columns are: id, text"), "{run:?}");
}

#[test]
fn a_git_revision_is_read_by_branch_tag_prefix_and_path() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path().join("terms.git");
    let old = [("Lark/Terms.md", "We sell data.\n".as_bytes())];
    let mut builder = Builder::new(&folder);
    let first = builder.commit(1, &old);
    let new = [
        ("Lark/Terms.md", "We ask first.\n".as_bytes()),
        ("Lark/logo.png", b"\x89PNG"),
        ("Lark.md", b"We keep logs.\n"),
        ("Owl/rows.csv", b"text\nWe share.\n"),
        (".hidden/x.md", b"We hide.\n"),
    ];
    let second = builder.commit(2, &new);
    std::fs::write(folder.join("packed-refs"), format!("{first} refs/tags/v1\n")).unwrap();
    let short = |id: &str| id[..12].to_owned();
    let at_head = [
        format!("git:terms.git@{}:Lark.md", short(&second)),
        format!("git:terms.git@{}:Lark/Terms.md", short(&second)),
        format!("git:terms.git@{}:Owl/rows.csv#1", short(&second)),
    ];
    for revision in ["", "@main", "@HEAD", &format!("@{}", &second[..7]), &format!("@{second}")] {
        let run = classify(&sandbox, &[&format!("git:terms.git{revision}")]);
        let found = documents(&run);
        let names: Vec<&String> = found.iter().map(|(name, _)| name).collect();
        assert_eq!(names, at_head.iter().collect::<Vec<_>>(), "{revision}");
        assert_eq!(found[1].1, ["We ask first."]);
        assert!(run.stderr.contains("2 other files"), "{}", run.stderr);
    }
    for revision in ["v1", "main~1", "HEAD~"] {
        let run = classify(&sandbox, &[&format!("git:terms.git@{revision}:Lark")]);
        let name = format!("git:terms.git@{}:Lark/Terms.md", short(&first));
        assert_eq!(documents(&run), [(name, vec!["We sell data.".to_owned()])], "{revision}");
    }
    let run = classify(&sandbox, &["git:terms.git@main:Lark/Terms.md"]);
    assert_eq!(documents(&run)[0].1, ["We ask first."]);
    for (address, reason) in [
        ("git:terms.git@gone", "no revision `gone`"),
        ("git:terms.git@main~9", "history is not that long"),
        ("git:terms.git@main:no/such", "no such file or folder"),
        ("git:elsewhere@main", "no git repository at elsewhere: write git:PATH@REVISION"),
    ] {
        let run = classify(&sandbox, &[address]);
        assert_eq!(run.status, Some(3), "{address}");
        assert!(run.stderr.contains(reason), "{address}: {}", run.stderr);
    }
}

#[test]
fn utf16_and_docx_have_places_in_characters() {
    let sandbox = Sandbox::new();
    let utf16: Vec<u8> =
        "\u{feff}Wé sell it.\nWe ask.\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    sandbox.write("a.txt", &utf16);
    let body =
        paragraph("", "Wé sell it.") + &paragraph("", "") + &paragraph("", "We ask. We wait.");
    sandbox.write("b.docx", &docx(&body, &[]));
    let run = classify(&sandbox, &["a.txt", "b.docx"]);
    let sentences = run.of_kind("sentence");
    let place = |s: &Value| {
        assert_eq!((&s["start_byte"], &s["end_byte"]), (&Value::Null, &Value::Null));
        (s["start_char"].clone(), s["end_char"].clone(), s["paragraph"].clone())
    };
    let of = |name: &str| -> Vec<_> {
        sentences.iter().filter(|s| s["document"] == name).map(place).collect()
    };
    assert_eq!(of("a.txt").last().unwrap().0, json!(12));
    assert_eq!(
        of("b.docx"),
        [
            (json!(0), json!(11), json!(1)),
            (json!(12), json!(19), json!(2)),
            (json!(20), json!(28), json!(2)),
        ]
    );
    let documents = run.of_kind("document");
    assert_eq!(
        (&documents[1]["format"], &documents[1]["encoding"]),
        (&json!("docx"), &Value::Null)
    );
}

fn blocks(document: &Document) -> Vec<(BlockKind, String)> {
    document.blocks().iter().map(|block| (block.kind, block.text.clone())).collect()
}

#[test]
fn docx_is_read_as_a_reader_sees_it() {
    const STYLES: &str = r#"<w:styles xmlns:w="w"><w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style><w:style w:type="paragraph" w:styleId="Verzeichnis1"><w:name w:val="toc 1"/></w:style></w:styles>"#;
    const NOTES: &str = r#"<w:footnotes xmlns:w="w"><w:footnote w:type="separator" w:id="0"><w:p><w:r><w:t>---</w:t></w:r></w:p></w:footnote><w:footnote w:id="2"><w:p><w:r><w:t>Except in Norway.</w:t></w:r></w:p></w:footnote></w:footnotes>"#;
    let item = |level: u8, text: &str| {
        paragraph(
            &format!(r#"<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="3"/></w:numPr>"#),
            text,
        )
    };
    let cell = |text: &str| format!("<w:tc>{}</w:tc>", paragraph("", text));
    let body = [
        paragraph(r#"<w:pStyle w:val="Verzeichnis1"/>"#, "Sharing 3"),
        paragraph(r#"<w:pStyle w:val="berschrift1"/>"#, "Sharing"),
        r#"<w:p><w:r><w:t xml:space="preserve">We </w:t></w:r><w:del><w:r><w:delText>never </w:delText><w:t>never </w:t></w:r></w:del><w:ins><w:r><w:t>may </w:t></w:r></w:ins><w:hyperlink><w:r><w:t>share &amp; s&#101;ll</w:t></w:r></w:hyperlink><w:r><w:footnoteReference w:id="2"/><w:t>:</w:t></w:r></w:p>"#.to_owned(),
        item(0, "names;"),
        item(1, "also old ones;"),
        item(0, "places."),
        format!("<w:tbl><w:tr><w:trPr><w:tblHeader/></w:trPr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>", cell("Data"), cell("Why"), cell("Mail"), cell("To bill you")),
        "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r><w:r><w:t>Line one</w:t><w:br/><w:t>and two.</w:t></w:r></w:p>".to_owned(),
        "<w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent></mc:Fallback></mc:AlternateContent></w:r></w:p>".to_owned(),
    ]
    .concat();
    let bytes = docx(&body, &[("word/styles.xml", STYLES), ("word/footnotes.xml", NOTES)]);
    let document = Document::parse(&bytes).unwrap();
    assert_eq!(document.format(), Format::Docx);
    let item = |depth| BlockKind::ListItem { depth };
    let expected = [
        (BlockKind::Heading { level: 1 }, "Sharing"),
        (BlockKind::Paragraph, "We may share & sell:"),
        (item(1), "names;"),
        (item(2), "also old ones;"),
        (item(1), "places."),
        (BlockKind::TableCell, "Data"),
        (BlockKind::TableCell, "Why"),
        (BlockKind::TableCell, "Mail"),
        (BlockKind::TableCell, "To bill you"),
        (BlockKind::Paragraph, "Except in Norway."),
        (BlockKind::Paragraph, "Line one and two."),
        (BlockKind::Paragraph, "In a box."),
    ];
    let expected: Vec<_> = expected.map(|(kind, text)| (kind, text.to_owned())).into();
    assert_eq!(blocks(&document), expected);
    let found = sentences(&document);
    assert_eq!(found[4].lead_in.as_deref(), Some("We may share & sell:"));
    assert_eq!(found[8].lead_in.as_deref(), Some("Why"));
    assert_eq!(found[4].section.as_ref(), ["Sharing"]);
}

#[test]
fn pdf_is_read_as_a_reader_sees_it() {
    let page = |number: usize, mut texts: Vec<pdf::Text>| {
        texts.push(text(60.0, 760.0, "Acme Terms of Service"));
        texts.push(text(300.0, 30.0, &format!("{number}")));
        texts
    };
    let heading = pdf::Text { size: 16.0, is_bold: true, ..text(60.0, 700.0, "1. What we share") };
    let pages = [
        page(
            1,
            vec![
                heading,
                text(
                    60.0,
                    670.0,
                    "We may share the information that you give to us with our adver-",
                ),
                text(
                    60.0,
                    658.0,
                    "tising partners, and with third-party providers, unless you opt-",
                ),
                text(60.0, 646.0, "out in your settings. You can change this at any time."),
                text(60.0, 622.0, "We share with:"),
                text(
                    70.0,
                    604.0,
                    "• couriers that bring your parcels to the place that you have told",
                ),
                text(80.0, 592.0, "us; and"),
                text(70.0, 574.0, "• banks."),
                text(
                    60.0,
                    550.0,
                    "When you close your account we will delete all of your data, but",
                ),
            ],
        ),
        page(2, vec![text(60.0, 700.0, "we keep copies for thirty days.")]),
    ];
    let document = Document::parse(&pdf::pages(&pages)).unwrap();
    let found = sentences(&document);
    let texts: Vec<&str> = found.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "1. What we share",
            "We may share the information that you give to us with our advertising partners, and with third-party providers, unless you opt-out in your settings.",
            "You can change this at any time.",
            "We share with:",
            "• couriers that bring your parcels to the place that you have told us; and",
            "• banks.",
            "When you close your account we will delete all of your data, but we keep copies for thirty days.",
        ]
    );
    assert!(matches!(found[0].kind, BlockKind::Heading { level: 1 }));
    assert_eq!(found[5].lead_in.as_deref(), Some("We share with:"));
    assert_eq!(found[5].section.as_ref(), ["1. What we share"]);

    let sandbox = Sandbox::new();
    sandbox.write("terms.pdf", &pdf::pages(&pages));
    let run = classify(&sandbox, &["terms.pdf"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    let records = run.of_kind("sentence");
    assert_eq!(records.len(), texts.len());
    for (record, text) in records.iter().zip(texts) {
        assert_eq!(record["text"], text);
        assert_eq!((&record["page"], &record["start_byte"]), (&json!(1), &Value::Null));
        let range = record["start_char"].as_u64().unwrap() as usize
            ..record["end_char"].as_u64().unwrap() as usize;
        let quote: String = document.text().chars().skip(range.start).take(range.len()).collect();
        assert_eq!(quote, text);
    }
}

#[test]
fn columns_of_a_pdf_are_read_one_after_the_other() {
    let mut texts =
        vec![text(60.0, 740.0, "Rules for those who use the service in two columns of text here")];
    for n in 0..10 {
        let y = 700.0 - 12.0 * n as f32;
        let end = if n == 9 { "end here." } else { "words go on" };
        texts.push(text(
            60.0,
            y,
            &format!("{} left side of the page {end}", if n == 0 { "The" } else { "and" }),
        ));
        texts.push(text(
            330.0,
            y,
            &format!("{} right side of the page {end}", if n == 0 { "Its" } else { "and" }),
        ));
    }
    let document = Document::parse(&pdf::pages(&[texts])).unwrap();
    let found = sentences(&document);
    let texts: Vec<&str> = found.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(texts.len(), 3, "{texts:#?}");
    assert!(texts[1].starts_with("The left") && texts[1].ends_with("end here."));
    assert!(!texts[1].contains("right") && !texts[2].contains("left"));
}

#[test]
fn a_pdf_without_text_says_what_it_is() {
    let error = |bytes: &[u8]| extract(bytes, Format::Pdf).unwrap_err();
    let empty = with_contents(&[(String::new(), Vec::new())]).finish("");
    assert_eq!(error(&empty), DocumentError::Empty { format: Format::Pdf });
    assert!(error(&scan()).to_string().contains("1 page(s) of images and no text"));
    let encrypted = with_contents(&[(String::new(), b"BT (x) Tj ET".to_vec())]);
    let keys = format!("/O <{0}> /U <{0}>", "41".repeat(32));
    let encrypted = encrypted.finish(&format!(
        "/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 {keys} >>"
    ));
    assert_eq!(error(&encrypted), DocumentError::Encrypted { format: Format::Pdf });
    assert!(matches!(error(b"%PDF-1.7\n"), DocumentError::Damaged { .. }));
    let asked = ParseOptions { format: Some(Format::Pdf), ..ParseOptions::default() };
    let other = Document::parse_with(b"just text", &asked).unwrap_err();
    assert_eq!(other, DocumentError::OtherFormat { format: Format::Pdf });
    // A name that promises a PDF is no promise: what is text is read as text.
    let named = ParseOptions { name: Some("x.pdf".into()), ..ParseOptions::default() };
    assert_eq!(Document::parse_with(b"just text", &named).unwrap().format(), Format::Text);
}

#[test]
fn a_hostile_pdf_costs_one_document() {
    let sandbox = Sandbox::with(&[("z.md", POLICY)]);
    let mut names = Vec::new();
    for (name, bytes) in hostile_pdfs() {
        assert!(bytes.len() <= fineprint::limits::DOCUMENT_BYTES, "{name}");
        let file = format!("{}.pdf", name.replace([' ', ','], "-"));
        sandbox.write(&file, &bytes);
        names.push(file);
    }
    let run = classify(&sandbox, &["."]);
    assert_eq!(run.status, Some(3), "{run:?}");
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    let found = documents(&run);
    assert_eq!(found.len(), names.len() + 1);
    assert_eq!(found.last().unwrap().1.len(), 3, "the good one is classified");
    for (name, texts) in &found[..names.len()] {
        if let Some(reason) = texts.first().and_then(|text| text.strip_prefix("! ")) {
            println!("{name}: {reason}");
            assert!(!reason.contains("internal error"), "{name}: {reason}");
        } else {
            println!("{name}: {} sentences", texts.len());
        }
    }
}

#[test]
fn a_hostile_docx_is_refused() {
    let reason = |bytes: &[u8]| Document::parse(bytes).unwrap_err().to_string();
    let bomb = archive(&[("word/document.xml", &vec![b' '; 80 << 20])]);
    assert!(bomb.len() < 1 << 20);
    assert!(reason(&bomb).contains("too many unpacked bytes in one part"), "{}", reason(&bomb));
    let deep = docx(&"<w:p>".repeat(50_000), &[]);
    assert!(reason(&deep).contains("elements inside one another"));
    let entries = [b"PK\x03\x04 word/document.xml".to_vec(), b"PK\x01\x02".repeat(20_000)].concat();
    assert!(reason(&entries).contains("too many files"));
    assert!(reason(&docx("<w:p><w:r>", &[])).contains("XML"));
    assert_eq!(reason(&docx("", &[])), "this DOCX file has no text");
    assert!(reason(&archive(&[("word/document1.xml", b"<a/>")])).contains("no document part"));
    // Entities are not expanded: they are not shown at all.
    let entity = docx("<w:p><w:r><w:t>a&lol;b</w:t></w:r></w:p>", &[]);
    assert_eq!(Document::parse(&entity).unwrap().text(), "ab");
}
