//! Pooling and the classification head, in floats.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::kernel::Level;
use super::vector::dot;
use crate::model::head::push_log_odds;
use crate::model::{Link, Logits, ModelError};

/// A small dense layer, `weight` row-major.
#[derive(Debug)]
pub(super) struct Dense {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// The head over hidden states.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) categories: usize,
    pub(super) has_stance: bool,
    pub(super) link: Link,
    /// The CLS pooler's layer; without it states are averaged.
    pub(super) pooler: Option<Dense>,
    /// Whether a rectifier follows it and not tanh.
    pub(super) pools_with_relu: bool,
    pub(super) classifier: Dense,
}

impl Head {
    /// Number of logits of a sentence.
    pub(super) fn width(&self) -> usize {
        self.classifier.bias.len()
    }

    /// The state of the sentence whose tokens are `range` of `states`.
    pub(super) fn pool(&self, level: Level, states: &[f32], range: &Range<usize>) -> Vec<f32> {
        let hidden = self.classifier.weight.len() / self.width().max(1);
        let rows = &states[range.start * hidden..range.end * hidden];
        let mut pooled = Vec::with_capacity(hidden);
        if let Some(pooler) = &self.pooler {
            let Some(first) = rows.get(..hidden) else { return vec![0.0; hidden] };
            level.run(Apply { dense: pooler, x: first, out: &mut pooled });
            let relu = self.pools_with_relu;
            pooled.iter_mut().for_each(|x| *x = if relu { x.max(0.0) } else { x.tanh() });
        } else {
            pooled.resize(hidden, 0.0);
            level.run(Mean { rows, out: &mut pooled });
        }
        pooled
    }

    /// Adds the logits of a sentence state to `rows`.
    pub(super) fn logits(&self, level: Level, pooled: &[f32], rows: &mut Vec<f32>) {
        level.run(Apply { dense: &self.classifier, x: pooled, out: rows });
    }

    /// Parts rows of logits into categories and denials.
    pub(super) fn split(&self, rows: &[f32]) -> Result<Logits, ModelError> {
        if rows.iter().any(|v| !v.is_finite()) {
            return Err(ModelError::Inference("a logit is not finite".to_owned()));
        }
        let mut out = Logits { category: Vec::new(), denied: Vec::new() };
        for row in rows.chunks_exact(self.width().max(1)) {
            let (category, denied) = row.split_at(self.categories);
            push_log_odds(category, self.link, &mut out.category);
            if self.has_stance {
                out.denied.extend_from_slice(denied);
            }
        }
        Ok(out)
    }
}

struct Apply<'a> {
    dense: &'a Dense,
    x: &'a [f32],
    out: &'a mut Vec<f32>,
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let rows = self.dense.weight.chunks_exact(self.x.len());
        for (row, bias) in rows.zip(&self.dense.bias) {
            self.out.push(dot(s, row, self.x) + bias);
        }
    }
}

struct Mean<'a> {
    rows: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Mean<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let n = self.out.len();
        for row in self.rows.chunks_exact(n) {
            for (out, &x) in self.out.iter_mut().zip(row) {
                *out += x;
            }
        }
        let share = 1.0 / (self.rows.len() / n).max(1) as f32;
        for out in self.out {
            *out *= share;
        }
    }
}
