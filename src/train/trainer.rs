//! The run itself: epochs, evaluation, the best model, checkpoints.

use std::collections::BTreeMap;
use std::time::Duration;

use candle_core::Device;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checkpoint::{self, Position};
use super::data::{self, Prepared};
use super::epochs::{At, Schedule, Step, Task};
use super::loss::Loss;
use super::optimizer::{AdamW, schedule};
use super::output::{self, Manifest};
use super::step::{self, Model, Noise, Workers};
use super::{LayerChoice, Optimisation, TrainError, TrainOptions};
use crate::digest::hex;
use crate::encode::{Encoded, Tokenizer};
use crate::eval::rule::{Fit, Rule, cross_fit};
use crate::eval::tally::Tally;
use crate::eval::{Example, Outcomes, calibration, examples};
use crate::label::LabelSet;
use crate::model::ops::mix;
use crate::model::{BertEncoder, Head, ModelConfig, ModelFiles, Weights};

/// What an epoch gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Epochs done.
    pub epoch: usize,
    /// Mean training loss of the epoch in nats a sentence.
    pub loss: f64,
    /// Figures on the dev files; `None` without any.
    pub dev: Option<DevFigures>,
}

/// Figures on the dev files, thresholds cross-fitted over services.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DevFigures {
    /// Micro-F1 over categories.
    pub micro_f1: f64,
    /// Macro-F1 over categories; the best one decides which weights are kept.
    pub macro_f1: f64,
    /// Micro-F1 over labels with stance.
    pub label_f1: f64,
    /// Share of the found categories read with the opposite stance.
    pub opposite: f64,
    /// Expected calibration error of P(category).
    pub ece: f64,
}

/// Where a run stands, for people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Epochs done.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Steps taken.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Mean loss of the epoch so far in nats a sentence.
    pub loss: f64,
    /// Length of the last gradient.
    pub norm: f64,
    /// Tokens a second since the run (or its resumption) began.
    pub tokens_per_second: f64,
    /// Time that the remaining steps will take.
    pub remaining: Duration,
}

/// Who is told how a run goes.
pub trait Observer {
    /// After every step.
    fn step(&mut self, progress: &Progress);
    /// After every evaluation; `best` when it is the best so far.
    fn evaluated(&mut self, evaluation: &Evaluation, best: bool);
    /// A remark worth showing.
    fn note(&mut self, text: &str);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn step(&mut self, _progress: &Progress) {}
    fn evaluated(&mut self, _evaluation: &Evaluation, _best: bool) {}
    fn note(&mut self, _text: &str) {}
}

/// What a finished run gave.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The run's record, as written to `training.json`.
    pub manifest: Manifest,
}

/// Trains a model from `init` and writes it to `options.out`.
///
/// With `resume`, goes on from the folder's checkpoint if there is one.
///
/// # Errors
/// [`TrainError`] naming the file, line or option that is at fault.
pub fn train(
    init: &ModelFiles,
    options: &TrainOptions,
    resume: bool,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    options.check()?;
    let mut run = Run::prepare(init, options, observer)?;
    let o = &options.optimisation;
    let mut schedule = Schedule::new(
        options.seed,
        (o.epochs, o.batch_size),
        options.checkpoint_every,
        options.out.join(checkpoint::FILE),
    );
    let mut position = schedule.start(&mut run.optimizer, &run.digest, resume, observer)?;
    if options.freeze {
        run.freeze(observer)?;
    }
    while position.epoch < o.epochs && !run.is_over(&position) {
        schedule.epoch(&mut run, &mut position, observer)?;
    }
    run.finish(&position, schedule.seconds())
}

/// Sentence states, one row a sentence.
type States = Vec<Vec<f32>>;

/// A run in memory.
struct Run<'a> {
    options: &'a TrainOptions,
    config: ModelConfig,
    labels: LabelSet,
    tokenizer: Tokenizer,
    tokenizer_json: Vec<u8>,
    model: Model,
    optimizer: AdamW,
    workers: Workers,
    train: Prepared,
    /// Tokens of each training sentence.
    lengths: Vec<usize>,
    dev: Vec<Example>,
    loss: Loss,
    /// Sentence states of the frozen encoder, for training and dev sentences.
    frozen: Option<(States, States)>,
    inputs: BTreeMap<String, String>,
    init: (String, String),
    digest: String,
}

impl<'a> Run<'a> {
    fn prepare(
        init: &ModelFiles,
        options: &'a TrainOptions,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrainError> {
        let labels = options.label_set()?;
        let given = ModelConfig::from_json(&init.config)?;
        let (config, weights) = initial(init, &given, &options.layers)?;
        let config = config.with_head(labels.clone(), given.pooling);
        let layers = config.encoder.num_hidden_layers;
        if options.freeze_layers > layers {
            let frozen = options.freeze_layers;
            return Err(TrainError::Options(format!(
                "--freeze-layers {frozen}: the model has {layers} layers"
            )));
        }
        let products = options.optimisation.products();
        let encoder = BertEncoder::load(&config.without_head(), &weights)?
            .with_products(products)
            .with_frozen(options.frozen_depths());
        let head = match Head::load(&config, &weights) {
            Ok(head) if given.labels.as_ref() == Some(&labels) => head,
            _ => Head::fresh(&config, &weights, mix(options.seed ^ 0xEAD))?,
        };
        let (max_tokens, max_context) = (options.max_tokens, options.max_context_tokens);
        let tokenizer = config.tokenizer(&init.tokenizer, max_tokens, max_context)?;
        let model = Model { encoder, head };
        let parameters = if options.freeze {
            model.head.classifier()
        } else {
            [model.encoder.learning(), model.head.parameters()].concat()
        };
        let optimizer = AdamW::new(parameters, &options.optimisation);
        let train = training_data(options, &labels, &tokenizer, observer)?;
        let dev = data::read_all(&options.dev, &labels)?;
        let loss = Loss::fit(&options.loss, &train.targets, labels.len(), labels.has_stance());
        let workers = Workers::new(options.threads)?;
        let mut inputs = BTreeMap::new();
        let files = options.train.iter().chain(&options.dev).chain(&options.unlabelled);
        for file in files.chain(&options.soft_targets) {
            inputs.insert(file.display().to_string(), data::digest(file)?);
        }
        let init = (init.origin.clone(), init.digest());
        let digest = run_digest(options, &inputs, &init.1, workers.count());
        std::fs::create_dir_all(&options.out).map_err(|e| TrainError::io(&options.out, e))?;
        Ok(Self {
            options,
            config,
            labels,
            tokenizer_json: tokenizer.to_json()?.into_bytes(),
            tokenizer,
            model,
            optimizer,
            workers,
            lengths: train.sequences.iter().map(|s| s.ids.len()).collect(),
            train,
            dev,
            loss,
            frozen: None,
            inputs,
            init,
            digest,
        })
    }

    /// Whether early stopping has struck.
    fn is_over(&self, position: &Position) -> bool {
        let since = position.best.map_or(0, |best| position.history.len() - 1 - best);
        self.options.patience > 0 && since >= self.options.patience
    }

    /// Computes the states that a head on a frozen encoder is trained on.
    fn freeze(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        observer.note("encoding all sentences once with the frozen encoder");
        let sequences: Vec<&Encoded> = self.train.sequences.iter().collect();
        let train = step::states(&self.model, &sequences, &self.workers)?;
        let (windows, _) = self.dev_windows()?;
        let dev = step::states(&self.model, &windows.iter().collect::<Vec<_>>(), &self.workers)?;
        self.frozen = Some((train, dev));
        Ok(())
    }

    /// Token sequences of the dev sentences with the sentence that each belongs to.
    fn dev_windows(&self) -> Result<(Vec<Encoded>, Vec<usize>), TrainError> {
        let (mut windows, mut owners) = (Vec::new(), Vec::new());
        for (i, e) in self.dev.iter().enumerate() {
            let context = self.options.context.compose(&e.input());
            for window in self.tokenizer.encode(&e.text, &context)?.windows {
                windows.push(window);
                owners.push(i);
            }
        }
        Ok((windows, owners))
    }

    /// Raw probabilities of the dev sentences; of several windows the most probable counts.
    fn dev_outcomes(&self) -> Result<Outcomes, TrainError> {
        let (windows, owners) = self.dev_windows()?;
        let logits = match &self.frozen {
            Some((_, states)) => step::head_logits(&self.model, states)?,
            None => step::logits(&self.model, &windows.iter().collect::<Vec<_>>(), &self.workers)?,
        };
        let columns = self.labels.len();
        let mut category = vec![-1f32; self.dev.len() * columns];
        let mut denied = vec![0f32; self.dev.len() * columns];
        for (logits, owner) in logits.iter().zip(owners) {
            for (c, &logit) in logits.category.iter().enumerate() {
                let (cell, p) = (owner * columns + c, sigmoid(logit));
                if p > category[cell] {
                    category[cell] = p;
                    denied[cell] = logits.denied.get(c).map_or(0.0, |&l| sigmoid(l));
                }
            }
        }
        let mut outcomes = Outcomes::new(columns);
        for (i, example) in self.dev.iter().enumerate() {
            let range = i * columns..(i + 1) * columns;
            outcomes.push(&example.labels, &category[range.clone()], &denied[range]);
        }
        Ok(outcomes)
    }

    fn finish(self, position: &Position, seconds: f64) -> Result<Outcome, TrainError> {
        let manifest = Manifest {
            fineprint: env!("CARGO_PKG_VERSION").to_owned(),
            options: self.options.clone(),
            inputs: self.inputs,
            init: self.init,
            sentences: (self.train.len(), self.train.cut),
            threads: self.workers.count(),
            evaluations: position.history.clone(),
            best: position.best,
            seconds,
        };
        output::write_manifest(&self.options.out.join("training.json"), &manifest)?;
        Ok(Outcome { manifest })
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
        let o = &self.options.optimisation;
        let noise = noise(&self.config, o, self.options.seed, at.step);
        let done = match &self.frozen {
            Some((states, _)) => {
                step::head_gradients(&self.model, &self.train, states, members, &self.loss, noise)?
            }
            None => step::gradients(
                &self.model,
                &self.train,
                members,
                &self.loss,
                noise,
                &self.workers,
            )?,
        };
        if !done.loss.is_finite() {
            return Err(TrainError::Diverged { step: at.step + 1 });
        }
        let factor = schedule(at.step, at.total, o.warmup);
        let norm = self.optimizer.apply(&done.gradients, factor)?;
        Ok(Step { loss: done.loss, terms: members.len(), norm })
    }

    // Writes the model when the weights are the best so far.
    fn evaluate(
        &mut self,
        position: &mut Position,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let loss = position.loss / position.seen.max(1) as f64;
        let mut evaluation = Evaluation { epoch: position.epoch, loss, dev: None };
        let mut rule = None;
        if !self.dev.is_empty() {
            let raw = self.dev_outcomes()?;
            let rows: Vec<usize> = (0..raw.rows()).collect();
            rule = Some(Rule::fit(&raw, &rows, Fit::default()));
            let outcomes = cross_fit(&self.dev, &raw, Fit::default());
            let tally = Tally::of(&outcomes);
            let (categories, labels) = (tally.over_categories(), tally.over_labels());
            evaluation.dev = Some(DevFigures {
                micro_f1: categories.micro.f1.unwrap_or(0.0),
                macro_f1: categories.macro_f1.unwrap_or(0.0),
                label_f1: labels.micro.f1.unwrap_or(0.0),
                opposite: tally.stance().opposite_rate().unwrap_or(0.0),
                ece: calibration::of_categories(&outcomes).ece.unwrap_or(0.0),
            });
        }
        let score = |e: &Evaluation| e.dev.as_ref().map_or(0.0, |dev| dev.macro_f1);
        // Without dev files the last weights are the best ones.
        let is_best = self.dev.is_empty()
            || position.best.is_none_or(|b| score(&evaluation) > score(&position.history[b]));
        position.history.push(evaluation.clone());
        if is_best {
            position.best = Some(position.history.len() - 1);
            let settings = output::settings(self.options, &self.labels, rule.as_ref());
            output::write_model(
                &self.options.out,
                &self.model,
                &self.config,
                &self.tokenizer_json,
                &settings,
            )?;
        }
        observer.evaluated(&evaluation, is_best);
        Ok(())
    }
}

/// Dropout of one step.
pub(super) fn noise(config: &ModelConfig, o: &Optimisation, seed: u64, step: u64) -> Noise {
    Noise {
        hidden: o.dropout.unwrap_or(config.encoder.hidden_dropout_prob),
        attention: o.dropout.unwrap_or(config.encoder.attention_probs_dropout_prob),
        key: mix(mix(seed ^ 0xD5) ^ step),
    }
}

/// Configuration and weights of the model at the start, with the kept layers alone.
pub(super) fn initial(
    init: &ModelFiles,
    given: &ModelConfig,
    layers: &LayerChoice,
) -> Result<(ModelConfig, Weights), TrainError> {
    let weights = Weights::from_safetensors(&init.weights, given, &Device::Cpu)?;
    let kept = layers.resolve(given.encoder.num_hidden_layers)?;
    let config = given.with_layers(kept.len());
    let mut renamed = BTreeMap::new();
    for (name, tensor) in weights.iter() {
        let Some(rest) = name.strip_prefix("encoder.layer.") else {
            renamed.insert(name.to_owned(), tensor.clone());
            continue;
        };
        let Some((number, part)) = rest.split_once('.') else { continue };
        let number = number.parse::<usize>().ok();
        if let Some(at) = number.and_then(|n| kept.iter().position(|&k| k == n)) {
            renamed.insert(format!("encoder.layer.{at}.{part}"), tensor.clone());
        }
    }
    Ok((config, Weights::new(renamed)))
}

fn training_data(
    options: &TrainOptions,
    labels: &LabelSet,
    tokenizer: &Tokenizer,
    observer: &mut dyn Observer,
) -> Result<Prepared, TrainError> {
    let mut train = Prepared::default();
    let labelled = data::read_all(&options.train, labels)?;
    let soft = data::soft_targets(&options.soft_targets, &labelled, labels)?;
    train.add(
        &labelled,
        soft.as_deref(),
        options.soft_weight,
        labels,
        options.context,
        tokenizer,
    )?;
    let mut plain = Vec::new();
    for file in &options.unlabelled {
        plain.append(&mut examples::read_texts(file)?);
    }
    let soft = data::soft_targets(&options.soft_targets, &plain, labels)?;
    train.add(&plain, soft.as_deref(), 1.0, labels, options.context, tokenizer)?;
    if train.cut > 0 {
        observer.note(&format!(
            "{} of {} sentences are over --max-tokens {} and were cut",
            train.cut,
            train.len(),
            options.max_tokens
        ));
    }
    Ok(train)
}

/// Digest of everything that the weights of a run follow from.
fn run_digest(
    options: &TrainOptions,
    inputs: &BTreeMap<String, String>,
    init: &str,
    threads: usize,
) -> String {
    // Where the result goes, and when it is saved, has no influence on it.
    let options = TrainOptions {
        out: std::path::PathBuf::new(),
        checkpoint_every: 0,
        threads,
        ..options.clone()
    };
    digest_of(&options, inputs, init)
}

/// Digest of a run's options, of its files by name, and of its initial model.
pub(super) fn digest_of(
    options: &impl Serialize,
    inputs: &BTreeMap<String, String>,
    init: &str,
) -> String {
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(options).unwrap_or_default());
    for (name, digest) in inputs {
        hash.update(name.as_bytes());
        hash.update(digest.as_bytes());
    }
    hash.update(init.as_bytes());
    hex(hash.finalize())
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}
