//! Which sentences to label next: those on which a model is unsure, and unlike each other.
//!
//! A sentence's worth is how near its probabilities are to the thresholds, category by category.
//! The choice is greedy: what a category gains falls the more doubt about it has been chosen
//! already, so that one weak category does not fill the list, and what resembles a chosen sentence
//! counts for less. A part is drawn at random, because figures and calibration can be had only from
//! sentences that no model chose.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};

use crate::model::CategorySettings;
use crate::segment::words::{ID_BYTES, Underscore, Words};

/// Sentences that share more than this part of their words (Jaccard) are the same to a labeller.
const NEAR_DUPLICATE: f32 = 0.7;

/// A sentence that may be chosen.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The sentence.
    pub text: &'a str,
    /// Doubt by category, as [`doubts`] gives it.
    pub doubts: &'a [f32],
}

/// How to choose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choosing {
    /// How many sentences at most.
    pub count: usize,
    /// How many words to read at most, all chosen sentences together.
    pub budget_words: Option<usize>,
    /// Which part of them is drawn at random, 0 to 1.
    pub random_share: f32,
    /// Seed of what is random; the same seed gives the same choice.
    pub seed: u64,
}

/// A sentence that was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Index of the candidate.
    pub index: usize,
    /// Whether it was drawn at random, not for its doubt.
    pub is_random: bool,
}

/// How unsure a model is of each category of a sentence: 0 for sure, 1 at the threshold.
///
/// `category` and `denied` are P(category) and P(denied | category) in the order of `settings`;
/// `denied` may be empty. The stance counts as far as the category is probable.
pub fn doubts(category: &[f32], denied: &[f32], settings: &[CategorySettings]) -> Vec<f32> {
    let each = category.iter().zip(settings).enumerate();
    each.map(|(i, (&about, settings))| {
        let stance = denied.get(i).map_or(0.0, |&denied| doubt(denied, settings.stance_threshold));
        doubt(about, settings.threshold).max(stance * about)
    })
    .collect()
}

/// Falls off fast, or many categories that are nearly sure would add up to an unsure sentence.
fn doubt(p: f32, threshold: f32) -> f32 {
    let logit = |p: f32| {
        let p = p.clamp(1e-6, 1.0 - 1e-6);
        (p / (1.0 - p)).ln()
    };
    let shifted = 1.0 / (1.0 + (logit(threshold) - logit(p)).exp());
    (4.0 * shifted * (1.0 - shifted)).powi(2)
}

/// Chooses sentences to label: the random ones first, then the others, best first.
///
/// Of sentences with the same words only the first can be chosen.
pub fn choose(candidates: &[Candidate<'_>], how: &Choosing) -> Vec<Choice> {
    let mut interned = HashMap::new();
    let mut seen: HashSet<[u8; ID_BYTES]> = HashSet::new();
    let mut pool = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let words = Words::of(candidate.text, Underscore::InWord);
        if words.len() > 0 && seen.insert(words.id(words.len())) {
            let order = mix(how.seed ^ mix(index as u64 + 1));
            pool.push(Entry {
                index,
                order,
                length: words.len(),
                words: word_set(&words, &mut interned),
            });
        }
    }
    let mut budget = how.budget_words.unwrap_or(usize::MAX);
    let mut choices = Vec::new();
    pool.sort_unstable_by_key(|entry| (entry.order, entry.index));
    let random = (how.count as f32 * how.random_share.clamp(0.0, 1.0)).round() as usize;
    let random_words = (budget as f64 * f64::from(how.random_share.clamp(0.0, 1.0))) as usize;
    let mut left = if how.budget_words.is_some() { random_words } else { usize::MAX };
    let mut chosen: Vec<Entry> = Vec::new();
    let mut rest: Vec<Entry> = Vec::with_capacity(pool.len());
    for entry in pool {
        if chosen.len() < random && entry.length <= left {
            left -= entry.length;
            budget = budget.saturating_sub(entry.length);
            choices.push(Choice { index: entry.index, is_random: true });
            chosen.push(entry);
        } else {
            rest.push(entry);
        }
    }
    let wanted = how.count.saturating_sub(choices.len());
    for index in greedy(candidates, rest, chosen, wanted, budget) {
        choices.push(Choice { index, is_random: false });
    }
    choices
}

/// A candidate in the pool.
#[derive(Debug)]
struct Entry {
    index: usize,
    /// Random, decides among equals.
    order: u64,
    length: usize,
    /// Its different words, as sorted numbers.
    words: Vec<u32>,
}

/// A candidate on the heap with its gain as it was when `seen` sentences had been chosen.
#[derive(Debug)]
struct Waiting {
    gain: f32,
    entry: Entry,
    similarity: f32,
    seen: usize,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = (self.entry.order, self.entry.index);
        self.gain
            .total_cmp(&other.gain)
            .then_with(|| order.cmp(&(other.entry.order, other.entry.index)))
    }
}

/// Greedy choice with lazy evaluation (Minoux 1978): gains only fall, so a candidate is looked at
/// again only when it comes to the top.
fn greedy(
    candidates: &[Candidate<'_>],
    pool: Vec<Entry>,
    mut chosen: Vec<Entry>,
    wanted: usize,
    mut budget: usize,
) -> Vec<usize> {
    let doubts = |index: usize| candidates.get(index).map_or(&[][..], |c| c.doubts);
    let categories = candidates.iter().map(|c| c.doubts.len()).max().unwrap_or(0);
    // How much doubt of one category makes the next half as welcome: its even share of the list.
    let share = (wanted as f32 / categories.max(1) as f32).max(1.0);
    let mut taken = vec![0.0_f32; categories];
    let gain = |taken: &[f32], index: usize| -> f32 {
        let pairs = doubts(index).iter().zip(taken);
        pairs.map(|(doubt, taken)| share * (doubt / (share + taken)).ln_1p()).sum()
    };
    let mut heap: BinaryHeap<Waiting> = pool
        .into_iter()
        .map(|entry| Waiting { gain: gain(&taken, entry.index), entry, similarity: 0.0, seen: 0 })
        .collect();
    let mut indices = Vec::new();
    while indices.len() < wanted {
        let Some(mut top) = heap.pop() else { break };
        if top.entry.length > budget {
            continue;
        }
        if top.seen < chosen.len() || indices.is_empty() {
            for other in chosen.iter().skip(top.seen) {
                top.similarity = top.similarity.max(jaccard(&top.entry.words, &other.words));
            }
            top.seen = chosen.len();
            top.gain = gain(&taken, top.entry.index) * (1.0 - top.similarity);
            if top.similarity > NEAR_DUPLICATE {
                continue;
            }
            if heap.peek().is_some_and(|next| *next > top) {
                heap.push(top);
                continue;
            }
        }
        for (taken, doubt) in taken.iter_mut().zip(doubts(top.entry.index)) {
            *taken += doubt;
        }
        budget -= top.entry.length;
        indices.push(top.entry.index);
        chosen.push(top.entry);
    }
    indices
}

fn word_set(words: &Words<'_>, interned: &mut HashMap<String, u32>) -> Vec<u32> {
    let mut set = Vec::with_capacity(words.len());
    for i in 0..words.len() {
        let word = words.key(i..i + 1);
        let next = interned.len() as u32;
        let number = match interned.get(word) {
            Some(&number) => number,
            None => *interned.entry(word.to_owned()).or_insert(next),
        };
        set.push(number);
    }
    set.sort_unstable();
    set.dedup();
    set
}

/// Shared words over all words of two sorted sets.
fn jaccard(a: &[u32], b: &[u32]) -> f32 {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        shared += usize::from(x == y);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    shared as f32 / (a.len() + b.len() - shared).max(1) as f32
}

/// The finaliser of `SplitMix64`: a good hash of a counter.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENLY: Choosing = Choosing { count: 2, budget_words: None, random_share: 0.0, seed: 1 };

    fn chosen(candidates: &[(&str, &[f32])], how: Choosing) -> Vec<usize> {
        let candidates: Vec<Candidate<'_>> =
            candidates.iter().map(|&(text, doubts)| Candidate { text, doubts }).collect();
        choose(&candidates, &how).into_iter().map(|choice| choice.index).collect()
    }

    #[test]
    fn doubt_is_greatest_at_the_threshold() {
        let settings = CategorySettings {
            threshold: 0.3,
            stance_threshold: 0.6,
            ..CategorySettings::default()
        };
        let of = |category: f32, denied: f32| doubts(&[category], &[denied], &[settings])[0];
        assert!((of(0.3, 0.0) - 1.0).abs() < 1e-5);
        assert!(of(0.5, 0.0) < of(0.4, 0.0) && of(0.1, 0.0) < of(0.2, 0.0));
        assert!(of(0.999, 0.0) < 0.01 && of(0.001, 0.6) < 0.01);
        assert!((of(0.99, 0.6) - 0.99).abs() < 1e-3);
        assert_eq!(doubts(&[0.3, 0.3], &[], &[settings; 2]).len(), 2);
        assert!(of(f32::NAN, 0.0).is_nan() || of(f32::NAN, 0.0) >= 0.0);
    }

    #[test]
    fn the_most_doubtful_come_first_and_near_duplicates_not_at_all() {
        let picked = chosen(
            &[
                ("we may keep your data for a year", &[0.2]),
                ("we may share your data with our partners", &[0.9]),
                ("we may share your data with our partners too", &[0.89]),
                ("We may share your data, with our partners.", &[0.95]),
                ("cookies last thirty days", &[0.3]),
            ],
            Choosing { count: 5, ..EVENLY },
        );
        assert_eq!(picked, [1, 4, 0]);
    }

    #[test]
    fn one_weak_category_does_not_fill_the_list() {
        let texts: Vec<String> = (0..12).map(|i| format!("alpha{i} beta{i} gamma{i}")).collect();
        let doubts: Vec<[f32; 2]> =
            (0..12).map(|i| if i < 10 { [0.9, 0.0] } else { [0.0, 0.6] }).collect();
        let candidates: Vec<(&str, &[f32])> =
            texts.iter().zip(&doubts).map(|(text, doubts)| (text.as_str(), &doubts[..])).collect();
        let picked = chosen(&candidates, Choosing { count: 6, ..EVENLY });
        assert_eq!(picked.iter().filter(|&&i| i >= 10).count(), 2, "{picked:?}");
    }

    #[test]
    fn budget_seed_and_random_share_hold() {
        let texts: Vec<String> =
            (0..40).map(|i| format!("one{i} two{i} three{i} four{i}")).collect();
        let doubts = [0.5_f32];
        let candidates: Vec<(&str, &[f32])> =
            texts.iter().map(|text| (text.as_str(), &doubts[..])).collect();
        let how = Choosing { count: 30, budget_words: Some(42), random_share: 0.5, seed: 7 };
        let picked = chosen(&candidates, how);
        assert_eq!(picked.len(), 10);
        assert_eq!(picked, chosen(&candidates, how));
        assert_ne!(picked, chosen(&candidates, Choosing { seed: 8, ..how }));
        let all: Vec<Candidate<'_>> =
            texts.iter().map(|text| Candidate { text, doubts: &doubts }).collect();
        let random = choose(&all, &Choosing { count: 20, budget_words: None, ..how });
        assert_eq!(random.iter().filter(|choice| choice.is_random).count(), 10);
        assert_eq!(random.iter().map(|choice| choice.index).collect::<HashSet<_>>().len(), 20);
        assert!(chosen(&[], how).is_empty() && chosen(&[("…", &[1.0])], how).is_empty());
    }
}
