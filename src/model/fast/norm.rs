//! Layer norm and the embedding of tokens.

use std::borrow::Cow;

use pulp::{Simd, WithSimd};

use super::kernel::Level;
use super::vector::sum;

/// Weight and offset of a layer norm.
#[derive(Debug)]
pub(super) struct Norm {
    pub(super) weight: Vec<f32>,
    pub(super) offset: Vec<f32>,
    pub(super) eps: f32,
}

impl Norm {
    /// Normalises rows in place.
    pub(super) fn apply(&self, level: Level, rows: &mut [f32]) {
        level.run(Normalise { norm: self, rows });
    }
}

struct Normalise<'a> {
    norm: &'a Norm,
    rows: &'a mut [f32],
}

impl WithSimd for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        for row in self.rows.chunks_exact_mut(self.norm.weight.len()) {
            normalise(s, row, self.norm);
        }
    }
}

#[inline(always)]
fn normalise<S: Simd>(s: S, row: &mut [f32], norm: &Norm) {
    let n = row.len() as f32;
    let mean = sum(s, row, |x| x, |x| x) / n;
    let means = s.splat_f32s(mean);
    let square = |x: S::f32s| {
        let d = s.sub_f32s(x, means);
        s.mul_f32s(d, d)
    };
    let variance = sum(s, row, square, |x| (x - mean) * (x - mean)) / n;
    let factor = 1.0 / (variance + norm.eps).sqrt();
    let factors = s.splat_f32s(factor);
    let (vectors, rest) = S::as_mut_simd_f32s(row);
    let (weights, weights_rest) = S::as_simd_f32s(&norm.weight);
    let (offsets, offsets_rest) = S::as_simd_f32s(&norm.offset);
    for ((x, &w), &b) in vectors.iter_mut().zip(weights).zip(offsets) {
        *x = s.mul_add_e_f32s(s.mul_f32s(s.sub_f32s(*x, means), factors), w, b);
    }
    for ((x, &w), &b) in rest.iter_mut().zip(weights_rest).zip(offsets_rest) {
        *x = (*x - mean) * factor * w + b;
    }
}

/// An embedding table, rows of one width.
#[derive(Debug)]
pub(super) enum Table {
    /// As on disk, with a scale a row; borrowed where it is part of the program.
    Int8 { ints: Cow<'static, [u8]>, scales: Vec<f32> },
    /// Floats.
    Float(Vec<f32>),
}

impl Table {
    /// Adds a row to `out`.
    #[inline(always)]
    fn add(&self, row: usize, out: &mut [f32]) {
        let n = out.len();
        match self {
            Self::Int8 { ints, scales } => {
                let scale = scales[row];
                for (out, &b) in out.iter_mut().zip(&ints[row * n..(row + 1) * n]) {
                    *out += f32::from(b as i8) * scale;
                }
            }
            Self::Float(values) => {
                for (out, &x) in out.iter_mut().zip(&values[row * n..(row + 1) * n]) {
                    *out += x;
                }
            }
        }
    }

    /// Bytes that it takes beside the program.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Int8 { ints: Cow::Borrowed(_), scales } => scales.len() * 4,
            Self::Int8 { ints, scales } => ints.len() + scales.len() * 4,
            Self::Float(values) => values.len() * 4,
        }
    }
}

/// The three tables of a BERT embedding layer and the norm over their sum.
#[derive(Debug)]
pub(super) struct Embedding {
    pub(super) word: Table,
    pub(super) position: Table,
    pub(super) segment: Table,
    pub(super) norm: Norm,
}

impl Embedding {
    /// Embeds tokens given as (word, position, segment), which must be inside the tables.
    pub(super) fn apply(&self, level: Level, tokens: &[[usize; 3]], out: &mut [f32]) {
        level.run(Embed { embedding: self, tokens, out });
    }

    /// Bytes that it takes beside the program.
    pub(super) fn bytes(&self) -> usize {
        self.word.bytes() + self.position.bytes() + self.segment.bytes()
    }
}

struct Embed<'a> {
    embedding: &'a Embedding,
    tokens: &'a [[usize; 3]],
    out: &'a mut [f32],
}

impl WithSimd for Embed<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { embedding: e, tokens, out } = self;
        for (row, &[word, position, segment]) in
            out.chunks_exact_mut(e.norm.weight.len()).zip(tokens)
        {
            row.fill(0.0);
            e.word.add(word, row);
            e.position.add(position, row);
            e.segment.add(segment, row);
            normalise(s, row, &e.norm);
        }
    }
}
