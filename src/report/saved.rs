//! Saved results: the records of a JSON Lines output, read back a document at a time.

use std::io::{self, BufRead, Read};

use crate::label::{LabelSet, Stance};
use crate::limits::{RECORD_BYTES, RECORD_DOCUMENT_BYTES};

use super::DocumentReport;
use super::record::{Record, Run, SCHEMA};
use super::summary::Summary;

/// Results that cannot be read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// The reader's.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line that is no record.
    #[error("line {line}: {reason}; the output of `fineprint classify --format jsonl` is expected")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A line, or the lines of a document, beyond the bounds of [`crate::limits`].
    #[error("line {line}: {what} is larger than the limit of {} MiB", limit >> 20)]
    TooLarge {
        /// Its number, from 1.
        line: usize,
        /// The line or the document.
        what: &'static str,
        /// The bound in bytes.
        limit: usize,
    },
    /// Another version of the records.
    #[error("its records are {found}; this program reads {SCHEMA}")]
    Schema {
        /// The version found.
        found: String,
    },
}

/// Reads the reports of one JSON Lines output; an iterator over its documents.
#[derive(Debug)]
pub struct Saved<R> {
    input: R,
    run: Run,
    labels: LabelSet,
    line: usize,
    /// A document's record that was read ahead.
    next: Option<DocumentReport>,
    is_done: bool,
}

impl<R: BufRead> Saved<R> {
    /// Reads the run's record.
    ///
    /// # Errors
    /// [`SavedError`] when the first line is no run of this version.
    pub fn open(mut input: R) -> Result<Self, SavedError> {
        let mut line = 0;
        let first = read_record(&mut input, &mut line)?;
        let Some((Record::Run(run), _)) = first else {
            let reason = match first {
                None => "it is empty",
                Some(_) => "the first record is no run",
            };
            return Err(SavedError::Line { line: 1, reason: reason.to_owned() });
        };
        let run = run.into_owned();
        if run.schema != SCHEMA {
            return Err(SavedError::Schema { found: run.schema });
        }
        let labels = LabelSet::new(&run.categories, run.has_stance)
            .map_err(|e| SavedError::Line { line: 1, reason: e.to_string() })?;
        Ok(Self { input, run, labels, line, next: None, is_done: false })
    }

    /// What made the records.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The next document with its sentences.
    fn document(&mut self) -> Result<Option<DocumentReport>, SavedError> {
        let mut report = self.next.take();
        let mut bytes = 0;
        while let Some((record, length)) = read_record(&mut self.input, &mut self.line)? {
            match record {
                Record::Run(_) => {
                    return Err(self.wrong("a second run begins; give each run a file"));
                }
                Record::Document(document) => {
                    let next = DocumentReport {
                        document: document.into_owned(),
                        sentences: Vec::new(),
                        asserted: Vec::new(),
                    };
                    if let Some(done) = report.replace(next) {
                        self.next = report;
                        return Ok(Some(self.counted(done)));
                    }
                }
                Record::Sentence(sentence) => {
                    bytes += length;
                    if bytes > RECORD_DOCUMENT_BYTES {
                        let (line, limit) = (self.line, RECORD_DOCUMENT_BYTES);
                        return Err(SavedError::TooLarge { line, what: "the document", limit });
                    }
                    match &mut report {
                        Some(report) if report.document.document == sentence.document => {
                            report.sentences.push(sentence.into_owned());
                        }
                        _ => return Err(self.wrong("a sentence comes before its document")),
                    }
                }
            }
        }
        self.is_done = true;
        Ok(report.map(|report| self.counted(report)))
    }

    fn counted(&self, mut report: DocumentReport) -> DocumentReport {
        let summary = Summary::of(&report, &self.labels);
        report.asserted =
            (0..self.labels.len()).map(|i| summary.cell(i, Stance::Asserted).count).collect();
        report
    }

    fn wrong(&self, reason: &str) -> SavedError {
        SavedError::Line { line: self.line, reason: reason.to_owned() }
    }
}

impl<R: BufRead> Iterator for Saved<R> {
    type Item = Result<DocumentReport, SavedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.document().transpose();
        self.is_done |= matches!(next, Some(Err(_)));
        next
    }
}

/// The next record and its length in bytes; nothing at the end. Empty lines are passed over.
fn read_record(
    input: &mut impl BufRead,
    line: &mut usize,
) -> Result<Option<(Record<'static>, usize)>, SavedError> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        *line += 1;
        let read = input.by_ref().take(RECORD_BYTES as u64 + 1).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        if read > RECORD_BYTES {
            return Err(SavedError::TooLarge { line: *line, what: "it", limit: RECORD_BYTES });
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        return serde_json::from_slice(&bytes)
            .map(|record| Some((record, read)))
            .map_err(|e| SavedError::Line { line: *line, reason: e.to_string() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = r#"{"record":"run","schema":"fineprint/1","tool":"fineprint","tool_version":"0","model":"m","model_digest":"d","language":"en","categories":["a","b"],"has_stance":true,"options":{"input_format":null,"lines":false,"any_language":false,"category":[],"stance":null,"min_probability":null,"all_sentences":false,"explain":false,"probabilities":false}}"#;

    fn document(name: &str) -> String {
        format!(
            r#"{{"record":"document","document":"{name}","status":"classified","format":"text","encoding":"UTF-8","language":"en","notice":null,"sentence_count":1,"finding_count":1}}"#
        )
    }

    fn sentence(name: &str) -> String {
        format!(
            r#"{{"record":"sentence","document":"{name}","index":0,"text":"x","start_byte":0,"end_byte":1,"line":1,"column":1,"section":[],"kind":"paragraph","findings":[{{"category":"b","stance":"asserted","probability":0.5}}]}}"#
        )
    }

    fn read(lines: &[String]) -> Result<Vec<DocumentReport>, String> {
        let text = lines.join("\n");
        let saved = Saved::open(text.as_bytes()).map_err(|e| e.to_string())?;
        saved.collect::<Result<_, _>>().map_err(|e| e.to_string())
    }

    #[test]
    fn documents_come_back_with_their_sentences() {
        let lines = [
            RUN.to_owned(),
            document("x"),
            sentence("x"),
            document("y"),
            document("z"),
            sentence("z"),
        ];
        let reports = read(&lines).unwrap();
        let shape: Vec<_> =
            reports.iter().map(|r| (r.document.document.as_str(), r.sentences.len())).collect();
        assert_eq!(shape, [("x", 1), ("y", 0), ("z", 1)]);
        assert_eq!(reports[0].asserted, [0, 1]);
        assert!(read(&[RUN.to_owned()]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_result_is_told_with_its_line() {
        let cases = [
            (vec![], "it is empty"),
            (vec![document("x")], "line 1: the first record is no run"),
            (vec![RUN.replace("fineprint/1", "fineprint/9")], "fineprint/9"),
            (vec![RUN.replace(r#""b""#, r#""a""#)], "occurs twice"),
            (vec![RUN.to_owned(), sentence("x")], "line 2: a sentence comes before"),
            (vec![RUN.to_owned(), document("x"), sentence("y")], "line 3: a sentence comes before"),
            (vec![RUN.to_owned(), RUN.to_owned()], "line 2: a second run"),
            (vec![RUN.to_owned(), "{".to_owned()], "line 2: EOF while parsing"),
        ];
        for (lines, expected) in cases {
            let error = read(&lines).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut endless = io::BufReader::new(io::repeat(b' '));
        let mut line = 0;
        let error = read_record(&mut endless, &mut line).unwrap_err();
        assert!(error.to_string().contains("limit of 64 MiB"), "{error}");
    }
}
