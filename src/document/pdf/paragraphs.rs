//! From lines to paragraphs and headings: by distance, indentation, size and where lines end.

use std::collections::{HashMap, HashSet};

use super::super::extracted::{Extracted, PartKind};
use super::super::outline::{is_bullet, starts_with_item_marker};
use super::lines::Line;

/// A size this much larger than the text's is that of a heading.
const LARGER: f32 = 1.12;
/// Longest heading that is told by its size, in bytes.
const HEADING_BYTES: usize = 240;

/// First parts of compounds that keep their hyphen at a line's end.
const FIRST_PARTS: &[&str] = &[
    "third", "opt", "non", "self", "e", "co", "cross", "end", "real", "long", "short", "well",
    "on", "in", "up", "multi", "user", "first", "second", "high", "low", "full", "part", "de",
    "up", "to", "so", "pre", "day", "one", "two", "work", "data", "anti", "must",
];

/// Lines that belong together.
struct Paragraph<'a> {
    lines: Vec<&'a Line>,
    page: u32,
    /// Where in `lines` later pages begin.
    turns: Vec<(usize, u32)>,
}

/// Joins the lines of all pages, each with the number of its page, to parts.
pub(super) fn assemble(pages: &[(u32, Vec<Line>)]) -> Extracted {
    let leading = leading(pages);
    let body = body_size(pages);
    let words = vocabulary(pages);
    let mut paragraphs: Vec<Paragraph<'_>> = Vec::new();
    for (page, lines) in pages {
        for line in lines {
            let current = paragraphs.last_mut();
            match current {
                Some(current) if continues(current, line, *page, leading) => {
                    let known = current.turns.last().map_or(current.page, |(_, page)| *page);
                    if known != *page {
                        current.turns.push((current.lines.len(), *page));
                    }
                    current.lines.push(line);
                }
                _ => {
                    paragraphs.push(Paragraph {
                        lines: vec![line],
                        page: *page,
                        turns: Vec::new(),
                    });
                }
            }
        }
    }
    let levels = heading_levels(&paragraphs, body);
    let mut out = Extracted::default();
    for paragraph in &paragraphs {
        let (text, turns) = joined(paragraph, &words);
        let size = rounded(paragraph.lines.first().map_or(0.0, |line| line.size));
        let level = levels.iter().position(|level| *level == size).map(|at| (at + 1).min(6) as u8);
        let kind = match level.filter(|_| text.len() <= HEADING_BYTES) {
            Some(level) => PartKind::Heading(level),
            None => PartKind::Paragraph { strong: paragraph.lines.iter().all(|line| line.is_bold) },
        };
        out.push_over(&text, kind, paragraph.page, &turns);
    }
    out
}

/// Whether a line goes on with a paragraph.
fn continues(paragraph: &Paragraph<'_>, line: &Line, page: u32, leading: f32) -> bool {
    let (Some(first), Some(last)) = (paragraph.lines.first(), paragraph.lines.last()) else {
        return false;
    };
    let size = last.size;
    if (line.size - size).abs() > 0.08 * size.max(line.size) || starts_item(&line.text) {
        return false;
    }
    let last_page = paragraph.turns.last().map_or(paragraph.page, |(_, page)| *page);
    let drop = last.y - line.y;
    let is_below = last_page == page && drop > 0.0 && last.column == line.column;
    let ends = last.text.ends_with(['.', ':', ';', '!', '?', '”', '"', ')']);
    let begins_lower = line.text.starts_with(char::is_lowercase);
    let usual = leading * size;
    if !is_below {
        // A title over two columns is no part of the first.
        if last_page == page && drop > usual + 0.5 * size {
            return false;
        }
        // Over the end of a column or page only what is plainly unfinished goes on.
        let is_open = last.text.ends_with([',', '-', '\u{2010}', '\u{ad}']) || begins_lower;
        let is_full = is_full(last, line);
        return line.is_bold == last.is_bold && !ends && (is_open || is_full);
    }
    // Sizes differ in their distances; headings are wider apart.
    if drop > 1.35 * usual.max(size) && drop > usual + 0.3 * size {
        return false;
    }
    let is_full = is_full(last, line);
    if line.is_bold != last.is_bold && (!is_full || drop > 1.1 * usual) {
        return false;
    }
    if !is_full && (ends || (!begins_lower && numbered(&line.text))) {
        return false;
    }
    if ends && numbered(&line.text) {
        return false;
    }
    // Items whose bullets are drawn show by their indentation.
    if last.text.ends_with(';') && first.left > first.column.0 + 0.8 * size {
        return false;
    }
    let is_centred = ((line.left + line.right) - (last.left + last.right)).abs() < size;
    let hangs = starts_item(&first.text) || numbered(&first.text);
    let is_indented = line.left > last.left + 0.8 * size;
    if is_indented && !is_centred && !hangs && !begins_lower {
        return false;
    }
    let is_outdented = line.left < first.left - 0.8 * size;
    if hangs && is_outdented && ends {
        return false;
    }
    let width = line.column.1 - line.column.0;
    let is_short = last.right < last.column.1 - 0.35 * width;
    !(is_short && !is_full && !begins_lower && !is_centred)
}

/// Whether a line was broken because the next word did not fit.
fn is_full(line: &Line, next: &Line) -> bool {
    let letters = next.text.chars().count().max(1) as f32;
    let word = next.text.split(' ').next().map_or(0, |word| word.chars().count()) as f32;
    let width = (next.right - next.left) / letters * word;
    line.right + 0.25 * line.size + width > line.column.1 - 0.6 * line.size
}

fn starts_item(text: &str) -> bool {
    starts_with_item_marker(text) || text.starts_with(is_bullet)
}

/// Whether a line begins with a clause number: `3.`, `10.2`, `(4)`.
fn numbered(text: &str) -> bool {
    let word = text.split(' ').next().unwrap_or_default();
    let body = word.trim_start_matches(['(', '§']);
    let is_number = body.starts_with(|c: char| c.is_ascii_digit())
        && body.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ')'));
    is_number && word.len() <= 8 && body.contains(['.', ')'])
}

/// A paragraph's text, and the offsets in it where pages turn.
fn joined(paragraph: &Paragraph<'_>, words: &HashSet<String>) -> (String, Vec<(usize, u32)>) {
    let mut text = String::new();
    let mut places = Vec::new();
    let mut turns = paragraph.turns.iter().peekable();
    for (number, line) in paragraph.lines.iter().enumerate() {
        if number > 0 {
            join(&mut text, &line.text, words);
        }
        if let Some((_, page)) = turns.next_if(|(at, _)| *at == number) {
            places.push((text.len(), *page));
        }
        text.push_str(&line.text);
    }
    (text, places)
}

/// Makes the end of a line ready for the next one: a space, or a hyphen taken away.
fn join(text: &mut String, next: &str, words: &HashSet<String>) {
    if text.ends_with('\u{ad}') {
        text.pop();
        return;
    }
    let Some(stem) = text.strip_suffix(['-', '\u{2010}']) else {
        text.push(' ');
        return;
    };
    let head = stem.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let tail = next.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let is_word = !head.is_empty() && tail.starts_with(char::is_lowercase);
    if head.is_empty() {
        // A dash, or a range of numbers.
        if stem.ends_with(' ') {
            text.push(' ');
        }
        return;
    }
    let whole = format!("{head}{tail}").to_lowercase();
    let parts = format!("{head}-{tail}").to_lowercase();
    let keeps = words.contains(&parts)
        || (!words.contains(&whole) && FIRST_PARTS.contains(&head.to_lowercase().as_str()));
    if is_word && !keeps {
        text.pop();
    }
}

/// The words inside lines, in lower case, with their hyphens.
fn vocabulary(pages: &[(u32, Vec<Line>)]) -> HashSet<String> {
    let mut words = HashSet::new();
    for line in pages.iter().flat_map(|(_, lines)| lines) {
        let count = line.text.split(' ').count();
        for (number, word) in line.text.split(' ').enumerate() {
            let is_cut = number + 1 == count && word.ends_with(['-', '\u{2010}']);
            let word = word.trim_matches(|c: char| !c.is_alphanumeric());
            if !is_cut && word.len() <= 40 && number > 0 {
                words.insert(word.to_lowercase());
            }
        }
    }
    words
}

/// The usual distance between lines, in parts of the font's size.
fn leading(pages: &[(u32, Vec<Line>)]) -> f32 {
    let mut distances: Vec<f32> = pages
        .iter()
        .flat_map(|(_, lines)| lines.iter().zip(lines.iter().skip(1)))
        .filter(|(a, b)| a.column == b.column && (a.size - b.size).abs() < 0.1)
        .map(|(a, b)| (a.y - b.y) / a.size)
        .filter(|d| (0.8..3.0).contains(d))
        .collect();
    distances.sort_by(f32::total_cmp);
    // Lines of a paragraph are closer than paragraphs: the lower third, not the middle.
    distances.get(distances.len() / 3).copied().unwrap_or(1.2)
}

/// The size that most letters are set in.
fn body_size(pages: &[(u32, Vec<Line>)]) -> f32 {
    let mut letters: HashMap<u32, usize> = HashMap::new();
    for line in pages.iter().flat_map(|(_, lines)| lines) {
        *letters.entry(rounded(line.size)).or_default() += line.text.len();
    }
    let most = letters.into_iter().max_by_key(|(size, count)| (*count, *size));
    most.map_or(0.0, |(size, _)| size as f32 / 2.0)
}

/// Sizes of headings, largest first, in half points.
fn heading_levels(paragraphs: &[Paragraph<'_>], body: f32) -> Vec<u32> {
    let mut sizes: Vec<u32> = paragraphs
        .iter()
        .filter_map(|paragraph| paragraph.lines.first())
        .filter(|line| line.size > LARGER * body)
        .map(|line| rounded(line.size))
        .collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    sizes
}

/// A size in half points, so that those which differ by rounding are the same.
fn rounded(size: f32) -> u32 {
    (size * 2.0).round() as u32
}
