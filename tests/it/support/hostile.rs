//! Good files of every format, mutations of them, and files made to exhaust or confuse their reader.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray};
use parquet::basic::Compression;

use super::docx::{archive, docx, paragraph};
use super::pack::{deflate, gzip, parquet_file, zstd};
use super::pdf::{self, Pdf, text, with_contents};

/// A short document of our own.
pub(crate) const POLICY: &str =
    "# Policy\n\nWe sell your data to partners.\n\nWe never read your mail.\n";
/// A document of ordinary length, of our own.
const TERMS: &str = include_str!("../../../data/examples/tidepool-terms.md");
const PAGE: &str = include_str!("../../../data/examples/lanternmail-privacy.html");
const PLAIN: &str = include_str!("../../../data/examples/orchard-privacy.txt");

/// A generator of random numbers (Knuth's MMIX constants).
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

/// A document as pages of 48 lines.
fn as_pdf(document: &str) -> Vec<u8> {
    let mut lines: Vec<String> = Vec::new();
    for line in document.lines() {
        let mut current = String::new();
        for word in line.split_whitespace() {
            if current.len() + word.len() > 90 {
                lines.push(std::mem::take(&mut current));
            }
            current.push_str(word);
            current.push(' ');
        }
        lines.push(current);
    }
    let page = |lines: &[String]| {
        let line = |(i, line): (usize, &String)| text(60.0, 720.0 - 13.0 * i as f32, line);
        lines.iter().enumerate().filter(|(_, line)| !line.is_empty()).map(line).collect()
    };
    pdf::pages(&lines.chunks(48).map(page).collect::<Vec<_>>())
}

fn as_docx(document: &str) -> Vec<u8> {
    let escaped = document.replace('&', "&amp;").replace('<', "&lt;");
    let paragraphs = escaped.split("\n\n").filter(|p| !p.trim().is_empty());
    docx(&paragraphs.map(|text| paragraph("", text)).collect::<String>(), &[])
}

/// A good file of every format, short ones and some of ordinary length.
pub(crate) fn good_files() -> Vec<(&'static str, Vec<u8>)> {
    let words: ArrayRef = Arc::new(StringArray::from(vec!["We sell data.", "We ask."]));
    let rows: Vec<&str> = TERMS.split("\n\n").filter(|row| !row.trim().is_empty()).collect();
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows.len() as i64));
    let texts: ArrayRef = Arc::new(StringArray::from(rows.clone()));
    let pages = [vec![text(60.0, 700.0, "We sell your data."), text(60.0, 688.0, "We ask.")]];
    let compressed = with_contents(&[(
        "/Filter /FlateDecode".to_owned(),
        deflate(b"BT /F1 10 Tf 9 9 Td [(We) -300 (ask.)] TJ ET"),
    )]);
    let mut lines = String::new();
    let mut table = "id,text\n".to_owned();
    for (number, row) in rows.iter().enumerate() {
        writeln!(lines, "{}", serde_json::json!({"id": number, "text": row})).unwrap();
        writeln!(table, "{number},\"{}\"", row.replace('"', "\"\"")).unwrap();
    }
    let western = PLAIN.replace("We ", "We – naïvely – ");
    let (western, _, _) = encoding_rs::WINDOWS_1252.encode(&western);
    vec![
        ("a.md", POLICY.into()),
        ("b.html", b"<h1>Terms</h1><p>We sell <b>data</b>.<ul><li>One<li>Two</ul>".to_vec()),
        ("c.txt", b"TERMS\n\nWe sell data.\n\n- one\n- two\n".to_vec()),
        ("d.docx", docx(&(paragraph("", "We sell data.") + &paragraph("", "We ask.")), &[])),
        ("e.pdf", pdf::pages(&pages)),
        ("f.pdf", compressed.finish("")),
        ("g.csv", b"id,text\n1,\"We sell, data.\"\n2,We ask.\n".to_vec()),
        ("h.jsonl", b"{\"text\": \"We sell data.\"}\n{\"text\": \"We \\u0061sk.\"}\n".to_vec()),
        ("i.parquet", parquet_file(vec![("text", words)], Compression::SNAPPY)),
        ("j.md.gz", gzip(POLICY.as_bytes())),
        ("k.md.zst", zstd(POLICY.as_bytes())),
        ("l.md", TERMS.into()),
        ("m.html", PAGE.into()),
        ("n.txt", PLAIN.into()),
        ("o.docx", as_docx(TERMS)),
        ("p.pdf", as_pdf(TERMS)),
        ("q.csv", table.into()),
        ("r.jsonl", lines.into()),
        ("s.parquet", parquet_file(vec![("id", numbers), ("text", texts)], Compression::SNAPPY)),
        ("t.html.gz", gzip(PAGE.as_bytes())),
        ("u.txt.zst", zstd(PLAIN.as_bytes())),
        ("v.txt", utf16(&format!("\u{feff}{PLAIN}"), u16::to_le_bytes)),
        ("w.txt", utf16(&format!("\u{feff}{PLAIN}"), u16::to_be_bytes)),
        ("x.md", utf16(TERMS, u16::to_le_bytes)),
        ("y.txt", western.into_owned()),
    ]
}

/// A good file cut off somewhere, or with some bits turned.
pub(crate) fn mutation(bytes: &[u8], number: usize, random: &mut Random) -> Vec<u8> {
    let mut mutated = bytes.to_vec();
    if number.is_multiple_of(2) {
        mutated.truncate(random.below(bytes.len()));
    } else {
        for _ in 0..=random.below(4) {
            mutated[random.below(bytes.len())] ^= 1 << random.below(8);
        }
    }
    mutated
}

/// A page that shows an image.
pub(crate) fn scan() -> Vec<u8> {
    let mut pdf = Pdf::default();
    pdf.add("<< /Type /Catalog /Pages 2 0 R >>");
    pdf.add("<< /Type /Pages /Kids [5 0 R] /Count 1 >>");
    pdf.stream("/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8", b"x");
    pdf.stream("", b"q 600 0 0 700 0 0 cm /I Do Q");
    pdf.add("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /XObject << /I 3 0 R >> >> >>");
    pdf.finish("")
}

/// PDFs made to exhaust or confuse their reader.
pub(crate) fn hostile_pdfs() -> Vec<(&'static str, Vec<u8>)> {
    let page = |dictionary: &str, content: Vec<u8>| {
        with_contents(&[(dictionary.to_owned(), content)]).finish("")
    };
    let blanks = deflate(&vec![b' '; 256 << 20]);
    let mut cycle = Pdf::default();
    cycle.add("<< /Type /Catalog /Pages 2 0 R >>");
    cycle.add("<< /Type /Pages /Kids [2 0 R 3 0 R 2 0 R] /Count 3 /Parent 2 0 R >>");
    cycle.add("<< /Type /Page /Parent 3 0 R /Contents 3 0 R /Resources 3 0 R >>");
    let mut forms = Pdf::default();
    forms.add("<< /Type /Catalog /Pages 2 0 R >>");
    forms.add("<< /Type /Pages /Kids [4 0 R] /Count 1 >>");
    let paint = "/A Do ".repeat(20);
    forms.stream(
        "/Type /XObject /Subtype /Form /Resources << /XObject << /A 3 0 R >> >>",
        paint.as_bytes(),
    );
    forms.add(
        "<< /Type /Page /Parent 2 0 R /Contents 3 0 R /Resources << /XObject << /A 3 0 R >> >> >>",
    );
    let mut own_reference = Pdf::default();
    own_reference.add("1 0 R");
    let mut many = Pdf::default();
    many.add("<< /Type /Catalog /Pages 2 0 R >>");
    many.add("");
    let kids: String = (0..100_000).map(|n| format!("{} 0 R ", n + 3)).collect();
    many.set(2, format!("<< /Type /Pages /Kids [{kids}] /Count 100000 >>"));
    for _ in 0..100_000 {
        many.add("<< /Type /Page /Parent 2 0 R >>");
    }
    let show = b"BT /F1 10 Tf ".to_vec();
    let moves = b"1 0 0 1 9 9 Tm (a) Tj 1 0 0 1 50 50 Tm (b) Tj ".repeat(300_000);
    let whole = with_contents(&[(String::new(), b"BT /F1 9 Tf (x) Tj ET".to_vec())]).finish("");
    let cut = memchr::memmem::find(&whole, b"xref").unwrap();
    vec![
        ("blanks", page("/Filter /FlateDecode", blanks.clone())),
        ("blanks twice", page("/Filter [/FlateDecode /FlateDecode]", deflate(&blanks))),
        ("cycle of pages", cycle.finish("")),
        ("forms in forms", forms.finish("")),
        ("own reference", own_reference.finish("")),
        ("100,000 pages", many.finish("")),
        ("no xref", whole[..cut].to_vec()),
        ("no fonts", page("", b"BT /F9 10 Tf (x) Tj ET".to_vec())),
        ("many pieces", page("", [show.clone(), moves].concat())),
        ("deep states", page("", b"q ".repeat(2_000_000))),
        ("open strings", page("", b"BT (".repeat(500_000))),
        ("open arrays", page("", [show, b"[".repeat(2_000_000)].concat())),
        (
            "huge numbers",
            page("", b"BT /F1 1e38 Tf 9e37 0 0 9e37 9e37 9e37 Tm (ab) Tj ET".to_vec()),
        ),
        ("deep objects", [b"%PDF-1.4\n1 0 obj\n".to_vec(), b"[".repeat(100_000)].concat()),
    ]
}

/// A zip archive whose entries say that they are encrypted.
fn encrypted(mut zip: Vec<u8>) -> Vec<u8> {
    // The flags stand 6 bytes into a local header and 8 into a central one; bit 0 is encryption.
    for (mark, at) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let places: Vec<usize> = memchr::memmem::find_iter(&zip, mark).collect();
        places.into_iter().for_each(|place| zip[place + at] |= 1);
    }
    zip
}

/// Files that begin as those of another kind do.
fn of_other_kinds(random: &mut Random) -> Vec<(String, Vec<u8>, &'static str)> {
    let kinds: [(&str, &[u8], &str); 22] = [
        ("png.md", b"\x89PNG\r\n\x1a\n", "PNG image"),
        ("jpeg.html", b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG image"),
        ("gif.txt", b"GIF89a", "GIF image"),
        ("webp.txt", b"RIFF\x24\0\0\0WEBP", "RIFF media"),
        ("ogg.txt", b"OggS\0\x02", "Ogg media"),
        ("elf.md", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0", "ELF"),
        ("macho.txt", b"\xcf\xfa\xed\xfe\x07\0\0\x01", "Mach-O"),
        ("java.txt", b"\xca\xfe\xba\xbe\0\0\0\x34", "Java class"),
        ("wasm.txt", b"\0asm\x01\0\0\0", "WebAssembly"),
        ("sqlite.txt", b"SQLite format 3\0", "SQLite"),
        ("font.txt", b"wOF2\0\x01\0\0", "font"),
        ("bzip2.md", b"BZh91AY&SY", "bzip2"),
        ("xz.md", b"\xfd7zXZ\0\0\x04", "xz-compressed"),
        ("7z.md", b"7z\xbc\xaf\x27\x1c\0\x04", "7z archive"),
        ("rar.md", b"Rar!\x1a\x07\x01\0", "RAR archive"),
        ("office.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Microsoft Office"),
        ("rich.txt", b"{\\rtf1\\ansi", "RTF"),
        ("postscript.txt", b"%!PS-Adobe-3.0\n", "PostScript"),
        ("parquet.md", b"PAR1\x15\x04\x15", "Parquet"),
        ("utf32le.txt", b"\xff\xfe\0\0W\0\0\0e\0\0\0", "UTF-32"),
        ("utf32be.txt", b"\0\0\xfe\xff\0\0\0W\0\0\0e", "UTF-32"),
        ("odt.md", b"PK\x03\x04\x14\0\0\x08\0\0opendocument.text", "OpenDocument"),
    ];
    let file = |(name, magic, reason): (&str, &[u8], &'static str)| {
        (name.to_owned(), [magic, &random.bytes(2000)].concat(), reason)
    };
    kinds.into_iter().map(file).collect()
}

/// Files that are cut off, damaged, encrypted, or made to exhaust their reader, or no documents at
/// all: name, bytes, and words of the reason for which they have to be refused.
pub(crate) fn malformed() -> Vec<(String, Vec<u8>, &'static str)> {
    let random = &mut Random(7);
    let good = good_files();
    let of = |name: &str| good.iter().find(|(n, _)| *n == name).unwrap().1.clone();
    let half = |name: &str| of(name)[..of(name).len() / 2].to_vec();
    let mut all = of_other_kinds(random);
    let mut add = |name: &str, bytes: Vec<u8>, reason| all.push((name.to_owned(), bytes, reason));

    let pdfs = hostile_pdfs();
    let hostile = |name: &str| pdfs.iter().find(|(n, _)| *n == name).unwrap().1.clone();
    for name in ["blanks", "blanks twice", "forms in forms", "deep objects", "own reference"] {
        add(&format!("pdf-{}.pdf", name.replace(' ', "-")), hostile(name), "PDF");
    }
    add("pdf-cycle-of-pages.pdf", hostile("cycle of pages"), "PDF");
    add("pdf-head-only.pdf", b"%PDF-1.7\n".to_vec(), "damaged");
    add("pdf-random.pdf", [b"%PDF-1.7\n".to_vec(), random.bytes(5000)].concat(), "damaged");
    add("pdf-scan.pdf", scan(), "images and no text");
    add("pdf-empty.pdf", with_contents(&[(String::new(), Vec::new())]).finish(""), "no text");
    let keys = format!("/O <{0}> /U <{0}>", "41".repeat(32));
    let secret = with_contents(&[(String::new(), b"BT (x) Tj ET".to_vec())]).finish(&format!(
        "/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 {keys} >>"
    ));
    add("pdf-encrypted.pdf", secret, "password");
    add("pdf-packed.pdf.gz", gzip(&scan()), "images and no text");

    add("docx-half.docx", half("o.docx"), "damaged");
    add("docx-encrypted.docx", encrypted(of("o.docx")), "encrypted");
    add("docx-bomb.docx", archive(&[("word/document.xml", &vec![b' '; 80 << 20])]), "unpacked");
    add("docx-deep.docx", docx(&"<w:p>".repeat(50_000), &[]), "inside one another");
    add("docx-open.docx", docx("<w:p><w:r>", &[]), "XML");
    add("docx-empty.docx", docx("", &[]), "no text");
    add("docx-headless.docx", archive(&[("word/document1.xml", b"<a/>")]), "document part");
    add(
        "xlsx.docx",
        archive(&[("[Content_Types].xml", b"<a/>"), ("xl/workbook.xml", b"<a/>")]),
        "",
    );
    add("zip.md", archive(&[("terms.md", POLICY.as_bytes())]), "ZIP archive");
    add("zip-encrypted.md", encrypted(archive(&[("terms.md", POLICY.as_bytes())])), "ZIP archive");

    let blanks = vec![b' '; 64 << 20];
    add("gz-bomb.txt.gz", gzip(&blanks), "more than 256 times");
    add("gz-bomb-twice.txt.gz", gzip(&gzip(&blanks)), "compressed twice");
    add("gz-half.html.gz", half("t.html.gz"), "cut off");
    add("gz-head.md.gz", of("j.md.gz")[..10].to_vec(), "cut off");
    let mut checked = of("j.md.gz");
    let end = checked.len() - 6;
    checked[end] ^= 0xff;
    add("gz-checksum.md.gz", checked, "damaged");
    add("gz-elf.md.gz", gzip(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0"), "ELF");
    add("zst-bomb.txt.zst", zstd(&blanks), "more than 256 times");
    add("zst-half.txt.zst", half("u.txt.zst"), "cut off");
    add("zst-head.md.zst", of("k.md.zst")[..5].to_vec(), "cut off");
    add("zst-random.md.zst", [b"\x28\xb5\x2f\xfd".to_vec(), random.bytes(900)].concat(), "zstd");
    add("zst-of-gz.md.zst", zstd(&gzip(POLICY.as_bytes())), "compressed twice");

    add("parquet-half.parquet", half("s.parquet"), "Parquet");
    add("parquet-marks.parquet", b"PAR1PAR1".to_vec(), "Parquet");
    let footer = [b"PAR1".to_vec(), random.bytes(500), b"\xff\xff\xff\x7fPAR1".to_vec()].concat();
    add("parquet-footer.parquet", footer, "Parquet");
    add("parquet-random.parquet", random.bytes(3000), "Parquet");
    let names: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let other = parquet_file(vec![("body", names)], Compression::UNCOMPRESSED);
    add("parquet-column.parquet", other, "no column `text`");
    add("csv-column.csv", b"a,b\n1,2\n".to_vec(), "no column `text`");
    add("csv-binary.csv", random.bytes(3000), "");
    add("jsonl-binary.jsonl", random.bytes(3000), "");
    add("jsonl-deep.jsonl", vec![b'['; 100_000], "");
    add("jsonl-cut.jsonl", b"{\"text\": \"We sell".to_vec(), "line 1");

    add("nul.txt", vec![0; 10_000], "binary");
    add("nul-half.txt", POLICY.bytes().flat_map(|b| [b, 0, 0]).collect(), "binary");
    add("large.txt", b"We sell your data to you. ".repeat(700_000), "limit of 16 MiB");
    add("utf16-random.txt", [b"\xff\xfe".to_vec(), random.bytes(4001)].concat(), "binary");
    add("utf16-big-random.txt", [b"\xfe\xff".to_vec(), random.bytes(900)].concat(), "binary");
    for (number, length) in [40, 100, 400, 1000, 4096, 100_000].into_iter().enumerate() {
        let extension = ["md", "html", "txt"][number % 3];
        add(&format!("random-{length}.{extension}"), random.bytes(length), "binary");
    }
    all
}
