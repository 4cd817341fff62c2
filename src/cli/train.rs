//! `fineprint train`: fine-tunes a model, or its head alone, on labelled sentences.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;

use super::exit::Exit;
use super::printer::Printer;
use super::training::{OptimisationArgs, ReadingArgs, RunArgs, Shown};
use crate::batch::AtomicFile;
use crate::classify::{self, Classifier};
use crate::eval::{Predictor, examples, predictions};
use crate::model::{ModelFiles, ModelSource};
use crate::train::loss::LossOptions;
use crate::train::{TrainOptions, data, train};

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
    /// The model to start from: any encoder folder, hf:owner/name@revision, or `embedded`.
    #[arg(long, value_name = "MODEL", default_value = "embedded")]
    pub init: ModelSource,
    /// A file of category names, one a line, instead of fineprint's own; `auto` takes those of
    /// the training files.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// With --labels: the label set has no denied stance.
    #[arg(long)]
    pub no_stance: bool,
    /// Train the head alone; the encoder stays as it is. Fast.
    #[arg(long, help_heading = "Model")]
    pub freeze: bool,
    /// Leave the embeddings as they are: for a model that shares them (`fineprint average
    /// --part-of`).
    #[arg(long, help_heading = "Model", conflicts_with = "freeze")]
    pub freeze_embeddings: bool,
    /// Leave the first N layers and the embeddings as they are: faster, for big encoders.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Model")]
    #[arg(conflicts_with = "freeze")]
    pub freeze_layers: usize,
    /// The language of the sentences, as ISO 639-1; empty for any.
    #[arg(long, value_name = "CODE", default_value = "en", help_heading = "Model")]
    pub language: String,
    /// How the sentences are read.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// How the optimiser moves.
    #[command(flatten)]
    pub optimisation: OptimisationArgs,
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
    /// Models whose mean probabilities this one learns from too, separated by commas.
    #[arg(long, value_name = "MODEL,…", value_delimiter = ',', help_heading = "Distillation")]
    pub teacher: Vec<ModelSource>,
    /// Predictions by sentence id (as `fineprint eval --predictions` writes them) whose mean the
    /// model learns from too; may be given again for several teachers.
    #[arg(long, value_name = "FILE", help_heading = "Distillation")]
    pub soft_targets: Vec<PathBuf>,
    /// Sentences to learn from soft targets alone; labels in them are not looked at.
    #[arg(long, value_name = "FILE", help_heading = "Distillation")]
    pub unlabelled: Vec<PathBuf>,
    /// Weight of soft targets against labels.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, help_heading = "Distillation")]
    pub soft_weight: f64,
    /// Stop after this many epochs without a better macro-F1; 0 to go on.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Run")]
    pub patience: usize,
    /// How the run is seeded and saved.
    #[command(flatten)]
    pub run: RunArgs,
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
            layers: self.reading.layers(),
            freeze: self.freeze,
            freeze_embeddings: self.freeze_embeddings,
            freeze_layers: self.freeze_layers,
            context: self.reading.context,
            max_tokens: self.reading.max_tokens,
            max_context_tokens: self.reading.max_context_tokens,
            language: self.language.clone(),
            optimisation: self.optimisation.options(),
            loss: LossOptions {
                positive_cap: self.positive_cap,
                denied_cap: self.denied_cap,
                stance_weight: self.stance_weight,
                focus: self.focus,
            },
            soft_targets: self.soft_targets.clone(),
            unlabelled: self.unlabelled.clone(),
            soft_weight: self.soft_weight,
            seed: self.run.seed,
            threads: self.run.threads,
            patience: self.patience,
            checkpoint_every: self.run.checkpoint_every,
        })
    }
}

impl TrainArgs {
    /// Where each teacher's predictions are kept, for the run and for its resumption.
    fn teacher_files(&self) -> Vec<PathBuf> {
        (1..=self.teacher.len()).map(|n| self.out.join(format!("teacher-{n}.jsonl"))).collect()
    }

    /// Writes every teacher's predictions for all sentences of the run that are not there yet.
    fn ask_teachers(&self, options: &TrainOptions, printer: &Printer) -> anyhow::Result<()> {
        if self.teacher.is_empty() {
            return Ok(());
        }
        let labels = options.label_set()?;
        let mut sentences = data::read_all(&options.train, &labels)?;
        for file in &options.unlabelled {
            sentences.extend(examples::read_texts(file)?);
        }
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot make {}", self.out.display()))?;
        for (source, path) in self.teacher.iter().zip(self.teacher_files()) {
            if self.run.resume && path.exists() {
                continue;
            }
            printer.note(format_args!("asking {source} about {} sentences", sentences.len()));
            let threads = self.run.threads;
            let teacher =
                Classifier::load(source, &classify::Options { threads, ..Default::default() })?;
            if teacher.labels() != &labels {
                bail!("{source} has other labels than the run: a teacher must know the same ones");
            }
            let predictions = teacher.predict(&sentences)?;
            let fail = || format!("cannot write {}", path.display());
            let mut file = AtomicFile::create(&path).with_context(fail)?;
            let buffer = std::io::BufWriter::new(&mut file);
            predictions::write(buffer, &sentences, &predictions, &labels).with_context(fail)?;
            file.commit().with_context(fail)?;
        }
        Ok(())
    }
}

/// Runs the verb.
pub(super) fn run(args: &TrainArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let mut options = args.options()?;
    options.soft_targets.extend(args.teacher_files());
    options.check()?;
    args.run.check(&args.out)?;
    let files = ModelFiles::read(&args.init)?;
    args.ask_teachers(&options, printer)?;
    let outcome = train(&files, &options, args.run.resume, &mut Shown::new(printer))?;
    printer.end_progress();
    let seconds = outcome.manifest.seconds;
    printer.note(format_args!("{} is ready after {seconds:.0} s", args.out.display()));
    Ok(Exit::Done)
}
