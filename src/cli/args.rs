//! The command line as typed: every option with its help, nothing decided yet.
//!
//! Each verb turns its arguments into a configuration of its own before it does anything, so that
//! a wrong option is told before a model is loaded.

#![expect(clippy::doc_markdown, reason = "the comments are help texts and printed as they are")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::classifier::ClassifierArgs;
use super::exit::Exit;
use crate::batch::Shard;
use crate::classify::{EngineKind, Options};
use crate::label::Stance;
use crate::model::{Kernel, ModelSource};

/// Reads terms of service and privacy policies.
///
/// Splits a document into sentences and tells, with a transformer that runs on this machine, which
/// data-use categories each sentence is about, and whether it says that the practice happens
/// (asserted) or that it does not (denied). Nothing is sent anywhere. It is no legal advice.
///
/// `@FILE` among the arguments stands for those in FILE, one a line.
#[derive(Debug, Parser)]
#[command(name = "fineprint", version, after_long_help = Exit::table(), max_term_width = 100)]
pub struct CommandLine {
    /// Options of every verb.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every verb takes.
#[derive(Debug, Clone, Default, Args)]
pub struct GlobalArgs {
    /// When to use colours.
    ///
    /// `auto` uses them on a terminal, and honours NO_COLOR, CLICOLOR and CLICOLOR_FORCE.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    #[arg(help_heading = "Global options")]
    pub color: Color,
    /// Print no notes and no progress bar; warnings and errors stay.
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub quiet: bool,
    /// Log what is done, on standard error; twice for more, three times for everything.
    ///
    /// FINEPRINT_LOG filters it instead, such as `fineprint=debug`. Texts are never logged.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    #[arg(help_heading = "Global options")]
    pub verbose: u8,
    /// The log's format: text, or json with an object a line, which a server's log is by default.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    #[arg(help_heading = "Global options")]
    pub log_format: Option<LogFormat>,
    /// Show no progress bar.
    #[arg(long, global = true, help_heading = "Global options")]
    pub no_progress: bool,
    /// Take defaults from FILE instead of fineprint.toml.
    ///
    /// A table a verb, a key an option: `[classify]`, `format = "jsonl"`. Without this,
    /// fineprint.toml in the current folder is read, else that in ~/.config/fineprint. Every option
    /// also has a variable, FINEPRINT_VERB_OPTION, which goes before the file.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// Read no fineprint.toml.
    #[arg(long, global = true, help_heading = "Global options")]
    pub no_config: bool,
}

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always, even into a file or a pipe.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Tell which data-use categories the sentences of documents are about.
    Classify(Box<ClassifyArgs>),
    /// Join the shards of a corpus into one run.
    Merge(super::merge::MergeArgs),
    /// Tell what changed between two editions of a document.
    Diff(Box<super::diff::DiffArgs>),
    /// Tell what changed over the versions of documents in a git repository.
    History(Box<super::history::HistoryArgs>),
    /// Make a report of saved results: HTML, Markdown, SARIF, Parquet and others.
    Report(super::report::ReportArgs),
    /// Print the categories: definitions and their places in other vocabularies.
    Labels(LabelsArgs),
    /// Fine-tune a model on labelled sentences.
    Train(Box<super::train::TrainArgs>),
    /// Go on training an encoder on sentences without labels.
    Pretrain(Box<super::pretrain::PretrainArgs>),
    /// Write the mean of several models' weights as one model, in floats or int8.
    Average(super::average::AverageArgs),
    /// Rebuild, count, compare and extend labelled data.
    Data(super::data::DataArgs),
    /// Measure a model on labelled sentences.
    Eval(Box<super::eval::EvalArgs>),
    /// Measure the speed of this machine.
    Bench(Box<super::bench::BenchArgs>),
    /// Train and test on a public benchmark, beside its published figures.
    Benchmark(Box<super::benchmark::BenchmarkArgs>),
    /// Fit a model's probabilities and thresholds on labelled sentences.
    Calibrate(super::calibrate::CalibrateArgs),
    /// Answer other programs over HTTP.
    #[cfg(feature = "serve")]
    Serve(Box<super::serve::ServeArgs>),
    /// Write a model as a plain Hugging Face folder.
    Export(ExportArgs),
    /// Make a model of a Hugging Face sequence-classification folder.
    Convert(super::convert::ConvertArgs),
    /// Print the licences of code, weights and data.
    Licenses(LicensesArgs),
    /// Print the completions of a shell.
    Completions(super::completions::CompletionsArgs),
    /// Print the manual page, or write those of all verbs.
    Man(super::completions::ManArgs),
    /// Take the text out of a PDF, as another process of this program asks.
    #[command(name = crate::batch::READ_PDF, hide = true)]
    ReadPdf,
}

/// Which model.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// The model: a folder, hf:owner/name@revision, `embedded`, or `fast`.
    ///
    /// A hub model is fetched once and then read from the cache; HF_HOME, HF_TOKEN and
    /// HF_HUB_OFFLINE are honoured.
    #[arg(long, value_name = "MODEL", env = "FINEPRINT_MODEL", default_value = "embedded")]
    pub model: ModelSource,
    /// The smaller embedded model, as with `--model fast`: quicker, a little less accurate.
    #[arg(long, conflicts_with = "model")]
    pub fast: bool,
}

impl ModelArgs {
    /// Where the model is taken from.
    pub fn source(&self) -> ModelSource {
        if self.fast { ModelSource::Fast } else { self.model.clone() }
    }
}

/// How to run the model.
#[derive(Debug, Clone, Copy, Args)]
pub struct EngineArgs {
    /// Threads to run on; 0 for all cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// What to compute with: auto, int8, f32, candle, cuda or metal.
    ///
    /// `int8` rounds weights and activations to 8-bit integers and is three times as fast as
    /// `f32`; `candle` is the plain implementation that both are checked against. `auto` is int8.
    /// `cuda` and `metal` are `candle` on a GPU, in a program built with the feature of that name.
    #[arg(long, value_name = "ENGINE", default_value_t = EngineKind::Auto)]
    pub engine: EngineKind,
    /// The instructions to compute with, for tests: generic, neon, avx2 or avx512.
    #[arg(long, value_name = "KERNEL", env = "FINEPRINT_KERNEL", hide = true)]
    pub kernel: Option<Kernel>,
}

impl EngineArgs {
    /// The classifier's options.
    pub fn options(&self) -> Options {
        let Self { threads, engine, kernel } = *self;
        Options { threads, engine, kernel, ..Options::default() }
    }
}

/// Arguments of `fineprint classify`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = classify_help())]
#[expect(clippy::struct_excessive_bools, reason = "flags as typed; the verb resolves them")]
pub struct ClassifyArgs {
    /// Files, directories to walk, git:REPOSITORY@REVISION, or `-` for standard input.
    ///
    /// Without any, a document is read from standard input. In directories, hidden files and those
    /// that .gitignore and the like name are skipped, and files with the extensions md, markdown,
    /// html, htm, xhtml, txt, text, docx, pdf, jsonl, ndjson, csv, tsv and parquet are taken, also compressed
    /// (gz, zst); `--glob` takes others.
    ///
    /// `git:PATH@REVISION` stands for the files of a repository at a branch, a tag or a commit,
    /// and `git:PATH@REVISION:SUBPATH` for one of its folders or files.
    #[arg(value_name = "PATHS")]
    pub paths: Vec<PathBuf>,
    /// Also read the files named in FILE, one a line; `-` for standard input.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub files_from: Option<PathBuf>,
    /// In directories, take the files that GLOB matches; `!GLOB` leaves files out.
    ///
    /// May be given several times; a later one goes before an earlier one, as with ripgrep.
    #[arg(short, long, value_name = "GLOB", help_heading = "Input")]
    pub glob: Vec<String>,
    /// In directories, also take hidden files.
    #[arg(long, help_heading = "Input")]
    pub hidden: bool,
    /// In directories, also take files that .gitignore, .ignore and the like name.
    #[arg(long, help_heading = "Input")]
    pub no_ignore: bool,
    /// The format of all inputs, instead of telling it by extension and content.
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Input")]
    pub input_format: Option<InputFormat>,
    /// Take every line, or every row of a table, as one ready-made sentence.
    #[arg(long, help_heading = "Input")]
    pub lines: bool,
    /// The column of tables (JSON Lines, CSV, TSV, Parquet) that has the text.
    ///
    /// Each row is a document; its other columns are output with it in JSON and JSON Lines.
    #[arg(long, value_name = "NAME", default_value = "text", help_heading = "Input")]
    pub text_column: String,
    /// Classify documents in other languages than the model's too.
    ///
    /// Without this they are noted and listed in the output, but not classified.
    #[arg(long, help_heading = "Input")]
    pub any_language: bool,

    /// What classifies.
    #[command(flatten, next_help_heading = "Model")]
    pub classifier: ClassifierArgs,
    /// Send the documents to `fineprint serve` at URL, and let its model classify them.
    ///
    /// FINEPRINT_API_KEY is the key to show it, where it asks for one.
    #[cfg(feature = "client")]
    #[arg(long, value_name = "URL", help_heading = "Model")]
    #[arg(conflicts_with_all = ["threads", "cache", "output_dir", "resume", "restart"])]
    pub server: Option<String>,
    /// Trust the authorities in FILE (PEM) for a --server with https, in place of Mozilla's.
    #[cfg(feature = "client")]
    #[arg(long, value_name = "FILE", help_heading = "Model", requires = "server")]
    pub server_ca: Option<PathBuf>,

    /// Output only findings of these categories; `fineprint labels` lists them.
    #[arg(long, value_name = "CATEGORY,…", value_delimiter = ',', help_heading = "Findings")]
    pub category: Vec<String>,
    /// Output only findings of this stance: asserted or denied.
    #[arg(long, value_name = "STANCE", help_heading = "Findings")]
    pub stance: Option<Stance>,
    /// Output only findings of at least this probability, 0 to 1.
    ///
    /// The probability of a finding is P(category) · P(stance | category). Below the model's own
    /// threshold of a category there is no finding, whatever is given here.
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Findings")]
    pub min_probability: Option<f32>,
    /// Output every sentence, also those without findings (json, jsonl, csv, parquet; html always).
    ///
    /// Without this, sentences are output that have at least one finding after --category,
    /// --stance and --min-probability.
    #[arg(long, help_heading = "Findings")]
    pub all_sentences: bool,

    /// The output's format.
    #[arg(
        long,
        value_enum,
        default_value_t = OutputFormat::Text,
        value_name = "FORMAT",
        help_heading = "Output"
    )]
    pub format: OutputFormat,
    /// Write to FILE, which is replaced only once the output is complete.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Write records.jsonl, index.jsonl, errors.jsonl and manifest.json into DIR as they come.
    ///
    /// A run that is killed at any moment goes on with --resume and ends with the same bytes.
    /// So does one with `--format jsonl` or parquet and `-o FILE`; its records grow in FILE.part.
    /// With another --format, report.EXTENSION in DIR is made at the end.
    #[arg(long, value_name = "DIR", conflicts_with = "output", help_heading = "Long runs")]
    pub output_dir: Option<PathBuf>,
    /// Go on with the run that was broken off, or start it if there is none.
    #[arg(long, help_heading = "Long runs")]
    pub resume: bool,
    /// Remove a run that is there and start over.
    #[arg(long, conflicts_with = "resume", help_heading = "Long runs")]
    pub restart: bool,
    /// Classify only the inputs whose content falls into part I of N; `fineprint merge` joins them.
    #[arg(long, value_name = "I/N", requires = "output_dir", help_heading = "Long runs")]
    pub shard: Option<Shard>,
    /// Stop at the first document that cannot be read, with exit code 2.
    #[arg(long, help_heading = "Long runs")]
    pub strict: bool,
    /// Mark the words that decided each finding; takes several times as long.
    #[arg(long, help_heading = "Output")]
    pub explain: bool,
    /// Output the probabilities of all categories with each sentence (not in the text report).
    #[arg(long, help_heading = "Output")]
    pub probabilities: bool,
    /// In the text report, show all findings instead of the most telling of each category.
    #[arg(long, help_heading = "Output")]
    pub all: bool,

    /// Exit with 4 when one of these categories is asserted in any document, for use in CI.
    ///
    /// Looks at all findings of at least --min-probability, also at those that --category or
    /// --stance hide.
    #[arg(long, value_name = "CATEGORY,…", value_delimiter = ',', help_heading = "Exit code")]
    pub fail_on: Vec<String>,
    /// Exit with 1 when there is no finding to output.
    #[arg(long, help_heading = "Exit code")]
    pub fail_if_none: bool,
}

/// A document's format, as `--input-format` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// CommonMark with tables.
    Markdown,
    /// HTML.
    Html,
    /// Plain text.
    Text,
    /// Office Open XML (Word).
    Docx,
    /// PDF.
    Pdf,
    /// Tables of documents: JSON Lines.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// Apache Parquet.
    Parquet,
}

/// The format of a classification's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A report for people.
    Text,
    /// One JSON object: the run and its documents with their sentences.
    Json,
    /// JSON Lines: one record a line, run first, then each document and its sentences.
    Jsonl,
    /// One row a finding.
    Csv,
    /// Parquet, one row a sentence; needs --output.
    Parquet,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JSON-LD in the W3C Data Privacy Vocabulary.
    Jsonld,
    /// A summary in Markdown.
    Markdown,
    /// One page to read and send on: every sentence with the findings in place.
    Html,
}

/// Arguments of `fineprint labels`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  fineprint labels
  fineprint labels --format json | jq -r '.categories[].id'")]
pub struct LabelsArgs {
    /// The output's format.
    #[arg(long, value_enum, default_value_t = PlainFormat::Text, value_name = "FORMAT")]
    pub format: PlainFormat,
    /// The model whose categories to print.
    #[command(flatten)]
    pub model: ModelArgs,
}

/// Text or JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlainFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Arguments of `fineprint export`.
#[derive(Debug, Clone, Args)]
#[command(
    after_long_help = "The folder holds 32-bit floats and loads in transformers (AutoModel), in
sentence-transformers and in engines that read either; its model card says how the logits become
probabilities.

Examples:
  fineprint export --to fineprint-model
  fineprint export --model ./run-7 --to fineprint-model --force"
)]
pub struct ExportArgs {
    /// The folder to write; it must not exist or be empty.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Replace a folder that is not empty.
    #[arg(long)]
    pub force: bool,
    /// The model to write.
    #[command(flatten)]
    pub model: ModelArgs,
}

/// Arguments of `fineprint licenses`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  fineprint licenses
  fineprint licenses --full > THIRD-PARTY.txt")]
pub struct LicensesArgs {
    /// Also print the full licence texts of all libraries in the program.
    #[arg(long)]
    pub full: bool,
}

fn classify_help() -> String {
    format!(
        "Examples:
  fineprint classify terms.md
  curl -s https://example.com/privacy | fineprint classify --category ai-training,data-sale
  fineprint classify policies/ --format jsonl -o findings.jsonl
  fineprint classify terms.md --format html -o report.html
  fineprint classify terms.html --fail-on ai-training,data-sale
  fineprint classify git:contrib-versions@main:Zoom --format jsonl
  fineprint classify policies.csv.gz --text-column body --format jsonl

{}",
        Exit::table()
    )
}

/// Reads a probability.
pub(super) fn probability(given: &str) -> Result<f32, String> {
    match given.parse::<f32>() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("a number from 0 to 1 is expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn options_read_as_typed() {
        let parse = |args: &[&str]| {
            CommandLine::try_parse_from(["fineprint", "classify"].iter().chain(args))
                .map(|line| match line.command {
                    Command::Classify(args) => *args,
                    other => panic!("{other:?}"),
                })
                .map_err(|e| e.to_string())
        };
        let args = parse(&["a.md", "--category", "ai-training,data-sale", "--model", "hf:a/b@c"]);
        let args = args.unwrap();
        assert_eq!(args.category, ["ai-training", "data-sale"]);
        assert_eq!(args.classifier.model.model.to_string(), "hf:a/b@c");
        assert!(parse(&["--min-probability", "1.5"]).unwrap_err().contains("from 0 to 1"));
        assert!(parse(&["--min-probability", "NaN"]).unwrap_err().contains("from 0 to 1"));
        assert!(parse(&["--stance", "maybe"]).unwrap_err().contains("asserted or denied"));
        assert!(parse(&["--model", "hf:../x"]).unwrap_err().contains("is no model"));
    }
}
