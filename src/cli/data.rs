//! `fineprint data`: rebuild, count, compare and extend labelled data.

mod convert;
mod uncertain;

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::args::PlainFormat;
use super::exit::Exit;
use super::printer::Printer;
use crate::batch::AtomicFile;
use crate::corpus::agreement::{self, Agreement};
use crate::corpus::standoff::{self, Sources};
use crate::corpus::stats::{self, Stats};
use crate::corpus::{Archive, Found, hydrate};
use crate::eval::examples;
use crate::label::LabelSet;

/// The folder of the standoff labels in a checkout of fineprint.
const STANDOFF: &str = "data/standoff";
/// The list of documents in it.
const SOURCES: &str = "sources.tsv";

/// Arguments of `fineprint data`.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// What to do.
    #[command(subcommand)]
    command: DataCommand,
}

/// What to do with data.
#[derive(Debug, Clone, Subcommand)]
enum DataCommand {
    /// Rebuild the real sentences of the corpus from your own clones of the Open Terms Archive.
    Hydrate(HydrateArgs),
    /// Choose the sentences of your documents on which labelling would help a model most.
    Uncertain(Box<uncertain::UncertainArgs>),
    /// Read labelled data of other projects: OPP-115, CLAUDETTE, Label Studio, doccano and others.
    Convert(Box<convert::ConvertArgs>),
    /// Count sentences and labels by category and stance.
    Stats(StatsArgs),
    /// Compare two labellings of the same sentences.
    Agreement(AgreementArgs),
    /// Take the text out of labelled sentences, so that the labels can be published alone.
    Standoff(StandoffArgs),
}

/// Arguments of `fineprint data hydrate`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
The clones are git repositories in DIR, each named after its collection (contrib-versions,
pga-versions, genai-eu-versions; the suffix may be left off, and they may be bare). The recorded
commits are enough:

  git init --bare archive/contrib-versions
  git -C archive/contrib-versions fetch --depth 1 \\
    https://github.com/OpenTermsArchive/contrib-versions COMMIT

with the commits of data/standoff/sources.tsv. What is not found is reported by document, and the
exit code is then 3; what was found is written all the same.

Examples:
  fineprint data hydrate --archive archive --output data/hydrated/all.jsonl
  fineprint data hydrate --archive archive --split dev --output dev.jsonl")]
struct HydrateArgs {
    /// The folder of your clones.
    #[arg(long, value_name = "DIR")]
    archive: PathBuf,
    /// Which part of the corpus.
    #[arg(long, value_enum, value_name = "SPLIT", default_value_t = Split::All)]
    split: Split,
    /// The folder of the standoff labels.
    #[arg(long, value_name = "DIR", default_value = STANDOFF)]
    standoff: PathBuf,
    /// The file to write, as JSON lines; `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// A part of the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Split {
    /// To train on.
    Train,
    /// To choose checkpoints and thresholds on; of other services.
    Dev,
    /// Both.
    All,
}

/// Arguments of `fineprint data stats`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
In the text form, a category's cell is how many sentences assert it / deny it.

Examples:
  fineprint data stats data/clauses/train.jsonl data/clauses/dev.jsonl data/clauses/test.jsonl
  fineprint data stats data/standoff/train.tsv data/standoff/dev.tsv --format json")]
struct StatsArgs {
    /// Labelled files (.jsonl, .csv), or standoff labels (.tsv with sources.tsv beside them).
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// A Markdown table or JSON.
    #[arg(long, value_enum, default_value_t = PlainFormat::Text, value_name = "FORMAT")]
    format: PlainFormat,
}

/// Arguments of `fineprint data agreement`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  fineprint data agreement data/clauses/test.jsonl data/clauses/second.jsonl")]
struct AgreementArgs {
    /// One labelling: JSON lines with `id` and `labels`.
    #[arg(value_name = "FIRST")]
    first: PathBuf,
    /// The other; sentences that only one file has are left out.
    #[arg(value_name = "SECOND")]
    second: PathBuf,
    /// Text or JSON.
    #[arg(long, value_enum, default_value_t = PlainFormat::Text, value_name = "FORMAT")]
    format: PlainFormat,
}

/// Arguments of `fineprint data standoff`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
Each FILE.jsonl becomes DIR/FILE.tsv; all share DIR/sources.tsv. The sentences need a source.

Examples:
  fineprint data standoff train.jsonl dev.jsonl --output data/standoff")]
struct StandoffArgs {
    /// Files of labelled sentences with their sources.
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// The folder to write to.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// Runs the verb.
pub(super) fn run(args: &DataArgs, printer: &Printer) -> anyhow::Result<Exit> {
    match &args.command {
        DataCommand::Hydrate(args) => run_hydrate(args, printer),
        DataCommand::Uncertain(args) => uncertain::run(args, printer),
        DataCommand::Convert(args) => convert::run(args, printer),
        DataCommand::Stats(args) => run_stats(args, printer),
        DataCommand::Agreement(args) => run_agreement(args, printer),
        DataCommand::Standoff(args) => run_standoff(args, printer),
    }
}

fn run_hydrate(args: &HydrateArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let set = LabelSet::builtin();
    let list = args.standoff.join(SOURCES);
    let sources = standoff::read_sources(open(&list)?, &list.display().to_string())?;
    let mut rows = Vec::new();
    for (split, name) in [(Split::Train, "train.tsv"), (Split::Dev, "dev.tsv")] {
        if args.split == split || args.split == Split::All {
            rows.extend(read_rows(&args.standoff.join(name), sources.len(), &set)?);
        }
    }
    let archive = Archive::open(&args.archive)?;
    let (sentences, found) = hydrate(&archive, &sources, &rows, &set);
    write_to(&args.output, printer, |out| {
        for sentence in sentences.iter().flatten() {
            serde_json::to_writer(&mut *out, sentence)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })?;
    let mut total = Found::default();
    for (source, found) in sources.iter().zip(&found) {
        total.add(found);
        let name = format!("{}/{}", source.collection, source.path);
        match &found.failure {
            Some(reason) => printer.warning(format_args!(
                "{name}: {reason}; {} sentences are missing",
                found.sentences
            )),
            None if found.is_incomplete() => printer.warning(format_args!(
                "{name}: not found: {} of {} sentences, {} of {} headings, lead-ins and previous \
                 sentences",
                found.sentences - found.sentences_found,
                found.sentences,
                found.context - found.context_found,
                found.context
            )),
            None => {}
        }
    }
    printer.note(format_args!(
        "found {} of {} sentences ({} of them to the last character) and {} of {} headings, \
         lead-ins and previous sentences",
        total.sentences_found, total.sentences, total.exact, total.context_found, total.context
    ));
    Ok(if total.is_incomplete() { Exit::SomeFailed } else { Exit::Done })
}

fn run_stats(args: &StatsArgs, printer: &Printer) -> anyhow::Result<Exit> {
    #[derive(Serialize)]
    struct Record<'a> {
        schema: &'static str,
        categories: Vec<&'a str>,
        files: Vec<FileRecord<'a>>,
    }
    #[derive(Serialize)]
    struct FileRecord<'a> {
        file: &'a str,
        #[serde(flatten)]
        stats: &'a Stats,
    }
    let set = LabelSet::builtin();
    let mut files = Vec::with_capacity(args.files.len());
    for path in &args.files {
        let stats = if path.extension().is_some_and(|extension| extension == "tsv") {
            let list = path.with_file_name(SOURCES);
            let sources = standoff::read_sources(open(&list)?, &list.display().to_string())?;
            Stats::of_rows(&read_rows(path, sources.len(), &set)?, &set)
        } else {
            Stats::of_examples(&examples::read(path, &set)?, &set)
        };
        files.push((path.display().to_string(), stats));
    }
    let mut out = printer.stdout();
    match args.format {
        PlainFormat::Text => write!(out, "{}", stats::table(&files, &set))?,
        PlainFormat::Json => {
            let record = Record {
                schema: "fineprint-data-stats/1",
                categories: set.names().collect(),
                files: files.iter().map(|(file, stats)| FileRecord { file, stats }).collect(),
            };
            json(&mut out, &record)?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn run_agreement(args: &AgreementArgs, printer: &Printer) -> anyhow::Result<Exit> {
    #[derive(Serialize)]
    struct Record<'a> {
        schema: &'static str,
        categories: Vec<&'a str>,
        #[serde(flatten)]
        agreement: &'a Agreement,
    }
    let set = LabelSet::builtin();
    let read = |path: &Path| -> anyhow::Result<agreement::Labelling> {
        Ok(agreement::read(open(path)?, &path.display().to_string(), &set)?)
    };
    let (first, second) = (read(&args.first)?, read(&args.second)?);
    let agreement = agreement::compare(&first, &second, &set)?;
    let alone = first.len() + second.len() - 2 * agreement.sentences;
    if alone > 0 {
        printer.note(format_args!("{alone} sentences are in one file only and left out"));
    }
    let mut out = printer.stdout();
    match args.format {
        PlainFormat::Text => {
            writeln!(out, "sentences in both           {:>7}", agreement.sentences)?;
            writeln!(out, "same labels                 {:>7.3}", agreement.exact)?;
            writeln!(out, "F1 of labels with stance    {:>7.3}", agreement.label_f1)?;
            writeln!(out, "F1 of categories            {:>7.3}", agreement.category_f1)?;
            writeln!(out, "opposite stance             {:>7.3}", agreement.opposite)?;
            writeln!(out, "Cohen's kappa, mean         {:>7.3}", agreement.mean_kappa)?;
            for (name, kappa) in set.names().zip(&agreement.kappas) {
                match kappa {
                    Some(kappa) => writeln!(out, "  {name:<26}{kappa:>7.3}")?,
                    None => writeln!(out, "  {name:<26}{:>7}", "-")?,
                }
            }
        }
        PlainFormat::Json => {
            let categories = set.names().collect();
            let schema = "fineprint-data-agreement/1";
            json(&mut out, &Record { schema, categories, agreement: &agreement })?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn run_standoff(args: &StandoffArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let set = LabelSet::builtin();
    let mut sources = Sources::default();
    let mut splits = Vec::with_capacity(args.files.len());
    for path in &args.files {
        let sentences = examples::read(path, &set)?;
        let rows = standoff::strip(&sentences, &path.display().to_string(), &mut sources)?;
        let Some(stem) = path.file_stem() else { bail!("{} has no name", path.display()) };
        let output = args.output.join(stem).with_extension("tsv");
        let is_taken = splits.iter().any(|(other, _): &(PathBuf, _)| *other == output);
        if is_taken || output.ends_with(SOURCES) {
            bail!("{}: {} would be written twice", path.display(), output.display());
        }
        splits.push((output, rows));
    }
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make {}", args.output.display()))?;
    write_to(&args.output.join(SOURCES), printer, |out| {
        standoff::write_sources(out, sources.list())
    })?;
    for (path, rows) in &splits {
        write_to(path, printer, |out| standoff::write_rows(out, rows, &set))?;
        printer.note(format_args!("{}: {} sentences", path.display(), rows.len()));
    }
    Ok(Exit::Done)
}

fn read_rows(path: &Path, sources: usize, set: &LabelSet) -> anyhow::Result<Vec<standoff::Row>> {
    Ok(standoff::read_rows(open(path)?, &path.display().to_string(), sources, set)?)
}

fn open(path: &Path) -> anyhow::Result<BufReader<File>> {
    Ok(BufReader::new(File::open(path).with_context(|| format!("cannot read {}", path.display()))?))
}

fn json(out: &mut impl Write, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// Writes a file whole or not at all, or standard output for `-`.
fn write_to(
    path: &Path,
    printer: &Printer,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    if path == Path::new("-") {
        let mut out = printer.stdout();
        write(&mut out)?;
        return Ok(out.flush()?);
    }
    let written = AtomicFile::create(path).and_then(|file| {
        let mut out = BufWriter::with_capacity(64 << 10, file);
        write(&mut out)?;
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.commit()
    });
    written.with_context(|| format!("cannot write {}", path.display()))
}
