//! Logits that outlive a run, under keys that say what they are logits of.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::seen::Row;
use super::{Classifier, EngineKind};
use crate::encode::Encoded;
use crate::model::{ENGINE_VERSION, Kernel};

/// SHA-256 of all that logits depend on: model, engine, token and segment ids.
pub type StoreKey = [u8; 32];

/// Where logits are kept between runs.
///
/// Called from all workers at once, with the windows of some sentences each. A store that cannot
/// answer or keep says so by itself elsewhere; the classifier then computes.
pub trait Store: fmt::Debug + Send + Sync {
    /// The logits under each key, as they were put, to the bit.
    fn get(&self, keys: &[StoreKey]) -> Vec<Option<Arc<[f32]>>>;

    /// Keeps logits; must not wait for a disk.
    fn put(&self, rows: Vec<(StoreKey, Arc<[f32]>)>);
}

/// A store, and the part of its keys that is the same for all inputs of a classifier.
#[derive(Debug)]
pub(super) struct Stored {
    store: Arc<dyn Store>,
    context: Sha256,
}

impl Stored {
    pub(super) fn new(
        store: Arc<dyn Store>,
        model_digest: &str,
        kind: EngineKind,
        kernel: Option<Kernel>,
    ) -> Self {
        // Kernels differ in how sums of floats round, so each has results of its own.
        let kernel = kernel.map_or_else(String::new, |kernel| kernel.to_string());
        let mut context = Sha256::new();
        context.update(ENGINE_VERSION.to_le_bytes());
        for part in [model_digest, kind.as_str(), &kernel] {
            context.update((part.len() as u64).to_le_bytes());
            context.update(part.as_bytes());
        }
        Self { store, context }
    }

    fn key(&self, sequence: &Encoded) -> StoreKey {
        let mut bytes = Vec::with_capacity(8 + 8 * sequence.ids.len());
        bytes.extend((sequence.ids.len() as u64).to_le_bytes());
        bytes.extend(sequence.ids.iter().chain(&sequence.type_ids).flat_map(|id| id.to_le_bytes()));
        self.context.clone().chain_update(bytes).finalize().into()
    }

    /// Keys and, where they are kept, logits of sequences; `width` is how many a row has.
    pub(super) fn get<'a>(
        &self,
        sequences: impl Iterator<Item = &'a Encoded>,
        width: usize,
    ) -> Vec<(StoreKey, Option<Row>)> {
        let keys: Vec<StoreKey> = sequences.map(|sequence| self.key(sequence)).collect();
        let mut rows = self.store.get(&keys);
        rows.resize(keys.len(), None);
        let sound = |row: &Row| row.len() == width && row.iter().all(|logit| logit.is_finite());
        keys.into_iter().zip(rows.into_iter().map(|row| row.filter(sound))).collect()
    }

    pub(super) fn put(&self, rows: Vec<(StoreKey, Row)>) {
        self.store.put(rows);
    }
}

/// How many sequences (sentences, or windows of long ones) were computed, and how many were not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Work {
    /// Went through the model.
    pub computed: u64,
    /// Were like others of this run.
    pub repeated: u64,
    /// Were taken from the store.
    pub stored: u64,
}

/// [`Work`] being counted by several threads.
#[derive(Debug, Default)]
pub(super) struct Counters {
    computed: AtomicU64,
    repeated: AtomicU64,
    stored: AtomicU64,
}

impl Counters {
    /// Adds a lot of `all` sequences.
    pub(super) fn add(&self, all: usize, computed: usize, stored: usize) {
        let repeated = all.saturating_sub(computed + stored);
        self.computed.fetch_add(computed as u64, Ordering::Relaxed);
        self.repeated.fetch_add(repeated as u64, Ordering::Relaxed);
        self.stored.fetch_add(stored as u64, Ordering::Relaxed);
    }

    fn now(&self) -> Work {
        Work {
            computed: self.computed.load(Ordering::Relaxed),
            repeated: self.repeated.load(Ordering::Relaxed),
            stored: self.stored.load(Ordering::Relaxed),
        }
    }
}

impl Classifier {
    /// Takes logits from `store` where it has them, and puts there what is computed.
    ///
    /// Scores are the same with and without a store, to the bit.
    #[must_use]
    pub fn with_store(mut self, store: Arc<dyn Store>) -> Self {
        self.stored = Some(Stored::new(store, &self.digest, self.kind, self.kernel));
        self
    }

    /// How much was computed since loading, and how much was not.
    pub fn work(&self) -> Work {
        self.counters.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Nothing;

    impl Store for Nothing {
        fn get(&self, _: &[StoreKey]) -> Vec<Option<Arc<[f32]>>> {
            Vec::new()
        }

        fn put(&self, _: Vec<(StoreKey, Arc<[f32]>)>) {}
    }

    #[test]
    fn keys_depend_on_everything_that_logits_depend_on() {
        let of = |digest: &str, kind, kernel, ids: &[u32], types: &[u32]| {
            let sequence = Encoded { ids: ids.to_vec(), type_ids: types.to_vec() };
            Stored::new(Arc::new(Nothing), digest, kind, kernel).key(&sequence)
        };
        let (int8, f32) = (EngineKind::Int8, EngineKind::F32);
        let keys = [
            of("a", int8, Some(Kernel::Generic), &[1, 2], &[0, 0]),
            of("b", int8, Some(Kernel::Generic), &[1, 2], &[0, 0]),
            of("a", f32, Some(Kernel::Generic), &[1, 2], &[0, 0]),
            of("a", int8, Some(Kernel::Avx2), &[1, 2], &[0, 0]),
            of("a", EngineKind::Candle, None, &[1, 2], &[0, 0]),
            of("a", int8, Some(Kernel::Generic), &[2, 1], &[0, 0]),
            of("a", int8, Some(Kernel::Generic), &[1, 2], &[0, 1]),
            of("a", int8, Some(Kernel::Generic), &[1, 2, 0], &[0, 0, 0]),
            of("a", int8, Some(Kernel::Generic), &[1], &[0]),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert!(keys[..i].iter().all(|b| a != b), "{i}");
        }
        assert_eq!(keys[0], of("a", int8, Some(Kernel::Generic), &[1, 2], &[0, 0]));
    }

    #[test]
    fn a_store_that_answers_less_than_asked_has_nothing() {
        let stored = Stored::new(Arc::new(Nothing), "a", EngineKind::F32, None);
        let got = stored.get([Encoded::default()].iter(), 3);
        assert_eq!(got.len(), 1);
        assert!(got[0].1.is_none());
    }
}
