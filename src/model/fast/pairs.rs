//! The int8 product without VNNI, exact: both sides widened to 16 bits, pairs summed to 32.
//!
//! AVX2's own instruction for bytes (`vpmaddubsw`) saturates; this costs half the speed and no
//! digit. Without AVX2 the same loops run as the compiler vectorises them.

use pulp::{Simd, WithSimd};

use super::PANEL;
use super::int8::Matrix;
use super::kernel::Level;
use super::vector::Finish;

/// Outputs in a panel.
const NARROW: usize = 16;
/// Tokens in a tile of sums.
const ROWS: usize = 6;

/// Two weights of each output of a panel.
pub(super) type Columns = [[i16; 2]; NARROW];
/// Two values of each token of a panel.
pub(super) type Rows = [[i16; 2]; PANEL];

/// Weights in panels.
pub(super) fn pack(ints: &[u8], inputs: usize) -> Vec<Columns> {
    // As many pairs as there are in whole quads, which is how activations come.
    let depth = inputs.div_ceil(4) * 2;
    let outputs = ints.len() / inputs.max(1);
    let mut out = vec![[[0i16; 2]; NARROW]; outputs.div_ceil(NARROW) * depth];
    for (row, ints) in ints.chunks_exact(inputs.max(1)).enumerate() {
        let panel = &mut out[row / NARROW * depth..][..depth];
        for (columns, pair) in panel.iter_mut().zip(ints.chunks(2)) {
            for (slot, &b) in columns[row % NARROW].iter_mut().zip(pair) {
                *slot = i16::from(b as i8);
            }
        }
    }
    out
}

/// Activations in 16 bits, without the 128.
pub(super) fn widen(quads: &[[[u8; 4]; PANEL]], out: &mut Vec<Rows>) {
    out.clear();
    let wide = |b: u8| i16::from(b) - 128;
    for tile in quads {
        out.push(tile.map(|[a, b, _, _]| [wide(a), wide(b)]));
        out.push(tile.map(|[_, _, c, d]| [wide(c), wide(d)]));
    }
}

/// `finish(a · bᵀ + bias)` into `out`, [rows, outputs].
pub(super) fn product(
    level: Level,
    a: &[Rows],
    row_scales: &[f32],
    b: &Matrix,
    columns: &[Columns],
    finish: Finish,
    out: &mut [f32],
) {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(v3) => {
            let multiply = avx2::Madd(v3);
            level.run(Product { multiply, a, row_scales, b, columns, finish, out });
        }
        _ => level.run(Product { multiply: Plain, a, row_scales, b, columns, finish, out }),
    }
}

/// Sums of products of a tile.
trait Multiply: Copy {
    fn tile(self, a: &[Rows], first: usize, b: &[Columns]) -> [[i32; NARROW]; ROWS];
}

struct Product<'a, M> {
    multiply: M,
    a: &'a [Rows],
    row_scales: &'a [f32],
    b: &'a Matrix,
    columns: &'a [Columns],
    finish: Finish,
    out: &'a mut [f32],
}

impl<M: Multiply> WithSimd for Product<'_, M> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let b = self.b;
        let depth = b.depth() * 2;
        for (n, panel) in self.columns.chunks_exact(depth).enumerate() {
            let column = n * NARROW;
            let width = (b.outputs - column).min(NARROW);
            let (scales, biases, _) = b.columns(column / super::WIDE * super::WIDE);
            let at = column % super::WIDE;
            let rows = self.out.chunks_mut(b.outputs * PANEL).zip(self.row_scales.chunks(PANEL));
            for (tile, (out, row_scales)) in self.a.chunks_exact(depth).zip(rows) {
                for first in (0..row_scales.len()).step_by(ROWS) {
                    let sums = self.multiply.tile(tile, first, panel);
                    let lines = out.chunks_mut(b.outputs).zip(row_scales).skip(first);
                    for (sums, (out, &row_scale)) in sums.iter().zip(lines) {
                        let mut scaled = [0f32; NARROW];
                        for (x, (&sum, (&scale, &bias))) in scaled
                            .iter_mut()
                            .zip(sums.iter().zip(scales[at..].iter().zip(&biases[at..])))
                        {
                            *x = sum as f32 * (row_scale * scale) + bias;
                        }
                        let out = &mut out[column..column + width];
                        let (vectors, _) = S::as_simd_f32s(&scaled);
                        for (&x, out) in vectors.iter().zip(out.chunks_mut(S::F32_LANES)) {
                            self.finish.row(s, [x], out);
                        }
                    }
                }
            }
        }
    }
}

/// Plain loops.
#[derive(Clone, Copy)]
struct Plain;

impl Multiply for Plain {
    #[inline(always)]
    fn tile(self, a: &[Rows], first: usize, b: &[Columns]) -> [[i32; NARROW]; ROWS] {
        let mut sums = [[0i32; NARROW]; ROWS];
        for (a, b) in a.iter().zip(b) {
            let Some(a) = a[first..].first_chunk::<ROWS>() else { break };
            for (sums, a) in sums.iter_mut().zip(a) {
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = sum.wrapping_add(
                        i32::from(a[0]) * i32::from(b[0]) + i32::from(a[1]) * i32::from(b[1]),
                    );
                }
            }
        }
        sums
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::__m256i;

    use pulp::x86::V3;

    use super::{Columns, Multiply, NARROW, ROWS, Rows};

    /// `vpmaddwd`.
    #[derive(Clone, Copy)]
    pub(super) struct Madd(pub(super) V3);

    impl Multiply for Madd {
        #[inline(always)]
        fn tile(self, a: &[Rows], first: usize, b: &[Columns]) -> [[i32; NARROW]; ROWS] {
            let avx = self.0.avx;
            let avx2 = self.0.avx2;
            let zero: __m256i = avx._mm256_setzero_si256();
            let mut sums = [[zero; 2]; ROWS];
            for (a, b) in a.iter().zip(b) {
                let Some(a) = a[first..].first_chunk::<ROWS>() else { break };
                let [b0, b1]: [__m256i; 2] = pulp::cast(*b);
                for (sums, a) in sums.iter_mut().zip(a) {
                    let a = avx._mm256_set1_epi32(pulp::cast(*a));
                    sums[0] = avx2._mm256_add_epi32(sums[0], avx2._mm256_madd_epi16(a, b0));
                    sums[1] = avx2._mm256_add_epi32(sums[1], avx2._mm256_madd_epi16(a, b1));
                }
            }
            sums.map(pulp::cast)
        }
    }
}
