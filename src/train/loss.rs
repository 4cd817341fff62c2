//! The loss: binary cross-entropy of every category, and of the stance where a category is there.
//!
//! A sentence's loss is the sum over categories, so that a step's loss is in nats a sentence; the
//! stance term counts in the measure that the category is present. Rare categories get a weight on
//! their positives, up to a cap. Targets may be soft (a teacher's probabilities).

use serde::{Deserialize, Serialize};

use super::TrainError;

/// Weights of the loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossOptions {
    /// Cap of the weight of a category's positives: negatives per positive, but no more.
    pub positive_cap: f64,
    /// The same for denials among a category's sentences.
    pub denied_cap: f64,
    /// Weight of the stance term.
    pub stance_weight: f64,
    /// Asymmetric focusing: a negative's loss is multiplied with pᵞ; 0 for plain cross-entropy.
    pub focus: f64,
}

impl Default for LossOptions {
    fn default() -> Self {
        Self { positive_cap: 4.0, denied_cap: 4.0, stance_weight: 2.0, focus: 0.0 }
    }
}

impl LossOptions {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`TrainError::Options`] naming the option.
    pub fn check(&self) -> Result<(), TrainError> {
        let fail = |text: &str| Err(TrainError::Options(text.to_owned()));
        if !(1.0..=1e3).contains(&self.positive_cap) || !(1.0..=1e3).contains(&self.denied_cap) {
            return fail("--positive-cap and --denied-cap must lie between 1 and 1000");
        }
        if !(0.0..=100.0).contains(&self.stance_weight) {
            return fail("--stance-weight must lie between 0 and 100");
        }
        if !(0.0..=10.0).contains(&self.focus) {
            return fail("--focus must lie between 0 and 10");
        }
        Ok(())
    }
}

/// What one cell (sentence and category) should be.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Target {
    /// P(category).
    pub category: f32,
    /// How much the stance counts: 1 where the category is present, 0 where it is not.
    pub stance: f32,
    /// P(denied | category).
    pub denied: f32,
}

impl Target {
    /// Mixes in a teacher's probabilities with weight `alpha`.
    #[must_use]
    pub fn mixed(self, category: f32, denied: f32, alpha: f32) -> Self {
        let keep = 1.0 - alpha;
        let stance = keep * self.stance + alpha * category;
        let denials = keep * self.stance * self.denied + alpha * category * denied;
        Self {
            category: keep * self.category + alpha * category,
            stance,
            denied: if stance > 0.0 { denials / stance } else { 0.0 },
        }
    }
}

/// The loss of a run: options and the weights that its data ask for.
#[derive(Debug, Clone)]
pub struct Loss {
    options: LossOptions,
    positive: Vec<f32>,
    denied: Vec<f32>,
    has_stance: bool,
}

impl Loss {
    /// Weighs `columns` categories by their rates in `targets`, row-major.
    pub fn fit(
        options: &LossOptions,
        targets: &[Target],
        columns: usize,
        has_stance: bool,
    ) -> Self {
        let mut present = vec![0f64; columns];
        let mut stances = vec![0f64; columns];
        let mut denied = vec![0f64; columns];
        for row in targets.chunks_exact(columns.max(1)) {
            for (c, target) in row.iter().enumerate() {
                present[c] += f64::from(target.category);
                stances[c] += f64::from(target.stance);
                denied[c] += f64::from(target.stance * target.denied);
            }
        }
        let rows = (targets.len() / columns.max(1)) as f64;
        let weight = |positives: f64, all: f64, cap: f64| {
            if positives > 0.0 {
                ((all - positives) / positives).clamp(1.0, cap) as f32
            } else {
                1.0
            }
        };
        Self {
            positive: present.iter().map(|&p| weight(p, rows, options.positive_cap)).collect(),
            denied: denied
                .iter()
                .zip(&stances)
                .map(|(&d, &s)| weight(d, s, options.denied_cap))
                .collect(),
            options: options.clone(),
            has_stance,
        }
    }

    /// Loss of rows of logits (categories, then denials) summed over the rows, and its gradient.
    ///
    /// `scale` multiplies the gradient: 1 over the sentences of the whole step.
    pub fn of(&self, logits: &[f32], targets: &[Target], scale: f32) -> (f64, Vec<f32>) {
        let columns = self.positive.len();
        let width = columns * if self.has_stance { 2 } else { 1 };
        let mut grad = vec![0f32; logits.len()];
        let mut total = 0f64;
        let rows = logits.chunks_exact(width).zip(targets.chunks_exact(columns));
        for ((logits, targets), grad) in rows.zip(grad.chunks_exact_mut(width)) {
            for (c, target) in targets.iter().enumerate() {
                let focus = self.options.focus as f32;
                let (loss, slope) = cell(logits[c], target.category, self.positive[c], focus);
                total += f64::from(loss);
                grad[c] = slope * scale;
                if self.has_stance && target.stance > 0.0 {
                    let weight = target.stance * self.options.stance_weight as f32;
                    let at = columns + c;
                    let (loss, slope) = cell(logits[at], target.denied, self.denied[c], 0.0);
                    total += f64::from(weight * loss);
                    grad[at] = weight * slope * scale;
                }
            }
        }
        (total, grad)
    }
}

/// Weighted cross-entropy of one logit with its derivative.
fn cell(z: f32, target: f32, positive: f32, focus: f32) -> (f32, f32) {
    let p = 1.0 / (1.0 + (-z).exp());
    // ln(1 + eᶻ) without overflow.
    let softplus = z.max(0.0) + (-z.abs()).exp().ln_1p();
    let (negative, slope) = if focus > 0.0 {
        let power = p.powf(focus);
        (power * softplus, power * (focus * (1.0 - p) * softplus + p))
    } else {
        (softplus, p)
    };
    let weight = positive * target;
    (
        weight * (softplus - z) + (1.0 - target) * negative,
        -weight * (1.0 - p) + (1.0 - target) * slope,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope() {
        let targets = [
            Target { category: 1.0, stance: 1.0, denied: 1.0 },
            Target::default(),
            Target { category: 0.3, stance: 0.3, denied: 0.6 },
            Target { category: 1.0, stance: 1.0, denied: 0.0 },
        ];
        for focus in [0.0, 1.5] {
            let options = LossOptions { focus, ..LossOptions::default() };
            let loss = Loss::fit(&options, &targets, 2, true);
            let logits = [0.3f32, -1.2, 2.0, 0.1, -0.4, 4.0, -3.0, 0.7];
            let (_, grad) = loss.of(&logits, &targets, 1.0);
            for i in 0..logits.len() {
                let shifted = |by: f32| {
                    let mut logits = logits;
                    logits[i] += by;
                    loss.of(&logits, &targets, 1.0).0
                };
                let expected = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
                assert!(
                    (expected - f64::from(grad[i])).abs() < 2e-3,
                    "{i}: {expected} {}",
                    grad[i]
                );
            }
        }
    }

    #[test]
    fn the_stance_counts_only_where_the_category_is() {
        let targets = [Target::default(), Target { category: 1.0, stance: 1.0, denied: 0.0 }];
        let loss = Loss::fit(&LossOptions::default(), &targets, 1, true);
        let (_, grad) = loss.of(&[0.0, 5.0, 0.0, 5.0], &targets, 1.0);
        assert_eq!(grad[1], 0.0);
        assert!(grad[3] > 0.9);
    }

    #[test]
    fn weights_follow_rates_up_to_the_cap() {
        let mut targets = vec![Target::default(); 30];
        targets[0] = Target { category: 1.0, stance: 1.0, denied: 0.0 };
        for target in targets.iter_mut().skip(1).step_by(3) {
            target.category = 1.0;
        }
        let loss = Loss::fit(&LossOptions::default(), &targets, 3, false);
        assert!((loss.positive[0] - 4.0).abs() < 1e-6, "{:?}", loss.positive);
        assert!((loss.positive[1] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn extreme_logits_stay_finite() {
        for z in [-1e4f32, 1e4, -90.0, 90.0] {
            let (loss, slope) = cell(z, 0.5, 4.0, 0.0);
            assert!(loss.is_finite() && slope.is_finite());
        }
    }
}
