//! Sentences that are the same in both editions.
//!
//! Those that occur once in each are paired wherever they stand; from them pairs spread to their
//! neighbours, as in patience diff (Bram Cohen's), so that of repeated sentences those are paired
//! that stand in the same surroundings; what is left is paired in order. The longest run of pairs
//! in the same order on both sides is what stayed in place.

use std::collections::HashMap;
use std::sync::Arc;

use super::form::Form;

/// Pairs of the same sentences.
#[derive(Debug)]
pub(super) struct Pairs {
    /// For each old sentence its new one.
    pub(super) of_old: Vec<Option<usize>>,
    /// For each new sentence its old one.
    pub(super) of_new: Vec<Option<usize>>,
    /// For each old sentence that is paired, whether it stayed in order.
    pub(super) in_order: Vec<bool>,
}

impl Pairs {
    fn join(&mut self, old: usize, new: usize) {
        self.of_old[old] = Some(new);
        self.of_new[new] = Some(old);
    }

    fn are_free(&self, old: usize, new: usize) -> bool {
        self.of_old[old].is_none() && self.of_new[new].is_none()
    }
}

/// Pairs what is the same, in time that grows with the number of sentences.
pub(super) fn pair(old: &[Arc<Form>], new: &[Arc<Form>]) -> Pairs {
    let mut places: HashMap<u32, (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (at, form) in old.iter().enumerate() {
        places.entry(form.key).or_default().0.push(at);
    }
    for (at, form) in new.iter().enumerate() {
        places.entry(form.key).or_default().1.push(at);
    }
    let mut pairs = Pairs {
        of_old: vec![None; old.len()],
        of_new: vec![None; new.len()],
        in_order: vec![false; old.len()],
    };
    for (olds, news) in places.values() {
        if let ([old], [new]) = (&olds[..], &news[..]) {
            pairs.join(*old, *new);
        }
    }
    spread(&mut pairs, old, new);
    for form in old {
        let Some((olds, news)) = places.remove(&form.key) else { continue };
        let olds = olds.iter().filter(|at| pairs.of_old[**at].is_none());
        let news = news.iter().filter(|at| pairs.of_new[**at].is_none());
        let rest: Vec<(usize, usize)> = olds.copied().zip(news.copied()).collect();
        rest.into_iter().for_each(|(old, new)| pairs.join(old, new));
    }
    mark_order(&mut pairs);
    pairs
}

/// Pairs the free neighbours of pairs that are the same, forwards and then backwards.
fn spread(pairs: &mut Pairs, old: &[Arc<Form>], new: &[Arc<Form>]) {
    // The documents' beginnings and ends are neighbours too.
    let mut expected = Some(0);
    for (at, form) in old.iter().enumerate() {
        if let Some(next) = expected.filter(|next| *next < new.len())
            && pairs.are_free(at, next)
            && new[next].key == form.key
        {
            pairs.join(at, next);
        }
        expected = pairs.of_old[at].map(|new| new + 1);
    }
    let mut expected = new.len().checked_sub(1);
    for (at, form) in old.iter().enumerate().rev() {
        if let Some(next) = expected
            && pairs.are_free(at, next)
            && new[next].key == form.key
        {
            pairs.join(at, next);
        }
        expected = pairs.of_old[at].and_then(|new| new.checked_sub(1));
    }
}

/// Finds a longest increasing run of new places (patience sorting).
fn mark_order(pairs: &mut Pairs) {
    let joined: Vec<(usize, usize)> =
        pairs.of_old.iter().enumerate().filter_map(|(old, new)| Some((old, (*new)?))).collect();
    // `ends[n]` is the pair that ends the run of n + 1 pairs with the smallest end.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(joined.len());
    for (i, (_, new)) in joined.iter().enumerate() {
        let length = ends.partition_point(|&end| joined[end].1 < *new);
        before.push(length.checked_sub(1).map(|last| ends[last]));
        if length == ends.len() {
            ends.push(i);
        } else {
            ends[length] = i;
        }
    }
    let mut at = ends.last().copied();
    while let Some(i) = at {
        pairs.in_order[joined[i].0] = true;
        at = before[i];
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::Lexicon;
    use super::*;

    fn paired(old: &str, new: &str) -> (Vec<Option<usize>>, Vec<bool>) {
        let mut lexicon = Lexicon::default();
        let mut forms =
            |text: &str| text.split(' ').map(|word| lexicon.form(word)).collect::<Vec<_>>();
        let (old, new) = (forms(old), forms(new));
        let pairs = pair(&old, &new);
        for (i, j) in pairs.of_new.iter().enumerate() {
            assert!(j.is_none_or(|j| pairs.of_old[j] == Some(i)));
        }
        (pairs.of_old, pairs.in_order)
    }

    #[test]
    fn repeated_sentences_go_with_their_neighbours() {
        // The second "x" belongs to "b", although the first comes first.
        let (of_old, _) = paired("a x b x c", "b x c");
        assert_eq!(of_old, [None, None, Some(0), Some(1), Some(2)]);
        let (of_old, _) = paired("x x", "x x x");
        assert_eq!(of_old, [Some(0), Some(1)]);
    }

    #[test]
    fn what_moved_is_told_from_what_stayed() {
        let (of_old, in_order) = paired("a b c d", "d a b c");
        assert_eq!(of_old, [Some(1), Some(2), Some(3), Some(0)]);
        assert_eq!(in_order, [true, true, true, false]);
    }
}
