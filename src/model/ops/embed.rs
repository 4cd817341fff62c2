//! Sum of word, position and segment embeddings, layer norm and dropout in one pass.

use std::sync::Arc as Shared;

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};
use pulp::Arch;

use super::norm::{normalise, normalise_backward};
use super::{Mask, floats, with_floats};

const NAME: &str = "embedding";

/// The tables of a BERT embedding layer.
#[derive(Debug, Clone)]
pub struct Embedding {
    /// [vocabulary, hidden].
    pub word: Tensor,
    /// [positions, hidden].
    pub position: Tensor,
    /// [segments, hidden].
    pub segment: Tensor,
    /// Weight and offset of the layer norm, [2, hidden].
    pub norm: Tensor,
    /// Epsilon of the layer norm.
    pub eps: f64,
}

/// One token: rows of the three tables.
pub(super) type Rows = [u32; 3];

/// Gradients of [`embed`]; tables are sparse, a row for each one that was used.
#[derive(Debug)]
pub struct EmbedGrads {
    /// Gradient of each token's summed embedding, [tokens, hidden]; the row of every table that
    /// the token used receives it.
    pub tokens: Tensor,
    /// For weight and offset of the norm, [2, hidden].
    pub norm: Tensor,
}

/// Embeds tokens given as (word, position, segment): [tokens, hidden].
///
/// # Errors
/// When an index is outside its table or a table is not a contiguous float matrix on the CPU.
pub fn embed(tables: &Embedding, tokens: &[Rows], dropout: Option<Mask>) -> Result<Tensor> {
    let op = Lookup { tables: tables.clone(), tokens: tokens.into(), dropout };
    tables.norm.apply_op1_no_bwd(&op)
}

/// Gradients of [`embed`].
///
/// # Errors
/// As [`embed`].
pub fn embed_backward(
    tables: &Embedding,
    tokens: &[Rows],
    dropout: Option<Mask>,
    grad: &Tensor,
) -> Result<EmbedGrads> {
    let n = check(tables, tokens)?;
    if grad.dims() != [tokens.len(), n] {
        bail!("{NAME}: gradient of shape {:?}", grad.dims());
    }
    let all = [&tables.word, &tables.position, &tables.segment, &tables.norm, grad];
    let (out, dnorm) = with_floats(NAME, all, |[word, position, segment, norm, grad]| {
        let mut out = vec![0f32; tokens.len() * n];
        let mut dnorm = vec![0f32; 2 * n];
        let mut dropped = vec![0f32; n];
        Arch::new().dispatch(|| {
            for (i, row) in out.chunks_exact_mut(n).enumerate() {
                let at = i * n;
                gather([word, position, segment], tokens[i], row);
                dropped.copy_from_slice(&grad[at..at + n]);
                drop_row(&mut dropped, dropout, at);
                normalise_backward(row, &norm[..n], tables.eps as f32, &dropped, &mut dnorm);
            }
        });
        Ok((out, dnorm))
    })?;
    Ok(EmbedGrads {
        tokens: Tensor::from_vec(out, (tokens.len(), n), &Device::Cpu)?,
        norm: Tensor::from_vec(dnorm, (2, n), &Device::Cpu)?,
    })
}

/// Checks tables and indices; gives the hidden size.
fn check(tables: &Embedding, tokens: &[Rows]) -> Result<usize> {
    let &[2, n] = tables.norm.dims() else {
        bail!("{NAME}: norm of shape {:?} where [2, n] is needed", tables.norm.dims());
    };
    let of = [("word", &tables.word), ("position", &tables.position), ("segment", &tables.segment)];
    for (which, (name, table)) in of.into_iter().enumerate() {
        let rows = super::rows(NAME, table.dims(), n)?;
        if let Some(bad) = tokens.iter().map(|t| t[which]).find(|&i| i as usize >= rows) {
            bail!("{NAME}: {name} index {bad} in a table of {rows} rows");
        }
    }
    Ok(n)
}

struct Lookup {
    tables: Embedding,
    tokens: Shared<[Rows]>,
    dropout: Option<Mask>,
}

impl CustomOp1 for Lookup {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, norm: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let n = check(&self.tables, &self.tokens)?;
        let norm = floats(norm, layout, NAME)?;
        let tables = [&self.tables.word, &self.tables.position, &self.tables.segment];
        let out = with_floats(NAME, tables, |tables| {
            let mut out = vec![0f32; self.tokens.len() * n];
            Arch::new().dispatch(|| {
                for (i, row) in out.chunks_exact_mut(n).enumerate() {
                    gather(tables, self.tokens[i], row);
                    normalise(row, norm, self.tables.eps as f32);
                    drop_row(row, self.dropout, i * n);
                }
            });
            Ok(out)
        })?;
        Ok((CpuStorage::F32(out), (self.tokens.len(), n).into()))
    }
}

/// Sums the three rows of a token; indices were checked before.
#[inline(always)]
fn gather(tables: [&[f32]; 3], token: Rows, out: &mut [f32]) {
    let n = out.len();
    let [word, position, segment] =
        [0, 1, 2].map(|t| &tables[t][token[t] as usize * n..(token[t] as usize + 1) * n]);
    for (out, ((&w, &p), &s)) in out.iter_mut().zip(word.iter().zip(position).zip(segment)) {
        *out = w + p + s;
    }
}

#[inline(always)]
fn drop_row(row: &mut [f32], dropout: Option<Mask>, at: usize) {
    if let Some(mask) = dropout {
        let mut index = at as u32;
        for x in row {
            *x *= mask.factor(index);
            index = index.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{noise, tensor};
    use super::*;

    #[test]
    fn gradients_are_right_with_and_without_dropout() {
        let tables = Embedding {
            word: tensor(&[5, 9], 1),
            position: tensor(&[3, 9], 2),
            segment: tensor(&[2, 9], 3),
            norm: tensor(&[2, 9], 4),
            eps: 1e-5,
        };
        let tokens = [[4, 0, 0], [1, 1, 0], [4, 2, 1]];
        let weights = noise(27, 9);
        for dropout in [None, Some(Mask::new(2, 0.3))] {
            let loss = |tables: &Embedding| -> f64 {
                let out = embed(tables, &tokens, dropout).unwrap();
                let out = out.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                out.iter().zip(&weights).map(|(&x, &w)| f64::from(x * w)).sum()
            };
            let grad = Tensor::from_vec(weights.clone(), (3, 9), &Device::Cpu).unwrap();
            let grads = embed_backward(&tables, &tokens, dropout, &grad).unwrap();
            let rows = grads.tokens.to_vec2::<f32>().unwrap();
            let norm = grads.norm.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for i in 0..45 {
                let shifted = |by: f32| {
                    let mut values = noise(45, 1);
                    values[i] += by;
                    let word = Tensor::from_vec(values, (5, 9), &Device::Cpu).unwrap();
                    loss(&Embedding { word, ..tables.clone() })
                };
                let expected = (shifted(0.01) - shifted(-0.01)) / 0.02;
                let used = tokens.iter().zip(&rows).filter(|(t, _)| t[0] as usize == i / 9);
                let got: f64 = used.map(|(_, row)| f64::from(row[i % 9])).sum();
                assert!(
                    (got - expected).abs() < 4e-3 * (1.0 + expected.abs()),
                    "word {i}: {got} {expected}"
                );
            }
            for i in 0..18 {
                let shifted = |by: f32| {
                    let mut values = noise(18, 4);
                    values[i] += by;
                    let norm = Tensor::from_vec(values, (2, 9), &Device::Cpu).unwrap();
                    loss(&Embedding { norm, ..tables.clone() })
                };
                let expected = (shifted(0.01) - shifted(-0.01)) / 0.02;
                let got = f64::from(norm[i]);
                assert!(
                    (got - expected).abs() < 4e-3 * (1.0 + expected.abs()),
                    "norm {i}: {got} {expected}"
                );
            }
        }
        assert!(embed(&tables, &[[5, 0, 0]], None).is_err());
        assert!(embed(&tables, &[[u32::MAX, 0, 0]], None).is_err());
        assert!(embed(&tables, &[[0, 3, 0]], None).is_err());
    }
}
