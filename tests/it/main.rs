//! The integration tests: one binary, a file a theme.

mod classify;
mod corpus;
mod document;
mod eval;
mod hub;
mod licenses;
mod parity;
mod segment;
mod snapshots;
mod tidy;
