//! The options of a run; all of them go into its manifest and, by digest, into its checkpoints.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::loss::LossOptions;
use crate::encode::Context;
use crate::label::LabelSet;
use crate::model::ops::Products;

/// Which layers of the initial encoder are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerChoice {
    /// All of them.
    All,
    /// This many, spread evenly and ending with the last.
    Count(usize),
    /// These, by number from 0.
    Listed(Vec<usize>),
}

impl LayerChoice {
    /// The kept layers of an encoder of `available` layers.
    ///
    /// # Errors
    /// [`TrainError::Options`] when there are none, too many, or they do not rise.
    pub fn resolve(&self, available: usize) -> Result<Vec<usize>, TrainError> {
        let layers: Vec<usize> = match self {
            Self::All => (0..available).collect(),
            Self::Count(n) if (1..=available).contains(n) => {
                (1..=*n).map(|i| i * available / n - 1).collect()
            }
            Self::Count(n) => {
                return Err(TrainError::Options(format!(
                    "--layers {n}: the model has {available} layers"
                )));
            }
            Self::Listed(layers) => layers.clone(),
        };
        let rises = layers.windows(2).all(|w| w[0] < w[1]);
        if layers.is_empty() || !rises || layers.iter().any(|&l| l >= available) {
            return Err(TrainError::Options(format!(
                "--layers must list rising numbers from 0 to {}",
                available - 1
            )));
        }
        Ok(layers)
    }
}

impl std::str::FromStr for LayerChoice {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let numbers = s.split(',').map(|part| part.trim().parse::<usize>());
        let numbers: Vec<usize> = numbers
            .collect::<Result<_, _>>()
            .map_err(|_| "use a number of layers, or layer numbers such as 0,2,5".to_owned())?;
        match numbers.as_slice() {
            [one] => Ok(Self::Count(*one)),
            _ => Ok(Self::Listed(numbers)),
        }
    }
}

/// How the optimiser moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Optimisation {
    /// Passes over the data.
    pub epochs: usize,
    /// Sentences a step.
    pub batch_size: usize,
    /// Peak learning rate of the encoder.
    pub lr: f64,
    /// Peak learning rate of the head.
    pub head_lr: f64,
    /// Factor on the learning rate for each layer further from the head.
    pub layer_decay: f64,
    /// Share of all steps over which the rate rises from 0; it falls linearly to 0 afterwards.
    pub warmup: f64,
    /// Decoupled weight decay of matrices.
    pub weight_decay: f64,
    /// Gradients longer than this are scaled down to it; 0 for no limit.
    pub max_norm: f64,
    /// Dropout; `None` takes the configuration's.
    pub dropout: Option<f64>,
    /// Matrix products of the encoder in bfloat16 with sums in f32; weights stay f32.
    #[serde(default)]
    pub bf16: bool,
}

impl Default for Optimisation {
    fn default() -> Self {
        Self {
            epochs: 4,
            batch_size: 16,
            lr: 1e-4,
            head_lr: 1e-3,
            layer_decay: 1.0,
            warmup: 0.06,
            weight_decay: 0.01,
            max_norm: 20.0,
            dropout: None,
            bf16: false,
        }
    }
}

impl Optimisation {
    /// How the encoder's matrix products are computed.
    pub fn products(&self) -> Products {
        if self.bf16 { Products::Bf16 } else { Products::F32 }
    }

    /// Checks ranges.
    ///
    /// # Errors
    /// [`TrainError::Options`] naming the option.
    pub fn check(&self) -> Result<(), TrainError> {
        let o = self;
        let fail = |text: &str| Err(TrainError::Options(text.to_owned()));
        let is_rate = |x: f64| x.is_finite() && (0.0..=1.0).contains(&x);
        if o.epochs == 0 || o.batch_size == 0 {
            return fail("--epochs and --batch-size must be above 0");
        }
        if !is_rate(o.lr) || !is_rate(o.head_lr) {
            return fail("--lr and --head-lr must lie between 0 and 1");
        }
        if !is_rate(o.layer_decay) || o.layer_decay == 0.0 {
            return fail("--layer-decay must lie between 0 (excluded) and 1");
        }
        if !is_rate(o.warmup) || !is_rate(o.weight_decay) {
            return fail("--warmup and --weight-decay must lie between 0 and 1");
        }
        if !(o.max_norm >= 0.0 && o.max_norm.is_finite()) {
            return fail("--max-norm must not be negative");
        }
        if o.dropout.is_some_and(|p| !(0.0..0.9).contains(&p)) {
            return fail("--dropout must lie between 0 and 0.9");
        }
        Ok(())
    }
}

/// Everything that a run depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainOptions {
    /// Files of labelled sentences to learn from.
    pub train: Vec<PathBuf>,
    /// Files of labelled sentences that choose the checkpoint and fit thresholds; may be empty.
    pub dev: Vec<PathBuf>,
    /// Category names in logit order; `None` for fineprint's own.
    pub labels: Option<Vec<String>>,
    /// Whether the label set tells asserted from denied.
    pub has_stance: bool,
    /// The folder that the model is written to.
    pub out: PathBuf,
    /// Which layers are kept.
    pub layers: LayerChoice,
    /// Train the head alone, on states of the encoder as it is.
    pub freeze: bool,
    /// Leave the embedding tables and their norm as they are, so that a smaller model can share
    /// them with the one that it starts from.
    #[serde(default)]
    pub freeze_embeddings: bool,
    /// Leave this many layers, counted from below, and the embeddings as they are.
    #[serde(default)]
    pub freeze_layers: usize,
    /// What is read before the sentence.
    pub context: Context,
    /// Longest input in tokens.
    pub max_tokens: usize,
    /// Longest context in tokens.
    pub max_context_tokens: usize,
    /// The language that the model reads, as ISO 639-1; empty for any.
    pub language: String,
    /// How the optimiser moves.
    pub optimisation: Optimisation,
    /// What is minimised.
    pub loss: LossOptions,
    /// Files of stored predictions by sentence id whose mean the model learns from as well.
    pub soft_targets: Vec<PathBuf>,
    /// Files of sentences without labels, to be learnt from soft targets alone.
    pub unlabelled: Vec<PathBuf>,
    /// Weight of soft targets against labels where a sentence has both.
    pub soft_weight: f64,
    /// Seed of all random choices.
    pub seed: u64,
    /// Worker threads; a run is reproducible for one number of them.
    pub threads: usize,
    /// Stop after this many evaluations without a better macro-F1; 0 to go on to the end.
    pub patience: usize,
    /// Optimiser steps between checkpoints; 0 for one an epoch.
    pub checkpoint_every: u64,
}

impl TrainOptions {
    /// The label set of the run.
    ///
    /// # Errors
    /// [`TrainError::Labels`] when the names cannot be used.
    pub fn label_set(&self) -> Result<LabelSet, TrainError> {
        match &self.labels {
            None => Ok(LabelSet::builtin()),
            Some(names) => Ok(LabelSet::new(names, self.has_stance)?),
        }
    }

    /// How many depths of the encoder do not learn, as [`BertEncoder::with_frozen`] counts them.
    ///
    /// [`BertEncoder::with_frozen`]: crate::model::BertEncoder::with_frozen
    pub fn frozen_depths(&self) -> usize {
        match self.freeze_layers {
            0 => usize::from(self.freeze_embeddings),
            layers => layers.saturating_add(1),
        }
    }

    /// Checks ranges.
    ///
    /// # Errors
    /// [`TrainError::Options`] naming the option.
    pub fn check(&self) -> Result<(), TrainError> {
        self.optimisation.check()?;
        let fail = |text: &str| Err(TrainError::Options(text.to_owned()));
        if !(0.0..=1.0).contains(&self.soft_weight) {
            return fail("--soft-weight must lie between 0 and 1");
        }
        if self.train.is_empty() && self.unlabelled.is_empty() {
            return fail("there is nothing to learn from: give a file of labelled sentences");
        }
        if !self.unlabelled.is_empty() && self.soft_targets.is_empty() {
            return fail("--unlabelled needs --teacher or --soft-targets");
        }
        self.loss.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_spread_to_the_last() {
        let resolve = |s: &str| s.parse::<LayerChoice>().unwrap().resolve(6);
        assert_eq!(resolve("3").unwrap(), [1, 3, 5]);
        assert_eq!(resolve("4").unwrap(), [0, 2, 3, 5]);
        assert_eq!(resolve("0,5").unwrap(), [0, 5]);
        assert!(resolve("7").is_err() && resolve("0").is_err() && resolve("3,3").is_err());
        assert!("x".parse::<LayerChoice>().is_err());
    }
}
