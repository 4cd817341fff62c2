//! What can go wrong with a training run.

use std::path::PathBuf;

/// A training run that cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A model file is unusable, or the computation failed.
    #[error(transparent)]
    Model(#[from] crate::model::ModelError),
    /// A file of examples is unusable.
    #[error(transparent)]
    Data(#[from] crate::eval::EvalError),
    /// The tokenizer is unusable or failed on a sentence.
    #[error(transparent)]
    Tokenizer(#[from] crate::encode::TokenizerError),
    /// The labels cannot form a label set.
    #[error(transparent)]
    Labels(#[from] crate::label::LabelSetError),
    /// An option has a value that cannot be used.
    #[error("{0}")]
    Options(String),
    /// A file of the run cannot be written or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A checkpoint does not belong to this run, or is damaged.
    #[error("cannot resume from {}: {reason}", path.display())]
    Resume {
        /// The checkpoint.
        path: PathBuf,
        /// Why not, and what to do.
        reason: String,
    },
    /// The loss is no number any more.
    #[error("the loss is not finite at step {step}: lower --lr, or --max-norm")]
    Diverged {
        /// The optimiser step, from 1.
        step: u64,
    },
    /// Worker threads cannot be started.
    #[error("cannot start worker threads: {0}")]
    Threads(String),
}

impl From<candle_core::Error> for TrainError {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(error.into())
    }
}

impl TrainError {
    pub(super) fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
