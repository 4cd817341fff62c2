//! `fineprint completions` and `fineprint man`: made from the command line as it is.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::args::CommandLine;
use super::exit::Exit;
use super::printer::Printer;

/// Arguments of `fineprint completions`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  fineprint completions bash > ~/.local/share/bash-completion/completions/fineprint
  fineprint completions zsh > ~/.zfunc/_fineprint
  fineprint completions fish > ~/.config/fish/completions/fineprint.fish")]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// Arguments of `fineprint man`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  fineprint man | man -l -
  fineprint man --dir ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Write the pages of all verbs into DIR instead of the main page to standard output.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Prints the completions of a shell.
pub(super) fn completions(args: &CompletionsArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut CommandLine::command(), "fineprint", &mut script);
    let mut out = printer.stdout();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Prints or writes manual pages.
pub(super) fn man(args: &ManArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let command = CommandLine::command();
    if let Some(folder) = &args.dir {
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(command, folder))
            .with_context(|| format!("cannot write to {}", folder.display()))?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        let mut out = printer.stdout();
        out.write_all(&page)?;
        out.flush()?;
    }
    Ok(Exit::Done)
}
