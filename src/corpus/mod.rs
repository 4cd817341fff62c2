//! The training and test corpus: clauses of our own, and real sentences without their text.
//!
//! Real sentences belong to those who wrote them, so `data/standoff` holds only facts about them
//! ([`standoff`]): a hash, a length, the labels, and where the sentence stood. [`hydrate()`] finds
//! the text again in a user's own clones of the public archive ([`Archive`]). [`stats`] counts
//! what a corpus holds, [`agreement`] compares two labellings of it, and [`uncertain`] chooses the
//! sentences on which labelling more would help. [`import`] reads the labelled data of other
//! projects. Nothing here trains, measures a model or prints.

pub mod agreement;
pub mod import;
pub mod standoff;
pub mod stats;
pub mod uncertain;

mod archive;
mod error;
mod hydrate;
mod search;

pub use archive::Archive;
pub use error::CorpusError;
pub use hydrate::{Found, Hydrated, hydrate};
