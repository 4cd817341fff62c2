//! The `fineprint` program; all of it lives in [`fineprint::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    fineprint::cli::main(std::env::args_os()).into()
}
