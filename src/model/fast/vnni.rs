//! The int8 product on AVX-512 VNNI: the one module of the crate with `unsafe`.
//!
//! `vpdpbusd` multiplies four unsigned with four signed bytes and adds to 32 bits without
//! saturating. `pulp` has no safe method for it, so the kernel is a function compiled for the
//! feature, and calling that is what is unsafe; inside, loads and stores are of arrays and checked.

#![expect(unsafe_code, reason = "calling a function compiled for a detected CPU feature")]

use std::arch::x86_64::{
    __m512, __m512i, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512,
};
use std::hint::black_box;
use std::ops::Range;

use pulp::Simd;
use pulp::x86::V4;

use super::int8::{Activations, BLOCK, Matrix, Outputs, Step};
use super::vector::{Finish, Place};
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

    /// Multiplies and adds bytes in registers; returns how often it did either.
    pub(super) fn peak(self, rounds: u32) -> u64 {
        // SAFETY: as for `product`.
        unsafe { peak(self.0, rounds) }
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
    let (panels, _) = quads.as_chunks::<BLOCK>();
    for (n, panel) in panels.chunks_exact(depth).enumerate() {
        let column = n * WIDE;
        let columns = column..(column + WIDE).min(b.outputs);
        let panel = Panel { weights: panel, outputs: b.outputs_from(column, a.is_biased), columns };
        let rows = out.chunks_mut(b.outputs * PANEL).zip(a.steps.as_chunks::<PANEL>().0);
        for (blocks, (out, steps)) in a.blocks.chunks(depth * PANEL).zip(rows) {
            // The last tile of a batch computes no more rows than it must.
            match blocks.len() / depth {
                1..=4 => panel.tile::<4>(s, blocks, steps, b.outputs, finish, out),
                5..=8 => panel.tile::<8>(s, blocks, steps, b.outputs, finish, out),
                _ => panel.tile::<PANEL>(s, blocks, steps, b.outputs, finish, out),
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni")]
fn peak(s: V4, rounds: u32) -> u64 {
    const SUMS: usize = 12;
    let a: __m512i = pulp::cast(s.splat_u32s(black_box(0x0102_0304)));
    let b: __m512i = pulp::cast(s.splat_u32s(black_box(1)));
    let mut sums = [_mm512_setzero_si512(); SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, a, b);
        }
    }
    black_box(sums);
    2 * (SUMS * 64) as u64 * u64::from(rounds)
}

/// [`WIDE`] outputs.
struct Panel<'a> {
    weights: &'a [[[[u8; 64]; 2]; BLOCK]],
    outputs: Outputs<'a, WIDE>,
    columns: Range<usize>,
}

impl Panel<'_> {
    /// The results of up to `R` tokens.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni")]
    fn tile<const R: usize>(
        &self,
        s: V4,
        blocks: &[[[u8; 4]; BLOCK]],
        steps: &[Step; PANEL],
        length: usize,
        finish: Finish,
        rows: &mut [f32],
    ) {
        let depth = self.weights.len();
        let last = blocks.len() / depth - 1;
        let mut sums = [[_mm512_setzero_si512(); 2]; R];
        for (x, weights) in self.weights.iter().enumerate() {
            let lines: [&[[u8; 4]; BLOCK]; R] =
                std::array::from_fn(|r| &blocks[r.min(last) * depth + x]);
            for x in 0..BLOCK {
                let [b0, b1]: [__m512i; 2] = pulp::cast(weights[x]);
                for r in 0..R {
                    let a = _mm512_set1_epi32(i32::from_le_bytes(lines[r][x]));
                    sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], a, b0);
                    sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], a, b1);
                }
            }
        }
        let scale: [__m512; 2] = pulp::cast(*self.outputs.scales);
        let bias: [__m512; 2] = pulp::cast(*self.outputs.biases);
        let total: [__m512; 2] = pulp::cast(*self.outputs.totals);
        let mut scaled = [[s.splat_f32s(0.0); 2]; R];
        for r in 0..R {
            let row_scale = _mm512_set1_ps(steps[r].scale);
            let zero = _mm512_set1_ps(steps[r].zero);
            for v in 0..2 {
                let x = _mm512_cvtepi32_ps(sums[r][v]);
                let rest = _mm512_fmadd_ps(zero, total[v], bias[v]);
                let x = _mm512_fmadd_ps(x, _mm512_mul_ps(row_scale, scale[v]), rest);
                scaled[r][v] = pulp::cast(x);
            }
        }
        finish.tile(s, &scaled, Place { rows, length, columns: self.columns.clone() });
    }
}
