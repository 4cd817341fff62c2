//! Scaling: what must be done to log-odds for probabilities to mean what they say.
//!
//! Platt's scaling (1999), log-odds plus an offset divided by a temperature; the offset undoes a
//! loss that weighed rare labels more. Found by minimising the negative log-likelihood over all
//! cells: leaving out the clear zeros while keeping the gold labels among them would teach that a
//! low probability means more than it does. A category's own values are held near those of all
//! categories together by normal priors, since a rare category's few positives would send them
//! anywhere.

use super::Outcomes;
use super::lbfgs::{self, Stop};
use super::threshold::log_odds;
use crate::label::Stance;

/// Standard deviation of the logarithm of a category's temperature around the common one.
const TEMPERATURE_SPREAD: f64 = 0.2;

/// Standard deviation of a category's scaled offset around the common one.
const OFFSET_SPREAD: f64 = 0.4;

/// The same for the common values around "leave everything as it is": wide.
const COMMON_SPREAD: f64 = 2.0;

/// Range of temperatures; outside of it the model, not its calibration, is wrong.
const TEMPERATURES: std::ops::RangeInclusive<f64> = 0.2..=5.0;

/// How to scale the log-odds of one output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// Divides, above 0.
    pub temperature: f32,
    /// Is added first.
    pub offset: f32,
}

impl Default for Scaling {
    fn default() -> Self {
        Self { temperature: 1.0, offset: 0.0 }
    }
}

impl Scaling {
    /// The probability that another becomes.
    pub fn apply(self, p: f32) -> f32 {
        if self == Self::default() {
            return p;
        }
        let x = (log_odds(p) + f64::from(self.offset)) / f64::from(self.temperature);
        super::threshold::probability(x)
    }
}

/// The scaling of every category and of its stance.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalings {
    /// For P(category).
    pub category: Vec<Scaling>,
    /// For P(denied | category).
    pub stance: Vec<Scaling>,
}

impl Scalings {
    /// Leaves all as it is.
    pub fn none(columns: usize) -> Self {
        let stay = vec![Scaling::default(); columns];
        Self { category: stay.clone(), stance: stay }
    }
}

/// How freely scalings are fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freedom {
    /// One for each category, held near the common one, instead of one for all.
    pub per_category: bool,
    /// An offset beside the temperature.
    pub offset: bool,
}

impl Default for Freedom {
    fn default() -> Self {
        Self { per_category: true, offset: true }
    }
}

/// Fits scalings on the given rows.
///
/// The stance has one scaling for all categories: denials are too rare for more.
pub fn fit(outcomes: &Outcomes, rows: &[usize], freedom: Freedom) -> Scalings {
    let columns = outcomes.columns();
    let cells = |column: usize| -> Vec<(f64, bool)> {
        let cells = rows
            .iter()
            .map(|&row| (outcomes.category(row)[column], outcomes.gold(row)[column].is_some()));
        cells.map(|(p, truth)| (log_odds(p), truth)).collect()
    };
    let by_category: Vec<Vec<(f64, bool)>> = (0..columns).map(cells).collect();
    let all: Vec<(f64, bool)> = by_category.iter().flatten().copied().collect();
    let wide = Prior { mean: [0.0; 2], spread: [COMMON_SPREAD; 2] };
    let common = minimise(&all, wide, freedom.offset);
    let near = Prior { mean: common, spread: [TEMPERATURE_SPREAD, OFFSET_SPREAD] };
    let own = |cells: &Vec<(f64, bool)>| {
        let found =
            if freedom.per_category { minimise(cells, near, freedom.offset) } else { common };
        scaling(found)
    };
    let stances: Vec<(f64, bool)> = rows
        .iter()
        .flat_map(|&row| outcomes.gold(row).iter().zip(outcomes.denied(row)))
        .filter_map(|(gold, denied)| gold.map(|s| (log_odds(*denied), s == Stance::Denied)))
        .collect();
    let stance = scaling(minimise(&stances, wide, freedom.offset));
    Scalings { category: by_category.iter().map(own).collect(), stance: vec![stance; columns] }
}

/// Normal priors of the logarithm of the temperature and of offset / temperature.
#[derive(Clone, Copy)]
struct Prior {
    mean: [f64; 2],
    spread: [f64; 2],
}

/// The logarithm of the temperature and offset / temperature of the highest posterior.
fn minimise(cells: &[(f64, bool)], prior: Prior, offset: bool) -> [f64; 2] {
    // Per cell, so that the stopping rule means the same for few and many.
    let count = cells.len().max(1) as f64;
    let objective = |point: &[f64], gradient: &mut [f64]| {
        let mut loss = 0.0;
        for i in 0..2 {
            let z = (point[i] - prior.mean[i]) / prior.spread[i];
            loss += z * z / 2.0 / count;
            gradient[i] = z / prior.spread[i] / count;
        }
        let scale = (-point[0]).exp();
        for &(x, truth) in cells {
            let scaled = x * scale + point[1];
            let sign = if truth { 1.0 } else { -1.0 };
            let margin = sign * scaled;
            let small = (-margin.abs()).exp();
            loss += (small.ln_1p() + (-margin).max(0.0)) / count;
            let share = if margin >= 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) };
            let slope = -sign * share / count;
            gradient[0] -= slope * x * scale;
            gradient[1] += slope;
        }
        if !offset {
            gradient[1] = 0.0;
        }
        loss
    };
    let start = if offset { prior.mean.to_vec() } else { vec![prior.mean[0], 0.0] };
    let found = lbfgs::minimise(start, Stop { gradient: 1e-8, steps: 200 }, objective);
    [found[0], found[1]]
}

fn scaling([log_temperature, shift]: [f64; 2]) -> Scaling {
    let temperature = log_temperature.exp().clamp(*TEMPERATURES.start(), *TEMPERATURES.end());
    Scaling { temperature: temperature as f32, offset: (shift * temperature) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::calibration;
    use crate::eval::threshold::probability;
    use crate::label::Label;

    /// Log-odds twice as large as they should be, and too high by 3.
    fn distorted(offset: f64) -> Outcomes {
        let mut table = Outcomes::new(1);
        for i in 0..4000_usize {
            // From 0.25 up, so that every stated probability is in question.
            let p = 0.25 + 0.75 * ((i % 1000) as f32 + 0.5) / 1000.0;
            let truth = (i * 7919 + i / 1000) % 1000 < (p * 1000.0) as usize;
            let gold = [Label { category: 0, stance: Stance::Asserted }];
            let stated = probability(2.0 * log_odds(p) + offset);
            table.push(if truth { &gold } else { &[] }, &[stated], &[0.1]);
        }
        table
    }

    #[test]
    fn distortion_is_undone() {
        let rows: Vec<usize> = (0..4000).collect();
        for per_category in [true, false] {
            let fitted = fit(&distorted(0.0), &rows, Freedom { per_category, offset: false });
            assert!((fitted.category[0].temperature - 2.0).abs() < 0.15, "{fitted:?}");
            assert_eq!(fitted.category[0].offset, 0.0);
            let table = distorted(3.0);
            let fitted = fit(&table, &rows, Freedom { per_category, offset: true }).category[0];
            assert!((fitted.temperature - 2.0).abs() < 0.15, "{fitted:?}");
            assert!((fitted.offset + 3.0).abs() < 0.3, "{fitted:?}");
            let mut cooled = Outcomes::new(1);
            for &row in &rows {
                let p = fitted.apply(table.category(row)[0]);
                cooled.push(&table.gold_labels(row), &[p], &[0.1]);
            }
            let ece = |table: &Outcomes| calibration::of_categories(table).ece.unwrap();
            assert!(ece(&cooled) < 0.02 && ece(&table) > 0.1, "{} {}", ece(&cooled), ece(&table));
        }
    }

    /// Most cells are clear zeros, a few of which are gold: the scores are right as they are.
    #[test]
    fn calibrated_scores_stay_as_they_are() {
        let mut table = Outcomes::new(1);
        for i in 0..20_000_usize {
            let p = ((i % 1000) as f32 + 0.5).powi(4) / 1e12;
            // A low-discrepancy sequence over the twenty cells of each probability.
            let truth = ((i / 1000) as f32 * 0.618_034 + (i % 1000) as f32 * 0.37).fract() < p;
            let gold = [Label { category: 0, stance: Stance::Asserted }];
            table.push(if truth { &gold } else { &[] }, &[p], &[0.1]);
        }
        let rows: Vec<usize> = (0..20_000).collect();
        let fitted = fit(&table, &rows, Freedom::default()).category[0];
        assert!((fitted.temperature - 1.0).abs() < 0.05, "{fitted:?}");
        assert!(fitted.offset.abs() < 0.1, "{fitted:?}");
    }

    #[test]
    fn nothing_to_learn_from_leaves_probabilities_alone() {
        assert_eq!(fit(&Outcomes::new(2), &[], Freedom::default()), Scalings::none(2));
    }
}
