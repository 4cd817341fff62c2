//! The CLAUDETTE corpus of 50 terms of service (Galassi et al. 2024) as JSON lines.
//!
//! One sentence a line: `document`, `fold` (where the document is tested), `text`, and `tags`, each
//! a clause type and a grade: 1 clearly fair, 2 potentially unfair, 3 clearly unfair. Unfair means
//! grade 2 or 3, as in the corpus's papers. A tag without a grade (`countrym`) marks something else
//! and is no clause type.

use std::path::Path;

use serde::Deserialize;

use super::{Imported, Sink, table};
use crate::corpus::CorpusError;
use crate::eval::examples::describe;

/// The clause types: the tag without its grade, and the name that fineprint gives it.
pub const TAGS: [(&str, &str); 9] = [
    ("a", "arbitration"),
    ("ch", "unilateral-change"),
    ("cr", "content-removal"),
    ("j", "jurisdiction"),
    ("law", "choice-of-law"),
    ("ltd", "limitation-of-liability"),
    ("ter", "unilateral-termination"),
    ("use", "contract-by-using"),
    ("pinc", "privacy-included"),
];

/// Tags that have no grade and say nothing of fairness.
const OTHER_TAGS: [&str; 1] = ["countrym"];

#[derive(Deserialize)]
struct Row {
    document: String,
    fold: u32,
    text: String,
    tags: Vec<String>,
}

/// The name and the grade of a tag; nothing for a tag that is no clause type.
pub(super) fn clause(tag: &str) -> Result<Option<(&'static str, u8)>, String> {
    if OTHER_TAGS.contains(&tag) {
        return Ok(None);
    }
    let unknown = || {
        let known: Vec<&str> = TAGS.iter().map(|(tag, _)| *tag).collect();
        format!("unknown tag `{tag}`: a tag is one of {} and a grade 1, 2 or 3", known.join(", "))
    };
    let grade =
        tag.bytes().next_back().filter(|b| (b'1'..=b'3').contains(b)).ok_or_else(unknown)?;
    let short = &tag[..tag.len() - 1];
    let (_, name) = TAGS.iter().find(|(known, _)| *known == short).ok_or_else(unknown)?;
    Ok(Some((*name, grade - b'0')))
}

/// Reads a file; labels are the names of the clause types that are unfair.
///
/// # Errors
/// [`CorpusError`] with file and line for a malformed line or an unknown tag.
pub fn read(path: &Path, sink: &mut Sink) -> Result<(), CorpusError> {
    table::for_each_row(path, sink, |row, sink| {
        let row = serde_json::from_value(row.clone().into()).map_err(|error| describe(&error))?;
        sink.take(imported(row)?);
        Ok(())
    })
}

fn imported(row: Row) -> Result<Imported, String> {
    let mut made = Imported {
        text: row.text,
        document: row.document,
        part: row.fold.to_string(),
        ..Imported::default()
    };
    for tag in &row.tags {
        if let Some((name, 2..)) = clause(tag)? {
            made.add(name);
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_decide() {
        assert_eq!(clause("ltd2"), Ok(Some(("limitation-of-liability", 2))));
        assert_eq!(clause("a1"), Ok(Some(("arbitration", 1))));
        assert_eq!(clause("countrym"), Ok(None));
        for bad in ["ltd", "ltd4", "x2", "", "2", "é"] {
            assert!(clause(bad).unwrap_err().contains("unknown tag"), "{bad}");
        }
    }
}
