//! Precision, recall, F1 and their kin, over categories and over labels with stance.
//!
//! A figure without a denominator is None, never 0. Macro averages run over the categories (or
//! labels) that have a gold example: a category that the file is silent about has no F1, and its
//! false alarms count in the micro average.

use serde::Serialize;

use super::calibration::{self, Calibration};
use super::tally::{Counts, Tally, ratio};
use super::{Outcomes, ranking};
use crate::label::{LabelSet, Stance};

/// Precision, recall and F1 of one category, label or average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scores {
    /// Share of the found that is right; none when nothing was found.
    pub precision: Option<f64>,
    /// Share of the gold labels that was found; none without gold labels.
    pub recall: Option<f64>,
    /// Harmonic mean of both; none when there is neither.
    pub f1: Option<f64>,
    /// Number of gold labels.
    pub support: u64,
    /// Number of labels found.
    pub found: u64,
}

/// Figures over all categories, or over all labels with stance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Averages {
    /// All cells pooled.
    pub micro: Scores,
    /// Mean precision over those with a gold example; one where nothing was found counts 0.
    pub macro_precision: Option<f64>,
    /// Mean recall over those with a gold example.
    pub macro_recall: Option<f64>,
    /// Mean F1 over those with a gold example.
    pub macro_f1: Option<f64>,
    /// Share of the examples where all is right.
    pub exact_match: Option<f64>,
    /// Share of all cells that is wrong.
    pub hamming_loss: Option<f64>,
}

impl Averages {
    pub(super) fn of(counts: &[Counts], examples: u64, exact: u64) -> Self {
        let mut pooled = Counts::default();
        counts.iter().for_each(|c| pooled.add(*c, 1));
        let present: Vec<&Counts> = counts.iter().filter(|c| c.support() > 0).collect();
        let mean = |figure: fn(Counts) -> Option<f64>| {
            let sum: f64 = present.iter().map(|c| figure(**c).unwrap_or(0.0)).sum();
            (!present.is_empty()).then(|| sum / present.len() as f64)
        };
        Self {
            micro: pooled.scores(),
            macro_precision: mean(Counts::precision),
            macro_recall: mean(Counts::recall),
            macro_f1: mean(Counts::f1),
            exact_match: ratio(exact, examples),
            hamming_loss: ratio(pooled.wrong + pooled.missed, examples * counts.len() as u64),
        }
    }
}

/// Asserted read as denied and the reverse, among the gold categories that were found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StanceConfusion {
    /// Gold categories found.
    pub found: u64,
    /// Share of them read with the opposite stance.
    pub opposite_rate: Option<f64>,
    /// Found ones that gold says are asserted.
    pub asserted: u64,
    /// Of these, read as denied.
    pub asserted_read_denied: u64,
    /// The same as a share.
    pub asserted_read_denied_rate: Option<f64>,
    /// Found ones that gold says are denied.
    pub denied: u64,
    /// Of these, read as asserted.
    pub denied_read_asserted: u64,
    /// The same as a share.
    pub denied_read_asserted_rate: Option<f64>,
}

/// Figures of one category or label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelMetrics {
    /// `name`, or `!name` for the denied stance.
    pub label: String,
    /// Precision, recall, F1.
    pub scores: Scores,
    /// Average precision of the ranking by probability; none without gold labels.
    pub average_precision: Option<f64>,
}

/// Figures of one category and its two stances.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CategoryMetrics {
    /// The category, whatever the stance.
    pub category: LabelMetrics,
    /// Its labels with stance; absent in a label set without stances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stances: Option<StanceMetrics>,
}

/// The two labels of a category.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StanceMetrics {
    /// `name`.
    pub asserted: LabelMetrics,
    /// `!name`.
    pub denied: LabelMetrics,
    /// Asserted read as denied and the reverse.
    pub confusion: StanceConfusion,
}

/// All figures of one system on one set of examples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    /// Number of examples.
    pub examples: usize,
    /// Over categories, whatever the stance.
    pub categories: Averages,
    /// Over labels with stance; the same as `categories` in a label set without stances.
    pub labels: Averages,
    /// Mean average precision over the categories with a gold example.
    pub mean_average_precision: Option<f64>,
    /// Asserted read as denied and the reverse.
    pub stance: StanceConfusion,
    /// Calibration of P(category) over the cells in question.
    pub calibration: Calibration,
    /// Calibration of P(category) where it is at least 0.1.
    pub stated_calibration: Calibration,
    /// Calibration of P(denied | category) over the cells with a gold label.
    pub stance_calibration: Calibration,
    /// By category, in the order of the label set.
    pub per_category: Vec<CategoryMetrics>,
}

/// All figures of a table.
pub fn measure(outcomes: &Outcomes, labels: &LabelSet) -> Metrics {
    let tally = Tally::of(outcomes);
    let names = labels.names().enumerate().take(outcomes.columns());
    let per_category: Vec<CategoryMetrics> = names
        .map(|(column, name)| CategoryMetrics {
            category: LabelMetrics {
                label: name.to_owned(),
                scores: tally.categories[column].scores(),
                average_precision: category_average_precision(outcomes, column),
            },
            stances: labels.has_stance().then(|| StanceMetrics {
                asserted: label_metrics(outcomes, &tally, column, name, Stance::Asserted),
                denied: label_metrics(outcomes, &tally, column, name, Stance::Denied),
                confusion: tally.stances[column].confusion(),
            }),
        })
        .collect();
    let by_category = tally.over_categories();
    let precisions: Vec<f64> =
        per_category.iter().filter_map(|c| c.category.average_precision).collect();
    Metrics {
        examples: outcomes.rows(),
        categories: by_category,
        labels: if labels.has_stance() { tally.over_labels() } else { by_category },
        mean_average_precision: (!precisions.is_empty())
            .then(|| precisions.iter().sum::<f64>() / precisions.len() as f64),
        stance: tally.stance().confusion(),
        calibration: calibration::of_categories(outcomes),
        stated_calibration: calibration::of_stated(outcomes),
        stance_calibration: if labels.has_stance() {
            calibration::of_stance(outcomes)
        } else {
            Calibration::default()
        },
        per_category,
    }
}

fn label_metrics(
    outcomes: &Outcomes,
    tally: &Tally,
    column: usize,
    name: &str,
    stance: Stance,
) -> LabelMetrics {
    let (mark, offset) = match stance {
        Stance::Asserted => ("", 0),
        Stance::Denied => ("!", 1),
    };
    let cells = (0..outcomes.rows()).map(|row| {
        (outcomes.joint(row, column, stance), outcomes.gold(row)[column] == Some(stance))
    });
    LabelMetrics {
        label: format!("{mark}{name}"),
        scores: tally.labels[2 * column + offset].scores(),
        average_precision: ranking::average_precision(cells),
    }
}

fn category_average_precision(outcomes: &Outcomes, column: usize) -> Option<f64> {
    let cells = outcomes.column(column);
    ranking::average_precision(cells.map(|(gold, p)| (f64::from(p), gold.is_some())))
}

/// Mean average precision over the categories with a gold example: what early stopping can watch
/// without choosing thresholds.
pub fn mean_average_precision(outcomes: &Outcomes) -> Option<f64> {
    let columns = 0..outcomes.columns();
    let all: Vec<f64> =
        columns.filter_map(|column| category_average_precision(outcomes, column)).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}
