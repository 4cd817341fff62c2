//! `fineprint benchmark`: a public benchmark in one command, beside its published figures.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::printer::Printer;
use super::training::Shown;
use crate::batch::AtomicFile;
use crate::benchmark::data::Data;
use crate::benchmark::report::Report;
use crate::benchmark::{self, Benchmark, Options};
use crate::classify::EngineKind;
use crate::model::{ModelFiles, ModelSource};
use crate::train::{LayerChoice, Optimisation};

/// Arguments of `fineprint benchmark`.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags as typed; the verb resolves them")]
#[command(after_long_help = "\
Benchmarks and what DIR of --data must hold:
  opp115      train.csv, validation.csv, test.csv (or train_dataset.csv and so on), as in
              https://github.com/SmartDataAnalytics/Polisis_Benchmark
  claudette   en.jsonl: document, fold, text, tags
  unfair-tos  train, validation and test as .jsonl or .parquet, as in lex_glue/unfair_tos

The folder of --out keeps every run (model, training record, result.json), and in DIR/model the
model to use: of several runs the best in validation. Given again, the command goes on where it
was killed and does nothing twice.

Examples:
  fineprint benchmark opp115 --data opp115 --init ./all-MiniLM-L6-v2 --out runs/opp115 --seeds 3
  fineprint benchmark claudette --data claudette50 --init ./all-MiniLM-L6-v2 --out runs/unfair \\
    --final
  fineprint classify terms.html --model runs/unfair/model")]
pub struct BenchmarkArgs {
    /// The benchmark: opp115, claudette or unfair-tos.
    #[arg(value_name = "BENCHMARK")]
    benchmark: Benchmark,
    /// The folder of its files.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The model to start from: any BERT folder, hf:owner/name@revision, or `embedded`.
    #[arg(long, value_name = "MODEL", default_value = "embedded")]
    init: ModelSource,
    /// The folder to keep runs in, and the model in DIR/model.
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Run the seeds 1 to N.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "seed", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Run these seeds.
    #[arg(long, value_name = "SEED,…", value_delimiter = ',')]
    seed: Vec<u64>,
    /// Of claudette: run these folds only.
    #[arg(long, value_name = "FOLD,…", value_delimiter = ',')]
    folds: Vec<usize>,
    /// Of claudette: also train on the documents of all folds, for the model in DIR/model.
    #[arg(long = "final")]
    all: bool,
    /// Leave the linear baseline out.
    #[arg(long)]
    no_baseline: bool,
    /// Train nothing: report what the folder of --out has.
    #[arg(long)]
    finished: bool,
    /// Go on with the runs in the folder of --out; the command does so anyway.
    #[arg(long)]
    resume: bool,

    /// Passes over the data; 10 for opp115, 5 for claudette, 8 for unfair-tos unless given.
    #[arg(long, value_name = "N", help_heading = "Training")]
    epochs: Option<usize>,
    /// Texts a step.
    #[arg(long, value_name = "N", default_value_t = 16, help_heading = "Training")]
    batch_size: usize,
    /// Peak learning rate of the encoder; for a big one such as `MPNet` take 5e-5.
    #[arg(long, value_name = "RATE", default_value_t = 2e-4, help_heading = "Training")]
    lr: f64,
    /// Peak learning rate of the head.
    #[arg(long, value_name = "RATE", default_value_t = 1e-3, help_heading = "Training")]
    head_lr: f64,
    /// Factor on the rate for each layer further from the head.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, help_heading = "Training")]
    layer_decay: f64,
    /// Share of the steps over which the rate rises.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, help_heading = "Training")]
    warmup: f64,
    /// Dropout, instead of the configuration's.
    #[arg(long, value_name = "P", help_heading = "Training")]
    dropout: Option<f64>,
    /// Matrix products in bfloat16 with 32-bit sums and weights, as for `fineprint train`.
    #[arg(long, help_heading = "Training")]
    bf16: bool,
    /// Cap of the weight of a rare category's positives; 8 for claudette unless given, else 1, which
    /// is plain cross-entropy, as the published figures at thresholds of 0.5 were trained with.
    #[arg(long, value_name = "WEIGHT", help_heading = "Training")]
    positive_cap: Option<f64>,
    /// Keep this many layers, spread evenly, or the listed ones (0,2,5).
    #[arg(long, value_name = "N", help_heading = "Training")]
    layers: Option<LayerChoice>,
    /// Leave the first N layers and the embeddings as they are: faster, for big encoders.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Training")]
    freeze_layers: usize,
    /// Longest input in tokens; 512 for opp115, 256 for the others unless given.
    #[arg(long, value_name = "N", help_heading = "Training")]
    max_tokens: Option<usize>,
    /// Stop after so many epochs without a better validation macro-F1; 0 to go on.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Training")]
    patience: usize,
    /// Steps between checkpoints; 0 for one an epoch.
    #[arg(long, value_name = "N", default_value_t = 200, help_heading = "Training")]
    checkpoint_every: u64,
    /// Threads; 0 for all cores.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Training")]
    threads: usize,
    /// What the tests are computed with: f32, int8, candle, cuda or metal.
    #[arg(long, value_name = "ENGINE", default_value_t = EngineKind::F32, help_heading = "Training")]
    engine: EngineKind,

    /// The report's format.
    #[arg(long, value_enum, default_value_t = BenchmarkFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    format: BenchmarkFormat,
    /// Write the report to FILE, which is replaced only once it is complete.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
}

/// The format of a benchmark's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BenchmarkFormat {
    /// Tables.
    Text,
    /// One JSON object with every figure.
    Json,
    /// Tables in Markdown.
    Markdown,
}

impl BenchmarkArgs {
    fn options(&self) -> Options {
        let seeds =
            if self.seed.is_empty() { (1..=self.seeds).collect() } else { self.seed.clone() };
        Options {
            out: self.out.clone(),
            seeds,
            optimisation: Optimisation {
                epochs: self.epochs.unwrap_or_else(|| self.benchmark.epochs()),
                batch_size: self.batch_size,
                lr: self.lr,
                head_lr: self.head_lr,
                layer_decay: self.layer_decay,
                warmup: self.warmup,
                dropout: self.dropout,
                bf16: self.bf16,
                ..Optimisation::default()
            },
            positive_cap: self.positive_cap.unwrap_or_else(|| self.benchmark.positive_cap()),
            layers: self.layers.clone().unwrap_or(LayerChoice::All),
            freeze_layers: self.freeze_layers,
            max_tokens: self.max_tokens.unwrap_or_else(|| self.benchmark.max_tokens()),
            patience: self.patience,
            checkpoint_every: self.checkpoint_every,
            threads: self.threads,
            engine: self.engine,
            baseline: !self.no_baseline,
            finished_only: self.finished,
        }
    }
}

/// Runs the verb.
pub(super) fn run(args: &BenchmarkArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let has_folds = args.benchmark == Benchmark::Claudette;
    if !has_folds && (args.all || !args.folds.is_empty()) {
        bail!("{} has one split: --folds and --final are for claudette", args.benchmark);
    }
    let mut data = Data::read(args.benchmark, &args.data, args.all)?;
    if !args.folds.is_empty() {
        data.keep_folds(&args.folds).map_err(anyhow::Error::msg).context("--folds")?;
    }
    for note in &data.notes {
        printer.warning(note);
    }
    let init = ModelFiles::read(&args.init)?;
    let options = args.options();
    let results = benchmark::run(&data, &init, &options, &mut Shown::new(printer))?;
    printer.end_progress();
    if results.is_empty() {
        bail!("{} has no finished run of these options", args.out.display());
    }
    let report = Report::new(&data, &results);
    let text = match args.format {
        BenchmarkFormat::Text => report.to_text(),
        BenchmarkFormat::Json => report.to_json(),
        BenchmarkFormat::Markdown => report.to_markdown(),
    };
    if let Some(path) = &args.output {
        let fail = || format!("cannot write {}", path.display());
        let mut file = AtomicFile::create(path).with_context(fail)?;
        file.write_all(text.as_bytes()).with_context(fail)?;
        file.commit().with_context(fail)?;
    } else {
        let mut out = printer.stdout();
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }
    if !args.finished {
        printer.note(format_args!("{} is ready", args.out.join("model").display()));
    }
    Ok(Exit::Done)
}
