//! fineprint reads terms of service and privacy policies.
//!
//! It splits a document into sentences and tells, with a transformer on Candle, which data-use
//! categories each sentence is about and whether it says that the practice happens or that it
//! does not.

pub mod batch;
pub mod bench;
pub mod benchmark;
pub mod cache;
pub mod calendar;
pub mod classify;
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
pub mod compare;
pub mod corpus;
mod digest;
pub mod document;
pub mod encode;
pub mod eval;
pub mod git;
mod guard;
pub mod history;
pub mod label;
pub mod limits;
pub mod model;
pub mod report;
pub mod segment;
#[cfg(feature = "serve")]
pub mod serve;
pub mod train;
