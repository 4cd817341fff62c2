//! doccano's exports (JSON lines, or a JSON list) of text classification, sequence labelling, intent
//! detection and relation extraction.
//!
//! `text` (or `data`) with `label` (older and custom exports: `labels`): a list of names, or of
//! `[start, end, name]`; `cats` of intent detection are names and `entities` spans, as lists or as
//! objects with `start_offset`, `end_offset` and `label`. Offsets count Unicode characters. A text
//! with spans is cut into sentences, and a span labels the sentences that it covers.

use std::path::Path;

use serde_json::Value;

use super::spans::{Span, by_sentence, bytes_at};
use super::table::{self, Object, name_of, text_of};
use super::{Imported, Sink};
use crate::corpus::CorpusError;

/// Reads an export.
///
/// # Errors
/// [`CorpusError`] with file and line (or row) for a row without text or with malformed labels.
pub fn read(path: &Path, sink: &mut Sink) -> Result<(), CorpusError> {
    let part = table::split_of(path);
    table::for_each_row(path, sink, |row, sink| {
        for mut made in imported(row)? {
            made.part.clone_from(&part);
            sink.take(made);
        }
        Ok(())
    })
}

fn imported(row: &Object) -> Result<Vec<Imported>, String> {
    let text = text_of(row, if row.contains_key("text") { "text" } else { "data" })
        .map_err(|reason| reason.replace("`data`", "`text`"))?;
    let (mut names, mut spans): (Vec<String>, Vec<Span>) = (Vec::new(), Vec::new());
    let mut is_labelled = false;
    for field in ["label", "labels", "cats", "entities"] {
        match row.get(field) {
            None => {}
            Some(Value::Null) => is_labelled = true,
            Some(Value::Array(labels)) => {
                is_labelled = true;
                for label in labels {
                    match label {
                        Value::String(name) if field != "entities" => names.push(name.clone()),
                        other => spans.push(span(&text, other, field)?),
                    }
                }
            }
            Some(_) => return Err(format!("`{field}` is no list")),
        }
    }
    if !is_labelled {
        return Err("missing field `label`".to_owned());
    }
    let id = name_of(row, "id");
    if spans.is_empty() {
        let mut made = Imported { id, text, ..Imported::default() };
        names.iter().for_each(|name| made.add(name.as_str()));
        return Ok(vec![made]);
    }
    let mut rows = by_sentence(&text, &spans)?;
    for made in &mut rows {
        // What the whole text is labelled with holds of none of its sentences in particular.
        made.document.clone_from(&id);
    }
    Ok(rows)
}

fn span(text: &str, value: &Value, field: &str) -> Result<Span, String> {
    let number = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
    let (start, end, name) = match value {
        Value::Array(parts) if parts.len() == 3 => {
            (number(&parts[0]), number(&parts[1]), parts[2].as_str())
        }
        Value::Object(parts) => (
            parts.get("start_offset").and_then(number),
            parts.get("end_offset").and_then(number),
            parts.get("label").and_then(Value::as_str),
        ),
        _ => (None, None, None),
    };
    let (Some(start), Some(end), Some(name)) = (start, end, name) else {
        return Err(format!("`{field}`: {value:.60} is neither a name nor [start, end, name]"));
    };
    let range = bytes_at(text, start, end, false).ok_or_else(|| {
        format!(
            "`{field}`: {start} to {end} is no range of a text of {} characters",
            text.chars().count()
        )
    })?;
    Ok((range, name.to_owned()))
}
