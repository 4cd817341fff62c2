//! JSON Lines: an object a line.

use std::io::{BufRead, BufReader, Read};

use serde_json::Value;

use super::{Columns, Maker, keep};
use crate::batch::read::{Failure, Source, describe};
use crate::limits::ROW_BYTES;

/// Rows as they are read; a row's number is that of its line.
pub(super) struct Rows {
    reader: BufReader<Box<dyn Read>>,
    maker: Maker,
    line: usize,
    /// The first row, which was read to see whether there is a text column.
    first: Option<Result<Source, Failure>>,
    is_done: bool,
}

impl Rows {
    pub(super) fn open(reader: Box<dyn Read>, maker: Maker) -> Result<Self, String> {
        let reader = BufReader::new(reader);
        let mut rows = Self { reader, maker, line: 0, first: None, is_done: false };
        let Some(line) = rows.line()? else { return Ok(rows) };
        if let Ok(columns) = object(&line) {
            if columns.get("record").and_then(Value::as_str) == Some("run") {
                let reason = "these are results of fineprint and no documents";
                return Err(reason.to_owned());
            }
            if !columns.contains_key(&rows.maker.text_column) {
                return Err(rows.maker.no_column(columns.keys().map(String::as_str)));
            }
        }
        rows.first = Some(rows.row(&line));
        Ok(rows)
    }

    /// The next line that is not blank; of one that is too long, a part over the limit.
    fn line(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            let mut line = Vec::new();
            let limit = ROW_BYTES as u64 + 1;
            let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut line);
            if read.map_err(|e| describe(&e))? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if line.len() > ROW_BYTES && !line.ends_with(b"\n") {
                self.reader.skip_until(b'\n').map_err(|e| describe(&e))?;
            }
            if self.line == 1 && line.starts_with(b"\xef\xbb\xbf") {
                line.drain(..3);
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    fn row(&self, line: &[u8]) -> Result<Source, Failure> {
        let fail = |reason: String| {
            Err(self.maker.failure(self.line, format!("line {}: {reason}", self.line)))
        };
        if line.len() > ROW_BYTES {
            return fail(format!("it is longer than {} MiB", ROW_BYTES >> 20));
        }
        let columns = match object(line) {
            Ok(columns) => columns,
            Err(reason) => return fail(reason),
        };
        let mut text = None;
        let mut kept = Columns::new();
        for (name, value) in columns {
            if name == self.maker.text_column {
                text = Some(value);
            } else {
                keep(&mut kept, &name, value);
            }
        }
        match text {
            Some(Value::String(text)) => Ok(self.maker.row(self.line, text.into_bytes(), kept)),
            Some(_) => fail(format!("`{}` is no string", self.maker.text_column)),
            None => fail(self.maker.no_column(kept.keys().map(String::as_str))),
        }
    }
}

/// A line's object, or what is wrong with it; the parser's own place is in the line.
fn object(line: &[u8]) -> Result<Columns, String> {
    match serde_json::from_slice::<Value>(line) {
        Ok(Value::Object(columns)) => Ok(columns),
        Ok(_) => Err("it is no JSON object".to_owned()),
        Err(error) => {
            let column = error.column();
            let text = error.to_string();
            let what = text.split(" at line ").next().unwrap_or_default();
            Err(format!("it is no JSON ({what}, column {column})"))
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Source, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.is_done {
            return None;
        }
        match self.line() {
            Ok(Some(line)) => Some(self.row(&line)),
            Ok(None) => {
                self.is_done = true;
                None
            }
            Err(reason) => {
                self.is_done = true;
                Some(Err(self.maker.failure(self.line + 1, reason)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    #[test]
    fn an_object_a_line_and_a_bad_one_fails_alone() {
        let table = "\u{feff}{\"id\": 7, \"text\": \"We sell\\nit.\", \"tags\": [\"a\"]}\n\n{\"text\": 1}\nnot json\n[1]\n{\"other\": \"x\"}\n{\"text\": \"Last.\"}";
        let rows = read("t.jsonl", table.as_bytes(), ("text", false));
        let found: Vec<_> = rows.iter().map(|r| (r.0.as_str(), r.1.as_str())).collect();
        assert_eq!(found[0], ("t.jsonl#1", "We sell\nit."));
        assert_eq!(rows[0].2, r#"{"id":7,"tags":["a"]}"#);
        assert_eq!(found[1], ("t.jsonl#3", "line 3: `text` is no string"));
        assert_eq!(found[2].0, "t.jsonl#4");
        assert!(found[2].1.starts_with("line 4: it is no JSON (expected"), "{:?}", found[2]);
        assert_eq!(found[3].1, "line 5: it is no JSON object");
        assert!(found[4].1.contains("its columns are: other"), "{:?}", found[4]);
        assert_eq!(found[5], ("t.jsonl#7", "Last."));
        let rows = read("t.jsonl", table.as_bytes(), ("text", true));
        assert_eq!(rows[0].1, "We sell it.");
    }

    #[test]
    fn a_table_without_the_column_fails_once() {
        let rows = read("t.jsonl", b"{\"a\": 1, \"b\": 2}\n{\"a\": 1}\n", ("body", false));
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].0, "t.jsonl");
        assert!(rows[0].1.contains("no column `body`; its columns are: a, b; --text-column"));
        assert!(read("t.jsonl", b"", ("text", false)).is_empty());
        let own = b"{\"record\":\"run\",\"schema\":\"fineprint/1\"}\n";
        assert!(read("t.jsonl", own, ("text", false))[0].1.contains("results of fineprint"));
    }
}
