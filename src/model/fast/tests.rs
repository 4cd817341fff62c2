//! The parts against their definitions, in sizes that fill no tile.

use super::attention::{Distances, Heads, Shape, attention};
use super::linear::{Linear, Room};
use super::norm::Norm;
use super::vector::Finish;
use super::*;
use crate::model::ops::relative::bucket;
use crate::model::ops::testing::noise;

fn levels() -> Vec<Level> {
    Kernel::available().filter_map(Kernel::level).collect()
}

fn gelu(x: f64) -> f64 {
    // Φ by integrating the density, independent of any approximation used.
    let steps = 2000;
    let to = x.abs().min(8.0);
    let h = to / f64::from(steps);
    let density = |t: f64| (-t * t / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let inner: f64 = (1..steps).map(|i| density(f64::from(i) * h)).sum();
    let half = h * (f64::midpoint(density(0.0), density(to)) + inner);
    x * if x < 0.0 { 0.5 - half } else { 0.5 + half }
}

fn finished(finish: Finish, x: f64, before: f64) -> f64 {
    match finish {
        Finish::Store => x,
        Finish::Add => x + before,
        Finish::Gelu | Finish::GeluCoarse => gelu(x),
        Finish::GeluTanh => {
            0.5 * x * (1.0 + (0.797_884_560_8 * (x + 0.044_715 * x.powi(3))).tanh())
        }
        Finish::Relu => x.max(0.0),
    }
}

#[test]
fn dense_layers_match_the_definition() {
    let finishes = [
        Finish::Store,
        Finish::Add,
        Finish::Gelu,
        Finish::GeluCoarse,
        Finish::GeluTanh,
        Finish::Relu,
    ];
    for (n, (rows, inputs, outputs)) in
        [(1, 4, 3), (13, 37, 45), (12, 64, 32), (25, 130, 70), (5, 384, 33)].into_iter().enumerate()
    {
        let seed = n as u64 * 10;
        let x: Vec<f32> = noise(rows * inputs, seed + 1).iter().map(|v| v * 3.0).collect();
        let weights = noise(outputs * inputs, seed + 2);
        let biases = noise(outputs, seed + 3);
        let before = noise(rows * outputs, seed + 4);
        let (ints, scales) = crate::model::weights::quantize_rows(&weights, inputs);
        for level in levels() {
            for numbers in [Numbers::Int8, Numbers::F32] {
                let linear = match numbers {
                    Numbers::Int8 => {
                        Linear::Int8(int8::Matrix::pack(level, &ints, &scales, &biases))
                    }
                    Numbers::F32 => Linear::Float(float::Matrix::pack(level, &weights, &biases)),
                };
                for finish in finishes {
                    let mut out = before.clone();
                    linear.apply(level, &x, finish, &mut Room::default(), &mut out);
                    for r in 0..rows {
                        let row = &x[r * inputs..(r + 1) * inputs];
                        let low = f64::from(row.iter().fold(0f32, |m, &v| m.min(v)));
                        let high = f64::from(row.iter().fold(0f32, |m, &v| m.max(v)));
                        let step = (high - low) / 254.0;
                        for o in 0..outputs {
                            let sum: f64 = (0..inputs)
                                .map(|i| match numbers {
                                    Numbers::F32 => {
                                        f64::from(row[i]) * f64::from(weights[o * inputs + i])
                                    }
                                    Numbers::Int8 => {
                                        let x = (f64::from(row[i]) / step).round() * step;
                                        let w = f64::from(ints[o * inputs + i] as i8);
                                        x * w * f64::from(scales[o])
                                    }
                                })
                                .sum();
                            let at = r * outputs + o;
                            let expected =
                                finished(finish, sum + f64::from(biases[o]), f64::from(before[at]));
                            let got = f64::from(out[at]);
                            // A value between two integers may be rounded to either.
                            let tolerance = match (numbers, finish) {
                                (Numbers::Int8, _) => 0.002 + step,
                                (_, Finish::GeluCoarse) => 2e-4,
                                _ => 2e-5 * (1.0 + expected.abs()),
                            };
                            assert!(
                                (got - expected).abs() <= tolerance,
                                "{level:?} {numbers:?} {finish:?} {rows}x{inputs}x{outputs} \
                                 at {r},{o}: {got}, not {expected}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn rows_with_a_value_far_out_are_refined_to_float_precision() {
    let (rows, inputs, outputs) = (21, 384, 35);
    let mut x = noise(rows * inputs, 1);
    for r in [0, 3, 20] {
        x[r * inputs + 7 * r] = 30.0;
    }
    let weights = noise(outputs * inputs, 2);
    let biases = noise(outputs, 3);
    let (ints, scales) = crate::model::weights::quantize_rows(&weights, inputs);
    for level in levels() {
        let linear = Linear::Int8(int8::Matrix::pack(level, &ints, &scales, &biases));
        let (mut out, mut room) = (vec![0.0; rows * outputs], Room::default());
        // In two blocks, of which the rows that lie far out are settled together.
        let (first, second) = x.split_at(10 * inputs);
        let (out_first, out_second) = out.split_at_mut(10 * outputs);
        linear.apply_keeping(level, (first, 0), Finish::Store, &mut room, out_first);
        linear.apply_keeping(level, (second, 10), Finish::Store, &mut room, out_second);
        let before = out.clone();
        linear.settle(level, &mut room, &mut out);
        for r in 0..rows {
            let of = |out: &[f32]| {
                (0..outputs).fold(0f64, |worst, o| {
                    let sum: f64 = (0..inputs)
                        .map(|i| {
                            let w = f64::from(ints[o * inputs + i] as i8) * f64::from(scales[o]);
                            f64::from(x[r * inputs + i]) * w
                        })
                        .sum();
                    let got = f64::from(out[r * outputs + o]);
                    worst.max((got - sum - f64::from(biases[o])).abs())
                })
            };
            if [0, 3, 20].contains(&r) {
                assert!(of(&before) > 0.1 && of(&out) < 0.01, "{level:?} {r}: {}", of(&out));
            } else {
                assert_eq!(before[r * outputs..][..outputs], out[r * outputs..][..outputs]);
            }
        }
    }
}

#[test]
fn integer_sums_are_exact_at_the_ends_of_the_range() {
    // All products have the largest size and one sign: what saturates would show here.
    let (rows, inputs, outputs) = (7, 1536, 34);
    let x = vec![-1.0f32; rows * inputs];
    let ints = vec![127u8; outputs * inputs];
    let (scales, biases) = (vec![1.0; outputs], vec![0.0; outputs]);
    for level in levels() {
        let matrix = int8::Matrix::pack(level, &ints, &scales, &biases);
        let mut out = vec![0.0; rows * outputs];
        let mut room = Room::default();
        Linear::Int8(matrix).apply(level, &x, Finish::Store, &mut room, &mut out);
        let expected = -(inputs as f32) * 127.0;
        assert!(out.iter().all(|x| (x / expected - 1.0).abs() < 1e-6), "{level:?} {}", out[0]);
    }
}

#[test]
fn attention_matches_the_definition() {
    for (heads, width, lengths) in [
        (2, 8, vec![1, 5, 0, 17]),
        (3, 24, vec![9, 66]),
        (12, 32, vec![34, 130, 1]),
        (1, 80, vec![33]),
    ] {
        let hidden = heads * width;
        let tokens: usize = lengths.iter().sum();
        let qkv = noise(tokens * 3 * hidden, 7);
        let mut sequences = Vec::new();
        let mut at = 0;
        for n in &lengths {
            sequences.push(at..at + n);
            at += n;
        }
        let table: Vec<f32> = noise(32 * heads, 8).iter().map(|x| 2.0 * x).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let distances = Distances::new(&table, heads, longest);
        let plain = levels().into_iter().map(|level| (level, None));
        let biased = levels().into_iter().map(|level| (level, Some(&distances)));
        for (level, distances) in plain.chain(biased) {
            let mut out = vec![9.0; tokens * hidden];
            let shape = Shape { heads, hidden };
            attention(level, shape, &qkv, distances, &sequences, &mut Heads::default(), &mut out);
            let bias = |i: usize, j: usize, head: usize| {
                let bucket = bucket(j as i64 - i as i64);
                distances.map_or(0.0, |_| f64::from(table[bucket * heads + head]))
            };
            for range in &sequences {
                for i in range.clone() {
                    for head in 0..heads {
                        let of = |token: usize, part: usize, c: usize| {
                            f64::from(qkv[token * 3 * hidden + part * hidden + head * width + c])
                        };
                        let scores: Vec<f64> = range
                            .clone()
                            .map(|j| {
                                let score: f64 =
                                    (0..width).map(|c| of(i, 0, c) * of(j, 1, c)).sum();
                                score.exp2() * bias(i, j, head).exp()
                            })
                            .collect();
                        let total: f64 = scores.iter().sum();
                        for c in 0..width {
                            let expected: f64 = range
                                .clone()
                                .zip(&scores)
                                .map(|(j, s)| s / total * of(j, 2, c))
                                .sum();
                            let got = f64::from(out[i * hidden + head * width + c]);
                            assert!((got - expected).abs() < 1e-5, "{level:?} {got} {expected}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn norms_give_mean_and_variance_whatever_the_width() {
    for n in [1, 7, 32, 45, 384] {
        let norm = Norm { weight: vec![2.0; n], offset: vec![0.5; n], eps: 1e-5 };
        let x = noise(3 * n, 3);
        for level in levels() {
            let mut out = x.clone();
            norm.apply(level, &mut out);
            for (row, out) in x.chunks(n).zip(out.chunks(n)) {
                let mean = row.iter().sum::<f32>() / n as f32;
                let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / n as f32;
                for (x, out) in row.iter().zip(out) {
                    let expected = (x - mean) / (variance + 1e-5).sqrt() * 2.0 + 0.5;
                    assert!((out - expected).abs() < 1e-4, "{level:?} {n}: {out} {expected}");
                }
            }
        }
    }
}
