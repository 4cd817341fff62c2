//! Softmax and cross-entropy over a large vocabulary in one pass a row.

use candle_core::{Result, Tensor, bail};
use pulp::Arch;

use super::math::{exp, sum};
use super::with_floats;

const NAME: &str = "cross-entropy";

/// Cross-entropy of `logits + bias` against `targets`, summed over the rows, and its gradient for
/// the logits times `scale`.
///
/// `logits` are [rows, n], `bias` is `[n]`, `targets` one class a row. The loss is in nats.
///
/// # Errors
/// When the shapes differ, a target is outside the classes, or the tensors are not contiguous
/// floats on the CPU.
pub fn cross_entropy(
    logits: &Tensor,
    bias: &Tensor,
    targets: &[u32],
    scale: f32,
) -> Result<(f64, Tensor)> {
    let n = bias.elem_count();
    if super::rows(NAME, logits.dims(), n)? != targets.len() {
        bail!("{NAME}: {} targets for logits of shape {:?}", targets.len(), logits.dims());
    }
    if let Some(bad) = targets.iter().find(|&&t| t as usize >= n) {
        bail!("{NAME}: target {bad} of {n} classes");
    }
    let (loss, grad) = with_floats(NAME, [logits, bias], |[logits, bias]| {
        let mut grad = vec![0f32; logits.len()];
        let mut loss = 0f64;
        let rows = logits.chunks_exact(n).zip(grad.chunks_exact_mut(n)).zip(targets);
        for ((logits, grad), &target) in rows {
            let target = target as usize;
            loss += Arch::new().dispatch(|| row(logits, bias, target, scale, grad));
        }
        Ok((loss, grad))
    })?;
    Ok((loss, Tensor::from_vec(grad, logits.dims(), logits.device())?))
}

#[inline(always)]
fn row(logits: &[f32], bias: &[f32], target: usize, scale: f32, grad: &mut [f32]) -> f64 {
    let mut peak = f32::MIN;
    for ((g, &z), &b) in grad.iter_mut().zip(logits).zip(bias) {
        *g = z + b;
        peak = if *g > peak { *g } else { peak };
    }
    let own = grad[target] - peak;
    for g in grad.iter_mut() {
        *g = exp(*g - peak);
    }
    let total = sum(grad, |e| e);
    let factor = scale / total;
    for g in grad.iter_mut() {
        *g *= factor;
    }
    grad[target] -= scale;
    f64::from(total).ln() - f64::from(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ops::testing::tensor;

    #[test]
    fn loss_and_slope_are_those_of_the_definition() {
        let (logits, bias) = (tensor(&[3, 37], 1), tensor(&[37], 2));
        let targets = [0u32, 36, 11];
        let (loss, grad) = cross_entropy(&logits, &bias, &targets, 0.5).unwrap();
        let biased = logits.broadcast_add(&bias).unwrap().to_vec2::<f32>().unwrap();
        let grad = grad.to_vec2::<f32>().unwrap();
        let mut expected = 0.0;
        for ((row, grad), &target) in biased.iter().zip(&grad).zip(&targets) {
            let total: f64 = row.iter().map(|&z| f64::from(z).exp()).sum();
            expected -= (f64::from(row[target as usize]).exp() / total).ln();
            for (i, (&z, &g)) in row.iter().zip(grad).enumerate() {
                let slope = f64::from(z).exp() / total - f64::from(u8::from(i == target as usize));
                assert!((0.5 * slope - f64::from(g)).abs() < 1e-6, "class {i}");
            }
        }
        assert!((loss - expected).abs() < 1e-4, "{loss} {expected}");
    }

    #[test]
    fn bad_input_is_an_error() {
        let (logits, bias) = (tensor(&[2, 5], 1), tensor(&[5], 2));
        assert!(cross_entropy(&logits, &bias, &[1], 1.0).is_err());
        assert!(cross_entropy(&logits, &bias, &[1, 5], 1.0).is_err());
        assert!(cross_entropy(&logits, &tensor(&[4], 2), &[1, 2], 1.0).is_err());
    }
}
