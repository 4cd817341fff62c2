//! Counts of right and wrong decisions, which add up over examples and documents.
//!
//! That they add up is what makes the bootstrap quick. Figures that need more than counts, such as
//! average precision, are in [`metrics`](super::metrics).

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::Outcomes;
use super::metrics::{Averages, Scores, StanceConfusion};
use crate::label::Stance;

/// How often a yes-or-no decision was right and wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Found, and there is a gold label.
    pub right: u64,
    /// Found, but there is no gold label.
    pub wrong: u64,
    /// There is a gold label, but it was not found.
    pub missed: u64,
}

impl Counts {
    /// Counts one decision.
    pub fn record(&mut self, gold: bool, decided: bool) {
        self.right += u64::from(gold && decided);
        self.wrong += u64::from(!gold && decided);
        self.missed += u64::from(gold && !decided);
    }

    /// Adds other counts so many times.
    pub fn add(&mut self, other: Self, times: u64) {
        self.right += other.right * times;
        self.wrong += other.wrong * times;
        self.missed += other.missed * times;
    }

    /// Number of gold labels.
    pub fn support(self) -> u64 {
        self.right + self.missed
    }

    /// Number of decisions for yes.
    pub fn found(self) -> u64 {
        self.right + self.wrong
    }

    /// Share of the found that is right.
    pub fn precision(self) -> Option<f64> {
        ratio(self.right, self.found())
    }

    /// Share of the gold labels that was found.
    pub fn recall(self) -> Option<f64> {
        ratio(self.right, self.support())
    }

    /// Harmonic mean of precision and recall; 0 when all found are wrong.
    pub fn f1(self) -> Option<f64> {
        ratio(2 * self.right, self.found() + self.support())
    }

    /// All of them as a record.
    pub fn scores(self) -> Scores {
        Scores {
            precision: self.precision(),
            recall: self.recall(),
            f1: self.f1(),
            support: self.support(),
            found: self.found(),
        }
    }
}

pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What became of the gold categories that were found: read with the right stance or the opposite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StanceCounts {
    /// Found gold categories whose gold stance is asserted.
    pub asserted: u64,
    /// Of these, how many were read as denied.
    pub asserted_as_denied: u64,
    /// Found gold categories whose gold stance is denied.
    pub denied: u64,
    /// Of these, how many were read as asserted.
    pub denied_as_asserted: u64,
}

impl StanceCounts {
    fn record(&mut self, gold: Stance, decided: Stance) {
        let opposite = u64::from(gold != decided);
        match gold {
            Stance::Asserted => {
                self.asserted += 1;
                self.asserted_as_denied += opposite;
            }
            Stance::Denied => {
                self.denied += 1;
                self.denied_as_asserted += opposite;
            }
        }
    }

    pub(super) fn add(&mut self, other: Self, times: u64) {
        self.asserted += other.asserted * times;
        self.asserted_as_denied += other.asserted_as_denied * times;
        self.denied += other.denied * times;
        self.denied_as_asserted += other.denied_as_asserted * times;
    }

    /// Found gold categories of either stance.
    pub fn found(self) -> u64 {
        self.asserted + self.denied
    }

    /// Share of the found gold categories that was read with the opposite stance.
    pub fn opposite_rate(self) -> Option<f64> {
        ratio(self.asserted_as_denied + self.denied_as_asserted, self.found())
    }

    /// All of them as a record.
    pub fn confusion(self) -> StanceConfusion {
        StanceConfusion {
            found: self.found(),
            opposite_rate: self.opposite_rate(),
            asserted: self.asserted,
            asserted_read_denied: self.asserted_as_denied,
            asserted_read_denied_rate: ratio(self.asserted_as_denied, self.asserted),
            denied: self.denied,
            denied_read_asserted: self.denied_as_asserted,
            denied_read_asserted_rate: ratio(self.denied_as_asserted, self.denied),
        }
    }
}

/// Counts over some examples; tallies add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// By category, whatever the stance.
    pub categories: Vec<Counts>,
    /// By label: asserted at `2 * category`, denied at `2 * category + 1`.
    pub labels: Vec<Counts>,
    /// By category.
    pub stances: Vec<StanceCounts>,
    /// Number of examples.
    pub examples: u64,
    /// Examples whose categories are all right.
    pub exact_categories: u64,
    /// Examples whose labels with stance are all right.
    pub exact_labels: u64,
}

impl Tally {
    /// Nothing counted yet, for so many categories.
    pub fn new(columns: usize) -> Self {
        Self {
            categories: vec![Counts::default(); columns],
            labels: vec![Counts::default(); 2 * columns],
            stances: vec![StanceCounts::default(); columns],
            examples: 0,
            exact_categories: 0,
            exact_labels: 0,
        }
    }

    /// The tally of a whole table.
    pub fn of(outcomes: &Outcomes) -> Self {
        let mut tally = Self::new(outcomes.columns());
        (0..outcomes.rows()).for_each(|row| tally.record(outcomes, row));
        tally
    }

    /// Counts one example.
    pub fn record(&mut self, outcomes: &Outcomes, row: usize) {
        let mut exact = true;
        let cells = outcomes.gold(row).iter().zip(outcomes.decided(row)).enumerate();
        for (column, (&gold, &decided)) in cells {
            self.categories[column].record(gold.is_some(), decided.is_some());
            for (offset, stance) in [Stance::Asserted, Stance::Denied].into_iter().enumerate() {
                let counts = &mut self.labels[2 * column + offset];
                counts.record(gold == Some(stance), decided == Some(stance));
            }
            if let (Some(gold), Some(decided)) = (gold, decided) {
                self.stances[column].record(gold, decided);
            }
            exact &= gold.is_some() == decided.is_some();
        }
        self.examples += 1;
        self.exact_categories += u64::from(exact);
        self.exact_labels += u64::from(outcomes.is_exact(row));
    }

    /// Adds another tally of the same categories so many times, as a bootstrap draws it.
    pub fn add(&mut self, other: &Self, times: u64) {
        for (mine, theirs) in self.categories.iter_mut().zip(&other.categories) {
            mine.add(*theirs, times);
        }
        for (mine, theirs) in self.labels.iter_mut().zip(&other.labels) {
            mine.add(*theirs, times);
        }
        for (mine, theirs) in self.stances.iter_mut().zip(&other.stances) {
            mine.add(*theirs, times);
        }
        self.examples += other.examples * times;
        self.exact_categories += other.exact_categories * times;
        self.exact_labels += other.exact_labels * times;
    }

    /// Figures over categories, whatever the stance.
    pub fn over_categories(&self) -> Averages {
        Averages::of(&self.categories, self.examples, self.exact_categories)
    }

    /// Figures over labels with stance.
    pub fn over_labels(&self) -> Averages {
        Averages::of(&self.labels, self.examples, self.exact_labels)
    }

    /// The stance counts of all categories together.
    pub fn stance(&self) -> StanceCounts {
        let mut sum = StanceCounts::default();
        self.stances.iter().for_each(|counts| sum.add(*counts, 1));
        sum
    }
}

impl AddAssign<&Tally> for Tally {
    fn add_assign(&mut self, other: &Tally) {
        self.add(other, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Label;

    const A: Stance = Stance::Asserted;
    const D: Stance = Stance::Denied;

    /// Rows of (gold, decided) over two categories.
    fn table(rows: &[[Option<Stance>; 4]]) -> Outcomes {
        let mut table = Outcomes::new(2);
        for [gold_0, gold_1, decided_0, decided_1] in rows {
            let labels = |cells: [&Option<Stance>; 2]| -> Vec<Label> {
                let cells = cells.into_iter().enumerate();
                cells
                    .filter_map(|(category, s)| s.map(|stance| Label { category, stance }))
                    .collect()
            };
            table.push(&labels([gold_0, gold_1]), &[0.5, 0.5], &[0.5, 0.5]);
            table.decide_last(&labels([decided_0, decided_1]));
        }
        table
    }

    #[test]
    fn counts_by_hand() {
        let table = table(&[
            [Some(A), None, Some(A), None],
            [Some(D), None, Some(A), Some(A)],
            [None, Some(D), None, Some(D)],
            [Some(A), None, None, None],
        ]);
        let tally = Tally::of(&table);
        assert_eq!(tally.categories[0], Counts { right: 2, wrong: 0, missed: 1 });
        assert_eq!(tally.categories[1], Counts { right: 1, wrong: 1, missed: 0 });
        assert_eq!(tally.labels[0], Counts { right: 1, wrong: 1, missed: 1 });
        assert_eq!(tally.labels[1], Counts { right: 0, wrong: 0, missed: 1 });
        let categories = tally.over_categories();
        assert_eq!(categories.micro.f1, Some(6.0 / 8.0));
        assert!((categories.macro_f1.unwrap() - f64::midpoint(0.8, 2.0 / 3.0)).abs() < 1e-12);
        assert_eq!(categories.exact_match, Some(0.5));
        assert_eq!(categories.hamming_loss, Some(0.25));
        let stance = tally.stance();
        assert_eq!((stance.found(), stance.opposite_rate()), (3, Some(1.0 / 3.0)));
        assert_eq!(stance.confusion().denied_read_asserted_rate, Some(0.5));
        assert_eq!(stance.confusion().asserted_read_denied_rate, Some(0.0));
    }

    #[test]
    fn figures_without_a_denominator_are_absent() {
        let nothing = Tally::new(21);
        assert_eq!(nothing.over_categories().micro.f1, None);
        assert_eq!(nothing.over_categories().macro_f1, None);
        assert_eq!(nothing.over_categories().exact_match, None);
        assert_eq!(nothing.stance().opposite_rate(), None);
        // A false alarm in a category without gold labels is no part of the macro average.
        let tally = Tally::of(&table(&[[Some(A), None, Some(A), Some(D)]]));
        assert_eq!(tally.over_categories().macro_f1, Some(1.0));
        assert_eq!(tally.over_categories().micro.precision, Some(0.5));
    }

    #[test]
    fn tallies_add_up() {
        let whole = table(&[
            [Some(A), Some(D), Some(D), None],
            [None, Some(D), Some(A), Some(D)],
            [None, None, None, None],
        ]);
        let mut sum = Tally::of(&whole.select(&[0]));
        sum += &Tally::of(&whole.select(&[1, 2]));
        assert_eq!(sum, Tally::of(&whole));
        let mut doubled = Tally::new(2);
        doubled.add(&Tally::of(&whole), 2);
        assert_eq!(doubled.categories[0].wrong, 2);
        assert_eq!(doubled.over_labels().macro_f1, sum.over_labels().macro_f1);
    }
}
