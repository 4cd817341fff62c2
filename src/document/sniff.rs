//! What a file is: recognises what is no text at all, and tells HTML, Markdown and plain text apart.

use memchr::memmem;

use super::encoding::utf16_without_mark;
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
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office file", CONVERT),
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
