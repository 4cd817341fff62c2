//! What can be wrong with the files of an evaluation, with the place and what to do.

use std::path::PathBuf;

/// A file of examples or predictions that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A line does not say what it must.
    #[error("{file}:{line}: {reason}")]
    Line {
        /// Name of the file.
        file: String,
        /// Line number, from 1.
        line: usize,
        /// What is wrong and, where it helps, what to do.
        reason: String,
    },
    /// A whole file is of no use.
    #[error("{file}: {reason}")]
    File {
        /// Name of the file.
        file: String,
        /// What is wrong and, where it helps, what to do.
        reason: String,
    },
    /// The model failed.
    #[error("prediction failed: {0}")]
    Predictor(String),
    /// A baseline or a calibration cannot be fitted on these examples.
    #[error("{0}")]
    Unfit(String),
}

impl EvalError {
    pub(crate) fn line(file: &str, line: usize, reason: impl Into<String>) -> Self {
        Self::Line { file: file.to_owned(), line, reason: reason.into() }
    }

    pub(crate) fn file(file: &str, reason: impl Into<String>) -> Self {
        Self::File { file: file.to_owned(), reason: reason.into() }
    }
}
