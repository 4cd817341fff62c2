//! Mean of the token states of each packed sequence.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::{Sequences, floats, rows, with_floats};

const NAME: &str = "mean-pool";

/// Means over the tokens of each sequence: [tokens, n] to [sequences, n]; zeros where a sequence
/// is empty.
///
/// # Errors
/// When the token counts differ or the tensor is not a contiguous float matrix on the CPU.
pub fn mean_pool(states: &Tensor, sequences: &Sequences) -> Result<Tensor> {
    states.apply_op1(MeanPool(sequences.clone()))
}

/// Gradient of [`mean_pool`]: [sequences, n] to [tokens, n].
///
/// # Errors
/// As [`mean_pool`].
pub fn mean_pool_backward(sequences: &Sequences, grad: &Tensor) -> Result<Tensor> {
    let &[count, n] = grad.dims() else { bail!("{NAME}: gradient of {:?}", grad.dims()) };
    if count != sequences.len() || n == 0 {
        bail!("{NAME}: gradient of {count} rows for {} sequences", sequences.len());
    }
    let out = with_floats(NAME, [grad], |[grad]| {
        let mut out = vec![0f32; sequences.tokens() * n];
        for (range, grad) in sequences.ranges().zip(grad.chunks_exact(n)) {
            let share = 1.0 / range.len().max(1) as f32;
            for row in out[range.start * n..range.end * n].chunks_exact_mut(n) {
                for (out, &g) in row.iter_mut().zip(grad) {
                    *out = g * share;
                }
            }
        }
        Ok(out)
    })?;
    Tensor::from_vec(out, (sequences.tokens(), n), grad.device())
}

struct MeanPool(Sequences);

impl CustomOp1 for MeanPool {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, states: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let &[_, n] = layout.dims() else { bail!("{NAME}: states of {:?}", layout.dims()) };
        if rows(NAME, layout.dims(), n)? != self.0.tokens() {
            bail!("{NAME}: states of {:?} for {} tokens", layout.dims(), self.0.tokens());
        }
        let states = floats(states, layout, NAME)?;
        let mut out = vec![0f32; self.0.len() * n];
        for (range, out) in self.0.ranges().zip(out.chunks_exact_mut(n)) {
            for row in states[range.start * n..range.end * n].chunks_exact(n) {
                for (out, &x) in out.iter_mut().zip(row) {
                    *out += x;
                }
            }
            let share = 1.0 / range.len().max(1) as f32;
            for out in out.iter_mut() {
                *out *= share;
            }
        }
        Ok((CpuStorage::F32(out), (self.0.len(), n).into()))
    }

    fn bwd(&self, _arg: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        mean_pool_backward(&self.0, grad).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradients, tensor};
    use super::*;

    #[test]
    fn means_and_their_gradients() {
        let sequences = Sequences::new(&[0, 1, 1, 4]).unwrap();
        let states = tensor(&[4, 3], 1);
        let got = mean_pool(&states, &sequences).unwrap().to_vec2::<f32>().unwrap();
        let rows = states.to_vec2::<f32>().unwrap();
        assert_eq!(got[0], rows[0]);
        assert_eq!(got[1], [0.0; 3]);
        assert!((got[2][1] - (rows[1][1] + rows[2][1] + rows[3][1]) / 3.0).abs() < 1e-6);
        check_gradients(&[states], |t| mean_pool(&t[0], &sequences).unwrap());
        assert!(mean_pool(&tensor(&[5, 3], 1), &sequences).is_err());
    }
}
