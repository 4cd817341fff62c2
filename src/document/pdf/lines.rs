//! From pieces to lines in reading order: rows by their baselines, columns by the gutters between.

use super::content::Piece;

/// A gap this wide, in parts of the font's size, parts two words.
const SPACE: f32 = 0.14;
/// A gap this wide may be one between columns.
const GUTTER: f32 = 0.8;
/// Most columns that a page is cut into, as a depth of halvings.
const HALVINGS: usize = 2;
/// Places across a page where a gutter is looked for.
const STEPS: usize = 150;

/// A line of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) left: f32,
    pub(super) right: f32,
    pub(super) y: f32,
    /// Size of the font that most of it is set in.
    pub(super) size: f32,
    /// Whether all of it is bold.
    pub(super) is_bold: bool,
    /// Edges of the column that it stands in.
    pub(super) column: (f32, f32),
}

/// Words on one baseline, from left to right.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) y: f32,
    words: Vec<Piece>,
}

impl Row {
    /// Its text with a space in every gap.
    pub(super) fn text(&self) -> String {
        text_of(&self.words)
    }
}

/// The rows of a page from top to bottom; writing in another direction than most of it (stamps in
/// the margin, watermarks) is left out.
pub(super) fn rows(mut pieces: Vec<Piece>) -> Vec<Row> {
    let mut letters = [0usize; 4];
    for piece in &pieces {
        if let Some(slot) = piece.turn.and_then(|turn| letters.get_mut(usize::from(turn))) {
            *slot += piece.text.len();
        }
    }
    let main = (0..4u8).max_by_key(|turn| (letters[usize::from(*turn)], 4 - turn));
    pieces.retain(|piece| piece.turn == main);
    pieces.sort_by(|a, b| b.y.total_cmp(&a.y).then(a.left.total_cmp(&b.left)));
    let mut rows: Vec<Row> = Vec::new();
    // Small raised or lowered signs belong to the row of the big ones beside them, so these make
    // the rows first.
    let (big, small): (Vec<Piece>, Vec<Piece>) = {
        let mut sizes: Vec<f32> = pieces.iter().map(|piece| piece.size).collect();
        sizes.sort_by(f32::total_cmp);
        let median = sizes.get(sizes.len() / 2).copied().unwrap_or(0.0);
        pieces.into_iter().partition(|piece| piece.size > 0.8 * median)
    };
    for piece in big {
        match rows.last_mut() {
            Some(row) if (row.y - piece.y).abs() < 0.25 * piece.size => row.words.push(piece),
            _ => rows.push(Row { y: piece.y, words: vec![piece] }),
        }
    }
    let count = rows.len();
    let mut loose: Vec<Row> = Vec::new();
    for piece in small {
        let first = rows.partition_point(|row| row.y > piece.y + piece.size);
        let beside = rows.iter_mut().take(count).skip(first).take(8).find(|row| {
            let size = row.words.first().map_or(0.0, |word| word.size);
            let touches = row.words.iter().any(|word| {
                piece.left < word.right + 0.5 * size && piece.right > word.left - 0.5 * size
            });
            touches && piece.y - row.y < 0.7 * size && row.y - piece.y < 0.4 * size
        });
        match (beside, loose.last_mut()) {
            (Some(row), _) => row.words.push(piece),
            (None, Some(row)) if (row.y - piece.y).abs() < 0.25 * piece.size => {
                row.words.push(piece);
            }
            (None, _) => loose.push(Row { y: piece.y, words: vec![piece] }),
        }
    }
    rows.append(&mut loose);
    rows.sort_by(|a, b| b.y.total_cmp(&a.y));
    for row in &mut rows {
        row.words.sort_by(|a, b| a.left.total_cmp(&b.left));
        drop_doubles(&mut row.words);
    }
    rows
}

/// Words printed twice, a hair apart, to look bold.
fn drop_doubles(words: &mut Vec<Piece>) {
    words.dedup_by(|next, word| {
        next.text == word.text && (next.left - word.left).abs() < 0.15 * word.size
    });
}

/// The lines of a page's rows in reading order.
pub(super) fn lines(rows: Vec<Row>) -> Vec<Line> {
    let mut lines = Vec::new();
    in_columns(rows, HALVINGS, &mut lines);
    lines
}

fn in_columns(rows: Vec<Row>, halvings: usize, out: &mut Vec<Line>) {
    let gutter = if halvings > 0 { gutter(&rows) } else { None };
    let Some(gutter) = gutter else {
        let edges = edges(&rows);
        out.extend(rows.into_iter().filter_map(|row| line(&row, edges)));
        return;
    };
    let (mut left, mut right, mut across) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match split(row, gutter) {
            Split::Across(row) => {
                // A title over both columns: what is above it is read first.
                in_columns(std::mem::take(&mut left), halvings - 1, out);
                in_columns(std::mem::take(&mut right), halvings - 1, out);
                across.push(row);
            }
            Split::Parts(first, second) => {
                in_columns(std::mem::take(&mut across), 0, out);
                left.extend(first);
                right.extend(second);
            }
        }
    }
    in_columns(left, halvings - 1, out);
    in_columns(right, halvings - 1, out);
    in_columns(across, 0, out);
}

enum Split {
    Across(Row),
    Parts(Option<Row>, Option<Row>),
}

/// Cuts a row at a gutter, unless words or a gap between words lie across it.
fn split(row: Row, gutter: f32) -> Split {
    if covers(&row, gutter) {
        return Split::Across(row);
    }
    let y = row.y;
    let (left, right): (Vec<Piece>, Vec<Piece>) =
        row.words.into_iter().partition(|word| word.left < gutter);
    let part = |words: Vec<Piece>| (!words.is_empty()).then_some(Row { y, words });
    Split::Parts(part(left), part(right))
}

/// Whether a row's text runs over a place.
fn covers(row: &Row, x: f32) -> bool {
    let mut before: Option<&Piece> = None;
    for word in &row.words {
        if word.left <= x && x <= word.right {
            return true;
        }
        if let Some(before) = before
            && before.right < x
            && x < word.left
        {
            return word.left - before.right < GUTTER * word.size.min(before.size);
        }
        before = Some(word);
    }
    false
}

/// The middle of a gap that runs down between two columns.
fn gutter(rows: &[Row]) -> Option<f32> {
    let (left, right) = edges(rows);
    let width = right - left;
    if rows.len() < 4 || width < 100.0 {
        return None;
    }
    let place = |step: usize| left + width * step as f32 / STEPS as f32;
    let counts: Vec<(usize, usize)> = (STEPS / 5..=STEPS * 4 / 5)
        .filter_map(|step| Some((step, crossings(rows, place(step))?)))
        .collect();
    let least = counts.iter().map(|(_, count)| *count).min()?;
    // The widest run of places that few rows run across.
    let mut widest: Option<(usize, usize)> = None;
    let mut run: Option<(usize, usize)> = None;
    for (step, _) in counts.iter().filter(|(_, count)| *count <= least + 1) {
        run = Some(match run {
            Some((from, last)) if last + 1 == *step => (from, *step),
            _ => (*step, *step),
        });
        if run.map(|(from, to)| to - from) > widest.map(|(from, to)| to - from) {
            widest = run;
        }
    }
    widest.map(|(from, to)| f32::midpoint(place(from), place(to)))
}

/// How many rows run over a place that could be a gutter; `None` where it cannot be one: where
/// too few lines stand on either side, too many run across, or those on the right have no common
/// left edge.
fn crossings(rows: &[Row], x: f32) -> Option<usize> {
    let (mut left, mut right, mut across) = (0usize, Vec::new(), 0usize);
    let (mut left_span, mut right_span) = (Span::default(), Span::default());
    for row in rows {
        if covers(row, x) {
            across += 1;
            continue;
        }
        if row.words.first().is_some_and(|word| word.left < x) {
            left += 1;
            left_span.add(row.y);
        }
        if let Some(word) = row.words.iter().find(|word| word.left >= x) {
            right.push(word.left);
            right_span.add(row.y);
        }
    }
    let fewest = left.min(right.len());
    let overlap = left_span.top.min(right_span.top) - left_span.bottom.max(right_span.bottom);
    if fewest < 3 || across * 2 > fewest.max(left.max(right.len()) / 2) || overlap <= 0.0 {
        return None;
    }
    right.sort_by(f32::total_cmp);
    let edge = right.get(right.len() / 10).copied()?;
    let aligned = right.iter().filter(|start| (**start - edge).abs() < 3.0).count();
    (aligned * 2 >= right.len()).then_some(across)
}

/// A stretch of heights.
#[derive(Debug, Clone, Copy)]
struct Span {
    top: f32,
    bottom: f32,
}

impl Default for Span {
    fn default() -> Self {
        Self { top: f32::MIN, bottom: f32::MAX }
    }
}

impl Span {
    fn add(&mut self, y: f32) {
        self.top = self.top.max(y);
        self.bottom = self.bottom.min(y);
    }
}

fn edges(rows: &[Row]) -> (f32, f32) {
    let words = || rows.iter().flat_map(|row| &row.words);
    let left = words().map(|word| word.left).fold(f32::MAX, f32::min);
    (left, words().map(|word| word.right).fold(f32::MIN, f32::max))
}

fn line(row: &Row, column: (f32, f32)) -> Option<Line> {
    let text = row.text();
    let (first, last) = (row.words.first()?, row.words.last()?);
    let longest = row.words.iter().max_by_key(|word| word.text.len())?;
    let lettered = || row.words.iter().filter(|word| word.text.contains(char::is_alphanumeric));
    Some(Line {
        text,
        left: first.left,
        right: last.right,
        y: row.y,
        size: longest.size,
        is_bold: lettered().count() > 0 && lettered().all(|word| word.is_bold),
        column,
    })
}

fn text_of(words: &[Piece]) -> String {
    let mut text = String::new();
    let mut end: Option<f32> = None;
    for word in words {
        let size = word.size;
        if end.is_some_and(|end| word.left - end > SPACE * size) {
            text.push(' ');
        }
        for c in word.text.chars() {
            push_letters(c, &mut text);
        }
        end = Some(word.right.max(end.unwrap_or(word.right)));
    }
    let shown: Vec<&str> = text.split_whitespace().collect();
    // A sign that no font map explains, alone before words, is the bullet of an item.
    match shown.split_first() {
        Some((&"\u{fffd}", words)) if !words.is_empty() => format!("• {}", words.join(" ")),
        _ => shown.join(" "),
    }
}

/// Adds a character as it is written outside fonts: ligatures in letters, bullets of symbol fonts
/// as bullets, no control characters.
fn push_letters(c: char, text: &mut String) {
    match c {
        '\u{fb00}' => text.push_str("ff"),
        '\u{fb01}' => text.push_str("fi"),
        '\u{fb02}' => text.push_str("fl"),
        '\u{fb03}' => text.push_str("ffi"),
        '\u{fb04}' => text.push_str("ffl"),
        '\u{fb05}' | '\u{fb06}' => text.push_str("st"),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\t' | '\n' | '\r' => text.push(' '),
        // Symbols of fonts such as Wingdings, which lists use as bullets.
        '\u{e000}'..='\u{f8ff}' => text.push('•'),
        c if c.is_control() => {}
        c => text.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, left: f32, y: f32) -> Piece {
        let right = left + 5.0 * text.len() as f32;
        let text = text.to_owned();
        Piece { text, left, right, y, size: 10.0, is_bold: false, turn: Some(0) }
    }

    fn texts(pieces: Vec<Piece>) -> Vec<String> {
        lines(rows(pieces)).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn gaps_part_words_and_letters_do_not() {
        let pieces =
            vec![word("data", 40.0, 100.5), word("sell", 15.0, 100.0), word("s", 60.0, 100.0)];
        assert_eq!(texts(pieces), ["sell datas"]);
        assert_eq!(texts(vec![word("o\u{fb03}ce", 0.0, 0.0)]), ["office"]);
    }

    #[test]
    fn a_raised_figure_stays_in_its_row() {
        let mut note = word("1", 30.0, 104.0);
        note.size = 6.0;
        let pieces =
            vec![word("data", 10.0, 100.0), note, word("next", 10.0, 88.0), word("x", 0.0, 76.0)];
        assert_eq!(texts(pieces), ["data1", "next", "x"]);
    }

    #[test]
    fn two_columns_are_read_one_after_the_other_and_titles_across_in_between() {
        let mut pieces = vec![word("A title that runs across both of the columns", 50.0, 700.0)];
        for n in 0..8 {
            let y = 680.0 - 12.0 * n as f32;
            pieces.push(word(&format!("left column, line {n}"), 50.0, y));
            pieces.push(word(&format!("right column, line {n}"), 180.0, y - 1.0));
        }
        let lines = texts(pieces);
        assert_eq!(lines.len(), 17);
        assert!(lines[0].starts_with("A title"));
        assert_eq!(
            [lines[8].as_str(), lines[9].as_str()],
            ["left column, line 7", "right column, line 0"]
        );
    }

    #[test]
    fn one_column_of_ragged_lines_is_not_cut() {
        let pieces: Vec<Piece> = (0..40)
            .flat_map(|n| {
                let y = 700.0 - 12.0 * n as f32;
                let shift = (n * 7 % 13) as f32;
                (0..8).map(move |w| word("words", 50.0 + shift + 30.0 * w as f32, y))
            })
            .collect();
        assert_eq!(texts(pieces).len(), 40);
    }

    #[test]
    fn a_stamp_in_the_margin_is_left_out() {
        let mut stamp = word("DRAFT", 0.0, 0.0);
        stamp.turn = None;
        let mut aside = word("copy 7", 0.0, 0.0);
        aside.turn = Some(1);
        assert_eq!(texts(vec![word("We sell data.", 10.0, 10.0), stamp, aside]), ["We sell data."]);
    }
}
