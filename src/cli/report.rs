//! `fineprint report`: saved results as a report, without the model.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::args::OutputFormat;
use super::exit::{Exit, Outcome};
use super::output::{Output, cannot_write, shown_findings};
use super::printer::Printer;
use crate::report::Saved;
use crate::report::record::{Run, Status};

/// Arguments of `fineprint report`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
The results must come from the same model. What was not saved cannot be shown: results saved without
--all-sentences give a report of the sentences with findings only.

Examples:
  fineprint classify policies/ --format jsonl --all-sentences -o results.jsonl
  fineprint report results.jsonl --format html -o report.html
  fineprint report shard-*.jsonl --format parquet -o results.parquet")]
pub struct ReportArgs {
    /// Results of `fineprint classify --format jsonl`; `-` for standard input.
    #[arg(required = true, value_name = "RESULTS")]
    results: Vec<PathBuf>,
    /// The report's format.
    #[arg(long, value_enum, default_value_t = OutputFormat::Html, value_name = "FORMAT")]
    format: OutputFormat,
    /// Write to FILE, which is replaced only once the output is complete.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// In the text report, show all findings instead of the most telling of each category.
    #[arg(long)]
    all: bool,
}

/// Runs the verb.
pub(super) fn run(args: &ReportArgs, printer: &Printer) -> anyhow::Result<Exit> {
    args.format.check_output(args.output.as_deref())?;
    let limit = shown_findings(args.all);
    write(&args.results, args.format, limit, args.output.as_deref(), printer).map(Outcome::exit)
}

/// Writes saved results in a format; `limit` is that of the text report.
pub(super) fn write(
    results: &[PathBuf],
    format: OutputFormat,
    limit: usize,
    place: Option<&Path>,
    printer: &Printer,
) -> anyhow::Result<Outcome> {
    let [first, others @ ..] = results else {
        bail!("name at least one file of results");
    };
    let mut saved = open(first)?;
    let run = combined(saved.run().clone(), others)?;
    let mut output = Output::open(place, printer)?;
    let mut outcome = Outcome::default();
    {
        let mut report = format.writer(&mut output, &run, limit, printer)?;
        report.begin(&run).with_context(|| cannot_write(place))?;
        let mut files = others.iter();
        let mut path = first;
        loop {
            for document in saved {
                let document = document.with_context(|| path.display().to_string())?;
                outcome.some_failed |= document.document.status == Status::Failed;
                report.document(&document).with_context(|| cannot_write(place))?;
            }
            let Some(next) = files.next() else { break };
            path = next;
            saved = open(path)?;
        }
        report.end().with_context(|| cannot_write(place))?;
    }
    output.commit().with_context(|| cannot_write(place))?;
    Ok(outcome)
}

/// Results as they are read.
type Results = Saved<Box<dyn BufRead>>;

fn open(path: &Path) -> anyhow::Result<Results> {
    let input: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Box::new(BufReader::with_capacity(64 << 10, file))
    };
    Saved::open(input).with_context(|| path.display().to_string())
}

/// The run of all results: that of the first, if the others were made alike.
///
/// Standard input can be read once, so it can only be the one file.
fn combined(mut run: Run, others: &[PathBuf]) -> anyhow::Result<Run> {
    for path in others {
        if path == Path::new("-") {
            bail!("standard input (`-`) must be the first of the results");
        }
        let saved = open(path)?;
        let other = saved.run();
        if other.model_digest != run.model_digest
            || other.categories != run.categories
            || other.has_stance != run.has_stance
        {
            bail!("{}: made with another model than the first results", path.display());
        }
        let (ours, theirs) = (&mut run.options, &other.options);
        if (&ours.category, ours.stance, ours.min_probability)
            != (&theirs.category, theirs.stance, theirs.min_probability)
        {
            bail!(
                "{}: made with another --category, --stance or --min-probability than the first \
                 results, so that what is missing in one may only be hidden",
                path.display()
            );
        }
        ours.all_sentences &= theirs.all_sentences;
        ours.explain &= theirs.explain;
        ours.probabilities &= theirs.probabilities;
    }
    Ok(run)
}
