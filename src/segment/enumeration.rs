//! Lists written into a sentence: `…, (a) one; (b) two and (c) three`, `• one • two`.
//!
//! Lettered and roman items become sentences of their own, as the training data has them: each
//! states a practice by itself. Numbered ones, `(1) … (2) …`, stay together, again as there.

use super::spans::Protected;
use crate::document::{enumeration_mark, is_bullet, is_roman};

/// How the items of a list are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Style {
    Letters,
    Roman,
    Bullets,
}

/// The mark of an item inside a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) at: usize,
    pub(crate) style: Style,
    pub(crate) first: bool,
}

/// Finds the marks that begin items, in order.
pub(crate) fn marks(text: &str, protected: &Protected) -> Vec<Mark> {
    let mut found = Vec::new();
    let (mut letters, mut romans) = (0u64, 0u64);
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let fresh = before == ' ';
        before = c;
        if !fresh || !(c == '(' || c.is_ascii_lowercase() || is_bullet(c)) {
            continue;
        }
        let rest = &text[at..];
        if is_bullet(c) {
            if rest[c.len_utf8()..].starts_with(' ') {
                found.push((at, 0, 0));
            }
            continue;
        }
        let Some(end) = enumeration_mark(rest) else { continue };
        let mark = &rest[..end];
        let name = mark.trim_start_matches('(').trim_end_matches([')', '.']);
        if !mark.ends_with(')') || name.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        if is_reference(&text[..at], &rest[end..]) || protected.covers(at) {
            continue;
        }
        let (letter, roman) = values(name);
        letters |= 1 << letter;
        romans |= 1 << roman;
        found.push((at, letter, roman));
    }
    // Bit 0 stands for "no value"; a series has a neighbour.
    let (letters, romans) = (letters & !1, romans & !1);
    let has_neighbour = |set: u64, value: u32| {
        value > 0 && (set >> (value + 1) & 1 == 1 || (value > 1 && set >> (value - 1) & 1 == 1))
    };
    found
        .into_iter()
        .filter_map(|(at, letter, roman)| {
            let bullet = letter == 0 && roman == 0;
            let in_romans = has_neighbour(romans, roman);
            let in_letters = has_neighbour(letters, letter);
            let style = match (bullet, in_romans && (!in_letters || roman <= 3), in_letters) {
                (true, ..) => Style::Bullets,
                (_, true, _) => Style::Roman,
                (_, _, true) => Style::Letters,
                _ => return None,
            };
            let first = match style {
                Style::Letters => letter == 1,
                Style::Roman => roman == 1,
                Style::Bullets => false,
            };
            Some(Mark { at, style, first })
        })
        .collect()
}

/// The place of a mark in the alphabet and as a roman number; 0 where it is none.
fn values(name: &str) -> (u32, u32) {
    let lower = name.to_ascii_lowercase();
    let letter = match lower.as_bytes() {
        [only] if only.is_ascii_lowercase() => u32::from(only - b'a') + 1,
        _ => 0,
    };
    let roman = if is_roman(&lower) { roman_value(&lower) } else { 0 };
    (letter, roman.min(60))
}

fn roman_value(name: &str) -> u32 {
    let digit = |c| match c {
        'i' => 1,
        'v' => 5,
        'x' => 10,
        'l' => 50,
        _ => 0,
    };
    let mut total = 0;
    let mut last = 0;
    for value in name.chars().rev().map(digit) {
        if value < last {
            total = u32::saturating_sub(total, value);
        } else {
            total += value;
            last = value;
        }
    }
    total
}

/// Whether a mark belongs to a reference: `paragraphs (a) to (c)`, `Article 6 (f)`, `(b) above`.
fn is_reference(before: &str, after: &str) -> bool {
    let start = before.len().saturating_sub(24);
    let window = before.get(before.ceil_char_boundary(start)..).unwrap_or("").trim_end();
    let word = window.rsplit(' ').next().unwrap_or("").trim_start_matches('(').to_lowercase();
    let singular = word.strip_suffix('s').unwrap_or(&word);
    if matches!(
        singular,
        "section"
            | "paragraph"
            | "clause"
            | "article"
            | "point"
            | "subsection"
            | "subparagraph"
            | "item"
            | "art"
            | "sec"
            | "sub-clause"
            | "letter"
            | "lit."
            | "para"
            | "subclause"
    ) || word.chars().all(|c| c.is_ascii_digit() || c == '.') && !word.is_empty()
    {
        return true;
    }
    let after = after.trim_start();
    let mut words = after.split(' ');
    match words.next() {
        Some("above" | "below" | "of" | "through") => true,
        Some("to" | "and" | "or") => {
            words.next().is_some_and(|next| next.starts_with('(') && next.len() <= 7)
        }
        _ => false,
    }
}
