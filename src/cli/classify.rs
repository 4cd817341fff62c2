//! `fineprint classify`: documents in, findings out.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::ValueEnum;
use indicatif::ProgressBar;

use super::args::{ClassifyArgs, InputFormat, OutputFormat};
use super::exit::{Exit, Outcome};
use super::printer::Printer;
use crate::batch::{
    self, AtomicFile, Discovery, Processed, Source, TableFormat, TableOptions, Walk, WalkOptions,
};
use crate::classify::Classifier;
use crate::document::{Format, ParseOptions};
use crate::label::{LabelSet, Stance};
use crate::report::record::{Run, RunOptions, SCHEMA, Status};
use crate::report::terminal::{Palette, width};
use crate::report::{
    Csv, DocumentReport, Explain, Filter, Json, JsonLines, Recorder, Report, Text, TextOptions,
};

/// Findings of a category that the text report shows of a document unless told `--all`.
const SHOWN_FINDINGS: usize = 5;

/// Runs the verb.
pub(super) fn run(args: &ClassifyArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let inputs = Inputs::resolve(args, printer)?;
    let mut output = Output::open(args.output.as_deref(), printer)?;
    let classifier = Classifier::load(&args.model.model, &args.engine.options())?;
    let plan = Plan::resolve(args, classifier.labels())?;

    let mut outcome = Outcome::default();
    {
        let mut report = plan.report(args, &mut output, classifier.labels(), printer);
        let recorder = Recorder {
            classifier: &classifier,
            filter: plan.filter.clone(),
            explain: plan.explain,
            probabilities: args.probabilities,
        };
        let place = args.output.as_deref();
        report.begin(&describe(args, &classifier)).with_context(|| cannot_write(place))?;
        let mut session = Session {
            recorder,
            report: report.as_mut(),
            printer,
            place,
            progress: Progress::start(printer, &inputs),
            outcome: &mut outcome,
            fail_on: &plan.fail_on,
            findings: 0,
        };
        session.run(args, &inputs)?;
        let findings = session.findings;
        printer.end_progress();
        report.end().with_context(|| cannot_write(place))?;
        outcome.none_found = args.fail_if_none && findings == 0;
    }
    output.commit().with_context(|| cannot_write(args.output.as_deref()))?;
    Ok(outcome.exit())
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
            output: args.output.clone(),
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
        let limit = if args.all { usize::MAX } else { SHOWN_FINDINGS };
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
                all_sentences: args.all_sentences && args.format != OutputFormat::Text,
            },
            explain,
            limit,
            fail_on: indices("--fail-on", &args.fail_on, labels)?,
        })
    }

    fn report<'a>(
        &self,
        args: &ClassifyArgs,
        output: &'a mut Output,
        labels: &LabelSet,
        printer: &Printer,
    ) -> Box<dyn Report + 'a> {
        match args.format {
            OutputFormat::Json => Box::new(Json::new(output)),
            OutputFormat::Jsonl => Box::new(JsonLines::new(output)),
            OutputFormat::Csv => Box::new(Csv::new(output)),
            OutputFormat::Text => {
                let to_stdout = matches!(output, Output::Stdout(_));
                let is_coloured =
                    if to_stdout { printer.colours_stdout() } else { printer.colours_files() };
                let options = TextOptions {
                    palette: Palette::new(is_coloured),
                    width: width(if to_stdout { printer.columns() } else { None }),
                    limit: self.limit,
                    categories: self.filter.categories.clone(),
                    stance: self.filter.stance,
                };
                Box::new(Text::new(output, labels.clone(), options))
            }
        }
    }
}

/// The indices of categories that an option names.
fn indices(option: &str, names: &[String], labels: &LabelSet) -> anyhow::Result<Vec<usize>> {
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

/// The run's own record.
fn describe(args: &ClassifyArgs, classifier: &Classifier) -> Run {
    let labels = classifier.labels();
    Run {
        schema: SCHEMA.to_owned(),
        tool: "fineprint".to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        model: classifier.origin().to_owned(),
        model_digest: classifier.digest().to_owned(),
        engine: classifier.engine_kind().to_string(),
        language: classifier.settings().language.clone(),
        categories: labels.names().map(str::to_owned).collect(),
        has_stance: labels.has_stance(),
        options: RunOptions {
            input_format: args.input_format.map(InputFormat::name),
            lines: args.lines,
            text_column: Some(args.text_column.clone())
                .filter(|column| *column != TableOptions::default().text_column),
            any_language: args.any_language,
            category: args.category.iter().map(|name| name.trim().to_owned()).collect(),
            stance: args.stance,
            min_probability: args.min_probability,
            all_sentences: args.all_sentences,
            explain: args.explain,
            probabilities: args.probabilities,
        },
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

/// One classification under way.
struct Session<'a> {
    recorder: Recorder<'a>,
    report: &'a mut dyn Report,
    printer: &'a Printer,
    place: Option<&'a Path>,
    progress: Progress,
    outcome: &'a mut Outcome,
    fail_on: &'a [usize],
    findings: usize,
}

impl Session<'_> {
    fn run(&mut self, args: &ClassifyArgs, inputs: &Inputs) -> anyhow::Result<()> {
        let classifier = self.recorder.classifier;
        let language =
            if args.any_language { String::new() } else { classifier.settings().language.clone() };
        let options = batch::Options {
            parse: ParseOptions {
                format: args.input_format.and_then(InputFormat::document),
                name: None,
                lines: args.lines,
            },
            pdf_reader: std::env::current_exe().ok(),
            tables: TableOptions {
                format: args.input_format.and_then(InputFormat::table),
                text_column: args.text_column.clone(),
            },
            language,
            threads: args.engine.threads,
            ..batch::Options::default()
        };
        let progress = self.progress.clone();
        let mut discovery = inputs.discover()?;
        batch::run(
            discovery.by_ref(),
            &options,
            &|inputs| classifier.scores(inputs),
            &mut |processed| self.document(&processed),
            &|sentences| progress.sentences(sentences),
        )?;
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

    fn document(&mut self, processed: &Processed) -> anyhow::Result<()> {
        let name = &processed.name;
        let mut report = match &processed.result {
            Err(reason) => DocumentReport::failed(name, reason),
            Ok(read) => match &read.scores {
                None => Recorder::other_language(name, &read.document, read.sentences.len()),
                Some(scores) => {
                    self.recorder.classified(name, &read.document, &read.sentences, scores)?
                }
            },
        };
        report.document.columns.clone_from(&processed.columns);
        self.tell(&report);
        self.outcome.some_failed |= report.document.status == Status::Failed;
        let is_asserted = |category: &usize| report.asserted.get(*category).is_some_and(|n| *n > 0);
        self.outcome.fail_on_met |= self.fail_on.iter().any(is_asserted);
        self.findings += report.document.finding_count;
        let written = self.printer.suspended(|| self.report.document(&report));
        written.with_context(|| cannot_write(self.place))?;
        self.progress.document(processed.bytes);
        Ok(())
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

/// Where the report goes.
enum Output {
    Stdout(Box<dyn Write>),
    File(BufWriter<AtomicFile>),
}

impl Output {
    fn open(path: Option<&Path>, printer: &Printer) -> anyhow::Result<Self> {
        match path {
            Some(path) if path != Path::new("-") => {
                let file = AtomicFile::create(path).with_context(|| cannot_write(Some(path)))?;
                Ok(Self::File(BufWriter::with_capacity(64 << 10, file)))
            }
            _ => Ok(Self::Stdout(Box::new(printer.stdout()))),
        }
    }

    fn commit(self) -> io::Result<()> {
        match self {
            Self::Stdout(mut out) => out.flush(),
            Self::File(out) => out.into_inner().map_err(io::IntoInnerError::into_error)?.commit(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::File(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            // Nobody reads the file before it is complete.
            Self::File(_) => Ok(()),
        }
    }
}

fn cannot_write(path: Option<&Path>) -> String {
    match path {
        Some(path) if path != Path::new("-") => format!("cannot write {}", path.display()),
        _ => "cannot write to standard output".to_owned(),
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
