//! Rows of JSON lines, JSON lists, Parquet and Arrow files as JSON objects.

use std::fs::File;
use std::io::BufRead;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::{Map, Value};

use super::{Place, Sink, arrow, is_named, open, read_text};
use crate::corpus::CorpusError;
use crate::eval::examples::{describe, for_each_line};
use crate::guard::guarded;

/// An object with its fields.
pub(super) type Object = Map<String, Value>;

const DAMAGED: &str = "it is no Parquet file, or a damaged one";

/// Calls `visit` with every row of a file; what it refuses is a bad row, named by its place.
///
/// A file named `.parquet` is Parquet and `.arrow` an Arrow stream; one that begins with `[` is a
/// JSON list; all others are JSON lines.
///
/// # Errors
/// [`CorpusError`] for an unreadable file, and for the first bad row unless they are skipped.
pub(super) fn for_each_row(
    path: &Path,
    sink: &mut Sink,
    mut visit: impl FnMut(&Object, &mut Sink) -> Result<(), String>,
) -> Result<(), CorpusError> {
    let mut each = |place: Place, row: Result<Value, String>, sink: &mut Sink| {
        let result = row.and_then(|row| match &row {
            Value::Object(row) => visit(row, sink),
            _ => Err("not a JSON object".to_owned()),
        });
        result.or_else(|reason| sink.bad(path, place, &reason))
    };
    if is_named(path, "parquet") {
        return parquet_rows(path, |number, row| each(Place::Row(number), row, sink));
    }
    if is_named(path, "arrow") {
        return arrow::rows(path, |place, row| each(place, row, sink));
    }
    let mut reader = open(path)?;
    let io = |source| CorpusError::Io { path: path.to_owned(), source };
    let start = reader.fill_buf().map_err(io)?.trim_ascii_start();
    let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
    if start.first() == Some(&b'[') {
        let rows: Vec<Value> = whole(path)?;
        for (number, row) in (1..).zip(rows) {
            each(Place::Row(number), Ok(row), sink)?;
        }
        return Ok(());
    }
    let mut failed: Result<(), CorpusError> = Ok(());
    for_each_line(reader, &path.display().to_string(), |line, text| {
        if failed.is_ok() {
            let row = serde_json::from_str::<Value>(text).map_err(|error| describe(&error));
            failed = each(Place::Line(line), row, sink);
        }
        Ok(())
    })?;
    failed
}

/// Calls `visit` with every row of a CSV file without a header, as [`for_each_row`] does.
pub(super) fn for_each_record(
    path: &Path,
    sink: &mut Sink,
    mut visit: impl FnMut(&csv::StringRecord, &mut Sink) -> Result<(), String>,
) -> Result<(), CorpusError> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(open(path)?);
    let mut record = csv::StringRecord::new();
    loop {
        // Where the reader stands before a record is where it begins.
        let place = Place::Line(reader.position().line() as usize);
        let result = match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => visit(&record, sink),
            Err(error) => match error.into_kind() {
                csv::ErrorKind::Io(source) => {
                    return Err(CorpusError::Io { path: path.to_owned(), source });
                }
                csv::ErrorKind::Utf8 { .. } => Err("not valid UTF-8".to_owned()),
                _ => Err("not a valid CSV row".to_owned()),
            },
        };
        result.or_else(|reason| sink.bad(path, place, &reason))?;
    }
}

/// A whole file of JSON.
pub(super) fn whole<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, CorpusError> {
    serde_json::from_str(&read_text(path)?).map_err(|error| CorpusError::Line {
        file: path.display().to_string(),
        line: error.line(),
        reason: describe(&error),
    })
}

fn parquet_reader(path: &Path) -> Result<SerializedFileReader<File>, CorpusError> {
    let io = |source| CorpusError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let damaged = |reason: String| CorpusError::file(&path.display().to_string(), reason);
    match guarded(|| SerializedFileReader::new(file)) {
        Some(Ok(reader)) => Ok(reader),
        Some(Err(error)) => Err(damaged(format!("{DAMAGED} ({error})"))),
        None => Err(damaged(DAMAGED.to_owned())),
    }
}

/// The value of a key in the metadata of a Parquet or Arrow file; other files have none.
pub(super) fn metadata(path: &Path, key: &str) -> Result<Option<String>, CorpusError> {
    if is_named(path, "arrow") {
        return arrow::metadata(path, key);
    }
    if !is_named(path, "parquet") {
        return Ok(None);
    }
    let reader = parquet_reader(path)?;
    let pairs = reader.metadata().file_metadata().key_value_metadata();
    let found = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == key));
    Ok(found.and_then(|pair| pair.value.clone()))
}

fn parquet_rows(
    path: &Path,
    mut each: impl FnMut(usize, Result<Value, String>) -> Result<(), CorpusError>,
) -> Result<(), CorpusError> {
    let reader = parquet_reader(path)?;
    let file = path.display().to_string();
    let mut rows = guarded(|| reader.get_row_iter(None))
        .ok_or_else(|| CorpusError::file(&file, DAMAGED))?
        .map_err(|error| CorpusError::file(&file, format!("{DAMAGED} ({error})")))?;
    for number in 1.. {
        match guarded(|| rows.next()) {
            Some(None) => break,
            Some(Some(Ok(row))) => each(number, Ok(object(&row)))?,
            // There is no way to go on behind it, whatever is to be skipped.
            Some(Some(Err(error))) => {
                return Err(CorpusError::file(&file, format!("row {number}: damaged ({error})")));
            }
            None => return Err(CorpusError::file(&file, format!("row {number}: damaged"))),
        }
    }
    Ok(())
}

fn object(row: &Row) -> Value {
    Value::Object(row.get_column_iter().map(|(name, field)| (name.clone(), json(field))).collect())
}

fn json(field: &Field) -> Value {
    match field {
        Field::Bool(v) => Value::from(*v),
        Field::Byte(v) => Value::from(*v),
        Field::Short(v) => Value::from(*v),
        Field::Int(v) => Value::from(*v),
        Field::Long(v) => Value::from(*v),
        Field::UByte(v) => Value::from(*v),
        Field::UShort(v) => Value::from(*v),
        Field::UInt(v) => Value::from(*v),
        Field::ULong(v) => Value::from(*v),
        Field::Float(v) => Value::from(*v),
        Field::Double(v) => Value::from(*v),
        Field::Str(v) => Value::from(v.as_str()),
        Field::ListInternal(list) => list.elements().iter().map(json).collect(),
        Field::Group(row) => object(row),
        // Times, decimals and bytes are no text and no label.
        _ => Value::Null,
    }
}

/// A field that must be text.
pub(super) fn text_of(row: &Object, field: &str) -> Result<String, String> {
    match row.get(field) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(format!("`{field}` is no text but {other:.40}")),
        None => Err(format!("missing field `{field}`")),
    }
}

/// A field as text where it is text or a number, else empty.
pub(super) fn name_of(row: &Object, field: &str) -> String {
    match row.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The split that a file's name tells: `train`, `validation` or `test`; empty if none. Of an Arrow
/// file it is the folder's name.
pub(super) fn split_of(path: &Path) -> String {
    let path = if is_named(path, "arrow") { path.parent().unwrap_or(path) } else { path };
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let word = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    match word {
        "train" | "test" => word,
        "validation" | "valid" | "val" | "dev" => "validation",
        _ => "",
    }
    .to_owned()
}
