//! Scores as the benchmarks' own code computes them.
//!
//! `PrivacyGLUE` and `LexGLUE` both call scikit-learn's `f1_score` with `zero_division=0`: a class
//! that neither occurs nor is predicted has F1 0 and counts in the macro average. `PrivacyGLUE`
//! averages over the categories; `LexGLUE` adds a class "none" that a text is of when it has no
//! label, in gold and in prediction.

use serde::{Deserialize, Serialize};

use crate::eval::Outcomes;
use crate::eval::tally::Counts;

/// Decisions on some texts, counted; counts of disjoint texts add up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// By category.
    pub classes: Vec<Counts>,
    /// The class of the texts without any label.
    pub none: Counts,
    /// Whether there is any label at all.
    pub any: Counts,
    /// Texts.
    pub texts: u64,
}

/// The scores of a tally, as shares of 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Micro-F1 over the categories.
    pub micro_f1: f64,
    /// Macro-F1 over the categories.
    pub macro_f1: f64,
    /// Micro-F1 over the categories and "none".
    pub micro_f1_with_none: f64,
    /// Macro-F1 over the categories and "none".
    pub macro_f1_with_none: f64,
    /// F1 of "has any label".
    pub any_f1: f64,
    /// Its precision.
    pub any_precision: f64,
    /// Its recall.
    pub any_recall: f64,
}

impl Tally {
    /// Counts the decisions of a table.
    pub fn of(outcomes: &Outcomes) -> Self {
        let mut tally =
            Self { classes: vec![Counts::default(); outcomes.columns()], ..Self::default() };
        for row in 0..outcomes.rows() {
            let (gold, decided) = (outcomes.gold(row), outcomes.decided(row));
            for (counts, (gold, decided)) in tally.classes.iter_mut().zip(gold.iter().zip(decided))
            {
                counts.record(gold.is_some(), decided.is_some());
            }
            let any = |cells: &[Option<_>]| cells.iter().any(Option::is_some);
            tally.any.record(any(gold), any(decided));
            tally.none.record(!any(gold), !any(decided));
            tally.texts += 1;
        }
        tally
    }

    /// Adds the counts of other texts.
    pub fn add(&mut self, other: &Self) {
        if self.classes.len() < other.classes.len() {
            self.classes.resize(other.classes.len(), Counts::default());
        }
        for (mine, theirs) in self.classes.iter_mut().zip(&other.classes) {
            mine.add(*theirs, 1);
        }
        self.none.add(other.none, 1);
        self.any.add(other.any, 1);
        self.texts += other.texts;
    }

    /// All scores.
    pub fn figures(&self) -> Figures {
        let with_none: Vec<Counts> = self.classes.iter().copied().chain([self.none]).collect();
        Figures {
            micro_f1: micro(&self.classes),
            macro_f1: mean(self.classes.iter().map(|c| f1(*c))),
            micro_f1_with_none: micro(&with_none),
            macro_f1_with_none: mean(with_none.iter().map(|c| f1(*c))),
            any_f1: f1(self.any),
            any_precision: self.any.precision().unwrap_or(0.0),
            any_recall: self.any.recall().unwrap_or(0.0),
        }
    }
}

/// F1 with `zero_division=0`.
pub fn f1(counts: Counts) -> f64 {
    counts.f1().unwrap_or(0.0)
}

fn micro(classes: &[Counts]) -> f64 {
    let mut sum = Counts::default();
    classes.iter().for_each(|counts| sum.add(*counts, 1));
    f1(sum)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0_u32, 0.0), |(n, sum), value| (n + 1, sum + value));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

/// A mean over runs with its standard deviation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of the runs (of the population, as `numpy.std` and `PrivacyGLUE`
    /// have it); none of one run.
    pub sd: Option<f64>,
}

impl Spread {
    /// Of some runs.
    pub fn of(values: &[f64]) -> Self {
        let mean = mean(values.iter().copied());
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
        let sd = (values.len() > 1).then(|| (variance / values.len() as f64).sqrt());
        Self { mean, sd }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::{Label, Stance};

    fn labels(categories: &[usize]) -> Vec<Label> {
        categories.iter().map(|&category| Label { category, stance: Stance::Asserted }).collect()
    }

    /// `f1_score(y_true, y_pred, average=…, zero_division=0)` of the three columns, and with
    /// `LexGLUE`'s fourth column, worked out from its definition.
    #[test]
    fn the_scores_of_the_definition() {
        let rows: [(&[usize], &[usize]); 6] =
            [(&[0], &[0]), (&[0, 1], &[0]), (&[], &[]), (&[], &[1]), (&[1], &[]), (&[0], &[0, 1])];
        let mut outcomes = Outcomes::new(3);
        for (gold, decided) in rows {
            outcomes.push(&labels(gold), &[0.0; 3], &[]);
            outcomes.decide_last(&labels(decided));
        }
        let figures = Tally::of(&outcomes).figures();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} and {b}");
        // Category 0: 3 right; 1: 0 right, 2 wrong, 2 missed; 2: nothing at all.
        close(figures.macro_f1, 1.0 / 3.0);
        close(figures.micro_f1, 6.0 / 10.0);
        // None: 1 right, 1 wrong, 1 missed.
        close(figures.macro_f1_with_none, (1.0 + 0.0 + 0.0 + 0.5) / 4.0);
        close(figures.micro_f1_with_none, 8.0 / 14.0);
        close(figures.any_precision, 3.0 / 4.0);
        close(figures.any_recall, 3.0 / 4.0);
    }

    #[test]
    fn tallies_add_up_and_runs_spread() {
        let mut outcomes = Outcomes::new(1);
        outcomes.push(&labels(&[0]), &[0.9], &[]);
        let one = Tally::of(&outcomes);
        let mut sum = Tally::default();
        sum.add(&one);
        sum.add(&one);
        assert_eq!((sum.texts, sum.classes[0].right, sum.any.right), (2, 2, 2));
        let spread = Spread::of(&[0.8, 0.9]);
        assert!((spread.mean - 0.85).abs() < 1e-12);
        assert!((spread.sd.unwrap() - 0.05).abs() < 1e-12);
        assert_eq!(Spread::of(&[0.5]), Spread { mean: 0.5, sd: None });
    }
}
