//! What `fineprint train` and `fineprint pretrain` share: options, and how a run is shown.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use indicatif::ProgressBar;

use super::printer::Printer;
use crate::encode::Context;
use crate::train::{Evaluation, LayerChoice, Observer, Optimisation, Progress};

/// How sentences become the encoder's input.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub struct ReadingArgs {
    /// Keep this many layers, spread evenly, or the listed ones (0,2,5).
    #[arg(long, value_name = "N")]
    pub layers: Option<LayerChoice>,
    /// What is read before the sentence: none, lead-in, lead-in-or-heading, heading-and-lead-in.
    #[arg(long, value_name = "CONTEXT", value_parser = context, default_value = "lead-in-or-heading")]
    pub context: Context,
    /// Longest input in tokens.
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub max_tokens: usize,
    /// Longest context in tokens.
    #[arg(long, value_name = "N", default_value_t = 48)]
    pub max_context_tokens: usize,
}

/// How the optimiser moves.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Optimisation")]
pub struct OptimisationArgs {
    /// Passes over the data.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub epochs: usize,
    /// Sentences a step.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub batch_size: usize,
    /// Peak learning rate of the encoder.
    #[arg(long, value_name = "RATE", default_value_t = 1e-4)]
    pub lr: f64,
    /// Peak learning rate of the head.
    #[arg(long, value_name = "RATE", default_value_t = 1e-3)]
    pub head_lr: f64,
    /// Factor on the rate for each layer further from the head.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub layer_decay: f64,
    /// Share of the steps over which the rate rises.
    #[arg(long, value_name = "SHARE", default_value_t = 0.06)]
    pub warmup: f64,
    /// Decoupled weight decay of matrices.
    #[arg(long, value_name = "RATE", default_value_t = 0.01)]
    pub weight_decay: f64,
    /// Longest gradient; longer ones are scaled down. 0 for no limit.
    #[arg(long, value_name = "LENGTH", default_value_t = 20.0)]
    pub max_norm: f64,
    /// Dropout, instead of the configuration's.
    #[arg(long, value_name = "P")]
    pub dropout: Option<f64>,
    /// Matrix products in bfloat16 with 32-bit sums and weights (mixed precision): 1.4 times as
    /// fast on AMD's AVX-512 BF16, half as fast as floats on Intel's, slower on others.
    #[arg(long)]
    pub bf16: bool,
}

/// How a run is seeded, spread over threads, and saved.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// Go on from the folder's checkpoint, if there is one.
    #[arg(long)]
    pub resume: bool,
    /// Seed of all random choices.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Threads; 0 for all cores. A run repeats bit for bit on one number of them.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// Steps between checkpoints; 0 for one an epoch.
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub checkpoint_every: u64,
}

fn context(name: &str) -> Result<Context, String> {
    serde_json::from_value(serde_json::Value::String(name.to_owned()))
        .map_err(|_| "use none, lead-in, lead-in-or-heading or heading-and-lead-in".to_owned())
}

impl ReadingArgs {
    /// The kept layers.
    pub(super) fn layers(&self) -> LayerChoice {
        self.layers.clone().unwrap_or(LayerChoice::All)
    }
}

impl RunArgs {
    /// Refuses to replace a model that another run has written.
    pub(super) fn check(&self, out: &Path) -> anyhow::Result<()> {
        if out.join("model.safetensors").exists() && !self.resume {
            bail!(
                "{} has a model already: give another --out, or --resume to go on with its run",
                out.display()
            );
        }
        Ok(())
    }
}

impl OptimisationArgs {
    /// The options of a run.
    pub(super) fn options(&self) -> Optimisation {
        Optimisation {
            epochs: self.epochs,
            batch_size: self.batch_size,
            lr: self.lr,
            head_lr: self.head_lr,
            layer_decay: self.layer_decay,
            warmup: self.warmup,
            weight_decay: self.weight_decay,
            max_norm: self.max_norm,
            dropout: self.dropout,
            bf16: self.bf16,
        }
    }
}

/// How often a run that nobody watches says where it stands.
const BETWEEN_LINES: Duration = Duration::from_mins(1);

/// Shows a run on standard error: a bar on a terminal, a line a minute in a log.
pub(super) struct Shown<'a> {
    printer: &'a Printer,
    bar: ProgressBar,
    said: Instant,
}

impl<'a> Shown<'a> {
    /// Starts a bar.
    pub(super) fn new(printer: &'a Printer) -> Self {
        let template = "{bar:24} {pos}/{len} steps, {msg}";
        Self { printer, bar: printer.start_progress(Some(0), template), said: Instant::now() }
    }
}

impl Observer for Shown<'_> {
    fn step(&mut self, progress: &Progress) {
        self.bar.set_length(progress.steps);
        self.bar.set_position(progress.step);
        let state = format!(
            "loss {:.3}, {:.0} tokens/s, {} left",
            progress.loss,
            progress.tokens_per_second,
            indicatif::HumanDuration(progress.remaining)
        );
        if self.said.elapsed() >= BETWEEN_LINES && self.printer.logs_progress() {
            self.said = Instant::now();
            self.printer.note(format_args!("{}/{} steps, {state}", progress.step, progress.steps));
        }
        self.bar.set_message(state);
    }

    fn evaluated(&mut self, e: &Evaluation, best: bool) {
        let loss = format!("epoch {}: loss {:.3}", e.epoch, e.loss);
        let Some(dev) = &e.dev else { return self.printer.note(loss) };
        // Without stances, or where they do not matter, they would only repeat what is there.
        let stance = if dev.label_f1 == dev.micro_f1 {
            String::new()
        } else {
            let opposite = 100.0 * dev.opposite;
            format!(", with stance {:.3}, opposite {opposite:.1}%", dev.label_f1)
        };
        self.printer.note(format_args!(
            "{loss}; dev micro-F1 {:.3}, macro-F1 {:.3}{stance}{}",
            dev.micro_f1,
            dev.macro_f1,
            if best { ", kept" } else { "" }
        ));
    }

    fn note(&mut self, text: &str) {
        self.printer.note(text);
    }
}
