//! The same encoder from Candle's own operations, on padded sequences.
//!
//! Slower than the fused path, but it runs on every device of Candle and its backward is Candle's.
//! Layer norm and softmax are written out, since Candle's fused ones have no backward.

use candle_core::{D, DType, Result, Tensor};

use super::Activation;
use super::bert::BertLayer;
use super::ops::{Dropout, Embedding, Mask, Sequences, relative};

/// Hidden states of the last layer, [tokens, hidden].
pub(super) fn forward(
    (embedding, relative, layers): (&Embedding, Option<&Tensor>, &[BertLayer]),
    (heads, activation): (usize, Activation),
    tokens: &[[u32; 3]],
    sequences: &Sequences,
    dropout: &mut Dropout,
) -> Result<Tensor> {
    let device = embedding.word.device();
    let longest = sequences.ranges().map(|r| r.len()).max().unwrap_or(0);
    let count = sequences.len();
    let mut padded = vec![[0u32; 3]; count * longest];
    let mut attends = vec![f32::MIN; count * longest];
    let mut real = Vec::with_capacity(tokens.len());
    for (s, range) in sequences.ranges().enumerate() {
        for (i, token) in tokens[range].iter().enumerate() {
            padded[s * longest + i] = *token;
            attends[s * longest + i] = 0.0;
            real.push((s * longest + i) as u32);
        }
    }
    let column = |c: usize| {
        let ids: Vec<u32> = padded.iter().map(|t| t[c]).collect();
        Tensor::from_vec(ids, count * longest, device)
    };
    let mut bias = Tensor::from_vec(attends, (count, 1, 1, longest), device)?;
    if let Some(table) = relative {
        bias = bias.broadcast_add(&by_distance(table, longest)?)?;
    }
    let summed = ((embedding.word.index_select(&column(0)?, 0)?
        + embedding.position.index_select(&column(1)?, 0)?)?
        + embedding.segment.index_select(&column(2)?, 0)?)?;
    let mut x = norm(&summed, &embedding.norm, embedding.eps)?;
    x = drop(x, dropout.hidden())?;
    for layer in layers {
        let masks = [dropout.attention(), dropout.hidden(), dropout.hidden()];
        let context = attention(&x, layer, &bias, (count, longest, heads), masks[0])?;
        let attended = context.matmul(&layer.out.t()?)?;
        let middle = add_norm(&attended, &x, &layer.out_norm, embedding.eps, masks[1])?;
        let up = middle.matmul(&layer.up.t()?)?.broadcast_add(&layer.up_bias)?;
        let active = match activation {
            Activation::Gelu => up.gelu_erf()?,
            Activation::GeluTanh => up.gelu()?,
            Activation::Relu => up.relu()?,
        };
        let down = active.matmul(&layer.down.t()?)?;
        x = add_norm(&down, &middle, &layer.down_norm, embedding.eps, masks[2])?;
    }
    x.index_select(&Tensor::from_vec(real, tokens.len(), device)?, 0)
}

fn attention(
    x: &Tensor,
    layer: &BertLayer,
    bias: &Tensor,
    (count, longest, heads): (usize, usize, usize),
    mask: Option<Mask>,
) -> Result<Tensor> {
    let hidden = x.dim(D::Minus1)?;
    let d = hidden / heads;
    let qkv = x.matmul(&layer.qkv.t()?)?.broadcast_add(&layer.qkv_bias)?;
    let part = |p: usize| {
        qkv.narrow(1, p * hidden, hidden)?
            .reshape((count, longest, heads, d))?
            .transpose(1, 2)?
            .contiguous()
    };
    let (q, k, v) = (part(0)?, part(1)?, part(2)?);
    let scores = (q.matmul(&k.transpose(2, 3)?.contiguous()?)? / (d as f64).sqrt())?;
    let scores = scores.broadcast_add(bias)?;
    let peak = scores.max_keepdim(D::Minus1)?.detach();
    let e = scores.broadcast_sub(&peak)?.exp()?;
    let p = e.broadcast_div(&e.sum_keepdim(D::Minus1)?)?;
    let context = drop(p, mask)?.matmul(&v)?;
    context.transpose(1, 2)?.contiguous()?.reshape((count * longest, hidden))
}

/// Biases of the scores by distance, [1, heads, queries, keys], from [buckets, heads].
fn by_distance(table: &Tensor, longest: usize) -> Result<Tensor> {
    let heads = table.dim(1)?;
    let n = longest as i64;
    let rows: Vec<u32> = (0..n * n).map(|at| relative::bucket(at % n - at / n) as u32).collect();
    let rows = Tensor::from_vec(rows, longest * longest, table.device())?;
    let biases = table.index_select(&rows, 0)?.reshape((1, longest, longest, heads))?;
    biases.permute((0, 3, 1, 2))?.contiguous()
}

/// Layer norm with weight and offset in `params`, [2, n].
fn norm(x: &Tensor, params: &Tensor, eps: f64) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let scaled = centred.broadcast_div(&(variance + eps)?.sqrt()?)?;
    scaled.broadcast_mul(&params.narrow(0, 0, 1)?)?.broadcast_add(&params.narrow(0, 1, 1)?)
}

fn add_norm(
    x: &Tensor,
    residual: &Tensor,
    params: &Tensor,
    eps: f64,
    mask: Option<Mask>,
) -> Result<Tensor> {
    let x = drop(x.broadcast_add(&params.narrow(0, 0, 1)?)?, mask)?;
    norm(&(x + residual)?, &params.narrow(0, 1, 2)?, eps)
}

/// Multiplies with the mask's factors. Padding moves entries, so the bits are not those of the
/// fused path.
fn drop(x: Tensor, mask: Option<Mask>) -> Result<Tensor> {
    let Some(mask) = mask else { return Ok(x) };
    let factors: Vec<f32> = (0..x.elem_count()).map(|i| mask.factor(i as u32)).collect();
    let factors = Tensor::from_vec(factors, x.dims(), x.device())?.to_dtype(DType::F32)?;
    x * factors
}
