//! `LayerNorm(dropout(x + bias) + residual)`: the end of both halves of a BERT layer.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use pulp::Arch;

use super::math::sum;
use super::{Mask, floats, rows, with_floats};

const NAME: &str = "add-norm";

/// Gradients of [`add_norm`].
#[derive(Debug)]
pub struct NormGrads {
    /// For `x`, [rows, n].
    pub x: Tensor,
    /// For the residual, [rows, n].
    pub residual: Tensor,
    /// For bias, weight and offset, [3, n].
    pub params: Tensor,
}

/// `LayerNorm(dropout(x + bias) + residual)` for `x` and `residual` of [rows, n] and `params` of
/// [3, n]: the bias, then the norm's weight and offset.
///
/// # Errors
/// When the shapes differ or the tensors are not contiguous floats on the CPU.
pub fn add_norm(
    x: &Tensor,
    residual: &Tensor,
    params: &Tensor,
    eps: f64,
    dropout: Option<Mask>,
) -> Result<Tensor> {
    x.apply_op3(residual, params, AddNorm { eps: eps as f32, dropout })
}

/// Gradients of [`add_norm`].
///
/// # Errors
/// As [`add_norm`].
pub fn add_norm_backward(
    x: &Tensor,
    residual: &Tensor,
    params: &Tensor,
    eps: f64,
    dropout: Option<Mask>,
    grad: &Tensor,
) -> Result<NormGrads> {
    let n = check(x.dims(), residual.dims(), params.dims())?;
    if grad.dims() != x.dims() {
        bail!("{NAME}: gradient of shape {:?} for {:?}", grad.dims(), x.dims());
    }
    let (dx, dr, dp) = with_floats(NAME, [x, residual, params, grad], |[x, r, params, grad]| {
        let mut dr = vec![0f32; x.len()];
        let mut dx = if dropout.is_some() { vec![0f32; x.len()] } else { Vec::new() };
        let mut dp = vec![0f32; 3 * n];
        Arch::new().dispatch(|| {
            backward((x, r), params, eps as f32, dropout, grad, (&mut dx, &mut dr, &mut dp));
        });
        Ok((dx, dr, dp))
    })?;
    let residual = Tensor::from_vec(dr, x.dims(), x.device())?;
    let x = if dropout.is_some() {
        Tensor::from_vec(dx, x.dims(), x.device())?
    } else {
        residual.clone()
    };
    Ok(NormGrads { params: Tensor::from_vec(dp, (3, n), x.device())?, x, residual })
}

/// Checks shapes and gives the row length.
fn check(x: &[usize], residual: &[usize], params: &[usize]) -> Result<usize> {
    let &[3, n] = params else {
        bail!("{NAME}: parameters of shape {params:?} where [3, n] is needed");
    };
    rows(NAME, x, n)?;
    if x != residual {
        bail!("{NAME}: residual of shape {residual:?} for {x:?}");
    }
    Ok(n)
}

struct AddNorm {
    eps: f32,
    dropout: Option<Mask>,
}

impl CustomOp3 for AddNorm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
        params: &CpuStorage,
        params_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let n = check(x_layout.dims(), residual_layout.dims(), params_layout.dims())?;
        let x = floats(x, x_layout, NAME)?;
        let residual = floats(residual, residual_layout, NAME)?;
        let params = floats(params, params_layout, NAME)?;
        let mut out = vec![0f32; x.len()];
        Arch::new().dispatch(|| {
            let (bias, norm) = params.split_at(n);
            for (i, row) in out.chunks_exact_mut(n).enumerate() {
                let at = i * n;
                add(&x[at..at + n], &residual[at..at + n], bias, self.dropout, at, row);
                normalise(row, norm, self.eps);
            }
        });
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        residual: &Tensor,
        params: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let eps = f64::from(self.eps);
        let grads = add_norm_backward(x, residual, params, eps, self.dropout, grad)?;
        Ok((Some(grads.x), Some(grads.residual), Some(grads.params)))
    }
}

/// `out = dropout(x + bias) + residual`; `at` is the position of the row in the whole tensor.
#[inline(always)]
fn add(
    x: &[f32],
    residual: &[f32],
    bias: &[f32],
    dropout: Option<Mask>,
    at: usize,
    out: &mut [f32],
) {
    let inputs = x.iter().zip(bias).zip(residual);
    match dropout {
        None => {
            for (out, ((&x, &b), &r)) in out.iter_mut().zip(inputs) {
                *out = x + b + r;
            }
        }
        Some(mask) => {
            let mut index = at as u32;
            for (out, ((&x, &b), &r)) in out.iter_mut().zip(inputs) {
                *out = (x + b) * mask.factor(index) + r;
                index = index.wrapping_add(1);
            }
        }
    }
}

/// Mean and 1/standard deviation of a row.
#[inline(always)]
fn moments(row: &[f32], eps: f32) -> (f32, f32) {
    let n = row.len() as f32;
    let mean = sum(row, |x| x) / n;
    let variance = sum(row, |x| (x - mean) * (x - mean)) / n;
    (mean, 1.0 / (variance + eps).sqrt())
}

/// Layer norm in place; `norm` holds weight and offset.
#[inline(always)]
pub(super) fn normalise(row: &mut [f32], norm: &[f32], eps: f32) {
    let (mean, rstd) = moments(row, eps);
    let (weight, offset) = norm.split_at(row.len());
    for ((x, &w), &b) in row.iter_mut().zip(weight).zip(offset) {
        *x = (*x - mean) * rstd * w + b;
    }
}

/// Turns the norm's input `row` into its gradient, and adds to those of weight and offset.
#[inline(always)]
pub(super) fn normalise_backward(
    row: &mut [f32],
    weight: &[f32],
    eps: f32,
    grad: &[f32],
    dnorm: &mut [f32],
) {
    let n = row.len();
    let (mean, rstd) = moments(row, eps);
    let (dweight, doffset) = dnorm.split_at_mut(n);
    for ((x, &g), (dw, db)) in
        row.iter_mut().zip(grad).zip(dweight.iter_mut().zip(doffset.iter_mut()))
    {
        *x = (*x - mean) * rstd;
        *dw += g * *x;
        *db += g;
    }
    let plain = super::math::sum2(grad, weight, |g, w| g * w) / n as f32;
    let mut lanes = [0f32; super::math::LANES];
    for ((g, w), x) in grad
        .chunks(super::math::LANES)
        .zip(weight.chunks(super::math::LANES))
        .zip(row.chunks(super::math::LANES))
    {
        for (lane, ((&g, &w), &x)) in lanes.iter_mut().zip(g.iter().zip(w).zip(x)) {
            *lane += g * w * x;
        }
    }
    let along = sum(&lanes, |x| x) / n as f32;
    for ((x, &g), &w) in row.iter_mut().zip(grad).zip(weight) {
        *x = rstd * (g * w - plain - *x * along);
    }
}

#[inline(always)]
fn backward(
    (x, residual): (&[f32], &[f32]),
    params: &[f32],
    eps: f32,
    dropout: Option<Mask>,
    grad: &[f32],
    (dx, dr, dp): (&mut [f32], &mut [f32], &mut [f32]),
) {
    let n = params.len() / 3;
    let (bias, norm) = params.split_at(n);
    let (dbias, dnorm) = dp.split_at_mut(n);
    for (i, row) in dr.chunks_exact_mut(n).enumerate() {
        let at = i * n;
        add(&x[at..at + n], &residual[at..at + n], bias, dropout, at, row);
        normalise_backward(row, &norm[..n], eps, &grad[at..at + n], dnorm);
        if let Some(mask) = dropout {
            let mut index = at as u32;
            for ((dx, &d), db) in dx[at..at + n].iter_mut().zip(row.iter()).zip(dbias.iter_mut()) {
                *dx = d * mask.factor(index);
                *db += *dx;
                index = index.wrapping_add(1);
            }
        } else {
            for (db, &d) in dbias.iter_mut().zip(row.iter()) {
                *db += d;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradients, tensor};
    use super::*;

    #[test]
    fn rows_come_out_with_mean_zero_and_unit_variance() {
        let (x, r) = (tensor(&[4, 40], 1), tensor(&[4, 40], 2));
        let params = Tensor::cat(
            &[
                &tensor(&[1, 40], 3),
                &Tensor::ones((1, 40), candle_core::DType::F32, x.device()).unwrap(),
                &Tensor::zeros((1, 40), candle_core::DType::F32, x.device()).unwrap(),
            ],
            0,
        )
        .unwrap();
        for row in add_norm(&x, &r, &params, 1e-12, None).unwrap().to_vec2::<f32>().unwrap() {
            let mean = row.iter().sum::<f32>() / 40.0;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 40.0;
            assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{mean} {variance}");
        }
    }

    #[test]
    fn gradients_are_right_with_and_without_dropout() {
        for dropout in [None, Some(Mask::new(5, 0.3))] {
            let inputs = [tensor(&[3, 21], 1), tensor(&[3, 21], 2), tensor(&[3, 21], 3)];
            check_gradients(&inputs, |t| add_norm(&t[0], &t[1], &t[2], 1e-5, dropout).unwrap());
        }
    }

    #[test]
    fn wrong_shapes_are_errors() {
        let x = tensor(&[2, 4], 1);
        assert!(add_norm(&x, &tensor(&[3, 4], 1), &tensor(&[3, 4], 1), 1e-12, None).is_err());
        assert!(add_norm(&x, &x, &tensor(&[3, 5], 1), 1e-12, None).is_err());
        assert!(add_norm(&x, &x, &tensor(&[2, 4], 1), 1e-12, None).is_err());
    }
}
