//! Bias and activation in one pass: exact GELU, its tanh approximation, or `ReLU`.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use pulp::Arch;

use super::math::{exp, normal};
use super::{floats, rows, with_floats};
use crate::model::Activation;

const NAME: &str = "bias-activation";

/// `activation(x + bias)` for `x` of `[rows, n]` and `bias` of `[n]`.
///
/// # Errors
/// When the shapes differ or the tensors are not contiguous floats on the CPU.
pub fn gelu(x: &Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
    x.apply_op2(bias, BiasActivation(activation))
}

/// Gradients of [`gelu`] for `x` and for `bias`.
///
/// # Errors
/// As [`gelu`].
pub fn gelu_backward(
    x: &Tensor,
    bias: &Tensor,
    activation: Activation,
    grad: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let n = bias.elem_count();
    let t = rows(NAME, x.dims(), n)?;
    if grad.dims() != x.dims() {
        bail!("{NAME}: gradient of shape {:?} for {:?}", grad.dims(), x.dims());
    }
    let (dx, db) = with_floats(NAME, [x, bias, grad], |[x, bias, grad]| {
        let mut dx = vec![0f32; x.len()];
        let mut db = vec![0f32; n];
        Arch::new().dispatch(|| backward(activation, x, bias, grad, &mut dx, &mut db));
        Ok((dx, db))
    })?;
    let device = x.device();
    Ok((Tensor::from_vec(dx, (t, n), device)?, Tensor::from_vec(db, bias.dims(), device)?))
}

struct BiasActivation(Activation);

impl CustomOp2 for BiasActivation {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let bias = floats(bias, bias_layout, NAME)?;
        rows(NAME, x_layout.dims(), bias.len())?;
        let x = floats(x, x_layout, NAME)?;
        let mut out = vec![0f32; x.len()];
        Arch::new().dispatch(|| forward(self.0, x, bias, &mut out));
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        bias: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dx, db) = gelu_backward(x, bias, self.0, grad)?;
        Ok((Some(dx), Some(db)))
    }
}

#[inline(always)]
fn forward(activation: Activation, x: &[f32], bias: &[f32], out: &mut [f32]) {
    match activation {
        Activation::Gelu => map(x, bias, out, |v| v * normal(v).0),
        Activation::GeluTanh => map(x, bias, out, |v| v * tanh_gate(v).0),
        Activation::Relu => map(x, bias, out, |v| if v < 0.0 { 0.0 } else { v }),
    }
}

#[inline(always)]
fn map(x: &[f32], bias: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32) {
    let n = bias.len();
    for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
        for ((out, &x), &b) in out.iter_mut().zip(x).zip(bias) {
            *out = f(x + b);
        }
    }
}

/// `½(1 + tanh(√(2/π)(x + 0.044715x³)))` and its derivative.
#[inline(always)]
fn tanh_gate(x: f32) -> (f32, f32) {
    let c = 2.0 * 0.797_884_6f32;
    let u = c * (x + 0.044_715 * x * x * x);
    // ½(1 + tanh(u/2)) is the logistic function of u.
    let gate = 1.0 / (1.0 + exp(-u));
    (gate, gate * (1.0 - gate) * c * (1.0 + 3.0 * 0.044_715 * x * x))
}

#[inline(always)]
fn backward(
    activation: Activation,
    x: &[f32],
    bias: &[f32],
    grad: &[f32],
    dx: &mut [f32],
    db: &mut [f32],
) {
    match activation {
        Activation::Gelu => map_backward(x, bias, grad, dx, db, |v| {
            let (phi, e) = normal(v);
            phi + v * e * 0.398_942_3
        }),
        Activation::GeluTanh => map_backward(x, bias, grad, dx, db, |v| {
            let (gate, slope) = tanh_gate(v);
            gate + v * slope
        }),
        Activation::Relu => {
            map_backward(x, bias, grad, dx, db, |v| if v < 0.0 { 0.0 } else { 1.0 });
        }
    }
}

#[inline(always)]
fn map_backward(
    x: &[f32],
    bias: &[f32],
    grad: &[f32],
    dx: &mut [f32],
    db: &mut [f32],
    slope: impl Fn(f32) -> f32,
) {
    let n = bias.len();
    for ((x, grad), dx) in x.chunks_exact(n).zip(grad.chunks_exact(n)).zip(dx.chunks_exact_mut(n)) {
        for ((dx, &x), (&b, &g)) in dx.iter_mut().zip(x).zip(bias.iter().zip(grad)) {
            *dx = g * slope(x + b);
        }
        for (db, &dx) in db.iter_mut().zip(dx.iter()) {
            *db += dx;
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::super::testing::{check_gradients, tensor};
    use super::*;

    #[test]
    fn gelu_matches_candle_within_a_millionth() {
        let x = Tensor::from_vec(
            (0..4096).map(|i| i as f32 / 200.0 - 10.0).collect::<Vec<_>>(),
            (64, 64),
            &Device::Cpu,
        )
        .unwrap();
        let bias = Tensor::zeros(64, candle_core::DType::F32, &Device::Cpu).unwrap();
        for (activation, expected) in [
            (Activation::Gelu, x.gelu_erf().unwrap()),
            (Activation::GeluTanh, x.gelu().unwrap()),
            (Activation::Relu, x.relu().unwrap()),
        ] {
            let got = gelu(&x, &bias, activation).unwrap();
            let d = (got - expected).unwrap().abs().unwrap().flatten_all().unwrap();
            let d = d.max(0).unwrap().to_scalar::<f32>().unwrap();
            assert!(d < 2e-6, "{activation:?}: {d}");
        }
    }

    #[test]
    fn gradients_are_right() {
        for activation in [Activation::Gelu, Activation::GeluTanh] {
            let inputs = [tensor(&[3, 19], 1), tensor(&[19], 2)];
            check_gradients(&inputs, |t| gelu(&t[0], &t[1], activation).unwrap());
        }
    }

    #[test]
    fn wrong_shapes_are_errors() {
        assert!(gelu(&tensor(&[3, 4], 1), &tensor(&[5], 1), Activation::Gelu).is_err());
        let view = tensor(&[4, 4], 1).t().unwrap();
        assert!(gelu(&view, &tensor(&[4], 1), Activation::Gelu).is_err());
    }
}
