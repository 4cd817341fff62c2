//! From labelled sentences to token sequences with targets.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::TrainError;
use super::loss::Target;
use crate::digest::hex;
use crate::encode::{Context, Encoded, Tokenizer};
use crate::eval::predictions::{Prediction, StoredPredictions};
use crate::eval::{Example, Predictor, examples};
use crate::label::{LabelSet, Stance};

/// Sentences ready to be trained on.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// One sequence a sentence; of a sentence over the limit only the first window.
    pub sequences: Vec<Encoded>,
    /// What each should give, sentences × categories.
    pub targets: Vec<Target>,
    /// How many sentences were over the limit.
    pub cut: usize,
}

impl Prepared {
    /// Number of sentences.
    pub fn len(&self) -> usize {
        self.sequences.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// Adds labelled examples, mixed with a teacher's probabilities where there are any.
    ///
    /// # Errors
    /// [`TrainError::Tokenizer`] when a text cannot be tokenised.
    pub fn add(
        &mut self,
        examples: &[Example],
        teacher: Option<&[Prediction]>,
        weight: f64,
        labels: &LabelSet,
        context: Context,
        tokenizer: &Tokenizer,
    ) -> Result<(), TrainError> {
        for (i, example) in examples.iter().enumerate() {
            let windows = tokenizer.encode(&example.text, &context.compose(&example.input()))?;
            self.cut += usize::from(windows.windows.len() > 1);
            self.sequences.extend(windows.windows.into_iter().take(1));
            let start = self.targets.len();
            self.targets.resize(start + labels.len(), Target::default());
            let row = &mut self.targets[start..];
            for label in example.labels.iter().filter(|l| l.category < labels.len()) {
                let denied = if label.stance == Stance::Denied { 1.0 } else { 0.0 };
                row[label.category] = Target { category: 1.0, stance: 1.0, denied };
            }
            if let Some(soft) = teacher.and_then(|t| t.get(i)) {
                for (c, target) in row.iter_mut().enumerate() {
                    let category = soft.category.get(c).copied().unwrap_or(0.0);
                    let denied = soft.denied.get(c).copied().unwrap_or(0.0);
                    *target = target.mixed(category, denied, weight as f32);
                }
            }
        }
        Ok(())
    }
}

/// The mean of several teachers' predictions for the same sentences.
///
/// P(denied | category) is averaged with the weight of P(category), so that a teacher that does
/// not see the category has no say in its stance.
pub fn mean_predictions(all: &[Vec<Prediction>]) -> Vec<Prediction> {
    let Some(first) = all.first() else { return Vec::new() };
    (0..first.len())
        .map(|i| {
            let rows: Vec<&Prediction> = all.iter().filter_map(|p| p.get(i)).collect();
            let columns = rows.first().map_or(0, |r| r.category.len());
            let mut mean = Prediction {
                category: vec![0.0; columns],
                denied: vec![0.0; rows.first().map_or(0, |r| r.denied.len())],
                labels: Vec::new(),
            };
            for c in 0..columns {
                let sum: f32 = rows.iter().map(|r| r.category[c]).sum();
                mean.category[c] = sum / rows.len().max(1) as f32;
                if let Some(slot) = mean.denied.get_mut(c) {
                    let weighted: f32 = rows.iter().map(|r| r.category[c] * r.denied[c]).sum();
                    *slot = if sum > 0.0 { weighted / sum } else { 0.0 };
                }
            }
            mean
        })
        .collect()
}

/// Reads several files of examples as one.
///
/// # Errors
/// [`TrainError::Data`] with file and line.
pub fn read_all(
    paths: &[std::path::PathBuf],
    labels: &LabelSet,
) -> Result<Vec<Example>, TrainError> {
    let mut all = Vec::new();
    for path in paths {
        all.append(&mut examples::read(path, labels)?);
    }
    Ok(all)
}

/// Reads the run's soft targets for the given examples.
///
/// # Errors
/// [`TrainError::Data`] when a file is malformed or lacks a sentence.
pub fn soft_targets(
    paths: &[std::path::PathBuf],
    examples: &[Example],
    labels: &LabelSet,
) -> Result<Option<Vec<Prediction>>, TrainError> {
    if paths.is_empty() {
        return Ok(None);
    }
    let all = paths
        .iter()
        .map(|path| Ok(StoredPredictions::read(path, labels)?.predict(examples)?))
        .collect::<Result<Vec<_>, TrainError>>()?;
    Ok(Some(mean_predictions(&all)))
}

/// SHA-256 of a file in hexadecimal, for the manifest.
///
/// # Errors
/// [`TrainError::Io`] when it cannot be read.
pub fn digest(path: &Path) -> Result<String, TrainError> {
    let bytes = std::fs::read(path).map_err(|e| TrainError::io(path, e))?;
    Ok(hex(Sha256::digest(&bytes)))
}
