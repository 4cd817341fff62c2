//! `fineprint history`: a git repository of recorded versions in, a dated timeline out.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::changes::{ChangeOutputArgs, Changes, ChosenArgs};
use super::classifier::ClassifierArgs;
use super::classify::indices;
use super::exit::Exit;
use super::printer::Printer;
use crate::calendar::Day;
use crate::classify::Classifier;
use crate::compare::Style;
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

    /// What classifies.
    #[command(flatten, next_help_heading = "Model")]
    pub classifier: ClassifierArgs,

    /// Which changes.
    #[command(flatten, next_help_heading = "Changes")]
    pub chosen: ChosenArgs,
    /// Output versions too that only reword what is said, and in the text report all changes.
    #[arg(long, help_heading = "Changes")]
    pub all: bool,

    /// Where they go.
    #[command(flatten, next_help_heading = "Output")]
    pub output: ChangeOutputArgs,
}

/// Runs the verb.
pub(super) fn run(args: &HistoryArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let repository = Repository::open(&args.repository)?;
    let head = repository.resolve(&args.revision)?;
    let output = args.output.open(printer)?;
    let (classifier, cache) = args.classifier.load(printer)?;
    let labels = classifier.labels();
    let shown = indices("--category", &args.chosen.category, labels)?;
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
        min_probability: args.chosen.min_probability.unwrap_or(0.0),
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
    args.output.write(output, &record, args.all, printer)?;
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

impl Changes for HistoryRecord {
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
