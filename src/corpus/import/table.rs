//! Rows of JSON lines and Parquet files as JSON objects.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Sink, open};
use crate::corpus::CorpusError;
use crate::eval::examples::{describe, for_each_line};

/// Calls `visit` with every row of a file; what it refuses is a bad row, named by its line.
///
/// # Errors
/// [`CorpusError`] for an unreadable file, and for the first bad row unless they are skipped.
pub(super) fn for_each_row(
    path: &Path,
    sink: &mut Sink,
    mut visit: impl FnMut(&Map<String, Value>, &mut Sink) -> Result<(), String>,
) -> Result<(), CorpusError> {
    let name = path.display().to_string();
    let mut failed: Result<(), CorpusError> = Ok(());
    for_each_line(open(path)?, &name, |line, text| {
        let row = serde_json::from_str::<Value>(text).map_err(|error| describe(&error));
        let result = row.and_then(|row| match &row {
            Value::Object(row) => visit(row, sink),
            _ => Err("not a JSON object".to_owned()),
        });
        if let Err(reason) = result
            && failed.is_ok()
        {
            failed = sink.bad(path, line, &reason);
        }
        Ok(())
    })?;
    failed
}

/// A field that must be text.
pub(super) fn text_of(row: &Map<String, Value>, field: &str) -> Result<String, String> {
    match row.get(field) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(format!("`{field}` is no text but {other:.40}")),
        None => Err(format!("missing field `{field}`")),
    }
}

/// The split that a file's name tells: `train`, `validation` or `test`; empty if none.
pub(super) fn split_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let word = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    match word {
        "train" | "test" => word,
        "validation" | "valid" | "val" | "dev" => "validation",
        _ => "",
    }
    .to_owned()
}
