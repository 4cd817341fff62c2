//! What can be wrong with a model folder, in words a user can act on.

use std::path::PathBuf;

/// A model that cannot be found, read, trusted or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The `--model` argument has no usable form.
    #[error("`{given}` is no model: {reason}; use a folder or hf:owner/name@revision")]
    BadSource {
        /// What was given.
        given: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A file of the folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A file is larger than any sane model's.
    #[error("{file} has {bytes} bytes, over the limit of {limit}")]
    TooLarge {
        /// Name of the file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The limit in `limits.rs`.
        limit: u64,
    },
    /// A file does not say what it must.
    #[error("{file}: {reason}")]
    Invalid {
        /// Name of the file.
        file: &'static str,
        /// What is wrong and, where it helps, what to do.
        reason: String,
    },
    /// The hub could not deliver the model.
    #[error("cannot get {file} of {repo} from the hub: {reason}")]
    Hub {
        /// `owner/name@revision`.
        repo: String,
        /// The file asked for.
        file: String,
        /// Why not.
        reason: String,
    },
    /// There is no GPU of the kind asked for, or the crate was built without it.
    #[error(
        "cannot compute on {name}: {reason}; it takes a program built with \
         `--features {name}` and its GPU, and --engine int8 takes neither"
    )]
    Gpu {
        /// The engine, which the crate's feature is named after.
        name: &'static str,
        /// Candle's answer.
        reason: String,
    },
    /// The computation failed or gave values that are not finite.
    #[error("model inference failed: {0}")]
    Inference(String),
}

impl ModelError {
    pub(crate) fn invalid(file: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { file, reason: reason.into() }
    }

    pub(crate) fn gpu(name: &'static str, error: &candle_core::Error) -> Self {
        Self::Gpu { name, reason: first_line(error) }
    }
}

impl From<candle_core::Error> for ModelError {
    fn from(error: candle_core::Error) -> Self {
        Self::Inference(first_line(&error))
    }
}

/// Candle's message without the backtrace that it appends when `RUST_BACKTRACE` is set.
fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
