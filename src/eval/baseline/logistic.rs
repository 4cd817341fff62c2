//! Logistic regression over sparse rows, with an L2 penalty and balanced classes.

use super::sparse::{SparseRow, SparseRows};
use crate::eval::lbfgs::{self, Stop};

/// A fitted model: the log-odds are linear in the features.
#[derive(Debug, Clone)]
pub(super) struct Logistic {
    weights: Vec<f64>,
    /// Log-odds without any feature.
    intercept: f64,
}

impl Logistic {
    /// Fits to the given rows; `truth` has one entry for each of them.
    ///
    /// The objective is scikit-learn's: Σ class weight · loss + |weights|² / 2C, the class weights
    /// n / 2n₊ and n / 2n₋, the intercept free. Without both classes the model is the constant that
    /// the rows say.
    pub(super) fn fit(
        matrix: &SparseRows,
        features: usize,
        rows: &[usize],
        truth: &[bool],
        c: f64,
    ) -> Self {
        let count = rows.len() as f64;
        let positives = truth.iter().filter(|t| **t).count() as f64;
        if positives == 0.0 || positives >= count {
            let certain = if positives > 0.0 { 20.0 } else { -20.0 };
            return Self { weights: vec![0.0; features], intercept: certain };
        }
        let weight_of = [count / (2.0 * (count - positives)), count / (2.0 * positives)];
        let penalty = 1.0 / (c * count);
        let objective = |point: &[f64], gradient: &mut [f64]| {
            let (weights, intercept) = point.split_at(features);
            for (g, w) in gradient.iter_mut().zip(weights) {
                *g = penalty * w;
            }
            gradient[features] = 0.0;
            let mut loss = 0.0;
            for (&row, &truth) in rows.iter().zip(truth) {
                let row = matrix.row(row);
                let sign = if truth { 1.0 } else { -1.0 };
                let margin = sign * (row.dot(weights) + intercept[0]);
                let weight = weight_of[usize::from(truth)] / count;
                let small = (-margin.abs()).exp();
                loss += weight * (small.ln_1p() + (-margin).max(0.0));
                // The derivative of the loss: -sigmoid(-margin).
                let share = if margin >= 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) };
                let slope = -sign * weight * share;
                row.add_to(gradient, slope);
                gradient[features] += slope;
            }
            loss + penalty * weights.iter().map(|w| w * w).sum::<f64>() / 2.0
        };
        let stop = Stop { gradient: 1e-4, steps: 300 };
        let mut weights = lbfgs::minimise(vec![0.0; features + 1], stop, objective);
        let intercept = weights.pop().unwrap_or(0.0);
        Self { weights, intercept }
    }

    /// The probability of the class for one row.
    pub(super) fn probability(&self, row: SparseRow<'_>) -> f32 {
        (1.0 / (1.0 + (-(row.dot(&self.weights) + self.intercept)).exp())) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[[f32; 2]]) -> SparseRows {
        let mut matrix = SparseRows::default();
        for [a, b] in values {
            matrix.push(&[(0, *a), (1, *b)]);
        }
        matrix
    }

    #[test]
    fn the_same_optimum_as_scikit_learn() {
        // LogisticRegression(C=2, class_weight="balanced", tol=1e-8).fit(x, y):
        // coef_ and intercept_.
        const WEIGHTS: [f64; 3] = [1.18062, 0.09150, -2.16443];
        let x = rows(&[[0.0, 1.0], [1.0, 0.5], [2.0, 0.0], [3.0, 1.5], [0.5, 0.5], [2.5, 0.2]]);
        let y = [false, false, true, true, false, false];
        let fitted = Logistic::fit(&x, 2, &[0, 1, 2, 3, 4, 5], &y, 2.0);
        let close = |a: f64, b: f64| (a - b).abs() < 2e-3;
        assert!(close(fitted.weights[0], WEIGHTS[0]), "{fitted:?}");
        assert!(close(fitted.weights[1], WEIGHTS[1]), "{fitted:?}");
        assert!(close(fitted.intercept, WEIGHTS[2]), "{fitted:?}");
    }

    #[test]
    fn one_class_only_is_a_constant() {
        let x = rows(&[[0.0, 1.0], [1.0, 0.0]]);
        let never = Logistic::fit(&x, 2, &[0, 1], &[false, false], 1.0);
        assert!(never.probability(x.row(0)) < 1e-6);
        let always = Logistic::fit(&x, 2, &[0, 1], &[true, true], 1.0);
        assert!(always.probability(x.row(1)) > 1.0 - 1e-6);
        let nothing = Logistic::fit(&x, 2, &[], &[], 1.0);
        assert!(nothing.probability(x.row(1)) < 1e-6);
    }
}
