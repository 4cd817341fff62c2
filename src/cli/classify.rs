//! `fineprint classify`: documents in, findings out.

#[cfg(feature = "client")]
mod server;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::ValueEnum;
use indicatif::ProgressBar;

use super::args::{ClassifyArgs, InputFormat, OutputFormat};
use super::cache::Attached;
use super::exit::{Exit, Outcome};
use super::kept::{self, Kept};
use super::output::{Output, cannot_write, shown_findings};
use super::printer::Printer;
use crate::batch::{
    self, Discovery, Entry, Expand, Processed, Source, TableFormat, TableOptions, Walk, WalkOptions,
};
use crate::classify::Classifier;
use crate::document::{Format, ParseOptions};
use crate::encode::Input;
use crate::label::{LabelSet, Stance};
use crate::report::record::{Run, RunOptions, Status};
use crate::report::{DocumentReport, Explain, Filter, Recorder, Report};

#[cfg(feature = "client")]
use server::Server;

/// Runs the verb.
pub(super) fn run(args: &ClassifyArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let inputs = Inputs::resolve(args, printer)?;
    args.format.check_output(args.output.as_deref())?;
    let kept = kept::place(args)?;
    // Tried before the model is loaded: a place that cannot be written to is told at once.
    let mut output = match kept {
        Some(_) => None,
        None => Some(Output::open(args.output.as_deref(), printer)?),
    };
    let backend = Backend::open(args, printer)?;
    let plan = Plan::resolve(args, backend.labels())?;
    let described = backend.run(options(args, &plan));
    let place = args.output.as_deref();

    let mut session = Session {
        categories: &described.categories,
        printer,
        place,
        progress: Progress::start(printer, &inputs),
        outcome: Outcome::default(),
        fail_on: &plan.fail_on,
        strict: args.strict,
        findings: 0,
    };
    let mut work = |sink: &mut Sink<'_>| {
        let result = session.run(args, &inputs, (&backend, &plan), sink);
        printer.end_progress();
        result
    };
    if let Some(place) = kept {
        let mut kept = Kept::open(args, place, &described)?;
        match work(&mut Sink::Kept(&mut kept)) {
            Ok(()) => kept.finish(args, printer)?,
            Err(error) => {
                kept.checkpoint()?;
                return Err(error);
            }
        }
    } else if let Some(output) = &mut output {
        let mut report = args.format.writer(output, &described, plan.limit, printer)?;
        report.begin(&described).with_context(|| cannot_write(place))?;
        work(&mut Sink::Report(report.as_mut()))?;
        report.end().with_context(|| cannot_write(place))?;
    }
    session.outcome.none_found = args.fail_if_none && session.findings == 0;
    let outcome = session.outcome;
    if let Some(output) = output {
        output.commit().with_context(|| cannot_write(place))?;
    }
    backend.finish(printer);
    Ok(outcome.exit())
}

/// Where reports of documents go.
enum Sink<'a> {
    /// To an output in any format, in one go.
    Report(&'a mut dyn Report),
    /// To a folder, so that a run can be gone on with.
    Kept(&'a mut Kept),
}

/// Where documents come from, decided.
struct Inputs {
    paths: Vec<PathBuf>,
    list: Option<PathBuf>,
    walk: Walk,
}

impl Inputs {
    fn resolve(args: &ClassifyArgs, printer: &Printer) -> anyhow::Result<Self> {
        let mut paths = args.paths.clone();
        let stdin = Path::new("-");
        if paths.is_empty() && args.files_from.is_none() {
            if printer.stdin_is_terminal() {
                bail!("nothing to read: name files or folders, or pipe a document in");
            }
            paths.push(stdin.to_owned());
        }
        if args.files_from.as_deref() == Some(stdin) && paths.iter().any(|path| path == stdin) {
            bail!("standard input cannot be both a document (`-`) and the list of --files-from");
        }
        let walk = Walk::new(WalkOptions {
            hidden: args.hidden,
            no_ignore: args.no_ignore,
            globs: args.glob.clone(),
            outputs: outputs(args),
        })
        .map_err(|reason| anyhow::anyhow!("--glob: {reason}"))?;
        Ok(Self { paths, list: args.files_from.clone(), walk })
    }

    fn discover(&self) -> anyhow::Result<Discovery> {
        Discovery::new(self.paths.iter().cloned(), self.list.as_deref(), self.walk.clone())
            .map_err(anyhow::Error::msg)
    }

    /// The size of all inputs in bytes, where it can be told beforehand.
    fn total_bytes(&self) -> Option<u64> {
        if self.list.is_some() || self.paths.iter().any(|path| path == Path::new("-")) {
            return None;
        }
        let inputs = self.discover().ok()?;
        Some(inputs.filter_map(Result::ok).map(|source: Source| source.size()).sum())
    }
}

/// What a run writes, which it must not read.
fn outputs(args: &ClassifyArgs) -> Vec<PathBuf> {
    let part = args.output.as_deref().map(kept::part_of);
    [args.output.clone(), part, args.output_dir.clone()].into_iter().flatten().collect()
}

/// What is shown and what decides the exit code, decided.
struct Plan {
    filter: Filter,
    explain: Explain,
    /// Most findings of a category in the text report of a document.
    limit: usize,
    fail_on: Vec<usize>,
}

impl Plan {
    fn resolve(args: &ClassifyArgs, labels: &LabelSet) -> anyhow::Result<Self> {
        if args.stance == Some(Stance::Denied) && !labels.has_stance() {
            bail!("--stance denied: this model does not tell stances");
        }
        let limit = shown_findings(args.all);
        let explain = match (args.explain, args.format) {
            (false, _) => Explain::Nothing,
            (true, OutputFormat::Text) => Explain::Top(limit),
            (true, _) => Explain::Everything,
        };
        Ok(Self {
            filter: Filter {
                categories: indices("--category", &args.category, labels)?,
                stance: args.stance,
                min_probability: args.min_probability.unwrap_or(0.0),
                all_sentences: shows_all_sentences(args),
            },
            explain,
            limit,
            fail_on: indices("--fail-on", &args.fail_on, labels)?,
        })
    }
}

/// Whether sentences without findings are output; a folder keeps them for formats to come.
fn shows_all_sentences(args: &ClassifyArgs) -> bool {
    let is_kept = args.output_dir.is_some();
    args.format.shows_all_sentences(args.all_sentences) || (args.all_sentences && is_kept)
}

/// The indices of categories that an option names.
pub(super) fn indices(
    option: &str,
    names: &[String],
    labels: &LabelSet,
) -> anyhow::Result<Vec<usize>> {
    let one = |name: &String| {
        labels.category(name.trim()).map_err(|unknown| {
            let advice = match unknown.suggestion {
                Some(name) => format!("did you mean `{name}`?"),
                None => "`fineprint labels` lists them".to_owned(),
            };
            anyhow::anyhow!("{option}: unknown category `{}`; {advice}", unknown.name)
        })
    };
    names.iter().map(one).collect()
}

/// What classifies.
enum Backend {
    /// A model on this machine.
    Here(Box<Classifier>, Attached),
    /// A server.
    #[cfg(feature = "client")]
    Server(Box<Server>),
}

impl Backend {
    fn open(args: &ClassifyArgs, printer: &Printer) -> anyhow::Result<Self> {
        #[cfg(feature = "client")]
        if let Some(url) = &args.server {
            return Server::open(url, args.server_ca.as_deref()).map(Box::new).map(Self::Server);
        }
        let (classifier, cache) = args.classifier.load(printer)?;
        Ok(Self::Here(Box::new(classifier), cache))
    }

    fn labels(&self) -> &LabelSet {
        match self {
            Self::Here(classifier, _) => classifier.labels(),
            #[cfg(feature = "client")]
            Self::Server(server) => server.labels(),
        }
    }

    fn run(&self, options: RunOptions) -> Run {
        match self {
            Self::Here(classifier, _) => Run::new(classifier, options),
            #[cfg(feature = "client")]
            Self::Server(server) => server.run(options),
        }
    }

    fn finish(self, printer: &Printer) {
        match self {
            Self::Here(classifier, cache) => cache.finish(&classifier, printer),
            #[cfg(feature = "client")]
            Self::Server(_) => {}
        }
    }
}

/// The options of the run's own record.
fn options(args: &ClassifyArgs, plan: &Plan) -> RunOptions {
    RunOptions {
        input_format: args.input_format.map(InputFormat::name),
        lines: args.lines,
        text_column: Some(args.text_column.clone())
            .filter(|column| *column != TableOptions::default().text_column),
        any_language: args.any_language,
        category: args.category.iter().map(|name| name.trim().to_owned()).collect(),
        stance: args.stance,
        min_probability: args.min_probability,
        all_sentences: plan.filter.all_sentences,
        explain: args.explain,
        probabilities: args.probabilities,
    }
}

impl InputFormat {
    /// The format of documents that it forces.
    fn document(self) -> Option<Format> {
        match self {
            Self::Markdown => Some(Format::Markdown),
            Self::Html => Some(Format::Html),
            Self::Text => Some(Format::Text),
            Self::Docx => Some(Format::Docx),
            Self::Pdf => Some(Format::Pdf),
            Self::Jsonl | Self::Csv | Self::Tsv | Self::Parquet => None,
        }
    }

    /// The format of tables that it forces.
    fn table(self) -> Option<TableFormat> {
        match self {
            Self::Jsonl => Some(TableFormat::JsonLines),
            Self::Csv => Some(TableFormat::Csv),
            Self::Tsv => Some(TableFormat::Tsv),
            Self::Parquet => Some(TableFormat::Parquet),
            _ => None,
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// How documents and tables are read.
fn reading(args: &ClassifyArgs) -> batch::Options {
    batch::Options {
        tables: TableOptions {
            format: args.input_format.and_then(InputFormat::table),
            text_column: args.text_column.clone(),
        },
        threads: args.classifier.engine.threads,
        ..reading_documents(args.input_format, args.lines)
    }
}

/// How documents are read by this program, which reads PDFs in another process of itself.
pub(super) fn reading_documents(format: Option<InputFormat>, lines: bool) -> batch::Options {
    let format = format.and_then(InputFormat::document);
    batch::Options {
        parse: ParseOptions { format, name: None, lines },
        pdf_reader: std::env::current_exe().ok(),
        ..batch::Options::default()
    }
}

/// One classification under way.
struct Session<'a> {
    categories: &'a [String],
    printer: &'a Printer,
    place: Option<&'a Path>,
    progress: Progress,
    outcome: Outcome,
    fail_on: &'a [usize],
    strict: bool,
    findings: usize,
}

impl Session<'_> {
    fn run(
        &mut self,
        args: &ClassifyArgs,
        inputs: &Inputs,
        (backend, plan): (&Backend, &Plan),
        sink: &mut Sink<'_>,
    ) -> anyhow::Result<()> {
        let mut discovery = inputs.discover()?;
        match backend {
            Backend::Here(classifier, _) => {
                let recorder = Recorder {
                    classifier,
                    filter: plan.filter.clone(),
                    explain: plan.explain,
                    probabilities: args.probabilities,
                };
                self.here(args, &mut discovery, &recorder, sink)?;
            }
            #[cfg(feature = "client")]
            Backend::Server(server) => {
                server.documents(args, &mut discovery, plan, &mut |report, bytes| {
                    self.output(&report, bytes, None, sink)
                })?;
            }
        }
        if discovery.passed_over() > 0 {
            self.printer.note(format_args!(
                "{} other files in folders were passed over; --glob takes them",
                discovery.passed_over()
            ));
        }
        if discovery.found() == 0 && !inputs.paths.is_empty() {
            bail!("no document found in {}", inputs.paths[0].display());
        }
        Ok(())
    }

    /// Classifies on this machine.
    fn here(
        &mut self,
        args: &ClassifyArgs,
        discovery: &mut Discovery,
        recorder: &Recorder<'_>,
        sink: &mut Sink<'_>,
    ) -> anyhow::Result<()> {
        let classifier = recorder.classifier;
        let language =
            if args.any_language { String::new() } else { classifier.settings().language.clone() };
        let options = batch::Options { language, ..reading(args) };
        let progress = self.progress.clone();
        let score = |inputs: &[Input<'_>]| classifier.scores(inputs);
        let tick = |sentences| progress.sentences(sentences);
        let found = Expand::new(discovery, &options);
        if let Sink::Kept(kept) = sink {
            self.count_done(kept.done());
            let remaining = kept.remaining(found);
            let mut each = |processed| self.document(recorder, &processed, sink);
            batch::run(remaining, &options, &score, &mut each, &tick)?;
        } else {
            let mut each = |processed| self.document(recorder, &processed, sink);
            batch::run(found, &options, &score, &mut each, &tick)?;
        }
        match sink {
            Sink::Kept(kept) => kept.check_inputs(),
            Sink::Report(_) => Ok(()),
        }
    }

    fn document(
        &mut self,
        recorder: &Recorder<'_>,
        processed: &Processed,
        sink: &mut Sink<'_>,
    ) -> anyhow::Result<()> {
        let name = &processed.name;
        let mut report = match &processed.result {
            Err(reason) => DocumentReport::failed(name, reason),
            Ok(read) => match &read.scores {
                None => Recorder::other_language(name, &read.document, read.sentences.len()),
                Some(scores) => {
                    recorder.classified(name, &read.document, &read.sentences, scores)?
                }
            },
        };
        report.document.columns.clone_from(&processed.columns);
        self.output(&report, processed.bytes, processed.sha256.as_deref(), sink)
    }

    /// Writes a document's report; `bytes` and `sha256` are those of the document.
    fn output(
        &mut self,
        report: &DocumentReport,
        bytes: u64,
        sha256: Option<&str>,
        sink: &mut Sink<'_>,
    ) -> anyhow::Result<()> {
        self.tell(report);
        if self.strict && report.document.status == Status::Failed {
            // It is not written, so that --resume tries it again once it is mended.
            bail!("stopped at the first document that failed, as --strict asks");
        }
        self.outcome.some_failed |= report.document.status == Status::Failed;
        let is_asserted = |category: &usize| report.asserted.get(*category).is_some_and(|n| *n > 0);
        self.outcome.fail_on_met |= self.fail_on.iter().any(is_asserted);
        self.findings += report.document.finding_count;
        self.printer.suspended(|| match sink {
            Sink::Kept(kept) => kept.document(report, bytes, sha256, self.categories),
            Sink::Report(to) => to.document(report).with_context(|| cannot_write(self.place)),
        })?;
        self.progress.document(bytes);
        tracing::debug!(
            document = report.document.document,
            bytes,
            sentences = report.document.sentence_count,
            findings = report.document.finding_count,
            status = ?report.document.status,
            "document done"
        );
        Ok(())
    }

    /// Counts what was done before a break as if it had been done now.
    fn count_done(&mut self, done: &[Entry]) {
        let fail_on: Vec<&String> =
            self.fail_on.iter().filter_map(|index| self.categories.get(*index)).collect();
        for entry in done {
            self.findings += entry.findings;
            self.outcome.some_failed |= entry.reason.is_some();
            self.outcome.fail_on_met |= entry.asserted.iter().any(|name| fail_on.contains(&name));
            self.progress.document(entry.source_bytes);
        }
        if !done.is_empty() {
            let count = done.len();
            self.printer.note(format_args!("documents done before: {count}; going on"));
        }
    }

    /// Says on standard error what became of a document that was not classified.
    fn tell(&self, report: &DocumentReport) {
        let record = &report.document;
        let notice = record.notice.as_deref().unwrap_or_default();
        match record.status {
            Status::Failed => self.printer.error(format_args!("{}: {notice}", record.document)),
            Status::OtherLanguage => self.printer.note(format_args!(
                "{}: {notice}; --any-language classifies it all the same",
                record.document
            )),
            Status::Classified if record.sentence_count == 0 => {
                self.printer.note(format_args!("{}: {notice}", record.document));
            }
            Status::Classified => {}
        }
    }
}

/// The progress bar: bytes done of all bytes, documents and sentences so far and a second.
#[derive(Clone)]
struct Progress {
    bar: ProgressBar,
    start: Instant,
    documents: std::rc::Rc<std::cell::Cell<(usize, usize)>>,
}

impl Progress {
    fn start(printer: &Printer, inputs: &Inputs) -> Self {
        let total = if printer.shows_progress() { inputs.total_bytes() } else { None };
        let template = if total.is_some() {
            "{bar:24} {percent:>3}%  {msg}, {eta} left"
        } else {
            "{spinner} {msg}"
        };
        Self {
            bar: printer.start_progress(total, template),
            start: Instant::now(),
            documents: std::rc::Rc::default(),
        }
    }

    fn document(&self, bytes: u64) {
        let (documents, sentences) = self.documents.get();
        self.documents.set((documents + 1, sentences));
        self.bar.inc(bytes);
        self.show();
    }

    fn sentences(&self, total: usize) {
        let (documents, _) = self.documents.get();
        self.documents.set((documents, total));
        self.show();
    }

    fn show(&self) {
        if self.bar.is_hidden() {
            return;
        }
        let (documents, sentences) = self.documents.get();
        let seconds = self.start.elapsed().as_secs_f64().max(1e-3);
        self.bar.set_message(format!(
            "{documents} documents ({:.1}/s), {sentences} sentences ({:.0}/s)",
            documents as f64 / seconds,
            sentences as f64 / seconds
        ));
    }
}
