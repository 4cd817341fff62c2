//! Logits of inputs that were computed before in this run, under a bound.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use crate::encode::Encoded;

/// What a map entry costs beside its logits: key, pointers and the table's free places.
const OVERHEAD: usize = 96;

/// 128 bits of two hashes under random keys: two inputs of a run that differ do not meet.
type Key = [u64; 2];
/// Logits of one sequence: categories, then denials.
pub type Row = Arc<[f32]>;

/// A map from what the model was fed to what it said; the least recently used half is dropped
/// when it is full.
#[derive(Debug)]
pub(super) struct Seen {
    hashers: [RandomState; 2],
    /// Most bytes; nothing is kept at 0.
    limit: usize,
    maps: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, Row>,
    old: HashMap<Key, Row>,
    /// Bytes of `young`.
    used: usize,
}

impl Seen {
    /// A map of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { hashers: [RandomState::new(), RandomState::new()], limit, maps: Mutex::default() }
    }

    /// Whether anything is kept.
    pub(super) fn is_on(&self) -> bool {
        self.limit > 0
    }

    /// The key of a sequence.
    pub(super) fn key(&self, sequence: &Encoded) -> Key {
        [self.hashers[0].hash_one(sequence), self.hashers[1].hash_one(sequence)]
    }

    /// What was said of the sequences of these keys.
    pub(super) fn get(&self, keys: &[Key]) -> Vec<Option<Row>> {
        if self.limit == 0 {
            return vec![None; keys.len()];
        }
        let mut maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter()
            .map(|key| {
                if let Some(row) = maps.young.get(key) {
                    return Some(Row::clone(row));
                }
                let row = maps.old.remove(key)?;
                self.keep(&mut maps, *key, Row::clone(&row));
                Some(row)
            })
            .collect()
    }

    /// Keeps what was said.
    pub(super) fn insert(&self, entries: impl Iterator<Item = (Key, Row)>) {
        if self.limit == 0 {
            return;
        }
        let mut maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, row) in entries {
            self.keep(&mut maps, key, row);
        }
    }

    fn keep(&self, maps: &mut Generations, key: Key, row: Row) {
        let bytes = size_of_val(&*row) + OVERHEAD;
        if maps.used + bytes > self.limit / 2 {
            maps.old = std::mem::take(&mut maps.young);
            maps.used = 0;
        }
        if maps.young.insert(key, row).is_none() {
            maps.used += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(n: u32) -> Encoded {
        Encoded { ids: vec![n, n + 1], type_ids: vec![0, 0] }
    }

    #[test]
    fn segments_count_and_a_limit_of_nothing_keeps_nothing() {
        let seen = Seen::new(1 << 20);
        let pair = Encoded { ids: vec![1, 2], type_ids: vec![0, 1] };
        assert_ne!(seen.key(&sequence(1)), seen.key(&pair));
        let key = seen.key(&pair);
        seen.insert([(key, Row::from([1.0]))].into_iter());
        assert_eq!(seen.get(&[key])[0].as_deref(), Some(&[1.0f32][..]));
        let none = Seen::new(0);
        none.insert([(key, Row::from([1.0]))].into_iter());
        assert_eq!(none.get(&[key]), [None]);
    }

    #[test]
    fn it_stays_under_its_limit_and_keeps_what_is_used() {
        let entry = 4 + OVERHEAD;
        let seen = Seen::new(20 * entry);
        let keys: Vec<Key> = (0..1000).map(|n| seen.key(&sequence(n))).collect();
        for (n, &key) in keys.iter().enumerate() {
            seen.insert([(key, Row::from([n as f32]))].into_iter());
            assert_eq!(seen.get(&keys[..1])[0].as_deref(), Some(&[0.0f32][..]), "{n}");
            let maps = seen.maps.lock().unwrap();
            assert!(maps.young.len() + maps.old.len() <= 20, "{n}");
        }
        let kept = seen.get(&keys).iter().flatten().count();
        assert!((5..=20).contains(&kept), "{kept}");
        assert_eq!(seen.get(&keys[999..])[0].as_deref(), Some(&[999.0f32][..]));
    }
}
