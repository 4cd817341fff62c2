//! `fineprint history`: a git repository of recorded versions in, a dated timeline out.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;

use super::args::{EngineArgs, ModelArgs, probability};
use super::cache::CacheArgs;
use super::classify::indices;
use super::diff::{ChangeFormat, style};
use super::exit::Exit;
use super::output::{Output, cannot_write};
use super::printer::Printer;
use crate::calendar::Day;
use crate::classify::Classifier;
use crate::compare::record::Tool;
use crate::encode::Input;
use crate::git::Repository;
use crate::history::record::{DocumentHistory, HistoryRecord, SCHEMA};
use crate::history::{Options, Selection, Tracks, html, markdown, text, timeline, tracks};

/// Arguments of `fineprint history`.
#[derive(Debug, Clone, Args)]
#[command(
    after_long_help = "Follows first parents, and documents through renames. A version in which most
sentences are missing that are back soon after is taken as a page that failed to load.

Examples:
  fineprint history ./contrib-versions 'Zoom/Terms of Service.md'
  fineprint history . terms.md --category ai-training,data-sale --since 2023-01-01
  fineprint history versions.git --format html -o timeline.html"
)]
pub struct HistoryArgs {
    /// The repository: bare, with a `.git` folder, or a work tree.
    #[arg(value_name = "REPO")]
    pub repository: PathBuf,
    /// Files and folders in the repository; without any, all files with the extension of a
    /// document.
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// The commit, branch or tag to read back from.
    #[arg(long, value_name = "REVISION", default_value = "HEAD", help_heading = "Input")]
    pub revision: String,
    /// Leave out versions before that day (UTC); the last one before it is compared with.
    #[arg(long, value_name = "YYYY-MM-DD", help_heading = "Input")]
    pub since: Option<Day>,
    /// Leave out versions after that day (UTC).
    #[arg(long, value_name = "YYYY-MM-DD", help_heading = "Input")]
    pub until: Option<Day>,
    /// Compare versions in other languages than the model's too.
    #[arg(long, help_heading = "Input")]
    pub any_language: bool,

    /// The model.
    #[command(flatten, next_help_heading = "Model")]
    pub model: ModelArgs,
    /// How to run it.
    #[command(flatten, next_help_heading = "Model")]
    pub engine: EngineArgs,
    /// What was computed before.
    #[command(flatten, next_help_heading = "Model")]
    pub cache: CacheArgs,

    /// Output only changes of these categories; `fineprint labels` lists them.
    #[arg(long, value_name = "CATEGORY,…", value_delimiter = ',', help_heading = "Changes")]
    pub category: Vec<String>,
    /// Output only changes of which the old or the new finding has at least this probability.
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Changes")]
    pub min_probability: Option<f32>,
    /// Output versions too that only reword what is said, and in the text report all changes.
    #[arg(long, help_heading = "Changes")]
    pub all: bool,

    /// The output's format.
    #[arg(
        long,
        value_enum,
        default_value_t = ChangeFormat::Text,
        value_name = "FORMAT",
        help_heading = "Output"
    )]
    pub format: ChangeFormat,
    /// Write to FILE, which is replaced only once the output is complete.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
}

/// Runs the verb.
pub(super) fn run(args: &HistoryArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let repository = Repository::open(&args.repository)?;
    let head = repository.resolve(&args.revision)?;
    let mut output = Output::open(args.output.as_deref(), printer)?;
    let classifier = Classifier::load(&args.model.source(), &args.engine.options())?;
    let (classifier, cache) = args.cache.attach(classifier, printer)?;
    let labels = classifier.labels();
    let shown = indices("--category", &args.category, labels)?;
    let found = tracks(&repository, head, &Selection::new(&args.paths))?;
    if found.tracks.is_empty() {
        let where_ = args.repository.display();
        bail!("no document found in {where_}; name paths as the repository has them");
    }
    if found.is_cut {
        printer
            .note("the repository lacks older commits (a shallow clone); `git fetch --unshallow`");
    }
    let options = Options {
        since: args.since,
        until: args.until,
        categories: shown.iter().map(|i| labels.categories()[*i].id.clone()).collect(),
        min_probability: args.min_probability.unwrap_or(0.0),
        all: args.all,
        language: if args.any_language {
            String::new()
        } else {
            classifier.settings().language.clone()
        },
    };
    let record = HistoryRecord {
        schema: SCHEMA.to_owned(),
        tool: Tool::of(&classifier),
        repository: args.repository.display().to_string(),
        revision: head.to_string(),
        commits: found.commits,
        is_cut: found.is_cut,
        documents: documents(&repository, &found, &classifier, &options, printer)?,
    };
    printer.end_progress();
    write(&mut output, &record, args, printer)
        .and_then(|()| output.commit())
        .with_context(|| cannot_write(args.output.as_deref()))?;
    cache.finish(&classifier, printer);
    Ok(Exit::Done)
}

fn documents(
    repository: &Repository,
    found: &Tracks,
    classifier: &Classifier,
    options: &Options,
    printer: &Printer,
) -> anyhow::Result<Vec<DocumentHistory>> {
    let total: usize = found.tracks.iter().map(|track| track.versions.len()).sum();
    let bar = printer.start_progress(
        Some(total as u64),
        "{bar:24} {percent:>3}%  {pos} versions ({per_sec}), {eta} left",
    );
    let score = |inputs: &[Input<'_>]| {
        let scores = classifier.scores(inputs)?;
        Ok(scores.iter().map(|scores| classifier.findings(scores)).collect())
    };
    let mut documents = Vec::new();
    for track in &found.tracks {
        let tick = || bar.inc(1);
        let document = timeline(repository, track, classifier.labels(), options, &score, &tick)?;
        if document.versions > 0 {
            documents.push(document);
        }
    }
    Ok(documents)
}

fn write(
    output: &mut Output,
    record: &HistoryRecord,
    args: &HistoryArgs,
    printer: &Printer,
) -> std::io::Result<()> {
    match args.format {
        ChangeFormat::Text => {
            let style = style(output, printer, args.all);
            text(output, record, &style)
        }
        ChangeFormat::Json => {
            serde_json::to_writer_pretty(&mut *output, record)?;
            writeln!(output)
        }
        ChangeFormat::Markdown => output.write_all(markdown(record).as_bytes()),
        ChangeFormat::Html => output.write_all(html(record).as_bytes()),
    }
}
