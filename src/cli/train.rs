//! `fineprint train`: fine-tunes a model, or its head alone, on labelled sentences.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::ProgressBar;

use super::exit::Exit;
use super::printer::Printer;
use crate::encode::Context;
use crate::eval::examples;
use crate::model::{ModelFiles, ModelSource};
use crate::train::loss::LossOptions;
use crate::train::{
    Evaluation, LayerChoice, Observer, Optimisation, Progress, TrainOptions, train,
};

/// Arguments of `fineprint train`.
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    /// Files of labelled sentences: JSON lines (id, text, labels, heading, `lead_in`) or CSV.
    #[arg(required = true, value_name = "FILES")]
    pub train: Vec<PathBuf>,
    /// Labelled sentences that choose the best epoch and fit thresholds; may be given again.
    #[arg(long, value_name = "FILE")]
    pub dev: Vec<PathBuf>,
    /// The folder to write the model to.
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// The model to start from: any BERT folder, hf:owner/name@revision, or `embedded`.
    #[arg(long, value_name = "MODEL", default_value = "embedded")]
    pub init: ModelSource,
    /// A file of category names, one a line, instead of fineprint's own; `auto` takes those of
    /// the training files.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// With --labels: the label set has no denied stance.
    #[arg(long)]
    pub no_stance: bool,
    /// Go on from the folder's checkpoint, if there is one.
    #[arg(long)]
    pub resume: bool,
    /// Train the head alone; the encoder stays as it is. Fast.
    #[arg(long, help_heading = "Model")]
    pub freeze: bool,
    /// Keep this many layers, spread evenly, or the listed ones (0,2,5).
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub layers: Option<LayerChoice>,
    /// What is read before the sentence: none, lead-in, lead-in-or-heading, heading-and-lead-in.
    #[arg(long, value_name = "CONTEXT", value_parser = context, default_value = "lead-in-or-heading", help_heading = "Model")]
    pub context: Context,
    /// Longest input in tokens.
    #[arg(long, value_name = "N", default_value_t = 256, help_heading = "Model")]
    pub max_tokens: usize,
    /// Longest context in tokens.
    #[arg(long, value_name = "N", default_value_t = 48, help_heading = "Model")]
    pub max_context_tokens: usize,
    /// The language of the sentences, as ISO 639-1; empty for any.
    #[arg(long, value_name = "CODE", default_value = "en", help_heading = "Model")]
    pub language: String,
    /// Passes over the data.
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Optimisation")]
    pub epochs: usize,
    /// Sentences a step.
    #[arg(long, value_name = "N", default_value_t = 16, help_heading = "Optimisation")]
    pub batch_size: usize,
    /// Peak learning rate of the encoder.
    #[arg(long, value_name = "RATE", default_value_t = 1e-4, help_heading = "Optimisation")]
    pub lr: f64,
    /// Peak learning rate of the head.
    #[arg(long, value_name = "RATE", default_value_t = 1e-3, help_heading = "Optimisation")]
    pub head_lr: f64,
    /// Factor on the rate for each layer further from the head.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, help_heading = "Optimisation")]
    pub layer_decay: f64,
    /// Share of the steps over which the rate rises.
    #[arg(long, value_name = "SHARE", default_value_t = 0.06, help_heading = "Optimisation")]
    pub warmup: f64,
    /// Decoupled weight decay of matrices.
    #[arg(long, value_name = "RATE", default_value_t = 0.01, help_heading = "Optimisation")]
    pub weight_decay: f64,
    /// Longest gradient; longer ones are scaled down. 0 for no limit.
    #[arg(long, value_name = "LENGTH", default_value_t = 20.0, help_heading = "Optimisation")]
    pub max_norm: f64,
    /// Dropout, instead of the configuration's.
    #[arg(long, value_name = "P", help_heading = "Optimisation")]
    pub dropout: Option<f64>,
    /// Cap of the weight of a rare category's positives.
    #[arg(long, value_name = "WEIGHT", default_value_t = 4.0, help_heading = "Loss")]
    pub positive_cap: f64,
    /// Cap of the weight of denials among a category's sentences.
    #[arg(long, value_name = "WEIGHT", default_value_t = 4.0, help_heading = "Loss")]
    pub denied_cap: f64,
    /// Weight of the stance in the loss.
    #[arg(long, value_name = "WEIGHT", default_value_t = 2.0, help_heading = "Loss")]
    pub stance_weight: f64,
    /// Asymmetric focusing on hard negatives; 0 for plain cross-entropy.
    #[arg(long, value_name = "GAMMA", default_value_t = 0.0, help_heading = "Loss")]
    pub focus: f64,
    /// Predictions by sentence id (as `fineprint eval --predictions` writes them) whose mean the
    /// model learns from too; may be given again for several teachers.
    #[arg(long, value_name = "FILE", help_heading = "Distillation")]
    pub soft_targets: Vec<PathBuf>,
    /// Sentences to learn from soft targets alone (labels are empty).
    #[arg(long, value_name = "FILE", help_heading = "Distillation")]
    pub unlabelled: Vec<PathBuf>,
    /// Weight of soft targets against labels.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, help_heading = "Distillation")]
    pub soft_weight: f64,
    /// Seed of all random choices.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Run")]
    pub seed: u64,
    /// Threads; 0 for all cores. A run repeats bit for bit on one number of them.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Run")]
    pub threads: usize,
    /// Stop after this many epochs without a better macro-F1; 0 to go on.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Run")]
    pub patience: usize,
    /// Steps between checkpoints; 0 for one an epoch.
    #[arg(long, value_name = "N", default_value_t = 400, help_heading = "Run")]
    pub checkpoint_every: u64,
}

fn context(name: &str) -> Result<Context, String> {
    serde_json::from_value(serde_json::Value::String(name.to_owned()))
        .map_err(|_| "use none, lead-in, lead-in-or-heading or heading-and-lead-in".to_owned())
}

impl TrainArgs {
    /// The names and the stance of the label set; no names for fineprint's own.
    fn label_set(&self) -> anyhow::Result<(Option<Vec<String>>, bool)> {
        let Some(path) = &self.labels else { return Ok((None, true)) };
        if path.as_os_str() == "auto" {
            let (mut names, mut denied) = (Vec::new(), false);
            for file in &self.train {
                let (found, has_denied) = examples::label_names(file)?;
                names.extend(found);
                denied |= has_denied;
            }
            names.sort_unstable();
            names.dedup();
            return Ok((Some(names), denied && !self.no_stance));
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let names = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        Ok((Some(names.map(str::to_owned).collect()), !self.no_stance))
    }

    fn options(&self) -> anyhow::Result<TrainOptions> {
        let (labels, has_stance) = self.label_set()?;
        Ok(TrainOptions {
            train: self.train.clone(),
            dev: self.dev.clone(),
            labels,
            has_stance,
            out: self.out.clone(),
            layers: self.layers.clone().unwrap_or(LayerChoice::All),
            freeze: self.freeze,
            context: self.context,
            max_tokens: self.max_tokens,
            max_context_tokens: self.max_context_tokens,
            language: self.language.clone(),
            optimisation: Optimisation {
                epochs: self.epochs,
                batch_size: self.batch_size,
                lr: self.lr,
                head_lr: self.head_lr,
                layer_decay: self.layer_decay,
                warmup: self.warmup,
                weight_decay: self.weight_decay,
                max_norm: self.max_norm,
                dropout: self.dropout,
            },
            loss: LossOptions {
                positive_cap: self.positive_cap,
                denied_cap: self.denied_cap,
                stance_weight: self.stance_weight,
                focus: self.focus,
            },
            soft_targets: self.soft_targets.clone(),
            unlabelled: self.unlabelled.clone(),
            soft_weight: self.soft_weight,
            seed: self.seed,
            threads: self.threads,
            patience: self.patience,
            checkpoint_every: self.checkpoint_every,
        })
    }
}

/// Runs the verb.
pub(super) fn run(args: &TrainArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let options = args.options()?;
    options.check()?;
    if args.out.join("model.safetensors").exists() && !args.resume {
        bail!(
            "{} has a model already: give another --out, or --resume to go on with its run",
            args.out.display()
        );
    }
    let files = ModelFiles::read(&args.init)?;
    let template = "{bar:24} {pos}/{len} steps, {msg}";
    let bar = printer.start_progress(Some(0), template);
    let outcome = train(&files, &options, args.resume, &mut Shown { printer, bar })?;
    printer.end_progress();
    let seconds = outcome.manifest.seconds;
    printer.note(format_args!("{} is ready after {seconds:.0} s", args.out.display()));
    Ok(Exit::Done)
}

/// Shows a run on standard error.
struct Shown<'a> {
    printer: &'a Printer,
    bar: ProgressBar,
}

impl Observer for Shown<'_> {
    fn step(&mut self, progress: &Progress) {
        self.bar.set_length(progress.steps);
        self.bar.set_position(progress.step);
        self.bar.set_message(format!(
            "loss {:.3}, {:.0} tokens/s, {} left",
            progress.loss,
            progress.tokens_per_second,
            indicatif::HumanDuration(progress.remaining)
        ));
    }

    fn evaluated(&mut self, e: &Evaluation, best: bool) {
        self.printer.note(format_args!(
            "epoch {}: loss {:.3}; dev micro-F1 {:.3}, macro-F1 {:.3}, with stance {:.3}, opposite {:.1}%{}",
            e.epoch,
            e.loss,
            e.micro_f1,
            e.macro_f1,
            e.label_f1,
            100.0 * e.opposite,
            if best { ", kept" } else { "" }
        ));
    }

    fn note(&mut self, text: &str) {
        self.printer.note(text);
    }
}
