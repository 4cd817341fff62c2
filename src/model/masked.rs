//! The head of masked-language pre-training (Devlin et al. 2019): a dense layer with activation
//! and norm, then a decoder that is tied to the word embeddings.
//!
//! Logits are computed at masked positions only, since the decoder has as many rows as the
//! vocabulary. The encoder keeps the word embeddings; their gradient through the decoder is
//! dense and comes apart from that of the input.

use candle_core::{Device, Tensor};

use super::bert::{BertEncoder, Parameter};
use super::head::normal;
use super::ops::Products;
use super::{Activation, ModelError, ops};

/// A fresh head over hidden states; it is left behind when pre-training is over.
#[derive(Debug, Clone)]
pub struct MaskedHead {
    /// [hidden, hidden].
    dense: Tensor,
    /// `[hidden]`.
    dense_bias: Tensor,
    /// A bias, the norm's weight and its offset, [3, hidden].
    norm: Tensor,
    /// One logit's bias a word, `[vocabulary]`.
    bias: Tensor,
    activation: Activation,
    eps: f64,
}

/// Loss at masked positions and the gradients that follow.
#[derive(Debug)]
pub struct MaskedGrads {
    /// Cross-entropy summed over the positions, in nats.
    pub loss: f64,
    /// For all hidden states, [tokens, hidden]; zero where nothing is masked.
    pub states: Tensor,
    /// In the order of [`MaskedHead::parameters`].
    pub dense: Vec<Tensor>,
    /// For the word embeddings as decoder, [vocabulary, hidden].
    pub words: Tensor,
}

impl MaskedHead {
    /// A head of small random weights for an encoder.
    ///
    /// # Errors
    /// [`ModelError`] when a tensor cannot be made.
    pub fn fresh(encoder: &BertEncoder, seed: u64) -> Result<Self, ModelError> {
        let config = encoder.config();
        let (h, v) = (config.hidden_size, config.vocab_size);
        let device = encoder.device();
        let mut norm = vec![0f32; 3 * h];
        norm[h..2 * h].fill(1.0);
        Ok(Self {
            dense: normal(&[h, h], seed, device)?,
            dense_bias: Tensor::from_vec(vec![0f32; h], h, device)?,
            norm: Tensor::from_vec(norm, (3, h), device)?,
            bias: Tensor::from_vec(vec![0f32; v], v, device)?,
            activation: config.hidden_act,
            eps: config.layer_norm_eps,
        })
    }

    /// The head's own parameters.
    pub fn parameters(&self) -> Vec<Parameter> {
        let all = [
            ("masked.dense", &self.dense, true),
            ("masked.dense_bias", &self.dense_bias, false),
            ("masked.norm", &self.norm, false),
            ("masked.bias", &self.bias, false),
        ];
        all.into_iter()
            .map(|(name, tensor, decays)| Parameter::of_head(name, tensor, decays))
            .collect()
    }

    /// Loss and gradients for hidden `states`, [tokens, hidden], where `positions` (rising) were
    /// masked and should read `targets`; `words` are the encoder's word embeddings.
    ///
    /// `scale` multiplies the gradients: 1 over the masked positions of the whole step.
    ///
    /// # Errors
    /// [`ModelError`] when a position or target is out of range.
    pub fn gradients(
        &self,
        words: &Tensor,
        states: &Tensor,
        positions: &[u32],
        targets: &[u32],
        scale: f32,
    ) -> Result<MaskedGrads, ModelError> {
        let (count, hidden) = (states.dim(0)?, states.dim(1)?);
        if let Some(bad) = positions.iter().find(|&&p| p as usize >= count) {
            return Err(ModelError::Inference(format!("position {bad} of {count} tokens")));
        }
        let at = Tensor::new(positions, states.device())?;
        let masked = states.index_select(&at, 0)?;
        let none = Tensor::from_vec(
            vec![0f32; positions.len() * hidden],
            (positions.len(), hidden),
            &Device::Cpu,
        )?;
        let mixed = Products::F32.linear(&masked, &self.dense)?;
        let active = ops::gelu(&mixed, &self.dense_bias, self.activation)?;
        let normed = ops::add_norm(&active, &none, &self.norm, self.eps, None)?;
        let logits = Products::F32.linear(&normed, words)?;
        let (loss, dlogits) = ops::cross_entropy(&logits, &self.bias, targets, scale)?;
        drop(logits);
        let dwords = Products::F32.weight_grad(&dlogits, &normed)?;
        let dbias = dlogits.sum(0)?;
        let dnormed = dlogits.matmul(words)?;
        drop(dlogits);
        let norm = ops::add_norm_backward(&active, &none, &self.norm, self.eps, None, &dnormed)?;
        let (dmixed, ddense_bias) =
            ops::gelu_backward(&mixed, &self.dense_bias, self.activation, &norm.x)?;
        let ddense = Products::F32.weight_grad(&dmixed, &masked)?;
        let dmasked = dmixed.matmul(&self.dense)?;
        let rows = ops::with_floats("masked states", [&dmasked], |[rows]| {
            let mut all = vec![0f32; count * hidden];
            for (row, &position) in rows.chunks_exact(hidden).zip(positions) {
                let start = position as usize * hidden;
                all[start..start + hidden].copy_from_slice(row);
            }
            Ok(all)
        })?;
        Ok(MaskedGrads {
            loss,
            states: Tensor::from_vec(rows, (count, hidden), states.device())?,
            dense: vec![ddense, ddense_bias, norm.params, dbias],
            words: dwords,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ops::testing::noise;

    fn tensor(dims: &[usize], seed: u64) -> Tensor {
        Tensor::from_vec(noise(dims.iter().product(), seed), dims, &Device::Cpu).unwrap()
    }

    fn head() -> MaskedHead {
        MaskedHead {
            dense: tensor(&[6, 6], 1),
            dense_bias: tensor(&[6], 2),
            norm: tensor(&[3, 6], 3),
            bias: tensor(&[9], 4),
            activation: Activation::Gelu,
            eps: 1e-12,
        }
    }

    /// Central differences in every entry of every tensor that the loss depends on.
    #[test]
    fn every_gradient_is_a_slope() {
        let (positions, targets) = ([1u32, 3], [8u32, 0]);
        let tensors = [
            tensor(&[4, 6], 5),
            tensor(&[9, 6], 6),
            head().dense,
            head().dense_bias,
            head().norm,
            head().bias,
        ];
        let run = |t: &[Tensor]| {
            let head = MaskedHead {
                dense: t[2].clone(),
                dense_bias: t[3].clone(),
                norm: t[4].clone(),
                bias: t[5].clone(),
                ..head()
            };
            head.gradients(&t[1], &t[0], &positions, &targets, 1.0).unwrap()
        };
        let found = run(&tensors);
        let mut grads = vec![found.states, found.words];
        grads.extend(found.dense);
        let step = 1e-2f32;
        for (which, (tensor, grad)) in tensors.iter().zip(&grads).enumerate() {
            let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let grad = grad.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(values.len(), grad.len(), "tensor {which}");
            for i in 0..values.len() {
                let shifted = |by: f32| {
                    let mut values = values.clone();
                    values[i] += by;
                    let mut all = tensors.clone();
                    all[which] = Tensor::from_vec(values, tensor.dims(), &Device::Cpu).unwrap();
                    run(&all).loss
                };
                let expected = (shifted(step) - shifted(-step)) / (2.0 * f64::from(step));
                let got = f64::from(grad[i]);
                assert!(
                    (expected - got).abs() < 5e-3 * (1.0 + expected.abs()),
                    "tensor {which} entry {i}: gradient {got}, difference quotient {expected}"
                );
            }
        }
    }

    #[test]
    fn what_is_out_of_range_is_an_error() {
        let (states, words) = (tensor(&[4, 6], 5), tensor(&[9, 6], 6));
        assert!(head().gradients(&words, &states, &[4], &[0], 1.0).is_err());
        assert!(head().gradients(&words, &states, &[1], &[9], 1.0).is_err());
    }
}
