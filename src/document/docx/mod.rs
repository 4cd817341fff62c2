//! DOCX (Office Open XML) to text and its parts.
//!
//! Read are the body, with its tables, lists and text boxes, and the notes that it refers to, as
//! they stand with all tracked changes accepted: deletions dropped, insertions kept. Headers,
//! footers, comments, tables of contents and hidden text are no part of what a document says.

mod body;
mod package;
mod styles;
mod xml;

use std::collections::HashMap;

use super::extracted::{Extracted, PartKind};
use super::{DocumentError, Format};
use body::{Paragraph, Role};
use package::Package;
use styles::Styles;

/// Reads a DOCX file; the places are numbers of paragraphs, counted where they have text.
pub(super) fn read(bytes: &[u8]) -> Result<Extracted, DocumentError> {
    let mut package = Package::open(bytes)?;
    let name = package.document_name();
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let document = package.part(&name)?.ok_or_else(|| damaged("it has no document part"))?;
    let beside =
        |file: &str| if folder.is_empty() { file.into() } else { format!("{folder}/{file}") };
    let styles = match package.part(&beside("styles.xml"))? {
        Some(part) => Styles::read(&part)?,
        None => Styles::default(),
    };
    let mut notes = HashMap::new();
    for (file, kind) in [("footnotes.xml", 'f'), ("endnotes.xml", 'e')] {
        if let Some(part) = package.part(&beside(file))? {
            for (id, text) in body::notes(&part, &styles)? {
                notes.insert((kind, id), text);
            }
        }
    }
    let paragraphs = body::paragraphs(&document, &styles)?;
    if paragraphs.is_empty() {
        return Err(DocumentError::Empty { format: Format::Docx });
    }
    Ok(arrange(&paragraphs, &notes))
}

fn damaged(reason: impl Into<String>) -> DocumentError {
    DocumentError::Damaged { format: Format::Docx, reason: reason.into() }
}

/// Lays the paragraphs out as parts. A note follows the paragraph that refers to it, or the list
/// or table that this one introduces or is in.
fn arrange(paragraphs: &[Paragraph], notes: &HashMap<(char, String), String>) -> Extracted {
    let mut out = Extracted::default();
    let mut pending: Vec<(&str, u32)> = Vec::new();
    // The head of each column of the table being read.
    let mut heads: Vec<Option<u32>> = Vec::new();
    for (number, paragraph) in paragraphs.iter().enumerate() {
        let place = number as u32 + 1;
        let is_bound = matches!(paragraph.role, Role::Item(_) | Role::Cell { .. });
        if !is_bound {
            for (note, place) in pending.drain(..) {
                out.push(note, PartKind::Paragraph { strong: false }, place);
            }
        }
        let kind = match paragraph.role {
            Role::Heading(level) => PartKind::Heading(level),
            Role::Text => PartKind::Paragraph { strong: paragraph.is_strong },
            Role::Item(depth) => PartKind::Item(depth),
            Role::Cell { column, is_head, starts_table } => {
                if starts_table {
                    heads.clear();
                }
                let head = heads.get(column).copied().flatten();
                PartKind::Cell { head: head.filter(|_| !is_head) }
            }
        };
        let part = out.push(&paragraph.text, kind, place);
        if let Role::Cell { column, is_head: true, .. } = paragraph.role {
            if heads.len() <= column {
                heads.resize(column + 1, None);
            }
            if let Some(slot) = heads.get_mut(column) {
                *slot = part;
            }
        }
        pending
            .extend(paragraph.notes.iter().filter_map(|id| Some((notes.get(id)?.as_str(), place))));
    }
    for (note, place) in pending {
        out.push(note, PartKind::Paragraph { strong: false }, place);
    }
    out
}
