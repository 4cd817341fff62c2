//! `--cache`: what was computed once is not computed again.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::printer::Printer;
use crate::cache::{Cache, CacheError};
use crate::classify::Classifier;
use crate::limits;

/// The options.
#[derive(Debug, Clone, Default, Args)]
pub struct CacheArgs {
    /// Keep what the model says of each sentence in FILE, and take it from there the next time.
    ///
    /// Results are the same to the bit. The file is made if there is none; several programs may
    /// use it at once. It knows models and engines apart.
    #[arg(long, value_name = "FILE", env = "FINEPRINT_CACHE")]
    pub cache: Option<PathBuf>,
    /// The most that the file of --cache may take, in MiB; what was used least lately is dropped.
    #[arg(long, value_name = "MIB", default_value_t = limits::CACHE_BYTES >> 20)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..1 << 20))]
    pub cache_limit: u64,
}

/// A classifier's cache while a verb runs.
#[derive(Debug)]
pub struct Attached(Option<Arc<Cache>>);

impl CacheArgs {
    /// Gives a classifier the cache that was asked for, if any.
    ///
    /// # Errors
    /// [`CacheError::Refused`]. A cache that cannot be used is a warning, and the run goes on
    /// without it.
    pub fn attach(
        &self,
        classifier: Classifier,
        printer: &Printer,
    ) -> Result<(Classifier, Attached), CacheError> {
        let Some(path) = &self.cache else { return Ok((classifier, Attached(None))) };
        match Cache::open(path, self.cache_limit << 20) {
            Ok(cache) => {
                let cache = Arc::new(cache);
                let store = Arc::clone(&cache);
                Ok((classifier.with_store(store), Attached(Some(cache))))
            }
            Err(refused @ CacheError::Refused { .. }) => Err(refused),
            Err(unusable) => {
                printer.warning(format_args!("no cache: {unusable}"));
                Ok((classifier, Attached(None)))
            }
        }
    }
}

impl Attached {
    /// Writes what is still to be written, and says how much the cache saved or why it did not.
    pub fn finish(self, classifier: &Classifier, printer: &Printer) {
        let Some(cache) = self.0 else { return };
        let work = classifier.work();
        match cache.close() {
            Some(trouble) => {
                printer.warning(format_args!("the cache was not used to the end: {trouble}"));
            }
            None => printer.note(format_args!(
                "{} inputs: {} computed, {} from the cache, {} repeated",
                work.computed + work.stored + work.repeated,
                work.computed,
                work.stored,
                work.repeated
            )),
        }
    }
}
