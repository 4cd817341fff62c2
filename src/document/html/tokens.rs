//! HTML to a flat list of tags and text ranges, by html5gum's tokenizer and its byte spans.
//!
//! What is opened and never closed (a comment, a quoted attribute, a title) swallows the rest of
//! the page by the book; here reading resumes behind it, a bounded number of times.

use std::collections::HashSet;
use std::convert::Infallible;
use std::ops::Range;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

use super::super::Warning;
use super::tags::{self, Tag};
use crate::limits::HTML_RESUMPTIONS;

/// A start tag, an end tag or a run of text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Start { tag: Tag, marks: Marks },
    End { tag: Tag },
    Text,
}

/// What the attributes of a start tag say about its element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for an attribute of its own")]
pub(crate) struct Marks {
    /// Not shown: `hidden`, `display: none`, text for screen readers only.
    pub(crate) hidden: bool,
    /// Not shown yet, but a reader can unfold it: a tab or accordion panel.
    pub(crate) unfolds: bool,
    /// Navigation, search or a dialog by its role.
    pub(crate) chrome: bool,
    /// The attribute `open` of a dialog.
    pub(crate) open: bool,
}

/// Tokens of `text[range]`, offsets counted from the start of `text`.
pub(crate) fn tokenize(text: &str, range: Range<usize>, warnings: &mut Vec<Warning>) -> Vec<Token> {
    let mut reader = Reader { text, ..Reader::default() };
    let mut from = range.start;
    for _ in 0..=HTML_RESUMPTIONS {
        let Some(part) = text.get(from..range.end) else { break };
        reader.base = from;
        reader.cursor = from;
        reader.raw = None;
        let mut emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, span: Span<usize>| {
            reader.event(&event, span);
            None::<Infallible>
        });
        emitter.naively_switch_states(true);
        let _: Result<(), Infallible> = Tokenizer::new_with_emitter(part, emitter).finish();
        match reader.resume(range.end) {
            Some((at, warning)) => {
                warnings.push(warning);
                reader.pending = None;
                from = at;
            }
            None => break,
        }
    }
    if let Some(script) = reader.raw.filter(|raw| raw.what == "script") {
        warnings.push(Warning::Hidden { at: script.start });
    }
    reader.tokens
}

#[derive(Default)]
struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    base: usize,
    /// End of what has been read.
    cursor: usize,
    pending: Option<Pending>,
    names: tags::Names,
    /// Ids that an `aria-controls` names: what a button unfolds.
    controlled: HashSet<Box<[u8]>>,
    /// Raw text (a script, a title) that was opened and not closed yet, and a comment likewise.
    raw: Option<Raw>,
}

#[derive(Clone, Copy)]
struct Raw {
    what: &'static str,
    start: usize,
    /// Where its content begins.
    content: usize,
}

/// A start tag whose attributes are being read.
#[derive(Default)]
struct Pending {
    tag: Tag,
    start: usize,
    marks: Marks,
    attribute: Vec<u8>,
    id: Option<Box<[u8]>>,
}

impl Reader<'_> {
    fn event(&mut self, event: &CallbackEvent<'_>, span: Span<usize>) {
        let (start, end) = (self.base + span.start, self.base + span.end);
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.pending =
                    Some(Pending { tag: self.names.tag(name), start, ..Pending::default() });
                self.raw = tags::raw_text(name).map(|what| Raw { what, start, content: end });
            }
            CallbackEvent::AttributeName { name } => self.attribute(name, b""),
            CallbackEvent::AttributeValue { value } => {
                if let Some(pending) = &mut self.pending {
                    let name = std::mem::take(&mut pending.attribute);
                    self.attribute(&name, value);
                }
            }
            CallbackEvent::CloseStartTag { .. } => self.close_start_tag(end),
            CallbackEvent::EndTag { name } => {
                self.pending = None;
                self.raw = None;
                let tag = self.names.tag(name);
                self.push(TokenKind::End { tag }, start, end);
            }
            CallbackEvent::String { .. } => {
                if self.raw.is_none() {
                    self.push(TokenKind::Text, start, end);
                }
            }
            CallbackEvent::Comment { .. } => self.comment(start, end),
            CallbackEvent::Doctype { .. } => self.cursor = self.cursor.max(end),
            CallbackEvent::Error(_) => {}
        }
    }

    fn push(&mut self, kind: TokenKind, start: usize, end: usize) {
        let start = self.text.floor_char_boundary(start.max(self.cursor));
        let end = self.text.floor_char_boundary(end.max(start));
        self.cursor = end;
        if kind != TokenKind::Text || end > start {
            self.tokens.push(Token { kind, start: start as u32, end: end as u32 });
        }
    }

    fn close_start_tag(&mut self, end: usize) {
        let Some(pending) = self.pending.take() else { return };
        let mut marks = pending.marks;
        marks.unfolds |= pending.id.is_some_and(|id| self.controlled.contains(&id));
        if let Some(raw) = &mut self.raw {
            raw.content = end;
        }
        self.push(TokenKind::Start { tag: pending.tag, marks }, pending.start, end);
    }

    fn comment(&mut self, start: usize, end: usize) {
        let written = self.text.get(start..end.min(self.text.len())).unwrap_or("");
        self.cursor = self.cursor.max(end);
        let bogus = !written.starts_with("<!--");
        let closed = written.ends_with("-->") || written.ends_with("--!>");
        if !(closed || (bogus && written.ends_with('>'))) {
            self.raw = Some(Raw { what: "comment", start, content: start });
        }
    }

    fn attribute(&mut self, name: &[u8], value: &[u8]) {
        let Some(pending) = &mut self.pending else { return };
        pending.attribute = name.to_vec();
        let marks = &mut pending.marks;
        match name {
            b"hidden" if value.eq_ignore_ascii_case(b"until-found") => marks.unfolds = true,
            b"hidden" => marks.hidden = true,
            b"open" => marks.open = true,
            b"aria-hidden" => marks.hidden |= value.eq_ignore_ascii_case(b"true"),
            b"style" => marks.hidden |= tags::style_hides(value),
            b"class" => marks.hidden |= tags::class_hides(value),
            b"role" => {
                marks.chrome |= tags::role_is_chrome(value);
                marks.unfolds |= matches!(value, b"tabpanel" | b"region");
            }
            b"id" => pending.id = Some(value.into()),
            b"aria-controls" => {
                for id in value.split(u8::is_ascii_whitespace).filter(|id| !id.is_empty()) {
                    self.controlled.insert(id.into());
                }
            }
            _ => {}
        }
    }

    /// Where to read on, if something that was never closed ended the reading.
    fn resume(&self, end: usize) -> Option<(usize, Warning)> {
        let rest = |from: usize| self.text.get(from..end);
        if let Some(raw) = self.raw {
            if raw.what == "script" {
                return None;
            }
            let content = rest(raw.content)?;
            let skip = if raw.what == "comment" {
                content.find('>')? + 1
            } else {
                content.match_indices('<').map(|(at, _)| at).find(|at| {
                    content[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
                })?
            };
            let at = raw.content + skip;
            return (at < end).then_some((at, Warning::Unclosed { what: raw.what, at: raw.start }));
        }
        // Only a tag without an end leaves anything unread.
        let left = rest(self.cursor)?;
        let open = self.cursor + left.find('<')?;
        let at = open + rest(open)?.find('>')? + 1;
        (at < end).then_some((at, Warning::Unclosed { what: "tag", at: open }))
    }
}
