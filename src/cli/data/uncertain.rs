//! `fineprint data uncertain`: the sentences of documents on which labelling would help most.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::super::args::{EngineArgs, ModelArgs};
use super::super::exit::Exit;
use super::super::printer::Printer;
use super::write_to;
use crate::batch::{self, Discovery, Processed, Walk, WalkOptions};
use crate::classify::{Classifier, Scores};
use crate::corpus::uncertain::{Candidate, Choice, Choosing, choose, doubts};
use crate::label::Label;
use crate::segment::{Sentence, sentence_id};

/// Probabilities below this are left out of the file: nobody would label by them.
const SHOWN_PROBABILITY: f32 = 0.05;

/// Arguments of `fineprint data uncertain`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
A sentence counts for how near its probabilities are to the model's thresholds, over all categories
and stances; of sentences that say nearly the same, one is taken, and no category fills the list
alone. A part is drawn at random (`sampled` tells which): only on such sentences can figures and
calibration be measured.

The file is JSON lines. Fill in `labels` of every line, with a `!` before what is denied and none
for a sentence that is about no category (`suggested` is what the model would say, `probabilities`
and `denied` are why), then train on it:

  fineprint data uncertain policies/ -n 200 --output label-me.jsonl
  fineprint train --train label-me.jsonl --init ./model --output ./my-model")]
pub(super) struct UncertainArgs {
    /// Documents, or folders of documents as `fineprint classify` walks them.
    #[arg(required = true, value_name = "PATHS")]
    paths: Vec<PathBuf>,
    /// How many sentences to choose.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 200)]
    count: usize,
    /// Choose no more than can be read in this many words.
    #[arg(long, value_name = "WORDS")]
    budget: Option<usize>,
    /// Which part to draw at random, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    random: f32,
    /// Seed of what is random; the same seed gives the same choice.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// How to run it.
    #[command(flatten)]
    engine: EngineArgs,
    /// The model.
    #[command(flatten)]
    model: ModelArgs,
    /// The file to write; `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

fn share(given: &str) -> Result<f32, String> {
    match given.parse::<f32>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a number from 0 to 1 is expected".to_owned()),
    }
}

/// A sentence that may be chosen, with what is written of it.
struct Read {
    text: String,
    heading: String,
    lead_in: String,
    previous: String,
    document: String,
    scores: Scores,
    doubts: Vec<f32>,
}

/// A line of the file.
#[derive(Serialize)]
struct Row<'a> {
    id: String,
    text: &'a str,
    labels: [&'static str; 0],
    heading: &'a str,
    lead_in: &'a str,
    previous: &'a str,
    sampled: &'static str,
    source: SourceRow<'a>,
    suggested: Vec<String>,
    probabilities: BTreeMap<&'a str, f32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    denied: BTreeMap<&'a str, f32>,
}

/// As in labelled files.
#[derive(Serialize)]
struct SourceRow<'a> {
    collection: &'static str,
    commit: &'static str,
    path: &'a str,
}

/// Runs the verb.
pub(super) fn run(args: &UncertainArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let classifier = Classifier::load(&args.model.source(), &args.engine.options())?;
    let (sentences, some_failed) = read(args, &classifier, printer)?;
    let candidates: Vec<Candidate<'_>> =
        sentences.iter().map(|s| Candidate { text: &s.text, doubts: &s.doubts }).collect();
    let choices = choose(
        &candidates,
        &Choosing {
            count: args.count,
            budget_words: args.budget,
            random_share: args.random,
            seed: args.seed,
        },
    );
    let rows: Vec<Row<'_>> = choices
        .iter()
        .filter_map(|choice| Some(row(&classifier, sentences.get(choice.index)?, choice)))
        .collect();
    write_to(&args.output, printer, |out| {
        for row in &rows {
            serde_json::to_writer(&mut *out, row)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })?;
    printer.note(format_args!(
        "chose {} of {} sentences, {} of them at random; fill in their labels",
        rows.len(),
        sentences.len(),
        choices.iter().filter(|choice| choice.is_random).count()
    ));
    Ok(if some_failed { Exit::SomeFailed } else { Exit::Done })
}

/// Reads and scores all documents; also says whether some could not be read.
fn read(
    args: &UncertainArgs,
    classifier: &Classifier,
    printer: &Printer,
) -> anyhow::Result<(Vec<Read>, bool)> {
    let walk =
        Walk::new(WalkOptions { outputs: vec![args.output.clone()], ..WalkOptions::default() })
            .map_err(anyhow::Error::msg)?;
    let mut inputs =
        Discovery::new(args.paths.iter().cloned(), None, walk).map_err(anyhow::Error::msg)?;
    let settings = classifier.settings().resolve(classifier.labels())?;
    let options = batch::Options {
        language: classifier.settings().language.clone(),
        threads: args.engine.threads,
        ..batch::Options::default()
    };
    let bar = printer.start_progress(None, "{spinner} {msg}");
    let mut sentences = Vec::new();
    let mut some_failed = false;
    batch::run(
        inputs.by_ref(),
        &options,
        &|inputs| classifier.scores(inputs),
        &mut |processed: Processed| {
            let name = processed.name;
            match processed.result {
                Err(reason) => {
                    some_failed = true;
                    printer.error(format_args!("{name}: {reason}"));
                }
                Ok(read) => match read.scores {
                    None => printer.note(format_args!("{name}: in another language, left out")),
                    Some(scores) => {
                        let mut previous = "";
                        for (sentence, scores) in read.sentences.iter().zip(scores) {
                            sentences.push(Read {
                                doubts: doubts(&scores.category, &scores.denied, &settings),
                                scores,
                                ..of(sentence, previous, &name)
                            });
                            previous = &sentence.text;
                        }
                    }
                },
            }
            Ok::<(), anyhow::Error>(())
        },
        &|done| bar.set_message(format!("{done} sentences")),
    )?;
    printer.end_progress();
    if sentences.is_empty() && !some_failed {
        let first = args.paths.first().map_or(Path::new("-"), PathBuf::as_path);
        bail!("no sentence found in {}", first.display());
    }
    Ok((sentences, some_failed))
}

fn of(sentence: &Sentence, previous: &str, document: &str) -> Read {
    Read {
        text: sentence.text.clone(),
        heading: sentence.section.last().cloned().unwrap_or_default(),
        lead_in: sentence.lead_in.as_deref().unwrap_or_default().to_owned(),
        previous: previous.to_owned(),
        document: document.to_owned(),
        scores: Scores { category: Vec::new(), denied: Vec::new(), windows: 0 },
        doubts: Vec::new(),
    }
}

fn row<'a>(classifier: &'a Classifier, sentence: &'a Read, choice: &Choice) -> Row<'a> {
    let labels = classifier.labels();
    let findings = classifier.findings(&sentence.scores);
    let suggested = findings
        .iter()
        .map(|found| labels.format(Label { category: found.category, stance: found.stance }));
    let probable: Vec<(usize, &str, f32)> = labels
        .names()
        .zip(&sentence.scores.category)
        .enumerate()
        .map(|(category, (name, &p))| (category, name, p))
        .filter(|(_, _, p)| *p >= SHOWN_PROBABILITY)
        .collect();
    let denied = probable.iter().filter_map(|&(category, name, _)| {
        Some((name, rounded(*sentence.scores.denied.get(category)?)))
    });
    Row {
        id: sentence_id(&sentence.text),
        text: &sentence.text,
        labels: [],
        heading: &sentence.heading,
        lead_in: &sentence.lead_in,
        previous: &sentence.previous,
        sampled: if choice.is_random { "random" } else { "uncertain" },
        source: SourceRow { collection: "", commit: "", path: &sentence.document },
        suggested: suggested.collect(),
        probabilities: probable.iter().map(|&(_, name, p)| (name, rounded(p))).collect(),
        denied: denied.collect(),
    }
}

fn rounded(p: f32) -> f32 {
    (p * 1000.0).round() / 1000.0
}
