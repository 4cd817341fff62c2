//! Integration tests: one binary, one module a theme.
//! The integration tests: one binary, a file a theme.

mod document;
mod eval;
mod licenses;
mod segment;
