//! Documents of every format and encoding, malformed ones among them.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use fineprint::document::{
    BlockKind, Document, DocumentError, Format, ParseOptions, UnknownFormat, Warning,
};
use fineprint::segment::sentences;
use proptest::prelude::*;

use crate::segment::check;

fn parse(text: &str, format: Format) -> Document {
    parse_bytes(text.as_bytes(), format)
}

fn parse_bytes(bytes: &[u8], format: Format) -> Document {
    let options = ParseOptions { format: Some(format), ..ParseOptions::default() };
    let document = match Document::parse_with(bytes, &options) {
        Err(DocumentError::NotText { .. }) if bytes.contains(&0) => Document::parse(b"").unwrap(),
        other => other.unwrap(),
    };
    check(bytes, &document, &String::from_utf8_lossy(&bytes[..bytes.len().min(80)]));
    document
}

/// Blocks as one line each: kind, lead-in, text.
fn shape(document: &Document) -> String {
    let mut shown = String::new();
    for block in document.blocks() {
        let kind = match block.kind {
            BlockKind::Heading { level } => format!("h{level}"),
            BlockKind::Paragraph => "p".to_owned(),
            BlockKind::ListItem { depth } => format!("li{depth}"),
            BlockKind::TableCell => "td".to_owned(),
        };
        let lead_in = block.lead_in.as_deref().map_or(String::new(), |words| format!(" <{words}>"));
        writeln!(shown, "{kind}{lead_in} {}", block.text).unwrap();
    }
    shown
}

/// Checks a table of (name, input, expected shape) and reports every row that fails.
fn check_shapes(format: Format, rows: &[(&str, &str, &str)]) {
    let mut failures = String::new();
    for (name, input, wanted) in rows {
        let got = shape(&parse(input, format));
        if got.trim_end() != *wanted {
            writeln!(
                failures,
                "{name}: {input:?}\n  wanted {wanted:?}\n  got    {:?}",
                got.trim_end()
            )
            .unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn html_becomes_blocks() {
    check_shapes(
        Format::Html,
        &[
            ("plain", "<p>One &amp; <b>two</b>.</p>", "p One & two."),
            ("no markup", "just text", "p just text"),
            ("unclosed paragraphs", "<p>One<p>Two<div>Three", "p One\np Two\np Three"),
            (
                "unclosed items",
                "<p>We use it to:<ul><li>run<li>improve</ul>Done",
                "p We use it to:\nli1 <We use it to:> run\nli1 <We use it to:> improve\np Done",
            ),
            (
                "nested lists",
                "<p>To:<ol><li>A:<ul><li>x</ul><li>B</ol>",
                "p To:\nli1 <To:> A:\nli2 <A:> x\nli1 <To:> B",
            ),
            (
                "no own lead-in",
                "<p>To:<ol><li>A<ul><li>x</ul></ol>",
                "p To:\nli1 <To:> A\nli2 <To:> x",
            ),
            (
                "script, style, comment",
                "a<script>if(a<b)\"<p>x</p>\"</script><style>p{}</style><!-- c -->b",
                "p ab",
            ),
            ("script with escapes", "<script><!--<script></script>--></script>x", "p x"),
            ("cdata and conditional", "a<![CDATA[x]]>b<!--[if IE]><p>c</p><![endif]-->d", "p abd"),
            ("nav", "<nav><a>Home</a></nav><p>Text", "p Text"),
            (
                "nav never closed",
                "<body><nav><a>Home</a><p>Text of the page.</body>",
                "p Home\np Text of the page.",
            ),
            (
                "page header and article header",
                "<header><a>Logo</a><h1>Terms</h1></header><article><header><p>Since May</p></header></article><footer>©</footer>",
                "h1 Terms\np Since May",
            ),
            ("footer never closed", "<footer><p>Text", "p Text"),
            (
                "hidden",
                "<p hidden>a</p><p aria-hidden=true>b</p><div style='color:red; DISPLAY : none'>c</div><p>d",
                "p d",
            ),
            (
                "hidden inside a line",
                "<p>We <span class='x sr-only'>really</span> <i style=display:none>do</i> care",
                "p We care",
            ),
            ("hidden never closed", "<div hidden><p>All of it", "p All of it"),
            ("hidden until found", "<div hidden=until-found>a</div>", "p a"),
            (
                "accordion",
                "<h3><button aria-controls=p1>Title</button></h3><div id=p1 hidden>Text</div><div id=p2 hidden>No</div>",
                "h3 Title\np Text",
            ),
            (
                "buttons",
                "<button>Accept</button><button><h4>Fold</h4></button><p>a<button>x</button>b",
                "h4 Fold\np ab",
            ),
            ("button never closed", "<button>Accept<p>Text", "p Accept\np Text"),
            (
                "controls",
                "<select><option>1<option>2</select><textarea>x</textarea><label>Name</label>",
                "p Name",
            ),
            ("svg", "a<svg><title>T</title><text>x</text></svg>b", "p ab"),
            (
                "noscript and template",
                "<noscript>Turn it on</noscript><template><p>x</p></template>y",
                "p y",
            ),
            ("title never closed", "<title>T<p>Text</p>", "p Text"),
            ("style never closed", "<style>p{}<p>Text</p>", "p Text"),
            ("comment never closed", "a<!-- b <p>c</p>", "p ac"),
            ("tag never closed", "<p>a</p><a href=\"x>b</a><p>c</p>", "p a\np b\np c"),
            ("cut off in a tag", "<p>a</p><p clas", "p a"),
            ("breaks", "one<br>two<br><br>three", "p one two\np three"),
            (
                "cells",
                "<table><tr><th>Data<th>Use<tr><td>Name<td>To greet you</table>",
                "td Data\ntd Use\ntd <Data> Name\ntd <Use> To greet you",
            ),
            (
                "definitions",
                "<p>Who:<dl><dt>Banks<dd>They pay.<dt>Police<dd>By law.</dl>",
                "p Who:\nli1 <Who:> Banks\nli1 <Who:> They pay.\nli1 <Who:> Police\nli1 <Who:> By law.",
            ),
            ("details", "<details><summary>More</summary>Text</details>", "p More\np Text"),
            ("pre", "<pre>one\ntwo\n\nthree</pre>", "p one two\np three"),
            ("misnested", "<b><p>One</b> two</p>three", "p One two\np three"),
            ("end tags alone", "</div></ul></p>a</span>b</li>c", "p abc"),
            (
                "entities",
                "&lt;b&gt;&nbsp;&hellip;&#8217;&bogus;&copy&#x2014;&amp",
                "p <b> …’&bogus;©—&",
            ),
            ("soft hyphens and joiners", "ad\u{ad}ver&shy;tis\u{200b}ing", "p advertising"),
            (
                "zeros and controls",
                "We keep a\0b\u{1}c for longer.",
                "p We keep ab\u{1}c for longer.",
            ),
            (
                "bold line",
                "<p><strong>Your choices</strong></p><p>You may.",
                "h9 Your choices\np You may.",
            ),
            ("empty", "", ""),
            ("only tags", "<html><head></head><body></body></html>", ""),
        ],
    );
}

#[test]
fn markdown_becomes_blocks() {
    check_shapes(
        Format::Markdown,
        &[
            ("setext and escapes", "1\\. Use\n------\n\nWe use _it_.", "h2 1. Use\np We use it."),
            (
                "link targets",
                "See [our *policy*](https://x.example/a_b \"t\") and <https://y.example>.",
                "p See our policy and https://y.example.",
            ),
            ("images", "a ![picture of b](x.png) c", "p a c"),
            ("hard break", "One  \ntwo\\\nthree", "p One two three"),
            ("two hard breaks", "One  \n  \nTwo", "p One\np Two"),
            ("inline html", "a<br>b <span>c</span><!-- d --> e", "p a b c e"),
            ("html block", "<div>\n<p>One</p><script>x</script>\n</div>\n\nTwo", "p One\np Two"),
            (
                "deep list",
                "We may:\n\n*   a:\n    *   b\n        *   c\n*   d",
                "p We may:\nli1 <We may:> a:\nli2 <a:> b\nli3 <a:> c\nli1 <We may:> d",
            ),
            (
                "following",
                "We do the following.\n\n- a\n\nWe do it.\n\n- b",
                "p We do the following.\nli1 <We do the following.> a\np We do it.\nli1 b",
            ),
            (
                "lead-in is the last sentence",
                "Hello there. We use it to:\n\n- a",
                "p Hello there. We use it to:\nli1 <We use it to:> a",
            ),
            (
                "table",
                "| Data | Use |\n| --- | --- |\n| Name | To greet<br>you |",
                "td Data\ntd Use\ntd <Data> Name\ntd <Use> To greet you",
            ),
            (
                "marked paragraphs",
                "You agree that:\n\n(a) you pay;\n\n(b) you are kind.\n\nBye.",
                "p You agree that:\nli1 <You agree that:> (a) you pay;\nli1 <You agree that:> (b) you are kind.\np Bye.",
            ),
            (
                "escaped dashes",
                "We keep:\n\n\\- names\n\n\\- dates",
                "p We keep:\nli1 <We keep:> - names\nli1 <We keep:> - dates",
            ),
            (
                "bold titles",
                "**10\\. Content**\n\n**10.2 Licence.**\n\nYou grant it.",
                "h7 10. Content\nh8 10.2 Licence.\np You grant it.",
            ),
            ("unpaired emphasis", "**7\\. Sharing **of data", "h7 7. Sharing of data"),
            ("front matter", "---\ntitle: X\ndate: Y\n---\nText", "p Text"),
            ("rule, not front matter", "---\n\nText", "p Text"),
            (
                "indented code",
                "    We share it.\n\n    We sell it.",
                "p We share it.\np We sell it.",
            ),
            ("code span", "set `SameSite` cookies", "p set SameSite cookies"),
            ("quote", "> We keep it.\n> Always.", "p We keep it. Always."),
            ("footnotes", "Text[^1].\n\n[^1]: Note.", "p Text.\np Note."),
            ("crlf", "One\r\ntwo.\r\n\r\nThree.", "p One two.\np Three."),
        ],
    );
}

#[test]
fn plain_text_becomes_blocks() {
    check_shapes(
        Format::Text,
        &[
            (
                "wrapped",
                "We collect data when you use the\nservice and when you visit the\nwebsite. We keep it for a year.\n\nWe share it with partners of ours\nin Europe.",
                "p We collect data when you use the service and when you visit the website. We keep it for a year.\np We share it with partners of ours in Europe.",
            ),
            (
                "titles",
                "PRIVACY POLICY\n\n1. Data we collect\n\nWe collect names.\n\n1.1 From you\n\nMore.",
                "h1 PRIVACY POLICY\nh2 1. Data we collect\np We collect names.\nh3 1.1 From you\np More.",
            ),
            (
                "underlined",
                "Our policy\n==========\n\nCookies\n-------\nWe set cookies.",
                "h1 Our policy\nh2 Cookies\np We set cookies.",
            ),
            (
                "items",
                "We may:\n\n  - use it;\n  - keep it.\n\nWe will not sell it.",
                "p We may:\nli1 <We may:> - use it;\nli1 <We may:> - keep it.\np We will not sell it.",
            ),
            (
                "nested items",
                "We may:\n- use it for:\n    - ads\n- keep it",
                "p We may:\nli1 <We may:> - use it for:\nli2 <- use it for:> - ads\nli1 <We may:> - keep it",
            ),
            (
                "one line each",
                "We collect your name and your address whenever you order something from our shop, and we keep both as long as the law requires it of us.\nWe sell nothing of this to anybody, whatever they may offer, and we never have done so since our company was founded in the year 1987.",
                "p We collect your name and your address whenever you order something from our shop, and we keep both as long as the law requires it of us.\np We sell nothing of this to anybody, whatever they may offer, and we never have done so since our company was founded in the year 1987.",
            ),
            ("blank", "\n \n\t\n", ""),
        ],
    );
}

#[test]
fn headings_make_paths() {
    let text =
        "# Terms\n\n## 10. Content\n\n### 10.2 Licence\n\nYou grant it.\n\n## 11. End\n\nBye.";
    let found = sentences(&parse(text, Format::Markdown));
    let paths: Vec<String> =
        found.iter().map(|s| format!("{} | {}", s.section.join(" > "), s.text)).collect();
    assert_eq!(
        paths,
        [
            " | Terms",
            "Terms | 10. Content",
            "Terms > 10. Content | 10.2 Licence",
            "Terms > 10. Content > 10.2 Licence | You grant it.",
            "Terms | 11. End",
            "Terms > 11. End | Bye.",
        ]
    );
}

#[test]
fn lines_are_ready_made_sentences() {
    let text = "We keep it. Always.\r\n\n  (a) one; (b) two  \n<b>three</b>\n";
    let options = ParseOptions { lines: true, ..ParseOptions::default() };
    let document = Document::parse_with(text.as_bytes(), &options).unwrap();
    let texts: Vec<_> = sentences(&document).into_iter().map(|s| s.text).collect();
    assert_eq!(texts, ["We keep it. Always.", "(a) one; (b) two", "<b>three</b>"]);
}

#[test]
fn formats_are_told_apart() {
    let rows: &[(&str, Option<&str>, Format)] = &[
        ("<!DOCTYPE html><p>x", None, Format::Html),
        ("<p>We keep it.</p>", None, Format::Html),
        ("# Title\n\nSee [this](x).", None, Format::Markdown),
        ("Terms\n=====\n\n* a\n* b", None, Format::Markdown),
        ("TERMS\n\nWe keep it. We do not.", None, Format::Text),
        ("", None, Format::Text),
        ("<p>x", Some("a.md"), Format::Markdown),
        ("# x", Some("dir.v2/a.HTM"), Format::Html),
        ("# Title\n\n[a](b)", Some("dir.x/name"), Format::Markdown),
        ("# x", Some("a.txt"), Format::Text),
    ];
    for (text, name, wanted) in rows {
        let options = ParseOptions { name: name.map(str::to_owned), ..ParseOptions::default() };
        let document = Document::parse_with(text.as_bytes(), &options).unwrap();
        assert_eq!(document.format(), *wanted, "{text:?} {name:?}");
    }
    assert_eq!("HTML".parse(), Ok(Format::Html));
    assert_eq!(Format::Markdown.to_string().parse(), Ok(Format::Markdown));
    assert_eq!("rtf".parse::<Format>(), Err(UnknownFormat { name: "rtf".to_owned() }));
}

const SAMPLE: &str =
    "Wir löschen Ihre Daten – sofort. We don’t sell “data” for 5 €. Ünïcode naïve café.";

fn utf16(text: &str, little: bool) -> Vec<u8> {
    text.encode_utf16()
        .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
        .collect()
}

#[test]
fn encodings_are_recognised_and_mapped_back() {
    let sample = SAMPLE.repeat(3);
    let ascii = "We keep it. ".repeat(20);
    let (cp1252, _, _) = encoding_rs::WINDOWS_1252.encode(&sample);
    let (sjis, _, _) = encoding_rs::SHIFT_JIS.encode(
        "当社は個人情報を収集しません。第三者に販売しません。利用者の同意なく共有しません。",
    );
    let (koi8, _, _) = encoding_rs::KOI8_R
        .encode("Мы не продаём ваши персональные данные. Мы храним их один год.");
    let (jis, _, _) = encoding_rs::ISO_2022_JP.encode("当社は個人情報を収集しません。");
    let latin_page = [b"<meta charset=iso-8859-2><p>".as_slice(), b"\xb3\xf3d\xbc. Dane."].concat();
    let mislabelled = format!("<meta charset=windows-1252><p>{sample}");
    let rows: Vec<(&str, Vec<u8>, &str, Option<&str>)> = vec![
        ("UTF-8", sample.clone().into_bytes(), "UTF-8", Some(&sample)),
        ("UTF-8 with mark", [b"\xef\xbb\xbf", sample.as_bytes()].concat(), "UTF-8", Some(&sample)),
        (
            "UTF-16 LE with mark",
            [b"\xff\xfe".to_vec(), utf16(&sample, true)].concat(),
            "UTF-16LE",
            Some(&sample),
        ),
        (
            "UTF-16 BE with mark",
            [b"\xfe\xff".to_vec(), utf16(&sample, false)].concat(),
            "UTF-16BE",
            Some(&sample),
        ),
        ("UTF-16 LE", utf16(&sample, true), "UTF-16LE", Some(&sample)),
        ("UTF-16 BE", utf16(&sample, false), "UTF-16BE", Some(&sample)),
        ("UTF-16 of odd length", [utf16(&ascii, true), vec![b'x']].concat(), "UTF-16LE", None),
        ("windows-1252", cp1252.to_vec(), "windows-1252", Some(&sample)),
        ("Shift-JIS", sjis.to_vec(), "Shift_JIS", None),
        ("KOI8-R", koi8.to_vec(), "KOI8-U", None),
        ("ISO-2022-JP", jis.to_vec(), "ISO-2022-JP", None),
        ("declared", latin_page, "ISO-8859-2", None),
        ("declared wrongly", mislabelled.clone().into_bytes(), "UTF-8", Some(&mislabelled)),
        ("declared UTF-16, is ASCII", b"<meta charset=utf-16><p>Text".to_vec(), "UTF-8", None),
        ("UTF-7-like", b"+AGE- We keep +AOk-.".to_vec(), "UTF-8", None),
        ("one byte", b"a".to_vec(), "UTF-8", Some("a")),
        ("empty", Vec::new(), "UTF-8", Some("")),
        ("damaged UTF-8", [sample.as_bytes(), b"\xff\xc3 end. Last."].concat(), "UTF-8", None),
        (
            "cut in a character",
            sample.as_bytes()[..=sample.find('’').unwrap()].to_vec(),
            "UTF-8",
            None,
        ),
    ];
    for (name, bytes, encoding, text) in rows {
        let document = Document::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(document.encoding(), Some(encoding), "{name}: {}", document.text());
        if let Some(text) = text {
            assert_eq!(document.text(), text, "{name}");
        }
        check(&bytes, &document, name);
        let table = encoding_rs::Encoding::for_label(encoding.as_bytes()).unwrap();
        for sentence in sentences(&document) {
            let Some(source) = document.source_range(sentence.range.clone()) else {
                assert!(matches!(encoding, "Shift_JIS" | "ISO-2022-JP"), "{name}");
                continue;
            };
            let (decoded, _) = table.decode_without_bom_handling(&bytes[source]);
            assert_eq!(decoded, &document.text()[sentence.range.clone()], "{name}");
        }
    }
}

#[test]
fn malformed_bytes_are_told() {
    let bytes = "é".repeat(40).into_bytes();
    let document = Document::parse(&[&bytes[..], b"\xff. End \xfe."].concat()).unwrap();
    let wanted = Warning::Malformed { encoding: "UTF-8", count: 2, first: 80 };
    assert_eq!(document.warnings(), [wanted]);
    assert!(document.warnings()[0].to_string().contains("2 malformed"));
}

#[test]
fn what_is_no_text_is_refused_with_advice() {
    let noise: Vec<u8> =
        (0..4000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let zip = |name: &str| [b"PK\x03\x04\x14\0\0\0", name.as_bytes()].concat();
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("pdf", b"%PDF-1.7\n%\xe2\xe3".to_vec(), "PDF"),
        ("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "PNG"),
        ("gzip", b"\x1f\x8b\x08\0".to_vec(), "gzip"),
        ("elf", b"\x7fELF\x02\x01\x01".to_vec(), "executable"),
        ("docx", zip("word/document.xml"), "DOCX"),
        ("odt", zip("mimetypeapplication/vnd.oasis.opendocument.text"), "OpenDocument"),
        ("zip", zip("a.txt"), "ZIP"),
        ("doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), "Office"),
        ("rtf", b"{\\rtf1\\ansi Hello}".to_vec(), "RTF"),
        ("noise", noise, "binary"),
        ("zeros", vec![0; 600], "binary"),
        ("utf-32", b"\xff\xfe\0\0a\0\0\0".to_vec(), "UTF-32"),
    ];
    for (name, bytes, kind) in rows {
        match Document::parse(&bytes) {
            Err(error @ (DocumentError::NotText { .. } | DocumentError::Damaged { .. })) => {
                let message = error.to_string();
                assert!(message.contains(kind), "{name}: {message}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    let large = vec![b'a'; fineprint::limits::DOCUMENT_BYTES + 1];
    assert!(matches!(Document::parse(&large), Err(DocumentError::TooLarge { .. })));
}

#[test]
fn languages_are_detected() {
    let english = "We collect your personal data when you use our services, and we may share it with our partners so that they can show you advertisements. You may object to this at any time. When you close your account, we delete what we know about you within thirty days, unless the law requires us to keep it for longer.";
    let french = "Nous collectons vos données personnelles lorsque vous utilisez nos services, et nous pouvons les partager avec nos partenaires afin qu’ils vous proposent des publicités. Vous pouvez vous y opposer à tout moment.";
    let code =
        |text: &str| parse(text, Format::Text).language().map(fineprint::document::Language::code);
    assert_eq!(code(english), Some("en"));
    assert_eq!(code(french), Some("fr"));
    assert_eq!(code("Privacy"), None);
    assert_eq!(parse(french, Format::Text).language().unwrap().name(), "French");
}

#[test]
fn positions_count_characters() {
    let document = parse("é“x\n\nab 𝄞c", Format::Text);
    let at = |needle: &str| document.position(document.text().find(needle).unwrap());
    assert_eq!(at("é"), (1, 1));
    assert_eq!(at("x"), (1, 3));
    assert_eq!(at("ab"), (3, 1));
    assert_eq!(at("c"), (3, 5));
    assert_eq!(document.position(usize::MAX), (3, 6));
}

/// Shapes that made some parser quadratic, or ours at some time.
const SHAPES: &[(&str, Format, &str, &str)] = &[
    ("nested lists", Format::Html, "<ul><li>x", ""),
    ("nested divs", Format::Html, "<div>", ""),
    ("lists in a row", Format::Html, "<ul></ul>", ""),
    ("bold and stray ends", Format::Html, "<b></i>", ""),
    ("blocks in inlines", Format::Html, "<i><div></i>", ""),
    ("cells without tables", Format::Html, "<td>x", ""),
    ("nested tables", Format::Html, "<table><tr><td>", ""),
    ("hidden", Format::Html, "<p hidden>x", ""),
    ("navigation", Format::Html, "<nav>x", ""),
    ("comments opened", Format::Html, "<!--x ", ""),
    ("titles opened", Format::Html, "<title>x", ""),
    ("quotes opened", Format::Html, "<a b=\"", ""),
    ("less-than", Format::Html, "<", ""),
    ("entities", Format::Html, "&nosuch;", ""),
    ("ampersands", Format::Html, "&", ""),
    ("one attribute", Format::Html, "a", "<p x="),
    ("many attributes", Format::Html, " a=b", "<p"),
    ("headings", Format::Html, "<h1>a</h1>", ""),
    ("stars", Format::Markdown, "*", ""),
    ("underscores", Format::Markdown, "a_", ""),
    ("brackets", Format::Markdown, "[", ""),
    ("links opened", Format::Markdown, "[a](", ""),
    ("quotes", Format::Markdown, ">", ""),
    ("backquotes", Format::Markdown, "`a``", ""),
    ("items", Format::Markdown, "* a\n", ""),
    ("table rows", Format::Markdown, "|a|b|\n", "|a|b|\n|-|-|\n"),
    ("html tags", Format::Markdown, "<b>", ""),
    ("html blocks", Format::Markdown, "<div>\n\n", ""),
    ("one line", Format::Text, "word ", ""),
    ("one word", Format::Text, "a", ""),
    ("newlines", Format::Text, "\n", ""),
    ("points", Format::Text, ". ", ""),
    ("brackets before points", Format::Text, "(. ", ""),
    ("only brackets then points", Format::Text, "(", ""),
    ("abbreviations", Format::Text, "e.g. Inc. U.S. ", ""),
    ("enumerations", Format::Text, "(a) x; (b) y; ", ""),
    ("quotation marks", Format::Text, "\"a. B\" ", ""),
    ("sentences on one line", Format::Text, "We keep it. ", ""),
    ("glued sentences", Format::Text, "keep.We", ""),
    ("items with colons", Format::Text, "- a:\n", ""),
    ("capitals", Format::Text, "A LINE\n", ""),
];

/// Time that this thread had a processor, which a busy machine does not stretch; time by the clock
/// where the system does not tell.
pub(crate) fn processor_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let scheduler = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = scheduler.split(' ').next().and_then(|field| field.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

fn of_size(head: &str, unit: &str, bytes: usize) -> String {
    let mut text = head.to_owned();
    text.push_str(&unit.repeat(bytes / unit.len()));
    text
}

#[test]
fn time_grows_with_the_length_alone() {
    let (small, large) = (64 << 10, 1 << 20);
    let time = |text: &str, format| {
        let options = ParseOptions { format: Some(format), ..ParseOptions::default() };
        (0..2)
            .map(|_| {
                let start = processor_time();
                let document = Document::parse_with(text.as_bytes(), &options).unwrap();
                std::hint::black_box(sentences(&document));
                processor_time().saturating_sub(start)
            })
            .min()
            .unwrap()
    };
    let mut slow = Vec::new();
    println!("{:<28}{:>12}{:>12}{:>8}", "shape", "64 KiB", "1 MiB", "ratio");
    for (name, format, unit, head) in SHAPES {
        let few = time(&of_size(head, unit, small), *format);
        let many = time(&of_size(head, unit, large), *format);
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        println!("{name:<28}{few:>12.2?}{many:>12.2?}{ratio:>8.1}");
        // Sixteen times the input: anything quadratic takes 256 times as long. Caches and the
        // allocator cost something too, and short runs are all noise.
        if ratio > 64.0 && many > Duration::from_millis(150) {
            slow.push((name, few, many));
        }
    }
    assert!(slow.is_empty(), "not linear: {slow:?}");
}

#[test]
fn malformed_documents_keep_the_promises() {
    let page = "<html><body><p>We &ldquo;keep&rdquo; it.</p><ul><li>One<li>Two</ul><!-- c --><table><tr><td>Cell</table><a href='x'>Link</a> end.";
    let deep = |depth: usize| {
        (0..depth).map(|d| format!("{}* item {d}\n", " ".repeat(2 * d))).collect::<String>()
    };
    let mut inputs: Vec<String> = (0..=page.len())
        .filter(|cut| page.is_char_boundary(*cut))
        .map(|cut| page[..cut].to_owned())
        .collect();
    inputs.extend([
        deep(50),
        "...!?".repeat(50),
        "— – … ‘’ “” () [] **".to_owned(),
        "\u{202e}We keep it. \u{202c}نحن نحتفظ به. אנחנו שומרים.".to_owned(),
        "👩‍👩‍👧‍👦 We keep it. 👍🏽 You may.".to_owned(),
        "e\u{301}\u{301}\u{301}. Z\u{334}\u{335}algo. Next.".repeat(20),
        "a\u{0}. B\u{0}. \u{fffd}.".to_owned(),
        "<p>&#0;&#xD800;&#x110000;&#99999999999999;&NotEqualTilde;&acE;x".to_owned(),
        "\r\r\r\n\n\r".to_owned(),
        "<<<>>><//></ ><!><!-><!--><?x?>text".to_owned(),
        "<a b='<c d=\"<e>\">f</a>".to_owned(),
        "| a | b\n|---|\n| \\| | c |".to_owned(),
        "[a]: b\n\n[a] [a]() ![a] <a@b.c> <http://x>".to_owned(),
        "&amp;lt;script&gt; \\&amp; \\\\".to_owned(),
        "当社は収集しません。販売しません！本当？はい。".to_owned(),
    ]);
    for input in &inputs {
        for format in [Format::Html, Format::Markdown, Format::Text] {
            parse(input, format);
        }
    }
    for format in [Format::Html, Format::Markdown, Format::Text] {
        for (_, _, unit, head) in SHAPES {
            parse(&of_size(head, unit, 2000), format);
        }
    }
}

/// Words, marks and markup as real documents mix them.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zé]{1,8}",
        2 => "[A-Z][a-z]{1,6}",
        2 => prop::sample::select(vec![". ", "; ", ": ", ", ", "? ", "! ", "… ", ".", "\n", "\n\n", "  \n", "\r\n", " "])
            .prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "e.g. ", "Inc. ", "U.S. ", "No. 5 ", "10.2 ", "1\\. ", "(a) ", "(b) ", "(i) ", "(ii) ", "a) ", "• ", "“", "”",
            "\"", "(", ")", "[", "]", "](x)", "[1]", "*", "**", "_", "`", "#  ", "* ", "    * ", "- ", "1. ", "> ", "| ",
            "\n| - | - |\n", "---\n", "===\n", "\\", "&", "&amp;", "&nbsp;", "&#8217;", "&copy", "&hellip;", "\u{a0}", "\u{200b}",
            "\u{200d}", "\u{ad}", "当社。", "👩‍👧", "\0",
        ])
        .prop_map(str::to_owned),
        3 => prop::sample::select(vec![
            "<p>", "</p>", "<div>", "</div>", "<ul>", "</ul>", "<li>", "</li>", "<ol>", "</ol>", "<b>", "</b>", "<br>", "<h2>",
            "</h2>", "<table>", "<tr>", "<td>", "<th>", "</td>", "</tr>", "</table>", "<span hidden>", "</span>", "<nav>",
            "</nav>", "<header>", "</header>", "<script>", "</script>", "<!--", "-->", "<a href=\"x\">", "</a>", "<button>",
            "</button>", "<pre>", "</pre>", "<title>", "</title>", "<dl>", "<dt>", "<dd>", "</dl>", "<a b='", "<", ">",
            "<div hidden>", "<svg>", "</svg>", "<article>", "</article>",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn any_mixture_is_covered(parts in prop::collection::vec(fragment(), 0..60)) {
        let text = parts.concat();
        for format in [Format::Html, Format::Markdown, Format::Text] {
            parse(&text, format);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(document) = Document::parse(&bytes) {
            check(&bytes, &document, "bytes");
            for sentence in sentences(&document) {
                if let Some(range) = document.source_range(sentence.range) {
                    prop_assert!(range.start <= range.end && range.end <= bytes.len());
                }
            }
        }
    }

    /// A paragraph more changes no sentence before it.
    #[test]
    fn appending_a_paragraph_is_stable(parts in prop::collection::vec(fragment(), 0..40)) {
        let text = parts.concat().replace(['<', '`', '[', '>', '|', '=', '-'], "");
        let options = ParseOptions { format: Some(Format::Html), ..ParseOptions::default() };
        let cut = |text: &str| -> Vec<String> {
            // A text with more zeros than words is refused.
            let document = Document::parse_with(text.replace('\0', "").as_bytes(), &options).unwrap();
            sentences(&document).into_iter().map(|s| s.text).collect()
        };
        let before = cut(&format!("<p>{text}</p>"));
        let after = cut(&format!("<p>{text}</p><p>We keep it.</p>"));
        prop_assert_eq!(&after[..before.len()], &before[..]);
    }
}
