//! The command line program: one file per verb, and one place that prints.
//!
//! A verb takes its arguments as typed ([`args`]), resolves them, runs, and says how it ended
//! ([`exit`]). Errors that end a run become one line on standard error here. This module is the
//! program, not the library: its items may change in any version.

pub mod args;
pub mod average;
pub mod bench;
pub mod calibrate;
mod classify;
pub mod data;
pub mod eval;
pub mod exit;
mod export;
mod labels;
mod licenses;
pub mod pretrain;
pub mod printer;
#[cfg(feature = "serve")]
pub mod serve;
pub mod train;
pub mod training;

use std::ffi::OsString;
use std::io;

use clap::Parser;

use args::{Command, CommandLine, GlobalArgs};
use exit::Exit;
use printer::Printer;

/// Runs the program on its arguments, the first of which is its own name.
///
/// `@FILE` stands for the arguments in FILE, one a line.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments =
        argfile::expand_args_from(arguments.into_iter(), argfile::parse_fromfile, argfile::PREFIX);
    let arguments = match arguments {
        Ok(arguments) => arguments,
        Err(error) => {
            Printer::new(&GlobalArgs::default()).error(format_args!("{error}"));
            return Exit::Fatal;
        }
    };
    let line = match CommandLine::try_parse_from(arguments) {
        Ok(line) => line,
        Err(usage) => {
            // Help and version are "errors" that belong to standard output; a pipe that is
            // closed early is no concern of theirs.
            let _ = usage.print();
            return if usage.use_stderr() { Exit::Fatal } else { Exit::Done };
        }
    };
    let printer = Printer::new(&line.global);
    let result = run(&line.command, &printer);
    printer.end_progress();
    match result {
        Ok(exit) => exit,
        // Whoever read our output has seen enough (`| head`).
        Err(error) if is_broken_pipe(&error) => Exit::Done,
        Err(error) => {
            printer.error(format_args!("{error:#}"));
            Exit::Fatal
        }
    }
}

fn run(command: &Command, printer: &Printer) -> anyhow::Result<Exit> {
    match command {
        Command::Labels(args) => labels::run(args, printer),
        Command::Classify(args) => classify::run(args, printer),
        Command::Licenses(args) => licenses::run(args, printer),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(args, printer),
        Command::Export(args) => export::run(args, printer),
        Command::Train(args) => train::run(args, printer),
        Command::Pretrain(args) => pretrain::run(args, printer),
        Command::Average(args) => average::run(args, printer),
        Command::Data(args) => data::run(args, printer),
        Command::Bench(args) => bench::run(args, printer),
        Command::Eval(args) => eval::run(args, printer),
        Command::Calibrate(args) => calibrate::run(args, printer),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}
