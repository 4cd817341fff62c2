//! What can be wrong with corpus files and archives, with the place and what to do.

use std::path::PathBuf;

use crate::eval::EvalError;

/// A corpus file or an archive that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A file or directory cannot be read or written.
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
    /// A file of labelled sentences is malformed.
    #[error(transparent)]
    Examples(#[from] EvalError),
}

impl CorpusError {
    pub(super) fn file(file: &str, reason: impl Into<String>) -> Self {
        Self::File { file: file.to_owned(), reason: reason.into() }
    }
}
