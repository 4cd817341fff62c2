//! Results as records, and the output formats that are views of them.
//!
//! [`record`] defines what a result is, once and versioned. The writers turn records into a text
//! report, JSON, JSON Lines or CSV while they arrive, so that memory does not grow with the
//! corpus. Nothing here reads documents, scores sentences or decides what counts as a finding.

pub mod terminal;
