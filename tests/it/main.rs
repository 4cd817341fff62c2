//! The integration tests: one binary, one module a theme.

mod document;
mod eval;
mod licenses;
mod segment;
