//! The CSV form: a header that names at least `text` and `labels`.
//!
//! Without an `id` column, rows of the same text are one example with the labels of all of them:
//! data sets with one row for each (text, label) are common.

use std::collections::HashMap;
use std::io::Read;

use super::{EvalError, Example, MAX_LINE_BYTES, Raw, Source};

/// Where the columns are; only the first two must be there.
struct Columns {
    text: usize,
    labels: usize,
    others: HashMap<String, usize>,
}

impl Columns {
    fn find(header: &csv::StringRecord) -> Option<Self> {
        let names = header.iter().map(|name| name.trim_start_matches('\u{feff}').trim());
        let others: HashMap<String, usize> =
            names.enumerate().map(|(i, name)| (name.to_lowercase(), i)).collect();
        let text = *others.get("text")?;
        let labels = *others.get("labels").or_else(|| others.get("label"))?;
        Some(Self { text, labels, others })
    }

    fn get(&self, record: &csv::StringRecord, name: &str) -> String {
        let value = self.others.get(name).and_then(|&i| record.get(i));
        value.unwrap_or_default().to_owned()
    }

    fn row(&self, record: &csv::StringRecord, line: usize) -> Raw {
        let labels = record.get(self.labels).unwrap_or_default().split(';').map(str::trim);
        let path = self.get(record, "path");
        Raw {
            line,
            labels: Some(labels.filter(|l| !l.is_empty()).map(str::to_owned).collect()),
            example: Example {
                id: self.get(record, "id"),
                text: record.get(self.text).unwrap_or_default().to_owned(),
                labels: Vec::new(),
                heading: self.get(record, "heading"),
                lead_in: self.get(record, "lead_in"),
                previous: self.get(record, "previous"),
                sampled: self.get(record, "sampled"),
                source: (!path.is_empty()).then(|| Source {
                    collection: self.get(record, "collection"),
                    commit: self.get(record, "commit"),
                    path,
                }),
                kind: self.get(record, "kind"),
                pair: self.get(record, "pair"),
                scenario: self.get(record, "scenario"),
            },
        }
    }
}

pub(super) fn rows(reader: impl Read, file: &str) -> Result<Vec<Raw>, EvalError> {
    let mut reader = csv::ReaderBuilder::new().from_reader(reader);
    let header = reader.headers().map_err(|error| describe(file, &error))?;
    let columns = Columns::find(header).ok_or_else(|| {
        EvalError::line(file, 1, "the first row must name the columns, among them text and labels")
    })?;
    let merge = !columns.others.contains_key("id");
    let mut rows: Vec<Raw> = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| describe(file, &error))?;
        let line = record.position().map_or(0, |p| p.line() as usize);
        if record.as_slice().len() > MAX_LINE_BYTES {
            let reason = format!("the row is longer than {MAX_LINE_BYTES} bytes");
            return Err(EvalError::line(file, line, reason));
        }
        let row = columns.row(&record, line);
        if let Some(&first) = seen.get(&row.example.text).filter(|_| merge) {
            rows[first].labels.get_or_insert_default().extend(row.labels.unwrap_or_default());
        } else {
            seen.insert(row.example.text.clone(), rows.len());
            rows.push(row);
        }
    }
    Ok(rows)
}

fn describe(file: &str, error: &csv::Error) -> EvalError {
    let line = error.position().map(|p| p.line() as usize);
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields where the header has {expected_len}; quote text that has commas")
        }
        csv::ErrorKind::Utf8 { .. } => "not valid UTF-8".to_owned(),
        csv::ErrorKind::Io(error) => error.to_string(),
        _ => "not a valid CSV row".to_owned(),
    };
    match line {
        Some(line) => EvalError::line(file, line, reason),
        None => EvalError::file(file, reason),
    }
}
