//! Exponential, normal distribution and small products, in forms that compilers vectorise.

use pulp::Simd;

/// Width of the blocks that the loops work in; two AVX registers.
pub(super) const LANES: usize = 16;

/// `n` rounded up to whole blocks.
pub(super) fn padded(n: usize) -> usize {
    n.div_ceil(LANES) * LANES
}

/// `eˣ` within 2 units in the last place for −87 < x < 88; 0 below, about 10³⁸ above.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding 1.5·2²³ rounds to an integer and leaves it in the low mantissa bits.
    const MAGIC: f32 = 12_582_912.0;
    let clamped = if x > 88.0 { 88.0 } else { x };
    let clamped = if clamped < -87.0 { -87.0 } else { clamped };
    let shifted = clamped * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    // ln 2 in two parts, so that the product with n is exact in the first.
    let r = clamped - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4f32;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 5e-1;
    let e = p * r * r + r + 1.0;
    let scale = f32::from_bits(shifted.to_bits().wrapping_sub(0x4B40_0000 - 127) << 23);
    // NaN compares false and so passes through `e`.
    if x < -87.0 { 0.0 } else { e * scale }
}

/// `Φ(x)` of the standard normal distribution (error below 1e-7) and `e^(−x²/2)`.
#[inline(always)]
pub(super) fn normal(x: f32) -> (f32, f32) {
    let a = x.abs();
    let e = exp(-0.5 * x * x);
    // Abramowitz and Stegun 7.1.26 for erfc at |x|/√2.
    let t = 1.0 / (1.0 + 0.231_641_9 * a);
    let poly = t
        * (0.127_414_8
            + t * (-0.142_248_37 + t * (0.710_706_9 + t * (-0.726_576_01 + t * 0.530_702_7))));
    let tail = poly * e;
    (if x < 0.0 { tail } else { 1.0 - tail }, e)
}

/// Sum over a slice in a fixed order of [`LANES`] partial sums.
#[inline(always)]
pub(super) fn sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (lane, &v) in lanes.iter_mut().zip(block) {
            *lane += f(v);
        }
    }
    fold(lanes) + rest.iter().map(|&v| f(v)).sum::<f32>()
}

/// Sum over pairs in the same fixed order.
#[inline(always)]
pub(super) fn sum2(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (blocks_a, rest_a) = a.as_chunks::<LANES>();
    let (blocks_b, rest_b) = b.as_chunks::<LANES>();
    for (block_a, block_b) in blocks_a.iter().zip(blocks_b) {
        for ((lane, &x), &y) in lanes.iter_mut().zip(block_a).zip(block_b) {
            *lane += f(x, y);
        }
    }
    fold(lanes) + rest_a.iter().zip(rest_b).map(|(&x, &y)| f(x, y)).sum::<f32>()
}

#[inline(always)]
fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut n = LANES / 2;
    while n > 0 {
        for i in 0..n {
            lanes[i] += lanes[i + n];
        }
        n /= 2;
    }
    lanes[0]
}

/// The left factor of a product, [m, k].
#[derive(Clone, Copy)]
pub(super) enum Left<'a> {
    /// Row-major, rows this far apart.
    Rows(&'a [f32], usize),
    /// Column-major, columns this far apart, which is m rounded up as [`padded`] does or more.
    Columns(&'a [f32], usize),
}

/// Rows of a product that are summed at a time: enough that no sum waits for itself.
const ROWS: usize = LANES / 2;

/// `c = alpha · a · b` with `a` of [m, k], `b` of [k, n] and `c` of [m, n] both row-major, n a
/// multiple of [`LANES`].
#[inline(always)]
pub(super) fn product<S: Simd>(
    s: S,
    c: &mut [f32],
    a: Left<'_>,
    (b, k, n): (&[f32], usize, usize),
    alpha: f32,
) {
    let width = n / S::F32_LANES;
    let (b, _) = S::as_simd_f32s(&b[..k * n]);
    let alpha = s.splat_f32s(alpha);
    let starts = (0..).step_by(ROWS);
    for (first, rows) in starts.zip(c.chunks_mut((ROWS * n).max(1))) {
        let count = rows.len() / n;
        for j in 0..width {
            let column = b[j..].iter().step_by(width);
            let mut sums = [s.splat_f32s(0.0); ROWS];
            let mut add = |factors: [f32; ROWS], &y: &S::f32s| {
                for (sum, factor) in sums.iter_mut().zip(factors) {
                    *sum = s.mul_add_e_f32s(s.splat_f32s(factor), y, *sum);
                }
            };
            match a {
                Left::Rows(data, stride) => {
                    // Rows past the end repeat the last one; their sums are not stored.
                    let row = |r: usize| &data[(first + r.min(count - 1)) * stride..][..k];
                    let rows: [&[f32]; ROWS] = std::array::from_fn(row);
                    for (x, y) in (0..k).zip(column) {
                        add(rows.map(|row| row[x]), y);
                    }
                }
                Left::Columns(data, stride) => {
                    for (x, y) in data.chunks_exact(stride).zip(column) {
                        add(*x[first..].first_chunk().unwrap_or(&[0.0; ROWS]), y);
                    }
                }
            }
            for (row, sum) in rows.chunks_exact_mut(n).zip(sums) {
                S::as_mut_simd_f32s(row).0[j] = s.mul_f32s(alpha, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_follows_f64() {
        let mut x = -86.9f64;
        while x < 87.9 {
            let got = f64::from(exp(x as f32));
            let expected = f64::from(x as f32).exp();
            assert!((got / expected - 1.0).abs() < 4e-7, "exp({x}) = {got}, not {expected}");
            x += 0.0137;
        }
        assert!(exp(f32::NEG_INFINITY) == 0.0 && exp(-1e9) == 0.0);
        assert!((exp(0.0) - 1.0).abs() < 1e-9);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn the_normal_distribution_is_symmetric_and_known() {
        for (x, expected) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_543),
            (-1.0, 0.158_655_253_931_457),
            (1.96, 0.975_002_104_851_780),
            (-3.0, 0.001_349_898_031_630),
            (5.0, 0.999_999_713_348_428),
        ] {
            let got = f64::from(normal(x).0);
            assert!((got - expected).abs() < 1.5e-7, "Φ({x}) = {got}, not {expected}");
        }
    }

    /// Products of either form of the left factor on this machine's instructions.
    struct Both<'a> {
        c: [&'a mut [f32]; 2],
        a: [Left<'a>; 2],
        b: (&'a [f32], usize, usize),
    }

    impl pulp::WithSimd for Both<'_> {
        type Output = ();

        fn with_simd<S: Simd>(self, s: S) {
            for (c, a) in self.c.into_iter().zip(self.a) {
                product(s, c, a, self.b, 0.5);
            }
        }
    }

    #[test]
    fn products_match_the_definition() {
        for (m, k, n) in [(6, 5, 32), (1, 1, 16), (8, 3, 16), (19, 40, 48)] {
            let width = padded(m);
            let a: Vec<f32> = (0..m * k).map(|i| (i % 17) as f32 * 0.1 - 1.0).collect();
            let mut turned = vec![7.0; k * width];
            for (i, x) in a.iter().enumerate() {
                turned[i % k * width + i / k] = *x;
            }
            let b: Vec<f32> = (0..k * n).map(|i| (i % 13) as f32 - 6.0).collect();
            let (mut by_rows, mut by_columns) = (vec![9.0; m * n], vec![9.0; m * n]);
            let c = [&mut by_rows[..], &mut by_columns[..]];
            let a_forms = [Left::Rows(&a, k), Left::Columns(&turned, width)];
            pulp::Arch::new().dispatch(Both { c, a: a_forms, b: (&b, k, n) });
            for i in 0..m {
                for j in 0..n {
                    let expected: f32 = (0..k).map(|x| 0.5 * a[i * k + x] * b[x * n + j]).sum();
                    assert!((by_rows[i * n + j] - expected).abs() < 1e-4, "{m}x{k}x{n}");
                    assert_eq!(by_rows[i * n + j], by_columns[i * n + j], "{m}x{k}x{n}");
                }
            }
        }
    }
}
