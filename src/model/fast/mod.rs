//! The fast engine for the CPU: int8 or 32-bit floats, packed sequences, no allocation per batch.
//!
//! The same forward pass as [`super::CandleEngine`], which stays the reference, from kernels made
//! for it. Sequences stand end to end without padding. Weights are packed once at load, in the
//! order in which a kernel reads them; a dense layer adds its bias and applies its activation or
//! its residual sum while the sums are in registers. In int8, weights have a scale an output and
//! activations a scale a token: a sentence's scores do not depend on its company, to the bit.
//! Everything runs on the calling thread, in buffers that the thread keeps.

#![expect(
    clippy::inline_always,
    reason = "kernels must be inlined into the function that is compiled for the CPU at hand"
)]

mod attention;
mod float;
mod forward;
mod head;
mod int8;
mod kernel;
mod linear;
mod load;
mod norm;
mod pairs;
pub mod probe;
#[cfg(test)]
mod tests;
mod vector;
#[cfg(target_arch = "x86_64")]
mod vnni;

use std::borrow::Cow;

pub use kernel::Kernel;

use super::{EncoderConfig, Engine, Logits, ModelConfig, ModelError};
use crate::encode::Batch;
use attention::Distances;
use head::Head;
use kernel::Level;
use linear::Linear;
use norm::{Embedding, Norm};

/// Tokens in a tile; every kernel's number of rows divides it.
const PANEL: usize = 12;
/// Outputs that scales and biases are padded to; every int8 kernel's panel divides it.
const WIDE: usize = 32;

/// Numbers that the dense layers are computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Numbers {
    /// 8-bit integers with 32-bit sums.
    Int8,
    /// 32-bit floats.
    F32,
}

/// An encoder, with its head if it has one, on the CPU's own instructions.
#[derive(Debug)]
pub struct FastEngine {
    kernel: Kernel,
    level: Level,
    config: EncoderConfig,
    numbers: Numbers,
    embedding: Embedding,
    /// Biases of attention by distance, where the family has them.
    distances: Option<Distances>,
    layers: Vec<Layer>,
    head: Option<Head>,
}

/// One layer.
#[derive(Debug)]
struct Layer {
    qkv: Linear,
    out: Linear,
    out_norm: Norm,
    up: Linear,
    down: Linear,
    down_norm: Norm,
}

impl FastEngine {
    /// Reads weights from the bytes of a safetensors file; int8 weights are packed as they are.
    ///
    /// A table of embeddings in bytes that are part of the program is read where it lies.
    ///
    /// # Errors
    /// [`ModelError`] when the file does not fit the configuration, or this machine lacks the
    /// kernel.
    #[expect(clippy::ptr_arg, reason = "what is borrowed for ever need not be copied")]
    pub fn load(
        config: &ModelConfig,
        weights: &Cow<'static, [u8]>,
        numbers: Numbers,
        kernel: Kernel,
    ) -> Result<Self, ModelError> {
        let level = kernel.level().ok_or_else(|| {
            ModelError::Inference(format!("this processor cannot run the kernel `{kernel}`"))
        })?;
        match weights {
            Cow::Borrowed(bytes) => {
                load::Loader::open(bytes, config, numbers, level)?.engine(kernel, Cow::Borrowed)
            }
            Cow::Owned(bytes) => load::Loader::open(bytes, config, numbers, level)?
                .engine(kernel, |table| Cow::Owned(table.to_vec())),
        }
    }

    /// The instructions that it runs on.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The numbers that it computes in.
    pub fn numbers(&self) -> Numbers {
        self.numbers
    }

    /// Bytes of weights on the heap.
    pub fn bytes(&self) -> usize {
        let layer = |l: &Layer| {
            [&l.qkv, &l.out, &l.up, &l.down].into_iter().map(Linear::bytes).sum::<usize>()
        };
        self.embedding.bytes() + self.layers.iter().map(layer).sum::<usize>()
    }
}

impl Engine for FastEngine {
    fn logits(&self, batch: &Batch) -> Result<Logits, ModelError> {
        let head = self.head()?;
        let mut rows = Vec::with_capacity(batch.len() * head.width());
        self.forward(batch, |states, sequences| {
            for range in sequences {
                head.logits(self.level, &head.pool(self.level, states, range), &mut rows);
            }
        })?;
        head.split(&rows)
    }

    fn hidden_states(&self, batch: &Batch) -> Result<Vec<f32>, ModelError> {
        let mut all = Vec::with_capacity(batch.tokens() * self.config.hidden_size);
        self.forward(batch, |states, _| all.extend_from_slice(states))?;
        Ok(all)
    }

    fn sentence_states(&self, batch: &Batch) -> Result<Vec<f32>, ModelError> {
        let head = self.head()?;
        let mut all = Vec::with_capacity(batch.len() * self.config.hidden_size);
        self.forward(batch, |states, sequences| {
            for range in sequences {
                all.extend_from_slice(&head.pool(self.level, states, range));
            }
        })?;
        Ok(all)
    }
}

impl FastEngine {
    fn head(&self) -> Result<&Head, ModelError> {
        self.head.as_ref().ok_or_else(|| {
            ModelError::invalid("config.json", "the model has no classification head")
        })
    }
}
