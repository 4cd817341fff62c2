//! The integration tests: one binary, a file a theme.

mod classify;
mod cli;
mod document;
mod eval;
mod hub;
mod licenses;
mod parity;
mod segment;
mod support;
mod tidy;
