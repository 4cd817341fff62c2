//! What counts of a sentence when two are compared: its words, without what editors renumber.
//!
//! Case, white space, punctuation, typographic quotes, leading clause numbers and list marks,
//! dates, link targets and the numbers of sections that are referred to do not count.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use regex::Regex;

/// What stands for a date.
const DATE: &str = "\u{1}date";
/// What stands for a link's target.
const LINK: &str = "\u{1}link";
/// What stands for the number of a section referred to.
const NUMBER: &str = "\u{1}number";
/// Most marks that are taken off a sentence's beginning ("• 3.1 (a)").
const LEADING_MARKS: usize = 3;

/// A word of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Bytes of the sentence's text.
    pub(super) range: Range<usize>,
    /// Its form, by which it is compared.
    pub(super) form: String,
}

#[expect(clippy::expect_used, reason = "constants that a test compiles")]
static LEADING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?xi) ^ \s* (?:
            [•●○◦▪■□▫‣⁃∙·◆➢✓*+–—-] \s+
          | § \s* [0-9.]+ \s+
          | (?:section|clause|article|part|chapter) \s+ (?:[0-9.]{1,12}|[ivxl]{1,6}|[a-z]) [.:)–—-]+ \s+
          | \(? (?:[0-9]{1,3}(?:\.[0-9]{1,3})*|[a-z]|[ivxl]{1,6}) [.):]+ \s+
          | [0-9]{1,3}(?:\.[0-9]{1,3})+ \s+
        )",
    )
    .expect("a fixed pattern")
});

#[expect(clippy::expect_used, reason = "constants that a test compiles")]
static SPECIAL: LazyLock<Regex> = LazyLock::new(|| {
    const MONTH: &str = "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|\
                         aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)";
    Regex::new(&format!(
        r"(?xi)
          (?P<date>
              \b{MONTH}\.?\s+[0-9]{{1,2}}(?:st|nd|rd|th)?,?\s+[0-9]{{4}}\b
            | \b[0-9]{{1,2}}(?:st|nd|rd|th)?(?:\s+of)?\s+{MONTH}\.?,?\s+[0-9]{{4}}\b
            | \b{MONTH}\.?,?\s+[0-9]{{4}}\b
            | \b[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}\b
            | \b[0-9]{{1,2}}[/.][0-9]{{1,2}}[/.](?:[0-9]{{4}}|[0-9]{{2}})\b
            | (?:©|\bcopyright\b)\s*(?:\(c\)\s*)?(?:[0-9]{{4}}\s*[-–]\s*)?[0-9]{{4}}\b
          )
        | (?P<link> \bhttps?://\S+ | \bwww\.\S+ | \b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{{2,12}}/\S* )
        | (?P<reference>
              (?:§+\s*|\b(?:sections?|clauses?|paragraphs?)\s+)
              (?P<number> [0-9]+(?:\.[0-9]+)*(?:\([a-z0-9]{{1,4}}\))* )
          )"
    ))
    .expect("a fixed pattern")
});

/// The words of a sentence that count, in order.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut start = 0;
    for _ in 0..LEADING_MARKS {
        let rest = text.get(start..).unwrap_or_default();
        match LEADING.find(rest) {
            Some(mark) if mark.end() < rest.len() => start += mark.end(),
            _ => break,
        }
    }
    let mut words = Vec::new();
    let mut read = start;
    // Nothing of what the pattern looks for is without one of these.
    let is_special = text.contains(['/', '©']) || text.bytes().any(|b| b.is_ascii_digit());
    if is_special || text.contains("www.") {
        let mut at = start;
        while let Some(found) = SPECIAL.captures_at(text, at) {
            let Some(whole) = found.get(0) else { break };
            let (span, form) = if let Some(number) = found.name("number") {
                (number.range(), NUMBER)
            } else if found.name("link").is_some() {
                (whole.range(), LINK)
            } else {
                (whole.range(), DATE)
            };
            plain(text, read..span.start, &mut words);
            words.push(Word { range: span.clone(), form: form.to_owned() });
            read = span.end;
            at = span.end.max(at + 1);
            if at > text.len() || !text.is_char_boundary(at) {
                break;
            }
        }
    }
    plain(text, read..text.len(), &mut words);
    words
}

/// The words of a stretch without dates, links and references.
fn plain(text: &str, range: Range<usize>, words: &mut Vec<Word>) {
    let Some(part) = text.get(range.clone()) else { return };
    let mut open: Option<Word> = None;
    let mut characters = part.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = characters.next() {
        let at = range.start + at;
        let after = characters.peek().map_or(' ', |(_, c)| *c);
        let inside = before.is_alphanumeric() && after.is_alphanumeric();
        let is_point = matches!(c, '.' | ',') && before.is_ascii_digit() && after.is_ascii_digit();
        before = c;
        if matches!(c, '\u{ad}' | '\u{200b}' | '\u{feff}') {
            continue;
        }
        if c.is_alphanumeric() || is_point {
            let word = open.get_or_insert_with(|| Word { range: at..at, form: String::new() });
            if c != ',' {
                word.form.extend(c.to_lowercase());
            }
            word.range.end = at + c.len_utf8();
        } else if matches!(c, '\'' | '’' | '‘' | 'ʼ') && inside {
            if let Some(word) = &mut open {
                word.form.push('\'');
            }
        } else {
            words.extend(open.take());
            if matches!(c, '%' | '$' | '€' | '£' | '¥' | '&' | '+') {
                words.push(Word { range: at..at + c.len_utf8(), form: c.to_string() });
            }
        }
    }
    words.extend(open);
}

/// A sentence as far as it counts; made by a [`Lexicon`], and comparable with others of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Form {
    /// The same for sentences of the same words in the same order.
    pub(super) key: u32,
    /// The words in order.
    pub(super) sequence: Box<[u32]>,
    /// The words, sorted, each once.
    pub(super) set: Box<[u32]>,
}

impl Form {
    /// Its number: the same for all sentences of one lexicon that differ in nothing that counts.
    pub fn key(&self) -> u32 {
        self.key
    }

    /// Whether two sentences of one lexicon differ in nothing that counts.
    pub fn is_same(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

/// Gives words and sentences their numbers; sentences to be compared come from the same one.
///
/// Every distinct text is looked at once.
#[derive(Debug, Default)]
pub struct Lexicon {
    words: HashMap<String, u32>,
    keys: HashMap<Box<[u32]>, u32>,
    forms: HashMap<Box<str>, Arc<Form>>,
}

impl Lexicon {
    /// The form of a sentence.
    pub fn form(&mut self, text: &str) -> Arc<Form> {
        if let Some(form) = self.forms.get(text) {
            return Arc::clone(form);
        }
        let mut found = words(text);
        if found.is_empty() {
            // A sentence of marks alone is compared by them.
            found.push(Word { range: 0..text.len(), form: text.trim().to_lowercase() });
        }
        let sequence: Box<[u32]> = found.into_iter().map(|word| self.word(word.form)).collect();
        let mut set = sequence.to_vec();
        set.sort_unstable();
        set.dedup();
        let next = self.keys.len() as u32;
        let key = *self.keys.entry(sequence.clone()).or_insert(next);
        let form = Arc::new(Form { key, sequence, set: set.into() });
        self.forms.insert(text.into(), Arc::clone(&form));
        form
    }

    fn word(&mut self, form: String) -> u32 {
        let next = self.words.len() as u32;
        *self.words.entry(form).or_insert(next)
    }
}

/// The words that count, joined by spaces: the same for sentences that are the same.
pub(super) fn normal(text: &str) -> String {
    let forms: Vec<String> = words(text).into_iter().map(|word| word.form).collect();
    forms.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_count_does_not() {
        for (one, other) in [
            ("We sell data.", "  we SELL   data"),
            ("3.1 We sell data.", "• 4.2 We sell data."),
            ("(a) We sell data.", "(iv) We sell data."),
            ("Section 3: We sell data.", "12. We sell data."),
            ("It’s “yours”.", "It's \"yours\"."),
            ("Effective March 3, 2023", "Effective: 14 April 2024"),
            ("Last updated 2023-03-03.", "Last updated 01/02/2024."),
            ("Copyright © 2020-2023 Acme", "Copyright © 2024 Acme"),
            ("See https://a.example/x.", "See https://b.example/y."),
            ("See www.a.example for more", "See a.example/privacy for more"),
            ("As Section 4.2(b) says, no.", "As section 5 says, no."),
            ("co\u{ad}operate", "cooperate"),
            ("a fee of $1,000", "a fee of $ 1000"),
        ] {
            assert_eq!(normal(one), normal(other));
        }
    }

    #[test]
    fn what_counts_does() {
        for (one, other) in [
            ("We sell data.", "We do not sell data."),
            ("We keep it 30 days.", "We keep it 60 days."),
            ("A fee of 3.5%", "A fee of 35%"),
            ("You can't", "You can"),
            ("Article 6(1)(a) applies", "Article 6(1)(f) applies"),
            ("We may sell it", "We sell it may"),
        ] {
            assert_ne!(normal(one), normal(other));
        }
    }

    #[test]
    fn words_know_their_place() {
        let text = "2. Don’t share (by March 3, 2023) 5%";
        let found: Vec<(&str, String)> =
            words(text).into_iter().map(|w| (&text[w.range.clone()], w.form)).collect();
        let expected = [
            ("Don’t", "don't"),
            ("share", "share"),
            ("by", "by"),
            ("March 3, 2023", DATE),
            ("5", "5"),
            ("%", "%"),
        ];
        assert_eq!(found, expected.map(|(text, form)| (text, form.to_owned())));
    }

    #[test]
    fn marks_alone_are_still_something() {
        let mut lexicon = Lexicon::default();
        let (one, other) = (lexicon.form("…"), lexicon.form("—"));
        assert!(!one.is_same(&other));
        assert!(one.is_same(&lexicon.form(" … ")));
    }
}
