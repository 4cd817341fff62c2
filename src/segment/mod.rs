//! Sentences: from the blocks of a document to quoted sentences with their place in the text.
//!
//! The rules are those of legal English. Every visible letter of the document is in exactly one
//! sentence; sentences are in order, do not overlap and are never empty. What a sentence says is
//! no matter here.

mod abbreviations;
mod enumeration;
mod spans;
mod split;
pub(crate) mod words;

use std::ops::Range;
use std::sync::Arc;

use crate::document::{
    Block, BlockKind, Document, is_bullet, is_capitals, starts_with_item_marker,
};
use enumeration::{Mark, Style};
use spans::Protected;
pub use words::sentence_id;

/// A sentence (or title, list item, table cell) of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Sentence {
    /// The visible text, white space collapsed.
    pub text: String,
    /// What introduces the list that the sentence is an item of.
    pub lead_in: Option<Arc<str>>,
    /// The titles of the headings above, outermost first.
    pub section: Arc<[String]>,
    /// Where it is written in [`Document::text`], markup between its first and last letter included.
    pub range: Range<usize>,
    /// Number of its block in [`Document::blocks`].
    pub block: usize,
    /// What its block is.
    pub kind: BlockKind,
    /// Line of its first character, from 1.
    pub line: usize,
    /// Column of its first character, in characters from 1.
    pub column: usize,
}

/// Cuts a document into sentences.
pub fn sentences(document: &Document) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    for (number, block) in document.blocks().iter().enumerate() {
        for piece in pieces(block) {
            let range = block.source(piece.range.clone());
            let (line, column) = document.position(range.start);
            sentences.push(Sentence {
                text: block.text[piece.range].to_owned(),
                lead_in: piece.lead_in.or_else(|| block.lead_in.clone()),
                section: Arc::clone(&block.section),
                range,
                block: number,
                kind: block.kind,
                line,
                column,
            });
        }
    }
    sentences
}

/// Cuts one block's text into sentences; the ranges are trimmed, in order and never empty.
///
/// ```
/// let text = "We use cookies, e.g. for Acme Inc. ads. You may opt out.";
/// let ranges = fineprint::segment::split(text);
/// assert_eq!(&text[ranges[1].clone()], "You may opt out.");
/// ```
pub fn split(text: &str) -> Vec<Range<usize>> {
    let protected = Protected::find(text);
    let mut cuts = split::cuts(text, &protected);
    cuts.extend(enumeration::marks(text, &protected).iter().map(|mark| mark.at));
    ranges(text, cuts)
}

/// A sentence of a block, with the introduction of the list inside the block that it belongs to.
struct Piece {
    range: Range<usize>,
    lead_in: Option<Arc<str>>,
}

fn pieces(block: &Block) -> Vec<Piece> {
    let text = &block.text;
    if block.is_whole() {
        return vec![Piece { range: 0..text.len(), lead_in: None }];
    }
    let protected = Protected::find(text);
    let marks = enumeration::marks(text, &protected);
    let mut cuts = split::cuts(text, &protected);
    cuts.extend(marks.iter().map(|mark| mark.at));
    cuts.extend(line_cuts(block));
    cuts.retain(|cut| block.can_cut(*cut));
    with_introductions(text, ranges(text, cuts), &marks)
}

/// Cuts at line breaks that the author made: before an item, after a title.
fn line_cuts(block: &Block) -> Vec<usize> {
    let breaks = block.breaks();
    let mut cuts = Vec::new();
    let mut start = 0;
    for (number, line_break) in breaks.iter().enumerate() {
        let at = line_break.at as usize;
        let end = breaks.get(number + 1).map_or(block.text.len(), |next| next.at as usize);
        let before = block.text[start..at].trim();
        let after = block.text[at..end].trim();
        if parts(before, after, line_break.after_strong) {
            cuts.push(at);
        }
        start = at;
    }
    cuts
}

/// Whether a line break parts two sentences.
fn parts(before: &str, after: &str, after_strong: bool) -> bool {
    if starts_with_item_marker(after) || after.starts_with(is_bullet) {
        return true;
    }
    let running = after.len() > 40 && after.contains(['.', ';', '?', '!']);
    let open = !before.ends_with(['.', ',', ';', '-', '–', '/', '&']);
    let title = before.len() <= 90 && open && before.starts_with(|c: char| !c.is_lowercase());
    let begins = after.starts_with(|c: char| !c.is_lowercase());
    let capitals = is_capitals(before) && !is_capitals(after);
    begins
        && title
        && running
        && (after_strong || capitals || before.len() <= 60 || before.ends_with(['?', ':']))
}

/// Gives the items of a list inside the text the words that introduce it.
fn with_introductions(text: &str, ranges: Vec<Range<usize>>, marks: &[Mark]) -> Vec<Piece> {
    let mut marks = marks.iter().peekable();
    let mut introductions: [Option<Arc<str>>; 3] = [None, None, None];
    let mut pieces: Vec<Piece> = Vec::with_capacity(ranges.len());
    for range in ranges {
        while marks.peek().is_some_and(|mark| mark.at < range.start) {
            marks.next();
        }
        let lead_in = marks.next_if(|mark| mark.at == range.start).and_then(|mark| {
            let slot = introductions.get_mut(match mark.style {
                Style::Letters => 0,
                Style::Roman => 1,
                Style::Bullets => 2,
            })?;
            let before = pieces.last().map(|piece| &text[piece.range.clone()]);
            let opens = mark.first || (mark.style == Style::Bullets && slot.is_none());
            if opens {
                *slot = before.filter(|words| introduces(words)).map(crate::document::lead_in);
            }
            slot.clone()
        });
        pieces.push(Piece { range, lead_in });
    }
    pieces
}

fn introduces(words: &str) -> bool {
    !words.ends_with(['.', '!', ';'])
}

/// Ranges between cuts, trimmed; what has no letter or digit joins its neighbour.
fn ranges(text: &str, mut cuts: Vec<usize>) -> Vec<Range<usize>> {
    cuts.sort_unstable();
    cuts.dedup();
    cuts.push(text.len());
    let mut ranges: Vec<Range<usize>> = Vec::new();
    // `start` is where the range being made begins; it may wait over several cuts for its words.
    let (mut start, mut read) = (0, 0);
    for cut in cuts {
        let Some(part) = text.get(read..cut) else { continue };
        read = cut;
        if part.contains(char::is_alphanumeric) && !is_mark(text.get(start..cut).unwrap_or("")) {
            ranges.push(start..cut);
            start = cut;
        } else if let Some(last) = ranges.last_mut() {
            last.end = cut;
            start = cut;
        }
    }
    let rest = text.get(start..).unwrap_or("");
    if rest.contains(char::is_alphanumeric) {
        ranges.push(start..text.len());
    }
    for range in &mut ranges {
        let part = &text[range.clone()];
        range.start += part.len() - part.trim_start().len();
        range.end -= part.len() - part.trim_end().len();
    }
    ranges
}

/// Whether a part is the mark of an item and nothing else.
fn is_mark(part: &str) -> bool {
    part.len() <= 16 && crate::document::enumeration_mark(part.trim()) == Some(part.trim().len())
}
