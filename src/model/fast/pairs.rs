//! The int8 product without VNNI, exact: both sides widened to 16 bits, pairs summed to 32.
//!
//! AVX2's own instruction for bytes (`vpmaddubsw`) saturates; this costs half the speed and no
//! digit. Without AVX2 the same loops run as the compiler vectorises them.

use pulp::{Simd, WithSimd};

use super::int8::{Activations, BLOCK, Matrix, Outputs, Step, blocks};
use super::kernel::Level;
use super::vector::{Finish, Place};

/// Outputs in a panel.
pub(super) const NARROW: usize = 16;
/// Tokens in a tile of sums.
const ROWS: usize = 6;

/// Two weights of each output of a panel: next to each other for `vpmaddwd`, else all first ones
/// and then all second ones.
pub(super) type Columns = [i16; 2 * NARROW];
/// Two values of each token of a tile.
pub(super) type Rows = [[i16; 2]; ROWS];

/// Weights in panels for one kernel.
pub(super) fn pack(level: Level, ints: &[u8], inputs: usize) -> Vec<Columns> {
    let place = |output: usize, which: usize| match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(_) => 2 * output + which,
        _ => NARROW * which + output,
    };
    // As many pairs as there are in whole blocks, which is how activations come.
    let depth = blocks(inputs) * BLOCK * 2;
    let outputs = ints.len() / inputs.max(1);
    let mut out = vec![[0i16; 2 * NARROW]; outputs.div_ceil(NARROW) * depth];
    for (row, ints) in ints.chunks_exact(inputs.max(1)).enumerate() {
        let panel = &mut out[row / NARROW * depth..][..depth];
        for (columns, pair) in panel.iter_mut().zip(ints.chunks(2)) {
            for (which, &b) in pair.iter().enumerate() {
                columns[place(row % NARROW, which)] = i16::from(b as i8);
            }
        }
    }
    out
}

/// Activations in 16 bits, in tiles of [`ROWS`] tokens; a row is `depth` blocks.
pub(super) fn widen(blocks: &[[[u8; 4]; BLOCK]], depth: usize, out: &mut Vec<Rows>) {
    let length = depth * BLOCK * 2;
    let rows = blocks.len() / depth;
    out.resize(rows.div_ceil(ROWS) * length, Rows::default());
    for (tile, rows) in out.chunks_exact_mut(length).zip(blocks.chunks(ROWS * depth)) {
        for (r, row) in rows.chunks_exact(depth).enumerate() {
            let (pairs, _) = row.as_flattened().as_flattened().as_chunks::<2>();
            for (slots, pair) in tile.iter_mut().zip(pairs) {
                slots[r] = pair.map(i16::from);
            }
        }
    }
}

/// `finish(a · bᵀ + bias)` into `out`, [rows, outputs].
pub(super) fn product(
    level: Level,
    a: &[Rows],
    activations: Activations<'_>,
    b: &Matrix,
    columns: &[Columns],
    finish: Finish,
    out: &mut [f32],
) {
    let Activations { steps, is_biased, .. } = activations;
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(v3) => {
            let multiply = avx2::Madd(v3);
            level.run(Product { multiply, a, steps, is_biased, b, columns, finish, out });
        }
        _ => level.run(Product { multiply: Plain, a, steps, is_biased, b, columns, finish, out }),
    }
}

/// Sums of products of a tile.
trait Multiply: Copy {
    fn tile(self, a: &[Rows], b: &[Columns]) -> [[i32; NARROW]; ROWS];
}

struct Product<'a, M> {
    multiply: M,
    a: &'a [Rows],
    steps: &'a [Step],
    is_biased: bool,
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
        let depth = b.depth() * BLOCK * 2;
        for (n, panel) in self.columns.chunks_exact(depth).enumerate() {
            let column = n * NARROW;
            let width = (b.outputs - column).min(NARROW);
            let Outputs { scales, biases, totals } =
                b.outputs_from::<NARROW>(column, self.is_biased);
            let rows = self.out.chunks_mut(b.outputs * ROWS).zip(self.steps.chunks(ROWS));
            for (tile, (out, steps)) in self.a.chunks_exact(depth).zip(rows) {
                let sums = self.multiply.tile(tile, panel);
                let mut scaled = [[0f32; NARROW]; ROWS];
                for ((scaled, sums), step) in scaled.iter_mut().zip(&sums).zip(steps) {
                    let columns = scales.iter().zip(biases).zip(totals);
                    for (x, (&sum, ((&scale, &bias), &total))) in
                        scaled.iter_mut().zip(sums.iter().zip(columns))
                    {
                        *x = sum as f32 * (step.scale * scale) + (step.zero * total + bias);
                    }
                }
                // A vector of the tile at a time, whatever its width.
                for first in (0..width).step_by(S::F32_LANES) {
                    let columns = column + first..column + width.min(first + S::F32_LANES);
                    let mut sums = [[s.splat_f32s(0.0)]; ROWS];
                    for (sums, scaled) in sums.iter_mut().zip(&scaled) {
                        *sums = [s.partial_load_f32s(&scaled[first..])];
                    }
                    let place = Place { rows: &mut *out, length: b.outputs, columns };
                    self.finish.tile(s, &sums, place);
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
    fn tile(self, a: &[Rows], b: &[Columns]) -> [[i32; NARROW]; ROWS] {
        let mut sums = [[0i32; NARROW]; ROWS];
        for (a, b) in a.iter().zip(b) {
            let (first, second) = b.split_at(NARROW);
            for (sums, a) in sums.iter_mut().zip(a) {
                for (sum, (&x, &y)) in sums.iter_mut().zip(first.iter().zip(second)) {
                    // Neither product nor sum can overflow: both factors are below 2⁸.
                    let both = (i32::from(a[0]) * i32::from(x))
                        .wrapping_add(i32::from(a[1]) * i32::from(y));
                    *sum = sum.wrapping_add(both);
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
        fn tile(self, a: &[Rows], b: &[Columns]) -> [[i32; NARROW]; ROWS] {
            let avx = self.0.avx;
            let avx2 = self.0.avx2;
            let zero: __m256i = avx._mm256_setzero_si256();
            let mut sums = [[zero; 2]; ROWS];
            for (a, b) in a.iter().zip(b) {
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
