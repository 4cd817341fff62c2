//! Labelled data of other projects, read as they publish it.
//!
//! One module a format; each reads files into [`Imported`] texts with the labels' own names and
//! nothing decided yet: which of fineprint's categories a foreign label means is the business of a
//! [`Crosswalk`]. All of them hand their rows to a [`Sink`], which counts what was taken and what
//! was dropped and why, and refuses a malformed row with its file, line and reason.

mod arrow;
pub mod claudette;
pub mod claudette_folders;
mod crosswalk;
pub mod doccano;
pub mod hf_dataset;
pub mod label_studio;
pub mod lexglue;
pub mod opp115;
pub mod polisis;
mod sink;
mod spans;
mod table;
pub mod tosdr;

use std::path::{Path, PathBuf};

pub use crosswalk::Crosswalk;
pub use sink::{Place, Sink};

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
    /// The nearest heading; empty for none.
    pub heading: String,
    /// The sentence that introduces the list which this one is an item of; empty for none.
    pub lead_in: String,
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

/// A format of labelled data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// OPP-115 as CSV of text and label ([`polisis`]).
    Polisis,
    /// OPP-115 as its authors released it ([`opp115`]).
    Opp115,
    /// The CLAUDETTE corpus as JSON lines ([`claudette`]).
    Claudette,
    /// The CLAUDETTE corpora as folders of sentences and of tags ([`claudette_folders`]).
    ClaudetteFolders,
    /// UNFAIR-ToS of `LexGLUE` ([`lexglue`]).
    UnfairTos,
    /// Points of Terms of Service; Didn't Read ([`tosdr`]).
    Tosdr,
    /// Label Studio's JSON export ([`label_studio`]).
    LabelStudio,
    /// doccano's JSON lines ([`doccano`]).
    Doccano,
    /// A folder of Hugging Face `datasets` ([`hf_dataset`]).
    HfDataset,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Polisis,
        Self::Opp115,
        Self::Claudette,
        Self::ClaudetteFolders,
        Self::UnfairTos,
        Self::Tosdr,
        Self::LabelStudio,
        Self::Doccano,
        Self::HfDataset,
    ];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Polisis => "polisis",
            Self::Opp115 => "opp115",
            Self::Claudette => "claudette",
            Self::ClaudetteFolders => "claudette-folders",
            Self::UnfairTos => "unfair-tos",
            Self::Tosdr => "tosdr",
            Self::LabelStudio => "label-studio",
            Self::Doccano => "doccano",
            Self::HfDataset => "hf-dataset",
        }
    }

    /// The key of its labels in a crosswalk: formats of one data set share it.
    pub fn vocabulary(self) -> &'static str {
        match self {
            Self::Polisis | Self::Opp115 => "opp115",
            Self::Claudette | Self::ClaudetteFolders => "claudette",
            other => other.as_str(),
        }
    }

    /// Reads one input.
    ///
    /// # Errors
    /// [`CorpusError`] with file, line (or row) and reason.
    pub fn read(self, path: &Path, options: &Options, sink: &mut Sink) -> Result<(), CorpusError> {
        match self {
            Self::Polisis => polisis::read(path, false, sink),
            Self::Opp115 => opp115::read(path, options.agree.unwrap_or(2), sink),
            Self::Claudette => claudette::read(path, sink),
            Self::ClaudetteFolders => claudette_folders::read(path, sink),
            Self::UnfairTos => lexglue::read(path, sink),
            Self::Tosdr => tosdr::read(path, sink),
            Self::LabelStudio => label_studio::read(path, options, sink),
            Self::Doccano => doccano::read(path, sink),
            Self::HfDataset => hf_dataset::read(path, options, sink),
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|f| f.as_str() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|f| f.as_str()).collect();
            format!("unknown format: use {}", names.join(", "))
        })
    }
}

/// What some of the formats leave open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// A label counts when so many annotators gave it; by default 2 for OPP-115, whose policies
    /// have three, and 1 elsewhere.
    pub agree: Option<usize>,
    /// The field that holds the text, where the format does not say; by default `text`.
    pub text_field: Option<String>,
    /// The field that holds labels, where the format does not say; by default `labels`, or else
    /// `label`.
    pub label_field: Option<String>,
}

/// Opens a file for buffered reading.
fn open(path: &Path) -> Result<std::io::BufReader<std::fs::File>, CorpusError> {
    match std::fs::File::open(path) {
        Ok(file) => Ok(std::io::BufReader::new(file)),
        Err(source) => Err(CorpusError::Io { path: path.to_owned(), source }),
    }
}

/// A whole text file.
fn read_text(path: &Path) -> Result<String, CorpusError> {
    let bytes =
        std::fs::read(path).map_err(|source| CorpusError::Io { path: path.to_owned(), source })?;
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = memchr::memchr_iter(b'\n', valid).count() + 1;
        CorpusError::Line {
            file: path.display().to_string(),
            line,
            reason: "not valid UTF-8".to_owned(),
        }
    })?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

/// Whether a file has this extension.
fn is_named(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// The files of a folder with one of the extensions, in the order of their names.
pub(crate) fn files_of(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, CorpusError> {
    let io = |source| CorpusError::Io { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if extensions.iter().any(|e| is_named(&path, e)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
