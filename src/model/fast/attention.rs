//! Multi-head attention over packed sequences, each to itself.
//!
//! Scores are computed with the queries side by side in a vector, so that the softmax needs no
//! sums across lanes and its result lies as the product with the values reads it.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::kernel::Level;
use super::vector::exp2;
use crate::model::ops::relative;

/// Keys in a tile of scores.
const KEYS: usize = 6;
/// Queries in a tile of the output.
const QUERIES: usize = 8;
/// The width of a head is padded to whole blocks of this, a multiple of every vector's width.
const BLOCK: usize = 16;

/// Room for one head of one sequence.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Queries turned, in panels of a few vectors of queries, [padded width, queries] each.
    queries: Vec<f32>,
    /// Keys and values, [tokens, padded width].
    keys: Vec<f32>,
    values: Vec<f32>,
    /// Scores of a panel of queries, then their exponentials, [tokens, queries].
    scores: Vec<f32>,
}

/// Sizes of an attention.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Number of heads.
    pub(super) heads: usize,
    /// Width of all heads together.
    pub(super) hidden: usize,
}

/// Most queries of a panel, in whole vectors.
const WIDEST: usize = 64;

/// Biases of the scores by the distance from query to key, as the softmax here takes them: times
/// log₂e.
#[derive(Debug)]
pub(super) struct Distances {
    /// For each head the entry at `longest − 1 + query − key`, so that the queries of a panel find
    /// theirs side by side; zeros behind, which queries past the end of a sequence read.
    lines: Vec<f32>,
    /// Entries of a head.
    width: usize,
    /// Longest sequence in tokens.
    longest: usize,
}

impl Distances {
    /// Spreads a table of [buckets, heads] over all distances of sequences up to `longest` tokens.
    pub(super) fn new(table: &[f32], heads: usize, longest: usize) -> Self {
        let width = 2 * longest + WIDEST;
        let mut lines = vec![0f32; heads * width];
        let all = relative::lines(table, heads, longest);
        let rows = all.chunks_exact(all.len() / heads);
        for (line, row) in lines.chunks_exact_mut(width).zip(rows) {
            for (out, &bias) in line.iter_mut().zip(row.iter().rev()) {
                *out = bias * std::f32::consts::LOG2_E;
            }
        }
        Self { lines, width, longest }
    }

    /// The biases of a head.
    fn of(&self, head: usize) -> Line<'_> {
        let line = &self.lines[head * self.width..(head + 1) * self.width];
        Line { line, middle: self.longest - 1 }
    }
}

/// One head's biases; that of a query and a key is at `middle + query − key`.
#[derive(Clone, Copy)]
struct Line<'a> {
    line: &'a [f32],
    middle: usize,
}

/// Attention of each sequence of `sequences` to itself: `qkv` is [tokens, 3·hidden] of queries,
/// keys and values side by side, `out` [tokens, hidden]. Queries must come multiplied by
/// log₂e/√(width of a head). No sequence may be longer than `distances` are for.
pub(super) fn attention(
    level: Level,
    shape: Shape,
    qkv: &[f32],
    distances: Option<&Distances>,
    sequences: &[Range<usize>],
    room: &mut Heads,
    out: &mut [f32],
) {
    level.run(Attention { shape, qkv, distances, sequences, room, out });
}

struct Attention<'a> {
    shape: Shape,
    qkv: &'a [f32],
    distances: Option<&'a Distances>,
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
            let qkv = &self.qkv[range.start * 3 * hidden..range.end * 3 * hidden];
            let out = &mut self.out[range.start * hidden..range.end * hidden];
            let room = self.room.fit::<S>(range.len(), d.next_multiple_of(BLOCK));
            for head in 0..heads {
                let line = self.distances.map(|distances| distances.of(head));
                Head { hidden, column: head * d, d, n: range.len(), line }.run(s, qkv, room, out);
            }
        }
    }
}

/// Vectors of queries in a panel: with [`KEYS`] rows of them as many sums as registers allow.
#[inline(always)]
fn widest<S: Simd>() -> usize {
    if S::IS_SCALAR {
        QUERIES
    } else if S::REGISTER_COUNT >= 32 {
        4
    } else {
        2
    }
}

impl Heads {
    /// Makes room for a sequence of `n` tokens.
    fn fit<S: Simd>(&mut self, n: usize, padded: usize) -> &mut Self {
        let queries = n.next_multiple_of(S::F32_LANES.max(QUERIES));
        for (vector, need) in [
            (&mut self.queries, queries * padded),
            (&mut self.keys, n * padded),
            (&mut self.values, n * padded),
            (&mut self.scores, n * widest::<S>() * S::F32_LANES),
        ] {
            if vector.len() < need {
                vector.resize(need, 0.0);
            }
        }
        self
    }
}

/// One head of one sequence.
#[derive(Clone, Copy)]
struct Head<'a> {
    hidden: usize,
    /// First column of the head.
    column: usize,
    /// Its width.
    d: usize,
    /// Tokens of the sequence.
    n: usize,
    /// Biases of the scores.
    line: Option<Line<'a>>,
}

impl Head<'_> {
    fn padded(self) -> usize {
        self.d.next_multiple_of(BLOCK)
    }

    #[inline(always)]
    fn run<S: Simd>(self, s: S, qkv: &[f32], room: &mut Heads, out: &mut [f32]) {
        let padded = self.padded();
        self.copy(qkv, self.hidden, &mut room.keys);
        self.copy(qkv, 2 * self.hidden, &mut room.values);
        let mut first = 0;
        while first < self.n {
            // Whole tiles of queries, which may be several of the narrower vectors.
            let left = (self.n - first).next_multiple_of(QUERIES).div_ceil(S::F32_LANES);
            let vectors = left.min(widest::<S>());
            let width = vectors * S::F32_LANES;
            let panel = &mut room.queries[..padded * width];
            self.turn(qkv, first, panel, width);
            let panel = &*panel;
            let (keys, values, scores) = (&room.keys, &room.values, &mut room.scores);
            match vectors {
                _ if S::IS_SCALAR => {
                    self.panel::<S, QUERIES>(s, first, panel, keys, values, scores, out);
                }
                4 => self.panel::<S, 4>(s, first, panel, keys, values, scores, out),
                3 => self.panel::<S, 3>(s, first, panel, keys, values, scores, out),
                2 => self.panel::<S, 2>(s, first, panel, keys, values, scores, out),
                _ => self.panel::<S, 1>(s, first, panel, keys, values, scores, out),
            }
            first += width;
        }
    }

    /// Copies keys or values, zeros behind each row.
    #[inline(always)]
    fn copy(self, qkv: &[f32], part: usize, out: &mut [f32]) {
        let rows = qkv.chunks_exact(3 * self.hidden);
        for (row, out) in rows.zip(out.chunks_exact_mut(self.padded())) {
            let (out, rest) = out.split_at_mut(self.d);
            out.copy_from_slice(&row[part + self.column..][..self.d]);
            rest.fill(0.0);
        }
    }

    /// Turns up to `width` queries from `first`; zeros where there are fewer.
    #[inline(always)]
    fn turn(self, qkv: &[f32], first: usize, panel: &mut [f32], width: usize) {
        let rows = qkv.chunks_exact(3 * self.hidden).skip(first).take(width);
        let count = rows.len();
        for (j, row) in rows.enumerate() {
            for (line, &x) in panel.chunks_exact_mut(width).zip(&row[self.column..][..self.d]) {
                line[j] = x;
            }
        }
        if count < width || self.d < self.padded() {
            for line in panel.chunks_exact_mut(width) {
                line[count..].fill(0.0);
            }
            panel[self.d * width..].fill(0.0);
        }
    }

    /// Attention of the queries in `panel`, which are `V` vectors of them.
    #[expect(clippy::too_many_arguments, reason = "parts of one room, borrowed apart")]
    #[inline(always)]
    fn panel<S: Simd, const V: usize>(
        self,
        s: S,
        first: usize,
        panel: &[f32],
        keys: &[f32],
        values: &[f32],
        scores: &mut [f32],
        out: &mut [f32],
    ) {
        let padded = self.padded();
        let width = V * S::F32_LANES;
        let (panel, _) = S::as_simd_f32s(panel);
        let (panel, _) = panel.as_chunks::<V>();
        let (blocks, _) = panel.as_chunks::<BLOCK>();
        let scores = &mut scores[..self.n * width];
        let keys = &keys[..self.n * padded];
        let mut peaks = [s.splat_f32s(f32::NEG_INFINITY); V];
        {
            let (rows, _) = S::as_mut_simd_f32s(scores);
            let (rows, _) = rows.as_chunks_mut::<V>();
            for (rows, keys) in rows.chunks_mut(KEYS).zip(keys.chunks(KEYS * padded)) {
                let sums = tile(s, blocks, keys, padded);
                for (row, sums) in rows.iter_mut().zip(sums) {
                    *row = sums;
                    for (peak, x) in peaks.iter_mut().zip(sums) {
                        *peak = s.max_f32s(*peak, x);
                    }
                }
            }
            // A pass of its own, so that it costs nothing where there is none.
            if let Some(line) = self.line {
                peaks = add_line(s, rows, line.line, line.middle + first);
            }
            let mut totals = [s.splat_f32s(0.0); V];
            for row in rows.iter_mut() {
                for v in 0..V {
                    row[v] = exp2(s, s.sub_f32s(row[v], peaks[v]));
                    totals[v] = s.add_f32s(totals[v], row[v]);
                }
            }
            peaks = totals.map(|total| s.div_f32s(s.splat_f32s(1.0), total));
        }
        let factors: [S::f32s; V] = peaks;
        let mut shares = [0f32; 64];
        for (share, factor) in shares.chunks_mut(S::F32_LANES).zip(factors) {
            s.partial_store_f32s(share, factor);
        }
        let (shares, _) = shares.as_chunks::<QUERIES>();
        let lines = out[first * self.hidden..].chunks_mut(QUERIES * self.hidden);
        for (group, (out, shares)) in lines.zip(shares).take(width.div_ceil(QUERIES)).enumerate() {
            self.combine(s, &scores[group * QUERIES..], width, values, shares, out);
        }
    }

    /// Weighted sums of the values for a tile of queries, whose weights are the first columns of
    /// `scores`, into their rows of the output.
    #[inline(always)]
    fn combine<S: Simd>(
        self,
        s: S,
        scores: &[f32],
        width: usize,
        values: &[f32],
        shares: &[f32; QUERIES],
        out: &mut [f32],
    ) {
        let (values, _) = S::as_simd_f32s(&values[..self.n * self.padded()]);
        let vectors = self.padded() / S::F32_LANES;
        let used = self.d.div_ceil(S::F32_LANES);
        let mut at = 0;
        while at < used {
            let column = self.column + at * S::F32_LANES;
            let end = self.column + self.d;
            if used - at >= 2 {
                let sums = weigh::<S, 2>(s, scores, width, values, vectors, at);
                share::<S, 2>(s, sums, shares, out, self.hidden, column..end);
                at += 2;
            } else {
                let sums = weigh::<S, 1>(s, scores, width, values, vectors, at);
                share::<S, 1>(s, sums, shares, out, self.hidden, column..end);
                at += 1;
            }
        }
    }
}

/// Scores of up to [`KEYS`] keys, rows of `padded` values, with `V` vectors of queries; where
/// there are fewer keys the last is repeated.
#[inline(always)]
fn tile<S: Simd, const V: usize>(
    s: S,
    queries: &[[[S::f32s; V]; BLOCK]],
    keys: &[f32],
    padded: usize,
) -> [[S::f32s; V]; KEYS] {
    let (keys, _) = keys.as_chunks::<BLOCK>();
    let blocks = padded / BLOCK;
    let last = (keys.len() / blocks).saturating_sub(1);
    let mut sums = [[s.splat_f32s(0.0); V]; KEYS];
    for (b, queries) in queries.iter().enumerate() {
        let keys: [&[f32; BLOCK]; KEYS] = std::array::from_fn(|r| &keys[r.min(last) * blocks + b]);
        for (x, queries) in queries.iter().enumerate() {
            for (sums, key) in sums.iter_mut().zip(&keys) {
                let key = s.splat_f32s(key[x]);
                for (sum, &query) in sums.iter_mut().zip(queries) {
                    *sum = s.mul_add_e_f32s(key, query, *sum);
                }
            }
        }
    }
    sums
}

/// Adds to each key's row of scores the biases from `line[at − key]` on; gives the queries' maxima.
#[inline(always)]
fn add_line<S: Simd, const V: usize>(
    s: S,
    rows: &mut [[S::f32s; V]],
    line: &[f32],
    at: usize,
) -> [S::f32s; V] {
    let mut peaks = [s.splat_f32s(f32::NEG_INFINITY); V];
    for (key, row) in rows.iter_mut().enumerate() {
        let (biases, _) = S::as_simd_f32s(&line[at - key..][..V * S::F32_LANES]);
        for ((x, &bias), peak) in row.iter_mut().zip(biases).zip(&mut peaks) {
            *x = s.add_f32s(*x, bias);
            *peak = s.max_f32s(*peak, *x);
        }
    }
    peaks
}

/// Sums of `V` vectors of the values from vector `at` of each row, weighted for each query.
#[inline(always)]
fn weigh<S: Simd, const V: usize>(
    s: S,
    scores: &[f32],
    width: usize,
    values: &[S::f32s],
    vectors: usize,
    at: usize,
) -> [[S::f32s; V]; QUERIES] {
    let mut sums = [[s.splat_f32s(0.0); V]; QUERIES];
    for (weights, value) in scores.chunks(width).zip(values.chunks_exact(vectors)) {
        let (Some(weights), Some(value)) =
            (weights.first_chunk::<QUERIES>(), value[at..].first_chunk::<V>())
        else {
            break;
        };
        for (sums, &weight) in sums.iter_mut().zip(weights) {
            let weight = s.splat_f32s(weight);
            for (sum, &value) in sums.iter_mut().zip(value) {
                *sum = s.mul_add_e_f32s(weight, value, *sum);
            }
        }
    }
    sums
}

/// Divides by the sums of the weights and stores.
#[inline(always)]
fn share<S: Simd, const V: usize>(
    s: S,
    sums: [[S::f32s; V]; QUERIES],
    shares: &[f32; QUERIES],
    out: &mut [f32],
    hidden: usize,
    columns: Range<usize>,
) {
    for ((sums, &share), line) in sums.into_iter().zip(shares).zip(out.chunks_exact_mut(hidden)) {
        let share = s.splat_f32s(share);
        let line = &mut line[columns.clone()];
        let (full, _) = S::as_mut_simd_f32s(line);
        if let Some(full) = full.first_chunk_mut::<V>() {
            for (out, sum) in full.iter_mut().zip(sums) {
                *out = s.mul_f32s(sum, share);
            }
        } else {
            for (out, sum) in line.chunks_mut(S::F32_LANES).zip(sums) {
                s.partial_store_f32s(out, s.mul_f32s(sum, share));
            }
        }
    }
}
