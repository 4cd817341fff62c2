//! Temperatures: by what log-odds must be divided for probabilities to mean what they say.
//!
//! Found by minimising the negative log-likelihood; a category's own temperature is held near the
//! one of all categories together by a normal prior on its logarithm, since a rare category's few
//! positives would send it anywhere.

use super::Outcomes;
use super::threshold::log_odds;
use crate::label::Stance;

/// Standard deviation of the logarithm of a category's temperature around the common one.
const SPREAD: f64 = 0.2;

/// Range of temperatures; outside of it the model, not its calibration, is wrong.
const LOWEST: f64 = 0.2;
const HIGHEST: f64 = 5.0;

/// Temperatures of every category.
#[derive(Debug, Clone, PartialEq)]
pub struct Temperatures {
    /// For P(category).
    pub category: Vec<f32>,
    /// For P(denied | category).
    pub stance: Vec<f32>,
}

/// How finely temperatures are fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sharing {
    /// One temperature for all categories.
    Global,
    /// One for each category, held near the common one.
    #[default]
    PerCategory,
}

/// Fits temperatures on the given rows.
///
/// The stance has one temperature for all categories: denials are too rare for more.
pub fn fit(outcomes: &Outcomes, rows: &[usize], sharing: Sharing) -> Temperatures {
    let columns = outcomes.columns();
    let cells = |column: usize| -> Vec<(f64, bool)> {
        let cells = rows.iter().map(|&row| {
            (log_odds(outcomes.category(row)[column]), outcomes.gold(row)[column].is_some())
        });
        cells.collect()
    };
    let by_category: Vec<Vec<(f64, bool)>> = (0..columns).map(cells).collect();
    let all: Vec<(f64, bool)> = by_category.iter().flatten().copied().collect();
    let common = minimise(|log_t| nll(&all, log_t));
    let own = |cells: &Vec<(f64, bool)>| match sharing {
        Sharing::Global => common,
        Sharing::PerCategory => {
            minimise(|log_t| nll(cells, log_t) + ((log_t - common) / SPREAD).powi(2) / 2.0)
        }
    };
    let stances: Vec<(f64, bool)> = rows
        .iter()
        .flat_map(|&row| outcomes.gold(row).iter().zip(outcomes.denied(row)))
        .filter_map(|(gold, denied)| gold.map(|s| (log_odds(*denied), s == Stance::Denied)))
        .collect();
    let stance = minimise(|log_t| nll(&stances, log_t)).exp() as f32;
    Temperatures {
        category: by_category.iter().map(|cells| own(cells).exp() as f32).collect(),
        stance: vec![stance; columns],
    }
}

/// Negative log-likelihood of log-odds divided by a temperature.
fn nll(cells: &[(f64, bool)], log_temperature: f64) -> f64 {
    let scale = (-log_temperature).exp();
    // ln(1 + e^-m), without overflow for margins of either sign.
    let loss = |&(x, truth): &(f64, bool)| {
        let margin = if truth { x * scale } else { -x * scale };
        (-margin.abs()).exp().ln_1p() + (-margin).max(0.0)
    };
    cells.iter().map(loss).sum()
}

/// Golden-section search over the logarithm of the temperature; flat functions give 1.
fn minimise(loss: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (LOWEST.ln(), HIGHEST.ln());
    if (loss(low) - loss(high)).abs() < 1e-12 && (loss(0.0) - loss(low)).abs() < 1e-12 {
        return 0.0;
    }
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_a, mut at_b) = (loss(a), loss(b));
    for _ in 0..40 {
        if at_a < at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - ratio * (high - low);
            at_a = loss(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + ratio * (high - low);
            at_b = loss(b);
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::calibration;
    use crate::eval::threshold::probability;
    use crate::label::Label;

    /// Probabilities twice as sure as they should be, in log-odds.
    fn overconfident() -> Outcomes {
        let mut table = Outcomes::new(1);
        for i in 0..4000_usize {
            let p = ((i % 1000) as f32 + 0.5) / 1000.0;
            let truth = (i * 7919 + i / 1000) % 1000 < (p * 1000.0) as usize;
            let gold = [Label { category: 0, stance: Stance::Asserted }];
            let stated = probability(2.0 * log_odds(p));
            table.push(if truth { &gold } else { &[] }, &[stated], &[0.1]);
        }
        table
    }

    #[test]
    fn overconfidence_is_undone() {
        let table = overconfident();
        let rows: Vec<usize> = (0..table.rows()).collect();
        for sharing in [Sharing::Global, Sharing::PerCategory] {
            let fitted = fit(&table, &rows, sharing);
            assert!((fitted.category[0] - 2.0).abs() < 0.15, "{fitted:?}");
        }
        let fitted = fit(&table, &rows, Sharing::Global);
        let mut cooled = Outcomes::new(1);
        for row in 0..table.rows() {
            let p = log_odds(table.category(row)[0]) / f64::from(fitted.category[0]);
            cooled.push(&table.gold_labels(row), &[probability(p)], &[0.1]);
        }
        let ece = |table: &Outcomes| calibration::of_categories(table).ece.unwrap();
        assert!(ece(&cooled) < 0.02 && ece(&table) > 0.05, "{} {}", ece(&cooled), ece(&table));
    }

    #[test]
    fn nothing_to_learn_from_leaves_probabilities_alone() {
        let fitted = fit(&Outcomes::new(2), &[], Sharing::PerCategory);
        assert!(fitted.category.iter().chain(&fitted.stance).all(|t| (t - 1.0).abs() < 1e-6));
    }
}
