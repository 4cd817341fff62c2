//! Markdown to blocks, through pulldown-cmark's events and their byte offsets.
//!
//! Link targets, images and footnote marks are not visible; HTML inside Markdown is read by the
//! HTML reader, code as plain text.

use std::ops::Range;
use std::sync::Arc;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::Warning;
use super::block::{Block, BlockKind, Builder};
use super::html;

/// Reads the blocks of a Markdown text.
pub(crate) fn read(text: &str, warnings: &mut Vec<Warning>) -> Vec<Block> {
    let start = front_matter(text);
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut reader = Reader {
        out: Builder::new(text),
        text,
        hidden: 0,
        code: false,
        html: None,
        table: None,
        heading: None,
        warnings,
    };
    for (event, range) in Parser::new_ext(&text[start..], options).into_offset_iter() {
        reader.event(event, start + range.start..start + range.end);
    }
    reader.out.finish()
}

struct Reader<'a, 'w> {
    out: Builder<'a>,
    text: &'a str,
    /// Depth of images: their descriptions are not shown.
    hidden: usize,
    code: bool,
    html: Option<Range<usize>>,
    table: Option<Table>,
    heading: Option<u8>,
    warnings: &'w mut Vec<Warning>,
}

/// The head of the table being read and the column of the next cell.
#[derive(Default)]
struct Table {
    head: Vec<Option<Arc<str>>>,
    in_head: bool,
    column: usize,
}

impl Reader<'_, '_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.open(&tag),
            Event::End(tag) => self.close(tag),
            Event::Text(_) if self.hidden == 0 && self.code => self.code_line(range),
            Event::Text(shown) if self.hidden == 0 => self.shown(&shown, range),
            Event::Code(shown) if self.hidden == 0 => self.inline_code(&shown, range),
            Event::SoftBreak => self.out.space(range.start),
            Event::HardBreak => self.out.hard_break(range.start, self.kind()),
            Event::Rule => self.flush(),
            Event::InlineHtml(tag) => match html::effect_in_markdown(&tag) {
                html::Effect::None => {}
                html::Effect::Space => self.out.space(range.start),
                html::Effect::Break => self.out.hard_break(range.start, self.kind()),
            },
            Event::Html(_) => match &mut self.html {
                Some(html) => html.end = range.end,
                None => self.html = Some(range),
            },
            _ => {}
        }
    }

    /// Running text; emphasis that pairs with nothing is dropped, real documents are full of it.
    fn shown(&mut self, shown: &str, range: Range<usize>) {
        let star =
            |at: Option<usize>| at.and_then(|at| self.text.as_bytes().get(at)) == Some(&b'*');
        if shown == "*" && (star(range.start.checked_sub(1)) || star(Some(range.end))) {
            return;
        }
        if !shown.contains("**") || self.text.get(range.clone()) != Some(shown) {
            self.out.push_written_as(shown, range);
            return;
        }
        let mut at = range.start;
        for part in shown.split("**") {
            self.out.push_source(at..at + part.len());
            at += part.len() + 2;
        }
    }

    /// A code span's range has its backquotes.
    fn inline_code(&mut self, shown: &str, range: Range<usize>) {
        let Some(written) = self.text.get(range.clone()) else { return };
        match written.find(shown) {
            Some(at) => self.out.push_source(range.start + at..range.start + at + shown.len()),
            None => self.out.push_written_as(shown, range),
        }
    }

    /// Code is read as plain text: blank lines part paragraphs.
    fn code_line(&mut self, range: Range<usize>) {
        let Some(written) = self.text.get(range.clone()) else { return };
        let mut at = range.start;
        for line in written.split_inclusive('\n') {
            if line.trim().is_empty() {
                self.flush();
            } else {
                self.out.push_source(at..at + line.len());
            }
            at += line.len();
        }
    }

    fn open(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::Item | Tag::BlockQuote(_) | Tag::FootnoteDefinition(_) => {
                self.flush();
            }
            Tag::Heading { level, .. } => {
                self.flush();
                self.heading = Some(level_number(*level));
            }
            Tag::CodeBlock(_) => {
                self.flush();
                self.code = true;
            }
            Tag::HtmlBlock => {
                self.flush();
                self.html = None;
            }
            Tag::List(_) => {
                self.flush();
                self.out.open_list();
            }
            Tag::Table(_) => {
                self.flush();
                self.table = Some(Table::default());
            }
            Tag::TableHead => {
                if let Some(table) = &mut self.table {
                    table.in_head = true;
                    table.column = 0;
                }
            }
            Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.column = 0;
                }
            }
            Tag::TableCell => {
                if let Some(table) = &self.table {
                    let head = table.head.get(table.column).cloned().flatten();
                    self.out.set_cell_lead_in(head.filter(|_| !table.in_head));
                }
            }
            Tag::Strong => self.out.open_strong(),
            Tag::Image { .. } => self.hidden += 1,
            _ => {}
        }
    }

    fn close(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph
            | TagEnd::Item
            | TagEnd::BlockQuote(_)
            | TagEnd::FootnoteDefinition => self.flush(),
            TagEnd::Heading(_) => {
                self.flush();
                self.heading = None;
            }
            TagEnd::CodeBlock => {
                self.flush();
                self.code = false;
            }
            TagEnd::HtmlBlock => {
                if let Some(html) = self.html.take() {
                    html::read_into(&mut self.out, self.text, html, self.warnings);
                }
            }
            TagEnd::List(_) => {
                self.flush();
                self.out.close_list();
            }
            TagEnd::TableCell => {
                let before = self.out.count();
                self.flush();
                let filled = self.out.count() > before;
                if let Some(table) = &mut self.table {
                    if table.in_head {
                        table.head.push(self.out.last_cell_text().filter(|_| filled));
                    }
                    table.column += 1;
                }
                self.out.set_cell_lead_in(None);
            }
            TagEnd::TableHead => {
                if let Some(table) = &mut self.table {
                    table.in_head = false;
                }
            }
            TagEnd::Table => self.table = None,
            TagEnd::Strong => self.out.close_strong(),
            TagEnd::Image => self.hidden = self.hidden.saturating_sub(1),
            _ => {}
        }
    }

    fn kind(&self) -> BlockKind {
        match self.heading {
            Some(level) => BlockKind::Heading { level },
            None if self.table.is_some() => BlockKind::TableCell,
            None => BlockKind::Paragraph,
        }
    }

    fn flush(&mut self) {
        self.out.flush(self.kind());
    }
}

fn level_number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// Length of a YAML head (`---`, `key: value` lines, `---`), which is no part of the document.
fn front_matter(text: &str) -> usize {
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').take(200).enumerate() {
        let content = line.trim_end();
        at += line.len();
        match number {
            0 if content == "---" => {}
            0 => return 0,
            1 if !content.split_once(':').is_some_and(|(key, _)| is_key(key)) => return 0,
            _ if content == "---" || content == "..." => return at,
            _ => {}
        }
    }
    0
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
