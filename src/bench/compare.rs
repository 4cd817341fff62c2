//! What another engine says of the same sentences.

use serde::Serialize;

use crate::classify::{Classifier, ClassifyError};
use crate::encode::Input;

/// Sentences whose states are held at once.
const CHUNK: usize = 256;
/// Below this in both engines a pair is clear and not counted.
const DOUBTFUL: f32 = 0.1;

/// How far two engines are apart.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The other engine.
    pub with: String,
    /// Sentences compared.
    pub sentences: usize,
    /// Least cosine of a sentence's hidden states, all its tokens in one vector.
    pub cosine_min: f64,
    /// Mean of those cosines.
    pub cosine_mean: f64,
    /// Least cosine of a sentence's mean token state.
    pub pooled_cosine_min: f64,
    /// Largest difference of a P(category).
    pub probability_difference_max: f64,
    /// (Sentence, category) pairs with P(category) > 0.1 in either engine.
    pub pairs: usize,
    /// Of those, the share with the same decision, stance included.
    pub same_decisions: f64,
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
    };
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms > 0.0 { dot(a, b) / norms } else { 1.0 }
}

/// Mean over rows of `width`.
fn mean(states: &[f32], width: usize) -> Vec<f32> {
    let mut sum = vec![0f32; width];
    for row in states.chunks_exact(width.max(1)) {
        for (sum, x) in sum.iter_mut().zip(row) {
            *sum += x;
        }
    }
    sum
}

/// Compares hidden states and decisions of two classifiers of the same model; `with` names the
/// second.
///
/// # Errors
/// [`ClassifyError`] when a sentence cannot be computed.
pub fn compare(
    one: &Classifier,
    other: &Classifier,
    inputs: &[Input<'_>],
) -> Result<Comparison, ClassifyError> {
    let mut out = Comparison {
        with: other.engine_kind().to_string(),
        sentences: inputs.len(),
        cosine_min: 1.0,
        cosine_mean: 0.0,
        pooled_cosine_min: 1.0,
        probability_difference_max: 0.0,
        pairs: 0,
        same_decisions: 0.0,
    };
    let mut sum = 0.0;
    let mut same = 0;
    for chunk in inputs.chunks(CHUNK) {
        for (a, b) in one.states(chunk)?.iter().zip(&other.states(chunk)?) {
            let c = cosine(&a.values, &b.values);
            sum += c;
            out.cosine_min = out.cosine_min.min(c);
            let pooled = cosine(&mean(&a.values, a.width), &mean(&b.values, b.width));
            out.pooled_cosine_min = out.pooled_cosine_min.min(pooled);
        }
        for (a, b) in one.scores(chunk)?.iter().zip(&other.scores(chunk)?) {
            let (found_a, found_b) = (one.findings(a), other.findings(b));
            for (c, (&p, &q)) in a.category.iter().zip(&b.category).enumerate() {
                let difference = f64::from((p - q).abs());
                out.probability_difference_max = out.probability_difference_max.max(difference);
                if p.max(q) > DOUBTFUL {
                    out.pairs += 1;
                    let stance = |found: &[crate::classify::Finding]| {
                        found.iter().find(|f| f.category == c).map(|f| f.stance)
                    };
                    same += usize::from(stance(&found_a) == stance(&found_b));
                }
            }
        }
    }
    out.cosine_mean = sum / inputs.len().max(1) as f64;
    out.same_decisions = if out.pairs == 0 { 1.0 } else { same as f64 / out.pairs as f64 };
    Ok(out)
}
