//! Results as records, and the output formats that are views of them.
//!
//! [`record`] defines what a result is, once and versioned; [`Recorder`] makes records of a
//! classified document. The writers turn them into the output formats, one file each, as they
//! arrive, so that memory does not grow with the corpus; [`Saved`] reads them back from JSON Lines. Nothing here reads files or decides what
//! counts as a finding.

mod csv;
pub mod html;
mod json;
mod jsonld;
mod labels;
mod markdown;
mod parquet;
pub mod record;
mod recorder;
mod sarif;
mod saved;
pub mod summary;
pub mod terminal;
mod text;
mod uri;

use std::io;

pub use csv::Csv;
pub use html::Html;
pub use json::{Json, JsonLines};
pub use jsonld::JsonLd;
pub use labels::LabelsRecord;
pub use markdown::Markdown;
pub(crate) use markdown::escape as markdown_escape;
pub use parquet::Parquet;
pub use recorder::{Explain, Filter, Part, Recorder};
pub use sarif::Sarif;
pub use saved::{Saved, SavedError};
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
            columns: None,
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

/// The error of a writer whose [`Report::begin`] was not called.
fn not_begun() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "a document came before the run")
}

/// Refuses probabilities that are no numbers, which no output may have.
fn check_finite(report: &DocumentReport) -> io::Result<()> {
    let mut findings = report.sentences.iter().flat_map(|sentence| &sentence.findings);
    if findings.all(|finding| finding.probability.is_finite()) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "a probability is not finite"))
}
