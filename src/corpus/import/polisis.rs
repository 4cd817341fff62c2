//! OPP-115 as the Polisis benchmark (Mousavi et al. 2020) and `PrivacyGLUE` publish it.
//!
//! CSV without a header, text and label, one row for each (segment, label). Rows of the same text
//! in one file are one segment, as `PrivacyGLUE` groups them (`groupby("text")`); it compares texts
//! to the last space, so nothing is trimmed before.
//!
//! A row of `train.csv` has lost its text to a spreadsheet (`#NAME?`). It is one of the published
//! 2,185 segments and is kept when the counts must match; converting drops it.

use std::collections::HashMap;
use std::path::Path;

use super::{Imported, Sink, table};
use crate::corpus::CorpusError;

/// What a spreadsheet makes of a text that begins like a formula.
const SPREADSHEET_ERRORS: [&str; 3] = ["#NAME?", "#VALUE!", "#REF!"];

/// The categories in the order of their names, as `PrivacyGLUE` numbers them.
pub const LABELS: [&str; 12] = [
    "Data Retention",
    "Data Security",
    "Do Not Track",
    "First Party Collection/Use",
    "International and Specific Audiences",
    "Introductory/Generic",
    "Policy Change",
    "Practice not covered",
    "Privacy contact information",
    "Third Party Sharing/Collection",
    "User Access, Edit and Deletion",
    "User Choice/Control",
];

/// Reads one split; `exact` keeps what a spreadsheet has destroyed, for the published counts.
///
/// # Errors
/// [`CorpusError`] with file and line for a row that is not a text and a known label.
pub fn read(path: &Path, exact: bool, sink: &mut Sink) -> Result<(), CorpusError> {
    let part = path.file_stem().unwrap_or_default().to_string_lossy();
    let part = part.strip_suffix("_dataset").unwrap_or(&part).to_owned();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut rows: Vec<Imported> = Vec::new();
    table::for_each_record(path, sink, |record, sink| {
        let (text, label) = match (record.len(), record.get(0), record.get(1)) {
            (2, Some(text), Some(label)) => (text, label.trim()),
            (fields, ..) => {
                return Err(format!(
                    "{fields} fields where text and label are expected; quote text that has commas"
                ));
            }
        };
        if !LABELS.contains(&label) {
            let nearest = crate::label::nearest(label, LABELS.into_iter());
            let hint = nearest.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            return Err(format!("unknown OPP-115 category `{label}`{hint}"));
        }
        if !exact && SPREADSHEET_ERRORS.contains(&text.trim()) {
            sink.drop("a spreadsheet has destroyed the text");
            return Ok(());
        }
        let at = *seen.entry(text.to_owned()).or_insert_with(|| {
            let part = part.clone();
            rows.push(Imported { text: text.to_owned(), part, ..Imported::default() });
            rows.len() - 1
        });
        rows[at].add(label);
        Ok(())
    })?;
    rows.into_iter().for_each(|row| sink.take(row));
    Ok(())
}
