//! Training: fine-tuning of a whole model, of its head alone, and pre-training on plain text.
//!
//! The order of the modules is that of the work: labelled sentences become token sequences with
//! targets ([`data`]), worker threads compute gradients of parts of a batch (`step`) under a
//! [`loss`], one pass of `AdamW` applies them ([`optimizer`]), and the `trainer` drives epochs,
//! evaluation and checkpoints ([`checkpoint`]). Nothing here prints: progress goes to an
//! [`Observer`].
//!
//! A run is a function of its data, options, seed and number of threads: the same four give the
//! same weights bit for bit, also when the run was killed and resumed in between.

pub mod checkpoint;
pub mod data;
mod epochs;
mod error;
pub mod loss;
pub mod optimizer;
mod options;
mod output;
mod pretrain;
mod step;
mod trainer;

pub use error::TrainError;
pub use options::{LayerChoice, Optimisation, TrainOptions};
pub use output::Manifest;
pub use pretrain::{PretrainManifest, PretrainOptions, pretrain};
pub use trainer::{DevFigures, Evaluation, Observer, Outcome, Progress, Silent, train};
