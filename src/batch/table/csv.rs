//! CSV and TSV with a header.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ByteRecord, Reader, ReaderBuilder};
use serde_json::Value;

use super::{Columns, Maker, keep};
use crate::batch::read::{Failure, Source, describe};
use crate::limits::ROW_BYTES;

/// Bytes that may be read before the row being read must have ended; the reader reads ahead by
/// less than the buffer that `csv` has.
const BUDGET: usize = ROW_BYTES + (64 << 10);

/// The rows below the header; a row's number counts them from 1.
pub(super) fn rows(
    reader: Box<dyn Read>,
    delimiter: u8,
    maker: Maker,
) -> Result<super::Rows, String> {
    let left = Rc::new(Cell::new(BUDGET));
    let reader = Budgeted { inner: reader, left: Rc::clone(&left) };
    let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(reader);
    let header = reader.byte_headers().map_err(in_words)?.clone();
    if header.iter().any(|name| name.contains(&0)) {
        return Err("it is no CSV in UTF-8: convert it, for example with `iconv`".to_owned());
    }
    let names: Vec<String> = header
        .iter()
        .map(|name| {
            let name = name.strip_prefix(b"\xef\xbb\xbf").unwrap_or(name);
            String::from_utf8_lossy(name).trim().to_owned()
        })
        .collect();
    if names.iter().take(3).eq(["document", "model_digest", "index"].iter()) {
        return Err("these are results of fineprint and no documents".to_owned());
    }
    let Some(text) = names.iter().position(|name| *name == maker.text_column) else {
        return Err(maker.no_column(names.iter().map(String::as_str)));
    };
    // Of CRLF the reader takes the LF with the next record, whose line it therefore counts short.
    let breaks: u64 =
        header.iter().flatten().filter(|byte| **byte == b'\n').count().try_into().unwrap_or(0);
    let shift = (breaks + 2).saturating_sub(reader.position().line()).min(1);
    Ok(Box::new(Rows { reader, left, names, text, shift, maker, number: 0, is_done: false }))
}

struct Rows {
    reader: Reader<Budgeted>,
    left: Rc<Cell<usize>>,
    names: Vec<String>,
    text: usize,
    /// By how much the reader's line numbers are short.
    shift: u64,
    maker: Maker,
    number: usize,
    is_done: bool,
}

impl Iterator for Rows {
    type Item = Result<Source, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        self.left.set(BUDGET);
        let mut record = ByteRecord::new();
        let line = self.reader.position().line() + self.shift;
        match self.reader.read_byte_record(&mut record) {
            Ok(true) => {
                self.number += 1;
                Some(self.row(&record))
            }
            Ok(false) => {
                self.is_done = true;
                None
            }
            Err(error) => {
                self.is_done = true;
                let reason = format!("line {line}: {}", in_words(error));
                Some(Err(self.maker.failure(self.number + 1, reason)))
            }
        }
    }
}

impl Rows {
    fn row(&self, record: &ByteRecord) -> Result<Source, Failure> {
        let line = record.position().map_or(0, csv::Position::line) + self.shift;
        let (found, expected) = (record.len(), self.names.len());
        if found != expected {
            let reason =
                format!("line {line}: it has {found} fields, and the header has {expected}");
            return Err(self.maker.failure(self.number, reason));
        }
        let mut columns = Columns::new();
        for (name, value) in self.names.iter().zip(record) {
            if *name != self.maker.text_column {
                keep(
                    &mut columns,
                    name,
                    Value::String(String::from_utf8_lossy(value).into_owned()),
                );
            }
        }
        let text = record.get(self.text).unwrap_or_default().to_vec();
        Ok(self.maker.row(self.number, text, columns))
    }
}

fn in_words(error: csv::Error) -> String {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => describe(&error),
        other => format!("it is no CSV ({other:?})"),
    }
}

/// Stops a row without an end, such as one with a quotation mark that never closes.
struct Budgeted {
    inner: Box<dyn Read>,
    left: Rc<Cell<usize>>,
}

impl Read for Budgeted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            let message = format!(
                "a row is longer than {} MiB; is a quotation mark never closed?",
                ROW_BYTES >> 20
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let wanted = buffer.len().min(left);
        let count = self.inner.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        self.left.set(left - count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    #[test]
    fn quotes_line_breaks_and_bad_rows() {
        let table = b"\xef\xbb\xbfid,text\r\n1,\"We \"\"sell\"\"\nit, all.\"\r\n2,a,b\r\n3,Last.";
        let rows = read("t.csv", table, ("text", false));
        assert_eq!(rows[0].0, "t.csv#1");
        assert_eq!(rows[0].1, "We \"sell\"\nit, all.");
        assert_eq!(rows[0].2, r#"{"id":"1"}"#);
        assert_eq!(rows[1].0, "t.csv#2");
        assert_eq!(rows[1].1, "line 4: it has 3 fields, and the header has 2");
        assert_eq!((rows[2].0.as_str(), rows[2].1.as_str()), ("t.csv#3", "Last."));
        let rows = read("t.tsv", b"text\tid\nWe, sell\t5\n", ("text", false));
        assert_eq!((rows[0].1.as_str(), rows[0].2.as_str()), ("We, sell", r#"{"id":"5"}"#));
    }

    #[test]
    fn a_missing_column_lists_those_that_there_are() {
        let rows = read("t.csv", b"a,b\n1,2\n", ("text", false));
        assert!(rows[0].1.contains("no column `text`; its columns are: a, b;"), "{rows:?}");
        assert!(read("t.csv", b"", ("text", false))[0].1.contains("columns are: none"));
        let utf16: Vec<u8> = "text,a\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(read("t.csv", &utf16, ("text", false))[0].1.contains("UTF-8"));
        let own = b"document,model_digest,index,text\n";
        assert!(read("t.csv", own, ("text", false))[0].1.contains("results of fineprint"));
    }

    #[test]
    fn a_row_without_an_end_is_no_memory_without_one() {
        let endless = std::io::Cursor::new(b"text\n\"".to_vec()).chain(io::repeat(b'a'));
        let maker = Maker { table: "t".into(), text_column: "text".into(), is_sentence: false };
        let mut rows = rows(Box::new(endless), b',', maker).unwrap();
        let failure = rows.next().unwrap().unwrap_err();
        assert_eq!(failure.name, "t#1");
        assert!(failure.reason.contains("never closed"), "{}", failure.reason);
        assert!(rows.next().is_none());
    }
}
