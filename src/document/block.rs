//! Blocks: the visible text of a document in pieces that each know where they were written.
//!
//! The readers (Markdown, HTML, plain text) feed a [`Builder`] with visible text and source ranges
//! in source order; it collapses white space, keeps the map from text to source, follows the
//! headings and hands each list item the words that introduce its list. It knows nothing of any
//! format and nothing of sentences.

use std::ops::Range;
use std::sync::Arc;

use super::outline::{self, Outline};

/// What a block is in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// A heading; levels 1 to 6 as in HTML, higher ones for lines that only look like headings
    /// (a bold line, `10.2 Licence`).
    Heading {
        /// 1 is the outermost.
        level: u8,
    },
    /// Running text.
    Paragraph,
    /// An item of a list.
    ListItem {
        /// 1 for an item of an outermost list.
        depth: u8,
    },
    /// A cell of a table.
    TableCell,
}

/// A paragraph, heading, list item or table cell.
#[derive(Debug, Clone)]
pub struct Block {
    /// What the block is.
    pub kind: BlockKind,
    /// The visible text: no markup, entities decoded, white space collapsed to single spaces.
    pub text: String,
    /// The titles of the headings above, outermost first; a heading's own title is not among them.
    pub section: Arc<[String]>,
    /// What introduces the list (or heads the table column) that this block belongs to.
    pub lead_in: Option<Arc<str>>,
    map: SpanMap,
    breaks: Vec<Break>,
    whole: bool,
}

impl Block {
    /// The range of the document's text that wrote `range` of this block's text, markup between
    /// its first and last character included.
    pub fn source(&self, range: Range<usize>) -> Range<usize> {
        self.map.source(range)
    }

    /// Whether a block's text can be cut at `at`: not so in the middle of what one entity wrote.
    pub(crate) fn can_cut(&self, at: usize) -> bool {
        self.map.can_cut(at)
    }

    /// Where the source breaks the line on purpose.
    pub(crate) fn breaks(&self) -> &[Break] {
        &self.breaks
    }

    /// Whether the block is one ready-made sentence.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }
}

/// A line break that the author made (`<br>`, two blanks at a line's end).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Break {
    /// Offset in the block's text of the first character after the break.
    pub(crate) at: u32,
    /// Whether everything on the line before is emphasised, as a run-in title is.
    pub(crate) after_strong: bool,
}

/// Maps offsets of a block's text to offsets of the document's text.
#[derive(Debug, Clone, Default)]
struct SpanMap {
    pieces: Vec<Piece>,
    len: u32,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    at: u32,
    start: u32,
    end: u32,
    /// Text and source are the same bytes; otherwise the piece stands for its source as a whole.
    verbatim: bool,
}

impl SpanMap {
    fn push(&mut self, len: usize, source: Range<usize>, verbatim: bool) {
        let (start, end) = (source.start as u32, source.end as u32);
        match self.pieces.last_mut() {
            Some(last) if verbatim && last.verbatim && last.end == start => last.end = end,
            _ => self.pieces.push(Piece { at: self.len, start, end, verbatim }),
        }
        self.len += len as u32;
    }

    fn piece(&self, offset: u32) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.at <= offset);
        self.pieces.get(after.checked_sub(1)?)
    }

    fn source(&self, range: Range<usize>) -> Range<usize> {
        let (first, end) = (range.start as u32, range.end as u32);
        let start = self.piece(first).map_or(0, |piece| {
            if piece.verbatim { piece.start + (first - piece.at) } else { piece.start }
        });
        let end = match end.checked_sub(1).and_then(|last| self.piece(last)) {
            Some(piece) if end > first => {
                if piece.verbatim {
                    piece.start + (end - piece.at)
                } else {
                    piece.end
                }
            }
            _ => start,
        };
        start as usize..end.max(start) as usize
    }

    fn can_cut(&self, at: usize) -> bool {
        let at = at as u32;
        self.piece(at).is_none_or(|piece| piece.verbatim || piece.at == at)
    }
}

/// Collects blocks in source order.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    source: &'a str,
    blocks: Vec<Block>,
    outline: Outline,
    lists: Vec<Option<Arc<str>>>,
    cell_lead_in: Option<Arc<str>>,
    run: Run,
    strong_depth: u32,
    /// Lead-in of paragraphs that are items in all but markup (`(a) …`, `• …`).
    marked_lead_in: Option<Arc<str>>,
    /// What the last block introduces, by the number of blocks: lists may open in dozens.
    introduction: Option<(usize, Option<Arc<str>>)>,
}

/// The text of the block being read.
#[derive(Debug, Default)]
struct Run {
    text: String,
    map: SpanMap,
    breaks: Vec<Break>,
    /// White space seen since the last visible character: where it starts in the source.
    space_from: Option<usize>,
    break_pending: bool,
    line_is_strong: bool,
    all_strong: bool,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self {
            source,
            blocks: Vec::new(),
            outline: Outline::default(),
            lists: Vec::new(),
            cell_lead_in: None,
            run: Run::fresh(),
            strong_depth: 0,
            marked_lead_in: None,
            introduction: None,
        }
    }

    /// Ends the last block and gives all of them.
    pub(crate) fn finish(mut self) -> Vec<Block> {
        self.flush(BlockKind::Paragraph);
        self.blocks
    }

    /// Adds visible text that is written in the source as it is shown.
    pub(crate) fn push_source(&mut self, range: Range<usize>) {
        let source = self.source;
        let Some(text) = source.get(range.clone()) else { return };
        let mut word_start = None;
        let mut before = ' ';
        for (at, c) in text.char_indices() {
            let offset = range.start + at;
            let joins_nothing = is_joiner(c) && before.is_ascii();
            before = c;
            if c.is_whitespace() || is_invisible(c) || joins_nothing {
                if let Some(start) = word_start.take() {
                    self.word(start..offset);
                }
                if c.is_whitespace() {
                    self.space(offset);
                }
            } else if word_start.is_none() {
                word_start = Some(offset);
            }
        }
        if let Some(start) = word_start {
            self.word(start..range.end);
        }
    }

    /// Adds visible text that the source writes in another way (an entity, an escape).
    ///
    /// Of longer text, what both have in common at either end is mapped character by character.
    pub(crate) fn push_written_as(&mut self, visible: &str, range: Range<usize>) {
        let source = self.source;
        let Some(written) = source.get(range.clone()) else { return };
        if visible == written {
            self.push_source(range);
            return;
        }
        if visible.len() <= 16 {
            self.push_replaced(visible, range);
            return;
        }
        // One character stays in the middle, to stand for what only the source has.
        let rest = &visible[..visible.floor_char_boundary(visible.len() - 1)];
        let head = common_prefix(rest, written);
        let tail = common_suffix(&visible[head..], &written[head..]);
        let tail = tail
            .min(visible[head..].len() - visible[head..].chars().next().map_or(0, char::len_utf8));
        self.push_source(range.start..range.start + head);
        let middle = range.start + head..range.end - tail;
        let end = middle.end;
        self.push_replaced(&visible[head..visible.len() - tail], middle);
        self.push_source(end..range.end);
    }

    fn push_replaced(&mut self, visible: &str, range: Range<usize>) {
        let shown: String = visible.chars().filter(|c| !is_invisible(*c)).collect();
        let words = shown.trim();
        if shown.starts_with(char::is_whitespace) || (words.is_empty() && !shown.is_empty()) {
            self.space(range.start);
        }
        if words.is_empty() {
            return;
        }
        let joined = words.split_whitespace().collect::<Vec<_>>().join(" ");
        self.before_visible(range.start);
        self.run.text.push_str(&joined);
        self.run.map.push(joined.len(), range.clone(), false);
        if shown.ends_with(char::is_whitespace) {
            self.space(range.end);
        }
    }

    /// Notes white space at `offset` of the source.
    pub(crate) fn space(&mut self, offset: usize) {
        if !self.run.text.is_empty() && self.run.space_from.is_none() {
            self.run.space_from = Some(offset);
        }
    }

    /// A line break that the author made; two in a row end the block.
    pub(crate) fn hard_break(&mut self, offset: usize, kind: BlockKind) {
        if self.run.break_pending {
            self.flush(kind);
        } else {
            self.space(offset);
            self.run.break_pending = !self.run.text.is_empty();
        }
    }

    /// Enters emphasis that titles are written in.
    pub(crate) fn open_strong(&mut self) {
        self.strong_depth += 1;
    }

    /// Leaves it.
    pub(crate) fn close_strong(&mut self) {
        self.strong_depth = self.strong_depth.saturating_sub(1);
    }

    fn word(&mut self, range: Range<usize>) {
        self.before_visible(range.start);
        self.run.text.push_str(&self.source[range.clone()]);
        self.run.map.push(range.len(), range, true);
    }

    /// Writes the space that is due, and keeps the books of emphasis and line breaks.
    fn before_visible(&mut self, offset: usize) {
        let run = &mut self.run;
        if let Some(from) = run.space_from.take() {
            let plain = offset == from + 1 && self.source.as_bytes().get(from) == Some(&b' ');
            run.map.push(1, from..offset.max(from), plain);
            run.text.push(' ');
            if run.break_pending {
                let (at, after_strong) = (run.text.len() as u32, run.line_is_strong);
                run.breaks.push(Break { at, after_strong });
                run.line_is_strong = true;
            }
        }
        run.break_pending = false;
        if self.strong_depth == 0 {
            run.line_is_strong = false;
            run.all_strong = false;
        }
    }

    /// Ends the block being read, if it has any text, as `kind` (a plain paragraph may turn out to
    /// be a heading or a list item by how it is written).
    pub(crate) fn flush(&mut self, kind: BlockKind) {
        let run = std::mem::replace(&mut self.run, Run::fresh());
        if run.text.is_empty() {
            return;
        }
        let kind = match kind {
            BlockKind::Paragraph if !self.lists.is_empty() => {
                BlockKind::ListItem { depth: self.depth() }
            }
            BlockKind::Paragraph => self.kind_of_paragraph(&run),
            other => other,
        };
        let lead_in = match kind {
            BlockKind::Heading { .. } | BlockKind::Paragraph => None,
            BlockKind::TableCell => self.cell_lead_in.clone(),
            BlockKind::ListItem { .. } if self.lists.is_empty() => self.marked_lead_in.clone(),
            BlockKind::ListItem { .. } => self.lists.last().cloned().flatten(),
        };
        if !matches!(kind, BlockKind::ListItem { .. }) {
            self.marked_lead_in = None;
        }
        let section = match kind {
            BlockKind::Heading { level } => self.outline.enter(level, &run.text),
            _ => self.outline.path(),
        };
        self.blocks.push(Block {
            kind,
            text: run.text,
            section,
            lead_in,
            map: run.map,
            breaks: run.breaks,
            whole: false,
        });
    }

    /// Ends the block being read as one ready-made sentence.
    pub(crate) fn flush_whole(&mut self) {
        let run = std::mem::replace(&mut self.run, Run::fresh());
        if run.text.is_empty() {
            return;
        }
        self.blocks.push(Block {
            kind: BlockKind::Paragraph,
            text: run.text,
            section: self.outline.path(),
            lead_in: None,
            map: run.map,
            breaks: Vec::new(),
            whole: true,
        });
    }

    fn kind_of_paragraph(&mut self, run: &Run) -> BlockKind {
        if let Some(level) = outline::heading_level(&run.text, run.all_strong) {
            return BlockKind::Heading { level };
        }
        if outline::starts_with_item_marker(&run.text) {
            if self.marked_lead_in.is_none() {
                self.marked_lead_in = self.introduction();
            }
            if self.marked_lead_in.is_some() || outline::starts_with_bullet(&run.text) {
                return BlockKind::ListItem { depth: 1 };
            }
        }
        BlockKind::Paragraph
    }

    /// Opens a list; the block before it may introduce it.
    pub(crate) fn open_list(&mut self) {
        let inherited = self.lists.last().cloned().flatten();
        let own = self.introduction();
        self.lists.push(own.or(inherited));
    }

    /// Closes the innermost list.
    pub(crate) fn close_list(&mut self) {
        self.lists.pop();
    }

    /// How deep in lists the reader is; 0 outside.
    pub(crate) fn depth(&self) -> u8 {
        self.lists.len().min(usize::from(u8::MAX)) as u8
    }

    /// Sets what heads the table column of the cells that follow.
    pub(crate) fn set_cell_lead_in(&mut self, lead_in: Option<Arc<str>>) {
        self.cell_lead_in = lead_in;
    }

    /// The text of the last block, if it is a table cell.
    pub(crate) fn last_cell_text(&self) -> Option<Arc<str>> {
        self.blocks
            .last()
            .filter(|block| block.kind == BlockKind::TableCell)
            .map(|block| outline::lead_in(&block.text))
    }

    /// How many blocks there are.
    pub(crate) fn count(&self) -> usize {
        self.blocks.len()
    }

    fn introduction(&mut self) -> Option<Arc<str>> {
        let last = self.blocks.last()?;
        let count = self.blocks.len();
        match &self.introduction {
            Some((known, introduction)) if *known == count => introduction.clone(),
            _ => {
                let introduction = outline::introduction(&last.text, last.kind);
                self.introduction = Some((count, introduction.clone()));
                introduction
            }
        }
    }
}

impl Run {
    fn fresh() -> Self {
        Self { line_is_strong: true, all_strong: true, ..Self::default() }
    }
}

/// Characters that show nothing and only disturb words: zero-width spaces, soft hyphens, marks of
/// byte order.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' | '\0')
}

/// Zero-width joiners: scripts and emoji need them, after ASCII they are debris.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

fn common_prefix(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(x, y)| x == y).map(|(x, _)| x.len_utf8()).sum()
}

fn common_suffix(a: &str, b: &str) -> usize {
    a.chars()
        .rev()
        .zip(b.chars().rev())
        .take_while(|(x, y)| x == y)
        .map(|(x, _)| x.len_utf8())
        .sum()
}
