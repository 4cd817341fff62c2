//! Functions of whole vectors, and what happens to a product before it is stored.

use std::ops::Range;

use pulp::Simd;

use crate::model::Activation;

/// `2ˣ` for x ≤ 126 within 2 units in the last place; 2⁻¹²⁶ below that.
#[inline(always)]
pub(super) fn exp2<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    // Minimax polynomial of 2^f for |f| ≤ ½, relative error 7.5e-8.
    const P: [f32; 6] =
        [1.000_000_1, 0.693_146_97, 0.240_221_2, 0.055_507_133, 0.009_675_541, 0.001_327_646_5];
    // Adding 1.5·2²³ rounds to an integer and leaves it in the low mantissa bits.
    let magic = s.splat_f32s(12_582_912.0);
    let x = s.max_f32s(x, s.splat_f32s(-126.0));
    let shifted = s.add_f32s(x, magic);
    let f = s.sub_f32s(x, s.sub_f32s(shifted, magic));
    let mut p = s.splat_f32s(P[5]);
    for &c in P[..5].iter().rev() {
        p = s.mul_add_e_f32s(p, f, s.splat_f32s(c));
    }
    let exponent = s.wrapping_dyn_shl_u32s(s.transmute_u32s_f32s(shifted), s.splat_u32s(23));
    s.transmute_f32s_u32s(s.add_u32s(s.transmute_u32s_f32s(p), exponent))
}

/// `eˣ`, not above about 10³⁷.
#[inline(always)]
fn exp<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    let x = s.mul_f32s(x, s.splat_f32s(std::f32::consts::LOG2_E));
    exp2(s, s.min_f32s(x, s.splat_f32s(125.0)))
}

/// `x · Φ(x)`, with Φ within 1e-7 (Abramowitz and Stegun 7.1.26).
#[inline(always)]
fn gelu<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    const P: [f32; 5] = [0.127_414_8, -0.142_248_37, 0.710_706_9, -0.726_576_01, 0.530_702_7];
    let one = s.splat_f32s(1.0);
    let a = s.abs_f32s(x);
    let e = exp(s, s.mul_f32s(s.mul_f32s(x, x), s.splat_f32s(-0.5)));
    let t = s.div_f32s(one, s.mul_add_e_f32s(a, s.splat_f32s(0.231_641_9), one));
    let mut p = s.splat_f32s(P[4]);
    for &c in P[..4].iter().rev() {
        p = s.mul_add_e_f32s(p, t, s.splat_f32s(c));
    }
    let tail = s.mul_f32s(s.mul_f32s(p, t), e);
    let is_negative = s.less_than_f32s(x, s.splat_f32s(0.0));
    s.mul_f32s(x, s.select_f32s(is_negative, tail, s.sub_f32s(one, tail)))
}

/// `x · Φ(x)` within 1.4e-4: a polynomial for |x| < 4, exact 0 or x beyond. The rounding to int8
/// that follows is a hundred times coarser.
#[inline(always)]
fn gelu_coarse<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    // (Φ(x) − ½) / x as a polynomial in x², least maximum error of x·Φ(x), exact at ±4.
    const P: [f32; 8] = [
        0.398_198_25,
        -0.065_081_865,
        0.009_049_066,
        -8.851_285e-4,
        5.771_088e-5,
        -2.333_067_4e-6,
        5.141_350_4e-8,
        -4.518_03e-10,
    ];
    let c = s.max_f32s(s.min_f32s(x, s.splat_f32s(4.0)), s.splat_f32s(-4.0));
    let y = s.mul_f32s(c, c);
    let mut p = s.splat_f32s(P[7]);
    for &k in P[..7].iter().rev() {
        p = s.mul_add_e_f32s(p, y, s.splat_f32s(k));
    }
    s.mul_f32s(x, s.mul_add_e_f32s(p, c, s.splat_f32s(0.5)))
}

/// The tanh approximation of GELU.
#[inline(always)]
fn gelu_tanh<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    // ½(1 + tanh(u/2)) is the logistic function of u = 2√(2/π)(x + 0.044715x³).
    let inner = s.mul_add_e_f32s(
        s.mul_f32s(x, x),
        s.splat_f32s(-2.0 * 0.797_884_6 * 0.044_715),
        s.splat_f32s(-2.0 * 0.797_884_6),
    );
    let one = s.splat_f32s(1.0);
    s.div_f32s(x, s.add_f32s(one, exp(s, s.mul_f32s(inner, x))))
}

/// What happens to sums before they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// Nothing.
    Store,
    /// They are added to what is there: the residual connection.
    Add,
    /// GELU within 1e-6.
    Gelu,
    /// GELU within 1.4e-4.
    GeluCoarse,
    /// GELU's tanh approximation.
    GeluTanh,
    /// `ReLU`.
    Relu,
}

impl Finish {
    /// For an activation; `is_coarse` when the result is rounded to int8 anyway.
    pub(super) fn of(activation: Activation, is_coarse: bool) -> Self {
        match activation {
            Activation::Gelu if is_coarse => Self::GeluCoarse,
            Activation::Gelu => Self::Gelu,
            Activation::GeluTanh => Self::GeluTanh,
            Activation::Relu => Self::Relu,
        }
    }

    /// Finishes the sums of a tile of `R` rows and `V` vectors into their place.
    // Decided here and not for each vector: the loops have no branch. No closures: they would not
    // be compiled for the instructions of the kernel.
    #[inline(always)]
    pub(super) fn tile<S: Simd, const V: usize, const R: usize>(
        self,
        s: S,
        sums: &[[S::f32s; V]; R],
        place: Place<'_>,
    ) {
        match self {
            Self::Store => place.fill(s, sums, tail::Store),
            Self::Add => place.fill(s, sums, tail::Add),
            Self::Gelu => place.fill(s, sums, tail::Gelu),
            Self::GeluCoarse => place.fill(s, sums, tail::GeluCoarse),
            Self::GeluTanh => place.fill(s, sums, tail::GeluTanh),
            Self::Relu => place.fill(s, sums, tail::Relu),
        }
    }
}

/// Where a tile's results go.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The tile's rows, whole; there may be fewer than the tile has.
    pub(super) rows: &'a mut [f32],
    /// Length of a row.
    pub(super) length: usize,
    /// The tile's columns; at the right edge of the matrix fewer than it has.
    pub(super) columns: Range<usize>,
}

impl Place<'_> {
    #[inline(always)]
    fn fill<S: Simd, T: Tail, const V: usize, const R: usize>(
        self,
        s: S,
        sums: &[[S::f32s; V]; R],
        tail: T,
    ) {
        for (row, sums) in self.rows.chunks_mut(self.length).zip(sums) {
            let row = &mut row[self.columns.clone()];
            let (vectors, _) = S::as_mut_simd_f32s(row);
            if let Some(vectors) = vectors.first_chunk_mut::<V>() {
                for (out, &x) in vectors.iter_mut().zip(sums) {
                    *out = tail.apply(s, x, *out);
                }
            } else {
                for (out, &x) in row.chunks_mut(S::F32_LANES).zip(sums) {
                    let x = tail.apply(s, x, s.partial_load_f32s(out));
                    s.partial_store_f32s(out, x);
                }
            }
        }
    }
}

/// One way to finish: what is stored of a sum and what is in its place.
trait Tail: Copy {
    fn apply<S: Simd>(self, s: S, x: S::f32s, before: S::f32s) -> S::f32s;
}

mod tail {
    use pulp::Simd;

    use super::{Tail, gelu, gelu_coarse, gelu_tanh};

    macro_rules! tail {
        ($name:ident, |$s:ident, $x:ident, $before:ident| $value:expr) => {
            #[derive(Clone, Copy)]
            pub(super) struct $name;

            impl Tail for $name {
                #[inline(always)]
                fn apply<S: Simd>(self, $s: S, $x: S::f32s, $before: S::f32s) -> S::f32s {
                    $value
                }
            }
        };
    }

    tail!(Store, |_s, x, _before| x);
    tail!(Add, |s, x, before| s.add_f32s(x, before));
    tail!(Gelu, |s, x, _before| gelu(s, x));
    tail!(GeluCoarse, |s, x, _before| gelu_coarse(s, x));
    tail!(GeluTanh, |s, x, _before| gelu_tanh(s, x));
    tail!(Relu, |s, x, _before| s.max_f32s(x, s.splat_f32s(0.0)));
}

/// Least and largest value of a slice and zero, and the sum of its squares.
#[inline(always)]
pub(super) fn spread<S: Simd>(s: S, x: &[f32]) -> (f32, f32, f32) {
    let (vectors, rest) = S::as_simd_f32s(x);
    // In one pass: comparisons wait for each other longer than the sum takes beside them.
    let zero = s.splat_f32s(0.0);
    let (mut lows, mut highs, mut squares) = ([zero; 2], [zero; 2], [zero; 2]);
    let (blocks, singles) = vectors.as_chunks::<2>();
    for block in blocks {
        for i in 0..2 {
            lows[i] = s.min_f32s(lows[i], block[i]);
            highs[i] = s.max_f32s(highs[i], block[i]);
            squares[i] = s.mul_add_e_f32s(block[i], block[i], squares[i]);
        }
    }
    for &v in singles {
        lows[0] = s.min_f32s(lows[0], v);
        highs[0] = s.max_f32s(highs[0], v);
        squares[0] = s.mul_add_e_f32s(v, v, squares[0]);
    }
    let low = s.reduce_min_f32s(s.min_f32s(lows[0], lows[1]));
    let high = s.reduce_max_f32s(s.max_f32s(highs[0], highs[1]));
    let square = s.reduce_sum_f32s(s.add_f32s(squares[0], squares[1]));
    rest.iter().fold((low, high, square), |(low, high, square), &v| {
        (low.min(v), high.max(v), square + v * v)
    })
}

/// Sum of `vector` or `single` over a slice of whole vectors and a rest.
#[inline(always)]
pub(super) fn sum<S: Simd>(
    s: S,
    x: &[f32],
    vector: impl Fn(S::f32s) -> S::f32s,
    single: impl Fn(f32) -> f32,
) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(x);
    let mut sums = [s.splat_f32s(0.0); 4];
    let (blocks, singles) = vectors.as_chunks::<4>();
    for block in blocks {
        for (sum, &v) in sums.iter_mut().zip(block) {
            *sum = s.add_f32s(*sum, vector(v));
        }
    }
    for (sum, &v) in sums.iter_mut().zip(singles) {
        *sum = s.add_f32s(*sum, vector(v));
    }
    let [a, b, c, d] = sums;
    let total = s.reduce_sum_f32s(s.add_f32s(s.add_f32s(a, b), s.add_f32s(c, d)));
    total + rest.iter().map(|&v| single(v)).sum::<f32>()
}

/// Scalar product of two slices of one length.
#[inline(always)]
pub(super) fn dot<S: Simd>(s: S, a: &[f32], b: &[f32]) -> f32 {
    let (va, ra) = S::as_simd_f32s(a);
    let (vb, rb) = S::as_simd_f32s(b);
    let mut sums = [s.splat_f32s(0.0); 4];
    let (blocks_a, singles_a) = va.as_chunks::<4>();
    let (blocks_b, singles_b) = vb.as_chunks::<4>();
    for (a, b) in blocks_a.iter().zip(blocks_b) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum = s.mul_add_e_f32s(a, b, *sum);
        }
    }
    for ((sum, &a), &b) in sums.iter_mut().zip(singles_a).zip(singles_b) {
        *sum = s.mul_add_e_f32s(a, b, *sum);
    }
    let [w, x, y, z] = sums;
    let total = s.reduce_sum_f32s(s.add_f32s(s.add_f32s(w, x), s.add_f32s(y, z)));
    total + ra.iter().zip(rb).map(|(a, b)| a * b).sum::<f32>()
}
