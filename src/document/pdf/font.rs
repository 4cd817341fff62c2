//! Fonts: which characters the codes of a string show, and how wide they are.

use std::collections::HashMap;

use lopdf::{Dictionary, Document, Encoding, Object};

use super::cmap::CMap;
use super::lexer::{Lexer, Token};
use super::metrics;
use crate::limits::PDF_STREAM_BYTES;

/// How much of a font program is looked at for its encoding, in bytes.
const PROGRAM_HEAD: usize = 64 << 10;

/// A code of a string.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    /// Its characters; U+FFFD where they cannot be told.
    pub(super) text: String,
    /// Its width in em.
    pub(super) width: f32,
    /// Whether it is the single byte 32, which word spacing widens.
    pub(super) is_space_code: bool,
}

/// A font.
#[derive(Debug)]
pub(super) struct Font {
    codes: Codes,
    to_unicode: Option<CMap>,
    pub(super) is_bold: bool,
}

#[derive(Debug)]
enum Codes {
    /// One byte a code.
    Simple { characters: Vec<String>, widths: Vec<f32> },
    /// Codes of several bytes that select glyphs.
    Composite { map: Option<CMap>, widths: HashMap<u32, f32>, default: f32 },
}

impl Font {
    pub(super) fn load(document: &Document, font: &Dictionary) -> Self {
        let to_unicode = stream(document, font, b"ToUnicode").map(|bytes| CMap::parse(&bytes));
        let descendant = entry(document, font, b"DescendantFonts")
            .and_then(|fonts| fonts.as_array().ok()?.first())
            .and_then(|font| document.dereference(font).ok()?.1.as_dict().ok());
        let descriptor = dictionary(document, descendant.unwrap_or(font), b"FontDescriptor");
        let name = name(document, font, b"BaseFont");
        let codes = match descendant {
            Some(descendant) => composite(document, font, descendant),
            None => simple(document, font, descriptor, &name),
        };
        let weight = descriptor.and_then(|d| number(document, d, b"FontWeight"));
        let lower = name.to_lowercase();
        let is_bold = weight.is_some_and(|weight| weight >= 600.0)
            || ["bold", "black", "heavy", "cmbx", "sfbx"].iter().any(|word| lower.contains(word));
        Self { codes, to_unicode, is_bold }
    }

    /// The codes of a string, one after another.
    pub(super) fn shown(&self, string: &[u8], mut take: impl FnMut(Shown)) {
        match &self.codes {
            Codes::Simple { characters, widths } => {
                for byte in string {
                    let code = usize::from(*byte);
                    let mapped = self.mapped(u32::from(*byte));
                    let text = mapped.or_else(|| characters.get(code).cloned());
                    take(Shown {
                        text: text
                            .filter(|t| !t.is_empty())
                            .unwrap_or_else(|| "\u{fffd}".to_owned()),
                        width: widths.get(code).copied().unwrap_or(0.0),
                        is_space_code: *byte == b' ',
                    });
                }
            }
            Codes::Composite { map, widths, default } => {
                let mut rest = string;
                while !rest.is_empty() {
                    let splitter = map.as_ref().or(self.to_unicode.as_ref());
                    let (code, length) = splitter.map_or_else(
                        || CMap::default().code(rest, 2),
                        |splitter| splitter.code(rest, 2),
                    );
                    rest = rest.get(length..).unwrap_or_default();
                    let glyph = match map {
                        Some(map) => map.glyph(code).unwrap_or(code),
                        None => code,
                    };
                    take(Shown {
                        text: self.mapped(code).unwrap_or_else(|| "\u{fffd}".to_owned()),
                        width: widths.get(&glyph).copied().unwrap_or(*default),
                        is_space_code: length == 1 && code == 32,
                    });
                }
            }
        }
    }

    fn mapped(&self, code: u32) -> Option<String> {
        let text = self.to_unicode.as_ref()?.text(code)?;
        let is_known = text.chars().any(|c| !matches!(c, '\0' | '\u{fffd}'));
        is_known.then(|| text.to_owned())
    }
}

/// An entry of a dictionary, references followed.
pub(super) fn entry<'a>(
    document: &'a Document,
    dictionary: &'a Dictionary,
    key: &[u8],
) -> Option<&'a Object> {
    Some(document.dereference(dictionary.get(key).ok()?).ok()?.1)
}

pub(super) fn dictionary<'a>(
    document: &'a Document,
    within: &'a Dictionary,
    key: &[u8],
) -> Option<&'a Dictionary> {
    match entry(document, within, key)? {
        Object::Dictionary(dictionary) => Some(dictionary),
        Object::Stream(stream) => Some(&stream.dict),
        _ => None,
    }
}

pub(super) fn number(document: &Document, within: &Dictionary, key: &[u8]) -> Option<f32> {
    entry(document, within, key)?.as_float().ok().filter(|n| n.is_finite())
}

fn name(document: &Document, within: &Dictionary, key: &[u8]) -> String {
    let name = entry(document, within, key).and_then(|name| name.as_name().ok());
    String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
}

fn stream(document: &Document, within: &Dictionary, key: &[u8]) -> Option<Vec<u8>> {
    let stream = entry(document, within, key)?.as_stream().ok()?;
    stream.get_plain_content_with_limit(PDF_STREAM_BYTES).ok()
}

fn composite(document: &Document, font: &Dictionary, descendant: &Dictionary) -> Codes {
    let map = stream(document, font, b"Encoding").map(|bytes| CMap::parse(&bytes));
    let default = number(document, descendant, b"DW").unwrap_or(1000.0) / 1000.0;
    let mut widths = HashMap::new();
    let listed = entry(document, descendant, b"W").and_then(|w| w.as_array().ok());
    let mut items = listed.map(Vec::as_slice).unwrap_or_default().iter();
    let value = |object: &Object| document.dereference(object).ok()?.1.as_float().ok();
    while let Some(first) = items.next().and_then(value) {
        let first = first as u32;
        let Some(next) = items.next().and_then(|next| Some(document.dereference(next).ok()?.1))
        else {
            break;
        };
        if let Ok(list) = next.as_array() {
            for (step, width) in list.iter().take(0x1_0000).enumerate() {
                widths.insert(
                    first.saturating_add(step as u32),
                    value(width).unwrap_or(0.0) / 1000.0,
                );
            }
        } else if let (Ok(last), Some(width)) = (next.as_float(), items.next().and_then(value)) {
            for glyph in first..=(last as u32).min(first.saturating_add(0xffff)) {
                widths.insert(glyph, width / 1000.0);
            }
        }
        if widths.len() > 1 << 17 {
            break;
        }
    }
    Codes::Composite { map, widths, default }
}

fn simple(
    document: &Document,
    font: &Dictionary,
    descriptor: Option<&Dictionary>,
    name: &str,
) -> Codes {
    let characters = characters(document, font, descriptor);
    let missing =
        descriptor.and_then(|d| number(document, d, b"MissingWidth")).unwrap_or(0.0) / 1000.0;
    // Glyphs of type 3 fonts have a space of their own.
    let matrix = entry(document, font, b"FontMatrix").and_then(|matrix| matrix.as_array().ok());
    let scale = matrix.and_then(|m| m.first()?.as_float().ok()).map_or(0.001, f32::abs);
    let listed = entry(document, font, b"Widths").and_then(|widths| widths.as_array().ok());
    let widths = match listed {
        Some(listed) => {
            let first = number(document, font, b"FirstChar").unwrap_or(0.0).max(0.0) as usize;
            let mut widths = vec![missing; 256];
            for (slot, width) in widths.iter_mut().skip(first).zip(listed) {
                let width = document.dereference(width).ok().and_then(|w| w.1.as_float().ok());
                *slot = width.unwrap_or(0.0) * scale;
            }
            widths
        }
        None => characters
            .iter()
            .map(|text| text.chars().next().map_or(0.0, |c| metrics::width(name, c)) / 1000.0)
            .collect(),
    };
    Codes::Simple { characters, widths }
}

/// What each of the 256 codes of a simple font shows, by its encoding.
fn characters(
    document: &Document,
    font: &Dictionary,
    descriptor: Option<&Dictionary>,
) -> Vec<String> {
    let encoding = entry(document, font, b"Encoding");
    let named = |name: &[u8]| table(document, Object::Name(name.to_vec()));
    let own = || descriptor.and_then(|descriptor| built_in(document, descriptor));
    let mut characters = match encoding {
        Some(Object::Name(name)) => named(name),
        Some(Object::Dictionary(dictionary)) => {
            match entry(document, dictionary, b"BaseEncoding").and_then(|base| base.as_name().ok())
            {
                Some(base) => named(base),
                None => own().unwrap_or_else(|| named(b"StandardEncoding")),
            }
        }
        _ => own().unwrap_or_else(|| named(b"StandardEncoding")),
    };
    if let Some(Object::Dictionary(dictionary)) = encoding
        && let Some(differences) = entry(document, dictionary, b"Differences")
        && let Ok(differences) = differences.as_array()
    {
        let mut code = 0usize;
        for object in differences {
            match object {
                Object::Integer(number) => code = usize::try_from(*number).unwrap_or(256),
                Object::Name(name) => {
                    if let Some(slot) = characters.get_mut(code) {
                        *slot = glyph(name).unwrap_or_default();
                    }
                    code += 1;
                }
                _ => {}
            }
        }
    }
    characters
}

/// The table of an encoding that `lopdf` knows.
fn table(document: &Document, encoding: Object) -> Vec<String> {
    let mut font = Dictionary::new();
    font.set("Type", Object::Name(b"Font".to_vec()));
    font.set("Encoding", encoding);
    let Ok(encoding) = font.get_font_encoding_with_limit(document, PDF_STREAM_BYTES) else {
        return vec![String::new(); 256];
    };
    (0..=255u8).map(|code| encoding.bytes_to_string(&[code]).unwrap_or_default()).collect()
}

/// The encoding that a Type 1 font program has in its clear text: `dup 65 /A put`.
fn built_in(document: &Document, descriptor: &Dictionary) -> Option<Vec<String>> {
    let program = stream(document, descriptor, b"FontFile")?;
    let head = program.get(..program.len().min(PROGRAM_HEAD))?;
    let start = memchr::memmem::find(head, b"/Encoding")?;
    let mut characters = vec![String::new(); 256];
    let mut code = None;
    for token in Lexer::new(head.get(start + 1..)?) {
        match token {
            Token::Number(number) => code = Some(number as usize),
            Token::Name(name) => {
                if let Some(slot) = code.take().and_then(|code| characters.get_mut(code)) {
                    *slot = glyph(&name).unwrap_or_default();
                }
            }
            Token::Word(word) => match word.as_slice() {
                b"StandardEncoding" => {
                    return Some(table(document, Object::Name(b"StandardEncoding".to_vec())));
                }
                b"def" | b"readonly" | b"eexec" => break,
                _ => {}
            },
            _ => {}
        }
    }
    characters.iter().any(|text| !text.is_empty()).then_some(characters)
}

/// What the glyph of a name shows: by the Adobe glyph list, `uni2022`, `u1F600`, or parts joined
/// by `_`; a suffix behind a point is a variant.
fn glyph(name: &[u8]) -> Option<String> {
    let name = name.split(|b| *b == b'.').next().filter(|name| !name.is_empty())?;
    let text = std::str::from_utf8(name).ok()?;
    if let Some(listed) = listed(name) {
        return Some(listed);
    }
    if text.contains('_') {
        return text.split('_').map(|part| glyph(part.as_bytes())).collect();
    }
    let digits = text.strip_prefix("uni").filter(|d| d.len() % 4 == 0);
    if let Some(digits) = digits.filter(|d| !d.is_empty() && d.is_ascii()) {
        let units: Option<Vec<u16>> = (0..digits.len() / 4)
            .map(|n| u16::from_str_radix(digits.get(4 * n..4 * n + 4)?, 16).ok())
            .collect();
        return char::decode_utf16(units?).collect::<Result<_, _>>().ok();
    }
    let digits = text.strip_prefix('u').filter(|d| (4..=6).contains(&d.len()))?;
    u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).map(String::from)
}

/// A glyph of the Adobe glyph list, which `lopdf` has inside its encodings.
fn listed(name: &[u8]) -> Option<String> {
    let mut differences = Dictionary::new();
    let list = vec![Object::Integer(1), Object::Name(name.to_vec())];
    differences.set("Differences", Object::Array(list));
    let mut font = Dictionary::new();
    font.set("Type", Object::Name(b"Font".to_vec()));
    font.set("Encoding", Object::Dictionary(differences));
    let empty = Document::new();
    match font.get_font_encoding_with_limit(&empty, 0) {
        // An unknown name makes it fall back to another encoding.
        Ok(encoding @ Encoding::Differences(_)) => {
            encoding.bytes_to_string(&[1]).ok().filter(|text| !text.is_empty() && text != "\0")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glyphs_are_known_by_their_names() {
        let shown = |name: &str| glyph(name.as_bytes());
        assert_eq!(shown("A").as_deref(), Some("A"));
        assert_eq!(shown("fi").as_deref(), Some("\u{fb01}"));
        assert_eq!(shown("f_f_i").as_deref(), Some("\u{fb03}"));
        assert_eq!(shown("uni20220041").as_deref(), Some("•A"));
        assert_eq!(shown("u1F600").as_deref(), Some("\u{1f600}"));
        assert_eq!(shown("a.sc").as_deref(), Some("a"));
        for unknown in [".notdef", "g23", "", "uniZZZZ", "u12"] {
            assert_eq!(shown(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn encodings_are_those_of_the_standard() {
        let document = Document::new();
        let table = |name: &str| table(&document, Object::Name(name.as_bytes().to_vec()));
        assert_eq!(table("WinAnsiEncoding")[0x93], "“");
        assert_eq!(table("MacRomanEncoding")[0x8e], "é");
        assert_eq!(table("StandardEncoding")[0x27], "’");
    }
}
