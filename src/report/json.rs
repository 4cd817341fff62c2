//! JSON and JSON Lines.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

use super::record::{DocumentRecord, Record, Run, SentenceRecord};
use super::{DocumentReport, Report};

/// One record a line: the run, then each document followed by its sentences.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    fn line(&mut self, record: &Record<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, record)?;
        self.out.write_all(b"\n")
    }
}

impl<W: Write> Report for JsonLines<W> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.line(&Record::Run(Cow::Borrowed(run)))?;
        self.out.flush()
    }

    fn document(&mut self, report: &DocumentReport) -> io::Result<()> {
        self.line(&Record::Document(Cow::Borrowed(&report.document)))?;
        for sentence in &report.sentences {
            self.line(&Record::Sentence(Cow::Borrowed(sentence)))?;
        }
        self.out.flush()
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// One object, `{"run": …, "documents": [{…, "sentences": […]}, …]}`, written piece by piece.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    has_documents: bool,
}

/// A document with its sentences inside.
#[derive(Serialize)]
struct Nested<'a> {
    #[serde(flatten)]
    document: &'a DocumentRecord,
    sentences: &'a [SentenceRecord],
}

impl<W: Write> Json<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, has_documents: false }
    }
}

impl<W: Write> Report for Json<W> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.out.write_all(b"{\"run\":")?;
        serde_json::to_writer(&mut self.out, run)?;
        self.out.write_all(b",\n\"documents\":[")?;
        self.out.flush()
    }

    fn document(&mut self, report: &DocumentReport) -> io::Result<()> {
        self.out.write_all(if self.has_documents { b",\n" } else { b"\n" })?;
        self.has_documents = true;
        let nested = Nested { document: &report.document, sentences: &report.sentences };
        serde_json::to_writer(&mut self.out, &nested)?;
        self.out.flush()
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n]}\n")?;
        self.out.flush()
    }
}
