//! Matrices in int8 and the rounding of activations to int8.
//!
//! Weights are symmetric with a scale an output, activations symmetric with a scale a token, so a
//! token's result depends on nothing but itself. Sums are 32-bit integers and exact in every
//! kernel: what differs between machines is the rounding of the floats before and after.

use pulp::{Simd, WithSimd};

use super::kernel::Level;
use super::pairs::{self, NARROW};
use super::vector::{Finish, peak};
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
    /// −128 · the sum of an output's weights: activations are stored plus 128.
    starts: Vec<i32>,
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

/// Rows of activations plus 128, each of as many blocks as [`Matrix::depth`] says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Activations<'a> {
    pub(super) blocks: &'a [[[u8; 4]; BLOCK]],
    /// A scale a token, for whole tiles.
    pub(super) scales: &'a [f32],
}

/// Room for rounded activations.
#[derive(Debug, Default)]
pub(super) struct Rounded {
    blocks: Vec<[[u8; 4]; BLOCK]>,
    pairs: Vec<pairs::Rows>,
    scales: Vec<f32>,
}

impl Matrix {
    /// Packs `ints` of [outputs, inputs] with a scale and a bias a row.
    pub(super) fn pack(level: Level, ints: &[u8], scales: &[f32], biases: &[f32]) -> Self {
        let outputs = scales.len();
        let inputs = ints.len() / outputs.max(1);
        let panels = outputs.div_ceil(WIDE);
        let mut starts = vec![0i32; panels * WIDE];
        for (start, row) in starts.iter_mut().zip(ints.chunks_exact(inputs.max(1))) {
            *start = row.iter().map(|&b| -128 * i32::from(b as i8)).sum();
        }
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
        Self { inputs, outputs, packed, scales: fill(scales), biases: fill(biases), starts }
    }

    /// Number of blocks in a row.
    pub(super) fn depth(&self) -> usize {
        blocks(self.inputs)
    }

    /// Scales, biases and starting sums of a panel of outputs.
    #[inline(always)]
    pub(super) fn columns(&self, first: usize) -> (&[f32; WIDE], &[f32; WIDE], &[i32; WIDE]) {
        const NONE: (&[f32; WIDE], &[f32; WIDE], &[i32; WIDE]) =
            (&[0.0; WIDE], &[0.0; WIDE], &[0; WIDE]);
        let at = (
            self.scales[first..].first_chunk(),
            self.biases[first..].first_chunk(),
            self.starts[first..].first_chunk(),
        );
        match at {
            (Some(scales), Some(biases), Some(starts)) => (scales, biases, starts),
            _ => NONE,
        }
    }

    /// Scales and biases of a narrow panel of outputs.
    #[inline(always)]
    pub(super) fn narrow_columns(&self, first: usize) -> (&[f32; NARROW], &[f32; NARROW]) {
        const NONE: &[f32; NARROW] = &[0.0; NARROW];
        let scales = self.scales[first..].first_chunk().unwrap_or(NONE);
        let biases = self.biases[first..].first_chunk().unwrap_or(NONE);
        (scales, biases)
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
        let rows = x.len() / self.inputs.max(1);
        room.reserve(rows, self.depth());
        level.run(Round { x, inputs: self.inputs, room: &mut *room });
        let blocks = &room.blocks[..rows * self.depth()];
        let a = Activations { blocks, scales: &room.scales[..rows.next_multiple_of(PANEL)] };
        match (level, &self.packed) {
            #[cfg(target_arch = "x86_64")]
            (Level::Avx512(vnni), Packed::Quads(quads)) => {
                vnni.product(a, self, quads, finish, out);
            }
            (level, Packed::Pairs(columns)) => {
                pairs::widen(a.blocks, self.depth(), &mut room.pairs);
                pairs::product(level, &room.pairs, a.scales, self, columns, finish, out);
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
        self.blocks.resize(grow(self.blocks.len(), rows * depth), [[128; 4]; BLOCK]);
        self.scales.resize(grow(self.scales.len(), rows.next_multiple_of(PANEL)), 0.0);
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

/// Rounds rows to −127..=127 with a scale each.
struct Round<'a> {
    x: &'a [f32],
    inputs: usize,
    room: &'a mut Rounded,
}

impl WithSimd for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Rounded { blocks, scales, .. } = self.room;
        let depth = self::blocks(self.inputs);
        let rows = self.x.chunks_exact(self.inputs).zip(blocks.chunks_exact_mut(depth));
        for ((row, out), scale) in rows.zip(scales) {
            let peak = peak(s, row);
            *scale = peak / 127.0;
            let factor = if peak > 0.0 { 127.0 / peak } else { 0.0 };
            // Weights are zero where a row ends before its last block.
            for (byte, &x) in out.as_flattened_mut().as_flattened_mut().iter_mut().zip(row) {
                // Adding 1.5·2²³ rounds to an integer and leaves it in the low bits.
                *byte = ((x * factor + 12_582_912.0).to_bits() as u8) ^ 0x80;
            }
        }
    }
}
