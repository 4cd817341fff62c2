//! Multi-head attention over packed sequences, each to itself.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::kernel::Level;
use super::vector::{exp2, peak_of, sum};

/// Rows of a tile.
const ROWS: usize = 6;
/// Values of a row that are read at a time; rows are padded to whole blocks of it, which is a
/// multiple of every vector's width.
const BLOCK: usize = 16;
/// A score no exponential survives, for the padding.
const NEVER: f32 = -1e30;

/// Room for one head of one sequence.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Queries and values, [tokens, width of a head in whole blocks].
    q: Vec<f32>,
    v: Vec<f32>,
    /// Keys turned, [width of a head, tokens in whole blocks].
    k: Vec<f32>,
    /// Scores of a tile, then their exponentials, [[`ROWS`], tokens in whole blocks].
    p: Vec<f32>,
}

/// Sizes of an attention.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Number of heads.
    pub(super) heads: usize,
    /// Width of all heads together.
    pub(super) hidden: usize,
}

/// Attention of each sequence of `sequences` to itself: `qkv` is [tokens, 3·hidden] of queries,
/// keys and values side by side, `out` [tokens, hidden]. Queries must come multiplied by
/// log₂e/√(width of a head).
pub(super) fn attention(
    level: Level,
    shape: Shape,
    qkv: &[f32],
    sequences: &[Range<usize>],
    room: &mut Heads,
    out: &mut [f32],
) {
    level.run(Attention { shape, qkv, sequences, room, out });
}

struct Attention<'a> {
    shape: Shape,
    qkv: &'a [f32],
    sequences: &'a [Range<usize>],
    room: &'a mut Heads,
    out: &'a mut [f32],
}

impl WithSimd for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Shape { heads, hidden } = self.shape;
        let d = hidden / heads;
        for range in self.sequences {
            let tokens = range.start * hidden..range.end * hidden;
            let qkv = &self.qkv[3 * tokens.start..3 * tokens.end];
            let out = &mut self.out[tokens];
            self.room.fit(range.len(), d);
            for head in 0..heads {
                self.room.load(qkv, hidden, head * d, d);
                self.room.head(s, range.len(), d, out, hidden, head * d);
            }
        }
    }
}

impl Heads {
    /// Makes room for a sequence; the padding of queries and values is zero.
    fn fit(&mut self, n: usize, d: usize) {
        let (np, dp) = (n.next_multiple_of(BLOCK), d.next_multiple_of(BLOCK));
        for (vector, need) in [
            (&mut self.q, n * dp),
            (&mut self.v, n * dp),
            (&mut self.k, d * np),
            (&mut self.p, ROWS * np),
        ] {
            if vector.len() < need {
                vector.resize(need, 0.0);
            }
        }
    }

    /// Copies a head's queries and values and turns its keys.
    #[inline(always)]
    fn load(&mut self, qkv: &[f32], hidden: usize, column: usize, d: usize) {
        let n = qkv.len() / (3 * hidden);
        let (np, dp) = (n.next_multiple_of(BLOCK), d.next_multiple_of(BLOCK));
        let copies = self.q.chunks_exact_mut(dp).zip(self.v.chunks_exact_mut(dp));
        for (row, (q, v)) in qkv.chunks_exact(3 * hidden).zip(copies) {
            let (q, q_rest) = q.split_at_mut(d);
            let (v, v_rest) = v.split_at_mut(d);
            q.copy_from_slice(&row[column..column + d]);
            v.copy_from_slice(&row[2 * hidden + column..][..d]);
            q_rest.fill(0.0);
            v_rest.fill(0.0);
        }
        for (j, row) in qkv.chunks_exact(3 * hidden).enumerate() {
            for (keys, &x) in self.k.chunks_exact_mut(np).zip(&row[hidden + column..][..d]) {
                keys[j] = x;
            }
        }
        for keys in self.k.chunks_exact_mut(np).take(d) {
            keys[n..].fill(0.0);
        }
    }

    /// One head of one sequence into its columns of `out`, [n, hidden].
    #[inline(always)]
    fn head<S: Simd>(
        &mut self,
        s: S,
        n: usize,
        d: usize,
        out: &mut [f32],
        hidden: usize,
        column: usize,
    ) {
        let (np, dp) = (n.next_multiple_of(BLOCK), d.next_multiple_of(BLOCK));
        let q = &self.q[..n * dp];
        let p = &mut self.p[..ROWS * np];
        for (tile, queries) in q.chunks(ROWS * dp).enumerate() {
            multiply(s, (queries, dp), (&self.k, np), d, p);
            let mut factors = [0f32; ROWS];
            for (p, factor) in p.chunks_exact_mut(np).zip(&mut factors) {
                p[n..].fill(NEVER);
                let peak = s.splat_f32s(peak_of(s, p));
                for x in S::as_mut_simd_f32s(p).0 {
                    *x = exp2(s, s.sub_f32s(*x, peak));
                }
                *factor = 1.0 / sum(s, p, |x| x, |x| x);
            }
            // The queries are read: their room takes the tile's output.
            let rows = queries.len() / dp;
            let lines = out.chunks_mut(hidden).skip(tile * ROWS).take(rows);
            combine(s, (p, np), (&self.v, dp), n, (&factors, d, column), lines);
        }
    }
}

/// `c = a · b` with `a` of up to [`ROWS`] rows of `ak` columns, `b` of [`depth`, `bn`] and `c` of
/// [[`ROWS`], `bn`]; rows that `a` lacks repeat its last one.
#[inline(always)]
fn multiply<S: Simd>(
    s: S,
    (a, ak): (&[f32], usize),
    (b, bn): (&[f32], usize),
    depth: usize,
    c: &mut [f32],
) {
    let lines = lines(a, ak);
    let widest = S::F32_LANES * if S::REGISTER_COUNT >= 32 { 4 } else { 2 };
    let mut column = 0;
    while column < bn {
        let left = bn - column;
        let step = if left >= widest { widest } else { left };
        match step / S::F32_LANES {
            4 => store::<S, 4>(tile(s, lines, (b, bn), column, depth), c, bn, column),
            3 => store::<S, 3>(tile(s, lines, (b, bn), column, depth), c, bn, column),
            2 => store::<S, 2>(tile(s, lines, (b, bn), column, depth), c, bn, column),
            _ => {
                store::<S, 1>(tile(s, lines, (b, bn), column, depth), c, bn, column);
                column += S::F32_LANES;
                continue;
            }
        }
        column += step;
    }
}

/// The rows of `a`, the last one repeated.
#[inline(always)]
fn lines(a: &[f32], ak: usize) -> [&[f32]; ROWS] {
    let last = (a.len() / ak.max(1)).saturating_sub(1);
    std::array::from_fn(|r| &a[r.min(last) * ak..][..ak])
}

/// Sums of `V` vectors of columns from `column`.
#[inline(always)]
fn tile<S: Simd, const V: usize>(
    s: S,
    a: [&[f32]; ROWS],
    (b, bn): (&[f32], usize),
    column: usize,
    depth: usize,
) -> [[S::f32s; V]; ROWS] {
    let mut sums = [[s.splat_f32s(0.0); V]; ROWS];
    let mut start = 0;
    while start < depth {
        let blocks: [&[f32; BLOCK]; ROWS] =
            a.map(|row| row[start..].first_chunk().unwrap_or(&[0.0; BLOCK]));
        for x in 0..BLOCK.min(depth - start) {
            let (vectors, _) = S::as_simd_f32s(&b[(start + x) * bn + column..][..V * S::F32_LANES]);
            let Some(vectors) = vectors.first_chunk::<V>() else { break };
            for (sums, block) in sums.iter_mut().zip(&blocks) {
                let a = s.splat_f32s(block[x]);
                for (sum, &b) in sums.iter_mut().zip(vectors) {
                    *sum = s.mul_add_e_f32s(a, b, *sum);
                }
            }
        }
        start += BLOCK;
    }
    sums
}

#[inline(always)]
fn store<S: Simd, const V: usize>(
    sums: [[S::f32s; V]; ROWS],
    c: &mut [f32],
    bn: usize,
    column: usize,
) {
    for (sums, line) in sums.into_iter().zip(c.chunks_exact_mut(bn)) {
        let (vectors, _) = S::as_mut_simd_f32s(&mut line[column..]);
        for (out, sum) in vectors.iter_mut().zip(sums) {
            *out = sum;
        }
    }
}

/// Weighted sums of the values into the head's columns of the output.
#[inline(always)]
fn combine<'a, S: Simd>(
    s: S,
    (p, np): (&[f32], usize),
    (v, dp): (&[f32], usize),
    n: usize,
    (factors, d, first): (&[f32; ROWS], usize, usize),
    out: impl Iterator<Item = &'a mut [f32]>,
) {
    let p = lines(p, np);
    let step = 2 * S::F32_LANES;
    let mut out: [Option<&mut [f32]>; ROWS] = {
        let mut out = out;
        std::array::from_fn(|_| out.next().map(|line| &mut line[first..first + d]))
    };
    for column in (0..dp).step_by(step) {
        // Blocks are two of the narrower vectors or one of the widest: then the last is single.
        if dp - column >= step {
            let sums = tile::<S, 2>(s, p, (v, dp), column, n);
            scale_out(s, sums, factors, &mut out, column);
        } else {
            let sums = tile::<S, 1>(s, p, (v, dp), column, n);
            scale_out(s, sums, factors, &mut out, column);
        }
    }
}

#[inline(always)]
fn scale_out<S: Simd, const V: usize>(
    s: S,
    sums: [[S::f32s; V]; ROWS],
    factors: &[f32; ROWS],
    out: &mut [Option<&mut [f32]>; ROWS],
    column: usize,
) {
    for ((sums, &factor), out) in sums.into_iter().zip(factors).zip(out) {
        let Some(out) = out.as_deref_mut().and_then(|line| line.get_mut(column..)) else {
            continue;
        };
        let factor = s.splat_f32s(factor);
        for (out, sum) in out.chunks_mut(S::F32_LANES).zip(sums) {
            s.partial_store_f32s(out, s.mul_f32s(sum, factor));
        }
    }
}
