//! The int8 product on AVX-512 VNNI: the one module of the crate with `unsafe`.
//!
//! `vpdpbusd` multiplies four unsigned with four signed bytes and adds to 32 bits without
//! saturating. `pulp` has no safe method for it, so the kernel is a function compiled for the
//! feature, and calling that is what is unsafe; inside, loads and stores are of arrays and checked.

#![expect(unsafe_code, reason = "calling a function compiled for a detected CPU feature")]

use std::arch::x86_64::{
    __m512, __m512i, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps,
};

use pulp::x86::V4;

use super::int8::{Activations, Matrix};
use super::vector::Finish;
use super::{PANEL, WIDE};

/// Proof that the processor has AVX-512 and VNNI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vnni(V4);

impl Vnni {
    /// Asks the processor.
    pub(super) fn detect() -> Option<Self> {
        if is_x86_feature_detected!("avx512vnni") { V4::try_new().map(Self) } else { None }
    }

    /// The vector instructions that come with it.
    pub(super) fn simd(self) -> V4 {
        self.0
    }

    /// `finish(a · bᵀ + bias)` into `out`, [rows, outputs].
    pub(super) fn product(
        self,
        a: Activations<'_>,
        b: &Matrix,
        quads: &[[[u8; 64]; 2]],
        finish: Finish,
        out: &mut [f32],
    ) {
        // SAFETY: the function is compiled for AVX-512 F, BW, CD, DQ, VL and VNNI, and `self`
        // exists only where `detect` found all of them.
        unsafe { product(self.0, a, b, quads, finish, out) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni")]
fn product(
    s: V4,
    a: Activations<'_>,
    b: &Matrix,
    quads: &[[[u8; 64]; 2]],
    finish: Finish,
    out: &mut [f32],
) {
    let depth = b.depth();
    for (n, panel) in quads.chunks_exact(depth).enumerate() {
        let column = n * WIDE;
        let (scales, biases, starts) = b.columns(column);
        let scale: [__m512; 2] = pulp::cast(*scales);
        let bias: [__m512; 2] = pulp::cast(*biases);
        let start: [__m512i; 2] = pulp::cast(*starts);
        let width = (b.outputs - column).min(WIDE);
        let rows = out.chunks_mut(b.outputs * PANEL).zip(a.scales.chunks(PANEL));
        for (tile, (out, row_scales)) in a.quads.chunks_exact(depth).zip(rows) {
            let mut sums = [start; PANEL];
            for (b, a) in panel.iter().zip(tile) {
                let [b0, b1]: [__m512i; 2] = pulp::cast(*b);
                for (sums, a) in sums.iter_mut().zip(a) {
                    let a = _mm512_set1_epi32(i32::from_le_bytes(*a));
                    sums[0] = _mm512_dpbusd_epi32(sums[0], a, b0);
                    sums[1] = _mm512_dpbusd_epi32(sums[1], a, b1);
                }
            }
            for r in 0..PANEL {
                let (Some(&row_scale), Some(out)) =
                    (row_scales.get(r), out.get_mut(r * b.outputs + column..))
                else {
                    break;
                };
                let row_scale = _mm512_set1_ps(row_scale);
                let [x0, x1] = sums[r].map(|sum| _mm512_cvtepi32_ps(sum));
                let x0 = _mm512_fmadd_ps(x0, _mm512_mul_ps(row_scale, scale[0]), bias[0]);
                let x1 = _mm512_fmadd_ps(x1, _mm512_mul_ps(row_scale, scale[1]), bias[1]);
                finish.row(s, [pulp::cast(x0), pulp::cast(x1)], &mut out[..width]);
            }
        }
    }
}
