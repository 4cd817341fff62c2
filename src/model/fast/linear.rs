//! A dense layer in either precision.

use super::kernel::Level;
use super::vector::Finish;
use super::{float, int8};

/// Weights `[outputs, inputs]` with a bias.
#[derive(Debug)]
pub(super) enum Linear {
    Int8(int8::Matrix),
    Float(float::Matrix),
}

/// Room for a block of activations in the form that the kernel reads.
#[derive(Debug, Default)]
pub(super) struct Room {
    rounded: int8::Rounded,
    rest: int8::Rest,
}

impl Linear {
    /// `finish(x · weightsᵀ + bias)` of rows `x` of [rows, inputs] into `out`, [rows, outputs].
    pub(super) fn apply(
        &self,
        level: Level,
        x: &[f32],
        finish: Finish,
        room: &mut Room,
        out: &mut [f32],
    ) {
        match self {
            Self::Int8(matrix) => matrix.apply(level, x, finish, &mut room.rounded, out),
            Self::Float(matrix) => matrix.apply(level, x, finish, out),
        }
    }

    /// As [`Linear::apply`], keeping in `room` what rounding left of the rows that it cost most,
    /// `x` being the rows from `first`, until [`Linear::settle`].
    pub(super) fn apply_keeping(
        &self,
        level: Level,
        (x, first): (&[f32], usize),
        finish: Finish,
        Room { rounded, rest }: &mut Room,
        out: &mut [f32],
    ) {
        match self {
            Self::Int8(matrix) => {
                matrix.apply_keeping(level, (x, first), finish, (rounded, rest), out);
            }
            Self::Float(matrix) => matrix.apply(level, x, finish, out),
        }
    }

    /// Adds what was kept to the sums in `out`, [rows, outputs], of all rows.
    pub(super) fn settle(&self, level: Level, room: &mut Room, out: &mut [f32]) {
        if let Self::Int8(matrix) = self {
            matrix.settle(level, &mut room.rounded, &mut room.rest, out);
        }
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Int8(matrix) => matrix.bytes(),
            Self::Float(matrix) => matrix.bytes(),
        }
    }
}
