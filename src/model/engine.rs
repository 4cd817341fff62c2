//! The forward pass behind one trait, so that engines can be exchanged under the classifier.

use super::ModelError;
use crate::encode::Batch;

/// Version of what engines compute. Logits kept on disk are taken for the same only under the same
/// number, so it is raised with every change that moves a logit of any engine, in any bit.
pub const ENGINE_VERSION: u32 = 3;

/// Raw outputs of the head for a batch of `B` sequences and `C` categories.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    /// `B × C`, row-major: the sentence is about the category. Of a softmax head these are log-odds, so
    /// that a sigmoid of each is its probability.
    pub category: Vec<f32>,
    /// `B × C`, row-major: the stance is denied, given the category; empty without stances.
    pub denied: Vec<f32>,
}

/// An encoder with its classification head, loaded and ready.
pub trait Engine: std::fmt::Debug + Send + Sync {
    /// Logits of every sequence of the batch.
    ///
    /// # Errors
    /// [`ModelError::Inference`] when the computation fails.
    fn logits(&self, batch: &Batch) -> Result<Logits, ModelError>;

    /// Hidden states of the last layer, `tokens × hidden_size`, row-major.
    ///
    /// # Errors
    /// [`ModelError::Inference`] when the computation fails.
    fn hidden_states(&self, batch: &Batch) -> Result<Vec<f32>, ModelError>;

    /// Sentence states under the head, `B × hidden_size`, row-major.
    ///
    /// # Errors
    /// [`ModelError::Inference`] when the computation fails.
    fn sentence_states(&self, batch: &Batch) -> Result<Vec<f32>, ModelError>;
}
