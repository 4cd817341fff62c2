//! Intervals around figures, and whether one system is better than another: bootstrap over
//! documents.
//!
//! Sentences of one document resemble each other, so it is documents that are drawn with
//! replacement. What is drawn are the documents' tallies, which makes 2,000 draws a matter of
//! milliseconds. Every draw has its own random stream from (seed, number), so results do not depend
//! on the number of threads. Figures that are no function of tallies (average precision) get no
//! interval.

use std::collections::HashMap;

use rayon::prelude::*;
use serde::Serialize;

use super::calibration::{self, BINS};
use super::tally::Tally;
use super::{Example, Outcomes};

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Number of resamples.
    pub resamples: usize,
    /// Seed of the random stream.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 2_000, seed: 1 }
    }
}

/// A figure with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The figure on the examples as they are.
    pub value: f64,
    /// The 2.5th percentile of the resamples.
    pub low: f64,
    /// The 97.5th percentile of the resamples.
    pub high: f64,
}

/// Intervals of the figures of one system.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intervals {
    /// Number of documents that were drawn from.
    pub documents: usize,
    /// Number of resamples.
    pub resamples: usize,
    /// Seed of the random stream.
    pub seed: u64,
    /// By figure; a figure that does not exist on these examples has none.
    pub figures: Vec<(Figure, Option<Interval>)>,
    /// F1 by category, in the order of the label set.
    pub category_f1: Vec<Option<Interval>>,
}

/// The figures that get an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Micro-F1 over categories.
    MicroF1,
    /// Macro-F1 over categories.
    MacroF1,
    /// Micro-F1 over labels with stance.
    LabelMicroF1,
    /// Macro-F1 over labels with stance.
    LabelMacroF1,
    /// Share of examples with exactly the gold labels, stance included.
    ExactMatch,
    /// Share of the found gold categories read with the opposite stance.
    OppositeRate,
    /// Expected calibration error of P(category).
    Ece,
    /// Brier score of P(category).
    Brier,
}

impl Figure {
    /// All of them in report order.
    pub const ALL: [Self; 8] = [
        Self::MicroF1,
        Self::MacroF1,
        Self::LabelMicroF1,
        Self::LabelMacroF1,
        Self::ExactMatch,
        Self::OppositeRate,
        Self::Ece,
        Self::Brier,
    ];

    /// What a report calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::MicroF1 => "micro-F1, categories",
            Self::MacroF1 => "macro-F1, categories",
            Self::LabelMicroF1 => "micro-F1, with stance",
            Self::LabelMacroF1 => "macro-F1, with stance",
            Self::ExactMatch => "exact match, with stance",
            Self::OppositeRate => "read with the opposite stance",
            Self::Ece => "expected calibration error",
            Self::Brier => "Brier score",
        }
    }

    /// Whether a higher value is a better one.
    pub fn higher_is_better(self) -> bool {
        !matches!(self, Self::OppositeRate | Self::Ece | Self::Brier)
    }

    fn of(self, sums: &Sums) -> Option<f64> {
        let tally = &sums.tally;
        match self {
            Self::MicroF1 => tally.over_categories().micro.f1,
            Self::MacroF1 => tally.over_categories().macro_f1,
            Self::LabelMicroF1 => tally.over_labels().micro.f1,
            Self::LabelMacroF1 => tally.over_labels().macro_f1,
            Self::ExactMatch => tally.over_labels().exact_match,
            Self::OppositeRate => tally.stance().opposite_rate(),
            Self::Ece => sums.ece(),
            Self::Brier => sums.brier(),
        }
    }
}

/// What adds up over documents.
#[derive(Debug, Clone)]
struct Sums {
    tally: Tally,
    /// By reliability bin of the whole sample: cells, sum of probabilities, sum of truths.
    bins: [[f64; 3]; BINS],
    squares: f64,
}

impl Sums {
    fn new(columns: usize) -> Self {
        Self { tally: Tally::new(columns), bins: [[0.0; 3]; BINS], squares: 0.0 }
    }

    fn add(&mut self, other: &Self, times: u64) {
        self.tally.add(&other.tally, times);
        let weight = times as f64;
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            for (a, b) in mine.iter_mut().zip(theirs) {
                *a += weight * b;
            }
        }
        self.squares += weight * other.squares;
    }

    fn cells(&self) -> f64 {
        self.bins.iter().map(|bin| bin[0]).sum()
    }

    fn ece(&self) -> Option<f64> {
        let gaps: f64 =
            self.bins.iter().map(|[_, predicted, true_]| (predicted - true_).abs()).sum();
        (self.cells() > 0.0).then(|| gaps / self.cells())
    }

    fn brier(&self) -> Option<f64> {
        (self.cells() > 0.0).then(|| self.squares / self.cells())
    }
}

/// The sums of every document, in the order of first appearance.
fn by_document(examples: &[Example], outcomes: &Outcomes) -> Vec<Sums> {
    let mut index: HashMap<String, usize> = HashMap::new();
    let mut rows = Vec::with_capacity(examples.len());
    let mut sums: Vec<Sums> = Vec::new();
    for (row, example) in examples.iter().enumerate().take(outcomes.rows()) {
        let document = *index.entry(example.document()).or_insert(sums.len());
        if document == sums.len() {
            sums.push(Sums::new(outcomes.columns()));
        }
        sums[document].tally.record(outcomes, row);
        rows.push(document);
    }
    let edges: Vec<f64> =
        calibration::of_categories(outcomes).bins.iter().map(|bin| bin.high).collect();
    for (row, p, truth) in calibration::category_cells(outcomes) {
        let Some(&document) = rows.get(row) else { continue };
        let bin = edges.partition_point(|&high| high < p).min(BINS - 1);
        let truth = f64::from(u8::from(truth));
        let cells = &mut sums[document].bins[bin];
        cells[0] += 1.0;
        cells[1] += p;
        cells[2] += truth;
        sums[document].squares += (p - truth).powi(2);
    }
    sums
}

fn total(documents: &[Sums], columns: usize) -> Sums {
    let mut sum = Sums::new(columns);
    documents.iter().for_each(|document| sum.add(document, 1));
    sum
}

/// 95% intervals of all figures.
pub fn intervals(examples: &[Example], outcomes: &Outcomes, how: Bootstrap) -> Intervals {
    let columns = outcomes.columns();
    let documents = by_document(examples, outcomes);
    let figures = |sums: &Sums| -> Vec<Option<f64>> {
        let named = Figure::ALL.into_iter().map(|figure| figure.of(sums));
        named.chain(sums.tally.categories.iter().map(|counts| counts.f1())).collect()
    };
    let values = figures(&total(&documents, columns));
    let draws: Vec<Vec<Option<f64>>> = (0..how.resamples)
        .into_par_iter()
        .map(|number| {
            let mut sums = Sums::new(columns);
            for (document, times) in documents.iter().zip(draw(documents.len(), how.seed, number)) {
                if times > 0 {
                    sums.add(document, times);
                }
            }
            figures(&sums)
        })
        .collect();
    let mut all = values.iter().enumerate().map(|(i, value)| {
        let sample = draws.iter().filter_map(|draw| draw[i]).collect();
        value.and_then(|value| interval(value, sample))
    });
    let figures = Figure::ALL.into_iter().zip(all.by_ref().take(Figure::ALL.len())).collect();
    Intervals {
        documents: documents.len(),
        resamples: how.resamples,
        seed: how.seed,
        figures,
        category_f1: all.collect(),
    }
}

/// The difference of one figure between two systems.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// Which figure.
    pub figure: Figure,
    /// Its value for the first system.
    pub ours: f64,
    /// Its value for the second system.
    pub theirs: f64,
    /// First minus second, with the 95% interval of the paired resamples.
    pub difference: Interval,
    /// Two-sided p-value: how often the resamples contradict the sign of the difference, twice.
    pub p_value: f64,
}

/// A paired bootstrap test: both systems are measured on the same resamples.
///
/// Both tables must be of the same examples. A figure that one of them lacks is left out.
pub fn compare(
    examples: &[Example],
    ours: &Outcomes,
    theirs: &Outcomes,
    how: Bootstrap,
) -> Vec<Difference> {
    let mine = by_document(examples, ours);
    let others = by_document(examples, theirs);
    let sums = |times: &[u64]| {
        let mut pair = (Sums::new(ours.columns()), Sums::new(theirs.columns()));
        for ((a, b), &times) in mine.iter().zip(&others).zip(times).filter(|(_, t)| **t > 0) {
            pair.0.add(a, times);
            pair.1.add(b, times);
        }
        pair
    };
    let figures = |(a, b): &(Sums, Sums)| Figure::ALL.map(|f| f.of(a).zip(f.of(b)));
    let values = figures(&sums(&vec![1; mine.len()]));
    let draws: Vec<_> = (0..how.resamples)
        .into_par_iter()
        .map(|number| figures(&sums(&draw(mine.len(), how.seed, number))))
        .collect();
    let pairs = Figure::ALL.into_iter().zip(values).enumerate();
    pairs
        .filter_map(|(i, (figure, value))| {
            let (ours, theirs) = value?;
            let sample: Vec<f64> =
                draws.iter().filter_map(|draw| draw[i].map(|(a, b)| a - b)).collect();
            let count = sample.len() as f64;
            let at_most = sample.iter().filter(|d| **d <= 0.0).count() as f64;
            let at_least = sample.iter().filter(|d| **d >= 0.0).count() as f64;
            // One is added on both sides: a finite number of draws never proves a p-value of 0.
            let p_value = (2.0 * (at_most.min(at_least) + 1.0) / (count + 1.0)).min(1.0);
            let difference = interval(ours - theirs, sample)?;
            Some(Difference { figure, ours, theirs, difference, p_value })
        })
        .collect()
}

/// How often each of `count` documents is drawn in resample `number`.
fn draw(count: usize, seed: u64, number: usize) -> Vec<u64> {
    let mut times = vec![0; count];
    let mut state = mix(seed ^ mix(number as u64 + 1));
    for _ in 0..count {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        // The high half of the product spreads 64 random bits evenly over 0..count.
        let index = (u128::from(mix(state)) * count as u128) >> 64;
        times[index as usize] += 1;
    }
    times
}

/// The output function of `SplitMix64` (Steele, Lea and Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The 2.5th and 97.5th percentiles of a sample, linearly interpolated.
fn interval(value: f64, mut sample: Vec<f64>) -> Option<Interval> {
    sample.sort_by(f64::total_cmp);
    let percentile = |share: f64| {
        let place = share * (sample.len().checked_sub(1)?) as f64;
        let low = sample.get(place.floor() as usize)?;
        let high = sample.get(place.ceil() as usize)?;
        Some(low + (high - low) * place.fract())
    };
    Some(Interval { value, low: percentile(0.025)?, high: percentile(0.975)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::examples::Source;
    use crate::label::{Label, Stance};

    /// 40 documents of 5 sentences; every fifth document is wholly wrong.
    fn sample(wrong_every: usize) -> (Vec<Example>, Outcomes) {
        let mut examples = Vec::new();
        let mut table = Outcomes::new(1);
        for i in 0..200 {
            let path = format!("service {}/terms.md", i / 5);
            let source = Source { path, ..Source::default() };
            examples.push(Example {
                id: i.to_string(),
                source: Some(source),
                ..Example::default()
            });
            let right = (i / 5) % wrong_every != 0;
            let gold = [Label { category: 0, stance: Stance::Asserted }];
            table.push(&gold, &[if right { 0.9 } else { 0.2 }], &[0.1]);
        }
        (examples, table)
    }

    fn figure(all: &Intervals, figure: Figure) -> Interval {
        all.figures.iter().find(|(f, _)| *f == figure).unwrap().1.unwrap()
    }

    #[test]
    fn intervals_are_those_of_documents() {
        let (examples, table) = sample(5);
        let all = intervals(&examples, &table, Bootstrap::default());
        assert_eq!((all.documents, all.resamples), (40, 2_000));
        let exact = figure(&all, Figure::ExactMatch);
        assert!((exact.value - 0.8).abs() < 1e-12);
        // 40 independent documents of success rate 0.8: about ±1.96·√(0.16/40) = ±0.124; over
        // sentences it would be ±0.055.
        assert!((exact.high - exact.low - 0.248).abs() < 0.03, "{exact:?}");
        assert_eq!(figure(&all, Figure::OppositeRate).high, 0.0);
        let whole = calibration::of_categories(&table);
        assert!((figure(&all, Figure::Ece).value - whole.ece.unwrap()).abs() < 1e-12);
        assert!((figure(&all, Figure::Brier).value - whole.brier.unwrap()).abs() < 1e-12);
    }

    #[test]
    fn the_seed_decides_and_threads_do_not() {
        let (examples, table) = sample(5);
        let how = Bootstrap { resamples: 200, seed: 7 };
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| intervals(&examples, &table, how))
        };
        assert_eq!(run(1), run(4));
        assert_ne!(run(1), intervals(&examples, &table, Bootstrap { seed: 8, ..how }));
    }

    #[test]
    fn the_paired_test_sees_what_intervals_hide() {
        let (examples, better) = sample(5);
        let (_, worse) = sample(3);
        let how = Bootstrap::default();
        let all = compare(&examples, &better, &worse, how);
        let exact = all.iter().find(|d| d.figure == Figure::ExactMatch).unwrap();
        assert!((exact.difference.value - 0.15).abs() < 1e-12, "{exact:?}");
        let same = compare(&examples, &better, &better, how);
        assert!(same.iter().all(|d| d.p_value >= 1.0 && d.difference.high == 0.0));
        let (_, perfect) = sample(1_000);
        let sure = compare(&examples, &perfect, &worse, how);
        let exact = sure.iter().find(|d| d.figure == Figure::ExactMatch).unwrap();
        assert!(exact.p_value < 0.01 && exact.difference.low > 0.0, "{exact:?}");
    }

    #[test]
    fn nothing_to_draw_from() {
        let all = intervals(&[], &Outcomes::new(2), Bootstrap::default());
        assert!(all.figures.iter().all(|(_, interval)| interval.is_none()));
        assert_eq!(all.category_f1, [None, None]);
        assert_eq!(compare(&[], &Outcomes::new(2), &Outcomes::new(2), Bootstrap::default()), []);
    }
}
