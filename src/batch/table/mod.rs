//! Tables whose rows are documents: JSON Lines, CSV, TSV and Parquet, read a row at a time.
//!
//! One column has the text; the others are passed on, within bounds, into the records. A row that
//! is malformed fails by itself, under its own name (`terms.csv#12`); a table without the column
//! fails as a whole.

mod csv;
mod json_lines;
mod pages;
mod parquet;

use std::fs::File;
use std::io::{Cursor, Read};

use serde_json::{Map, Value};

use super::read::{Failure, Source};
use crate::document::check_text;
use crate::limits::{ROW_COLUMNS, ROW_VALUE_BYTES, SNIFF_BYTES};

/// Values of a row's columns, in their order.
pub type Columns = Map<String, Value>;

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableFormat {
    /// One JSON object a line.
    JsonLines,
    /// Comma-separated values with a header.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// Apache Parquet.
    Parquet,
}

impl TableFormat {
    /// The format that a file name's extension stands for.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "csv" => Some(Self::Csv),
            "tsv" => Some(Self::Tsv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// How tables are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOptions {
    /// The format of all inputs; `None` tells tables by their extension.
    pub format: Option<TableFormat>,
    /// The column that has the text.
    pub text_column: String,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self { format: None, text_column: "text".to_owned() }
    }
}

/// The rows of a table, as they are read.
pub(super) type Rows = Box<dyn Iterator<Item = Result<Source, Failure>>>;

/// What all readers of tables need to make their rows.
#[derive(Debug, Clone)]
struct Maker {
    table: String,
    text_column: String,
    /// A row is one sentence: its line breaks are none.
    is_sentence: bool,
}

/// The rows of the table that `source` holds.
///
/// # Errors
/// [`Failure`] when it cannot be opened, is no such table, or has no text column.
pub(super) fn rows(
    source: &Source,
    format: TableFormat,
    text_column: &str,
    is_sentence: bool,
) -> Result<Rows, Failure> {
    let maker = Maker { table: source.name(), text_column: text_column.to_owned(), is_sentence };
    let rows: Result<Rows, String> = match format {
        TableFormat::JsonLines => open(source)
            .and_then(|reader| Ok(Box::new(json_lines::Rows::open(reader, maker)?) as Rows)),
        TableFormat::Csv => open(source).and_then(|reader| csv::rows(reader, b',', maker)),
        TableFormat::Tsv => open(source).and_then(|reader| csv::rows(reader, b'\t', maker)),
        TableFormat::Parquet => file_of(source).and_then(|file| parquet::rows(file, maker)),
    };
    rows.map_err(|reason| Failure { name: source.name(), reason })
}

/// What a table of text gives; where its beginning is no text, what it is instead.
fn open(source: &Source) -> Result<Box<dyn Read>, String> {
    let mut reader = source.clone().open()?;
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    let read = reader.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut head);
    read.map_err(|e| super::read::describe(&e))?;
    check_text(&head).map_err(|e| e.to_string())?;
    Ok(Box::new(Cursor::new(head).chain(reader)))
}

/// A file to seek in: the table itself, or a nameless copy of what was piped or unpacked.
fn file_of(source: &Source) -> Result<File, String> {
    use std::io::{Seek, Write};
    if let Source::File(path) = source
        && super::compression::stem(&source.name()) == source.name()
    {
        return super::read::open_file(path);
    }
    let bytes = source.read().map_err(|failure| failure.reason)?;
    let copy = || {
        let mut file = tempfile::tempfile()?;
        file.write_all(&bytes)?;
        file.rewind()?;
        Ok(file)
    };
    copy().map_err(|e: std::io::Error| super::read::describe(&e))
}

impl Maker {
    /// A row as a document.
    fn row(&self, number: usize, mut text: Vec<u8>, columns: Columns) -> Source {
        if self.is_sentence {
            // One byte for one, so that places stay what they are.
            for byte in &mut text {
                if matches!(*byte, b'\n' | b'\r') {
                    *byte = b' ';
                }
            }
        }
        Source::Row { name: format!("{}#{number}", self.table), bytes: text, columns }
    }

    /// A row that cannot be read.
    fn failure(&self, number: usize, reason: impl Into<String>) -> Failure {
        Failure { name: format!("{}#{number}", self.table), reason: reason.into() }
    }

    /// Why there is no text, with the columns that there are.
    fn no_column<'a>(&self, columns: impl Iterator<Item = &'a str>) -> String {
        // They may be anything, and are shown on a terminal.
        let shown = |name: &str| cut(name).replace(char::is_control, "\u{fffd}");
        let mut names: Vec<String> = columns.map(shown).collect();
        let more = names.len().saturating_sub(ROW_COLUMNS);
        names.truncate(ROW_COLUMNS);
        if more > 0 {
            names.push(format!("{more} more"));
        }
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        format!(
            "it has no column `{}`; its columns are: {names}; --text-column NAME chooses one",
            self.text_column
        )
    }
}

/// Adds a value to those that are passed on, unless there are too many.
fn keep(columns: &mut Columns, name: &str, value: Value) {
    if columns.len() >= ROW_COLUMNS {
        return;
    }
    let value = match value {
        Value::String(text) => Value::String(cut_owned(text)),
        Value::Array(_) | Value::Object(_) => {
            let written = value.to_string();
            if written.len() > ROW_VALUE_BYTES { Value::String(cut_owned(written)) } else { value }
        }
        scalar => scalar,
    };
    columns.insert(cut(name).to_owned(), value);
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(ROW_VALUE_BYTES)]
}

fn cut_owned(text: String) -> String {
    if text.len() <= ROW_VALUE_BYTES { text } else { format!("{}…", cut(&text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the rows of a table in memory are: name, text and columns, or name and reason.
    pub(super) fn read(
        name: &str,
        bytes: &[u8],
        options: (&str, bool),
    ) -> Vec<(String, String, String)> {
        let source = Source::Blob { name: name.to_owned(), bytes: bytes.to_vec() };
        let format = TableFormat::from_extension(name.rsplit_once('.').unwrap().1).unwrap();
        let rows = match rows(&source, format, options.0, options.1) {
            Ok(rows) => rows,
            Err(failure) => return vec![(failure.name, failure.reason, String::new())],
        };
        rows.map(|row| match row {
            Ok(Source::Row { name, bytes, columns }) => {
                (name, String::from_utf8(bytes).unwrap(), Value::Object(columns).to_string())
            }
            Ok(other) => panic!("{other:?}"),
            Err(failure) => (failure.name, failure.reason, String::new()),
        })
        .collect()
    }

    #[test]
    fn what_is_passed_on_is_bounded() {
        let mut columns = Columns::new();
        for n in 0..ROW_COLUMNS + 5 {
            keep(&mut columns, &n.to_string(), Value::from(n));
        }
        assert_eq!(columns.len(), ROW_COLUMNS);
        let mut columns = Columns::new();
        keep(&mut columns, "a", Value::from("ä".repeat(ROW_VALUE_BYTES)));
        keep(&mut columns, "b", Value::from(vec![1; ROW_VALUE_BYTES]));
        keep(&mut columns, "c", Value::from(vec![1]));
        for key in ["a", "b"] {
            let value = columns[key].as_str().unwrap();
            assert!(value.ends_with('…') && value.len() <= ROW_VALUE_BYTES + 3, "{key}");
        }
        assert_eq!(columns["c"], Value::from(vec![1]));
    }
}
