//! Matrices in 32-bit floats.

use pulp::{Simd, WithSimd};

use super::kernel::Level;
use super::vector::{Finish, Place};

/// A dense layer's weights, packed for one kernel, with its bias.
#[derive(Debug)]
pub(super) struct Matrix {
    /// Length of a row of activations.
    inputs: usize,
    /// Number of results.
    outputs: usize,
    /// Panels of as many outputs as a tile has columns; an input of each output in a row.
    panels: Vec<f32>,
    /// Padded to whole panels.
    biases: Vec<f32>,
}

impl Matrix {
    /// Packs `values` of [outputs, inputs].
    pub(super) fn pack(level: Level, values: &[f32], biases: &[f32]) -> Self {
        let outputs = biases.len();
        let inputs = values.len() / outputs.max(1);
        let columns = level.run(Columns);
        let count = outputs.div_ceil(columns);
        let mut panels = vec![0f32; count * columns * inputs];
        for (row, values) in values.chunks_exact(inputs.max(1)).enumerate() {
            let panel = &mut panels[row / columns * columns * inputs..][..columns * inputs];
            for (slots, &value) in panel.chunks_exact_mut(columns).zip(values) {
                slots[row % columns] = value;
            }
        }
        let mut biases = biases.to_vec();
        biases.resize(count * columns, 0.0);
        Self { inputs, outputs, panels, biases }
    }

    /// `finish(x · weightsᵀ + bias)` of rows `x` of [rows, inputs] into `out`, [rows, outputs].
    pub(super) fn apply(&self, level: Level, x: &[f32], finish: Finish, out: &mut [f32]) {
        level.run(Product { matrix: self, x, finish, out });
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        (self.panels.len() + self.biases.len()) * size_of::<f32>()
    }
}

/// Columns of a tile, which a panel of weights has too.
struct Columns;

impl WithSimd for Columns {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES * if S::IS_SCALAR { 8 } else { 2 }
    }
}

struct Product<'a> {
    matrix: &'a Matrix,
    x: &'a [f32],
    finish: Finish,
    out: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        // As many sums as there are registers, less those for the operands.
        if S::IS_SCALAR {
            self.tiles::<S, 2, 8>(s);
        } else if S::REGISTER_COUNT >= 32 {
            self.tiles::<S, 12, 2>(s);
        } else {
            self.tiles::<S, 6, 2>(s);
        }
    }
}

impl Product<'_> {
    /// Tiles of `R` tokens by `V` vectors of outputs.
    #[inline(always)]
    fn tiles<S: Simd, const R: usize, const V: usize>(self, s: S) {
        let Self { matrix, x, finish, out } = self;
        let (inputs, outputs) = (matrix.inputs, matrix.outputs);
        let columns = V * S::F32_LANES;
        for (n, panel) in matrix.panels.chunks_exact(columns * inputs).enumerate() {
            let column = n * columns;
            let width = (outputs - column).min(columns);
            let (panel, _) = S::as_simd_f32s(panel);
            let (panel, _) = panel.as_chunks::<V>();
            let (biases, _) = S::as_simd_f32s(&matrix.biases[column..]);
            let Some(biases) = biases.first_chunk::<V>() else { break };
            for (rows, out) in x.chunks(R * inputs).zip(out.chunks_mut(R * outputs)) {
                // A tile with fewer tokens computes its last one again.
                let last = rows.len() / inputs - 1;
                let rows: [&[f32]; R] =
                    std::array::from_fn(|r| &rows[r.min(last) * inputs..][..panel.len()]);
                let mut sums = [[s.splat_f32s(0.0); V]; R];
                for (i, b) in panel.iter().enumerate() {
                    for r in 0..R {
                        let a = s.splat_f32s(rows[r][i]);
                        for v in 0..V {
                            sums[r][v] = s.mul_add_e_f32s(a, b[v], sums[r][v]);
                        }
                    }
                }
                // A second array, so that the first one can live in registers.
                let mut biased = [*biases; R];
                for r in 0..R {
                    for v in 0..V {
                        biased[r][v] = s.add_f32s(sums[r][v], biases[v]);
                    }
                }
                let columns = column..column + width;
                finish.tile(s, &biased, Place { rows: out, length: outputs, columns });
            }
        }
    }
}
