//! Text for terminals: width, wrapping, and control characters made harmless.
//!
//! Documents and file names come from outside. Their escape sequences could recolour, retitle or
//! overwrite a terminal, so whatever is shown goes through [`printable`] first.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Narrowest width that text is still wrapped to, in columns.
const MIN_WIDTH: usize = 40;
/// Widest lines that are still read with ease, in columns.
const MAX_WIDTH: usize = 110;
/// Width where the output is no terminal, in columns.
const PLAIN_WIDTH: usize = 88;

/// The styles of a report; all plain where colours are off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Palette {
    /// Titles of documents and tables.
    pub title: Style,
    /// Titles of groups.
    pub group: Style,
    /// Titles of categories.
    pub category: Style,
    /// The word `asserted`.
    pub asserted: Style,
    /// The word `denied`.
    pub denied: Style,
    /// What is beside the point: probabilities, line numbers, headings.
    pub dim: Style,
    /// The words that decided a finding.
    pub evidence: Style,
    /// `error:`.
    pub error: Style,
    /// `warning:`.
    pub warning: Style,
    /// `note:`.
    pub note: Style,
    /// Whether there are styles at all.
    pub is_coloured: bool,
}

impl Palette {
    /// The palette with or without colours.
    pub fn new(is_coloured: bool) -> Self {
        if !is_coloured {
            return Self::default();
        }
        let colour = |c: AnsiColor| Style::new().fg_color(Some(c.into()));
        Self {
            title: Style::new().bold().underline(),
            group: Style::new().bold(),
            category: colour(AnsiColor::Cyan).bold(),
            asserted: colour(AnsiColor::Yellow),
            denied: colour(AnsiColor::Green),
            dim: Style::new().dimmed(),
            evidence: Style::new().bold().underline(),
            error: colour(AnsiColor::Red).bold(),
            warning: colour(AnsiColor::Yellow).bold(),
            note: colour(AnsiColor::Blue).bold(),
            is_coloured: true,
        }
    }
}

/// `text` in a style; the style ends with the text.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The width to wrap to, given the terminal's, where there is one.
pub fn width(terminal: Option<usize>) -> usize {
    terminal.map_or(PLAIN_WIDTH, |columns| columns.clamp(MIN_WIDTH, MAX_WIDTH))
}

/// `text` on one line, with control, direction and invisible format characters made visible.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_unprintable(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Control characters, and those that reorder text around them.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Breaks `text` at spaces into lines of at most `width` columns.
///
/// A word wider than a line is cut, so that no line is ever wider. The byte ranges of the lines in
/// `text` come in order; spaces at the breaks belong to no line.
pub fn wrap(text: &str, width: usize) -> Vec<std::ops::Range<usize>> {
    let width = width.max(2);
    let mut lines = Vec::new();
    let mut start = 0;
    let mut columns = 0;
    // End of the last word that fits, and where the next line would begin.
    let mut last_break: Option<(usize, usize)> = None;
    for (at, c) in text.char_indices() {
        let after = at + c.len_utf8();
        if c == ' ' {
            if at == start {
                start = after;
                continue;
            }
            last_break = match last_break {
                Some((end, next)) if next == at => Some((end, after)),
                _ => Some((at, after)),
            };
            columns += 1;
            continue;
        }
        let wide = c.width().unwrap_or(0);
        if columns + wide > width && at > start {
            let (end, next) = last_break.take().unwrap_or((at, at));
            lines.push(start..end);
            start = next;
            columns = text.get(next..at).map_or(0, UnicodeWidthStr::width);
        }
        columns += wide;
    }
    let end = start + text.get(start..).map_or(0, |rest| rest.trim_end_matches(' ').len());
    if end > start {
        lines.push(start..end);
    }
    lines
}

/// The last part of `text` that fits into `width` columns, with `…` for what is left out.
pub fn ending(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut columns = 1;
    let mut start = text.len();
    for (at, c) in text.char_indices().rev() {
        columns += c.width().unwrap_or(0);
        if columns > width {
            break;
        }
        start = at;
    }
    Cow::Owned(format!("…{}", text.get(start..).unwrap_or_default()))
}

/// `text` padded with spaces on the right to `width` columns.
pub fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, width: usize) -> Vec<&str> {
        wrap(text, width).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn text_breaks_at_spaces_and_long_words_are_cut() {
        assert_eq!(lines("we collect your name", 10), ["we collect", "your name"]);
        assert_eq!(lines("we collect your name", 9), ["we", "collect", "your name"]);
        assert_eq!(lines("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(lines("  a  ", 10), ["a"]);
        assert!(lines("", 10).is_empty());
        assert!(lines("   ", 10).is_empty());
    }

    #[test]
    fn wide_characters_count_double() {
        assert_eq!(lines("個人情報", 4), ["個人", "情報"]);
        assert_eq!(pad("個人", 6), "個人  ");
        assert_eq!(ending("個人情報", 8), "個人情報");
        assert_eq!(ending("個人情報", 6), "…情報");
        assert_eq!(ending("個人情報", 1), "…");
    }

    #[test]
    fn no_line_is_wider_than_asked_and_no_word_is_lost() {
        let text = "a bb  ccc dddd eeeee ffffff ggggggg e\u{301}e\u{301} 情報 x";
        for width in 2..30 {
            let lines = lines(text, width);
            assert!(lines.iter().all(|line| line.width() <= width), "{width}: {lines:?}");
            let squeeze = |s: &str| s.replace(' ', "");
            assert_eq!(squeeze(&lines.concat()), squeeze(text), "{width}");
        }
    }

    #[test]
    fn escape_sequences_are_shown_and_not_obeyed() {
        assert_eq!(printable("a\u{1b}[31mb\tc"), "a\\u{1b}[31mb c");
        assert_eq!(printable("\u{202e}x\u{9b}"), "\\u{202e}x\\u{9b}");
        assert!(matches!(printable("näïve — “quoted” 個"), Cow::Borrowed(_)));
    }
}
