//! `fineprint data convert`: labelled data of other projects in fineprint's own format.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::super::exit::Exit;
use super::super::printer::Printer;
use super::write_to;
use crate::corpus::import::{Crosswalk, Format, Imported, Options, Sink};
use crate::label::LabelSet;
use crate::segment::sentence_id;

/// Arguments of `fineprint data convert`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
Formats and what INPUT is:
  polisis            OPP-115 as CSV of text and label (train.csv): files
  opp115             OPP-115 as released: the folder OPP-115, or one of its consolidation folders
  claudette          CLAUDETTE as JSON lines with document, fold, text and tags: files
  claudette-folders  CLAUDETTE as text files: a folder of sentences (corpus/sentences/en/original,
                     the tags being in corpus/tags/en/original), or the first corpus's folder with
                     sentences, Labels_A, Labels_CH and so on
  unfair-tos         UNFAIR-ToS of LexGLUE, .jsonl or .parquet: files
  tosdr              points of ToS;DR: JSON of its API or of a dump: files
  label-studio       Label Studio's export as JSON: files
  doccano            doccano's export as JSON lines or JSON: files
  hf-dataset         a folder of Hugging Face datasets with .parquet, .jsonl or .arrow files

The output is JSON lines as `fineprint train`, `eval` and `calibrate` read them, with the labels'
own names unless --crosswalk or --labels translates them. What is taken, dropped and skipped is
told on standard error.

Examples:
  fineprint data convert --from polisis opp115/train.csv -o opp115.jsonl
  fineprint data convert --from label-studio export.json -o labelled.jsonl
  fineprint data convert --from opp115 OPP-115 --crosswalk -o ours.jsonl
  fineprint train labelled.jsonl --labels auto --out model")]
pub(super) struct ConvertArgs {
    /// What to read.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
    /// The format of INPUT.
    #[arg(long, value_name = "FORMAT")]
    from: Format,
    /// The file to write, as JSON lines; `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Translate labels to fineprint's categories by the crosswalk that comes with the program.
    #[arg(long, conflicts_with = "labels")]
    crosswalk: bool,
    /// Translate labels by FILE: a JSON object from each label to a list of labels, `!` before
    /// denied ones.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// When translating, keep texts that have no label at all; what they say of the categories
    /// that were not labelled is unknown.
    #[arg(long)]
    keep_unlabelled: bool,
    /// Take this part of the data set alone: train, validation, test, or a fold's number.
    #[arg(long, value_name = "PART")]
    part: Option<String>,
    /// A label counts when so many annotators gave it; by default 2 for opp115, whose policies have
    /// three, and 1 for label-studio.
    #[arg(long, value_name = "N")]
    agree: Option<usize>,
    /// The field of the text, for label-studio and hf-dataset; `text` unless given.
    #[arg(long, value_name = "FIELD")]
    text_field: Option<String>,
    /// The field of labels, for hf-dataset; `labels` or `label` unless given.
    #[arg(long, value_name = "FIELD")]
    label_field: Option<String>,
    /// Skip malformed rows, telling each, instead of refusing the file.
    #[arg(long)]
    skip_bad: bool,
}

/// A line of the output.
#[derive(Serialize)]
struct Line<'a> {
    id: String,
    text: &'a str,
    labels: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    heading: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    lead_in: &'a str,
    /// Readers leave it alone; it is for people who divide the file.
    #[serde(skip_serializing_if = "str::is_empty")]
    part: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source<'a>>,
}

#[derive(Serialize)]
struct Source<'a> {
    collection: &'a str,
    path: &'a str,
}

/// Runs the verb.
pub(super) fn run(args: &ConvertArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let crosswalk = crosswalk(args)?;
    let options = Options {
        agree: args.agree,
        text_field: args.text_field.clone(),
        label_field: args.label_field.clone(),
    };
    let mut sink = Sink::new(args.skip_bad);
    for input in &args.inputs {
        args.from.read(input, &options, &mut sink)?;
    }
    if let Some(part) = &args.part {
        let (kept, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut sink.taken).into_iter().partition(|row| row.part == *part);
        sink.taken = kept;
        others.iter().for_each(|_| sink.drop("of another part"));
    }
    if let Some(crosswalk) = &crosswalk {
        translate(&mut sink, crosswalk, args.keep_unlabelled);
    }
    for bad in &sink.bad {
        printer.warning(format_args!("skipped: {bad}"));
    }
    if sink.taken.is_empty() {
        bail!("no text is left: {}", told(&sink));
    }
    if let Some(label) = unusable(&sink.taken) {
        bail!(
            "the label `{label}` cannot be a category name (it is blank, begins with `!`, or has \
             control characters): rename it by --labels"
        );
    }
    write_to(&args.output, printer, |out| {
        for row in &sink.taken {
            serde_json::to_writer(&mut *out, &line(row, args.from))?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })?;
    printer.note(told(&sink));
    Ok(if sink.bad.is_empty() { Exit::Done } else { Exit::SomeFailed })
}

fn crosswalk(args: &ConvertArgs) -> anyhow::Result<Option<Crosswalk>> {
    if let Some(path) = &args.labels {
        return Ok(Some(Crosswalk::read(path)?));
    }
    if !args.crosswalk {
        return Ok(None);
    }
    let Some(crosswalk) = Crosswalk::builtin(args.from) else {
        bail!(
            "there is no crosswalk for {}: its labels are yours, so give --labels FILE",
            args.from
        );
    };
    crosswalk.check(&LabelSet::builtin()).map_err(anyhow::Error::msg)?;
    Ok(Some(crosswalk))
}

fn translate(sink: &mut Sink, crosswalk: &Crosswalk, keep_unlabelled: bool) {
    for mut row in std::mem::take(&mut sink.taken) {
        if row.labels.is_empty() && !keep_unlabelled {
            sink.drop("without a label");
            continue;
        }
        match crosswalk.apply(&mut row) {
            Ok(()) => sink.taken.push(row),
            Err(label) => sink.drop(format!("`{label}` is not in the crosswalk")),
        }
    }
}

/// A label that no label set could have; denied ones are told by `!` once labels are translated.
fn unusable(rows: &[Imported]) -> Option<&str> {
    let mut labels = rows.iter().flat_map(|row| &row.labels);
    labels
        .find(|label| {
            let name = label.strip_prefix('!').unwrap_or(label);
            name.trim().is_empty() || name.starts_with('!') || name.contains(char::is_control)
        })
        .map(String::as_str)
}

fn line(row: &Imported, from: Format) -> Line<'_> {
    let source = (!row.document.is_empty())
        .then(|| Source { collection: from.vocabulary(), path: &row.document });
    Line {
        id: if row.id.is_empty() { sentence_id(&row.text) } else { row.id.clone() },
        text: &row.text,
        labels: &row.labels,
        heading: &row.heading,
        lead_in: &row.lead_in,
        part: &row.part,
        source,
    }
}

/// How many rows came to what.
fn told(sink: &Sink) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for label in sink.taken.iter().flat_map(|row| &row.labels) {
        *counts.entry(label).or_default() += 1;
    }
    let unlabelled = sink.taken.iter().filter(|row| row.labels.is_empty()).count();
    let mut text = format!(
        "{} texts with {} labels of {} names, {unlabelled} without a label",
        sink.taken.len(),
        counts.values().sum::<usize>(),
        counts.len()
    );
    for (reason, count) in &sink.dropped {
        text.push_str(&format!("; {count} dropped: {reason}"));
    }
    if !sink.bad.is_empty() {
        text.push_str(&format!("; {} malformed rows skipped", sink.bad.len()));
    }
    text
}
