//! The model folder that a run writes: weights of the best epoch, settings, and the manifest.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::checkpoint::write_atomically;
use super::step::Model;
use super::trainer::Evaluation;
use super::{TrainError, TrainOptions};
use crate::eval::rule::Rule;
use crate::label::LabelSet;
use crate::model::{ModelConfig, Precision, Settings, Weights};

/// What a run was and gave: `training.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the crate.
    pub fineprint: String,
    /// All options.
    pub options: TrainOptions,
    /// SHA-256 of every input file.
    pub inputs: BTreeMap<String, String>,
    /// Where the initial model came from, and its digest.
    pub init: (String, String),
    /// Sentences learnt from, and how many were over the input limit.
    pub sentences: (usize, usize),
    /// Worker threads.
    pub threads: usize,
    /// One entry an evaluation.
    pub evaluations: Vec<Evaluation>,
    /// Which of them is the model in the folder.
    pub best: Option<usize>,
    /// Seconds of training, evaluations included.
    pub seconds: f64,
}

/// Writes `config.json`, `tokenizer.json`, `model.safetensors` and `fineprint.json`.
pub(super) fn write_model(
    out: &Path,
    model: &Model,
    config: &ModelConfig,
    tokenizer: &[u8],
    settings: &Settings,
) -> Result<(), TrainError> {
    let mut weights = model.encoder.weights()?;
    for (name, tensor) in model.head.weights()? {
        weights.insert(name, tensor);
    }
    write_weights(out, &weights, config, tokenizer)?;
    write_atomically(&out.join("fineprint.json"), settings.to_json().as_bytes())
}

/// Writes `config.json`, `tokenizer.json` and `model.safetensors`.
pub(super) fn write_weights(
    out: &Path,
    weights: &Weights,
    config: &ModelConfig,
    tokenizer: &[u8],
) -> Result<(), TrainError> {
    weights.check(config)?;
    write_atomically(&out.join("config.json"), config.to_json().as_bytes())?;
    write_atomically(&out.join("tokenizer.json"), tokenizer)?;
    write_atomically(&out.join("model.safetensors"), &weights.to_safetensors(Precision::F32)?)
}

/// Writes a run's record.
pub(super) fn write_manifest(path: &Path, manifest: &impl Serialize) -> Result<(), TrainError> {
    let text = serde_json::to_string_pretty(manifest)
        .map_err(|e| TrainError::io(path, std::io::Error::other(e)))?;
    write_atomically(path, text.as_bytes())
}

/// Settings of the run, with a decision rule where one was fitted.
pub(super) fn settings(options: &TrainOptions, labels: &LabelSet, rule: Option<&Rule>) -> Settings {
    let mut settings = Settings {
        language: options.language.clone(),
        context: options.context,
        max_tokens: options.max_tokens,
        max_context_tokens: options.max_context_tokens,
        ..Settings::default()
    };
    if let Some(rule) = rule {
        for (c, name) in labels.names().enumerate() {
            settings.categories.insert(name.to_owned(), rule.settings(c, None));
        }
    }
    settings
}
