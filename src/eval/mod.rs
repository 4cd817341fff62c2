//! Measuring a model: labelled examples, predictions, figures with intervals, thresholds, baselines.
//!
//! The order of the work is the order of the modules: [`examples`] are read, a [`Predictor`] gives
//! [`predictions`], both become aligned [`Outcomes`], of which [`metrics`] (with [`ranking`] and
//! [`calibration`]) are plain functions; [`bootstrap`] puts intervals around them, [`threshold`]
//! chooses the decision rule, and [`report`] shows it all. [`baseline`] holds what a model has to
//! beat. Nothing here loads a model or prints.

pub mod baseline;
pub mod bootstrap;
pub mod calibration;
pub mod examples;
pub mod metrics;
pub mod model;
pub mod predictions;
pub mod ranking;
pub mod report;
pub mod rule;
pub mod scaling;
pub mod tally;
pub mod threshold;

mod error;
mod lbfgs;
mod outcomes;

pub use error::EvalError;
pub use examples::Example;
pub use outcomes::{Decision, Outcomes};
pub use predictions::{Prediction, Predictor};
