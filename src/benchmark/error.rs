//! What can go wrong with a benchmark.

use std::path::{Path, PathBuf};

/// A benchmark that cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchmarkError {
    /// A file of the benchmark is missing or malformed.
    #[error(transparent)]
    Data(#[from] crate::corpus::CorpusError),
    /// A file of examples is unusable, or a prediction failed.
    #[error(transparent)]
    Eval(#[from] crate::eval::EvalError),
    /// A run cannot be trained.
    #[error(transparent)]
    Train(#[from] crate::train::TrainError),
    /// A model file is unusable.
    #[error(transparent)]
    Model(#[from] crate::model::ModelError),
    /// A trained model cannot be run.
    #[error(transparent)]
    Classify(#[from] crate::classify::ClassifyError),
    /// The labels cannot form a label set.
    #[error(transparent)]
    Labels(#[from] crate::label::LabelSetError),
    /// A file of the output folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The folder of the data, or the output folder, is not what it must be.
    #[error("{}: {reason}", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
}

impl BenchmarkError {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(super) fn folder(path: &Path, reason: impl Into<String>) -> Self {
        Self::Folder { path: path.to_owned(), reason: reason.into() }
    }
}
