//! Whether probabilities mean what they say: reliability bins, calibration error, Brier score.
//!
//! Of 21 categories nearly all cells are clear zeros, and counting them would make any model look
//! calibrated. So the figures are taken over the cells in question: P(category) of at least
//! [`MIN_PROBABILITY`], or a gold label. The bins hold equally many cells.

use serde::Serialize;

use super::Outcomes;
use crate::label::Stance;

/// A cell below this without a gold label is not in question.
pub const MIN_PROBABILITY: f32 = 0.1;

/// How many bins a reliability table has.
pub const BINS: usize = 10;

/// One row of a reliability table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Lowest probability in the bin.
    pub low: f64,
    /// Highest probability in the bin.
    pub high: f64,
    /// Number of cells.
    pub cells: usize,
    /// Mean probability.
    pub predicted: f64,
    /// Share of cells that are true.
    pub observed: f64,
}

/// Calibration of a set of cells.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Calibration {
    /// Number of cells.
    pub cells: usize,
    /// Expected calibration error: mean of |predicted − observed| over the bins, by their size.
    pub ece: Option<f64>,
    /// Mean squared distance of probability and truth.
    pub brier: Option<f64>,
    /// The reliability table, from low to high.
    pub bins: Vec<Bin>,
}

/// Calibration of P(category) over the cells in question.
pub fn of_categories(outcomes: &Outcomes) -> Calibration {
    of_cells(category_cells(outcomes).map(|(_, p, truth)| (p, truth)).collect(), BINS)
}

/// Calibration of P(category) over the cells with a stated probability of at least
/// [`MIN_PROBABILITY`] alone.
///
/// Among the cells in question those below it are gold by choice, so that a model whose
/// probabilities are exact but which misses a label now and then has an error there.
pub fn of_stated(outcomes: &Outcomes) -> Calibration {
    let stated = category_cells(outcomes).filter(|(_, p, _)| *p >= f64::from(MIN_PROBABILITY));
    of_cells(stated.map(|(_, p, truth)| (p, truth)).collect(), BINS)
}

/// Calibration of P(denied | category) over the cells that have a gold label.
pub fn of_stance(outcomes: &Outcomes) -> Calibration {
    let mut cells = Vec::new();
    for row in 0..outcomes.rows() {
        for (gold, denied) in outcomes.gold(row).iter().zip(outcomes.denied(row)) {
            if let Some(stance) = gold {
                cells.push((f64::from(*denied), *stance == Stance::Denied));
            }
        }
    }
    of_cells(cells, BINS)
}

/// The cells in question: row, P(category), whether there is a gold label.
pub(crate) fn category_cells(outcomes: &Outcomes) -> impl Iterator<Item = (usize, f64, bool)> {
    (0..outcomes.rows()).flat_map(move |row| {
        let cells = outcomes.gold(row).iter().zip(outcomes.category(row));
        cells
            .filter(|(gold, p)| gold.is_some() || **p >= MIN_PROBABILITY)
            .map(move |(gold, p)| (row, f64::from(*p), gold.is_some()))
    })
}

/// Calibration of pairs of probability and truth, in at most `bins` bins of equal mass.
///
/// Cells of the same probability are never torn apart, so the figures do not depend on their order;
/// bins are then unequal, or fewer.
pub fn of_cells(mut cells: Vec<(f64, bool)>, bins: usize) -> Calibration {
    if cells.is_empty() {
        return Calibration::default();
    }
    cells.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total = cells.len();
    let mut table = Vec::with_capacity(bins);
    let mut start = 0;
    for bin in 1..=bins.max(1) {
        let mut end = (total * bin / bins.max(1)).max(start);
        while end > start && end < total && cells[end].0.total_cmp(&cells[end - 1].0).is_eq() {
            end += 1;
        }
        if end > start {
            table.push(summarise(&cells[start..end]));
            start = end;
        }
    }
    let gap = |bin: &Bin| (bin.predicted - bin.observed).abs() * bin.cells as f64;
    let distance = |&(p, truth): &(f64, bool)| (p - f64::from(u8::from(truth))).powi(2);
    Calibration {
        cells: total,
        ece: Some(table.iter().map(gap).sum::<f64>() / total as f64),
        brier: Some(cells.iter().map(distance).sum::<f64>() / total as f64),
        bins: table,
    }
}

/// One bin of sorted cells; there is at least one.
fn summarise(cells: &[(f64, bool)]) -> Bin {
    let count = cells.len() as f64;
    Bin {
        low: cells.first().map_or(0.0, |c| c.0),
        high: cells.last().map_or(0.0, |c| c.0),
        cells: cells.len(),
        predicted: cells.iter().map(|c| c.0).sum::<f64>() / count,
        observed: cells.iter().filter(|c| c.1).count() as f64 / count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Label;

    #[test]
    fn perfect_and_worst_probabilities() {
        let perfect = of_cells(vec![(0.0, false), (1.0, true), (1.0, true)], 10);
        assert_eq!((perfect.ece, perfect.brier), (Some(0.0), Some(0.0)));
        let worst = of_cells(vec![(0.0, true), (1.0, false)], 10);
        assert_eq!((worst.ece, worst.brier), (Some(1.0), Some(1.0)));
        assert_eq!(of_cells(Vec::new(), 10).ece, None);
    }

    #[test]
    fn ties_stay_in_one_bin_and_bins_hold_equal_mass() {
        let tied = of_cells((0..100).map(|i| (0.3, i % 4 == 0)).collect(), 10);
        assert_eq!(tied.bins.len(), 1);
        assert!((tied.ece.unwrap() - 0.05).abs() < 1e-12);
        let spread = of_cells((0..100).map(|i| (f64::from(i) / 100.0, i >= 50)).collect(), 10);
        assert!(spread.bins.iter().all(|bin| bin.cells == 10), "{:?}", spread.bins);
        let few = of_cells(vec![(0.2, true), (0.4, false)], 10);
        assert_eq!(few.bins.iter().map(|bin| bin.cells).sum::<usize>(), 2);
    }

    #[test]
    fn clear_zeros_are_left_out() {
        let mut table = Outcomes::new(3);
        let gold = [Label { category: 2, stance: Stance::Denied }];
        table.push(&gold, &[0.05, 0.1, 0.02], &[0.0, 0.0, 0.75]);
        let calibration = of_categories(&table);
        assert_eq!(calibration.cells, 2);
        assert_eq!(of_stance(&table).brier, Some(0.0625));
    }
}
