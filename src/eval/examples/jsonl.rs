//! The JSON-lines form: one object a line, blank lines ignored, unknown keys left alone.

use std::io::BufRead;

use serde::{Deserialize, Deserializer};

use super::{EvalError, Example, MAX_LINE_BYTES, Raw, Source};

#[derive(Deserialize)]
struct Row {
    #[serde(default, deserialize_with = "text_or_null")]
    id: String,
    text: String,
    labels: Option<Vec<String>>,
    #[serde(default, deserialize_with = "text_or_null")]
    heading: String,
    #[serde(default, deserialize_with = "text_or_null")]
    lead_in: String,
    #[serde(default, deserialize_with = "text_or_null")]
    previous: String,
    #[serde(default, deserialize_with = "text_or_null")]
    sampled: String,
    #[serde(default)]
    source: Option<Source>,
    #[serde(default, deserialize_with = "text_or_null")]
    kind: String,
    #[serde(default, deserialize_with = "text_or_null")]
    pair: String,
    #[serde(default, deserialize_with = "text_or_null")]
    scenario: String,
}

/// Text; a number is taken as its digits and null as empty, since exporters write both.
fn text_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => Ok(String::new()),
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format!("expected text, found {other:.60}"))),
    }
}

pub(super) fn rows(reader: impl BufRead, file: &str) -> Result<Vec<Raw>, EvalError> {
    let mut rows = Vec::new();
    for_each_line(reader, file, |line, text| {
        // Serde would also take an array for a struct, field by field.
        if !text.trim_start().starts_with('{') {
            return Err("not a JSON object".to_owned());
        }
        let row: Row = serde_json::from_str(text).map_err(|error| describe(&error))?;
        rows.push(Raw {
            line,
            labels: row.labels,
            example: Example {
                id: row.id,
                text: row.text,
                labels: Vec::new(),
                heading: row.heading,
                lead_in: row.lead_in,
                previous: row.previous,
                sampled: row.sampled,
                source: row.source,
                kind: row.kind,
                pair: row.pair,
                scenario: row.scenario,
            },
        });
        Ok(())
    })?;
    Ok(rows)
}

/// Calls `visit` with the number and text of every line that is not blank.
///
/// # Errors
/// [`EvalError::Line`] for what `visit` refuses, for a line that is too long or not UTF-8, and for
/// a failed read.
pub(crate) fn for_each_line(
    mut reader: impl BufRead,
    file: &str,
    mut visit: impl FnMut(usize, &str) -> Result<(), String>,
) -> Result<(), EvalError> {
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let mut limited = std::io::Read::take(&mut reader, MAX_LINE_BYTES as u64 + 1);
        let read = limited.read_until(b'\n', &mut bytes);
        let fail = |reason: String| EvalError::line(file, line, reason);
        if read.map_err(|error| fail(error.to_string()))? == 0 {
            break;
        }
        if bytes.len() > MAX_LINE_BYTES {
            return Err(fail(format!("the line is longer than {MAX_LINE_BYTES} bytes")));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| fail("not valid UTF-8".to_owned()))?;
        let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { text };
        if !text.trim().is_empty() {
            visit(line, text).map_err(fail)?;
        }
    }
    Ok(())
}

/// A JSON error with its column; its line is always 1 and would mislead.
pub(crate) fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or_default();
    match error.classify() {
        serde_json::error::Category::Data if message.starts_with("missing field") => {
            message.to_owned()
        }
        serde_json::error::Category::Data => format!("{message} at column {}", error.column()),
        _ => format!("not valid JSON: {message} at column {}", error.column()),
    }
}
