//! Kernels one at a time, on made-up numbers, for benchmarks.

use std::hint::black_box;

use pulp::{Simd, WithSimd};

use super::attention::{Heads, Shape, attention};
use super::kernel::{Kernel, Level};
use super::linear::{Linear, Room};
use super::norm::Norm;
use super::vector::Finish;
use super::{Numbers, float, int8};
use crate::model::Activation;
use crate::model::weights::quantize_rows;

/// What a [`Probe`] runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A dense layer over `rows` tokens, with its activation if it has one.
    Dense {
        /// Numbers that it is computed in.
        numbers: Numbers,
        /// Tokens.
        rows: usize,
        /// Length of a token's states.
        inputs: usize,
        /// Number of results a token.
        outputs: usize,
        /// What is applied to the results.
        activation: Option<Activation>,
    },
    /// Attention of one sequence of `tokens` to itself.
    Attention {
        /// Tokens.
        tokens: usize,
        /// Number of heads.
        heads: usize,
        /// Width of all heads together.
        hidden: usize,
    },
    /// Layer norm of `rows` tokens.
    Norm {
        /// Tokens.
        rows: usize,
        /// Length of a token's states.
        width: usize,
    },
}

/// One kernel with its data, to be run any number of times on the calling thread.
#[derive(Debug)]
pub struct Probe {
    level: Level,
    part: Part,
    linear: Option<(Linear, Finish)>,
    norm: Norm,
    x: Vec<f32>,
    out: Vec<f32>,
    room: Room,
    heads: Heads,
}

/// Numbers between -1 and 1 that repeat after 251.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i * 97 % 251) as f32 / 125.0 - 1.0).collect()
}

impl Probe {
    /// Prepares a kernel; `None` where this machine lacks its instructions.
    pub fn new(kernel: Kernel, part: Part) -> Option<Self> {
        let level = kernel.level()?;
        let (x, out, width) = match part {
            Part::Dense { rows, inputs, outputs, .. } => (rows * inputs, rows * outputs, 0),
            Part::Attention { tokens, hidden, .. } => (tokens * 3 * hidden, tokens * hidden, 0),
            Part::Norm { rows, width } => (0, rows * width, width),
        };
        let norm = Norm { weight: vec![1.0; width], offset: vec![0.0; width], eps: 1e-5 };
        Some(Self {
            level,
            part,
            linear: linear(level, part),
            norm,
            x: numbers(x),
            out: numbers(out),
            room: Room::default(),
            heads: Heads::default(),
        })
    }

    /// Additions and multiplications of a run, those of norms and softmax not counted; for a norm
    /// the values that it normalises.
    pub fn operations(&self) -> u64 {
        let count = match self.part {
            Part::Dense { rows, inputs, outputs, .. } => 2 * rows * inputs * outputs,
            Part::Attention { tokens, hidden, .. } => 4 * tokens * tokens * hidden,
            Part::Norm { rows, width } => rows * width,
        };
        count as u64
    }

    /// Runs the kernel once.
    pub fn run(&mut self) {
        let Self { level, part, linear, norm, x, out, room, heads } = self;
        match (*part, linear) {
            (Part::Dense { .. }, Some((linear, finish))) => {
                linear.apply(*level, x, *finish, room, out);
            }
            (Part::Attention { tokens, heads: count, hidden }, _) => {
                let shape = Shape { heads: count, hidden };
                let sequence = 0..tokens;
                let sequences = std::slice::from_ref(&sequence);
                attention(*level, shape, x, None, sequences, heads, out);
            }
            _ => norm.apply(*level, out),
        }
        black_box(&self.out);
    }
}

fn linear(level: Level, part: Part) -> Option<(Linear, Finish)> {
    let Part::Dense { numbers: kind, inputs, outputs, activation, .. } = part else { return None };
    let (weights, biases) = (numbers(inputs * outputs), numbers(outputs));
    let linear = match kind {
        Numbers::F32 => Linear::Float(float::Matrix::pack(level, &weights, &biases)),
        Numbers::Int8 => {
            let (ints, scales) = quantize_rows(&weights, inputs);
            Linear::Int8(int8::Matrix::pack(level, &ints, &scales, &biases))
        }
    };
    let is_coarse = kind == Numbers::Int8;
    Some((linear, activation.map_or(Finish::Store, |a| Finish::of(a, is_coarse))))
}

/// Does nothing but multiply and add in registers, and returns how many of both that were: in 32-bit
/// floats, or for int8 with the instruction of the kernel's product. `None` where the machine or the
/// kernel has no such instruction.
pub fn peak(kernel: Kernel, numbers: Numbers, rounds: u32) -> Option<u64> {
    match (kernel.level()?, numbers) {
        (level, Numbers::F32) => Some(level.run(Multiply { rounds })),
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512(vnni), Numbers::Int8) => Some(vnni.peak(rounds)),
        _ => None,
    }
}

/// Independent sums, enough to keep every unit busy.
const SUMS: usize = 12;

struct Multiply {
    rounds: u32,
}

impl WithSimd for Multiply {
    type Output = u64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> u64 {
        let (a, b) = (s.splat_f32s(black_box(0.5)), s.splat_f32s(black_box(0.25)));
        let mut sums = [a; SUMS];
        for _ in 0..self.rounds {
            for sum in &mut sums {
                *sum = s.mul_add_e_f32s(*sum, a, b);
            }
        }
        black_box(sums.map(|sum| s.reduce_sum_f32s(sum)));
        2 * (SUMS * S::F32_LANES) as u64 * u64::from(self.rounds)
    }
}
