//! The paragraphs of a DOCX part, in reading order, with what they are.

use quick_xml::events::BytesStart;

use super::super::DocumentError;
use super::styles::{Look, Styles};
use super::xml::{Node, attribute, is_on, local, walk};

/// A paragraph with text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paragraph {
    /// Its text; line breaks in it are the author's.
    pub(super) text: String,
    pub(super) role: Role,
    /// Whether all of it is bold.
    pub(super) is_strong: bool,
    /// The notes that it refers to: `f` or `e` and the note's id.
    pub(super) notes: Vec<(char, String)>,
}

/// What a paragraph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Heading(u8),
    Text,
    /// An item of a list, 1 for the outermost.
    Item(u8),
    Cell {
        column: usize,
        is_head: bool,
        starts_table: bool,
    },
}

/// The paragraphs of a document part.
pub(super) fn paragraphs(part: &str, styles: &Styles) -> Result<Vec<Paragraph>, DocumentError> {
    let mut reader = Reader::new(styles);
    walk(part, |node| reader.node(node))?;
    Ok(reader.done)
}

/// The notes of a part by their ids, the paragraphs of one joined.
pub(super) fn notes(part: &str, styles: &Styles) -> Result<Vec<(String, String)>, DocumentError> {
    let mut reader = Reader::new(styles);
    let mut notes = Vec::new();
    let mut open: Option<(String, usize)> = None;
    walk(part, |node| {
        if let Node::Open(element) = &node
            && matches!(local(element), "footnote" | "endnote")
        {
            // Separators have a type; real notes have none.
            let id = attribute(element, "id").filter(|_| attribute(element, "type").is_none());
            open = id.map(|id| (id, reader.done.len()));
        }
        let ends = matches!(&node, Node::Close(name) if name == "footnote" || name == "endnote");
        reader.node(node);
        if ends && let Some((id, from)) = open.take() {
            let texts = reader.done.get(from..).unwrap_or_default().iter();
            notes.push((id, texts.map(|p| p.text.trim()).collect::<Vec<_>>().join("\n")));
        }
    })?;
    Ok(notes)
}

/// A paragraph being read.
#[derive(Debug, Default)]
struct Open {
    text: String,
    style: Option<String>,
    outline_level: Option<u8>,
    list_level: Option<u8>,
    /// The numbering it has by itself: 0 takes away what its style has.
    numbering: Option<String>,
    notes: Vec<(char, String)>,
    has_plain: bool,
    has_bold: bool,
}

/// A table being read.
#[derive(Debug, Default)]
struct Table {
    column: usize,
    is_head: bool,
    has_cells: bool,
}

/// The run being read.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    is_bold: Option<bool>,
    is_hidden: bool,
}

struct Reader<'a> {
    styles: &'a Styles,
    done: Vec<Paragraph>,
    /// Text boxes put paragraphs inside paragraphs.
    open: Vec<Open>,
    tables: Vec<Table>,
    run: Run,
    /// Inside properties of a paragraph, where runs' properties are those of its mark.
    in_paragraph_properties: bool,
    in_text: bool,
    /// Elements open since one whose content does not count.
    skipped: usize,
}

impl<'a> Reader<'a> {
    fn new(styles: &'a Styles) -> Self {
        Self {
            styles,
            done: Vec::new(),
            open: Vec::new(),
            tables: Vec::new(),
            run: Run::default(),
            in_paragraph_properties: false,
            in_text: false,
            skipped: 0,
        }
    }

    fn node(&mut self, node: Node<'_>) {
        match node {
            Node::Open(element) => {
                let name = local(&element);
                if self.skipped > 0 || is_skipped(name) {
                    self.skipped += 1;
                } else {
                    self.enter(name, &element);
                }
            }
            Node::Close(_) if self.skipped > 0 => self.skipped -= 1,
            Node::Close(name) => self.leave(&name),
            Node::Text(text) => {
                if self.in_text && self.skipped == 0 {
                    self.shown(&text);
                }
            }
        }
    }

    fn enter(&mut self, name: &str, element: &BytesStart<'_>) {
        match name {
            "p" => self.open.push(Open::default()),
            "tbl" => self.tables.push(Table::default()),
            "tr" => {
                if let Some(table) = self.tables.last_mut() {
                    (table.column, table.is_head) = (0, false);
                }
            }
            "tblHeader" => {
                if let Some(table) = self.tables.last_mut() {
                    table.is_head = is_on(element);
                }
            }
            "r" => self.run = Run::default(),
            "pPr" => self.in_paragraph_properties = true,
            "t" => self.in_text = true,
            "tab" if !self.in_paragraph_properties => self.shown("\t"),
            "br" | "cr" => {
                let is_line = attribute(element, "type").is_none_or(|kind| kind == "textWrapping");
                self.shown(if is_line { "\n" } else { " " });
            }
            "noBreakHyphen" => self.shown("-"),
            "b" if !self.in_paragraph_properties => self.run.is_bold = Some(is_on(element)),
            "vanish" if !self.in_paragraph_properties => self.run.is_hidden = is_on(element),
            "footnoteReference" | "endnoteReference" => {
                let kind = if name.starts_with('f') { 'f' } else { 'e' };
                if let (Some(open), Some(id)) = (self.open.last_mut(), attribute(element, "id")) {
                    open.notes.push((kind, id));
                }
            }
            _ if self.in_paragraph_properties => self.property(name, element),
            _ => {}
        }
    }

    fn property(&mut self, name: &str, element: &BytesStart<'_>) {
        let Some(open) = self.open.last_mut() else { return };
        let value = || attribute(element, "val");
        match name {
            "pStyle" => open.style = value(),
            "outlineLvl" => open.outline_level = value().and_then(|v| v.parse().ok()),
            "ilvl" => open.list_level = value().and_then(|v| v.parse().ok()),
            "numId" => open.numbering = value(),
            _ => {}
        }
    }

    fn shown(&mut self, text: &str) {
        let Some(open) = self.open.last_mut() else { return };
        if self.run.is_hidden {
            return;
        }
        if text.contains(|c: char| !c.is_whitespace()) {
            match self.run.is_bold {
                Some(true) => open.has_bold = true,
                Some(false) => open.has_plain = true,
                // As the style says, which is known at the paragraph's end.
                None => {
                    let bold = self.styles.look(open.style.as_deref()).is_bold;
                    open.has_bold |= bold;
                    open.has_plain |= !bold;
                }
            }
        }
        open.text.push_str(text);
    }

    fn leave(&mut self, name: &str) {
        match name {
            "p" => {
                if let Some(open) = self.open.pop() {
                    self.finish(open);
                }
            }
            "tbl" => {
                self.tables.pop();
            }
            "tc" => {
                if let Some(table) = self.tables.last_mut() {
                    table.column += 1;
                }
            }
            "pPr" => self.in_paragraph_properties = false,
            "t" => self.in_text = false,
            "r" => self.run = Run::default(),
            _ => {}
        }
    }

    fn finish(&mut self, open: Open) {
        let look = self.styles.look(open.style.as_deref());
        if look.is_contents || open.text.trim().is_empty() {
            return;
        }
        let is_strong = open.has_bold && !open.has_plain;
        let role = self.role(&open, look, is_strong);
        self.done.push(Paragraph { text: open.text, role, is_strong, notes: open.notes });
    }

    fn role(&mut self, open: &Open, look: Look, is_strong: bool) -> Role {
        if let Some(table) = self.tables.last_mut() {
            let starts_table = !std::mem::replace(&mut table.has_cells, true);
            return Role::Cell { column: table.column, is_head: table.is_head, starts_table };
        }
        let level =
            open.outline_level.map_or(look.heading, |level| (level < 9).then_some(level + 1));
        if let Some(level) = level {
            return Role::Heading(level);
        }
        let list = match open.numbering.as_deref() {
            Some("0") => None,
            Some(_) => Some(open.list_level.or(look.list).unwrap_or(0)),
            None => look.list,
        };
        match list {
            // A numbered line in bold is a title: contracts number their clauses so.
            Some(0) if is_strong && is_title(&open.text) => Role::Text,
            Some(level) => Role::Item(level.min(32) + 1),
            None => Role::Text,
        }
    }
}

/// Elements whose content is not shown: what was deleted or moved away, former properties, the
/// second of two drawings of the same, codes of fields.
fn is_skipped(name: &str) -> bool {
    matches!(name, "del" | "moveFrom" | "Fallback" | "instrText" | "delText" | "rubyPr" | "rt")
        || name.ends_with("PrChange")
}

/// Whether a text is short and does not end as a sentence does.
fn is_title(text: &str) -> bool {
    let text = text.trim();
    text.len() <= 120 && !text.ends_with(['.', ';', ':', ','])
}
