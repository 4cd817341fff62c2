//! Encoder and head together: the engine that runs 32-bit floats on Candle.

use candle_core::Device;

use super::bert::values;
use super::{BertEncoder, Engine, Head, Logits, ModelConfig, ModelError, Weights};
use crate::encode::Batch;

/// An encoder with its head on Candle.
#[derive(Debug, Clone)]
pub struct CandleEngine {
    encoder: BertEncoder,
    head: Head,
}

impl CandleEngine {
    /// Reads weights for a device from the bytes of a safetensors file.
    ///
    /// # Errors
    /// [`ModelError`] when the file does not fit the configuration or has no head.
    pub fn load(config: &ModelConfig, weights: &[u8], device: &Device) -> Result<Self, ModelError> {
        let weights = Weights::from_safetensors(weights, config, device)?;
        Self::from_weights(config, &weights)
    }

    /// Builds the engine from weights in memory.
    ///
    /// # Errors
    /// As [`CandleEngine::load`].
    pub fn from_weights(config: &ModelConfig, weights: &Weights) -> Result<Self, ModelError> {
        Ok(Self::new(BertEncoder::load(config, weights)?, Head::load(config, weights)?))
    }

    /// Joins an encoder and a head.
    pub fn new(encoder: BertEncoder, head: Head) -> Self {
        Self { encoder, head }
    }

    /// The encoder.
    pub fn encoder(&self) -> &BertEncoder {
        &self.encoder
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }
}

impl Engine for CandleEngine {
    fn logits(&self, batch: &Batch) -> Result<Logits, ModelError> {
        let states = self.encoder.forward(batch, None)?;
        self.head.logits(&self.head.pool(&states, batch)?)
    }

    fn hidden_states(&self, batch: &Batch) -> Result<Vec<f32>, ModelError> {
        Ok(values(&self.encoder.forward(batch, None)?)?)
    }

    fn sentence_states(&self, batch: &Batch) -> Result<Vec<f32>, ModelError> {
        let states = self.encoder.forward(batch, None)?;
        Ok(values(&self.head.pool(&states, batch)?)?)
    }
}
