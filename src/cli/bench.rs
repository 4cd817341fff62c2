//! `fineprint bench`: how fast this machine classifies.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::args::{EngineArgs, ModelArgs, PlainFormat};
use super::cache::CacheArgs;
use super::classify::reading_documents;
use super::exit::Exit;
use super::printer::Printer;
use crate::batch::{self, Discovery, Source, Walk, WalkOptions};
use crate::bench::{
    Comparison, Latency, Machine, Memory, Sentences, Throughput, compare, latency, milliseconds,
    throughput,
};
use crate::classify::{Classifier, EngineKind, Options, Work};
use crate::encode::Input;

/// Version of the JSON that this verb prints.
const SCHEMA: &str = "fineprint-bench/1";

/// Arguments of `fineprint bench`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
Measured are start-up to the first result, classifying everything --repeat times (the middle time
counts), one sentence at a time, and memory. Other programs on the machine are in the figures.

Examples:
  fineprint bench policies/
  fineprint bench --lines sentences.txt --engine f32 --threads 1
  fineprint bench --lines sentences.jsonl --compare candle --format json")]
pub struct BenchArgs {
    /// Documents, or folders of documents as `fineprint classify` walks them.
    #[arg(required = true, value_name = "PATHS")]
    paths: Vec<PathBuf>,
    /// Take every line as one ready-made sentence; in files that end in .jsonl, as an object with
    /// `text` and perhaps `lead_in` and `heading`.
    #[arg(long)]
    lines: bool,
    /// Take the first N sentences only, without their documents.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How often to classify everything.
    #[arg(long, value_name = "N", default_value_t = 3)]
    repeat: usize,
    /// Compute each distinct sentence once, as `fineprint classify` does.
    #[arg(long)]
    reuse: bool,
    /// What to keep on disk.
    #[command(flatten)]
    cache: CacheArgs,
    /// Also compare hidden states and decisions with another engine: int8, f32, candle, cuda or metal.
    #[arg(long, value_name = "ENGINE")]
    compare: Option<EngineKind>,
    /// How to run the model.
    #[command(flatten)]
    engine: EngineArgs,
    /// The model.
    #[command(flatten)]
    model: ModelArgs,
    /// The output's format.
    #[arg(long, value_enum, default_value_t = PlainFormat::Text, value_name = "FORMAT")]
    format: PlainFormat,
}

/// The JSON output.
#[derive(Debug, Serialize)]
struct BenchRecord {
    schema: &'static str,
    tool_version: &'static str,
    model: String,
    model_digest: String,
    engine: String,
    /// The instructions that it ran on; null for Candle.
    kernel: Option<String>,
    threads: usize,
    reuse: bool,
    machine: Machine,
    /// From the start of this verb to the first result, in milliseconds.
    start_up_ms: f64,
    throughput: Throughput,
    latency: Latency,
    /// After loading, before the corpus.
    memory_loaded: Memory,
    /// After classifying the corpus.
    memory: Memory,
    /// Sequences that were computed, and those that were not.
    work: Work,
    comparison: Option<Comparison>,
}

/// Runs the verb.
pub(super) fn run(args: &BenchArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let options = args.engine.options();
    let remember = if args.reuse { options.remember } else { 0 };
    let options = Options { remember, ..options };
    let classifier = Classifier::load(&args.model.source(), &options)?;
    let (classifier, cache) = args.cache.attach(classifier, printer)?;
    classifier.scores(&[Input::from("We may share your data with our partners.")])?;
    let start_up_ms = milliseconds(start);
    let memory_loaded = Memory::now();

    let batch_options = batch::Options {
        language: classifier.settings().language.clone(),
        threads: args.engine.threads,
        ..reading_documents(None, false)
    };
    let sentences = sentences(args, &batch_options, &classifier)?;
    for failure in sentences.failures() {
        printer.error(format_args!("{}: {}", failure.name, failure.reason));
    }
    let inputs = sentences.inputs();
    if inputs.is_empty() {
        bail!(
            "no sentence found in {}: name documents that `fineprint classify` reads",
            args.paths[0].display()
        );
    }
    let throughput = throughput(&classifier, &sentences, &batch_options, args.repeat)?;
    let latency = latency(&classifier, &inputs)?;
    let memory = Memory::now();
    let comparison = match args.compare {
        None => None,
        Some(engine) => {
            let other = Classifier::load(&args.model.source(), &Options { engine, ..options })?;
            Some(compare(&classifier, &other, &inputs)?)
        }
    };
    let record = BenchRecord {
        schema: SCHEMA,
        tool_version: env!("CARGO_PKG_VERSION"),
        model: classifier.origin().to_owned(),
        model_digest: classifier.digest().to_owned(),
        engine: classifier.engine_kind().to_string(),
        kernel: classifier.kernel().map(|kernel| kernel.to_string()),
        threads: classifier.threads(),
        reuse: args.reuse,
        machine: Machine::here(),
        start_up_ms,
        throughput,
        latency,
        memory_loaded,
        memory,
        work: classifier.work(),
        comparison,
    };
    cache.finish(&classifier, printer);
    let mut out = printer.stdout();
    match args.format {
        PlainFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &record).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        PlainFormat::Text => text(&mut out, &record)?,
    }
    out.flush()?;
    Ok(if sentences.failures().is_empty() { Exit::Done } else { Exit::SomeFailed })
}

fn sentences(
    args: &BenchArgs,
    options: &batch::Options,
    classifier: &Classifier,
) -> anyhow::Result<Sentences> {
    let mut sentences = if args.lines {
        Sentences::of_lines(&args.paths).map_err(anyhow::Error::msg)?
    } else {
        let walk = Walk::new(WalkOptions::default()).map_err(anyhow::Error::msg)?;
        let found =
            Discovery::new(args.paths.iter().cloned(), None, walk).map_err(anyhow::Error::msg)?;
        let sources: Vec<Source> = found
            .collect::<Result<_, _>>()
            .map_err(|failure| anyhow::anyhow!("{}: {}", failure.name, failure.reason))?;
        if sources.contains(&Source::Stdin) {
            bail!("standard input cannot be read several times: name files or folders");
        }
        Sentences::of_documents(sources, options, classifier)?
    };
    if let Some(limit) = args.limit {
        sentences.truncate(limit);
    }
    Ok(sentences)
}

fn text(out: &mut impl Write, record: &BenchRecord) -> std::io::Result<()> {
    let (m, t, l) = (&record.machine, &record.throughput, &record.latency);
    let kernel = record.kernel.as_ref().map_or_else(String::new, |k| format!(" on {k}"));
    let reuse = if record.reuse { ", repeated sentences computed once" } else { "" };
    writeln!(out, "machine    {}, {} cores, {}", m.processor, m.cores, m.system)?;
    writeln!(out, "           {}", m.features.join(" "))?;
    writeln!(out, "engine     {}{kernel}, {} threads{reuse}", record.engine, record.threads)?;
    let digest: String = record.model_digest.chars().take(12).collect();
    writeln!(out, "model      {} {digest}", record.model)?;
    let documents =
        if t.documents > 0 { format!("{} documents, ", t.documents) } else { String::new() };
    writeln!(
        out,
        "corpus     {documents}{} sentences, {} tokens, {:.2} MB",
        t.sentences,
        t.tokens,
        t.bytes as f64 / 1e6
    )?;
    writeln!(out, "start-up   {:.0} ms to the first result", record.start_up_ms)?;
    write!(out, "speed      {:.0} sentences/s, ", t.sentences_per_second)?;
    write!(out, "{:.0} tokens/s, ", t.tokens_per_second)?;
    if t.documents > 0 {
        write!(out, "{:.1} documents/s, ", t.documents_per_second)?;
    }
    let each: Vec<String> = t.seconds.iter().map(|s| format!("{s:.2}")).collect();
    writeln!(out, "{:.2} MB/s ({} s)", t.megabytes_per_second, each.join(", "))?;
    if let Some(rate) = t.sentences_per_processor_second {
        writeln!(out, "           {rate:.0} sentences a second of processor time")?;
    }
    writeln!(
        out,
        "latency    {:.2} ms p50, {:.2} ms p99, {:.2} ms at most, of {} sentences",
        l.p50_ms, l.p99_ms, l.max_ms, l.sentences
    )?;
    if let (Some(loaded), Some(peak)) = (record.memory_loaded.resident_mb, record.memory.peak_mb) {
        writeln!(out, "memory     {loaded:.0} MB loaded, {peak:.0} MB at most")?;
    }
    if let Some(c) = &record.comparison {
        writeln!(
            out,
            "against    {}: cosine {:.4} mean, {:.4} least ({:.4} pooled); {} doubtful pairs, \
             {:.2} % decided alike; probabilities differ by {:.3} at most",
            c.with,
            c.cosine_mean,
            c.cosine_min,
            c.pooled_cosine_min,
            c.pairs,
            100.0 * c.same_decisions,
            c.probability_difference_max
        )?;
    }
    Ok(())
}
