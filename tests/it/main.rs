//! The integration tests: one binary, a file a theme.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::too_many_lines,
    reason = "a test's helpers fail by panicking, print figures, and hold long tables of cases"
)]

mod benchmark;
mod cache;
mod classify;
mod cli;
mod corpus;
mod diff;
mod document;
mod engine;
mod eval;
mod families;
mod git;
mod habits;
mod history;
mod hostile;
mod hub;
mod import;
mod inputs;
mod licenses;
mod longrun;
mod parity;
mod reports;
mod segment;
#[cfg(all(unix, feature = "serve"))]
mod serve;
#[cfg(all(unix, feature = "serve"))]
mod serve_holding_up;
mod shipped;
mod support;
mod tidy;
mod train;
