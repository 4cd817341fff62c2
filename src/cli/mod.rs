//! The command line program: one file per verb, and one place that prints.
//!
//! A verb takes its arguments as typed ([`args`]), resolves them, runs, and says how it ended
//! ([`exit`]). Errors that end a run become one line on standard error here. This module is the
//! program, not the library: its items may change in any version.

pub mod args;
pub mod average;
pub mod bench;
pub mod benchmark;
pub mod cache;
pub mod calibrate;
pub mod changes;
pub mod classifier;
mod classify;
pub mod completions;
mod config;
pub mod convert;
pub mod data;
pub mod diff;
pub mod eval;
pub mod exit;
mod export;
pub mod history;
mod kept;
mod labels;
mod licenses;
mod log;
pub mod merge;
mod output;
pub mod pretrain;
pub mod printer;
mod read_pdf;
pub mod report;
#[cfg(feature = "serve")]
pub mod serve;
pub mod train;
pub mod training;

use std::ffi::OsString;
use std::io;

use clap::{CommandFactory, FromArgMatches};

use args::{Command, CommandLine, GlobalArgs};
use config::Config;
use exit::Exit;
use printer::Printer;

use crate::guard;

/// Runs the program on its arguments, the first of which is its own name.
///
/// `@FILE` stands for the arguments in FILE, one a line.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    guard::hush();
    let arguments =
        argfile::expand_args_from(arguments.into_iter(), argfile::parse_fromfile, argfile::PREFIX);
    let arguments = match arguments {
        Ok(arguments) => arguments,
        Err(error) => {
            Printer::new(&GlobalArgs::default()).error(format_args!("{error}"));
            return Exit::Fatal;
        }
    };
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let refuse = |reason: &str| {
        Printer::new(&GlobalArgs::default()).error(format_args!("{reason}"));
        Exit::Fatal
    };
    let config = match Config::find(&arguments) {
        Ok(config) => config,
        Err(reason) => return refuse(&reason),
    };
    let mut command = config::with_variables(CommandLine::command());
    if let Some(config) = &config {
        command = match config.apply(command) {
            Ok(command) => command,
            Err(reason) => return refuse(&reason),
        };
    }
    let matches = command.try_get_matches_from(arguments);
    let line = match matches.and_then(|matches| CommandLine::from_arg_matches(&matches)) {
        Ok(line) => line,
        Err(usage) => {
            // Help and version are "errors" that belong to standard output; a pipe that is
            // closed early is no concern of theirs.
            let _ = usage.print();
            if !usage.use_stderr() {
                return Exit::Done;
            }
            if let Some(config) = &config {
                let path = config.path().display();
                Printer::new(&GlobalArgs::default()).note(format_args!(
                    "defaults were taken from {path}; --no-config leaves it out"
                ));
            }
            return Exit::Fatal;
        }
    };
    let is_server = match line.command {
        #[cfg(feature = "serve")]
        Command::Serve(_) => true,
        _ => false,
    };
    if let Err(reason) = log::start(&line.global, is_server) {
        return refuse(&reason);
    }
    let printer = Printer::new(&line.global);
    let result = run(&line.command, &printer);
    printer.end_progress();
    match result {
        Ok(exit) => exit,
        // Whoever read our output has seen enough (`| head`).
        Err(error) if is_broken_pipe(&error) => Exit::Done,
        Err(error) => {
            printer.error(in_words(&error));
            Exit::Fatal
        }
    }
}

fn run(command: &Command, printer: &Printer) -> anyhow::Result<Exit> {
    match command {
        Command::Labels(args) => labels::run(args, printer),
        Command::Classify(args) => classify::run(args, printer),
        Command::Merge(args) => merge::run(args, printer),
        Command::Completions(args) => completions::completions(args, printer),
        Command::Man(args) => completions::man(args, printer),
        Command::Diff(args) => diff::run(args, printer),
        Command::History(args) => history::run(args, printer),
        Command::Report(args) => report::run(args, printer),
        Command::Licenses(args) => licenses::run(args, printer),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(args, printer),
        Command::Export(args) => export::run(args, printer),
        Command::Convert(args) => convert::run(args, printer),
        Command::Train(args) => train::run(args, printer),
        Command::Pretrain(args) => pretrain::run(args, printer),
        Command::Average(args) => average::run(args, printer),
        Command::Data(args) => data::run(args, printer),
        Command::Bench(args) => bench::run(args, printer),
        Command::Benchmark(args) => benchmark::run(args, printer),
        Command::Eval(args) => eval::run(args, printer),
        Command::Calibrate(args) => calibrate::run(args, printer),
        Command::ReadPdf => read_pdf::run(printer),
    }
}

/// An error and its causes in one line; a cause that the text before it tells already is left out.
fn in_words(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line.push_str(": ");
            line.push_str(&cause);
        }
    }
    line
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}
