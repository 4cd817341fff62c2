//! From bytes to text: which encoding a file has, what could not be decoded, and how an offset in
//! the text maps back to the file's bytes.
//!
//! A byte order mark decides; else UTF-16 by its pattern of zeros, UTF-8 by validity, then what an
//! HTML page declares, then a detector for the legacy encodings.

use std::ops::Range;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use memchr::{memchr, memmem};

use super::Warning;
use super::position::{Unit, UnitIndex};
use crate::limits::SNIFF_BYTES;

/// Text decoded from bytes.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) encoding: &'static Encoding,
    pub(crate) source: SourceMap,
    pub(crate) warning: Option<Warning>,
}

/// Maps offsets in the text to offsets in the bytes it was decoded from.
#[derive(Debug, Clone)]
pub(crate) enum SourceMap {
    /// UTF-8; `replaced` holds (offset in the text, offset in the bytes) after every run of
    /// malformed bytes, which takes three bytes of text whatever its length.
    Utf8 { shift: usize, replaced: Vec<(u32, u32)> },
    /// Encodings of `width` bytes for each character or UTF-16 code unit.
    Units { shift: usize, width: usize, index: UnitIndex },
    /// Multi-byte legacy encodings: offsets are not kept.
    Unknown,
}

impl SourceMap {
    /// The bytes that `range` of `text` was decoded from; `len` is how many bytes there are.
    pub(crate) fn map(&self, text: &str, range: Range<usize>, len: usize) -> Option<Range<usize>> {
        let start = self.offset(text, range.start)?;
        let end = self.offset(text, range.end)?;
        Some(start.min(len)..end.min(len))
    }

    fn offset(&self, text: &str, at: usize) -> Option<usize> {
        match self {
            Self::Utf8 { shift, replaced } => {
                let after = replaced.partition_point(|(in_text, _)| *in_text as usize <= at);
                let (in_text, in_bytes) = match after.checked_sub(1) {
                    Some(last) => replaced.get(last).copied()?,
                    None => (0, 0),
                };
                Some(shift + in_bytes as usize + (at - in_text as usize))
            }
            Self::Units { shift, width, index } => Some(shift + index.before(text, at) * width),
            Self::Unknown => None,
        }
    }
}

/// Decodes bytes that are known to be text.
pub(crate) fn decode(bytes: &[u8]) -> Decoded {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return if encoding == UTF_8 {
            decode_utf8(&bytes[mark..], mark)
        } else {
            decode_as(encoding, bytes, mark)
        };
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return decode_as(encoding, bytes, 0);
    }
    let escapes = memchr(0x1b, bytes).is_some();
    match std::str::from_utf8(bytes) {
        Ok(_) if !escapes => return decode_utf8(bytes, 0),
        Ok(_) => {
            let encoding = detect(bytes);
            if encoding != ISO_2022_JP {
                return decode_utf8(bytes, 0);
            }
            return decode_as(encoding, bytes, 0);
        }
        Err(_) if is_damaged_utf8(bytes) => return decode_utf8(bytes, 0),
        Err(_) => {}
    }
    if let Some(encoding) = declared(bytes) {
        let decoded = decode_as(encoding, bytes, 0);
        if decoded.warning.is_none() {
            return decoded;
        }
    }
    decode_as(detect(bytes), bytes, 0)
}

fn detect(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

fn decode_as(encoding: &'static Encoding, bytes: &[u8], mark: usize) -> Decoded {
    let (text, malformed) = encoding.decode_without_bom_handling(&bytes[mark..]);
    let text = text.into_owned();
    let source = if encoding == UTF_16LE || encoding == UTF_16BE {
        SourceMap::Units { shift: mark, width: 2, index: UnitIndex::new(&text, Unit::Utf16) }
    } else if encoding.is_single_byte() {
        SourceMap::Units { shift: mark, width: 1, index: UnitIndex::new(&text, Unit::Character) }
    } else {
        SourceMap::Unknown
    };
    let warning = malformed.then(|| Warning::Malformed {
        encoding: encoding.name(),
        count: text.matches('\u{fffd}').count(),
        first: text.find('\u{fffd}').unwrap_or(0),
    });
    Decoded { text, encoding, source, warning }
}

fn decode_utf8(bytes: &[u8], mark: usize) -> Decoded {
    let mut text = String::with_capacity(bytes.len());
    let mut replaced = Vec::new();
    let (mut read, mut count, mut first) = (0, 0, None);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        read += chunk.valid().len() + chunk.invalid().len();
        if !chunk.invalid().is_empty() {
            first = first.or(Some(text.len()));
            count += 1;
            text.push('\u{fffd}');
            replaced.push((text.len() as u32, read as u32));
        }
    }
    let warning = first.map(|first| Warning::Malformed { encoding: UTF_8.name(), count, first });
    let source = SourceMap::Utf8 { shift: mark, replaced };
    Decoded { text, encoding: UTF_8, source, warning }
}

/// Whether bytes that are not valid UTF-8 are UTF-8 all the same: cut off in the middle of a
/// character, or with far more well-formed characters beyond ASCII than damage.
fn is_damaged_utf8(bytes: &[u8]) -> bool {
    let (mut multibyte, mut damage, mut read, mut cut_at_end) = (0usize, 0usize, 0, false);
    for chunk in bytes.utf8_chunks() {
        multibyte += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        read += chunk.valid().len() + chunk.invalid().len();
        let bad = chunk.invalid();
        if !bad.is_empty() {
            damage += 1;
            cut_at_end = read == bytes.len() && (bad.len() > 1 || bad[0] >= 0xe0);
        }
    }
    (damage == 1 && cut_at_end && multibyte > 0) || multibyte >= 8 * damage
}

/// UTF-16 without a byte order mark shows by its zeros: mostly Latin text has one in every pair.
pub(crate) fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(SNIFF_BYTES)];
    if sample.len() < 4 {
        return None;
    }
    let zeros = |first: usize| sample.iter().skip(first).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let pairs = sample.len() / 2;
    if odd * 10 >= pairs * 6 && even * 20 <= pairs {
        Some(UTF_16LE)
    } else if even * 10 >= pairs * 6 && odd * 20 <= pairs {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// The encoding that an HTML page or XML declaration names in its first bytes.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes[..bytes.len().min(SNIFF_BYTES)].to_ascii_lowercase();
    let xml = head.starts_with(b"<?xml").then(|| label_after(&head, b"encoding=")).flatten();
    let found = xml.or_else(|| {
        memmem::find_iter(&head, b"<meta").find_map(|at| {
            let end = memchr(b'>', &head[at..]).map_or(head.len(), |len| at + len);
            label_after(&head[at..end], b"charset=")
        })
    })?;
    let encoding = Encoding::for_label(found)?;
    // A page whose declaration can be read byte by byte is not UTF-16, and valid UTF-8 was
    // recognised before: both declarations are wrong here.
    match encoding {
        e if e == UTF_8 || e == UTF_16LE || e == UTF_16BE => None,
        e if e.name() == "x-user-defined" => Some(WINDOWS_1252),
        e => Some(e),
    }
}

fn label_after<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let from = memmem::find(text, key)? + key.len();
    let rest = text[from..].trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")).unwrap_or(rest);
    let end = rest.iter().position(|b| b" \"';?/>\t\n\r".contains(b)).unwrap_or(rest.len());
    Some(&rest[..end])
}
