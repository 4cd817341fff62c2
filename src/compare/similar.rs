//! Sentences that are not the same but say nearly the same, among those left over.
//!
//! The similarity is Dice's coefficient of the two sets of words, each word weighted by how rare
//! it is in both editions (Spärck Jones 1972). Candidates come from an inverted index on words, so
//! that the work grows with the number of sentences and not with its square.

use std::collections::HashMap;
use std::sync::Arc;

use super::form::Form;

/// Least similarity of sentences that stand between the same neighbours.
const NEAR: f32 = 0.4;
/// Least similarity of sentences that stand elsewhere.
const FAR: f32 = 0.6;
/// A word that more leftover sentences have finds no candidates.
const COMMON: usize = 64;
/// How many of a sentence's rarest words find candidates.
const RAREST: usize = 12;
/// How many candidates of a sentence are compared with it.
const CANDIDATES: usize = 16;

/// How much words tell, by how rare they are.
#[derive(Debug)]
pub(super) struct Weights {
    sentences: f32,
    counts: HashMap<u32, u32>,
}

impl Weights {
    /// Counts in how many sentences of both editions each word is.
    pub(super) fn count(old: &[Arc<Form>], new: &[Arc<Form>]) -> Self {
        let mut counts = HashMap::new();
        for form in old.iter().chain(new) {
            for word in &form.set {
                *counts.entry(*word).or_insert(0) += 1;
            }
        }
        Self { sentences: (old.len() + new.len()) as f32, counts }
    }

    fn of(&self, word: u32) -> f32 {
        let count = self.counts.get(&word).copied().unwrap_or(0).max(1) as f32;
        (1.0 + self.sentences / count).ln()
    }

    fn sum(&self, words: &[u32]) -> f32 {
        words.iter().map(|word| self.of(*word)).sum()
    }

    /// The weight of words that are in both sorted sets.
    fn shared(&self, one: &[u32], other: &[u32]) -> f32 {
        let (mut i, mut j, mut sum) = (0, 0, 0.0);
        while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
            if a == b {
                sum += self.of(*a);
            }
            i += usize::from(a <= b);
            j += usize::from(b <= a);
        }
        sum
    }

    /// Dice's coefficient of two sorted sets, 0 to 1.
    pub(super) fn dice(&self, one: &[u32], other: &[u32]) -> f32 {
        2.0 * self.shared(one, other) / (self.sum(one) + self.sum(other)).max(f32::MIN_POSITIVE)
    }

    /// How much of `part` is in `whole`, 0 to 1.
    pub(super) fn contained(&self, part: &[u32], whole: &[u32]) -> f32 {
        self.shared(part, whole) / self.sum(part).max(f32::MIN_POSITIVE)
    }
}

/// A sentence left over, with the number of the gap between unmoved neighbours that it stands in.
#[derive(Debug, Clone)]
pub(super) struct Leftover {
    pub(super) at: usize,
    pub(super) gap: usize,
    pub(super) form: Arc<Form>,
}

/// Pairs of similar sentences `(old, new)`, each sentence in at most one; the most similar first.
pub(super) fn pair(old: &[Leftover], new: &[Leftover], weights: &Weights) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = candidates(old, new, weights);
    found.extend(candidates(new, old, weights).into_iter().map(|(new, old)| (old, new)));
    found.sort_unstable();
    found.dedup();
    let mut scored: Vec<(f32, usize, usize)> = found
        .into_iter()
        .filter_map(|(i, j)| {
            let score = weights.dice(&old[i].form.set, &new[j].form.set);
            let is_near = old[i].gap == new[j].gap;
            // Of equals, the one in place is meant.
            let bonus = if is_near { 0.1 } else { 0.0 };
            (score >= if is_near { NEAR } else { FAR }).then_some((score + bonus, i, j))
        })
        .collect();
    // Ties in an order that is the same when old and new are swapped.
    scored.sort_by_key(|(_, i, j)| {
        let (i, j) = (old[*i].at, new[*j].at);
        (i.abs_diff(j), i + j)
    });
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut old_taken, mut new_taken) = (vec![false; old.len()], vec![false; new.len()]);
    let mut pairs = Vec::new();
    for (_, i, j) in scored {
        if !old_taken[i] && !new_taken[j] {
            (old_taken[i], new_taken[j]) = (true, true);
            pairs.push((old[i].at, new[j].at));
        }
    }
    pairs
}

/// For each of `from`, those of `to` that share the most of its rarest words.
fn candidates(from: &[Leftover], to: &[Leftover], weights: &Weights) -> Vec<(usize, usize)> {
    let mut index: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, leftover) in to.iter().enumerate() {
        for word in &leftover.form.set {
            let places = index.entry(*word).or_default();
            if places.len() <= COMMON {
                places.push(at);
            }
        }
    }
    let mut gaps: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, leftover) in to.iter().enumerate() {
        let places = gaps.entry(leftover.gap).or_default();
        if places.len() < CANDIDATES {
            places.push(at);
        }
    }
    let mut found = Vec::new();
    for (at, leftover) in from.iter().enumerate() {
        let mut words: Vec<(f32, u32)> = leftover
            .form
            .set
            .iter()
            .filter(|word| index.get(word).is_some_and(|places| places.len() <= COMMON))
            .map(|word| (weights.of(*word), *word))
            .collect();
        words.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut shared: HashMap<usize, f32> = HashMap::new();
        for (weight, word) in words.into_iter().take(RAREST) {
            for other in index.get(&word).into_iter().flatten() {
                *shared.entry(*other).or_default() += weight;
            }
        }
        let mut best: Vec<(usize, f32)> = shared.into_iter().collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.extend(best.into_iter().take(CANDIDATES).map(|(other, _)| (at, other)));
        // Short sentences may share common words alone.
        let near = gaps.get(&leftover.gap).into_iter().flatten();
        found.extend(near.map(|other| (at, *other)));
    }
    found
}
