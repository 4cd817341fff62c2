//! Pooling and the multi-label classification head.
//!
//! Logits of all categories come first, then, with stances, as many logits that the stance is
//! denied given the category.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result as CandleResult, Tensor};

use super::bert::{Parameter, values};
use super::ops::{self, Dropout, Mask, Products, Sequences, mix};
use super::{Link, Logits, ModelConfig, ModelError, Pooling, Weights};
use crate::encode::Batch;

/// The head over an encoder's hidden states.
#[derive(Debug, Clone)]
pub struct Head {
    categories: usize,
    has_stance: bool,
    link: Link,
    /// Dense layer of the CLS pooler: matrix [hidden, hidden] and bias [hidden].
    pooler: Option<(Tensor, Tensor)>,
    /// Whether a rectifier follows it and not tanh.
    pools_with_relu: bool,
    /// [logits, hidden].
    weight: Tensor,
    /// [logits].
    bias: Tensor,
}

/// What the backward pass of the whole head needs.
#[derive(Debug)]
pub struct HeadTape {
    /// States of the first tokens, where the pooler reads them.
    first: Option<Tensor>,
    /// Sentence states before dropout.
    pooled: Tensor,
    classifier: ClassifierTape,
}

/// What the backward pass of the classifier over given sentence states needs.
#[derive(Debug)]
pub struct ClassifierTape {
    dropped: Tensor,
    mask: Option<Mask>,
}

/// Gradients of a head.
#[derive(Debug)]
pub struct HeadGrads {
    /// For the hidden states, [tokens, hidden].
    pub states: Tensor,
    /// In the order of [`Head::parameters`].
    pub dense: Vec<Tensor>,
}

impl Head {
    /// Builds the head from weights that fit the configuration.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] when the configuration has no labels or a tensor is missing.
    pub fn load(config: &ModelConfig, weights: &Weights) -> Result<Self, ModelError> {
        let labels = Self::labels(config)?;
        let pooler = match config.pooling {
            Pooling::Mean => None,
            Pooling::Cls => {
                Some((weights.get(POOLER[0])?.copy()?, weights.get(POOLER[1])?.copy()?))
            }
        };
        Ok(Self {
            categories: labels.0,
            has_stance: labels.1,
            link: config.link,
            pooler,
            pools_with_relu: config.encoder.family.pools_with_relu(),
            weight: weights.get(CLASSIFIER[0])?.copy()?,
            bias: weights.get(CLASSIFIER[1])?.copy()?,
        })
    }

    /// A fresh head of small random weights; a pooler that the weights have is taken over.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] when the configuration has no labels.
    pub fn fresh(config: &ModelConfig, weights: &Weights, seed: u64) -> Result<Self, ModelError> {
        let labels = Self::labels(config)?;
        let (h, rows) = (config.encoder.hidden_size, config.num_logits());
        let device = weights.get(super::names::WORD)?.device().clone();
        let pooler = match config.pooling {
            Pooling::Mean => None,
            Pooling::Cls => match (weights.get(POOLER[0]), weights.get(POOLER[1])) {
                (Ok(w), Ok(b)) if w.dims() == [h, h] && b.dims() == [h] => {
                    Some((w.copy()?, b.copy()?))
                }
                _ => Some((normal(&[h, h], seed ^ 1, &device)?, zeros(h, &device)?)),
            },
        };
        Ok(Self {
            categories: labels.0,
            has_stance: labels.1,
            link: config.link,
            pooler,
            pools_with_relu: config.encoder.family.pools_with_relu(),
            weight: normal(&[rows, h], seed, &device)?,
            bias: zeros(rows, &device)?,
        })
    }

    fn labels(config: &ModelConfig) -> Result<(usize, bool), ModelError> {
        let set = config.labels.as_ref().ok_or_else(|| {
            ModelError::invalid("config.json", "the model has no classification head")
        })?;
        Ok((set.len(), set.has_stance()))
    }

    /// Number of categories.
    pub fn categories(&self) -> usize {
        self.categories
    }

    /// Whether there are logits of denial.
    pub fn has_stance(&self) -> bool {
        self.has_stance
    }

    /// Sentence states, [sequences, hidden].
    ///
    /// # Errors
    /// [`ModelError`] when the states are not of this batch.
    pub fn pool(&self, states: &Tensor, batch: &Batch) -> Result<Tensor, ModelError> {
        Ok(self.pool_kept(states, batch)?.0)
    }

    fn pool_kept(&self, states: &Tensor, batch: &Batch) -> CandleResult<(Tensor, Option<Tensor>)> {
        let sequences = Sequences::new(&batch.cu_seqlens)?;
        let Some((weight, bias)) = &self.pooler else {
            if states.device().is_cpu() {
                return Ok((ops::mean_pool(states, &sequences)?, None));
            }
            let (averages, _) = pooling_matrices(&sequences, states.device())?;
            return Ok((averages.matmul(states)?, None));
        };
        let firsts = Tensor::new(&batch.cu_seqlens[..sequences.len()], states.device())?;
        let first = states.index_select(&firsts, 0)?;
        let pooled = Products::F32.linear(&first, weight)?.broadcast_add(bias)?;
        let pooled = if self.pools_with_relu { pooled.relu()? } else { pooled.tanh()? };
        Ok((pooled, Some(first)))
    }

    /// Logits of each sequence as one tensor, [sequences, logits], differentiable by Candle.
    ///
    /// # Errors
    /// [`ModelError`] when the states are not of this batch.
    pub fn forward(&self, states: &Tensor, batch: &Batch) -> Result<Tensor, ModelError> {
        let pooled = self.pool(states, batch)?;
        Ok(Products::F32.linear(&pooled, &self.weight)?.broadcast_add(&self.bias)?)
    }

    /// Logits of given sentence states, [sequences, hidden], apart.
    ///
    /// # Errors
    /// [`ModelError::Inference`] when they are not finite.
    pub fn logits(&self, pooled: &Tensor) -> Result<Logits, ModelError> {
        let all = Products::F32.linear(pooled, &self.weight)?.broadcast_add(&self.bias)?;
        self.split(&values(&all)?)
    }

    /// Parts rows of logits into categories and denials.
    ///
    /// # Errors
    /// [`ModelError::Inference`] when a value is not finite.
    pub fn split(&self, rows: &[f32]) -> Result<Logits, ModelError> {
        if rows.iter().any(|v| !v.is_finite()) {
            return Err(ModelError::Inference("a logit is not finite".to_owned()));
        }
        let width = self.categories * if self.has_stance { 2 } else { 1 };
        let mut out = Logits { category: Vec::new(), denied: Vec::new() };
        for row in rows.chunks_exact(width.max(1)) {
            let (category, denied) = row.split_at(self.categories);
            push_log_odds(category, self.link, &mut out.category);
            out.denied.extend_from_slice(denied);
        }
        Ok(out)
    }

    /// Rows of logits, keeping what the backward pass needs; dropout falls on sentence states.
    ///
    /// # Errors
    /// [`ModelError`] when the states are not of this batch.
    pub fn forward_taped(
        &self,
        states: &Tensor,
        batch: &Batch,
        dropout: Option<&mut Dropout>,
    ) -> Result<(Vec<f32>, HeadTape), ModelError> {
        let (pooled, first) = self.pool_kept(states, batch)?;
        let (logits, classifier) = self.classify_taped(&pooled, dropout)?;
        Ok((logits, HeadTape { first, pooled, classifier }))
    }

    /// Rows of logits of given sentence states, [sequences, hidden].
    ///
    /// # Errors
    /// [`ModelError`] when the width differs.
    pub fn classify_taped(
        &self,
        pooled: &Tensor,
        dropout: Option<&mut Dropout>,
    ) -> Result<(Vec<f32>, ClassifierTape), ModelError> {
        let mask = dropout.and_then(Dropout::hidden);
        let dropped = scaled(pooled, mask)?;
        let logits = Products::F32.linear(&dropped, &self.weight)?.broadcast_add(&self.bias)?;
        Ok((values(&logits)?, ClassifierTape { dropped, mask }))
    }

    /// Gradients for the sentence states, and for matrix and bias of the classifier.
    ///
    /// # Errors
    /// [`ModelError`] when the shapes do not fit.
    pub fn classify_backward(
        &self,
        tape: &ClassifierTape,
        grad: &Tensor,
    ) -> Result<(Tensor, Vec<Tensor>), ModelError> {
        let weight = Products::F32.weight_grad(grad, &tape.dropped)?;
        let bias = grad.sum(0)?;
        let dpooled = scaled(&grad.matmul(&self.weight)?, tape.mask)?;
        Ok((dpooled, vec![weight, bias]))
    }

    /// Gradients from that of the rows of logits, [sequences, logits].
    ///
    /// # Errors
    /// [`ModelError`] when the shapes do not fit.
    pub fn backward(
        &self,
        batch: &Batch,
        tape: &HeadTape,
        grad: &Tensor,
    ) -> Result<HeadGrads, ModelError> {
        let sequences = Sequences::new(&batch.cu_seqlens)?;
        let (dpooled, classifier) = self.classify_backward(&tape.classifier, grad)?;
        let (Some((pooler, _)), Some(first)) = (&self.pooler, &tape.first) else {
            let states = ops::mean_pool_backward(&sequences, &dpooled)?;
            return Ok(HeadGrads { states, dense: classifier });
        };
        let slope = if self.pools_with_relu {
            tape.pooled.gt(0f64)?.to_dtype(DType::F32)?
        } else {
            tape.pooled.sqr()?.affine(-1.0, 1.0)?
        };
        let dpre = (dpooled * slope)?;
        let dfirst = dpre.matmul(pooler)?;
        let firsts = Tensor::new(&batch.cu_seqlens[..sequences.len()], grad.device())?;
        let width = dfirst.dim(1)?;
        let states = Tensor::zeros((sequences.tokens(), width), dfirst.dtype(), grad.device())?
            .index_add(&firsts, &dfirst, 0)?;
        let mut dense = vec![Products::F32.weight_grad(&dpre, first)?, dpre.sum(0)?];
        dense.extend(classifier);
        Ok(HeadGrads { states, dense })
    }

    /// The parameters: matrix and bias of the pooler, where there is one, and of the classifier.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut all = Vec::new();
        if let Some((weight, bias)) = &self.pooler {
            all.push(("pooler.weight", weight, true));
            all.push(("pooler.bias", bias, false));
        }
        all.push(("classifier.weight", &self.weight, true));
        all.push(("classifier.bias", &self.bias, false));
        all.into_iter()
            .map(|(name, tensor, decays)| Parameter::of_head(name, tensor, decays))
            .collect()
    }

    /// The parameters of the classifier alone, which is what a frozen encoder leaves to train.
    pub fn classifier(&self) -> Vec<Parameter> {
        let mut all = self.parameters();
        all.split_off(all.len().saturating_sub(2))
    }

    /// Copies of the weights under their Hugging Face names.
    ///
    /// # Errors
    /// [`ModelError`] when a tensor cannot be copied.
    pub fn weights(&self) -> Result<BTreeMap<String, Tensor>, ModelError> {
        let mut out = BTreeMap::new();
        if let Some((weight, bias)) = &self.pooler {
            out.insert(POOLER[0].to_owned(), weight.copy()?);
            out.insert(POOLER[1].to_owned(), bias.copy()?);
        }
        out.insert(CLASSIFIER[0].to_owned(), self.weight.copy()?);
        out.insert(CLASSIFIER[1].to_owned(), self.bias.copy()?);
        Ok(out)
    }
}

/// Adds a row of logits to `out` as log-odds, which a sigmoid makes probabilities of.
///
/// Those of a softmax are `lᵢ − log Σ_{k≠i} exp lₖ`: their sigmoid is the softmax's probability, and
/// thresholds and calibration work on them as on any other logit.
pub(super) fn push_log_odds(row: &[f32], link: Link, out: &mut Vec<f32>) {
    match link {
        Link::Sigmoid => out.extend_from_slice(row),
        Link::Softmax => {
            for (i, &own) in row.iter().enumerate() {
                let others = || row.iter().enumerate().filter(|&(k, _)| k != i).map(|(_, &l)| l);
                let peak = others().fold(f32::NEG_INFINITY, f32::max);
                let sum: f32 = others().map(|l| (l - peak).exp()).sum();
                out.push(own - peak - sum.ln());
            }
        }
    }
}

pub(super) const POOLER: [&str; 2] = ["pooler.dense.weight", "pooler.dense.bias"];
pub(super) const CLASSIFIER: [&str; 2] = ["classifier.weight", "classifier.bias"];

fn zeros(n: usize, device: &Device) -> CandleResult<Tensor> {
    Tensor::zeros(n, DType::F32, device)
}

/// Normal values of standard deviation 0.02, as BERT initialises, from our own stream.
pub(crate) fn normal(dims: &[usize], seed: u64, device: &Device) -> CandleResult<Tensor> {
    let unit = |x: u64| ((x >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let count: usize = dims.iter().product();
    let mut state = mix(seed);
    let values: Vec<f32> = (0..count)
        .map(|_| {
            state = mix(state);
            let radius = (-2.0 * unit(state).ln()).sqrt();
            state = mix(state);
            (0.02 * radius * (std::f64::consts::TAU * unit(state)).cos()) as f32
        })
        .collect();
    Tensor::from_vec(values, dims, device)
}

/// Applies a dropout mask to a small tensor.
fn scaled(x: &Tensor, mask: Option<Mask>) -> CandleResult<Tensor> {
    let Some(mask) = mask else { return Ok(x.clone()) };
    let factors: Vec<f32> = (0..x.elem_count()).map(|i| mask.factor(i as u32)).collect();
    x * Tensor::from_vec(factors, x.dims(), x.device())?
}

/// The matrix that averages packed tokens, [sequences, tokens], for devices without the fused op.
fn pooling_matrices(sequences: &Sequences, device: &Device) -> CandleResult<(Tensor, usize)> {
    let (rows, columns) = (sequences.len(), sequences.tokens());
    let mut values = vec![0f32; rows * columns];
    for (s, range) in sequences.ranges().enumerate() {
        let share = 1.0 / range.len().max(1) as f32;
        values[s * columns + range.start..s * columns + range.end].fill(share);
    }
    Ok((Tensor::from_vec(values, (rows, columns), device)?, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sigmoid_of_softmax_log_odds_is_the_softmax() {
        for row in [vec![0.5f32, -1.0, 2.0], vec![80.0, -90.0, 3.0], vec![-200.0, 200.0]] {
            let mut odds = Vec::new();
            push_log_odds(&row, Link::Softmax, &mut odds);
            let peak = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            let total: f64 = row.iter().map(|&l| (f64::from(l) - peak).exp()).sum();
            for (&logit, odds) in row.iter().zip(odds) {
                let expected = (f64::from(logit) - peak).exp() / total;
                let got = 1.0 / (1.0 + (-f64::from(odds)).exp());
                assert!(odds.is_finite() && (got - expected).abs() < 1e-6, "{got} {expected}");
            }
        }
    }
}
