//! UNFAIR-ToS of `LexGLUE` (Chalkidis et al. 2022), as JSON lines or Parquet.
//!
//! Rows have `text` and `labels`: numbers from 0 to 7 in the files of Hugging Face's `lex_glue`, a
//! split a file; or names in the one file of the project's own archive, whose `data_type` is
//! `train`, `val` or `test` and whose `company` is the document. A row without labels is a fair
//! sentence.

use std::path::Path;

use serde_json::Value;

use super::table::{self, Object, text_of};
use super::{Imported, Sink};
use crate::corpus::CorpusError;

/// The categories in the order of their numbers.
pub const LABELS: [&str; 8] = [
    "Limitation of liability",
    "Unilateral termination",
    "Unilateral change",
    "Content removal",
    "Contract by using",
    "Choice of law",
    "Jurisdiction",
    "Arbitration",
];

/// Reads a file; the part is the row's `data_type`, else what the file's name says.
///
/// # Errors
/// [`CorpusError`] with file and row for a row without text or with an unknown label.
pub fn read(path: &Path, sink: &mut Sink) -> Result<(), CorpusError> {
    let part = table::split_of(path);
    table::for_each_row(path, sink, |row, sink| {
        sink.take(imported(row, &part)?);
        Ok(())
    })
}

fn imported(row: &Object, part: &str) -> Result<Imported, String> {
    let text = text_of(row, "text")?;
    let part = match row.get("data_type").and_then(Value::as_str) {
        Some("val") => "validation".to_owned(),
        Some(other) => other.to_owned(),
        None => part.to_owned(),
    };
    let document = row.get("company").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut made = Imported { text, document, part, ..Imported::default() };
    let labels = match row.get("labels") {
        Some(Value::Array(labels)) => labels,
        Some(_) => return Err("`labels` is no list".to_owned()),
        None => return Err("missing field `labels`".to_owned()),
    };
    for label in labels {
        let name = match label {
            Value::Number(n) => {
                n.as_u64().and_then(|n| LABELS.get(usize::try_from(n).ok()?)).copied()
            }
            Value::String(name) => LABELS.into_iter().find(|known| known == name),
            _ => None,
        };
        let unknown = || {
            format!("unknown label {label}: labels are 0 to 7, or names such as `{}`", LABELS[0])
        };
        made.add(name.ok_or_else(unknown)?);
    }
    Ok(made)
}
