//! `fineprint calibrate`: fit scaling and thresholds of a model on labelled sentences.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::args::EngineArgs;
use super::exit::Exit;
use super::printer::Printer;
use crate::batch::AtomicFile;
use crate::classify::Classifier;
use crate::eval::rule::{Fit, ReviewBand, Rule, cross_fit, review_band};
use crate::eval::scaling::Freedom;
use crate::eval::tally::Tally;
use crate::eval::threshold::Goal;
use crate::eval::{Decision, Example, Outcomes, Predictor, calibration, examples, predictions};
use crate::label::LabelSet;
use crate::model::{CategorySettings, ModelFiles, ModelSource, Settings};

/// Arguments of `fineprint calibrate`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
Writes into DIR/fineprint.json, for each category: a temperature and an offset, so that probabilities
mean what they say; thresholds; and the band around the threshold in which a person should decide.
Use sentences that the model was not trained on. The figures printed are cross-fitted: each service's
sentences are decided by a rule from the other services' sentences.

Examples:
  fineprint calibrate dev.jsonl --model ./my-model
  fineprint calibrate dev.jsonl --model ./my-model --precision 0.95
  fineprint calibrate dev.jsonl --model ./my-model --dry-run")]
pub struct CalibrateArgs {
    /// The labelled sentences; as `fineprint eval` reads them.
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// The model folder.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Choose thresholds for this precision of every category, instead of the best F1.
    #[arg(long, value_name = "P", value_parser = share)]
    precision: Option<f64>,
    /// Fit one scaling for all categories, instead of one for each.
    #[arg(long)]
    global: bool,
    /// Fit temperatures without offsets.
    #[arg(long)]
    no_offset: bool,
    /// A person should decide wherever it takes that to reach this F1 elsewhere; 0 for no band.
    #[arg(long, value_name = "F1", default_value_t = 0.95, value_parser = share)]
    review: f64,
    /// Print figures and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// How to run it.
    #[command(flatten)]
    engine: EngineArgs,
}

/// Reads a share.
fn share(given: &str) -> Result<f64, String> {
    match given.parse::<f64>() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("a number from 0 to 1 is expected".to_owned()),
    }
}

/// Runs the verb.
pub(super) fn run(args: &CalibrateArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let mut files = ModelFiles::read(&ModelSource::Folder(args.model.clone()))?;
    let mut settings = match &files.settings {
        Some(bytes) => Settings::from_json(bytes)?,
        None => Settings::default(),
    };
    // The model is asked for what it says without any calibration.
    let old = std::mem::take(&mut settings.categories);
    files.settings = Some(settings.to_json().into_bytes().into());
    let classifier = Classifier::from_files(&files, &args.engine.options())?;
    let labels = classifier.labels().clone();
    let mut sentences = Vec::new();
    for path in &args.files {
        sentences.extend(examples::read(path, &labels)?);
    }
    let raw = predictions::outcomes(&sentences, &classifier.predict(&sentences)?, &labels)?;

    let fit = Fit {
        goal: args.precision.map_or(Goal::BestF1, Goal::Precision),
        scaling: Some(Freedom { per_category: !args.global, offset: !args.no_offset }),
    };
    let rows: Vec<usize> = (0..raw.rows()).collect();
    let rule = Rule::fit(&raw, &rows, fit);
    let crossed = cross_fit(&sentences, &raw, fit);
    // Measured on decisions that did not see the sentence's service; the thresholds are the final
    // ones, which differ little from each fold's.
    let wanted = (args.review > 0.0).then_some(args.review);
    let band = wanted.and_then(|wanted| review_band(&crossed, &rule.decisions, wanted));
    let columns = labels.names().enumerate();
    settings.categories.extend(
        columns.map(|(column, name)| (name.to_owned(), rule.settings(column, band.as_ref()))),
    );

    let mut before = raw.clone();
    apply_old(&mut before, &old, &labels);
    let summary = summary(&sentences, &before, &crossed, band.as_ref(), args.review);
    let mut stdout = printer.stdout();
    stdout.write_all(summary.as_bytes())?;
    stdout.flush()?;
    if args.review > 0.0 && band.is_none() {
        printer.warning(format_args!(
            "no band of doubt gives an F1 of {} outside of it; none is written",
            args.review
        ));
    }
    if args.dry_run {
        return Ok(Exit::Done);
    }
    let path = args.model.join("fineprint.json");
    let place = || format!("cannot write {}", path.display());
    let mut file = AtomicFile::create(&path).with_context(place)?;
    file.write_all(settings.to_json().as_bytes()).with_context(place)?;
    file.commit().with_context(place)?;
    printer.note(format_args!("wrote {}", path.display()));
    Ok(Exit::Done)
}

/// Puts the calibration that the model had before onto its bare probabilities.
fn apply_old(outcomes: &mut Outcomes, old: &BTreeMap<String, CategorySettings>, labels: &LabelSet) {
    let settings: Vec<CategorySettings> =
        labels.names().map(|name| old.get(name).copied().unwrap_or_default()).collect();
    let logit = |p: f32| crate::eval::threshold::log_odds(p) as f32;
    for row in 0..outcomes.rows() {
        for (column, settings) in settings.iter().enumerate() {
            let by = |p, d| {
                (settings.category_probability(logit(p)), settings.denied_probability(logit(d)))
            };
            outcomes.change(row, column, by);
        }
    }
    let rule: Vec<Decision> = settings
        .iter()
        .map(|s| Decision { threshold: s.threshold, stance_threshold: s.stance_threshold })
        .collect();
    outcomes.decide(&rule);
}

/// Figures before and after, and what the band costs and brings.
fn summary(
    sentences: &[Example],
    before: &Outcomes,
    after: &Outcomes,
    band: Option<&ReviewBand>,
    wanted: f64,
) -> String {
    let mut text = format!("{} sentences        before  after (cross-fitted)\n", sentences.len());
    let (old, new) = (Tally::of(before), Tally::of(after));
    let mut line = |name: &str, of: &dyn Fn(&Tally, &Outcomes) -> Option<f64>| {
        let show = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"));
        let (a, b) = (show(of(&old, before)), show(of(&new, after)));
        let _ = writeln!(text, "{name:<24}{a:>8}{b:>8}");
    };
    line("micro-F1, categories", &|t, _| t.over_categories().micro.f1);
    line("macro-F1, categories", &|t, _| t.over_categories().macro_f1);
    line("precision, categories", &|t, _| t.over_categories().micro.precision);
    line("recall, categories", &|t, _| t.over_categories().micro.recall);
    line("micro-F1, with stance", &|t, _| t.over_labels().micro.f1);
    line("opposite stance", &|t, _| t.stance().opposite_rate());
    line("calibration error", &|_, o| calibration::of_categories(o).ece);
    line("Brier score", &|_, o| calibration::of_categories(o).brier);
    if let Some(band) = band {
        let _ = writeln!(
            text,
            "A person should read {:.1}% of the sentences; that is where {:.1}% of the wrong \
             categories are, and\nelsewhere F1 is {:.3} (wanted: {wanted}).",
            100.0 * band.examples_inside,
            100.0 * band.errors_inside,
            band.f1_outside
        );
    }
    text
}
