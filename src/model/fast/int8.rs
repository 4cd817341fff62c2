//! Matrices in int8 and the rounding of activations to int8.
//!
//! Weights are symmetric with a scale an output. Activations have a scale and a zero point a token,
//! so that a token's result depends on nothing but itself and uses the whole range, one-sided as
//! it is after GELU. Sums are 32-bit integers and exact in every kernel: what differs between
//! machines is the rounding of the floats before and after.

use pulp::{Simd, WithSimd};

use super::kernel::Level;
use super::pairs;
use super::vector::{Finish, spread};
use super::{PANEL, WIDE};

/// A dense layer's weights, packed for one kernel, with its bias.
#[derive(Debug)]
pub(super) struct Matrix {
    /// Length of a row of activations.
    pub(super) inputs: usize,
    /// Number of results.
    pub(super) outputs: usize,
    pub(super) packed: Packed,
    /// Scale of each output, padded to whole panels as are the next two.
    scales: Vec<f32>,
    biases: Vec<f32>,
    /// Sum of an output's weights, which the zero points of activations are multiplied by.
    totals: Vec<f32>,
}

/// What belongs to `N` outputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outputs<'a, const N: usize> {
    pub(super) scales: &'a [f32; N],
    pub(super) biases: &'a [f32; N],
    pub(super) totals: &'a [f32; N],
}

/// Weights in the order in which a kernel reads them.
#[derive(Debug)]
pub(super) enum Packed {
    /// Panels of 32 outputs; each four inputs of each output in a row, for VNNI.
    Quads(Vec<[[u8; 64]; 2]>),
    /// Panels of 16 outputs; each two inputs of each output in a row, widened.
    Pairs(Vec<pairs::Columns>),
}

/// Quads in a block; rows of weights and activations are padded to whole blocks.
pub(super) const BLOCK: usize = 16;

/// Rows of activations, each of as many blocks as [`Matrix::depth`] says; a value is
/// `scale · byte + zero`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Activations<'a> {
    pub(super) blocks: &'a [[[u8; 4]; BLOCK]],
    /// Of each token, for whole tiles.
    pub(super) steps: &'a [Step],
    /// Whether the bias is added.
    pub(super) is_biased: bool,
}

/// How the bytes of a token are values.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Step {
    pub(super) scale: f32,
    pub(super) zero: f32,
}

/// How a token's values become bytes.
#[derive(Debug, Clone, Copy)]
struct Rounding {
    scale: f32,
    factor: f32,
    /// The zero point, an integer.
    integer: f32,
}

/// Adding 1.5·2²³ rounds to an integer and leaves it in the low bits.
const MAGIC: f32 = 12_582_912.0;

impl Rounding {
    #[inline(always)]
    fn new((low, high): (f32, f32)) -> Self {
        let width = high - low;
        // 254 and not 255 steps: both ends may be rounded outwards.
        let factor = if width > 0.0 { 254.0 / width } else { 0.0 };
        Self { scale: width / 254.0, factor, integer: (MAGIC - low * factor) - MAGIC }
    }

    fn step(self) -> Step {
        Step { scale: self.scale, zero: -self.scale * self.integer }
    }
}

/// A row whose range is this many times its root mean square has a value so far out that the
/// rounding of the others is felt.
///
/// In BERT these are the first tokens of sequences, to which all others attend, and after the
/// activation of the feed-forward layer whatever few neurons answer to loudly.
const FAR_OUT: f32 = 14.0;

/// Room for what rounding left of rows.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// Numbers of the rows.
    which: Vec<usize>,
    /// [rows, inputs].
    values: Vec<f32>,
    /// [rows, outputs].
    results: Vec<f32>,
}

/// Room for rounded activations.
#[derive(Debug, Default)]
pub(super) struct Rounded {
    blocks: Vec<[[u8; 4]; BLOCK]>,
    pairs: Vec<pairs::Rows>,
    steps: Vec<Step>,
}

impl Matrix {
    /// Packs `ints` of [outputs, inputs] with a scale and a bias a row.
    pub(super) fn pack(level: Level, ints: &[u8], scales: &[f32], biases: &[f32]) -> Self {
        let outputs = scales.len();
        let inputs = ints.len() / outputs.max(1);
        let panels = outputs.div_ceil(WIDE);
        let totals: Vec<f32> = ints
            .chunks_exact(inputs.max(1))
            .zip(scales)
            .map(|(row, scale)| scale * row.iter().map(|&b| i32::from(b as i8)).sum::<i32>() as f32)
            .collect();
        let packed = match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => Packed::Quads(quads(ints, inputs)),
            _ => Packed::Pairs(pairs::pack(level, ints, inputs)),
        };
        let fill = |values: &[f32]| {
            let mut all = values.to_vec();
            all.resize(panels * WIDE, 0.0);
            all
        };
        let (scales, biases, totals) = (fill(scales), fill(biases), fill(&totals));
        Self { inputs, outputs, packed, scales, biases, totals }
    }

    /// Number of blocks in a row.
    pub(super) fn depth(&self) -> usize {
        blocks(self.inputs)
    }

    /// What belongs to `N` outputs from `first`, a multiple of it that divides [`WIDE`].
    #[inline(always)]
    pub(super) fn outputs_from<const N: usize>(
        &self,
        first: usize,
        is_biased: bool,
    ) -> Outputs<'_, N> {
        let biases = self.biases[first..].first_chunk().filter(|_| is_biased);
        Outputs {
            scales: self.scales[first..].first_chunk().unwrap_or(&[0.0; N]),
            biases: biases.unwrap_or(&[0.0; N]),
            totals: self.totals[first..].first_chunk().unwrap_or(&[0.0; N]),
        }
    }

    /// `finish(x · weightsᵀ + bias)` of rows `x` of [rows, inputs] into `out`, [rows, outputs].
    pub(super) fn apply(
        &self,
        level: Level,
        x: &[f32],
        finish: Finish,
        room: &mut Rounded,
        out: &mut [f32],
    ) {
        self.product(level, x, (finish, true), (room, None), out);
    }

    /// As [`Matrix::apply`], keeping what rounding left of the rows that it cost most, `x` being
    /// the rows from `first`, for [`Matrix::settle`].
    pub(super) fn apply_keeping(
        &self,
        level: Level,
        (x, first): (&[f32], usize),
        finish: Finish,
        (room, rest): (&mut Rounded, &mut Rest),
        out: &mut [f32],
    ) {
        self.product(level, x, (finish, true), (room, Some((rest, first))), out);
    }

    /// Adds to `out`, [rows, outputs], what was kept of its rows: it is rounded once more.
    ///
    /// Kept rows are few and spread, so they wait for each other to fill the kernel's tiles.
    pub(super) fn settle(
        &self,
        level: Level,
        room: &mut Rounded,
        rest: &mut Rest,
        out: &mut [f32],
    ) {
        let Rest { which, values, results } = rest;
        let need = which.len() * self.outputs;
        if results.len() < need {
            results.resize(need, 0.0);
        }
        let results = &mut results[..need];
        self.product(level, values, (Finish::Store, false), (room, None), results);
        for (&row, result) in which.iter().zip(results.chunks_exact(self.outputs)) {
            for (out, x) in out[row * self.outputs..].iter_mut().zip(result) {
                *out += x;
            }
        }
        which.clear();
        values.clear();
    }

    fn product(
        &self,
        level: Level,
        x: &[f32],
        (finish, is_biased): (Finish, bool),
        (room, rest): (&mut Rounded, Option<(&mut Rest, usize)>),
        out: &mut [f32],
    ) {
        let rows = x.len() / self.inputs.max(1);
        if rows == 0 {
            return;
        }
        room.reserve(rows, self.depth());
        level.run(Round { x, inputs: self.inputs, room: &mut *room, rest });
        let blocks = &room.blocks[..rows * self.depth()];
        let tiles = rows.next_multiple_of(PANEL);
        let a = Activations { blocks, steps: &room.steps[..tiles], is_biased };
        match (level, &self.packed) {
            #[cfg(target_arch = "x86_64")]
            (Level::Avx512(vnni), Packed::Quads(quads)) => {
                vnni.product(a, self, quads, finish, out);
            }
            (level, Packed::Pairs(columns)) => {
                pairs::widen(a.blocks, self.depth(), &mut room.pairs);
                pairs::product(level, &room.pairs, a, self, columns, finish, out);
            }
            #[cfg(target_arch = "x86_64")]
            (_, Packed::Quads(_)) => {}
        }
    }
}

impl Matrix {
    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        let weights = match &self.packed {
            Packed::Quads(quads) => size_of_val(quads.as_slice()),
            Packed::Pairs(columns) => size_of_val(columns.as_slice()),
        };
        weights + self.scales.len() * 12
    }
}

impl Rounded {
    fn reserve(&mut self, rows: usize, depth: usize) {
        let grow = |have: usize, need: usize| if have < need { need } else { have };
        let tiles = rows.next_multiple_of(PANEL);
        self.blocks.resize(grow(self.blocks.len(), rows * depth), [[0; 4]; BLOCK]);
        self.steps.resize(grow(self.steps.len(), tiles), Step::default());
    }
}

/// Blocks in a row of so many values.
pub(super) fn blocks(inputs: usize) -> usize {
    inputs.div_ceil(4 * BLOCK)
}

/// Weights in panels for VNNI.
fn quads(ints: &[u8], inputs: usize) -> Vec<[[u8; 64]; 2]> {
    let depth = blocks(inputs) * BLOCK;
    let outputs = ints.len() / inputs.max(1);
    let mut out = vec![[[0u8; 64]; 2]; outputs.div_ceil(WIDE) * depth];
    for (row, ints) in ints.chunks_exact(inputs.max(1)).enumerate() {
        let (half, lane) = (row % WIDE / 16, row % 16 * 4);
        let panel = &mut out[row / WIDE * depth..][..depth];
        for (columns, quad) in panel.iter_mut().zip(ints.chunks(4)) {
            columns[half][lane..lane + quad.len()].copy_from_slice(quad);
        }
    }
    out
}

/// Rounds rows to 0..=255 with a scale and a zero point each, and keeps the rest of those that lie
/// far out, the first row having this number.
struct Round<'a> {
    x: &'a [f32],
    inputs: usize,
    room: &'a mut Rounded,
    rest: Option<(&'a mut Rest, usize)>,
}

impl WithSimd for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Rounded { blocks, steps, .. } = self.room;
        let mut rest = self.rest;
        let depth = self::blocks(self.inputs);
        let rows = self.x.chunks_exact(self.inputs).zip(blocks.chunks_exact_mut(depth));
        for (r, ((row, out), step)) in rows.zip(steps).enumerate() {
            let (low, high, square) = spread(s, row);
            let rounding = Rounding::new((low, high));
            *step = rounding.step();
            let (factor, shift) = (rounding.factor, MAGIC + rounding.integer);
            // Weights are zero where a row ends before its last block.
            for (byte, &x) in out.as_flattened_mut().as_flattened_mut().iter_mut().zip(row) {
                *byte = (x * factor + shift).to_bits() as u8;
            }
            let Some((rest, first)) = &mut rest else { continue };
            let width = high - low;
            if width * width * self.inputs as f32 > FAR_OUT * FAR_OUT * square {
                rest.keep(*first + r, row, rounding);
            }
        }
    }
}

impl Rest {
    #[inline(always)]
    fn keep(&mut self, which: usize, row: &[f32], Rounding { scale, factor, .. }: Rounding) {
        self.which.push(which);
        self.values.extend(row.iter().map(|&x| x - scale * ((x * factor + MAGIC) - MAGIC)));
    }
}
