//! Which natural language a document is written in, if that can be told.

use std::fmt;

use whatlang::Lang;

use super::block::Block;
use crate::limits::LANGUAGE_SAMPLE_BYTES;

/// A natural language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Language(Lang);

impl Language {
    /// English, the language of the shipped model.
    pub const ENGLISH: Self = Self(Lang::Eng);

    /// The two-letter code of ISO 639-1 (`en`, `fr`), or the three-letter one of ISO 639-3 for a
    /// language that has none.
    pub fn code(self) -> &'static str {
        let long = self.0.code();
        TWO_LETTERS.iter().find(|(three, _)| *three == long).map_or(long, |(_, two)| two)
    }

    /// The language's English name (`English`, `French`).
    pub fn name(self) -> &'static str {
        self.0.eng_name()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Fewer letters than this say too little.
const MIN_LETTERS: usize = 150;

/// Detects the language of running text; titles and names in the margin count as little as they
/// are long.
pub(crate) fn detect(blocks: &[Block]) -> Option<Language> {
    let total: usize = blocks.iter().map(|block| block.text.len()).sum();
    // From a long document, take every n-th block, so that a foreign preface does not decide.
    let stride = (total / LANGUAGE_SAMPLE_BYTES).max(1);
    let mut sample = String::new();
    for block in blocks.iter().step_by(stride) {
        let room = (2 * LANGUAGE_SAMPLE_BYTES).saturating_sub(sample.len());
        if room == 0 {
            break;
        }
        let end = block.text.floor_char_boundary(block.text.len().min(room));
        sample.push_str(&block.text[..end]);
        sample.push('\n');
    }
    let letters = sample.chars().filter(|c| c.is_alphabetic()).count();
    let wide = sample.chars().filter(|c| *c >= '\u{2e80}').count();
    if letters + 4 * wide < MIN_LETTERS {
        return None;
    }
    let info = whatlang::detect(&sample)?;
    info.is_reliable().then_some(Language(info.lang()))
}

/// ISO 639-3 codes (as whatlang gives them) that have an ISO 639-1 code.
const TWO_LETTERS: &[(&str, &str)] = &[
    ("epo", "eo"),
    ("eng", "en"),
    ("rus", "ru"),
    ("cmn", "zh"),
    ("spa", "es"),
    ("por", "pt"),
    ("ita", "it"),
    ("ben", "bn"),
    ("fra", "fr"),
    ("deu", "de"),
    ("ukr", "uk"),
    ("kat", "ka"),
    ("ara", "ar"),
    ("hin", "hi"),
    ("jpn", "ja"),
    ("heb", "he"),
    ("yid", "yi"),
    ("pol", "pl"),
    ("amh", "am"),
    ("jav", "jv"),
    ("kor", "ko"),
    ("nob", "nb"),
    ("dan", "da"),
    ("swe", "sv"),
    ("fin", "fi"),
    ("tur", "tr"),
    ("nld", "nl"),
    ("hun", "hu"),
    ("ces", "cs"),
    ("ell", "el"),
    ("bul", "bg"),
    ("bel", "be"),
    ("mar", "mr"),
    ("kan", "kn"),
    ("ron", "ro"),
    ("slv", "sl"),
    ("hrv", "hr"),
    ("srp", "sr"),
    ("mkd", "mk"),
    ("lit", "lt"),
    ("lav", "lv"),
    ("est", "et"),
    ("tam", "ta"),
    ("vie", "vi"),
    ("urd", "ur"),
    ("tha", "th"),
    ("guj", "gu"),
    ("uzb", "uz"),
    ("pan", "pa"),
    ("aze", "az"),
    ("ind", "id"),
    ("tel", "te"),
    ("pes", "fa"),
    ("mal", "ml"),
    ("ori", "or"),
    ("mya", "my"),
    ("nep", "ne"),
    ("sin", "si"),
    ("khm", "km"),
    ("tuk", "tk"),
    ("aka", "ak"),
    ("zul", "zu"),
    ("sna", "sn"),
    ("afr", "af"),
    ("lat", "la"),
    ("slk", "sk"),
    ("cat", "ca"),
    ("tgl", "tl"),
    ("hye", "hy"),
    ("cym", "cy"),
];
