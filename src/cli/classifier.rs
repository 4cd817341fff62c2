//! The classifier of the verbs that read documents: which model, how to run it, what to keep.

use std::time::Instant;

use clap::Args;

use super::args::{EngineArgs, ModelArgs};
use super::cache::{Attached, CacheArgs};
use super::printer::Printer;
use crate::classify::Classifier;

/// The options.
#[derive(Debug, Clone, Args)]
pub struct ClassifierArgs {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// How to run it.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// What to keep of it.
    #[command(flatten)]
    pub cache: CacheArgs,
}

impl ClassifierArgs {
    /// Loads the model, with its cache if one was asked for.
    pub(super) fn load(&self, printer: &Printer) -> anyhow::Result<(Classifier, Attached)> {
        let started = Instant::now();
        let classifier = Classifier::load(&self.model.source(), &self.engine.options())?;
        tracing::info!(
            model = classifier.origin(),
            digest = classifier.digest(),
            engine = %classifier.engine_kind(),
            threads = classifier.threads(),
            ms = started.elapsed().as_secs_f64() * 1e3,
            "model loaded"
        );
        Ok(self.cache.attach(classifier, printer)?)
    }
}
