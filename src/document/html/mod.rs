//! HTML to blocks, from the tokens alone: no tree is built and nothing recurses, so nesting costs
//! nothing.
//!
//! Left out: scripts and the like, navigation, page headers and footers (not those inside an
//! article or section), forms' controls, and what is hidden by attribute or inline style. An
//! element is left out only if it is closed properly: one that is opened and never closed must not
//! swallow the page. Panels that a reader can unfold (tabs, accordions) count as shown. Style
//! sheets are not read.

mod entities;
mod tags;
mod tokens;
mod tree;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use memchr::memchr;

use super::Warning;
use super::block::{Block, BlockKind, Builder};
use tags::{Role, Tag};
use tokens::{Marks, Token, TokenKind};
use tree::{Closing, Open, Stack};

/// Reads the blocks of an HTML page.
pub(crate) fn read(text: &str, warnings: &mut Vec<Warning>) -> Vec<Block> {
    let mut out = Builder::new(text);
    read_into(&mut out, text, 0..text.len(), warnings);
    out.finish()
}

/// Reads a part of a text as HTML.
pub(crate) fn read_into(
    out: &mut Builder<'_>,
    text: &str,
    range: Range<usize>,
    warnings: &mut Vec<Warning>,
) {
    let tokens = tokens::tokenize(text, range, warnings);
    let mut reader = Reader {
        out,
        text,
        droppable: closed_properly(&tokens),
        shades: Vec::new(),
        heading: None,
        pre: None,
        strong: Vec::new(),
        lists: 0,
        tables: Vec::new(),
    };
    let mut stack = Stack::default();
    for (number, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Text => reader.text(token.start as usize..token.end as usize),
            TokenKind::Start { tag, marks } => {
                let open = Open { tag, marks, token: number as u32 };
                if stack.open(open, |open, _| reader.close(open)) {
                    let around_content = tag.role == Role::Margin || marks.chrome;
                    let in_content = around_content && stack.holds(Role::Content);
                    reader.open(open, token, in_content);
                } else {
                    reader.untracked(tag.role, token);
                }
            }
            TokenKind::End { tag } => {
                reader.end_tag(tag, token);
                stack.close(tag, |open, _| reader.close(open));
            }
        }
    }
    stack.finish(|open, _| reader.close(open));
    reader.flush();
}

/// What a tag inside Markdown does to the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: emphasis, comments.
    None,
    /// Parts words.
    Space,
    /// Begins a new line.
    Break,
}

/// What an inline tag does to the Markdown text around it.
pub(crate) fn effect_in_markdown(tag: &str) -> Effect {
    let name = tag.trim_start_matches(['<', '/']);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    match tags::role(name[..end].to_ascii_lowercase().as_bytes()) {
        Role::LineBreak => Effect::Break,
        Role::Void => Effect::Space,
        Role::Ignored => Effect::None,
        role if role.is_inline() => Effect::None,
        _ => Effect::Break,
    }
}

/// Numbers of the start tags of elements that may be left out because they are closed properly.
fn closed_properly(tokens: &[Token]) -> HashSet<u32> {
    let mut proper = HashSet::new();
    let mut stack = Stack::default();
    let mut note = |open: Open, closing: Closing| {
        if closing == Closing::Proper && may_be_dropped(open.tag.role, open.marks) {
            proper.insert(open.token);
        }
    };
    for (number, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Text => {}
            TokenKind::Start { tag, marks } => {
                stack.open(Open { tag, marks, token: number as u32 }, &mut note);
            }
            TokenKind::End { tag } => stack.close(tag, &mut note),
        }
    }
    stack.finish(&mut note);
    proper
}

fn may_be_dropped(role: Role, marks: Marks) -> bool {
    marks.hidden
        || marks.chrome
        || matches!(role, Role::Chrome | Role::Margin | Role::Button | Role::Dialog | Role::Dropped)
}

/// What is not shown inside an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shade {
    /// Everything but headings down to a level: a page header holds the document's title, an
    /// accordion's button the title of its panel.
    AllButHeadings(u8),
    All,
}

struct Reader<'a, 'b> {
    out: &'a mut Builder<'b>,
    text: &'a str,
    droppable: HashSet<u32>,
    /// Open elements that hide something, by the number of their start tag; the strongest of them
    /// so far beside each.
    shades: Vec<(u32, Shade)>,
    heading: Option<(u32, u8)>,
    /// Start tag of the open `<pre>`.
    pre: Option<u32>,
    /// Start tags of the emphasis that is in force. An end tag ends it even where a block that
    /// was opened inside keeps the element open.
    strong: Vec<u32>,
    /// Lists that were opened here: a part of a Markdown document must close its own only.
    lists: usize,
    tables: Vec<Table>,
}

/// A table being read.
#[derive(Default)]
struct Table {
    head: Vec<Option<Arc<str>>>,
    row: Vec<Option<Arc<str>>>,
    row_is_head: bool,
    /// Depth of lists outside the open cell.
    cell: Option<usize>,
    cell_from: usize,
}

impl Reader<'_, '_> {
    fn open(&mut self, open: Open, token: &Token, in_content: bool) {
        let role = open.tag.role;
        self.untracked(role, token);
        if let Some(shade) = self.shade_of(open, in_content) {
            let strongest = self.shades.last().map_or(shade, |(_, above)| shade.max(*above));
            self.shades.push((open.token, strongest));
        }
        match role {
            Role::Heading(level) => self.heading = Some((open.token, level)),
            Role::List | Role::Definitions => {
                self.lists += 1;
                self.out.open_list();
            }
            Role::Strong => {
                self.strong.push(open.token);
                self.out.open_strong();
            }
            Role::Preformatted => self.pre = self.pre.or(Some(open.token)),
            Role::Table => self.tables.push(Table::default()),
            Role::Row => {
                if let Some(table) = self.tables.last_mut() {
                    table.row.clear();
                    table.row_is_head = true;
                }
            }
            Role::Cell | Role::HeadCell => self.open_cell(role),
            _ => {}
        }
    }

    /// What a start tag does to the text even where its element is not kept open.
    fn untracked(&mut self, role: Role, token: &Token) {
        match role {
            Role::LineBreak => self.out.hard_break(token.start as usize, self.kind()),
            Role::Void => self.out.space(token.start as usize),
            Role::Ignored => {}
            role if role.is_inline() => {}
            _ => self.flush(),
        }
    }

    fn open_cell(&mut self, role: Role) {
        let (lists, from) = (self.lists, self.out.count());
        let Some(table) = self.tables.last_mut() else { return };
        table.row_is_head &= role == Role::HeadCell;
        table.cell = Some(lists);
        table.cell_from = from;
        let head = table.head.get(table.row.len()).cloned().flatten();
        self.out.set_cell_lead_in(head);
    }

    fn shade_of(&self, open: Open, in_content: bool) -> Option<Shade> {
        let (role, marks) = (open.tag.role, open.marks);
        if !self.droppable.contains(&open.token) {
            return None;
        }
        match role {
            Role::Dropped | Role::Chrome => Some(Shade::All),
            Role::Dialog if !marks.open => Some(Shade::All),
            _ if marks.hidden && !marks.unfolds => Some(Shade::All),
            Role::Margin if !in_content => Some(Shade::AllButHeadings(1)),
            _ if marks.chrome && !in_content => Some(Shade::AllButHeadings(1)),
            Role::Button if self.heading.is_none() => Some(Shade::AllButHeadings(6)),
            _ => None,
        }
    }

    /// What an end tag does whether or not it closes an element.
    fn end_tag(&mut self, tag: Tag, token: &Token) {
        match tag.role {
            Role::LineBreak => self.out.hard_break(token.start as usize, self.kind()),
            Role::Paragraph => self.flush(),
            Role::Strong if self.strong.pop().is_some() => self.out.close_strong(),
            _ => {}
        }
    }

    fn close(&mut self, open: Open) {
        let role = open.tag.role;
        if !role.is_inline() {
            self.flush();
        }
        if self.shades.last().is_some_and(|(token, _)| *token == open.token) {
            self.shades.pop();
        }
        match role {
            Role::Heading(_) if self.heading.is_some_and(|(token, _)| token == open.token) => {
                self.heading = None;
            }
            Role::List | Role::Definitions => {
                self.lists = self.lists.saturating_sub(1);
                self.out.close_list();
            }
            Role::Strong if self.strong.last() == Some(&open.token) => {
                self.strong.pop();
                self.out.close_strong();
            }
            Role::Preformatted if self.pre == Some(open.token) => self.pre = None,
            Role::Table => {
                self.tables.pop();
            }
            Role::Cell | Role::HeadCell => self.close_cell(),
            Role::Row => {
                if let Some(table) = self.tables.last_mut() {
                    if table.row_is_head && table.head.is_empty() {
                        table.head = std::mem::take(&mut table.row);
                    }
                    table.row.clear();
                }
            }
            _ => {}
        }
    }

    fn close_cell(&mut self) {
        let text = self.out.last_cell_text();
        let count = self.out.count();
        if let Some(table) = self.tables.last_mut() {
            let filled = count > table.cell_from;
            table.row.push(text.filter(|_| filled && table.row_is_head));
            table.cell = None;
        }
        self.out.set_cell_lead_in(None);
    }

    fn kind(&self) -> BlockKind {
        if let Some((_, level)) = self.heading {
            return BlockKind::Heading { level };
        }
        match self.tables.last().and_then(|table| table.cell) {
            Some(outside) if self.lists <= outside => BlockKind::TableCell,
            _ => BlockKind::Paragraph,
        }
    }

    fn flush(&mut self) {
        self.out.flush(self.kind());
    }

    fn is_shown(&self) -> bool {
        match self.shades.last() {
            None => true,
            Some((_, Shade::All)) => false,
            Some((_, Shade::AllButHeadings(least))) => {
                self.heading.is_some_and(|(_, level)| level <= *least)
            }
        }
    }

    fn text(&mut self, range: Range<usize>) {
        if !self.is_shown() {
            return;
        }
        let Some(text) = self.text.get(range.clone()) else { return };
        let mut from = 0;
        let mut search = 0;
        while let Some(at) = memchr(b'&', &text.as_bytes()[search..]).map(|at| search + at) {
            match entities::decode(&text[at..]) {
                Some((shown, len)) => {
                    self.plain(range.start + from..range.start + at);
                    let start = range.start + at;
                    self.out.push_written_as(&shown, start..start + len);
                    from = at + len;
                    search = from;
                }
                None => search = at + 1,
            }
        }
        self.plain(range.start + from..range.end);
    }

    /// Text without entities; in `<pre>`, blank lines part paragraphs.
    fn plain(&mut self, range: Range<usize>) {
        if self.pre.is_none() {
            self.out.push_source(range);
            return;
        }
        let Some(text) = self.text.get(range.clone()) else { return };
        let mut at = range.start;
        for line in text.split_inclusive('\n') {
            if line.trim().is_empty() && line.ends_with('\n') && at > range.start {
                self.flush();
            } else {
                self.out.push_source(at..at + line.len());
            }
            at += line.len();
        }
    }
}
