//! Labelled data of other projects, read as they publish it.
//!
//! One module a format; each reads files into [`Imported`] texts with the labels' own names and
//! nothing decided yet: which of fineprint's categories a foreign label means is the business of a
//! crosswalk. All of them hand their rows to a [`Sink`], which counts what was taken and what was
//! dropped and why, and refuses a malformed row with its file, line and reason.

pub mod claudette;
pub mod lexglue;
pub mod polisis;
mod table;

use std::collections::BTreeMap;
use std::path::Path;

use super::CorpusError;

/// One text of a foreign data set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// The set's own identifier; empty where it has none.
    pub id: String,
    /// The sentence, segment or quotation.
    pub text: String,
    /// Labels by the set's own names, without repetition, in the order of their appearance.
    pub labels: Vec<String>,
    /// The document that the text stands in; empty if unknown.
    pub document: String,
    /// The part of the data set, such as `train` or the number of a fold; empty if unknown.
    pub part: String,
}

impl Imported {
    /// Adds a label that is not there yet.
    pub fn add(&mut self, label: impl Into<String>) {
        let label = label.into();
        if !self.labels.contains(&label) {
            self.labels.push(label);
        }
    }
}

/// What reading gave.
#[derive(Debug, Default)]
pub struct Sink {
    /// The texts that were taken.
    pub taken: Vec<Imported>,
    /// Well-formed rows that were left out, by reason.
    pub dropped: BTreeMap<String, usize>,
    /// Malformed rows that were skipped, as their errors tell them.
    pub bad: Vec<String>,
    /// Skip malformed rows instead of refusing the file.
    skip_bad: bool,
}

impl Sink {
    /// An empty sink; with `skip_bad`, malformed rows are counted and skipped.
    pub fn new(skip_bad: bool) -> Self {
        Self { skip_bad, ..Self::default() }
    }

    /// Takes a text; one that is blank is dropped.
    pub fn take(&mut self, row: Imported) {
        if row.text.trim().is_empty() {
            self.drop("the text is blank");
        } else {
            self.taken.push(row);
        }
    }

    /// Counts a row that is well-formed and of no use.
    pub fn drop(&mut self, reason: impl Into<String>) {
        *self.dropped.entry(reason.into()).or_default() += 1;
    }

    /// A malformed row, by the line where it begins (or its number in a table), from 1.
    ///
    /// # Errors
    /// [`CorpusError::Line`], unless such rows are to be skipped.
    pub fn bad(&mut self, file: &Path, line: usize, reason: &str) -> Result<(), CorpusError> {
        let error =
            CorpusError::Line { file: file.display().to_string(), line, reason: reason.to_owned() };
        if !self.skip_bad {
            return Err(error);
        }
        self.bad.push(error.to_string());
        Ok(())
    }
}

/// Opens a file for buffered reading.
fn open(path: &Path) -> Result<std::io::BufReader<std::fs::File>, CorpusError> {
    match std::fs::File::open(path) {
        Ok(file) => Ok(std::io::BufReader::new(file)),
        Err(source) => Err(CorpusError::Io { path: path.to_owned(), source }),
    }
}
