//! Multi-head attention over packed sequences, with its bias, softmax and dropout.
//!
//! Each sequence attends to itself only, so nothing is padded and no mask is needed. The backward
//! pass computes the probabilities again instead of keeping them.

use std::sync::Arc as Shared;

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};

use super::math::{Left, exp, padded, product, sum, sum2};
use super::{Mask, floats, relative, rows, with_floats};

const NAME: &str = "attention";

/// Where the sequences of a packed batch begin and end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequences {
    ends: Shared<[u32]>,
    longest: usize,
}

impl Sequences {
    /// Takes cumulative lengths: one more than there are sequences, from 0, never falling.
    ///
    /// # Errors
    /// When they are not that.
    pub fn new(cu_seqlens: &[u32]) -> Result<Self> {
        if cu_seqlens.first() != Some(&0) || !cu_seqlens.is_sorted() {
            bail!("{NAME}: cumulative lengths must begin with 0 and not fall");
        }
        let longest = cu_seqlens.windows(2).map(|w| (w[1] - w[0]) as usize).max().unwrap_or(0);
        Ok(Self { ends: cu_seqlens.into(), longest })
    }

    /// Number of tokens over all sequences.
    pub fn tokens(&self) -> usize {
        self.ends.last().map_or(0, |&e| e as usize)
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.ends.len().saturating_sub(1)
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Token ranges of the sequences.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = std::ops::Range<usize>> + '_ {
        self.ends.windows(2).map(|w| w[0] as usize..w[1] as usize)
    }
}

/// Attention of `heads` heads: `qkv` is [tokens, 3·hidden] of queries, keys and values side by
/// side, `bias` is [3·hidden]; the result is [tokens, hidden].
///
/// With `relative`, [buckets, heads], every score gets that head's bias for the bucket of the
/// distance from query to key ([`relative::bucket`]), after it was scaled.
///
/// # Errors
/// When the shapes do not fit each other or the tensors are not contiguous floats on the CPU.
pub fn attention(
    qkv: &Tensor,
    bias: &Tensor,
    relative: Option<&Tensor>,
    sequences: &Sequences,
    heads: usize,
    dropout: Option<Mask>,
) -> Result<Tensor> {
    let op = Attention { sequences: sequences.clone(), heads, dropout };
    match relative {
        None => qkv.apply_op2(bias, op),
        Some(table) => qkv.apply_op3(bias, table, op),
    }
}

/// Gradients of [`attention`].
#[derive(Debug)]
pub struct AttentionGrads {
    /// For `qkv`, [tokens, 3·hidden].
    pub qkv: Tensor,
    /// For `bias`, [3·hidden].
    pub bias: Tensor,
    /// For `relative`, [buckets, heads], where there is one: summed over sequences.
    pub relative: Option<Tensor>,
}

/// Gradients of [`attention`] from that of its result.
///
/// # Errors
/// As [`attention`].
pub fn attention_backward(
    qkv: &Tensor,
    bias: &Tensor,
    relative: Option<&Tensor>,
    sequences: &Sequences,
    heads: usize,
    dropout: Option<Mask>,
    grad: &Tensor,
) -> Result<AttentionGrads> {
    let width = bias.elem_count();
    let op = Attention { sequences: sequences.clone(), heads, dropout };
    let hidden = op.check(qkv.dims(), width)?;
    if grad.dims() != [sequences.tokens(), hidden] {
        bail!("{NAME}: gradient of shape {:?}", grad.dims());
    }
    let lines = match relative {
        None => None,
        Some(table) => Some(with_floats(NAME, [table], |[t]| op.lines(t, table.dims()))?),
    };
    let (dqkv, db, dlines) = with_floats(NAME, [qkv, bias, grad], |[qkv, bias, grad]| {
        let mut dqkv = vec![0f32; qkv.len()];
        let mut db = vec![0f32; width];
        let mut dlines = lines.as_ref().map(|lines| vec![0f32; lines.len()]);
        Arch::new().dispatch(Backward {
            op: &op,
            inputs: [qkv, bias, grad],
            lines: lines.as_deref(),
            work: Work::new(&op, hidden),
            dqkv: &mut dqkv,
            dlines: dlines.as_deref_mut(),
        });
        for row in dqkv.chunks_exact(width) {
            for (db, &d) in db.iter_mut().zip(row) {
                *db += d;
            }
        }
        Ok((dqkv, db, dlines))
    })?;
    let device = qkv.device();
    let relative = match (relative, dlines) {
        (Some(table), Some(grad)) => {
            let dtable = relative::lines_backward(&grad, table.dim(0)?, heads);
            Some(Tensor::from_vec(dtable, table.dims(), device)?)
        }
        _ => None,
    };
    Ok(AttentionGrads {
        qkv: Tensor::from_vec(dqkv, qkv.dims(), device)?,
        bias: Tensor::from_vec(db, bias.dims(), device)?,
        relative,
    })
}

struct Attention {
    sequences: Sequences,
    heads: usize,
    dropout: Option<Mask>,
}

impl Attention {
    /// Checks the shapes and gives the hidden size.
    fn check(&self, dims: &[usize], width: usize) -> Result<usize> {
        let t = rows(NAME, dims, width)?;
        let hidden = width / 3;
        if self.heads == 0
            || !width.is_multiple_of(3)
            || !hidden.is_multiple_of(self.heads)
            || t != self.sequences.tokens()
        {
            bail!(
                "{NAME}: {dims:?} does not hold {} tokens of {} heads",
                self.sequences.tokens(),
                self.heads
            );
        }
        Ok(hidden)
    }

    /// What is computed apart: a sequence's tokens, a head, and the dropout of its probabilities.
    fn parts(&self) -> impl Iterator<Item = (std::ops::Range<usize>, usize, Option<Mask>)> + '_ {
        let sequences = self.sequences.ranges().enumerate().filter(|(_, r)| !r.is_empty());
        sequences.flat_map(move |(sequence, range)| {
            (0..self.heads).map(move |head| {
                let mask = self.dropout.map(|m| m.part((sequence * self.heads + head) as u64));
                (range.clone(), head, mask)
            })
        })
    }

    /// All heads' biases by distance, from a table of `dims`.
    fn lines(&self, table: &[f32], dims: &[usize]) -> Result<Vec<f32>> {
        if rows(NAME, dims, self.heads)? < relative::BUCKETS {
            bail!("{NAME}: a table of {dims:?} has fewer than {} buckets", relative::BUCKETS);
        }
        Ok(relative::lines(table, self.heads, self.sequences.longest))
    }

    /// Those of one head.
    fn line<'a>(&self, lines: &'a [f32], head: usize) -> &'a [f32] {
        let width = lines.len() / self.heads;
        &lines[head * width..(head + 1) * width]
    }

    fn line_mut<'a>(&self, lines: &'a mut [f32], head: usize) -> &'a mut [f32] {
        let width = lines.len() / self.heads;
        &mut lines[head * width..(head + 1) * width]
    }

    fn forward(
        &self,
        (qkv, qkv_layout): (&CpuStorage, &Layout),
        (bias, bias_layout): (&CpuStorage, &Layout),
        lines: Option<&[f32]>,
    ) -> Result<(CpuStorage, Shape)> {
        let bias = floats(bias, bias_layout, NAME)?;
        let hidden = self.check(qkv_layout.dims(), bias.len())?;
        let qkv = floats(qkv, qkv_layout, NAME)?;
        let tokens = self.sequences.tokens();
        let mut out = vec![0f32; tokens * hidden];
        let work = Work::new(self, hidden);
        Arch::new().dispatch(Forward { op: self, inputs: [qkv, bias], lines, work, out: &mut out });
        Ok((CpuStorage::F32(out), (tokens, hidden).into()))
    }
}

impl CustomOp2 for Attention {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        qkv_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward((qkv, qkv_layout), (bias, bias_layout), None)
    }

    fn bwd(
        &self,
        qkv: &Tensor,
        bias: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grads =
            attention_backward(qkv, bias, None, &self.sequences, self.heads, self.dropout, grad)?;
        Ok((Some(grads.qkv), Some(grads.bias)))
    }
}

/// With the table of biases by distance as third.
impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        qkv_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
        table: &CpuStorage,
        table_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let lines = self.lines(floats(table, table_layout, NAME)?, table_layout.dims())?;
        self.forward((qkv, qkv_layout), (bias, bias_layout), Some(&lines))
    }

    fn bwd(
        &self,
        qkv: &Tensor,
        bias: &Tensor,
        table: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let table = Some(table);
        let grads =
            attention_backward(qkv, bias, table, &self.sequences, self.heads, self.dropout, grad)?;
        Ok((Some(grads.qkv), Some(grads.bias), grads.relative))
    }
}

/// The forward pass on one set of instructions.
struct Forward<'a> {
    op: &'a Attention,
    /// `qkv` and its bias.
    inputs: [&'a [f32]; 2],
    lines: Option<&'a [f32]>,
    work: Work,
    out: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { op, inputs: [qkv, bias], lines, mut work, out } = self;
        for (range, head, mask) in op.parts() {
            work.load(qkv, bias, range.clone(), head);
            work.probabilities(s, lines.map(|lines| op.line(lines, head)));
            if let Some(mask) = mask {
                work.drop(mask);
            }
            work.output(s, out, range.start, head);
        }
    }
}

/// The backward pass on one set of instructions.
struct Backward<'a> {
    op: &'a Attention,
    /// `qkv`, its bias and the gradient of the result.
    inputs: [&'a [f32]; 3],
    lines: Option<&'a [f32]>,
    work: Work,
    dqkv: &'a mut [f32],
    dlines: Option<&'a mut [f32]>,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { op, inputs: [qkv, bias, grad], lines, mut work, dqkv, mut dlines } = self;
        for (range, head, mask) in op.parts() {
            work.load(qkv, bias, range.clone(), head);
            let line = lines.map(|lines| op.line(lines, head));
            work.backward(s, grad, dqkv, (range.start, head), line, mask);
            if let Some(dlines) = &mut dlines {
                work.add_line(op.line_mut(dlines, head));
            }
        }
    }
}

/// Scratch space for one sequence and head; rows are padded to whole blocks with zeros.
struct Work {
    hidden: usize,
    /// Width of a head, and that width in whole blocks.
    d: usize,
    dp: usize,
    /// Tokens of the sequence, and that number in whole blocks.
    n: usize,
    np: usize,
    scale: f32,
    /// [n, dp] each.
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    /// [d, np].
    turned: Vec<f32>,
    /// [n, np] each.
    p: Vec<f32>,
    dropped: Vec<f32>,
    ds: Vec<f32>,
    /// [n, dp] each.
    out: Vec<f32>,
    dout: Vec<f32>,
}

impl Work {
    fn new(op: &Attention, hidden: usize) -> Self {
        let d = hidden / op.heads.max(1);
        let (dp, longest) = (padded(d), op.sequences.longest);
        let np = padded(longest);
        let rows = || vec![0f32; longest * dp];
        let square = || vec![0f32; longest * np];
        Self {
            hidden,
            d,
            dp,
            n: 0,
            np: 0,
            scale: 1.0 / (d as f32).sqrt(),
            q: rows(),
            k: rows(),
            v: rows(),
            turned: vec![0f32; d * np],
            p: square(),
            dropped: square(),
            ds: square(),
            out: rows(),
            dout: rows(),
        }
    }

    /// Copies a head's queries, keys and values, bias added.
    #[inline(always)]
    fn load(&mut self, qkv: &[f32], bias: &[f32], range: std::ops::Range<usize>, head: usize) {
        let (h, d, dp) = (self.hidden, self.d, self.dp);
        self.n = range.len();
        self.np = padded(self.n);
        for (part, target) in [&mut self.q, &mut self.k, &mut self.v].into_iter().enumerate() {
            let column = part * h + head * d;
            let bias = &bias[column..column + d];
            for (i, row) in target.chunks_exact_mut(dp).take(self.n).enumerate() {
                let at = (range.start + i) * 3 * h + column;
                for ((out, &x), &b) in row.iter_mut().zip(&qkv[at..at + d]).zip(bias) {
                    *out = x + b;
                }
            }
        }
    }

    /// Transposes [n, dp] to [d, np] into `turned`, zeros behind.
    #[inline(always)]
    fn turn(turned: &mut [f32], x: &[f32], (n, np, d, dp): (usize, usize, usize, usize)) {
        for (c, row) in turned.chunks_exact_mut(np).take(d).enumerate() {
            for (j, out) in row.iter_mut().enumerate() {
                *out = if j < n { x[j * dp + c] } else { 0.0 };
            }
        }
    }

    /// Softmax of the scaled scores, with the biases by distance of `line`, into `p`; zeros in the
    /// padding.
    #[inline(always)]
    fn probabilities<S: Simd>(&mut self, s: S, line: Option<&[f32]>) {
        let (n, np, d, dp) = (self.n, self.np, self.d, self.dp);
        Self::turn(&mut self.turned, &self.k, (n, np, d, dp));
        let queries = Left::Rows(&self.q, dp);
        product(s, &mut self.p[..n * np], queries, (&self.turned, d, np), self.scale);
        if let Some(line) = line {
            for (i, row) in self.p[..n * np].chunks_exact_mut(np).enumerate() {
                for (x, &bias) in row.iter_mut().zip(&line[stretch(line, i, n)]) {
                    *x += bias;
                }
            }
        }
        for row in self.p[..n * np].chunks_exact_mut(np) {
            let (row, rest) = row.split_at_mut(n);
            let mut peak = f32::NEG_INFINITY;
            for &x in row.iter() {
                peak = if x > peak { x } else { peak };
            }
            for x in row.iter_mut() {
                *x = exp(*x - peak);
            }
            let factor = 1.0 / sum(row, |x| x);
            for x in row.iter_mut() {
                *x *= factor;
            }
            rest.fill(0.0);
        }
    }

    /// Applies dropout to `p` in place.
    #[inline(always)]
    fn drop(&mut self, mask: Mask) {
        for (i, p) in self.p[..self.n * self.np].iter_mut().enumerate() {
            *p *= mask.factor(i as u32);
        }
    }

    /// Writes `p · v` to its columns of the output.
    #[inline(always)]
    fn output<S: Simd>(&mut self, s: S, out: &mut [f32], start: usize, head: usize) {
        let (n, np, d, dp, h) = (self.n, self.np, self.d, self.dp, self.hidden);
        let p = Left::Rows(&self.p, np);
        product(s, &mut self.out[..n * dp], p, (&self.v, n, dp), 1.0);
        for (i, row) in self.out.chunks_exact(dp).take(n).enumerate() {
            let at = (start + i) * h + head * d;
            out[at..at + d].copy_from_slice(&row[..d]);
        }
    }

    /// Gradients of one head into its columns of `dqkv`.
    #[inline(always)]
    fn backward<S: Simd>(
        &mut self,
        s: S,
        grad: &[f32],
        dqkv: &mut [f32],
        (start, head): (usize, usize),
        line: Option<&[f32]>,
        mask: Option<Mask>,
    ) {
        let (n, np, d, dp, h) = (self.n, self.np, self.d, self.dp, self.hidden);
        self.probabilities(s, line);
        for (i, row) in self.dout.chunks_exact_mut(dp).take(n).enumerate() {
            let at = (start + i) * h + head * d;
            row[..d].copy_from_slice(&grad[at..at + d]);
        }
        // ds first holds the gradient of the dropped probabilities.
        Self::turn(&mut self.turned, &self.v, (n, np, d, dp));
        let dout = Left::Rows(&self.dout, dp);
        product(s, &mut self.ds[..n * np], dout, (&self.turned, d, np), 1.0);
        self.dropped[..n * np].copy_from_slice(&self.p[..n * np]);
        if let Some(mask) = mask {
            let dropped = &mut self.dropped[..n * np];
            for (i, (p, ds)) in dropped.iter_mut().zip(&mut self.ds[..n * np]).enumerate() {
                let factor = mask.factor(i as u32);
                *p *= factor;
                *ds *= factor;
            }
        }
        for (p, ds) in self.p.chunks_exact(np).zip(self.ds.chunks_exact_mut(np)).take(n) {
            let inner = sum2(p, ds, |p, ds| p * ds);
            for (ds, &p) in ds.iter_mut().zip(p) {
                *ds = p * (*ds - inner);
            }
        }
        let store = |rows: &[f32], part: usize, dqkv: &mut [f32]| {
            for (i, row) in rows.chunks_exact(dp).take(n).enumerate() {
                let at = (start + i) * 3 * h + part * h + head * d;
                dqkv[at..at + d].copy_from_slice(&row[..d]);
            }
        };
        let ds = Left::Rows(&self.ds, np);
        product(s, &mut self.out[..n * dp], ds, (&self.k, n, dp), self.scale);
        store(&self.out, 0, dqkv);
        let ds = Left::Columns(&self.ds, np);
        product(s, &mut self.out[..n * dp], ds, (&self.q, n, dp), self.scale);
        store(&self.out, 1, dqkv);
        let dropped = Left::Columns(&self.dropped, np);
        product(s, &mut self.out[..n * dp], dropped, (&self.dout, n, dp), 1.0);
        store(&self.out, 2, dqkv);
    }

    /// Adds the gradient of the scores, after [`Work::backward`], to that of the biases by distance.
    #[inline(always)]
    fn add_line(&self, grad: &mut [f32]) {
        let (n, np) = (self.n, self.np);
        for (i, row) in self.ds.chunks_exact(np).take(n).enumerate() {
            let own = stretch(grad, i, n);
            for (sum, &ds) in grad[own].iter_mut().zip(row) {
                *sum += ds;
            }
        }
    }
}

/// Where the biases of query `i` of a sequence of `n` tokens, key by key, are in a line.
#[inline(always)]
fn stretch(line: &[f32], i: usize, n: usize) -> std::ops::Range<usize> {
    let start = line.len() / 2 - i;
    start..start + n
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradients, tensor};
    use super::*;

    #[test]
    fn attention_matches_its_definition() {
        let (heads, d) = (2, 5);
        let h = heads * d;
        let sequences = Sequences::new(&[0, 3, 3, 20]).unwrap();
        let (qkv, bias) = (tensor(&[20, 3 * h], 1), tensor(&[3 * h], 2));
        let table = tensor(&[32, heads], 3);
        for relative in [None, Some(&table)] {
            attention_is(&qkv, &bias, relative, &sequences, heads);
        }
    }

    /// Compares with the same from Candle's operations.
    fn attention_is(
        qkv: &Tensor,
        bias: &Tensor,
        relative: Option<&Tensor>,
        sequences: &Sequences,
        heads: usize,
    ) {
        let h = bias.elem_count() / 3;
        let d = h / heads;
        let got = attention(qkv, bias, relative, sequences, heads, None).unwrap();
        let x = qkv.broadcast_add(bias).unwrap();
        for range in sequences.ranges().filter(|r| !r.is_empty()) {
            for head in 0..heads {
                let part = |p: usize| {
                    x.narrow(0, range.start, range.len())
                        .unwrap()
                        .narrow(1, p * h + head * d, d)
                        .unwrap()
                };
                let scores = part(0)
                    .contiguous()
                    .unwrap()
                    .matmul(&part(1).t().unwrap().contiguous().unwrap());
                let mut scores = (scores.unwrap() / (d as f64).sqrt()).unwrap();
                if let Some(table) = relative {
                    let table = table.to_vec2::<f32>().unwrap();
                    let n = range.len() as i64;
                    let biases = (0..n * n).map(|at| {
                        let distance = at % n - at / n;
                        table[relative::bucket(distance)][head]
                    });
                    let shape = (range.len(), range.len());
                    scores = (scores
                        + Tensor::from_vec(biases.collect(), shape, qkv.device()).unwrap())
                    .unwrap();
                }
                let p = candle_nn::ops::softmax(&scores, 1).unwrap();
                let expected = p.matmul(&part(2).contiguous().unwrap()).unwrap();
                let got = got
                    .narrow(0, range.start, range.len())
                    .unwrap()
                    .narrow(1, head * d, d)
                    .unwrap();
                let gap = (got - expected).unwrap().abs().unwrap().flatten_all().unwrap();
                assert!(gap.max(0).unwrap().to_scalar::<f32>().unwrap() < 2e-6);
            }
        }
    }

    #[test]
    fn gradients_are_right_with_and_without_dropout() {
        let sequences = Sequences::new(&[0, 2, 7]).unwrap();
        for dropout in [None, Some(Mask::new(3, 0.3))] {
            let inputs = [tensor(&[7, 18], 1), tensor(&[18], 2)];
            check_gradients(&inputs, |t| {
                attention(&t[0], &t[1], None, &sequences, 2, dropout).unwrap()
            });
            let [qkv, bias] = inputs;
            let inputs = [qkv, bias, tensor(&[32, 2], 3)];
            check_gradients(&inputs, |t| {
                attention(&t[0], &t[1], Some(&t[2]), &sequences, 2, dropout).unwrap()
            });
        }
    }

    #[test]
    fn wrong_shapes_are_errors() {
        assert!(Sequences::new(&[]).is_err() && Sequences::new(&[1]).is_err());
        assert!(Sequences::new(&[0, 3, 2]).is_err());
        let sequences = Sequences::new(&[0, 2]).unwrap();
        let bias = tensor(&[12], 1);
        for (qkv, heads) in [
            (tensor(&[3, 12], 1), 2),
            (tensor(&[2, 12], 1), 3),
            (tensor(&[2, 12], 1), 0),
            (tensor(&[2, 9], 1), 1),
        ] {
            assert!(attention(&qkv, &bias, None, &sequences, heads, None).is_err());
        }
        let qkv = tensor(&[2, 12], 1);
        for table in [tensor(&[32, 3], 1), tensor(&[31, 2], 1), tensor(&[64], 1)] {
            assert!(attention(&qkv, &bias, Some(&table), &sequences, 2, None).is_err());
        }
    }
}
