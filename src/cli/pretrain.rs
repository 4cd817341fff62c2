//! `fineprint pretrain`: goes on training an encoder on sentences without labels.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::printer::Printer;
use super::training::{OptimisationArgs, ReadingArgs, RunArgs, Shown};
use crate::model::{ModelFiles, ModelSource};
use crate::train::{PretrainOptions, pretrain};

/// Arguments of `fineprint pretrain`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
The result is an encoder without a head: fine-tune it with `fineprint train --init DIR`.

Example:
  fineprint pretrain sentences.jsonl.gz --init ./MiniLM --epochs 3 --batch-size 64 --out ./encoder")]
pub struct PretrainArgs {
    /// Files of sentences: JSON lines or CSV as for `fineprint train` (labels may be missing), or
    /// .txt with a sentence a line; each may be compressed with gzip.
    #[arg(required = true, value_name = "FILES")]
    pub texts: Vec<PathBuf>,
    /// The folder to write the encoder to.
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// The encoder to start from: any encoder folder, hf:owner/name@revision, or `embedded`.
    #[arg(long, value_name = "MODEL", default_value = "embedded")]
    pub init: ModelSource,
    /// Share of the tokens that is hidden and has to be guessed.
    #[arg(long, value_name = "SHARE", default_value_t = 0.15)]
    pub mask: f64,
    /// Share of the sentences that is kept out and measured after every epoch.
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    pub held_out: f64,
    /// How the sentences are read.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// How the optimiser moves.
    #[command(flatten)]
    pub optimisation: OptimisationArgs,
    /// How the run is seeded and saved.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Runs the verb.
pub(super) fn run(args: &PretrainArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let options = PretrainOptions {
        texts: args.texts.clone(),
        out: args.out.clone(),
        layers: args.reading.layers(),
        context: args.reading.context,
        max_tokens: args.reading.max_tokens,
        max_context_tokens: args.reading.max_context_tokens,
        optimisation: args.optimisation.options(),
        mask: args.mask,
        held_out: args.held_out,
        seed: args.run.seed,
        threads: args.run.threads,
        checkpoint_every: args.run.checkpoint_every,
    };
    options.check()?;
    args.run.check(&args.out)?;
    let files = ModelFiles::read(&args.init)?;
    let manifest = pretrain(&files, &options, args.run.resume, &mut Shown::new(printer))?;
    printer.end_progress();
    let (name, seconds) = (args.out.display(), manifest.seconds);
    printer.note(format_args!("{name} is ready after {seconds:.0} s"));
    Ok(Exit::Done)
}
