//! The bfloat16 product on AVX-512 BF16.
//!
//! `vdpbf16ps` multiplies two pairs of bfloat16 and adds both products to a 32-bit float. Calling
//! a function compiled for the feature is what is unsafe, and the type of its operands, for which
//! the standard library has no safe conversion; loads and stores are of slices and checked.

#![expect(unsafe_code, reason = "calling a function compiled for a detected CPU feature")]

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_set1_epi32, _mm512_setzero_ps,
};

use super::bf16::{Form, PANEL, TILE, packed};

/// Proof that the processor has AVX-512 BF16.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dpbf16(());

impl Dpbf16 {
    /// Asks the processor.
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16");
        has.then_some(Self(()))
    }

    /// The product of `operands` into `out`; `[m, k, n]` are its rows, the summed dimension, and
    /// its columns.
    #[expect(clippy::unused_self, reason = "having the proof is what makes the call sound")]
    pub(super) fn product(
        self,
        form: Form,
        operands: [&[f32]; 2],
        sizes: [usize; 3],
        out: &mut [f32],
    ) {
        // SAFETY: the function is compiled for AVX-512 F and BF16, and `self` exists only where
        // `detect` found both.
        unsafe { product(form, operands, sizes, out) }
    }
}

#[target_feature(enable = "avx512f,avx512bf16")]
fn product(form: Form, operands: [&[f32]; 2], sizes: [usize; 3], out: &mut [f32]) {
    let (left, right) = packed(form, operands, sizes);
    let (pairs, n) = (left.pairs, sizes[2]);
    let panels = right.values.chunks_exact(pairs * PANEL);
    for (panel, column) in panels.zip((0..n).step_by(PANEL)) {
        let (lines, _) = panel.as_chunks::<16>();
        let (lines, _) = lines.as_chunks::<2>();
        let width = PANEL.min(n - column);
        let tiles = left.values.chunks_exact(pairs * TILE);
        for (tile, rows) in tiles.zip(out.chunks_mut(n * TILE)) {
            let mut sums = [[0f32; PANEL]; TILE];
            if left.is_interleaved {
                by_pairs(tile, lines, &mut sums);
            } else {
                by_rows(tile, pairs, lines, &mut sums);
            }
            for (row, sums) in rows.chunks_exact_mut(n).zip(&sums) {
                row[column..column + width].copy_from_slice(&sums[..width]);
            }
        }
    }
}

/// A tile whose rows lie one after the other.
#[target_feature(enable = "avx512f,avx512bf16")]
fn by_rows(tile: &[u32], pairs: usize, lines: &[[[u32; 16]; 2]], out: &mut [[f32; PANEL]; TILE]) {
    let rows: [&[u32]; TILE] = std::array::from_fn(|r| &tile[r * pairs..][..lines.len()]);
    let mut sums = [[_mm512_setzero_ps(); 2]; TILE];
    for (p, &line) in lines.iter().enumerate() {
        let b = [vector(line[0]), vector(line[1])];
        for r in 0..TILE {
            let a = bfloats(_mm512_set1_epi32(rows[r][p] as i32));
            sums[r][0] = _mm512_dpbf16_ps(sums[r][0], a, b[0]);
            sums[r][1] = _mm512_dpbf16_ps(sums[r][1], a, b[1]);
        }
    }
    store(&sums, out);
}

/// A tile whose pairs of all rows lie side by side.
#[target_feature(enable = "avx512f,avx512bf16")]
fn by_pairs(tile: &[u32], lines: &[[[u32; 16]; 2]], out: &mut [[f32; PANEL]; TILE]) {
    let (columns, _) = tile.as_chunks::<TILE>();
    let mut sums = [[_mm512_setzero_ps(); 2]; TILE];
    for (column, &line) in columns.iter().zip(lines) {
        let b = [vector(line[0]), vector(line[1])];
        for r in 0..TILE {
            let a = bfloats(_mm512_set1_epi32(column[r] as i32));
            sums[r][0] = _mm512_dpbf16_ps(sums[r][0], a, b[0]);
            sums[r][1] = _mm512_dpbf16_ps(sums[r][1], a, b[1]);
        }
    }
    store(&sums, out);
}

#[target_feature(enable = "avx512f,avx512bf16")]
fn store(sums: &[[__m512; 2]; TILE], out: &mut [[f32; PANEL]; TILE]) {
    for (out, sums) in out.iter_mut().zip(sums) {
        let (halves, _) = out.as_chunks_mut::<16>();
        for (half, &sum) in halves.iter_mut().zip(sums) {
            *half = pulp::cast(sum);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn vector(pairs: [u32; 16]) -> __m512bh {
    bfloats(pulp::cast(pairs))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn bfloats(bits: __m512i) -> __m512bh {
    // SAFETY: both are 512 bits without invalid values.
    unsafe { std::mem::transmute(bits) }
}
