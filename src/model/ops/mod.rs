//! The fused operations of a BERT layer on the CPU, each with its backward pass.
//!
//! Candle's own `LayerNorm` and `softmax_last_dim` have no backward, its GELU is scalar, and its
//! attention needs padding; these four operations replace them on sequences packed end to end:
//! [`attention`], [`add_norm`], [`gelu`] and [`embed`]. They are Candle custom operations, so
//! Candle's own `backward` works through them; the trainer calls the `_backward` functions itself,
//! because Candle's accumulation of gradients zero-fills and adds every tensor once more and
//! serialises all threads on one pool. Matrix products stay Candle's, unless training asks for
//! bfloat16 ([`Products`]).
//!
//! Kernels are plain loops over slices that `pulp` compiles for AVX2 as well and picks at run
//! time. They use no fused multiply-add, so that every machine gets the same floats.

#![expect(
    clippy::inline_always,
    reason = "kernels must be inlined into the function that `pulp` compiles for the CPU at hand"
)]

mod attention;
mod bf16;
mod cross_entropy;
#[cfg(target_arch = "x86_64")]
mod dpbf16;
mod embed;
mod gelu;
mod math;
mod mean;
mod norm;
mod random;
pub mod relative;

pub use attention::{AttentionGrads, Sequences, attention, attention_backward};
pub use bf16::Products;
pub use cross_entropy::cross_entropy;
pub use embed::{EmbedGrads, Embedding, embed, embed_backward};
pub use gelu::{gelu, gelu_backward};
pub use mean::{mean_pool, mean_pool_backward};
pub use norm::{NormGrads, add_norm, add_norm_backward};
pub use random::{Dropout, Mask, mix};

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

/// The floats of a contiguous CPU storage.
fn floats<'a>(storage: &'a CpuStorage, layout: &Layout, op: &str) -> Result<&'a [f32]> {
    let data = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) if end <= data.len() => Ok(&data[start..end]),
        _ => bail!("{op}: a contiguous tensor is needed"),
    }
}

/// Calls `f` with the floats of each tensor.
pub(crate) fn with_floats<const N: usize, R>(
    op: &str,
    tensors: [&Tensor; N],
    f: impl FnOnce([&[f32]; N]) -> Result<R>,
) -> Result<R> {
    let guards = tensors.map(Tensor::storage_and_layout);
    let mut slices: [&[f32]; N] = [&[]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&guards) {
        let Storage::Cpu(storage) = &**storage else {
            bail!("{op}: this operation runs on the CPU only");
        };
        *slice = floats(storage, layout, op)?;
    }
    f(slices)
}

/// Fails unless the layout is a matrix of `columns` columns; gives its rows.
fn rows(op: &str, dims: &[usize], columns: usize) -> Result<usize> {
    match dims {
        &[rows, c] if c == columns && c > 0 => Ok(rows),
        _ => bail!("{op}: shape {dims:?} where [rows, {columns}] is needed"),
    }
}

/// `a + b` of equal shapes, on the calling thread only.
///
/// # Errors
/// When the shapes differ or the tensors are not contiguous floats on the CPU.
pub fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.dims() != b.dims() {
        bail!("add: shapes {:?} and {:?}", a.dims(), b.dims());
    }
    let sum = with_floats("add", [a, b], |[a, b]| {
        Ok(a.iter().zip(b).map(|(&a, &b)| a + b).collect::<Vec<f32>>())
    })?;
    Tensor::from_vec(sum, a.dims(), a.device())
}

#[cfg(test)]
pub(crate) mod testing {
    //! A finite-difference check that all operations share.

    use candle_core::{Device, Tensor, Var};

    /// Deterministic values in −1..1.
    pub(crate) fn noise(n: usize, seed: u64) -> Vec<f32> {
        (0..n as u64)
            .map(|i| {
                let bits = super::mix(seed.wrapping_mul(0x1234_5678_9ABC).wrapping_add(i));
                (bits >> 40) as f32 / (1u64 << 23) as f32 - 1.0
            })
            .collect()
    }

    pub(crate) fn tensor(dims: &[usize], seed: u64) -> Tensor {
        Tensor::from_vec(noise(dims.iter().product(), seed), dims, &Device::Cpu).unwrap()
    }

    /// Compares Candle's gradient of `Σ w·f(inputs)` with central differences in every entry.
    pub(crate) fn check_gradients(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Tensor) {
        let vars: Vec<Var> = inputs.iter().map(|t| Var::from_tensor(t).unwrap()).collect();
        let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
        let out = f(&tensors);
        let weights = tensor(out.dims(), 99);
        let loss = |ts: &[Tensor]| -> f64 {
            let products = (f(ts) * &weights).unwrap().flatten_all().unwrap();
            products.to_vec1::<f32>().unwrap().iter().map(|&x| f64::from(x)).sum()
        };
        let grads = (out * &weights).unwrap().sum_all().unwrap().backward().unwrap();
        let step = 1e-2f32;
        for (which, input) in inputs.iter().enumerate() {
            let grad = grads.get(&vars[which]).unwrap().flatten_all().unwrap();
            let grad = grad.to_vec1::<f32>().unwrap();
            let values = input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for i in 0..values.len() {
                let shifted = |by: f32| {
                    let mut values = values.clone();
                    values[i] += by;
                    let mut all = inputs.to_vec();
                    all[which] = Tensor::from_vec(values, input.dims(), &Device::Cpu).unwrap();
                    loss(&all)
                };
                let expected = (shifted(step) - shifted(-step)) / (2.0 * f64::from(step));
                let got = f64::from(grad[i]);
                assert!(
                    (expected - got).abs() < 4e-3 * (1.0 + expected.abs()),
                    "input {which} entry {i}: gradient {got}, difference quotient {expected}"
                );
            }
        }
    }
}
