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

use super::{Imported, Place, Sink, open};
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
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(open(path)?);
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut rows: Vec<Imported> = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        // Where the reader stands before a record is where it begins, or at blank lines before it.
        let line = reader.position().line() as usize;
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => {
                let reason = match error.kind() {
                    csv::ErrorKind::Utf8 { .. } => "not valid UTF-8".to_owned(),
                    _ => error.to_string(),
                };
                sink.bad(path, Place::Line(line), &reason)?;
                continue;
            }
        }
        let (text, label) = match (record.len(), record.get(0), record.get(1)) {
            (2, Some(text), Some(label)) => (text, label.trim()),
            (fields, ..) => {
                let reason = format!(
                    "{fields} fields where text and label are expected; quote text that has commas"
                );
                sink.bad(path, Place::Line(line), &reason)?;
                continue;
            }
        };
        if !LABELS.contains(&label) {
            let nearest = crate::label::nearest(label, LABELS.into_iter());
            let hint = nearest.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            sink.bad(
                path,
                Place::Line(line),
                &format!("unknown OPP-115 category `{label}`{hint}"),
            )?;
            continue;
        }
        if !exact && SPREADSHEET_ERRORS.contains(&text.trim()) {
            sink.drop("a spreadsheet has destroyed the text");
            continue;
        }
        let at = *seen.entry(text.to_owned()).or_insert_with(|| {
            rows.push(Imported {
                text: text.to_owned(),
                part: part.clone(),
                ..Imported::default()
            });
            rows.len() - 1
        });
        rows[at].add(label);
    }
    rows.into_iter().for_each(|row| sink.take(row));
    Ok(())
}
