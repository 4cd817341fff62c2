//! From sentences to probabilities, stances and findings.
//!
//! [`Classifier`] holds a loaded model and runs it over any number of inputs: handed in small lots
//! to workers that tokenise and compute on one thread each, results in the order of the inputs. It
//! knows nothing of files, formats or output.

mod engine;
mod error;
mod explain;
mod scoring;
mod seen;
mod store;
mod workers;

use serde::Serialize;

pub use engine::EngineKind;
pub use error::ClassifyError;
pub use explain::{ScoreWith, Span};
pub use scoring::States;
pub use store::{Store, StoreKey, Work};

use crate::document::Document;
use crate::encode::{Input, Tokenizer};
use crate::label::{LabelSet, Stance};
use crate::model::{
    CategorySettings, Engine, Kernel, ModelConfig, ModelFiles, ModelSource, Settings,
};
use crate::segment::{Sentence, sentences};
pub use seen::Row;
use seen::Seen;
use store::{Counters, Stored};
use workers::Workers;

/// How a classifier runs; but for the engine, results do not depend on it beyond rounding (1e-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Worker threads; 0 means one a core.
    pub threads: usize,
    /// Most tokens in a batch; what serves the engine without it ([`EngineKind::token_budget`]).
    pub token_budget: Option<usize>,
    /// The implementation of the forward pass.
    pub engine: EngineKind,
    /// The instructions that our own engines run on; the best of the machine without it.
    pub kernel: Option<Kernel>,
    /// Bytes for remembering what was classified: each distinct input is computed once. 0 turns
    /// it off.
    pub remember: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 0,
            token_budget: None,
            engine: EngineKind::Auto,
            kernel: None,
            remember: 64 << 20,
        }
    }
}

/// Probabilities of one input, in the order of the label set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// P(category), scaled.
    pub category: Vec<f32>,
    /// P(denied | category), scaled; empty when the model has no stances.
    pub denied: Vec<f32>,
    /// Into how many windows the input was cut; 1 unless it is over the model's limit.
    pub windows: usize,
}

impl Scores {
    /// P(category) · P(stance | category).
    pub fn probability(&self, category: usize, stance: Stance) -> f32 {
        let about = self.category.get(category).copied().unwrap_or(0.0);
        let denied = self.denied.get(category).copied().unwrap_or(0.0);
        match stance {
            Stance::Asserted => about * (1.0 - denied),
            Stance::Denied => about * denied,
        }
    }
}

/// One thing that a sentence says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// Index into the label set.
    pub category: usize,
    /// Whether the sentence asserts or denies it.
    pub stance: Stance,
    /// P(category) · P(stance | category).
    pub probability: f32,
    /// P(category), which the category's threshold was compared with.
    pub category_probability: f32,
}

/// A sentence of a document with what the model says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// The sentence and its place.
    pub sentence: Sentence,
    /// All probabilities.
    pub scores: Scores,
    /// What reaches the thresholds.
    pub findings: Vec<Finding>,
}

/// What the model reads of a sentence: its text, its lead-in, and the nearest heading.
pub fn input_of(sentence: &Sentence) -> Input<'_> {
    Input {
        text: &sentence.text,
        lead_in: sentence.lead_in.as_deref().unwrap_or_default(),
        heading: sentence.section.last().map_or("", String::as_str),
    }
}

/// A loaded model that classifies sentences.
///
/// ```
/// use fineprint::classify::Classifier;
/// use fineprint::document::Document;
///
/// let classifier = Classifier::embedded()?;
/// let document = Document::parse(b"# Your data\n\nWe never sell your personal information.")?;
/// for classified in classifier.classify_document(&document)? {
///     for finding in &classified.findings {
///         let category = &classifier.labels().categories()[finding.category].id;
///         println!("{category} {} {:.2}", finding.stance, finding.probability);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Classifier {
    labels: LabelSet,
    settings: Settings,
    categories: Vec<CategorySettings>,
    tokenizer: Tokenizer,
    engine: Box<dyn Engine>,
    kind: EngineKind,
    kernel: Option<Kernel>,
    workers: Workers,
    token_budget: usize,
    seen: Seen,
    stored: Option<Stored>,
    counters: Counters,
    origin: String,
    digest: String,
}

impl Classifier {
    /// The model compiled into the crate, with default options.
    ///
    /// # Errors
    /// [`ClassifyError`] when the crate was built without the feature `embedded-model`.
    pub fn embedded() -> Result<Self, ClassifyError> {
        Self::load(&ModelSource::Embedded, &Options::default())
    }

    /// Loads a model.
    ///
    /// # Errors
    /// [`ClassifyError`] when its files cannot be read or do not fit together, or it has no
    /// classification head.
    pub fn load(source: &ModelSource, options: &Options) -> Result<Self, ClassifyError> {
        Self::from_files(&ModelFiles::read(source)?, options)
    }

    /// Loads a model from the bytes of its files.
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn from_files(files: &ModelFiles, options: &Options) -> Result<Self, ClassifyError> {
        let config = ModelConfig::from_json(&files.config)?;
        let labels = config.labels.clone().ok_or(ClassifyError::NoHead)?;
        let settings = match &files.settings {
            Some(bytes) => Settings::from_json(bytes)?,
            None => Settings::default(),
        };
        let (max_tokens, max_context) = (settings.max_tokens, settings.max_context_tokens);
        let tokenizer = config.tokenizer(&files.tokenizer, max_tokens, max_context)?;
        let kind = options.engine.resolved();
        let engine = kind.load(&config, files, options.kernel)?;
        let mut classifier = Self {
            categories: settings.resolve(&labels)?,
            labels,
            settings,
            tokenizer,
            engine,
            kind,
            kernel: kind.kernel(options.kernel),
            workers: Workers::new(options.threads)?,
            token_budget: options.token_budget.unwrap_or_else(|| kind.token_budget()).max(1),
            seen: Seen::new(options.remember),
            stored: None,
            counters: Counters::default(),
            origin: files.origin.clone(),
            digest: files.digest(),
        };
        // One real pass: a model that cannot compute or gives NaN is refused here, not later.
        classifier.scores(&[Input::from("We may change these terms at any time.")])?;
        classifier.counters = Counters::default();
        Ok(classifier)
    }

    /// What the model can say.
    pub fn labels(&self) -> &LabelSet {
        &self.labels
    }

    /// The model's own settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The forward pass, for those who need states and not scores.
    pub fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }

    /// Which implementation that is, never [`EngineKind::Auto`].
    pub fn engine_kind(&self) -> EngineKind {
        self.kind
    }

    /// The instructions that the engine runs on; `None` for Candle, which chooses by itself.
    pub fn kernel(&self) -> Option<Kernel> {
        self.kernel
    }

    /// Number of worker threads.
    pub fn threads(&self) -> usize {
        self.workers.count()
    }

    /// The tokenizer with the model's limits.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Where the model came from: `embedded`, a path, or `hf:owner/name@revision`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// SHA-256 over the model's files, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Cuts a document into sentences and classifies each, in document order.
    ///
    /// The document's language is not looked at; see [`Document::language`].
    ///
    /// # Errors
    /// As [`Classifier::scores`].
    pub fn classify_document(&self, document: &Document) -> Result<Vec<Classified>, ClassifyError> {
        let sentences = sentences(document);
        let inputs: Vec<Input<'_>> = sentences.iter().map(input_of).collect();
        let scores = self.scores(&inputs)?;
        Ok(sentences
            .into_iter()
            .zip(scores)
            .map(|(sentence, scores)| Classified {
                findings: self.findings(&scores),
                sentence,
                scores,
            })
            .collect())
    }

    /// The categories whose probability reaches their threshold, with the stance that the model
    /// reads, in the order of the label set.
    pub fn findings(&self, scores: &Scores) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (category, settings) in self.categories.iter().enumerate() {
            let about = scores.category.get(category).copied().unwrap_or(0.0);
            if about < settings.threshold {
                continue;
            }
            let stance = match scores.denied.get(category) {
                Some(&denied) if denied >= settings.stance_threshold => Stance::Denied,
                _ => Stance::Asserted,
            };
            findings.push(Finding {
                category,
                stance,
                probability: scores.probability(category, stance),
                category_probability: about,
            });
        }
        findings
    }
}
