//! Where sentences of legal English end.
//!
//! One pass over a block's text proposes cuts after full stops, question and exclamation marks;
//! each is judged by the word before, the word after and the brackets around. Looking around is
//! bounded, so the time grows with the length alone.

use super::abbreviations::{self, Stop};
use super::spans::Protected;
use crate::document::enumeration_mark;

/// Offsets at which sentences begin after the end of another, in order.
pub(crate) fn cuts(text: &str, protected: &Protected) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut sentence = 0;
    let mut skip = 0;
    for (at, c) in text.char_indices() {
        if at < skip || !is_terminator(c) {
            continue;
        }
        let run_end = at + text[at..].find(|c| !is_terminator(c)).unwrap_or(text.len() - at);
        skip = run_end;
        let end = Ending { text, sentence, at, run_end, closed: closers(text, run_end) };
        if let Some(cut) = end.cut().filter(|cut| !protected.covers(*cut)) {
            cuts.push(cut);
            sentence = cut;
        }
    }
    cuts
}

fn is_terminator(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？')
}

/// Where closing quotes, brackets and footnote marks after a terminator end.
fn closers(text: &str, from: usize) -> usize {
    let mut end = from;
    for c in text[from..].chars().take(8) {
        if !matches!(
            c,
            '"' | '”' | '’' | '\'' | ')' | ']' | '»' | '*' | '_' | '†' | '‡' | '¹' | '²' | '³'
        ) {
            break;
        }
        end += c.len_utf8();
    }
    let rest = &text.as_bytes()[end..];
    if rest.first() == Some(&b'[') {
        let digits = rest.iter().skip(1).take(3).take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 && rest.get(1 + digits) == Some(&b']') {
            end += digits + 2;
        }
    }
    end
}

/// A run of terminators that may end a sentence.
struct Ending<'a> {
    text: &'a str,
    /// Where the sentence begins.
    sentence: usize,
    at: usize,
    run_end: usize,
    /// Behind the closing quotes and brackets.
    closed: usize,
}

impl<'a> Ending<'a> {
    /// Where the next sentence begins, if one does.
    fn cut(&self) -> Option<usize> {
        let rest = &self.text[self.closed..];
        let next = rest.trim_start();
        if next.is_empty() {
            return None;
        }
        let cut = self.text.len() - next.len();
        let wide = matches!(self.text[self.at..].chars().next(), Some('。' | '！' | '？'));
        let ends = if wide {
            true
        } else if next.len() == rest.len() {
            return self.glued();
        } else {
            self.ends_before(next)
        };
        ends.then_some(cut)
    }

    /// The word before the terminator, with the points inside it.
    fn word(&self) -> &'a str {
        let from = self.text.ceil_char_boundary(self.at.saturating_sub(40)).max(self.sentence);
        let window = self.text.get(from..self.at).unwrap_or("");
        let start = window.rfind(|c: char| {
            c.is_whitespace()
                || matches!(c, '(' | '[' | '“' | '"' | '‘' | '/' | '-' | '—' | '–' | '*')
        });
        let start =
            start.map_or(0, |at| at + window[at..].chars().next().map_or(0, char::len_utf8));
        &window[start..]
    }

    /// Judges a terminator with white space after it.
    fn ends_before(&self, next: &str) -> bool {
        let start = Next::read(next);
        let run = &self.text[self.at..self.run_end];
        let word = self.word();
        if start.lower && !start.is_item {
            return run == "." && self.closed == self.run_end && careless(word, start.word);
        }
        if run.starts_with(['!', '?']) {
            return !abbreviations::carries_mark(word)
                || abbreviations::begins_sentences(start.word);
        }
        if run.starts_with('…') || run.len() > 1 {
            return !start.digit;
        }
        if self.closed > self.run_end {
            // `(e.g. …, etc.) Next` ends; an abbreviation in closing quotes hardly occurs.
            return true;
        }
        if self.is_marker(word) {
            return false;
        }
        match abbreviations::stop_after(word) {
            Stop::Never => false,
            Stop::BeforeNumber => !(start.digit || start.symbol),
            Stop::Either => start.is_item || abbreviations::begins_sentences(start.word),
            Stop::Plain => !(start.digit && word.bytes().all(|b| b.is_ascii_digit() || b == b'.')),
        }
    }

    /// Whether all of the sentence so far is the number of a clause (`10.2.`, `Section 3.`, `a.`).
    fn is_marker(&self, word: &str) -> bool {
        if self.at - self.sentence > 40 {
            return false;
        }
        let so_far =
            self.text[self.sentence..self.at].trim_start_matches(['(', '"', '“', '*', ' ']);
        let numbered = |name: &str| {
            let name = name.trim_end_matches(')');
            name.len() <= 12
                && !name.is_empty()
                && (name.split('.').all(|part| {
                    part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit())
                        || part.len() == 1
                        || crate::document::is_roman(part)
                }))
        };
        if so_far == word {
            return numbered(word);
        }
        let Some((head, rest)) = so_far.split_once(' ') else { return false };
        rest == word
            && numbered(word)
            && matches!(
                head.to_lowercase().as_str(),
                "section"
                    | "article"
                    | "clause"
                    | "part"
                    | "chapter"
                    | "schedule"
                    | "annex"
                    | "§"
                    | "step"
            )
    }

    /// Judges a terminator without white space after it: `our service.We may`, `policy.)Unused`,
    /// `the law.1 We`.
    fn glued(&self) -> Option<usize> {
        let before = self.text[self.sentence..self.at].chars().next_back()?;
        if self.run_end - self.at != 1 || !(before.is_alphabetic() || matches!(before, ')' | '”'))
        {
            return None;
        }
        let word = self.word();
        if word.contains(['.', '@', ':', '_', '/', '\\']) || word.starts_with("www") {
            return None;
        }
        let rest = &self.text[self.closed..];
        let letters_before = word.chars().rev().take_while(|c| c.is_lowercase()).count();
        if before.is_alphabetic() && letters_before < 2 {
            return None;
        }
        let footnote = rest.bytes().take_while(u8::is_ascii_digit).count();
        if footnote > 0 {
            let next = rest.get(footnote..)?.strip_prefix(' ')?;
            let starts = next.chars().next().is_some_and(char::is_uppercase);
            let capital = word.starts_with(char::is_uppercase);
            return (footnote <= 2 && letters_before >= 4 && starts && !capital)
                .then_some(self.text.len() - next.len());
        }
        let opener = rest.starts_with(['“', '"', '(', '‘']);
        let body = rest.trim_start_matches(['“', '"', '(', '‘']);
        let end = body.bytes().take(24).take_while(u8::is_ascii_alphabetic).count();
        let next = body.get(..end)?;
        let mut chars = next.chars();
        let capital = chars.next().is_some_and(char::is_uppercase);
        let lower = chars.next().is_none_or(char::is_lowercase) && chars.all(char::is_lowercase);
        let after = body[end..].chars().next().unwrap_or(' ');
        let bounded = after.is_whitespace() || matches!(after, ',' | '’' | '\'' | ';' | ':' | ')');
        let domain = abbreviations::is_domain_ending(&next.to_lowercase());
        let known = bounded || abbreviations::begins_sentences(next);
        // A one-word sentence: its own full stop ends it.
        let named = after == '.' && !body[end + 1..].starts_with(|c: char| c.is_alphanumeric());
        let fits = capital && lower && (known || named) && (!domain || opener);
        fits.then_some(self.closed)
    }
}

/// Whether a sentence begins in lower case by carelessness: after an ordinary word, with a word
/// that hardly anything but a sentence has there.
fn careless(before: &str, next: &str) -> bool {
    before.len() >= 4
        && before.bytes().skip(1).all(|b| b.is_ascii_lowercase())
        && abbreviations::stop_after(before) == Stop::Plain
        && matches!(next, "the" | "we" | "you" | "if" | "this" | "these" | "your" | "our")
}

/// How a text that may be the next sentence begins.
#[expect(clippy::struct_excessive_bools, reason = "what the first character is, answered once")]
struct Next<'a> {
    word: &'a str,
    lower: bool,
    digit: bool,
    symbol: bool,
    is_item: bool,
}

impl<'a> Next<'a> {
    fn read(next: &'a str) -> Self {
        let is_item = enumeration_mark(next).is_some();
        let body = next.trim_start_matches([
            '"', '“', '‘', '\'', '(', '[', '«', '*', '¿', '¡', '-', '–', '—', ' ',
        ]);
        let end = body.char_indices().take(24).find(|(_, c)| !c.is_alphanumeric());
        let end = end.map_or_else(|| body.floor_char_boundary(body.len().min(48)), |(at, _)| at);
        let word = &body[..end];
        let first = word.chars().next();
        // `iPhone`, `eBay` and the like begin sentences in lower case.
        let camel = word.chars().take(4).any(char::is_uppercase);
        Self {
            word,
            lower: first.is_some_and(char::is_lowercase) && !camel,
            digit: first.is_some_and(|c| c.is_ascii_digit()),
            symbol: next.starts_with(['§', '#', '+', '(']),
            is_item,
        }
    }
}
