//! Where importers put their rows, and where bad ones are told.

use std::collections::BTreeMap;
use std::path::Path;

use super::Imported;
use crate::corpus::CorpusError;

/// Where in a file a row is, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The line that it begins on.
    Line(usize),
    /// Its number, where there are no lines: in a JSON list or a Parquet file.
    Row(usize),
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

    /// A malformed row.
    ///
    /// # Errors
    /// [`CorpusError`] with the place, unless such rows are to be skipped.
    pub fn bad(&mut self, file: &Path, place: Place, reason: &str) -> Result<(), CorpusError> {
        let file = file.display().to_string();
        let error = match place {
            Place::Line(line) => CorpusError::Line { file, line, reason: reason.to_owned() },
            Place::Row(row) => CorpusError::File { file, reason: format!("row {row}: {reason}") },
        };
        if !self.skip_bad {
            return Err(error);
        }
        self.bad.push(error.to_string());
        Ok(())
    }
}
