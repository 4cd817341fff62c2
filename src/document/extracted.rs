//! Text taken out of a format whose bytes are no text (DOCX, PDF): the text with its parts, each
//! with what it is and where it stands, ready to become blocks.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::block::{Block, BlockKind, Builder};
use super::outline;
use crate::limits::DOCUMENT_BYTES;

/// Text, and what its parts are.
///
/// It can be written and read back, since a PDF is read in another process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extracted {
    text: String,
    parts: Vec<Part>,
    /// Offsets in the text where a page or paragraph begins, and its number, from 1.
    places: Vec<(u32, u32)>,
}

/// A stretch of the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    start: u32,
    end: u32,
    kind: PartKind,
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PartKind {
    /// A heading by its style or size.
    Heading(u8),
    /// Running text, which may turn out to be a heading or an item by how it is written; whether
    /// all of it is emphasised.
    Paragraph { strong: bool },
    /// An item of a list; 1 is the outermost.
    Item(u8),
    /// A cell of a table; the number of the part that heads its column.
    Cell { head: Option<u32> },
}

impl Extracted {
    /// Adds a part, unless it has no visible text; line breaks inside it are the author's. Gives
    /// its number.
    pub(crate) fn push(&mut self, text: &str, kind: PartKind, place: u32) -> Option<u32> {
        self.push_over(text, kind, place, &[])
    }

    /// As [`push`](Self::push), a part that runs over several places: `turns` are the offsets in
    /// it where later ones begin.
    pub(crate) fn push_over(
        &mut self,
        text: &str,
        kind: PartKind,
        place: u32,
        turns: &[(usize, u32)],
    ) -> Option<u32> {
        let cut = text.len() - text.trim_start().len();
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let start = self.text.len() as u32;
        self.text.push_str(text);
        self.parts.push(Part { start, end: self.text.len() as u32, kind });
        self.places.push((start, place));
        let inside = |at: usize| (start as usize + at.saturating_sub(cut)).min(self.text.len());
        self.places.extend(turns.iter().map(|(at, place)| (inside(*at) as u32, *place)));
        Some(self.parts.len() as u32 - 1)
    }

    /// The text, a line for each line of a part.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many parts there are.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether the parts are stretches of the text in order, as they are when this module made
    /// them and may not be when another process did.
    pub fn is_sound(&self) -> bool {
        let mut end = 0;
        self.text.len() <= 2 * DOCUMENT_BYTES
            && self.places.is_sorted_by_key(|(start, _)| *start)
            && self.parts.iter().enumerate().all(|(number, part)| {
                let is_next = end <= part.start && part.start < part.end;
                end = part.end;
                let is_text = self.text.get(part.start as usize..part.end as usize).is_some();
                let head = match part.kind {
                    PartKind::Cell { head } => head,
                    _ => None,
                };
                is_next && is_text && head.is_none_or(|head| (head as usize) < number)
            })
    }

    pub(super) fn into_text(self) -> (String, Places) {
        (self.text, Places { starts: self.places })
    }

    /// The blocks; with `lines` each part is one ready-made sentence.
    pub(super) fn blocks(&self, lines: bool) -> Vec<Block> {
        let mut out = Builder::new(&self.text);
        for part in &self.parts {
            let range = part.start as usize..part.end as usize;
            if lines {
                out.push_source(range);
                out.flush_whole();
                continue;
            }
            let depth = match part.kind {
                PartKind::Item(depth) => depth.max(1),
                _ => 0,
            };
            while out.depth() > depth {
                out.close_list();
            }
            while out.depth() < depth {
                out.open_list();
            }
            self.block(&mut out, part.kind, range);
        }
        out.finish()
    }

    fn block(&self, out: &mut Builder<'_>, kind: PartKind, range: Range<usize>) {
        let (kind, is_strong) = match kind {
            PartKind::Heading(level) => (BlockKind::Heading { level }, false),
            PartKind::Paragraph { strong } => (BlockKind::Paragraph, strong),
            PartKind::Item(_) => (BlockKind::Paragraph, false),
            PartKind::Cell { head } => {
                let head = head.and_then(|head| self.parts.get(head as usize));
                let head = head.and_then(|h| self.text.get(h.start as usize..h.end as usize));
                out.set_cell_lead_in(head.map(outline::lead_in));
                (BlockKind::TableCell, false)
            }
        };
        if is_strong {
            out.open_strong();
        }
        let mut at = range.start;
        for line in self.text.get(range).unwrap_or_default().split_inclusive('\n') {
            out.push_source(at..at + line.len());
            at += line.len();
            if line.ends_with('\n') {
                out.hard_break(at - 1, kind);
            }
        }
        out.flush(kind);
        if is_strong {
            out.close_strong();
        }
        out.set_cell_lead_in(None);
    }
}

/// Pages or paragraphs, by where they begin in the text.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    starts: Vec<(u32, u32)>,
}

impl Places {
    pub(super) fn at(&self, offset: usize) -> Option<usize> {
        let after = self.starts.partition_point(|(start, _)| *start as usize <= offset);
        self.starts.get(after.checked_sub(1)?).map(|(_, place)| *place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Extracted {
        let mut extracted = Extracted::default();
        extracted.push("Sharing", PartKind::Heading(1), 1);
        extracted.push("  We share data with:  ", PartKind::Paragraph { strong: false }, 1);
        extracted.push("partners;", PartKind::Item(1), 2);
        extracted.push(" \n ", PartKind::Item(1), 2);
        extracted.push("advertisers.", PartKind::Item(1), 3);
        let head = extracted.push("Purpose", PartKind::Cell { head: None }, 3);
        extracted.push("Ads\nand more", PartKind::Cell { head }, 4);
        extracted
    }

    #[test]
    fn parts_become_blocks_with_their_headings_and_lead_ins() {
        let extracted = sample();
        assert!(extracted.is_sound());
        let blocks = extracted.blocks(false);
        let texts: Vec<&str> = blocks.iter().map(|block| block.text.as_str()).collect();
        let expected = [
            "Sharing",
            "We share data with:",
            "partners;",
            "advertisers.",
            "Purpose",
            "Ads and more",
        ];
        assert_eq!(texts, expected);
        assert_eq!(blocks[3].kind, BlockKind::ListItem { depth: 1 });
        assert_eq!(blocks[3].lead_in.as_deref(), Some("We share data with:"));
        assert_eq!(blocks[3].section.as_ref(), ["Sharing"]);
        assert_eq!(blocks[5].lead_in.as_deref(), Some("Purpose"));
        assert_eq!(&extracted.text()[blocks[3].source(0..12)], "advertisers.");
        assert_eq!(extracted.blocks(true).len(), 6);
        let (text, places) = extracted.into_text();
        assert_eq!(places.at(text.find("advertisers").unwrap()), Some(3));
        assert_eq!(places.at(0), Some(1));
    }

    #[test]
    fn an_answer_that_does_not_fit_is_told() {
        let good = serde_json::to_value(sample()).unwrap();
        let back: Extracted = serde_json::from_value(good.clone()).unwrap();
        assert_eq!(back, sample());
        let bend = |part: usize, field: &str, value: u32| {
            let mut bent = good.clone();
            bent["parts"][part][field] = value.into();
            serde_json::from_value::<Extracted>(bent).unwrap().is_sound()
        };
        assert!(bend(5, "end", 69), "within the text");
        assert!(!bend(1, "start", 3), "overlaps");
        assert!(!bend(5, "end", 99), "out of range");
        assert!(!bend(2, "end", 0), "backwards");
    }
}
