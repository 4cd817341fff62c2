//! What a text shows by its wording alone: headings without markup, item markers, the sentence
//! that introduces a list; and the path of headings above a block.

use std::sync::Arc;

use super::block::BlockKind;
use crate::limits::{LEAD_IN_BYTES, SECTION_TITLE_BYTES};

/// The headings above the place being read.
#[derive(Debug)]
pub(crate) struct Outline {
    open: Vec<(u8, String)>,
    path: Arc<[String]>,
}

impl Default for Outline {
    fn default() -> Self {
        Self { open: Vec::new(), path: Arc::from([]) }
    }
}

impl Outline {
    /// Enters a heading; gives the path above it.
    pub(crate) fn enter(&mut self, level: u8, title: &str) -> Arc<[String]> {
        while self.open.last().is_some_and(|(open, _)| *open >= level) {
            self.open.pop();
        }
        let above: Arc<[String]> = self.open.iter().map(|(_, title)| title.clone()).collect();
        self.open.push((level, head(title, SECTION_TITLE_BYTES).to_owned()));
        self.path = self.open.iter().map(|(_, title)| title.clone()).collect();
        above
    }

    /// The titles of the headings above, outermost first.
    pub(crate) fn path(&self) -> Arc<[String]> {
        Arc::clone(&self.path)
    }
}

/// Level of a heading that has no markup of its own: a numbered title (`10.2 Licence` is deeper
/// than `10. Content`), a bold line or a line in capitals.
pub(crate) fn heading_level(text: &str, all_strong: bool) -> Option<u8> {
    if text.len() > 120 || !text.chars().any(char::is_alphabetic) {
        return None;
    }
    let last = text.chars().next_back()?;
    let (number_depth, title) = clause_number(text).unwrap_or((0, text));
    let sentence_end = matches!(last, '.' | ',' | ';' | ':' | '!');
    if number_depth > 0 {
        let level = (6 + number_depth).min(9);
        let words = title.split(' ').filter(|word| !word.is_empty()).count();
        let short = if all_strong { 16 } else { 10 };
        let titled = title.chars().next().is_some_and(|c| c.is_uppercase() || c == '“' || c == '"');
        let ends_as_title = !sentence_end || (all_strong && last == '.' && words <= 6);
        return (titled && ends_as_title && (1..=short).contains(&words)).then_some(level);
    }
    if sentence_end {
        return None;
    }
    if starts_with_item_marker(text) {
        return None;
    }
    if is_capitals(text) {
        let words = text.split(' ').count();
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        return (words <= 14 && letters >= 4).then_some(7);
    }
    all_strong.then_some(9)
}

/// Whether a text has letters and all of them are capitals.
pub(crate) fn is_capitals(text: &str) -> bool {
    let mut upper = false;
    for c in text.chars() {
        if c.is_lowercase() {
            return false;
        }
        upper |= c.is_uppercase();
    }
    upper
}

/// Splits a clause number with its point (`10.2`, `3.`, `Section 4.`, `Article 12:`, `IV.`) off a
/// title. Gives how deep the number is and the rest.
fn clause_number(text: &str) -> Option<(u8, &str)> {
    let word_end = text.find(' ')?;
    let (first, rest) = (&text[..word_end], text[word_end..].trim_start());
    if matches!(
        first.to_ascii_lowercase().as_str(),
        "section" | "article" | "clause" | "part" | "chapter" | "schedule" | "annex"
    ) {
        let (number, title) = rest.split_once(' ').unwrap_or((rest, ""));
        let digits = number.trim_end_matches(['.', ':', ')', '-', '–', '—']);
        let numbered = is_number(digits) || is_roman(digits) || digits.len() == 1;
        let title = title.trim_start_matches(['-', '–', '—', ':', ' ']);
        let title = if title.is_empty() { first } else { title };
        return (!digits.is_empty() && numbered).then_some((1, title));
    }
    let bare = first.strip_prefix('§').unwrap_or(first);
    let digits = bare.trim_end_matches(['.', ')', ':']);
    let pointed = digits.len() < bare.len() || bare.len() < first.len();
    if is_number(digits) {
        let depth = digits.split('.').filter(|part| !part.is_empty()).count();
        return (pointed || depth > 1).then_some((depth.min(3) as u8, rest));
    }
    let roman = is_roman(digits) && digits.chars().all(char::is_uppercase);
    let letter = digits.len() == 1 && digits.chars().all(|c| c.is_ascii_uppercase());
    (pointed && bare.ends_with('.') && (roman || letter)).then_some((1, rest))
}

fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 12
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.split('.').all(|part| part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a text is a roman numeral as clause numbers use them.
pub(crate) fn is_roman(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 6
        && text.bytes().all(|b| matches!(b.to_ascii_lowercase(), b'i' | b'v' | b'x' | b'l'))
}

/// Characters that mark an item of a list.
pub(crate) fn is_bullet(c: char) -> bool {
    matches!(
        c,
        '•' | '●'
            | '○'
            | '◦'
            | '▪'
            | '■'
            | '□'
            | '▫'
            | '‣'
            | '⁃'
            | '∙'
            | '·'
            | '◆'
            | '➢'
            | '✓'
    )
}

/// Whether a text begins with a bullet or a dash and a blank.
pub(crate) fn starts_with_bullet(text: &str) -> bool {
    let mut chars = text.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else { return false };
    match first {
        '-' | '–' | '—' | '*' | '+' => second == Some(' '),
        'o' => second == Some(' ') && chars.next().is_some_and(char::is_uppercase),
        c => is_bullet(c),
    }
}

/// Length of an enumeration mark at the start of a text: `(a)`, `(iv)`, `(12)`, `a)`, `12)`, `a.`,
/// `iv.`; not `12.`, which numbers clauses as often.
pub(crate) fn enumeration_mark(text: &str) -> Option<usize> {
    let open = usize::from(text.starts_with('('));
    let body = text.get(open..)?;
    let len = body.bytes().take(6).take_while(u8::is_ascii_alphanumeric).count();
    let name = body.get(..len)?;
    let number = len <= 2 && name.bytes().all(|b| b.is_ascii_digit());
    let lettered = len == 1 && name.bytes().all(|b| b.is_ascii_alphabetic());
    let doubled = len == 2 && name.as_bytes().first() == name.as_bytes().get(1);
    if len == 0 || !(number || lettered || doubled || is_roman(name)) {
        return None;
    }
    let closed = match body.as_bytes().get(len) {
        Some(b')') => true,
        Some(b'.') => open == 0 && !number && name.bytes().all(|b| b.is_ascii_lowercase()),
        _ => false,
    };
    let end = open + len + 1;
    let blank = text.get(end..).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    (closed && blank).then_some(end)
}

/// Whether a text begins as an item of a list does.
pub(crate) fn starts_with_item_marker(text: &str) -> bool {
    starts_with_bullet(text) || enumeration_mark(text).is_some()
}

/// What of a block introduces the list after it: its last sentence, if that promises a list.
///
/// A colon promises one whatever the block. A paragraph also does by `the following`, by a
/// question, or by stopping without a full stop ("We may share data with").
pub(crate) fn introduction(text: &str, kind: BlockKind) -> Option<Arc<str>> {
    let shown = text
        .trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | '-' | '–' | '—'));
    let last = shown.chars().next_back()?;
    let sentence = last_sentence(text);
    let promises = match last {
        ':' | '：' => true,
        _ if kind != BlockKind::Paragraph => false,
        '.' | '!' | ';' | ')' => {
            let lower = sentence.to_lowercase();
            ["following", "as follows", "listed below"].iter().any(|hint| lower.contains(hint))
        }
        _ => true,
    };
    promises.then(|| lead_in(sentence))
}

/// A text as a lead-in: of a long one its beginning (who does what) and its end (to what end).
pub(crate) fn lead_in(text: &str) -> Arc<str> {
    if text.len() <= LEAD_IN_BYTES {
        return Arc::from(text);
    }
    let beginning = head(text, LEAD_IN_BYTES * 3 / 5);
    let from = text.ceil_char_boundary(text.len() - LEAD_IN_BYTES / 3);
    let end = &text[from..];
    let end = end.find(' ').map_or(end, |space| &end[space + 1..]);
    Arc::from(format!("{beginning} … {end}"))
}

fn head(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let cut = &text[..text.floor_char_boundary(limit)];
    cut.rfind(' ').map_or(cut, |space| &cut[..space])
}

/// The last sentence of a text, by the plainest rule: the readers stand below the segmenter and
/// cannot ask it.
fn last_sentence(text: &str) -> &str {
    let from = text.ceil_char_boundary(text.len().saturating_sub(4 * LEAD_IN_BYTES));
    let window = &text[from..];
    let mut start = 0;
    for (at, _) in window.match_indices(['.', '?', '!']) {
        let after = window[at + 1..].trim_start_matches(['"', '”', '’', '\'', ')']);
        let Some(next) = after.strip_prefix(' ') else { continue };
        let word_at = window[..at].rfind([' ', '(']).map_or(0, |space| space + 1);
        let word = &window[word_at..at];
        let short =
            word.len() < 2 || word.contains('.') || matches!(word, "Inc" | "Ltd" | "No" | "Sec");
        let starts = next.starts_with(|c: char| c.is_uppercase() || matches!(c, '“' | '"' | '('));
        if starts && !short && word.chars().any(char::is_alphabetic) {
            start = window.len() - next.len();
        }
    }
    &window[start..]
}
