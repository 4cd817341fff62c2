//! What can go wrong between a loaded model and its scores.

use crate::encode::TokenizerError;
use crate::model::ModelError;

/// A model that cannot be loaded for classification, or a classification that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifyError {
    /// The model's files are at fault, or the computation failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The tokenizer is at fault.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The folder holds an encoder without a classification head.
    #[error("the model has no classification head (config.json has no id2label): train one first")]
    NoHead,
    /// The model gave NaN or infinity.
    #[error("the model's scores are not finite: its weights are damaged or of another config")]
    NotFinite,
    /// Worker threads could not be started.
    #[error("cannot start worker threads: {0}")]
    Threads(String),
}
