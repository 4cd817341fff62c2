//! Models as systems to be measured: the classifier, and a frozen encoder for centroids.

use ndarray::Array2;
use rayon::prelude::*;

use super::baseline::Embedder;
use super::{EvalError, Example, Prediction, Predictor};
use crate::classify::Classifier;
use crate::encode::{Batch, Context, Encoded, Input, Tokenizer, plan};
use crate::label::Label;
use crate::model::{BertEncoder, ModelConfig, ModelError, ModelFiles, Settings, Weights};

/// Tokens in a batch of the frozen encoder, as the classifier has it.
const TOKEN_BUDGET: usize = 512;

impl Example {
    /// What a model reads of an example.
    pub fn input(&self) -> Input<'_> {
        Input { text: &self.text, lead_in: &self.lead_in, heading: &self.heading }
    }
}

impl Predictor for Classifier {
    fn predict(&self, examples: &[Example]) -> Result<Vec<Prediction>, EvalError> {
        let inputs: Vec<Input<'_>> = examples.iter().map(Example::input).collect();
        let scores = self.scores(&inputs).map_err(|e| EvalError::Predictor(e.to_string()))?;
        let predictions = scores.into_iter().map(|scores| {
            let findings = self.findings(&scores).into_iter();
            let labels =
                findings.map(|f| Label { category: f.category, stance: f.stance }).collect();
            Prediction { category: scores.category, denied: scores.denied, labels }
        });
        Ok(predictions.collect())
    }
}

/// An encoder whose mean token states are taken as they are; it needs no classification head.
#[derive(Debug)]
pub struct FrozenEncoder {
    encoder: BertEncoder,
    tokenizer: Tokenizer,
    context: Context,
}

impl FrozenEncoder {
    /// Loads the encoder of a model.
    ///
    /// # Errors
    /// [`EvalError::Predictor`] when its files cannot be used.
    pub fn load(files: &ModelFiles) -> Result<Self, EvalError> {
        let fail = |reason: String| EvalError::Predictor(reason);
        let model = |error: ModelError| EvalError::Predictor(error.to_string());
        let config = ModelConfig::from_json(&files.config).map_err(model)?.without_head();
        let settings = match &files.settings {
            Some(bytes) => Settings::from_json(bytes).map_err(model)?,
            None => Settings::default(),
        };
        let weights = Weights::from_safetensors(&files.weights, &config, &candle_core::Device::Cpu)
            .map_err(model)?;
        let (max_tokens, max_context) = (settings.max_tokens, settings.max_context_tokens);
        let tokenizer = config.tokenizer(&files.tokenizer, max_tokens, max_context);
        Ok(Self {
            encoder: BertEncoder::load(&config, &weights).map_err(model)?,
            tokenizer: tokenizer.map_err(|e| fail(e.to_string()))?,
            context: settings.context,
        })
    }

    /// Sums of the token states of each sequence of a batch.
    fn sums(&self, batch: &Batch) -> Result<Vec<Vec<f32>>, ModelError> {
        let states = self.encoder.forward(batch, None)?.to_vec2::<f32>()?;
        let bounds = batch.cu_seqlens.windows(2);
        let sums = bounds.map(|w| {
            let mut sum = vec![0.0; self.encoder.config().hidden_size];
            for state in &states[w[0] as usize..w[1] as usize] {
                sum.iter_mut().zip(state).for_each(|(a, b)| *a += b);
            }
            sum
        });
        Ok(sums.collect())
    }
}

impl Embedder for FrozenEncoder {
    fn embed(&self, examples: &[Example]) -> Result<Array2<f32>, EvalError> {
        let fail = |reason: String| EvalError::Predictor(reason);
        let encoded = examples.par_iter().map(|example| {
            let input = example.input();
            self.tokenizer.encode(input.text, &self.context.compose(&input))
        });
        let encoded: Vec<_> = encoded.collect::<Result<_, _>>().map_err(|e| fail(e.to_string()))?;
        let mut owners = Vec::new();
        let mut sequences: Vec<&Encoded> = Vec::new();
        for (owner, windows) in encoded.iter().enumerate() {
            for window in &windows.windows {
                owners.push(owner);
                sequences.push(window);
            }
        }
        let lengths: Vec<usize> = sequences.iter().map(|s| s.ids.len()).collect();
        let batches = plan(&lengths, TOKEN_BUDGET);
        let sums = batches
            .par_iter()
            .map(|members| self.sums(&Batch::pack(members.iter().map(|&s| sequences[s]))));
        let sums: Vec<_> = sums.collect::<Result<_, _>>().map_err(|e| fail(e.to_string()))?;
        let mut states = Array2::zeros((examples.len(), self.encoder.config().hidden_size));
        for (members, sums) in batches.iter().zip(&sums) {
            for (&sequence, sum) in members.iter().zip(sums) {
                // Sums, not means: the windows of one sentence add up, and length is divided out
                // when the rows are scaled to unit length.
                let mut row = states.row_mut(owners[sequence]);
                row.iter_mut().zip(sum).for_each(|(a, b)| *a += b);
            }
        }
        Ok(states)
    }
}
