//! `fineprint diff`: two editions of a document in, what changed out.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use clap::Args;

use super::args::InputFormat;
use super::changes::{ChangeOutputArgs, Changes, ChosenArgs};
use super::classifier::ClassifierArgs;
use super::classify::{indices, reading_documents};
use super::exit::Exit;
use super::output::cannot_write;
use super::printer::Printer;
use crate::batch::{self, AtomicFile, Source};
use crate::calendar::Day;
use crate::classify::{Classifier, ClassifyError, input_of};
use crate::compare::record::{self, CategoryRecord, DiffRecord, Tool};
use crate::compare::{
    Baseline, Expected, FailOn, Lexicon, Statement, Style, Suppression, align_statements, compare,
    html, markdown, statements, text,
};
use crate::encode::Input;

/// Longest baseline or file of suppressions, in bytes.
const EXPECTED_BYTES: u64 = 16 << 20;

/// Arguments of `fineprint diff`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = help())]
pub struct DiffArgs {
    /// The old edition; `-` for standard input.
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The new edition; `-` for standard input.
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// The format of both, instead of telling it by extension and content.
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Input")]
    pub input_format: Option<InputFormat>,
    /// Take every line as one ready-made sentence.
    #[arg(long, help_heading = "Input")]
    pub lines: bool,
    /// Compare documents in other languages than the model's too.
    #[arg(long, help_heading = "Input")]
    pub any_language: bool,

    /// What classifies.
    #[command(flatten, next_help_heading = "Model")]
    pub classifier: ClassifierArgs,

    /// Which changes.
    #[command(flatten, next_help_heading = "Changes")]
    pub chosen: ChosenArgs,
    /// Mark the changes as accepted that FILE lists; --write-baseline wrote it.
    #[arg(long, value_name = "FILE", help_heading = "Changes")]
    pub baseline: Option<PathBuf>,
    /// Write all changes to FILE as accepted, for --baseline of later runs.
    #[arg(long, value_name = "FILE", help_heading = "Changes")]
    pub write_baseline: Option<PathBuf>,
    /// Mark the changes as suppressed that the suppress tables of a TOML file cover.
    ///
    /// A table has a `reason` and one or more of `fingerprint`, `change`, `category` and
    /// `contains` (words of the old or new sentence); with `expires` it holds to the end of that
    /// day (UTC).
    #[arg(long, value_name = "FILE", help_heading = "Changes")]
    pub suppressions: Option<PathBuf>,

    /// Where they go.
    #[command(flatten, next_help_heading = "Output")]
    pub output: ChangeOutputArgs,
    /// In the text report, show all changes instead of the most telling of each category.
    #[arg(long, help_heading = "Output")]
    pub all: bool,

    /// Exit with 4 when one of these changes happened that is neither accepted nor suppressed.
    ///
    /// `any`, or CHANGE:CATEGORY with CHANGE one of added, removed, reworded, now-asserted,
    /// now-denied, and `*` for all categories. For added and removed, CATEGORY means a sentence
    /// that asserts it and !CATEGORY one that denies it. Looks also at what --category hides.
    #[arg(long, value_name = "CHANGE,…", value_delimiter = ',', help_heading = "Exit code")]
    pub fail_on: Vec<String>,
}

fn help() -> String {
    format!(
        "Sentences are aligned by their words: renumbering, dates, link targets, case, punctuation
and reflow are no change.

Examples:
  fineprint diff terms-2023.md terms-2024.md
  curl -s https://example.com/terms | fineprint diff terms.html -
  fineprint diff old.md new.md --format markdown --fail-on added:ai-training,now-asserted:*
  fineprint diff old.md new.md --write-baseline accepted.json

{}",
        Exit::table()
    )
}

/// Runs the verb.
pub(super) fn run(args: &DiffArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let stdin = Path::new("-");
    if args.old == stdin && args.new == stdin {
        bail!("standard input cannot be both the old and the new edition");
    }
    let expected = read_expected(args, printer)?;
    let output = args.output.open(printer)?;
    let (classifier, cache) = args.classifier.load(printer)?;
    let labels = classifier.labels();
    let shown = indices("--category", &args.chosen.category, labels)?;
    let fail_on: Vec<FailOn> = args
        .fail_on
        .iter()
        .map(|one| FailOn::parse(one, labels))
        .collect::<Result<_, _>>()
        .map_err(|reason| anyhow::anyhow!("--fail-on: {reason}"))?;

    let mut lexicon = Lexicon::default();
    let (old_name, mut old) = read(&args.old, args, &classifier, &mut lexicon)?;
    let (new_name, mut new) = read(&args.new, args, &classifier, &mut lexicon)?;
    find(&mut old, &classifier)?;
    find(&mut new, &classifier)?;
    let comparison = compare(align_statements(&old, &new), &old, &new);
    let least = args.chosen.min_probability.unwrap_or(0.0);
    let mut categories = record::categories(&comparison, (&old, &new), labels, least, &expected);

    if let Some(path) = &args.write_baseline {
        write_baseline(path, &categories).with_context(|| cannot_write(Some(path)))?;
    }
    let is_met = categories.iter().any(|record| fail_on.iter().any(|one| one.is_met(record)));
    if !shown.is_empty() {
        let names: Vec<&str> = shown.iter().map(|i| labels.categories()[*i].id.as_str()).collect();
        categories.retain(|record| names.contains(&record.category.as_str()));
    }
    let tool = Tool::of(&classifier);
    let record =
        DiffRecord::new(tool, (&old_name, &old), (&new_name, &new), &comparison, categories);
    args.output.write(output, &record, args.all, printer)?;
    cache.finish(&classifier, printer);
    Ok(if is_met { Exit::FailOn } else { Exit::Done })
}

impl Changes for DiffRecord {
    fn text(&self, mut out: &mut dyn Write, style: &Style) -> io::Result<()> {
        text(&mut out, self, style)
    }

    fn markdown(&self) -> String {
        markdown(self)
    }

    fn html(&self) -> String {
        html(self)
    }
}

/// An edition's name and sentences.
fn read(
    path: &Path,
    args: &DiffArgs,
    classifier: &Classifier,
    lexicon: &mut Lexicon,
) -> anyhow::Result<(String, Vec<Statement>)> {
    let source = if path == Path::new("-") { Source::Stdin } else { Source::File(path.to_owned()) };
    let name = source.name();
    let options = reading_documents(args.input_format, args.lines);
    let document = batch::read_document(&source, &options)
        .map_err(|reason| anyhow::anyhow!("{name}: {reason}"))?;
    let wanted = &classifier.settings().language;
    if let Some(language) = document.language()
        && !args.any_language
        && !wanted.is_empty()
        && language.code() != wanted
    {
        bail!(
            "{name}: written in {}, which the model does not read; --any-language compares it all \
             the same",
            language.name()
        );
    }
    Ok((name, statements(&document, lexicon)))
}

/// Classifies sentences.
fn find(statements: &mut [Statement], classifier: &Classifier) -> Result<(), ClassifyError> {
    let inputs: Vec<Input<'_>> = statements.iter().map(|s| input_of(&s.sentence)).collect();
    let scores = classifier.scores(&inputs)?;
    for (statement, scores) in statements.iter_mut().zip(&scores) {
        statement.findings = classifier.findings(scores);
    }
    Ok(())
}

fn read_expected(args: &DiffArgs, printer: &Printer) -> anyhow::Result<Expected> {
    let baseline =
        args.baseline.as_deref().map(|path| read_small(path, Baseline::from_json)).transpose()?;
    let suppressions = args
        .suppressions
        .as_deref()
        .map(|path| read_small(path, Suppression::read_all))
        .transpose()?;
    let (expected, over) = Expected::new(baseline, suppressions.unwrap_or_default(), today());
    for one in over {
        let last = one.expires.map(|day| day.to_string()).unwrap_or_default();
        printer.warning(format_args!("the suppression “{}” ran out after {last}", one.reason));
    }
    Ok(expected)
}

fn read_small<T>(path: &Path, parse: fn(&str) -> Result<T, String>) -> anyhow::Result<T> {
    let name = || path.display().to_string();
    let length = std::fs::metadata(path).with_context(name)?.len();
    if length > EXPECTED_BYTES {
        bail!("{}: it is larger than the limit of {} MiB", name(), EXPECTED_BYTES >> 20);
    }
    let text = std::fs::read_to_string(path).with_context(name)?;
    parse(&text).map_err(|reason| anyhow::anyhow!("{}: {reason}", name()))
}

fn today() -> Day {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Day::of_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn write_baseline(path: &Path, categories: &[CategoryRecord]) -> std::io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(Baseline::of(categories).to_json()?.as_bytes())?;
    file.commit()
}
