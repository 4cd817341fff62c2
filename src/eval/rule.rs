//! The decision rule of a model, fitted on labelled examples: scalings, thresholds, and the band in
//! which a person should decide.
//!
//! A rule fitted and measured on the same sentences flatters the model. [`cross_fit`] fits it five
//! times without the services whose sentences it then decides.

use std::collections::HashMap;

use super::scaling::{self, Freedom, Scalings};
use super::threshold::{self, Goal, log_odds, probability};
use super::{Decision, Example, Outcomes};
use crate::model::CategorySettings;

/// How many parts cross-fitting cuts the services into.
pub const FOLDS: usize = 5;

/// What a rule is fitted for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// What thresholds are chosen for.
    pub goal: Goal,
    /// How freely scalings are fitted; none leaves probabilities as they are.
    pub scaling: Option<Freedom>,
}

impl Default for Fit {
    fn default() -> Self {
        Self { goal: Goal::BestF1, scaling: Some(Freedom::default()) }
    }
}

/// Scalings, then thresholds on the probabilities that they give.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// How log-odds are scaled.
    pub scalings: Scalings,
    /// The thresholds of every category.
    pub decisions: Vec<Decision>,
}

impl Rule {
    /// Fits a rule on the given rows.
    pub fn fit(outcomes: &Outcomes, rows: &[usize], how: Fit) -> Self {
        let columns = outcomes.columns();
        let scalings = match how.scaling {
            Some(freedom) => scaling::fit(outcomes, rows, freedom),
            None => Scalings::none(columns),
        };
        let mut scaled = outcomes.clone();
        scaled.scale(rows, &scalings);
        Self { decisions: threshold::fit(&scaled, rows, how.goal), scalings }
    }

    /// What a model folder says of a category that this rule decides.
    pub fn settings(&self, column: usize, band: Option<&ReviewBand>) -> CategorySettings {
        let category = self.scalings.category.get(column).copied().unwrap_or_default();
        let stance = self.scalings.stance.get(column).copied().unwrap_or_default();
        let decision = self.decisions.get(column).copied().unwrap_or_default();
        CategorySettings {
            offset: category.offset,
            temperature: category.temperature,
            threshold: decision.threshold,
            stance_offset: stance.offset,
            stance_temperature: stance.temperature,
            stance_threshold: decision.stance_threshold,
            review: band.map(|band| band.around(decision).into()),
        }
    }

    /// Changes probabilities and decisions of the given rows.
    pub fn apply(&self, outcomes: &mut Outcomes, rows: &[usize]) {
        outcomes.scale(rows, &self.scalings);
        outcomes.decide_rows(rows, &self.decisions);
    }
}

/// Decides every example by a rule that was fitted without its service.
pub fn cross_fit(examples: &[Example], outcomes: &Outcomes, how: Fit) -> Outcomes {
    let folds = folds(examples);
    let mut decided = outcomes.clone();
    for fold in 0..FOLDS {
        let (held_out, others): (Vec<usize>, Vec<usize>) =
            (0..outcomes.rows()).partition(|&row| folds.get(row) == Some(&fold));
        Rule::fit(outcomes, &others, how).apply(&mut decided, &held_out);
    }
    decided
}

/// The fold of every example: services whole, folds of nearly equal size, the same on every run.
pub fn folds(examples: &[Example]) -> Vec<usize> {
    let mut sizes: HashMap<String, usize> = HashMap::new();
    for example in examples {
        *sizes.entry(example.service()).or_default() += 1;
    }
    let mut services: Vec<(String, usize)> = sizes.into_iter().collect();
    services.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut filled = [0_usize; FOLDS];
    let mut fold_of: HashMap<String, usize> = HashMap::new();
    for (service, size) in services {
        let fold = (0..FOLDS).min_by_key(|&fold| filled[fold]).unwrap_or(0);
        filled[fold] += size;
        fold_of.insert(service, fold);
    }
    examples.iter().map(|e| fold_of.get(&e.service()).copied().unwrap_or(0)).collect()
}

/// The band around the thresholds in which a person should decide.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct ReviewBand {
    /// Half the width, in log-odds: the same for every category.
    pub half_width: f64,
    /// Micro-F1 over categories of the cells outside the band.
    pub f1_outside: f64,
    /// Share of the examples with a cell in the band.
    pub examples_inside: f64,
    /// Share of all wrong cells that is in the band.
    pub errors_inside: f64,
}

impl ReviewBand {
    /// The band of one category as probabilities, low and high.
    pub fn around(&self, decision: Decision) -> (f32, f32) {
        let middle = log_odds(decision.threshold);
        (probability(middle - self.half_width), probability(middle + self.half_width))
    }
}

/// The narrowest band outside of which micro-F1 reaches `wanted`.
///
/// None when no band of at most ±4 log-odds does. The outcomes must be of the probabilities and
/// decisions that the thresholds belong to.
pub fn review_band(outcomes: &Outcomes, rule: &[Decision], wanted: f64) -> Option<ReviewBand> {
    let middles: Vec<f64> = rule.iter().map(|d| log_odds(d.threshold)).collect();
    let distance = |row: usize, column: usize| {
        (log_odds(outcomes.category(row)[column]) - middles[column]).abs()
    };
    let columns = outcomes.columns().min(middles.len());
    (0..=80_u32).map(|step| f64::from(step) * 0.05).find_map(|half_width| {
        let (mut right, mut wrong, mut wrong_inside, mut inside) = (0_u64, 0_u64, 0_u64, 0_u64);
        for row in 0..outcomes.rows() {
            let mut any = false;
            for column in 0..columns {
                let gold = outcomes.gold(row)[column].is_some();
                let decided = outcomes.decided(row)[column].is_some();
                let is_inside = half_width > 0.0 && distance(row, column) <= half_width;
                any |= is_inside;
                if gold != decided {
                    *(if is_inside { &mut wrong_inside } else { &mut wrong }) += 1;
                } else if gold && !is_inside {
                    right += 1;
                }
            }
            inside += u64::from(any);
        }
        let f1_outside = 2.0 * right as f64 / (2 * right + wrong).max(1) as f64;
        (f1_outside >= wanted).then(|| ReviewBand {
            half_width,
            f1_outside,
            examples_inside: inside as f64 / outcomes.rows().max(1) as f64,
            errors_inside: wrong_inside as f64 / (wrong + wrong_inside).max(1) as f64,
        })
    })
}

impl Outcomes {
    /// Scales the probabilities of the given rows.
    fn scale(&mut self, rows: &[usize], by: &Scalings) {
        for &row in rows {
            for column in 0..self.columns() {
                let (category, stance) = (by.category[column], by.stance[column]);
                self.change(row, column, |p, d| (category.apply(p), stance.apply(d)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::examples::Source;
    use crate::label::{Label, Stance};

    fn example(service: &str) -> Example {
        let source = Source { path: format!("{service}/Terms.md"), ..Source::default() };
        Example { source: Some(source), ..Example::default() }
    }

    #[test]
    fn folds_keep_services_whole_and_even() {
        let examples: Vec<Example> =
            (0..300).map(|i| example(&format!("service {}", i % 37))).collect();
        let folds = folds(&examples);
        for i in 0..300 {
            assert_eq!(folds[i], folds[i % 37]);
        }
        for fold in 0..FOLDS {
            let size = folds.iter().filter(|f| **f == fold).count();
            assert!((52..=68).contains(&size), "{size}");
        }
    }

    /// One category whose score is shifted in one service; fitting on all sees that service.
    #[test]
    fn cross_fitting_does_not_see_the_service_it_decides() {
        let mut examples = Vec::new();
        let mut table = Outcomes::new(1);
        for i in 0..500_usize {
            let service = i % 5;
            examples.push(example(&format!("s{service}")));
            let truth = i % 2 == 0;
            // In service 0 negatives look like the positives of the others.
            let p = match (service, truth) {
                (0, true) => 0.97,
                (0, false) => 0.8,
                (_, true) => 0.7,
                (_, false) => 0.1,
            };
            let gold = [Label { category: 0, stance: Stance::Asserted }];
            table.push(if truth { &gold } else { &[] }, &[p], &[0.0]);
        }
        let how = Fit { goal: Goal::BestF1, scaling: None };
        let decided = cross_fit(&examples, &table, how);
        let wrong: Vec<usize> = (0..500).filter(|&row| !decided.is_exact(row)).collect();
        assert!(wrong.len() >= 50 && wrong.iter().all(|row| row % 5 == 0), "{}", wrong.len());
        assert_eq!(decided.category(0), table.category(0));
    }

    #[test]
    fn the_band_holds_the_errors() {
        let mut table = Outcomes::new(1);
        for i in 0..1000_usize {
            let p = (i as f32 + 0.5) / 1000.0;
            // Wrong now and then between 0.35 and 0.65, right elsewhere.
            let truth = (p > 0.5) ^ ((0.35..0.65).contains(&p) && i % 2 == 0);
            let gold = [Label { category: 0, stance: Stance::Asserted }];
            table.push(if truth { &gold } else { &[] }, &[p], &[0.0]);
        }
        let rule = [Decision::default()];
        let band = review_band(&table, &rule, 0.95).unwrap();
        let (low, high) = band.around(rule[0]);
        assert!((0.34..0.42).contains(&low) && (0.58..0.66).contains(&high), "{band:?}");
        assert!(band.errors_inside > 0.5 && band.examples_inside < 0.35, "{band:?}");
        assert_eq!(review_band(&table, &rule, 0.0).unwrap().half_width, 0.0);
        assert_eq!(review_band(&table, &rule, 1.1), None);
    }
}
