//! `fineprint merge`: shards in, the whole run out.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::printer::Printer;
use crate::batch::{Existing, merge};

/// Arguments of `fineprint merge`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Every shard of one corpus has to be named. What they hold is checked
against their manifests: that all were made in the same way, over the same inputs, and that every
input is in one of them. The result is what a run without --shard would have written.

Example:
  fineprint classify corpus/ --shard 1/2 --output-dir part1
  fineprint classify corpus/ --shard 2/2 --output-dir part2
  fineprint merge part1 part2 --output-dir whole")]
pub struct MergeArgs {
    /// Folders that `fineprint classify --shard I/N --output-dir` wrote.
    #[arg(required = true, value_name = "DIRS")]
    pub folders: Vec<PathBuf>,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    pub output_dir: PathBuf,
    /// Replace a run that is in the folder.
    #[arg(long)]
    pub restart: bool,
}

/// Runs the verb.
pub(super) fn run(args: &MergeArgs, printer: &Printer) -> anyhow::Result<Exit> {
    // A merge that was broken off is done again; nothing of it took long.
    let existing = if args.restart { Existing::Restart } else { Existing::Refuse };
    let manifest = merge(&args.folders, &args.output_dir, existing)?;
    let counts = &manifest.counts;
    printer.note(format_args!(
        "{} holds all {} documents of {} shards: {} sentences, {} findings, {} documents failed",
        args.output_dir.display(),
        counts.documents,
        args.folders.len(),
        counts.sentences,
        counts.findings,
        counts.failed
    ));
    Ok(if counts.failed > 0 { Exit::SomeFailed } else { Exit::Done })
}
