//! `fineprint eval`: how good a model is on labelled sentences, with intervals and beside others.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use super::args::{EngineArgs, ModelArgs};
use super::exit::Exit;
use super::printer::Printer;
use crate::batch::AtomicFile;
use crate::classify::Classifier;
use crate::eval::baseline::{Centroids, KeywordRules, TfIdf, TfIdfOptions};
use crate::eval::bootstrap::Bootstrap;
use crate::eval::model::FrozenEncoder;
use crate::eval::predictions::{self, StoredPredictions};
use crate::eval::report::{self, Entry, Report};
use crate::eval::rule::{Fit, cross_fit};
use crate::eval::{Example, Predictor, examples};
use crate::label::LabelSet;
use crate::model::{ModelFiles, ModelSource};

/// Arguments of `fineprint eval`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
FILE is JSON lines with `id`, `text`, `labels` (a category, or `!` and a category where it is
denied) and, as far as known, `heading`, `lead_in`, `sampled`, `source`, `pair`; or CSV with the
columns text and labels (separated by `;`).

A file of predictions is JSON lines with `id`, `labels` as decided, `categories` (name to
probability) and `denied` (name to probability that it is denied, given the category).

Examples:
  fineprint eval data/clauses/test.jsonl
  fineprint eval dev.jsonl --cross-fit --baseline keywords,tfidf --train train.jsonl
  fineprint eval dev.jsonl --model ./run-7 --against embedded --format html --output eval.html
  fineprint eval dev.jsonl --predictions predictions.jsonl")]
pub struct EvalArgs {
    /// The labelled sentences.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The model.
    #[command(flatten)]
    model: ModelArgs,
    /// Measure the predictions in FILE instead of a model's.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Compare with another model, or with the predictions in a .jsonl file; may be repeated.
    #[arg(long, value_name = "MODEL|FILE")]
    against: Vec<String>,
    /// Compare with what a model has to beat.
    #[arg(long, value_enum, value_name = "BASELINE,…", value_delimiter = ',')]
    baseline: Vec<Baseline>,
    /// What `tfidf` and `centroid` learn from; may be repeated.
    #[arg(long, value_name = "FILE")]
    train: Vec<PathBuf>,
    /// The encoder of `centroid`, which needs no classification head; the model's own without it.
    #[arg(long, value_name = "MODEL")]
    encoder: Option<ModelSource>,
    /// Fit scaling and thresholds of every system on FILE itself, cross-fitted: the sentences of a
    /// service are decided by a rule from the other services' sentences.
    #[arg(long)]
    cross_fit: bool,
    /// How to run it.
    #[command(flatten)]
    engine: EngineArgs,

    /// The report's format.
    #[arg(long, value_enum, default_value_t = EvalFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    format: EvalFormat,
    /// Write the report to FILE, which is replaced only once it is complete.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Also write the model's predictions, one JSON line an example.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    predictions: Option<PathBuf>,
    /// How many of the worst errors to show.
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Output")]
    worst: usize,
    /// Resamples of documents for the intervals.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Output")]
    resamples: u32,
    /// Seed of the resamples.
    #[arg(long, value_name = "SEED", default_value_t = 1, help_heading = "Output")]
    seed: u64,
}

/// A system that a model has to beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Baseline {
    /// A written list of expressions, with negation cues for the stance.
    Keywords,
    /// Word and character n-grams with logistic regression.
    Tfidf,
    /// Nearest centroid on the states of a frozen encoder.
    Centroid,
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EvalFormat {
    /// Tables.
    Text,
    /// One JSON object with every figure.
    Json,
    /// One row a figure.
    Csv,
    /// One self-contained page with plots.
    Html,
}

/// Runs the verb.
pub(super) fn run(args: &EvalArgs, printer: &Printer) -> anyhow::Result<Exit> {
    if args.train.is_empty() && args.baseline.iter().any(|b| *b != Baseline::Keywords) {
        bail!("the baselines tfidf and centroid need sentences to learn from: give --train FILE");
    }
    let (name, labels, system) = first(args)?;
    let examples = examples::read(&args.file, &labels)?;
    let mut run = Run { args, labels: &labels, examples: &examples, entries: Vec::new() };
    run.add(name, system.as_ref())?;
    drop(system);
    for other in &args.against {
        printer.note(format_args!("measuring {other}"));
        let system = other_system(args, other, &labels)?;
        run.add(other.clone(), system.as_ref())?;
    }
    let mut train = Vec::new();
    for path in &args.train {
        train.extend(examples::read(path, &labels)?);
    }
    for baseline in &args.baseline {
        let name = baseline.to_possible_value().map_or_else(String::new, |v| v.get_name().into());
        printer.note(format_args!("measuring the baseline {name}"));
        let system = baseline_system(args, *baseline, &train, &labels)?;
        run.add(name, system.as_ref())?;
    }
    if let (Some(path), Some(entry)) = (&args.predictions, run.entries.first()) {
        let rows = predictions::from_outcomes(&entry.outcomes, &labels);
        write_file(path, |file| predictions::write(file, &examples, &rows, &labels))?;
    }
    let resamples = args.resamples as usize;
    let options =
        report::Options { bootstrap: Bootstrap { resamples, seed: args.seed }, worst: args.worst };
    let file = args.file.display().to_string();
    let report = Report::new(&file, &examples, &labels, &run.entries, options);
    let text = match args.format {
        EvalFormat::Text => report.to_text(),
        EvalFormat::Json => report.to_json(),
        EvalFormat::Csv => report.to_csv(),
        EvalFormat::Html => report.to_html(),
    };
    if let Some(path) = &args.output {
        write_file(path, |file| file.write_all(text.as_bytes()))?;
    } else {
        let mut stdout = printer.stdout();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
    }
    Ok(Exit::Done)
}

/// The systems measured so far.
struct Run<'a> {
    args: &'a EvalArgs,
    labels: &'a LabelSet,
    examples: &'a [Example],
    entries: Vec<Entry>,
}

impl Run<'_> {
    fn add(&mut self, name: String, system: &dyn Predictor) -> anyhow::Result<()> {
        let said = system.predict(self.examples)?;
        let decided = predictions::outcomes(self.examples, &said, self.labels)?;
        let (thresholds, outcomes) = if self.args.cross_fit {
            ("cross-fitted", cross_fit(self.examples, &decided, Fit::default()))
        } else {
            ("its own", decided)
        };
        self.entries.push(Entry { name, thresholds: thresholds.to_owned(), outcomes });
        Ok(())
    }
}

/// The system in question: its name, its label set, itself.
fn first(args: &EvalArgs) -> anyhow::Result<(String, LabelSet, Box<dyn Predictor>)> {
    if let Some(path) = &args.from {
        let labels = predictions::label_set(path)?;
        let stored = StoredPredictions::read(path, &labels)?;
        let system: Box<dyn Predictor> = Box::new(stored);
        return Ok((path.display().to_string(), labels, system));
    }
    let classifier = load(args, &args.model.source())?;
    let labels = classifier.labels().clone();
    let system: Box<dyn Predictor> = Box::new(classifier);
    Ok((args.model.source().to_string(), labels, system))
}

fn load(args: &EvalArgs, source: &ModelSource) -> anyhow::Result<Classifier> {
    Ok(Classifier::load(source, &args.engine.options())?)
}

/// A model or a file of predictions to compare with.
fn other_system(
    args: &EvalArgs,
    given: &str,
    labels: &LabelSet,
) -> anyhow::Result<Box<dyn Predictor>> {
    let path = Path::new(given);
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("jsonl")) {
        return Ok(Box::new(StoredPredictions::read(path, labels)?));
    }
    let classifier = load(args, &given.parse()?)?;
    let same = classifier.labels().names().eq(labels.names())
        && classifier.labels().has_stance() == labels.has_stance();
    if !same {
        bail!("{given} has other categories than the model; only like can be compared with like");
    }
    Ok(Box::new(classifier))
}

fn baseline_system(
    args: &EvalArgs,
    baseline: Baseline,
    train: &[Example],
    labels: &LabelSet,
) -> anyhow::Result<Box<dyn Predictor>> {
    let system: Box<dyn Predictor> = match baseline {
        Baseline::Keywords => Box::new(KeywordRules::new(labels)?),
        Baseline::Tfidf => Box::new(TfIdf::fit(train, labels, TfIdfOptions::default())?),
        Baseline::Centroid => {
            let files = ModelFiles::read(args.encoder.as_ref().unwrap_or(&args.model.source()))?;
            Box::new(Centroids::fit(FrozenEncoder::load(&files)?, train, labels)?)
        }
    };
    Ok(system)
}

fn write_file(
    path: &Path,
    write: impl FnOnce(&mut std::io::BufWriter<&mut AtomicFile>) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let place = || format!("cannot write {}", path.display());
    let mut file = AtomicFile::create(path).with_context(place)?;
    let mut buffered = std::io::BufWriter::new(&mut file);
    write(&mut buffered).and_then(|()| buffered.flush()).with_context(place)?;
    drop(buffered);
    file.commit().with_context(place)
}
