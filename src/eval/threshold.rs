//! Thresholds: at which probability a category counts as found, and its stance as denied.
//!
//! The best F1 on a few hundred sentences is a lucky spike where a category is rare. So counts are
//! smoothed along the log-odds, mixed with the rates of all categories together (weighing as much
//! as [`PRIOR_LABELS`] gold labels), and the middle of the plateau around the maximum is taken.

use super::{Decision, Outcomes};
use crate::label::Stance;

/// How many gold labels the rates of all categories together weigh, in a category's threshold.
///
/// Cross-fitted on the development sentences over eight divisions of the services into folds, the
/// shipped model of November 2026 reached a micro-F1 of 0.836 at 30, 0.839 at 60 to 150 and 0.841 at
/// 300, macro-F1 0.858, 0.860 and 0.862; its smaller sister the same micro-F1 at 60 to 300 and the best
/// macro-F1 at 100. TF-IDF fitted on three fifths of the training services had said so before:
/// macro-F1 0.708 without, 0.718 at 12, 0.723 at 30, 0.727 with one threshold for all. A category
/// whose scores run differently still gets its way with some 100 labels of its own.
pub const PRIOR_LABELS: f64 = 100.0;

/// How many stances those of all categories together weigh, in a category's stance threshold: all
/// of a set of this size, since denials are rare and the categories alike (micro-F1 with stance
/// 0.803 at 60, 0.805 here, opposite readings 4.0% and 3.7%).
pub const PRIOR_STANCES: f64 = 1000.0;

/// Width of the smoothing along the log-odds.
const WIDTH: f64 = 1.5;

/// Grid of log-odds: from -4.5 to 4.5, which is 1.1% to 98.9%.
const LOWEST: f64 = -4.5;
const STEP: f64 = 0.05;
const POINTS: usize = 181;

/// A value this near to the best belongs to the plateau.
const PLATEAU: f64 = 0.002;

/// What thresholds are chosen for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// The best F1 of every category.
    BestF1,
    /// The highest recall at which the precision of every category is at least this.
    Precision(f64),
}

/// Log-odds of a probability, kept finite.
pub fn log_odds(p: f32) -> f64 {
    let p = f64::from(p).clamp(1e-7, 1.0 - 1e-7);
    (p / (1.0 - p)).ln()
}

/// The probability of log-odds.
pub fn probability(log_odds: f64) -> f32 {
    (1.0 / (1.0 + (-log_odds).exp())) as f32
}

/// Smoothed numbers of true and false cells at or above every point of the grid.
#[derive(Debug, Clone)]
struct Curve {
    right: Vec<f64>,
    wrong: Vec<f64>,
    positives: f64,
    negatives: f64,
}

impl Curve {
    fn of(cells: impl Iterator<Item = (f32, bool)>) -> Self {
        let mut curve = Self {
            right: vec![0.0; POINTS],
            wrong: vec![0.0; POINTS],
            positives: 0.0,
            negatives: 0.0,
        };
        for (p, truth) in cells {
            let (count, sum) = if truth {
                (&mut curve.positives, &mut curve.right)
            } else {
                (&mut curve.negatives, &mut curve.wrong)
            };
            *count += 1.0;
            let x = log_odds(p);
            for (point, slot) in sum.iter_mut().enumerate() {
                let share = ((x - grid(point)) / WIDTH + 0.5).clamp(0.0, 1.0);
                *slot += share * share * (3.0 - 2.0 * share);
                if share <= 0.0 {
                    break;
                }
            }
        }
        curve
    }

    fn add(&mut self, other: &Self, weight: f64) {
        for (mine, theirs) in self.right.iter_mut().zip(&other.right) {
            *mine += weight * theirs;
        }
        for (mine, theirs) in self.wrong.iter_mut().zip(&other.wrong) {
            *mine += weight * theirs;
        }
        self.positives += weight * other.positives;
        self.negatives += weight * other.negatives;
    }

    /// This curve with the pooled one mixed in, as if it had `labels` positives.
    fn shrunk(&self, pooled: &Self, labels: f64) -> Self {
        let mut curve = self.clone();
        if pooled.positives > 0.0 {
            curve.add(pooled, labels / pooled.positives);
        }
        curve
    }

    fn f1(&self, point: usize) -> f64 {
        let found = self.right[point] + self.wrong[point];
        2.0 * self.right[point] / (found + self.positives).max(1e-9)
    }

    fn precision(&self, point: usize) -> f64 {
        self.right[point] / (self.right[point] + self.wrong[point]).max(1e-9)
    }

    /// Share of the cells that are on the right side.
    fn accuracy(&self, point: usize) -> f64 {
        let right = self.right[point] + self.negatives - self.wrong[point];
        right / (self.positives + self.negatives).max(1e-9)
    }
}

fn grid(point: usize) -> f64 {
    LOWEST + STEP * point as f64
}

/// The middle of the plateau around the highest value, as log-odds.
fn plateau(value: impl Fn(usize) -> f64) -> f64 {
    let values: Vec<f64> = (0..POINTS).map(value).collect();
    let best = (0..POINTS).max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(POINTS / 2);
    let near = |point: &usize| values[*point] >= values[best] - PLATEAU;
    let first = (0..best).rev().take_while(near).last().unwrap_or(best);
    let last = (best..POINTS).take_while(near).last().unwrap_or(best);
    f64::midpoint(grid(first), grid(last))
}

/// The lowest point with the wanted precision; where none has it, the one with the highest.
fn lowest_with_precision(curve: &Curve, wanted: f64) -> f64 {
    match (0..POINTS).find(|&point| curve.precision(point) >= wanted) {
        Some(point) => grid(point),
        None => plateau(|point| curve.precision(point)),
    }
}

/// The decision rule of every category for a goal, from the given rows.
///
/// A category without any gold label gets the threshold of all categories together.
pub fn fit(outcomes: &Outcomes, rows: &[usize], goal: Goal) -> Vec<Decision> {
    let columns = 0..outcomes.columns();
    let categories = columns.clone().map(|column| {
        let cells = rows
            .iter()
            .map(|&row| (outcomes.category(row)[column], outcomes.gold(row)[column].is_some()));
        Curve::of(cells)
    });
    let stances = columns.map(|column| {
        let cells = rows.iter().filter_map(|&row| {
            let stance = outcomes.gold(row)[column]?;
            Some((outcomes.denied(row)[column], stance == Stance::Denied))
        });
        Curve::of(cells)
    });
    let (categories, stances): (Vec<Curve>, Vec<Curve>) = (categories.collect(), stances.collect());
    let (pooled, pooled_stance) = (pool(&categories), pool(&stances));
    let each = categories.iter().zip(&stances);
    each.map(|(category, stance)| {
        let category = category.shrunk(&pooled, PRIOR_LABELS);
        let threshold = match goal {
            Goal::BestF1 => plateau(|point| category.f1(point)),
            Goal::Precision(wanted) => lowest_with_precision(&category, wanted),
        };
        Decision {
            threshold: probability(threshold),
            stance_threshold: stance_threshold(stance, &pooled_stance),
        }
    })
    .collect()
}

/// The stance threshold with the fewest opposite readings; 0.5 where there is nothing to learn from.
fn stance_threshold(stance: &Curve, pooled: &Curve) -> f32 {
    let cells = pooled.positives + pooled.negatives;
    if pooled.positives == 0.0 || pooled.negatives == 0.0 {
        return 0.5;
    }
    let mut curve = stance.clone();
    curve.add(pooled, PRIOR_STANCES / cells);
    probability(plateau(|point| curve.accuracy(point)))
}

fn pool(curves: &[Curve]) -> Curve {
    let mut sum = Curve::of(std::iter::empty());
    curves.iter().for_each(|curve| sum.add(curve, 1.0));
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Label;

    /// Column 0: positives above 0.3; column 1: a rare category with one positive at 0.95.
    fn sample() -> Outcomes {
        let mut table = Outcomes::new(2);
        for i in 0..200 {
            let p = (i as f32 + 0.5) / 200.0;
            let mut gold = Vec::new();
            if p > 0.3 {
                let stance = if p > 0.6 { Stance::Denied } else { Stance::Asserted };
                gold.push(Label { category: 0, stance });
            }
            if i == 190 {
                gold.push(Label { category: 1, stance: Stance::Asserted });
            }
            table.push(&gold, &[p, if i == 190 { 0.95 } else { 0.01 }], &[p, 0.2]);
        }
        table
    }

    fn all(table: &Outcomes) -> Vec<usize> {
        (0..table.rows()).collect()
    }

    #[test]
    fn a_clear_boundary_is_found() {
        let table = sample();
        let rule = fit(&table, &all(&table), Goal::BestF1);
        assert!((rule[0].threshold - 0.3).abs() < 0.04, "{rule:?}");
        assert!((rule[0].stance_threshold - 0.6).abs() < 0.04, "{rule:?}");
    }

    #[test]
    fn a_rare_category_stays_near_the_others() {
        let table = sample();
        let rule = fit(&table, &all(&table), Goal::BestF1);
        // By itself its plateau reaches from 0.01 to 0.95.
        assert!((0.2..0.5).contains(&rule[1].threshold), "{rule:?}");
        let nothing = fit(&table, &[], Goal::BestF1);
        assert!((nothing[0].stance_threshold - 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_wanted_precision_raises_the_threshold() {
        let mut table = Outcomes::new(1);
        for i in 0..1000 {
            // P(true) equals p: calibrated.
            let p = (i as f32 + 0.5) / 1000.0;
            let truth = (i * 7919) % 1000 < i;
            let gold = [Label { category: 0, stance: Stance::Asserted }];
            table.push(if truth { &gold } else { &[] }, &[p], &[0.0]);
        }
        let rule = |goal| fit(&table, &all(&table), goal)[0].threshold;
        let precision = |threshold: f32| {
            let found = table.column(0).filter(|(_, p)| *p >= threshold);
            let (right, count) = found.fold((0.0, 0.0), |(right, count), (gold, _)| {
                (right + f64::from(u8::from(gold.is_some())), count + 1.0)
            });
            right / count
        };
        let high = rule(Goal::Precision(0.9));
        assert!((precision(high) - 0.9).abs() < 0.02, "{high}: {}", precision(high));
        assert!(high > rule(Goal::BestF1));
        // A precision out of reach gives the highest there is, not an error or a threshold of 0.
        assert!(rule(Goal::Precision(1.1)) > 0.9);
    }
}
