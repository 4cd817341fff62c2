//! Which sentences of two editions belong together.

use std::ops::Range;
use std::sync::Arc;

use super::exact;
use super::form::Form;
use super::similar::{self, Leftover, Weights};

/// How much of a part must be in the whole that it was split from.
const PART: f32 = 0.7;
/// By how much a part must make its like more similar to the whole.
const GAIN: f32 = 0.03;
/// Most sentences that one was split into, or that were merged into one.
const PARTS: usize = 4;

/// Sentences of both editions that belong together; several on one side at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Numbers of old sentences.
    pub old: Range<usize>,
    /// Numbers of new sentences.
    pub new: Range<usize>,
    /// Nothing that counts differs.
    pub is_same: bool,
    /// It stands in another place of the order.
    pub is_moved: bool,
}

/// How two editions lie beside each other. Every sentence is in exactly one of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alignment {
    /// What is in both, by the place in the new edition.
    pub links: Vec<Link>,
    /// Numbers of old sentences that are gone.
    pub removed: Vec<usize>,
    /// Numbers of new sentences that were not there.
    pub added: Vec<usize>,
}

/// Aligns two editions whose forms are of one lexicon.
///
/// Same sentences first, then similar ones among the rest, then those split in parts or merged.
/// The time is near linear in the number of sentences.
///
/// ```
/// use fineprint::compare::{Lexicon, align};
///
/// let mut lexicon = Lexicon::default();
/// let mut forms = |texts: &[&str]| texts.iter().map(|t| lexicon.form(t)).collect::<Vec<_>>();
/// let old = forms(&["1. We collect your name.", "We never sell your data."]);
/// let new = forms(&["2. We collect your name.", "We sometimes sell your data."]);
/// let alignment = align(&old, &new);
/// assert!(alignment.links[0].is_same && !alignment.links[1].is_same);
/// ```
pub fn align(old: &[Arc<Form>], new: &[Arc<Form>]) -> Alignment {
    let same = exact::pair(old, new);
    let mut links: Vec<Link> = Vec::with_capacity(old.len());
    for (i, j) in same.of_old.iter().enumerate() {
        if let Some(j) = *j {
            let is_moved = !same.in_order[i];
            links.push(Link { old: i..i + 1, new: j..j + 1, is_same: true, is_moved });
        }
    }
    let gap_of = |places: Vec<usize>| move |at: usize| places.partition_point(|p| *p < at);
    let stayed = || links.iter().filter(|link| !link.is_moved);
    let old_gap = gap_of(stayed().map(|link| link.old.start).collect());
    let new_gap = gap_of(stayed().map(|link| link.new.start).collect());
    let left = |forms: &[Arc<Form>], pairs: &[Option<usize>], gap: &dyn Fn(usize) -> usize| {
        let free = (0..forms.len()).filter(|at| pairs[*at].is_none());
        let one = |at| Leftover { at, gap: gap(at), form: Arc::clone(&forms[at]) };
        free.map(one).collect::<Vec<_>>()
    };
    let old_left = left(old, &same.of_old, &old_gap);
    let new_left = left(new, &same.of_new, &new_gap);
    if !old_left.is_empty() && !new_left.is_empty() {
        let weights = Weights::count(old, new);
        let mut similar: Vec<Link> = similar::pair(&old_left, &new_left, &weights)
            .into_iter()
            .map(|(i, j)| Link {
                old: i..i + 1,
                new: j..j + 1,
                is_same: false,
                is_moved: old_gap(i) != new_gap(j),
            })
            .collect();
        let parts = Parts { old, new, weights: &weights };
        parts.extend(&mut similar, &old_left, &new_left);
        links.append(&mut similar);
    }
    links.sort_by_key(|link| (link.new.start, link.old.start));
    let taken = |side: fn(&Link) -> &Range<usize>, count: usize| {
        let mut taken = vec![false; count];
        links.iter().flat_map(|link| side(link).clone()).for_each(|at| taken[at] = true);
        (0..count).filter(|at| !taken[*at]).collect()
    };
    let (removed, added) = (taken(|l| &l.old, old.len()), taken(|l| &l.new, new.len()));
    Alignment { links, removed, added }
}

/// Finds sentences that were split into several, or several that were merged.
struct Parts<'a> {
    old: &'a [Arc<Form>],
    new: &'a [Arc<Form>],
    weights: &'a Weights,
}

impl Parts<'_> {
    /// Adds leftover neighbours to the links of which they are a part.
    fn extend(&self, links: &mut [Link], old_left: &[Leftover], new_left: &[Leftover]) {
        let free = |left: &[Leftover], count: usize| {
            let mut free = vec![false; count];
            left.iter().for_each(|leftover| free[leftover.at] = true);
            free
        };
        let mut old_free = free(old_left, self.old.len());
        let mut new_free = free(new_left, self.new.len());
        for link in links.iter() {
            old_free[link.old.start] = false;
            new_free[link.new.start] = false;
        }
        links.sort_by_key(|link| (link.new.start.min(link.old.start), link.old.start));
        for link in links.iter_mut() {
            let split = self.grown(self.new, &link.new, &self.old[link.old.start], &new_free);
            let merged = self.grown(self.old, &link.old, &self.new[link.new.start], &old_free);
            // One sentence against several, never several against several.
            if split.len() >= merged.len() {
                link.new = split;
            } else {
                link.old = merged;
            }
            link.new.clone().for_each(|at| new_free[at] = false);
            link.old.clone().for_each(|at| old_free[at] = false);
            link.is_same = sequence(self.old, &link.old).eq(sequence(self.new, &link.new));
        }
    }

    /// `range` with the free neighbours that are parts of `whole` and fill it up.
    fn grown(
        &self,
        forms: &[Arc<Form>],
        range: &Range<usize>,
        whole: &Form,
        free: &[bool],
    ) -> Range<usize> {
        let mut range = range.clone();
        let union = |range: &Range<usize>| {
            let words = forms[range.clone()].iter().flat_map(|form| form.set.iter().copied());
            let mut words: Vec<u32> = words.collect();
            words.sort_unstable();
            words.dedup();
            words
        };
        let mut score = self.weights.dice(&union(&range), &whole.set);
        while range.len() < PARTS {
            let before = range.start.checked_sub(1).map(|at| (at, at..range.end));
            let after = (range.end < forms.len()).then(|| (range.end, range.start..range.end + 1));
            let better = before
                .into_iter()
                .chain(after)
                .filter(|(at, _)| free[*at])
                .filter(|(at, _)| self.weights.contained(&forms[*at].set, &whole.set) >= PART)
                .map(|(_, wider)| (self.weights.dice(&union(&wider), &whole.set), wider))
                .filter(|(with, _)| *with > score + GAIN)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let Some((with, wider)) = better else { break };
            (score, range) = (with, wider);
        }
        range
    }
}

/// The words of several sentences, in order.
fn sequence<'a>(
    forms: &'a [Arc<Form>],
    range: &Range<usize>,
) -> impl Iterator<Item = &'a u32> + use<'a> {
    forms[range.clone()].iter().flat_map(|form| form.sequence.iter())
}
