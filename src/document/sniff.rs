//! What a file is: recognises what is no text at all, and tells HTML, Markdown and plain text apart.

use memchr::memmem;

use encoding_rs::UTF_8;

use super::encoding::{Decoded, utf16_without_mark};
use super::{DocumentError, Format};
use crate::limits::SNIFF_BYTES;

const CONVERT: &str = "save or export it as HTML, Markdown or plain text first";
const UNPACK: &str = "unpack it first";
const NOT_TEXT: &str = "give the document itself, as HTML, Markdown or plain text";

/// First bytes of formats that people might give by mistake: what they are and what to do.
const MAGIC: &[(&[u8], &str, &str)] = &[
    (b"%PDF-", "a PDF file", "leave out the option that says otherwise"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", NOT_TEXT),
    (b"\xff\xd8\xff", "a JPEG image", NOT_TEXT),
    (b"GIF87a", "a GIF image", NOT_TEXT),
    (b"GIF89a", "a GIF image", NOT_TEXT),
    (b"RIFF", "a RIFF media file", NOT_TEXT),
    (b"OggS", "an Ogg media file", NOT_TEXT),
    (b"\x1f\x8b", "gzip-compressed data", "unpack it first, for example with `gunzip`"),
    (b"BZh", "bzip2-compressed data", UNPACK),
    (b"\xfd7zXZ\0", "xz-compressed data", UNPACK),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a Microsoft Office file that is old or has a password",
        "save it without a password as DOCX, or export it as HTML or plain text first",
    ),
    (b"PAR1", "a Parquet table", "name it with the extension .parquet"),
    (b"{\\rtf", "a rich text (RTF) file", CONVERT),
    (b"%!PS", "a PostScript file", "convert it to text first, for example with `ps2ascii`"),
    (b"\x7fELF", "an executable (ELF)", NOT_TEXT),
    (b"\xcf\xfa\xed\xfe", "an executable (Mach-O)", NOT_TEXT),
    (b"\xca\xfe\xba\xbe", "an executable or Java class", NOT_TEXT),
    (b"\0asm", "a WebAssembly module", NOT_TEXT),
    (b"SQLite format 3\0", "an SQLite database", NOT_TEXT),
    (b"wOFF", "a font", NOT_TEXT),
    (b"wOF2", "a font", NOT_TEXT),
];

/// The format of a document that is no text: PDF by its head, DOCX by the names in its archive.
pub(crate) fn binary_format(bytes: &[u8]) -> Option<Format> {
    let head = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if head.starts_with(b"%PDF-") {
        return Some(Format::Pdf);
    }
    let has = |name: &[u8]| memmem::find(bytes, name).is_some();
    (bytes.starts_with(b"PK\x03\x04") && has(b"word/document")).then_some(Format::Docx)
}

/// Refuses bytes that are no text.
pub(crate) fn check_text(bytes: &[u8]) -> Result<(), DocumentError> {
    let refuse =
        |kind: &'static str, advice: &'static str| Err(DocumentError::NotText { kind, advice });
    for (magic, kind, advice) in MAGIC {
        if bytes.starts_with(magic) {
            return refuse(kind, advice);
        }
    }
    if bytes.starts_with(b"PK\x03\x04") {
        let head = &bytes[..bytes.len().min(SNIFF_BYTES)];
        let has = |name: &[u8]| memmem::find(head, name).is_some();
        return if has(b"word/") || (has(b"[Content_Types].xml") && !has(b"xl/")) {
            refuse("a Microsoft Word or Office document", CONVERT)
        } else if has(b"opendocument") {
            refuse("an OpenDocument file", CONVERT)
        } else if has(b"epub") {
            refuse("an e-book (EPUB)", CONVERT)
        } else {
            refuse("a ZIP archive", UNPACK)
        };
    }
    if bytes.starts_with(b"\xff\xfe\0\0") || bytes.starts_with(b"\0\0\xfe\xff") {
        return refuse("UTF-32 text", "convert it to UTF-8 first, for example with `iconv`");
    }
    let marked = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    if !marked && utf16_without_mark(bytes).is_none() && is_binary(bytes) {
        return refuse("binary data", NOT_TEXT);
    }
    Ok(())
}

/// Whether more than one byte in ten of the beginning is a control character that no text uses;
/// a few zeros do not make a page binary.
fn is_binary(bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(SNIFF_BYTES)];
    let controls =
        sample.iter().filter(|b| matches!(b, 0..=8 | 11 | 14..=26 | 28..=31 | 127)).count();
    controls > 0 && controls * 10 > sample.len()
}

/// Refuses what can be decoded and is no text all the same: in encodings without rules of their
/// own almost any bytes stand for characters.
///
/// Bytes without meaning (random, encrypted, compressed) have 33 controls among 256 values, and
/// half of their letters beyond ASCII, with upper and lower case mixed at random; in UTF-16 they
/// have private characters and halves of pairs. Texts have hardly any of these, and words.
pub(crate) fn check_decoded(decoded: &Decoded) -> Result<(), DocumentError> {
    if decoded.encoding == UTF_8 {
        return Ok(());
    }
    let mut seen = Seen::default();
    let mut word = Word::default();
    for c in decoded.text.chars().take(SNIFF_BYTES) {
        seen.characters += 1;
        seen.controls += usize::from(is_no_writing(c));
        seen.foreign += usize::from(!c.is_ascii());
        if c.is_alphabetic() {
            word.add(c);
        } else {
            seen.in_words += std::mem::take(&mut word).counted();
        }
    }
    seen.in_words += word.counted();
    if seen.is_noise() {
        return Err(DocumentError::NotText { kind: "binary data", advice: NOT_TEXT });
    }
    Ok(())
}

/// What the beginning of a text consists of, in characters.
#[derive(Debug, Default)]
struct Seen {
    characters: usize,
    controls: usize,
    /// Beyond ASCII.
    foreign: usize,
    in_words: usize,
}

impl Seen {
    fn is_noise(&self) -> bool {
        let has_controls = self.controls >= 2 && self.controls * 50 >= self.characters;
        let is_foreign = self.foreign * 4 > self.characters;
        has_controls || (is_foreign && self.in_words * 4 < self.characters)
    }
}

/// Letters in a row.
#[derive(Debug, Default)]
struct Word {
    letters: usize,
    /// Lower after upper case is a name; upper after lower case is none.
    turns: usize,
    last_is_upper: Option<bool>,
    upper: usize,
}

impl Word {
    fn add(&mut self, c: char) {
        let is_upper = c.is_uppercase();
        if self.last_is_upper.is_some_and(|last| last != is_upper) {
            self.turns += 1;
        }
        self.letters += 1;
        self.upper += usize::from(is_upper);
        self.last_is_upper = Some(is_upper);
    }

    /// Its letters, if it is written as words are: in one case, or with a capital first.
    fn counted(self) -> usize {
        let is_name = self.turns == 1 && self.upper == 1;
        if self.letters >= 3 && (self.turns == 0 || is_name) { self.letters } else { 0 }
    }
}

/// Whether a character is none that people write.
fn is_no_writing(c: char) -> bool {
    let is_space = matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}' | '\u{85}');
    // Symbol fonts have their bullets from U+F000 to U+F0FF.
    let is_private = matches!(c, '\u{e000}'..='\u{efff}' | '\u{f100}'..='\u{f8ff}');
    let is_none = matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    (c.is_control() && !is_space) || c == '\u{fffd}' || is_private || is_none
}

/// Tells the format of a text by its look.
pub(crate) fn format_of(text: &str) -> Format {
    let end = text.floor_char_boundary(text.len().min(4 * SNIFF_BYTES));
    let head = text[..end].trim_start();
    if looks_like_html(head) {
        Format::Html
    } else if looks_like_markdown(head) {
        Format::Markdown
    } else {
        Format::Text
    }
}

fn looks_like_html(head: &str) -> bool {
    let lower = head.to_ascii_lowercase();
    if ["<!doctype html", "<html", "<head", "<body", "<?xml"].iter().any(|t| lower.starts_with(t)) {
        return true;
    }
    let tags = [
        "<p>", "<p ", "</p>", "<div", "</div>", "<li>", "</li>", "<br>", "<br/>", "<h1", "<h2",
        "<h3", "<ul", "<ol", "<table", "<td", "<span", "<body", "<html", "<section", "<article",
    ];
    let count: usize = tags.iter().map(|tag| lower.matches(tag).count()).sum();
    (lower.starts_with('<') && count >= 1) || count >= 6
}

/// Markdown shows by marks that plain text hardly ever has.
fn looks_like_markdown(head: &str) -> bool {
    let mut marks = 0;
    let mut before_is_text = false;
    for line in head.lines() {
        let trimmed = line.trim_start();
        let hashes = trimmed.bytes().take_while(|b| *b == b'#').count();
        let rule = trimmed.trim_end();
        let underline =
            rule.len() >= 3 && (rule.bytes().all(|b| b == b'-') || rule.bytes().all(|b| b == b'='));
        let heading = (1..=6).contains(&hashes) && trimmed[hashes..].starts_with(' ');
        if heading || (underline && before_is_text) || trimmed.starts_with("| ---") {
            marks += 2;
        }
        if trimmed.contains("](") || trimmed.matches("**").count() >= 2 || trimmed.contains("\\.") {
            marks += 2;
        }
        if trimmed.starts_with("* ") {
            marks += 1;
        }
        before_is_text = !rule.is_empty() && !underline;
    }
    marks >= 3
}

#[cfg(test)]
mod tests {
    use super::super::encoding::decode;
    use super::*;

    fn is_text(bytes: &[u8]) -> bool {
        check_text(bytes).and_then(|()| check_decoded(&decode(bytes))).is_ok()
    }

    /// How many of so many files of random bytes pass.
    fn passed(files: u64, length: usize, head: &[u8]) -> usize {
        let file = |seed: u64| {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let random = (0..length).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
                (state >> 40) as u8
            });
            head.iter().copied().chain(random).collect::<Vec<u8>>()
        };
        (0..files).filter(|seed| is_text(&file(*seed))).count()
    }

    #[test]
    fn random_bytes_are_no_text() {
        for length in [200, 1000, 4096, 20_000] {
            assert_eq!(passed(500, length, b""), 0, "{length}");
        }
        for length in [1000, 4096] {
            assert_eq!(passed(200, length, b"\xff\xfe"), 0, "UTF-16 {length}");
            assert_eq!(passed(200, length, b"\xfe\xff"), 0, "UTF-16 {length}");
        }
        // The shorter, the more look like a code or a name.
        let (forty, twenty) = (passed(2000, 40, b""), passed(2000, 20, b""));
        println!("of 2,000 files of random bytes pass {forty} of 40 bytes, {twenty} of 20");
        assert!(forty <= 20, "{forty}");
    }

    #[test]
    fn texts_in_old_encodings_are_text() {
        let texts = [
            (
                "windows-1252",
                "Nous vendons vos données à nos partenaires. Nous ne lisons rien d’autre – jamais.",
            ),
            ("windows-1252", "Preis: 12,50 € – 13,00 €\n1.\t4711\n2.\t0815 ®\n§ 3"),
            ("windows-1251", "Мы передаем ваши данные партнерам. ООО «Ромашка» НЕ ПРОДАЕТ их."),
            ("koi8-r", "Мы передаем ваши данные партнерам и никому больше."),
            ("windows-1253", "Μοιραζόμαστε τα δεδομένα σας με συνεργάτες."),
            ("windows-1255", "אנו משתפים את המידע שלך עם שותפים."),
            ("windows-1256", "نحن نشارك بياناتك مع شركائنا."),
            ("windows-874", "เราแบ่งปันข้อมูลของคุณกับพันธมิตร"),
            ("shift_jis", "当社はお客様の情報を第三者に提供しません。"),
            ("gbk", "我们不会向第三方出售您的个人信息。"),
            ("euc-kr", "우리는 귀하의 정보를 판매하지 않습니다."),
            ("big5", "我們不會向第三方出售您的個人資料。"),
        ];
        for (label, text) in texts {
            let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
            let (bytes, _, is_lossy) = encoding.encode(text);
            assert!(!is_lossy, "{label}");
            assert!(is_text(&bytes), "{label}: {text}");
            // Twice the length with a stray control character, as old mail has them.
            let again = [&bytes[..], b"\x0c \x02", &bytes].concat();
            assert!(is_text(&again), "{label}: {text}");
        }
        let wide = |text: &str| -> Vec<u8> {
            format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
        };
        assert!(is_text(&wide("当社は。\u{f0b7} Wir – wir verkaufen nichts. \u{f0b7} Nie.")));
        let mut cut = wide("We sell your data.");
        cut.pop();
        assert!(is_text(&cut));
    }
}
