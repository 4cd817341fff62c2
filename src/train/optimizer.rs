//! `AdamW` in one pass, with gradients that may be sparse.
//!
//! Decay is decoupled and spares biases and norms. The rows of the embedding tables are updated
//! lazily: a row that no token of the step used keeps its moments and its weights (as in
//! `PyTorch`'s `SparseAdam`), which saves walking 12 million weights for a few hundred rows.
//! Gradients of several workers are added while they are used, in the order of the workers.

#![expect(
    clippy::inline_always,
    reason = "kernels must be inlined into the function that `pulp` compiles for the CPU at hand"
)]

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result as CandleResult, Tensor, bail};
use pulp::Arch;
use rayon::prelude::*;

use super::{Optimisation, TrainError};
use crate::model::Parameter;
use crate::model::ops::with_floats;

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPS: f32 = 1e-8;

/// The gradient of one parameter.
#[derive(Debug)]
pub enum Gradient {
    /// Tensors of the parameter's shape whose sum is the gradient.
    Dense(Vec<Tensor>),
    /// Some rows of a table.
    Rows {
        /// Row numbers, rising.
        rows: Vec<u32>,
        /// Their gradients, one after the other.
        values: Vec<f32>,
    },
}

impl Gradient {
    /// Collects per-token gradients into rows of a table of `n` columns; parts are added in order.
    pub fn rows(parts: &[(&[u32], &[f32])], n: usize) -> Self {
        let mut rows: Vec<u32> = parts.iter().flat_map(|(ids, _)| ids.iter().copied()).collect();
        rows.sort_unstable();
        rows.dedup();
        let mut values = vec![0f32; rows.len() * n];
        for (ids, grads) in parts {
            for (id, grad) in ids.iter().zip(grads.chunks_exact(n)) {
                let Ok(at) = rows.binary_search(id) else { continue };
                for (sum, &g) in values[at * n..(at + 1) * n].iter_mut().zip(grad) {
                    *sum += g;
                }
            }
        }
        Self::Rows { rows, values }
    }

    /// A sparse gradient as a whole table of `dims`; a dense one as it is.
    ///
    /// # Errors
    /// When a row is outside the table.
    pub fn into_dense(self, dims: (usize, usize)) -> CandleResult<Vec<Tensor>> {
        let (rows, values) = match self {
            Self::Dense(parts) => return Ok(parts),
            Self::Rows { rows, values } => (rows, values),
        };
        let mut table = vec![0f32; dims.0 * dims.1];
        for (&row, grad) in rows.iter().zip(values.chunks_exact(dims.1.max(1))) {
            let start = row as usize * dims.1;
            match table.get_mut(start..start + dims.1) {
                Some(slot) => slot.copy_from_slice(grad),
                None => bail!("gradient of row {row} of a table of {}", dims.0),
            }
        }
        Ok(vec![Tensor::from_vec(table, dims, &candle_core::Device::Cpu)?])
    }

    /// Sum of squares.
    fn square(&self) -> Result<f64, TrainError> {
        let sum = |values: &[f32]| {
            Arch::new().dispatch(|| {
                let mut lanes = [0f64; 8];
                for block in values.chunks(8) {
                    for (lane, &v) in lanes.iter_mut().zip(block) {
                        *lane += f64::from(v) * f64::from(v);
                    }
                }
                lanes.iter().sum::<f64>()
            })
        };
        match self {
            Self::Rows { values, .. } => Ok(sum(values)),
            Self::Dense(parts) => {
                let refs: Vec<&Tensor> = parts.iter().collect();
                let mut buffer = Vec::new();
                let mut total = 0f64;
                with_parts(&refs, |slices| {
                    let Some(first) = slices.first() else { return Ok(()) };
                    for start in (0..first.len()).step_by(CHUNK) {
                        gather(slices, start, &mut buffer);
                        total += sum(&buffer);
                    }
                    Ok(())
                })?;
                Ok(total)
            }
        }
    }
}

/// Elements that are worked on at a time, so that sums stay in the cache.
const CHUNK: usize = 2_048;

/// `buffer` = sum of the slices from `start` on, a chunk long.
fn gather(slices: &[&[f32]], start: usize, buffer: &mut Vec<f32>) {
    buffer.clear();
    for (i, slice) in slices.iter().enumerate() {
        let part = &slice[start..slice.len().min(start + CHUNK)];
        if i == 0 {
            buffer.extend_from_slice(part);
        } else {
            for (sum, &v) in buffer.iter_mut().zip(part) {
                *sum += v;
            }
        }
    }
}

/// Calls `f` with the floats of all tensors.
fn with_parts<R>(
    tensors: &[&Tensor],
    f: impl FnOnce(&[&[f32]]) -> CandleResult<R>,
) -> CandleResult<R> {
    fn nest<'a, R>(
        tensors: &[&Tensor],
        slices: &mut Vec<&'a [f32]>,
        f: &mut dyn FnMut(&[&[f32]]) -> CandleResult<R>,
    ) -> CandleResult<R> {
        match tensors.split_first() {
            None => f(slices),
            Some((first, rest)) => with_floats("adamw", [*first], |[floats]| {
                let mut longer: Vec<&[f32]> = slices.clone();
                longer.push(floats);
                nest(rest, &mut longer, f)
            }),
        }
    }
    let mut f = Some(f);
    nest(tensors, &mut Vec::new(), &mut |slices| match f.take() {
        Some(f) => f(slices),
        None => bail!("adamw: gradients were visited twice"),
    })
}

/// First and second moments of one parameter.
#[derive(Debug, Clone, Default)]
pub struct Moments {
    /// Moving mean of the gradient.
    pub first: Vec<f32>,
    /// Moving mean of its square.
    pub second: Vec<f32>,
}

/// A parameter's own rates.
#[derive(Debug, Clone, Copy)]
struct Rates {
    lr: f64,
    decay: f64,
}

/// `AdamW` over a fixed list of parameters.
#[derive(Debug)]
pub struct AdamW {
    parameters: Vec<Parameter>,
    moments: Vec<Moments>,
    rates: Vec<Rates>,
    max_norm: f64,
    step: u64,
}

impl AdamW {
    /// An optimiser at rest. Parameters of depth `usize::MAX` are the head's.
    pub fn new(parameters: Vec<Parameter>, options: &Optimisation) -> Self {
        let top = parameters.iter().map(|p| p.depth).filter(|&d| d < usize::MAX).max();
        let rates = parameters
            .iter()
            .map(|p| Rates {
                lr: match top {
                    Some(top) if p.depth <= top => {
                        options.lr * options.layer_decay.powi((top - p.depth) as i32)
                    }
                    _ => options.head_lr,
                },
                decay: if p.decays { options.weight_decay } else { 0.0 },
            })
            .collect();
        let moments = parameters
            .iter()
            .map(|p| {
                let n = p.tensor.elem_count();
                Moments { first: vec![0.0; n], second: vec![0.0; n] }
            })
            .collect();
        Self { parameters, moments, rates, max_norm: options.max_norm, step: 0 }
    }

    /// The parameters, in the order of the gradients.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The moments, in the same order.
    pub fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Restores the state of a checkpoint.
    ///
    /// # Errors
    /// [`TrainError::Options`] when the sizes differ.
    pub fn restore(&mut self, moments: Vec<Moments>, step: u64) -> Result<(), TrainError> {
        let fits = moments.len() == self.moments.len()
            && moments
                .iter()
                .zip(&self.moments)
                .all(|(a, b)| a.first.len() == b.first.len() && a.second.len() == b.second.len());
        if !fits {
            return Err(TrainError::Options("the optimiser's state has other sizes".to_owned()));
        }
        self.moments = moments;
        self.step = step;
        Ok(())
    }

    /// Moves all parameters against their gradients, at `factor` of the peak rates; gives the
    /// length of the gradient before clipping.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] when the gradient is not finite.
    pub fn apply(&mut self, gradients: &[Gradient], factor: f64) -> Result<f64, TrainError> {
        let squares: Vec<f64> =
            gradients.par_iter().map(Gradient::square).collect::<Result<_, _>>()?;
        let norm = squares.iter().sum::<f64>().sqrt();
        self.step += 1;
        if !norm.is_finite() {
            return Err(TrainError::Diverged { step: self.step });
        }
        let clip =
            if self.max_norm > 0.0 && norm > self.max_norm { self.max_norm / norm } else { 1.0 };
        let t = self.step as f64;
        let correction1 = 1.0 - f64::from(BETA1).powf(t);
        let correction2 = 1.0 - f64::from(BETA2).powf(t);
        let work =
            self.parameters.par_iter().zip(self.moments.par_iter_mut()).zip(self.rates.par_iter());
        work.zip(gradients.par_iter()).try_for_each(
            |(((parameter, moments), rates), gradient)| {
                let lr = rates.lr * factor;
                let constants = Constants {
                    clip: clip as f32,
                    shrink: (1.0 - lr * rates.decay) as f32,
                    rate: (lr / correction1) as f32,
                    root: (1.0 / correction2) as f32,
                };
                update(&parameter.tensor, moments, gradient, constants)
            },
        )?;
        Ok(norm)
    }
}

/// Factors of one step.
#[derive(Debug, Clone, Copy)]
struct Constants {
    clip: f32,
    shrink: f32,
    rate: f32,
    root: f32,
}

fn update(
    tensor: &Tensor,
    moments: &mut Moments,
    gradient: &Gradient,
    constants: Constants,
) -> Result<(), TrainError> {
    match gradient {
        Gradient::Dense(parts) => {
            let refs: Vec<&Tensor> = parts.iter().collect();
            with_parts(&refs, |slices| {
                let op = Update::new(tensor, |weights: &mut [f32]| {
                    if slices.iter().any(|s| s.len() != weights.len()) {
                        bail!("adamw: gradient of another size than its parameter");
                    }
                    let mut buffer = Vec::with_capacity(CHUNK);
                    for start in (0..weights.len()).step_by(CHUNK) {
                        let end = weights.len().min(start + CHUNK);
                        gather(slices, start, &mut buffer);
                        let weights = &mut weights[start..end];
                        let first = &mut moments.first[start..end];
                        let second = &mut moments.second[start..end];
                        Arch::new().dispatch(|| adamw(weights, first, second, &buffer, constants));
                    }
                    Ok(())
                });
                op.run()
            })?;
        }
        Gradient::Rows { rows, values } => {
            let n = values.len() / rows.len().max(1);
            let op = Update::new(tensor, |weights: &mut [f32]| {
                for (&row, grad) in rows.iter().zip(values.chunks_exact(n.max(1))) {
                    let range = row as usize * n..(row as usize + 1) * n;
                    let (Some(weights), Some(first), Some(second)) = (
                        weights.get_mut(range.clone()),
                        moments.first.get_mut(range.clone()),
                        moments.second.get_mut(range),
                    ) else {
                        bail!("adamw: gradient of row {row}, which the table does not have");
                    };
                    Arch::new().dispatch(|| adamw(weights, first, second, grad, constants));
                }
                Ok(())
            });
            op.run()?;
        }
    }
    Ok(())
}

#[inline(always)]
fn adamw(weights: &mut [f32], first: &mut [f32], second: &mut [f32], grad: &[f32], c: Constants) {
    let moments = first.iter_mut().zip(second.iter_mut());
    for ((w, (m, v)), &g) in weights.iter_mut().zip(moments).zip(grad) {
        let g = g * c.clip;
        *m = BETA1 * *m + (1.0 - BETA1) * g;
        *v = BETA2 * *v + (1.0 - BETA2) * g * g;
        *w = *w * c.shrink - c.rate * *m / ((*v * c.root).sqrt() + EPS);
    }
}

/// A change of a tensor's floats in place.
pub(super) struct Update<'a, F> {
    tensor: &'a Tensor,
    change: RefCell<F>,
}

impl<'a, F: FnMut(&mut [f32]) -> CandleResult<()>> Update<'a, F> {
    pub(super) fn new(tensor: &'a Tensor, change: F) -> Self {
        Self { tensor, change: RefCell::new(change) }
    }

    pub(super) fn run(self) -> CandleResult<()> {
        self.tensor.inplace_op1(&self)
    }
}

impl<F: FnMut(&mut [f32]) -> CandleResult<()>> InplaceOp1 for Update<'_, F> {
    fn name(&self) -> &'static str {
        "update"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> CandleResult<()> {
        match (storage, layout.contiguous_offsets()) {
            (CpuStorage::F32(values), Some((start, end))) if end <= values.len() => {
                (self.change.borrow_mut())(&mut values[start..end])
            }
            _ => bail!("update: a contiguous float tensor is needed"),
        }
    }
}

/// The factor on the peak rate at a step (from 0) of `total`: a linear rise over the first
/// `warmup` share, then a linear fall to 0.
pub fn schedule(step: u64, total: u64, warmup: f64) -> f64 {
    let rise = (total as f64 * warmup).max(1.0);
    let at = step as f64 + 1.0;
    if at <= rise {
        at / rise
    } else {
        ((total as f64 - step as f64) / (total as f64 - rise + 1.0).max(1.0)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn parameter(values: Vec<f32>, dims: &[usize], decays: bool, depth: usize) -> Parameter {
        let tensor = Tensor::from_vec(values, dims, &Device::Cpu).unwrap();
        Parameter { name: "p".into(), tensor, decays, depth }
    }

    #[test]
    fn two_steps_match_adamw_by_hand() {
        let options =
            Optimisation { lr: 0.1, weight_decay: 0.5, max_norm: 0.0, ..Default::default() };
        let p = parameter(vec![1.0, -2.0], &[2], true, 0);
        let mut optimizer = AdamW::new(vec![p.clone()], &options);
        let (mut w, mut m, mut v) = ([1.0f64, -2.0], [0.0f64; 2], [0.0f64; 2]);
        for t in 1..=2i32 {
            let g = [0.5f64 * f64::from(t), -0.25];
            // Two halves, as two workers would give them.
            let half: Vec<f32> = g.iter().map(|x| *x as f32 / 2.0).collect();
            let half = Tensor::from_vec(half, 2, &Device::Cpu).unwrap();
            optimizer.apply(&[Gradient::Dense(vec![half.clone(), half])], 1.0).unwrap();
            for i in 0..2 {
                m[i] = 0.9 * m[i] + 0.1 * g[i];
                v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
                let (mh, vh) = (m[i] / (1.0 - 0.9f64.powi(t)), v[i] / (1.0 - 0.999f64.powi(t)));
                w[i] = w[i] * (1.0 - 0.1 * 0.5) - 0.1 * mh / (vh.sqrt() + 1e-8);
            }
        }
        for (got, expected) in p.tensor.to_vec1::<f32>().unwrap().iter().zip(w) {
            assert!((f64::from(*got) - expected).abs() < 1e-5, "{got} {expected}");
        }
    }

    #[test]
    fn sparse_rows_move_and_the_others_stay() {
        let table = parameter(vec![1.0; 12], &[4, 3], true, 0);
        let mut optimizer = AdamW::new(vec![table.clone()], &Optimisation::default());
        let ones = [1.0f32; 6];
        let gradient = Gradient::rows(&[(&[2, 2], &ones), (&[0], &ones[..3])], 3);
        let Gradient::Rows { rows, values } = &gradient else { panic!() };
        assert_eq!(rows, &[0, 2]);
        assert_eq!(values, &[1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        optimizer.apply(&[gradient], 1.0).unwrap();
        let after = table.tensor.to_vec2::<f32>().unwrap();
        assert!(after[0][0] < 1.0 && after[2][1] < 1.0);
        assert_eq!((after[1][0], after[3][2]), (1.0, 1.0));
    }

    #[test]
    fn long_gradients_are_clipped_and_nan_is_an_error() {
        let p = parameter(vec![0.0; 4], &[4], false, 0);
        let options = Optimisation { max_norm: 1.0, ..Default::default() };
        let mut optimizer = AdamW::new(vec![p], &options);
        let g = |x: f32| Tensor::from_vec(vec![x; 4], 4, &Device::Cpu).unwrap();
        let norm = optimizer.apply(&[Gradient::Dense(vec![g(5.0)])], 1.0).unwrap();
        assert!((norm - 10.0).abs() < 1e-9);
        assert!((optimizer.moments()[0].first[0] - 0.05).abs() < 1e-6);
        let error = optimizer.apply(&[Gradient::Dense(vec![g(f32::NAN)])], 1.0).unwrap_err();
        assert!(matches!(error, TrainError::Diverged { step: 2 }));
    }

    #[test]
    fn rates_fall_with_depth_and_the_head_has_its_own() {
        let options =
            Optimisation { layer_decay: 0.5, lr: 0.4, head_lr: 0.9, ..Default::default() };
        let list = [0, 1, 2, usize::MAX].map(|d| parameter(vec![0.0], &[1], false, d));
        let optimizer = AdamW::new(list.to_vec(), &options);
        let rates: Vec<f64> = optimizer.rates.iter().map(|r| r.lr).collect();
        assert_eq!(rates, [0.1, 0.2, 0.4, 0.9]);
    }

    #[test]
    fn the_schedule_rises_and_falls() {
        assert!(schedule(0, 100, 0.1) > 0.0 && schedule(0, 100, 0.1) <= 0.1);
        assert!((schedule(9, 100, 0.1) - 1.0).abs() < 1e-9);
        assert!(schedule(99, 100, 0.1) > 0.0 && schedule(99, 100, 0.1) < 0.02);
        assert!((10..99).all(|s| schedule(s, 100, 0.1) > schedule(s + 1, 100, 0.1)));
        assert!(schedule(0, 1, 0.0) > 0.0);
    }
}
