//! Results as records, and the output formats that are views of them.
//!
//! [`record`] defines what a result is, once and versioned; [`Recorder`] makes records of a
//! classified document. The writers turn them into a text report, JSON, JSON Lines or CSV as they
//! arrive, so that memory does not grow with the corpus. Nothing here reads files or decides what
//! counts as a finding.

mod csv;
mod json;
mod labels;
pub mod record;
mod recorder;
pub mod terminal;
mod text;

use std::io;

pub use csv::Csv;
pub use json::{Json, JsonLines};
pub use labels::LabelsRecord;
pub use recorder::{Explain, Filter, Part, Recorder};
pub use text::{Text, TextOptions};

use record::{DocumentRecord, Run, SentenceRecord, Status};

/// A document's records, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentReport {
    /// The document.
    pub document: DocumentRecord,
    /// The sentences to output, in their order.
    pub sentences: Vec<SentenceRecord>,
    /// How often each category is asserted with at least the least probability, whether output
    /// or not; in the order of the label set, empty for a document that was not classified.
    pub asserted: Vec<usize>,
}

impl DocumentReport {
    /// The report of a document that could not be read.
    pub fn failed(name: &str, reason: &str) -> Self {
        let document = DocumentRecord {
            document: name.to_owned(),
            status: Status::Failed,
            format: None,
            encoding: None,
            language: None,
            notice: Some(reason.to_owned()),
            sentence_count: 0,
            finding_count: 0,
        };
        Self { document, sentences: Vec::new(), asserted: Vec::new() }
    }
}

/// A writer of one output format.
///
/// Called in order: [`begin`](Report::begin), [`document`](Report::document) for each document,
/// [`end`](Report::end). Each call leaves everything it wrote flushed.
pub trait Report {
    /// Writes what comes before the documents.
    ///
    /// # Errors
    /// The underlying writer's.
    fn begin(&mut self, run: &Run) -> io::Result<()>;

    /// Writes one document.
    ///
    /// # Errors
    /// The underlying writer's; also when a probability is not finite.
    fn document(&mut self, report: &DocumentReport) -> io::Result<()>;

    /// Writes what comes after the documents.
    ///
    /// # Errors
    /// The underlying writer's.
    fn end(&mut self) -> io::Result<()>;
}
