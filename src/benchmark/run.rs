//! One run: a split and a seed. Trained, tested, and kept so that it is not done again.
//!
//! The output folder has a folder a run (`seed-1`, `fold-0/seed-1`) with the model, its training
//! record and, once it is tested, `result.json`. A command that was killed goes on from the
//! checkpoint of the run that it was at. A result of other options or data is refused, never mixed.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::BenchmarkError;
use super::data::{Data, Split};
use super::figures::Tally;
use crate::batch::{AtomicFile, AtomicFolder};
use crate::classify::{self, Classifier, EngineKind};
use crate::digest::hex;
use crate::encode::Context;
use crate::eval::baseline::{TfIdf, TfIdfOptions};
use crate::eval::rule::{Fit, Rule};
use crate::eval::threshold::log_odds;
use crate::eval::{Decision, Example, Outcomes, Predictor, predictions};
use crate::label::LabelSet;
use crate::model::{ModelFiles, ModelSource, Settings};
use crate::train::checkpoint;
use crate::train::loss::LossOptions;
use crate::train::{DevFigures, LayerChoice, Observer, Optimisation, TrainOptions, train};

/// What a result file says it is; a change of what is in it counts this up.
const SCHEMA: &str = "fineprint-benchmark-run/1";
/// The file that marks a finished run.
const RESULT: &str = "result.json";

/// How a benchmark is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The output folder.
    pub out: PathBuf,
    /// One run a seed and split.
    pub seeds: Vec<u64>,
    /// How the optimiser moves.
    pub optimisation: Optimisation,
    /// Cap of the weight of a rare category's positives; 1 for plain cross-entropy.
    pub positive_cap: f64,
    /// Which layers of the initial encoder are kept.
    pub layers: LayerChoice,
    /// How many of them, from below, stay as they are, and the embeddings with them.
    pub freeze_layers: usize,
    /// Longest input in tokens.
    pub max_tokens: usize,
    /// Stop after so many epochs without a better validation macro-F1; 0 to go on.
    pub patience: usize,
    /// Steps between checkpoints; 0 for one an epoch.
    pub checkpoint_every: u64,
    /// Threads; 0 for all cores.
    pub threads: usize,
    /// What tests are computed with.
    pub engine: EngineKind,
    /// Measure the linear baseline too.
    pub baseline: bool,
    /// Train nothing: take what the folder has.
    pub finished_only: bool,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// A fine-tuned encoder.
    Encoder,
    /// Word and character n-grams with logistic regression.
    TfIdf,
}

/// A finished run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunResult {
    /// Format of this record.
    pub schema: String,
    /// Digest of what the run follows from.
    pub key: String,
    /// What was measured.
    pub system: System,
    /// The split, empty where there is one only.
    pub split: String,
    /// The seed; 0 for the baseline, which has none.
    pub seed: u64,
    /// The test at thresholds of 0.5.
    pub fixed: Tally,
    /// The test at thresholds fitted on the validation texts.
    pub tuned: Tally,
    /// Figures on the validation texts, thresholds cross-fitted.
    pub validation: Option<DevFigures>,
    /// Epochs trained.
    pub epochs: usize,
    /// After which of them the tested weights were taken.
    pub best_epoch: Option<usize>,
    /// Texts learnt from, and how many of them were over the input limit.
    pub texts: (usize, usize),
    /// Seconds of training, or of fitting.
    pub seconds: f64,
    /// The initial model, as it was given.
    pub init: String,
    /// Digest of the trained model.
    pub model: String,
}

/// Runs a benchmark: all its splits with all seeds, and the baseline; gives what is finished.
///
/// The model to be used is then in the folder `model` of the output folder.
///
/// # Errors
/// [`BenchmarkError`]; what was finished before it is kept.
pub fn run(
    data: &Data,
    init: &ModelFiles,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Vec<RunResult>, BenchmarkError> {
    let make = |path: &Path| std::fs::create_dir_all(path).map_err(|e| BenchmarkError::io(path, e));
    let mut results = Vec::new();
    let mut prepared = Vec::new();
    for split in &data.splits {
        let folder = options.out.join(&split.name);
        if !options.finished_only {
            make(&folder)?;
        }
        prepared.push(Prepared::new(split, folder, &data.labels, !options.finished_only)?);
    }
    if options.baseline {
        for split in prepared.iter().filter(|p| !p.split.test.is_empty()) {
            results.extend(baseline(data, split, options, observer)?);
        }
    }
    // Seeds outside, so that a whole benchmark of one seed is there first.
    for &seed in &options.seeds {
        for split in &prepared {
            results.extend(encoder(data, split, seed, init, options, observer)?);
        }
    }
    if !options.finished_only {
        publish(&results, options)?;
    }
    Ok(results)
}

/// A split whose texts are on disk, where the trainer reads them.
struct Prepared<'a> {
    split: &'a Split,
    folder: PathBuf,
    train: PathBuf,
    validation: PathBuf,
    /// Digest of all its texts and labels.
    digest: String,
}

impl<'a> Prepared<'a> {
    /// Digests the texts, and writes them unless nothing is going to read them.
    fn new(
        split: &'a Split,
        folder: PathBuf,
        labels: &LabelSet,
        is_written: bool,
    ) -> Result<Self, BenchmarkError> {
        let mut hash = Sha256::new();
        let mut put = |name: &str, examples: &[Example]| -> Result<PathBuf, BenchmarkError> {
            let path = folder.join(name);
            let text = json_lines(examples, labels);
            hash.update(name);
            hash.update(&text);
            // A file that is as it should be is left alone: nothing is written in a second run.
            if is_written && !std::fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
                write(&path, text.as_bytes())?;
            }
            Ok(path)
        };
        let train = put("train.jsonl", &split.train)?;
        let validation = put("validation.jsonl", &split.validation)?;
        hash.update("test");
        hash.update(json_lines(&split.test, labels));
        Ok(Self { split, folder, train, validation, digest: hex(hash.finalize()) })
    }

    fn describe(&self, seed: u64) -> String {
        match self.split.name.as_str() {
            "" => format!("seed {seed}"),
            name => format!("{name}, seed {seed}"),
        }
    }
}

/// Examples in the format that `fineprint train` reads.
fn json_lines(examples: &[Example], labels: &LabelSet) -> String {
    let mut text = String::new();
    for example in examples {
        let names: Vec<String> = example.labels.iter().map(|l| labels.format(*l)).collect();
        let mut row = serde_json::json!({"id": example.id, "text": example.text, "labels": names});
        if let (Some(source), Some(row)) = (&example.source, row.as_object_mut()) {
            row.insert(
                "source".to_owned(),
                serde_json::json!({"collection": source.collection, "path": source.path}),
            );
        }
        text.push_str(&row.to_string());
        text.push('\n');
    }
    text
}

fn encoder(
    data: &Data,
    prepared: &Prepared<'_>,
    seed: u64,
    init: &ModelFiles,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Option<RunResult>, BenchmarkError> {
    let out = prepared.folder.join(format!("seed-{seed}"));
    let wanted = train_options(data, prepared, seed, options, out.clone());
    let key = key_of(&wanted, prepared, &init.digest());
    if let Some(result) = finished(&out, &key)? {
        return Ok(Some(result));
    }
    if options.finished_only {
        return Ok(None);
    }
    observer.note(&format!(
        "{}, {}: {} texts to learn from, {} to validate on, {} to test",
        data.benchmark,
        prepared.describe(seed),
        prepared.split.train.len(),
        prepared.split.validation.len(),
        prepared.split.test.len()
    ));
    let manifest = train(init, &wanted, true, observer)?.manifest;
    let best = manifest.best.and_then(|best| manifest.evaluations.get(best));
    let files = ModelFiles::read(&ModelSource::Folder(out.clone()))?;
    let (fixed, tuned) = test(&files, prepared.split, &data.labels, options)?;
    let result = RunResult {
        schema: SCHEMA.to_owned(),
        key,
        system: System::Encoder,
        split: prepared.split.name.clone(),
        seed,
        fixed,
        tuned,
        validation: best.and_then(|e| e.dev.clone()),
        epochs: manifest.evaluations.len(),
        best_epoch: best.map(|e| e.epoch),
        texts: manifest.sentences,
        seconds: manifest.seconds,
        init: init.origin.clone(),
        model: files.digest(),
    };
    keep(&out, &result)?;
    // It is three times as large as the model, and nothing will go on from it.
    let _ = std::fs::remove_file(out.join(checkpoint::FILE));
    Ok(Some(result))
}

fn train_options(
    data: &Data,
    prepared: &Prepared<'_>,
    seed: u64,
    options: &Options,
    out: PathBuf,
) -> TrainOptions {
    TrainOptions {
        train: vec![prepared.train.clone()],
        dev: vec![prepared.validation.clone()],
        labels: Some(data.labels.names().map(str::to_owned).collect()),
        has_stance: false,
        out,
        layers: options.layers.clone(),
        freeze: false,
        freeze_embeddings: false,
        freeze_layers: options.freeze_layers,
        // The texts of these benchmarks come without their surroundings.
        context: Context::None,
        max_tokens: options.max_tokens,
        max_context_tokens: 0,
        language: "en".to_owned(),
        optimisation: options.optimisation.clone(),
        loss: LossOptions { positive_cap: options.positive_cap, ..LossOptions::default() },
        soft_targets: Vec::new(),
        unlabelled: Vec::new(),
        soft_weight: 0.5,
        seed,
        threads: options.threads,
        patience: options.patience,
        checkpoint_every: options.checkpoint_every,
    }
}

/// Digest of what a run's figures follow from, but for the number of threads, which changes them
/// by rounding only.
fn key_of(options: &TrainOptions, prepared: &Prepared<'_>, init: &str) -> String {
    let options = TrainOptions {
        train: Vec::new(),
        dev: Vec::new(),
        out: PathBuf::new(),
        threads: 0,
        checkpoint_every: 0,
        ..options.clone()
    };
    let mut hash = Sha256::new();
    hash.update(SCHEMA);
    hash.update(serde_json::to_vec(&options).unwrap_or_default());
    hash.update(&prepared.digest);
    hash.update(init);
    hex(hash.finalize())
}

/// The tallies of the test texts at 0.5 and at the model's own thresholds.
fn test(
    files: &ModelFiles,
    split: &Split,
    labels: &LabelSet,
    options: &Options,
) -> Result<(Tally, Tally), BenchmarkError> {
    let own = match &files.settings {
        Some(bytes) => Settings::from_json(bytes)?,
        None => Settings::default(),
    };
    let rule = own.resolve(labels)?;
    // Without its calibration the model gives plain sigmoids, as the papers' code has them.
    let plain = Settings { categories: std::collections::BTreeMap::new(), ..own };
    let plain = ModelFiles { settings: Some(plain.to_json().into_bytes().into()), ..files.clone() };
    let how = classify::Options {
        threads: options.threads,
        engine: options.engine,
        ..classify::Options::default()
    };
    let said = Classifier::from_files(&plain, &how)?.predict(&split.test)?;
    let mut outcomes = predictions::outcomes(&split.test, &said, labels)?;
    outcomes.decide(&vec![Decision::default(); labels.len()]);
    let fixed = Tally::of(&outcomes);
    for row in 0..outcomes.rows() {
        for (column, settings) in rule.iter().enumerate() {
            let scale = |p| settings.category_probability(log_odds(p) as f32);
            outcomes.change(row, column, |p, denied| (scale(p), denied));
        }
    }
    let thresholds: Vec<Decision> =
        rule.iter().map(|s| Decision { threshold: s.threshold, ..Decision::default() }).collect();
    outcomes.decide(&thresholds);
    Ok((fixed, Tally::of(&outcomes)))
}

fn baseline(
    data: &Data,
    prepared: &Prepared<'_>,
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Option<RunResult>, BenchmarkError> {
    let how = TfIdfOptions::default();
    let mut hash = Sha256::new();
    hash.update(SCHEMA);
    hash.update(format!("{how:?}"));
    hash.update(&prepared.digest);
    let key = hex(hash.finalize());
    let out = prepared.folder.join("tfidf");
    if let Some(result) = finished(&out, &key)? {
        return Ok(Some(result));
    }
    if options.finished_only {
        return Ok(None);
    }
    let of = match prepared.split.name.as_str() {
        "" => data.benchmark.to_string(),
        name => format!("{}, {name}", data.benchmark),
    };
    observer.note(&format!("{of}: fitting the linear baseline"));
    let begun = std::time::Instant::now();
    let split = prepared.split;
    let fitted = TfIdf::fit(&split.train, &data.labels, how)?;
    let table = |examples: &[Example]| -> Result<Outcomes, BenchmarkError> {
        let said = fitted.predict(examples)?;
        let mut outcomes = predictions::outcomes(examples, &said, &data.labels)?;
        outcomes.decide(&vec![Decision::default(); data.labels.len()]);
        Ok(outcomes)
    };
    let validation = table(&split.validation)?;
    let rows: Vec<usize> = (0..validation.rows()).collect();
    let rule = Rule::fit(&validation, &rows, Fit::default());
    let mut outcomes = table(&split.test)?;
    let fixed = Tally::of(&outcomes);
    let rows: Vec<usize> = (0..outcomes.rows()).collect();
    rule.apply(&mut outcomes, &rows);
    let result = RunResult {
        schema: SCHEMA.to_owned(),
        key,
        system: System::TfIdf,
        split: split.name.clone(),
        seed: 0,
        fixed,
        tuned: Tally::of(&outcomes),
        validation: None,
        epochs: 0,
        best_epoch: None,
        texts: (split.train.len(), 0),
        seconds: begun.elapsed().as_secs_f64(),
        init: String::new(),
        model: String::new(),
    };
    std::fs::create_dir_all(&out).map_err(|e| BenchmarkError::io(&out, e))?;
    keep(&out, &result)?;
    Ok(Some(result))
}

/// The result in a run's folder, if it is finished.
fn finished(out: &Path, key: &str) -> Result<Option<RunResult>, BenchmarkError> {
    let path = out.join(RESULT);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(BenchmarkError::io(&path, error)),
    };
    let result: RunResult = serde_json::from_slice(&bytes).map_err(|error| {
        BenchmarkError::folder(&path, format!("it is damaged ({error}); delete it to test again"))
    })?;
    if result.key != key {
        return Err(BenchmarkError::folder(
            &path,
            "it is of a run with other options, data or initial model: give the same ones, or \
             another --out",
        ));
    }
    Ok(Some(result))
}

fn keep(out: &Path, result: &RunResult) -> Result<(), BenchmarkError> {
    let path = out.join(RESULT);
    let text = serde_json::to_string_pretty(result)
        .map_err(|e| BenchmarkError::io(&path, std::io::Error::other(e)))?;
    write(&path, text.as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BenchmarkError> {
    let written = AtomicFile::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.commit()
    });
    written.map_err(|e| BenchmarkError::io(path, e))
}

/// The run whose model is the one to use: of those on all documents, if there are any, else of
/// all, the one with the best validation macro-F1.
fn best(results: &[RunResult]) -> Option<&RunResult> {
    let runs = || results.iter().filter(|r| r.system == System::Encoder);
    let has_all = runs().any(|r| r.split == "all");
    let score = |r: &RunResult| r.validation.as_ref().map_or(0.0, |v| v.macro_f1);
    // The first of equals, so that a further seed does not change the model without reason.
    runs()
        .filter(|r| !has_all || r.split == "all")
        .reduce(|best, r| if score(r) > score(best) { r } else { best })
}

/// Copies the best run's model into the folder `model`.
fn publish(results: &[RunResult], options: &Options) -> Result<(), BenchmarkError> {
    let Some(best) = best(results) else { return Ok(()) };
    let from = options.out.join(&best.split).join(format!("seed-{}", best.seed));
    let to = options.out.join("model");
    let folder = AtomicFolder::create(&to, true).map_err(|e| BenchmarkError::io(&to, e))?;
    for (name, bytes) in ModelFiles::read(&ModelSource::Folder(from))?.each() {
        folder.write(name, bytes).map_err(|e| BenchmarkError::io(&to, e))?;
    }
    folder.commit().map_err(|e| BenchmarkError::io(&to, e))
}
