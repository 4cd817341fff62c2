//! The classifier model: its folder, its checked configuration, its weights, and the encoder with
//! the multi-label head.
//!
//! A model folder follows Hugging Face conventions (`config.json`, `tokenizer.json`,
//! `model.safetensors`) plus `fineprint.json` ([`Settings`]). Everything in it is data from
//! outside: dimensions are checked against each other and against the file before anything is
//! allocated. Nothing here knows of sentences or documents.

mod bert;
mod classifier;
mod composed;
mod config;
pub mod convert;
mod engine;
mod error;
mod family;
mod fast;
mod folder;
mod head;
mod masked;
mod names;
pub mod ops;
mod settings;
mod weights;

pub use bert::{BertEncoder, BertLayer, EncoderGrads, Parameter, Tape};
pub use classifier::CandleEngine;
pub use config::{Activation, EncoderConfig, Link, ModelConfig, Pooling};
pub use engine::{ENGINE_VERSION, Engine, Logits};
pub use error::ModelError;
pub use family::Family;
pub use fast::{FastEngine, Kernel, Numbers, probe};
pub use folder::{ModelFiles, ModelSource};
pub use head::{ClassifierTape, Head, HeadGrads, HeadTape};
pub use masked::{MaskedGrads, MaskedHead};
pub use settings::{CategorySettings, Settings};
pub use weights::{Precision, Weights, part_of};
