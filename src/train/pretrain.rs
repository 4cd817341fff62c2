//! Masked-language pre-training (Devlin et al. 2019) on sentences without labels.
//!
//! Of every sentence a share of the tokens is chosen anew in each epoch; of these 80% become the
//! mask token, 10% a random token, and 10% stay, and the encoder learns to tell what stood there.
//! Going on with a general encoder on texts of the field before fine-tuning it is what Gururangan
//! et al. 2020 call adaptive pre-training.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::checkpoint::{self, Position};
use super::epochs::{At, Schedule, Step, Task};
use super::optimizer::{AdamW, Gradient, schedule};
use super::step::{Part, Workers, chunks, deal, over_parts};
use super::trainer::{Observer, digest_of, initial, noise};
use super::{LayerChoice, Optimisation, TrainError, data, output};
use crate::encode::{Batch, Context, Encoded, Tokenizer};
use crate::eval::examples;
use crate::model::ops::{Dropout, mix};
use crate::model::{BertEncoder, MaskedHead, ModelConfig, ModelFiles, Tape};
use crate::segment::sentence_id;

/// Everything that a pre-training run depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PretrainOptions {
    /// Files of sentences; labels in them are not looked at.
    pub texts: Vec<PathBuf>,
    /// The folder that the encoder is written to.
    pub out: PathBuf,
    /// Which layers are kept.
    pub layers: LayerChoice,
    /// What is read before the sentence.
    pub context: Context,
    /// Longest input in tokens.
    pub max_tokens: usize,
    /// Longest context in tokens.
    pub max_context_tokens: usize,
    /// How the optimiser moves.
    pub optimisation: Optimisation,
    /// Share of the tokens that is chosen.
    pub mask: f64,
    /// Share of the sentences that is kept out and measured.
    pub held_out: f64,
    /// Seed of all random choices.
    pub seed: u64,
    /// Worker threads; a run is reproducible for one number of them.
    pub threads: usize,
    /// Optimiser steps between checkpoints; 0 for one an epoch.
    pub checkpoint_every: u64,
}

impl PretrainOptions {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`TrainError::Options`] naming the option.
    pub fn check(&self) -> Result<(), TrainError> {
        self.optimisation.check()?;
        let fail = |text: &str| Err(TrainError::Options(text.to_owned()));
        if !(0.01..=0.9).contains(&self.mask) {
            return fail("--mask must lie between 0.01 and 0.9");
        }
        if !(0.0..=0.5).contains(&self.held_out) {
            return fail("--held-out must lie between 0 and 0.5");
        }
        if self.texts.is_empty() {
            return fail("there is nothing to learn from: give a file of sentences");
        }
        Ok(())
    }
}

/// What a run was and gave: `pretraining.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PretrainManifest {
    /// Version of the crate.
    pub fineprint: String,
    /// All options.
    pub options: PretrainOptions,
    /// SHA-256 of every input file.
    pub inputs: BTreeMap<String, String>,
    /// Where the initial model came from, and its digest.
    pub init: (String, String),
    /// Sentences learnt from, and kept out.
    pub sentences: (usize, usize),
    /// Worker threads.
    pub threads: usize,
    /// An epoch each: cross-entropy a masked token in training and on held-out sentences, in nats.
    pub losses: Vec<[f64; 2]>,
    /// Seconds of training, evaluations included.
    pub seconds: f64,
}

/// Pre-trains the encoder of `init` and writes it, without a head, to `options.out`.
///
/// With `resume`, goes on from the folder's checkpoint if there is one.
///
/// # Errors
/// [`TrainError`] naming the file, line or option that is at fault.
pub fn pretrain(
    init: &ModelFiles,
    options: &PretrainOptions,
    resume: bool,
    observer: &mut dyn Observer,
) -> Result<PretrainManifest, TrainError> {
    options.check()?;
    let mut run = Run::prepare(init, options)?;
    let o = &options.optimisation;
    let mut schedule = Schedule::new(
        options.seed,
        (o.epochs, o.batch_size),
        options.checkpoint_every,
        options.out.join(checkpoint::FILE),
    );
    let mut position = schedule.start(&mut run.optimizer, &run.digest, resume, observer)?;
    while position.epoch < o.epochs {
        schedule.epoch(&mut run, &mut position, observer)?;
    }
    let manifest = PretrainManifest {
        fineprint: env!("CARGO_PKG_VERSION").to_owned(),
        options: options.clone(),
        inputs: run.inputs,
        init: (init.origin.clone(), init.digest()),
        sentences: (run.train.len(), run.held_out.len()),
        threads: run.workers.count(),
        losses: position.losses.clone(),
        seconds: schedule.seconds(),
    };
    output::write_manifest(&options.out.join("pretraining.json"), &manifest)?;
    Ok(manifest)
}

struct Run<'a> {
    options: &'a PretrainOptions,
    config: ModelConfig,
    tokenizer_json: Vec<u8>,
    masking: Masking,
    encoder: BertEncoder,
    head: MaskedHead,
    optimizer: AdamW,
    workers: Workers,
    train: Vec<Encoded>,
    lengths: Vec<usize>,
    held_out: Vec<Encoded>,
    inputs: BTreeMap<String, String>,
    digest: String,
}

impl<'a> Run<'a> {
    fn prepare(init: &ModelFiles, options: &'a PretrainOptions) -> Result<Self, TrainError> {
        let given = ModelConfig::from_json(&init.config)?;
        let (config, weights) = initial(init, &given, &options.layers)?;
        let config = config.without_head();
        let products = options.optimisation.products();
        let encoder = BertEncoder::load(&config, &weights)?.with_products(products);
        let head = MaskedHead::fresh(&encoder, mix(options.seed ^ 0x3A5C))?;
        let (max_tokens, max_context) = (options.max_tokens, options.max_context_tokens);
        let tokenizer = config.tokenizer(&init.tokenizer, max_tokens, max_context)?;
        let masking = Masking::new(&tokenizer, config.encoder.vocab_size, options.mask)?;
        let (train, held_out) = sentences(options, &tokenizer)?;
        let optimizer =
            AdamW::new([encoder.parameters(), head.parameters()].concat(), &options.optimisation);
        let workers = Workers::new(options.threads)?;
        let mut inputs = BTreeMap::new();
        for file in &options.texts {
            inputs.insert(file.display().to_string(), data::digest(file)?);
        }
        // Where the result goes, and when it is saved, has no influence on it.
        let shown = PretrainOptions {
            out: PathBuf::new(),
            checkpoint_every: 0,
            threads: workers.count(),
            ..options.clone()
        };
        let digest = digest_of(&shown, &inputs, &init.digest());
        std::fs::create_dir_all(&options.out).map_err(|e| TrainError::io(&options.out, e))?;
        Ok(Self {
            options,
            config,
            tokenizer_json: tokenizer.to_json()?.into_bytes(),
            masking,
            encoder,
            head,
            optimizer,
            workers,
            lengths: train.iter().map(|s| s.ids.len()).collect(),
            train,
            held_out,
            inputs,
            digest,
        })
    }

    /// Cross-entropy a masked token on the held-out sentences, under one fixed choice of masks.
    fn held_out_loss(&self) -> Result<f64, TrainError> {
        let lengths: Vec<usize> = self.held_out.iter().map(|s| s.ids.len()).collect();
        let hands = deal(&lengths, self.workers.count());
        let sums = self.workers.each(&hands, |own| {
            let (mut loss, mut terms) = (0.0, 0);
            for members in chunks(own, &lengths) {
                let masked: Vec<Masked> = members
                    .iter()
                    .map(|&i| self.masking.apply(&self.held_out[i], mix(i as u64)))
                    .collect();
                let (batch, positions, targets) = pack(&masked);
                let states = self.encoder.forward(&batch, None)?;
                let words = self.encoder.word_embeddings();
                loss += self.head.gradients(&words, &states, &positions, &targets, 0.0)?.loss;
                terms += targets.len();
            }
            Ok((loss, terms))
        })?;
        let (loss, terms) = sums.iter().fold((0.0, 0), |sum, s| (sum.0 + s.0, sum.1 + s.1));
        Ok(loss / terms.max(1) as f64)
    }

    fn write(&self) -> Result<(), TrainError> {
        let weights = self.encoder.weights()?;
        output::write_weights(&self.options.out, &weights, &self.config, &self.tokenizer_json)
    }
}

impl Task for Run<'_> {
    fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    fn optimizer(&self) -> &AdamW {
        &self.optimizer
    }

    fn step(&mut self, members: &[usize], at: At) -> Result<Step, TrainError> {
        let key = mix(mix(self.options.seed ^ 0x517) ^ at.epoch as u64);
        let masked: Vec<Masked> = members
            .iter()
            .map(|&i| self.masking.apply(&self.train[i], key ^ mix(i as u64)))
            .collect();
        let terms: usize = masked.iter().map(|m| m.targets.len()).sum();
        let scale = 1.0 / terms.max(1) as f32;
        let lengths: Vec<usize> = masked.iter().map(|m| m.sequence.ids.len()).collect();
        let o = &self.options.optimisation;
        let noise = noise(&self.config, o, self.options.seed, at.step);
        let words = self.encoder.word_embeddings();
        let encoder = &self.config.encoder;
        let work = |chunk: &[usize], mut dropout: Dropout| {
            let (batch, positions, targets) = pack(chunk.iter().map(|&i| &masked[i]));
            let mut tape = Tape::default();
            let states = self.encoder.forward_taped(&batch, Some(&mut dropout), &mut tape)?;
            let found = self.head.gradients(&words, &states, &positions, &targets, scale)?;
            let encoder = self.encoder.backward(&batch, tape, found.states)?;
            let head = [found.dense, vec![found.words]].concat();
            Ok(Part { loss: found.loss, encoder, head })
        };
        let mut done = over_parts(&lengths, &self.workers, noise, encoder.hidden_size, work)?;
        if !done.loss.is_finite() {
            return Err(TrainError::Diverged { step: at.step + 1 });
        }
        // The word embeddings are read twice, as input and as decoder.
        if let Some(Gradient::Dense(mut decoder)) = done.gradients.pop() {
            let input = std::mem::replace(&mut done.gradients[0], Gradient::Dense(Vec::new()));
            decoder.extend(input.into_dense((encoder.vocab_size, encoder.hidden_size))?);
            done.gradients[0] = Gradient::Dense(decoder);
        }
        let norm = self.optimizer.apply(&done.gradients, schedule(at.step, at.total, o.warmup))?;
        Ok(Step { loss: done.loss, terms, norm })
    }

    fn evaluate(
        &mut self,
        position: &mut Position,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let loss = position.loss / position.seen.max(1) as f64;
        let held_out = self.held_out_loss()?;
        position.losses.push([loss, held_out]);
        observer.note(&format!(
            "epoch {}: {loss:.3} nats a masked token in training, {held_out:.3} on held-out sentences",
            position.epoch
        ));
        self.write()
    }
}

/// The sentences of all files, each text once, and those of them that are kept out.
fn sentences(
    options: &PretrainOptions,
    tokenizer: &Tokenizer,
) -> Result<(Vec<Encoded>, Vec<Encoded>), TrainError> {
    let (mut train, mut held_out) = (Vec::new(), Vec::new());
    let mut seen = std::collections::HashSet::new();
    for file in &options.texts {
        for example in examples::read_texts(file)? {
            let windows =
                tokenizer.encode(&example.text, &options.context.compose(&example.input()))?;
            let kept = windows.windows.into_iter();
            for window in kept.filter(|w| w.ids.iter().any(|&id| !tokenizer.is_layout(id))) {
                if !seen.insert(window.clone()) {
                    continue;
                }
                // By the sentence's own hash, so that adding files moves none across.
                let draw = u64::from_str_radix(&sentence_id(&example.text), 16);
                let share = draw.map_or(0.0, |d| d as f64 / (1u64 << 48) as f64);
                let side = if share < options.held_out { &mut held_out } else { &mut train };
                side.push(window);
            }
        }
    }
    Ok((train, held_out))
}

/// A sequence with some tokens hidden.
#[derive(Debug, Clone, PartialEq)]
struct Masked {
    sequence: Encoded,
    /// Where in the sequence, rising.
    positions: Vec<u32>,
    /// What stood there.
    targets: Vec<u32>,
}

/// How tokens are chosen and hidden.
#[derive(Debug)]
struct Masking {
    mask: u32,
    vocabulary: usize,
    share: f64,
    /// Ids that no text has: never chosen, never put in.
    layout: Vec<bool>,
}

impl Masking {
    fn new(tokenizer: &Tokenizer, vocabulary: usize, share: f64) -> Result<Self, TrainError> {
        let mask = ["[MASK]", "<mask>"].iter().find_map(|token| tokenizer.token_id(token));
        let mask = mask.ok_or_else(|| {
            TrainError::Options("the tokenizer of --init has no mask token ([MASK])".to_owned())
        })?;
        let layout = (0..vocabulary as u32).map(|id| tokenizer.is_layout(id)).collect();
        Ok(Self { mask, vocabulary, share, layout })
    }

    fn is_layout(&self, id: u32) -> bool {
        self.layout.get(id as usize).copied().unwrap_or(true)
    }

    /// Hides tokens of a sequence; at least one where it has any that is not of the layout.
    fn apply(&self, sequence: &Encoded, key: u64) -> Masked {
        let unit = |x: u64| (x >> 11) as f64 / (1u64 << 53) as f64;
        let eligible: Vec<usize> =
            (0..sequence.ids.len()).filter(|&i| !self.is_layout(sequence.ids[i])).collect();
        let mut out =
            Masked { sequence: sequence.clone(), positions: Vec::new(), targets: Vec::new() };
        let mut state = mix(key);
        let always = eligible.get(state as usize % eligible.len().max(1)).copied();
        for i in eligible {
            state = mix(state);
            if unit(state) >= self.share && Some(i) != always {
                continue;
            }
            out.positions.push(i as u32);
            out.targets.push(sequence.ids[i]);
            state = mix(state);
            let draw = unit(state);
            if draw < 0.8 {
                out.sequence.ids[i] = self.mask;
            } else if draw < 0.9 {
                state = mix(state);
                let id = (unit(state) * self.vocabulary as f64) as u32;
                if !self.is_layout(id) {
                    out.sequence.ids[i] = id;
                }
            }
        }
        out
    }
}

/// A batch of masked sequences with positions in it and targets.
fn pack<'a>(masked: impl IntoIterator<Item = &'a Masked> + Clone) -> (Batch, Vec<u32>, Vec<u32>) {
    let batch = Batch::pack(masked.clone().into_iter().map(|m| &m.sequence));
    let (mut positions, mut targets) = (Vec::new(), Vec::new());
    for (m, start) in masked.into_iter().zip(&batch.cu_seqlens) {
        positions.extend(m.positions.iter().map(|p| p + start));
        targets.extend_from_slice(&m.targets);
    }
    (batch, positions, targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masking(share: f64) -> Masking {
        let mut layout = vec![false; 1_000];
        layout[..3].fill(true);
        Masking { mask: 2, vocabulary: 1_000, share, layout }
    }

    fn sequence(n: u32) -> Encoded {
        let ids: Vec<u32> =
            [0].into_iter().chain((0..n).map(|i| 10 + i % 900)).chain([1]).collect();
        Encoded { type_ids: vec![0; ids.len()], ids }
    }

    #[test]
    fn the_asked_share_is_hidden_as_the_recipe_says() {
        let original = sequence(50_000);
        let masked = masking(0.15).apply(&original, 7);
        let n = masked.targets.len() as f64;
        assert!((n / 50_000.0 - 0.15).abs() < 0.006, "{n}");
        let (mut hidden, mut stayed) = (0.0, 0.0);
        for (&position, &target) in masked.positions.iter().zip(&masked.targets) {
            assert_eq!(original.ids[position as usize], target);
            let now = masked.sequence.ids[position as usize];
            hidden += f64::from(u8::from(now == 2));
            stayed += f64::from(u8::from(now == target));
        }
        assert!((hidden / n - 0.8).abs() < 0.02 && (stayed / n - 0.1).abs() < 0.02);
        let changed = original.ids.iter().zip(&masked.sequence.ids).filter(|(a, b)| a != b);
        assert!(changed.count() <= masked.positions.len());
        assert_eq!(masked.sequence.ids[0], 0);
        assert_ne!(masked, masking(0.15).apply(&original, 8));
        assert_eq!(masked, masking(0.15).apply(&original, 7));
    }

    #[test]
    fn a_short_sentence_has_something_to_tell() {
        for key in 0..200 {
            assert!(!masking(0.01).apply(&sequence(1), key).targets.is_empty());
        }
        assert!(masking(0.5).apply(&sequence(0), 1).targets.is_empty());
    }
}
