//! From text to batches of token ids.
//!
//! [`Tokenizer`] turns a sentence and its context into one [`Encoded`] sequence, or several
//! overlapping windows when it is too long; [`Batch`] packs sequences end to end, without padding,
//! under a token budget. Nothing here knows the model's weights or the labels.

mod batch;
mod context;
mod tokenizer;

pub use batch::{Batch, plan};
pub use context::{Context, Input};
pub use tokenizer::{Encoded, Token, Tokenizer, TokenizerError, Windows};
