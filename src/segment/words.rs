//! Words as sentence ids count them, with their places in the text.
//!
//! An id must not depend on punctuation, case or a sentence splitter: it is a hash over words
//! alone. A word is a run of letters, digits and underscores, as Python's `\w` has it, since that
//! is what made the ids.

use std::ops::Range;
use std::sync::LazyLock;

use crate::digest::hex;
use regex::Regex;
use sha2::{Digest, Sha256};

/// The leading bytes of a SHA-256 digest that make up an id: 12 hexadecimal digits.
pub(crate) const ID_BYTES: usize = 6;

static WORD: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\p{L}\p{N}_]+"));
static WORD_WITHOUT_UNDERSCORE: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\p{L}\p{N}]+"));

fn pattern(pattern: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "the patterns are constants and the tests use them")]
    Regex::new(pattern).expect("a valid pattern")
}

/// Whether an underscore belongs to a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Underscore {
    /// As in Python's `\w`.
    InWord,
    /// As where it was read as emphasis.
    BetweenWords,
}

/// A text's words.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// The words in lower case with one space between them: what ids are hashes of.
    key: String,
    spans: Vec<Span>,
}

#[derive(Debug)]
struct Span {
    text: Range<usize>,
    key: Range<usize>,
}

impl<'a> Words<'a> {
    /// Cuts a text into words.
    pub(crate) fn of(text: &'a str, underscore: Underscore) -> Self {
        let word = match underscore {
            Underscore::InWord => &*WORD,
            Underscore::BetweenWords => &*WORD_WITHOUT_UNDERSCORE,
        };
        let mut words = Self { text, key: String::with_capacity(text.len()), spans: Vec::new() };
        for found in word.find_iter(text) {
            let lower = found.as_str().to_lowercase();
            // Lower case may bring a mark that is no letter (`İ`); ids are made of lower case.
            for part in word.find_iter(&lower) {
                if !words.key.is_empty() {
                    words.key.push(' ');
                }
                let start = words.key.len();
                words.key.push_str(part.as_str());
                words.spans.push(Span { text: found.range(), key: start..words.key.len() });
            }
        }
        words
    }

    /// How many words there are.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Where the words of `range` stand in the text, from the first's start to the last's end.
    pub(crate) fn place(&self, range: Range<usize>) -> Option<Range<usize>> {
        let (first, last) =
            (self.spans.get(range.start)?, self.spans.get(range.end.checked_sub(1)?)?);
        (range.start < range.end).then_some(first.text.start..last.text.end)
    }

    /// The hashed form of the words of `range`; empty when it is not within the text.
    pub(crate) fn key(&self, range: Range<usize>) -> &str {
        let ends = self.spans.get(range.start).zip(range.end.checked_sub(1));
        let ends = ends.and_then(|(first, last)| Some((first, self.spans.get(last)?)));
        ends.and_then(|(first, last)| self.key.get(first.key.start..last.key.end)).unwrap_or("")
    }

    /// The id of the first `count` words.
    pub(crate) fn id(&self, count: usize) -> [u8; ID_BYTES] {
        first_bytes(&Sha256::digest(self.key(0..count).as_bytes()))
    }
}

/// The first bytes of a digest, which is always long enough.
pub(crate) fn first_bytes<const N: usize>(digest: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().zip(digest) {
        *to = *from;
    }
    bytes
}

/// The id of a sentence: the first 12 hexadecimal digits of SHA-256 over its words in lower case
/// with one space between them.
pub fn sentence_id(text: &str) -> String {
    let words = Words::of(text, Underscore::InWord);
    hex(words.id(words.len()))
}

/// Reads what [`hex`] writes, if it is of the right length.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_definition() {
        // python3 -c "import hashlib,re; print(hashlib.sha256(re.sub(r'\W+',' ',
        //   'We KEEP snake_case, e-mail & naïve data.'.lower()).strip().encode()).hexdigest()[:12])"
        assert_eq!(sentence_id("We KEEP snake_case, e-mail & naïve data."), "dca5a0730b01");
        assert_eq!(sentence_id("we keep snake_case e mail naïve data"), "dca5a0730b01");
        assert_eq!(sentence_id("  İstanbul’s ½ ①  "), sentence_id("i stanbul s ½ ①"));
        assert_eq!(sentence_id("…"), sentence_id(""));
        assert_ne!(sentence_id("a_b"), sentence_id("a b"));
    }

    #[test]
    fn words_know_their_places() {
        let text = "“Data_use”: we (may) log.";
        let words = Words::of(text, Underscore::InWord);
        assert_eq!(words.len(), 4);
        assert_eq!(words.key(0..3), "data_use we may");
        assert_eq!(&text[words.place(0..3).unwrap()], "Data_use”: we (may");
        assert_eq!(words.place(3..5), None);
        assert_eq!(words.place(2..2), None);
        assert_eq!(words.key(3..9), "");
        let split = Words::of(text, Underscore::BetweenWords);
        assert_eq!(split.key(0..2), "data use");
    }

    #[test]
    fn hexadecimal_reads_back() {
        assert_eq!(from_hex::<2>(&hex([0x0f, 0xa0])), Some([0x0f, 0xa0]));
        for bad in ["0fa", "0fa00", "0fxx", "+f+a", "é12"] {
            assert_eq!(from_hex::<2>(bad), None, "{bad}");
        }
    }
}
