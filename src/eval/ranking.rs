//! Figures of a ranking, free of any threshold: average precision and the precision-recall curve.
//!
//! Ties are handled as scikit-learn does: examples of equal score enter the curve together.

/// One step of a precision-recall curve.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct CurvePoint {
    /// Everything at or above this score counts as found.
    pub threshold: f64,
    /// Share of the found that is right.
    pub precision: f64,
    /// Share of the right that is found.
    pub recall: f64,
}

/// The precision-recall curve, from the highest threshold to the lowest.
///
/// Pairs of score and truth; one point for every distinct score. Empty when nothing is true.
/// Scores that are not finite count as the lowest.
pub fn curve(cells: impl IntoIterator<Item = (f64, bool)>) -> Vec<CurvePoint> {
    let clean = |s: f64| if s.is_finite() { s } else { f64::MIN };
    let mut cells: Vec<(f64, bool)> = cells.into_iter().map(|(s, t)| (clean(s), t)).collect();
    let positives = cells.iter().filter(|(_, truth)| *truth).count();
    if positives == 0 {
        return Vec::new();
    }
    cells.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut points = Vec::new();
    let mut found = 0_usize;
    for (rank, &(threshold, truth)) in cells.iter().enumerate() {
        found += usize::from(truth);
        if cells.get(rank + 1).is_none_or(|next| next.0 < threshold) {
            points.push(CurvePoint {
                threshold,
                precision: found as f64 / (rank + 1) as f64,
                recall: found as f64 / positives as f64,
            });
        }
    }
    points
}

/// Average precision: the mean of the precisions, weighted by the gain in recall.
///
/// None when nothing is true.
pub fn average_precision(cells: impl IntoIterator<Item = (f64, bool)>) -> Option<f64> {
    let points = curve(cells);
    let mut recall = 0.0;
    let mut sum = 0.0;
    for point in &points {
        sum += (point.recall - recall) * point.precision;
        recall = point.recall;
    }
    (!points.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_precision_as_in_the_scikit_learn_manual() {
        let cells = [(0.1, false), (0.4, false), (0.35, true), (0.8, true)];
        let ap = average_precision(cells).unwrap();
        assert!((ap - 0.833_333_333).abs() < 1e-8, "{ap}");
    }

    #[test]
    fn ties_enter_together() {
        // Whatever the order of the tied cells, half of them is right.
        for cells in [[(0.5, true), (0.5, false)], [(0.5, false), (0.5, true)]] {
            assert_eq!(average_precision(cells), Some(0.5));
            assert_eq!(curve(cells).len(), 1);
        }
    }

    #[test]
    fn without_positives_there_is_no_figure() {
        assert_eq!(average_precision([(0.5, false)]), None);
        assert_eq!(average_precision([]), None);
        assert_eq!(average_precision([(f64::NAN, true), (0.5, false)]), Some(0.5));
    }
}
