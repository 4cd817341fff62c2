//! Matrix products in bfloat16 with sums in 32-bit floats, for training.
//!
//! What mixed-precision training means by it (Micikevicius et al. 2018; Kalamkar et al. 2019 for
//! bfloat16, which needs no loss scaling): both operands are rounded to bfloat16, to nearest with
//! ties to even, products are summed in f32, and the weights that the optimiser moves stay f32.
//! AMD's processors with AVX-512 BF16 do it at twice the rate of f32 (`dpbf16`); on an Intel Xeon of
//! the fifth generation, in registers alone, `vdpbf16ps` makes 86 GFLOP/s a core where `vfmadd`
//! makes 176, so floats are the faster there. Elsewhere the operands are rounded and multiplied as
//! floats, which is no faster and gives the same values up to the order of sums.

use candle_core::{Device, Result, Tensor, bail};

#[cfg(target_arch = "x86_64")]
use super::dpbf16::Dpbf16;
use super::{rows, with_floats};

/// Rows of the left operand that a tile has.
pub(super) const TILE: usize = 12;
/// Columns of the right operand that a panel has.
pub(super) const PANEL: usize = 32;

/// How the products of a forward and backward pass are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Products {
    /// Candle's, in 32-bit floats.
    #[default]
    F32,
    /// Operands rounded to bfloat16, sums in f32.
    Bf16,
}

impl Products {
    /// `x · weightᵀ` of `x` [rows, inputs] and `weight` [outputs, inputs].
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn linear(self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        match self {
            Self::F32 => x.matmul(&weight.t()?),
            Self::Bf16 => product(Form::Linear, x, weight),
        }
    }

    /// Gradient of [`Products::linear`]'s input: `grad · weight`, [rows, inputs].
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn input_grad(self, grad: &Tensor, weight: &Tensor) -> Result<Tensor> {
        match self {
            Self::F32 => grad.matmul(weight),
            Self::Bf16 => product(Form::InputGrad, grad, weight),
        }
    }

    /// Gradient of [`Products::linear`]'s matrix: `gradᵀ · x`, [outputs, inputs].
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn weight_grad(self, grad: &Tensor, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::F32 => grad.t()?.matmul(x),
            Self::Bf16 => product(Form::WeightGrad, grad, x),
        }
    }
}

/// Which of its operands a product reads along columns.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// `a · bᵀ`
    Linear,
    /// `a · b`
    InputGrad,
    /// `aᵀ · b`
    WeightGrad,
}

fn product(form: Form, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let ((a0, a1), (b0, b1)) = (a.dims2()?, b.dims2()?);
    let (m, k, n) = match form {
        Form::Linear => (a0, a1, b0),
        Form::InputGrad => (a0, a1, b1),
        Form::WeightGrad => (a1, a0, b1),
    };
    let (inner, needed) = match form {
        Form::Linear => (b1, k),
        Form::InputGrad | Form::WeightGrad => (b0, k),
    };
    if inner != needed || m == 0 || n == 0 || k == 0 {
        bail!("bf16 product: shapes {:?} and {:?} do not fit", a.dims(), b.dims());
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(kernel) = Dpbf16::detect() {
        let out = with_floats("bf16 product", [a, b], |[a, b]| {
            let mut out = vec![0f32; m * n];
            kernel.product(form, [a, b], [m, k, n], &mut out);
            Ok(out)
        })?;
        return Tensor::from_vec(out, (m, n), &Device::Cpu);
    }
    emulated(form, a, b)
}

/// The same with operands rounded and multiplied by Candle.
fn emulated(form: Form, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (a, b) = (rounded_tensor(a)?, rounded_tensor(b)?);
    match form {
        Form::Linear => a.matmul(&b.t()?),
        Form::InputGrad => a.matmul(&b),
        Form::WeightGrad => a.t()?.matmul(&b),
    }
}

fn rounded_tensor(x: &Tensor) -> Result<Tensor> {
    rows("bf16 product", x.dims(), x.dim(1)?)?;
    let values = with_floats("bf16 product", [x], |[x]| {
        Ok(x.iter().map(|&x| f32::from_bits(rounded(x) << 16)).collect::<Vec<f32>>())
    })?;
    Tensor::from_vec(values, x.dims(), x.device())
}

/// The bits of a float rounded to bfloat16: to nearest, ties to even; not a number stays that.
#[inline(always)]
fn rounded(x: f32) -> u32 {
    let bits = x.to_bits();
    let up = bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16;
    if x.is_nan() { 0x7FC0 } else { up }
}

/// Two neighbours along the summed dimension, as `dpbf16` reads them.
#[inline(always)]
fn pair(first: f32, second: f32) -> u32 {
    rounded(first) | rounded(second) << 16
}

/// The left operand in pairs along the summed dimension.
#[derive(Debug)]
pub(super) struct Left {
    /// [tiles, TILE, pairs], or [tiles, pairs, TILE] when interleaved.
    pub(super) values: Vec<u32>,
    /// Half the summed dimension, rounded up.
    pub(super) pairs: usize,
    /// Whether the pairs of a tile's rows lie side by side.
    pub(super) is_interleaved: bool,
}

/// Both operands of `a` and `b` in the order in which the kernel reads them; `[m, k, n]` are rows
/// of the result, the summed dimension, and columns.
#[inline(always)]
pub(super) fn packed(form: Form, [a, b]: [&[f32]; 2], [m, k, n]: [usize; 3]) -> (Left, Right) {
    match form {
        Form::Linear => (Left::rows(a, m, k), Right::columns_of_rows(b, n, k)),
        Form::InputGrad => (Left::rows(a, m, k), Right::columns(b, k, n)),
        Form::WeightGrad => (Left::columns(a, k, m), Right::columns(b, k, n)),
    }
}

impl Left {
    /// From `a` [rows, depth].
    #[inline(always)]
    fn rows(a: &[f32], rows: usize, depth: usize) -> Self {
        let pairs = depth.div_ceil(2);
        let mut values = vec![0; rows.next_multiple_of(TILE) * pairs];
        for (out, row) in values.chunks_exact_mut(pairs).zip(a.chunks_exact(depth)) {
            let (two, rest) = row.as_chunks::<2>();
            out.iter_mut().zip(two).for_each(|(out, &[a, b])| *out = pair(a, b));
            if let (Some(out), [last]) = (out.last_mut(), rest) {
                *out = pair(*last, 0.0);
            }
        }
        Self { values, pairs, is_interleaved: false }
    }

    /// From the transpose of `a` [depth, rows].
    #[inline(always)]
    fn columns(a: &[f32], depth: usize, rows: usize) -> Self {
        let values = interleaved::<TILE>(a, depth, rows);
        Self { values, pairs: depth.div_ceil(2), is_interleaved: true }
    }
}

/// The right operand in panels of [`PANEL`] columns, pair by pair along the summed dimension.
#[derive(Debug)]
pub(super) struct Right {
    /// [panels, pairs, PANEL]
    pub(super) values: Vec<u32>,
}

impl Right {
    /// From `b` [depth, columns].
    #[inline(always)]
    fn columns(b: &[f32], depth: usize, columns: usize) -> Self {
        Self { values: interleaved::<PANEL>(b, depth, columns) }
    }

    /// From the transpose of `b` [columns, depth].
    #[inline(always)]
    fn columns_of_rows(b: &[f32], columns: usize, depth: usize) -> Self {
        let left = Left::rows(b, columns, depth);
        let pairs = left.pairs;
        let mut values = vec![0; columns.next_multiple_of(PANEL) * pairs];
        let panels = values.chunks_exact_mut(pairs * PANEL);
        for (panel, rows) in panels.zip(left.values.chunks(pairs * PANEL)) {
            for (column, row) in rows.chunks_exact(pairs).enumerate() {
                panel.iter_mut().skip(column).step_by(PANEL).zip(row).for_each(|(o, &v)| *o = v);
            }
        }
        Self { values }
    }
}

/// `x` [depth, width] in panels of `N` columns: [panels, pairs of rows, N], padded with zeros.
#[inline(always)]
fn interleaved<const N: usize>(x: &[f32], depth: usize, width: usize) -> Vec<u32> {
    let pairs = depth.div_ceil(2);
    let zeros = vec![0f32; width];
    let mut out = vec![0; width.next_multiple_of(N) * pairs];
    for (p, two) in x.chunks(2 * width).enumerate() {
        let (first, second) = two.split_at(width);
        let second = if second.is_empty() { &zeros } else { second };
        for (panel, (a, b)) in first.chunks(N).zip(second.chunks(N)).enumerate() {
            let at = (panel * pairs + p) * N;
            let line = &mut out[at..at + N];
            line.iter_mut().zip(a.iter().zip(b)).for_each(|(o, (&a, &b))| *o = pair(a, b));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::tensor;
    use super::*;

    /// Shapes with whole and broken tiles, panels and pairs.
    const SHAPES: [[usize; 3]; 6] =
        [[1, 1, 1], [12, 32, 64], [13, 7, 33], [5, 384, 40], [37, 63, 96], [24, 2, 31]];

    fn gap(a: &Tensor, b: &Tensor) -> f32 {
        let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
        d.max(0).unwrap().to_scalar::<f32>().unwrap()
    }

    #[test]
    fn every_form_is_the_product_of_rounded_operands() {
        for (seed, [m, k, n]) in SHAPES.into_iter().enumerate() {
            let (x, w) = (tensor(&[m, k], seed as u64), tensor(&[n, k], 50 + seed as u64));
            let grad = tensor(&[m, n], 90 + seed as u64);
            for (form, a, b) in [
                (Form::Linear, &x, &w),
                (Form::InputGrad, &grad, &w),
                (Form::WeightGrad, &grad, &x),
            ] {
                let got = product(form, a, b).unwrap();
                let expected = emulated(form, a, b).unwrap();
                assert_eq!(got.dims(), expected.dims());
                let d = gap(&got, &expected);
                assert!(d < 1e-4, "{form:?} {m}×{k}×{n}: {d}");
            }
        }
    }

    #[test]
    fn floats_and_bfloats_agree_to_the_rounding() {
        let (x, w) = (tensor(&[20, 96], 1), tensor(&[40, 96], 2));
        let exact = Products::F32.linear(&x, &w).unwrap();
        let d = gap(&Products::Bf16.linear(&x, &w).unwrap(), &exact);
        assert!(d > 0.0 && d < 0.05, "{d}");
    }

    #[test]
    fn rounding_is_to_nearest_with_ties_to_even() {
        for x in [0.0, -1.5, 1.0 + f32::EPSILON, 3.1, 1e-20, f32::MAX, f32::INFINITY, 1.003_906_2] {
            assert_eq!(rounded(x), u32::from(half::bf16::from_f32(x).to_bits()), "{x}");
        }
        assert!(f32::from_bits(rounded(f32::NAN) << 16).is_nan());
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let (a, b) = (tensor(&[3, 4], 1), tensor(&[3, 5], 2));
        assert!(Products::Bf16.linear(&a, &b).is_err());
        assert!(Products::Bf16.input_grad(&a, &b).is_err());
        assert!(Products::Bf16.weight_grad(&a, &b).is_ok());
    }
}
