//! From a safetensors file to packed weights.

use std::borrow::Cow;

use super::attention::Distances;
use super::head::{Dense, Head};
use super::kernel::{Kernel, Level};
use super::linear::Linear;
use super::norm::{Embedding, Norm, Table};
use super::{FastEngine, Layer, Numbers, float, int8};
use crate::model::head::{CLASSIFIER, POOLER};
use crate::model::names::{EMBEDDING_NORM, LayerNames, POSITION, RELATIVE, SEGMENT, WORD};
use crate::model::weights::{Rows, WeightFile, quantize_rows};
use crate::model::{EncoderConfig, ModelConfig, ModelError, Pooling};

/// A file being read for one engine.
pub(super) struct Loader<'a> {
    file: WeightFile<'a>,
    config: ModelConfig,
    numbers: Numbers,
    level: Level,
}

/// Parts of a dense layer whose outputs stand one after the other.
struct Part<'n> {
    weight: &'n str,
    bias: &'n str,
    /// What results are multiplied by.
    factor: f32,
}

impl<'a> Loader<'a> {
    pub(super) fn open(
        bytes: &'a [u8],
        config: &ModelConfig,
        numbers: Numbers,
        level: Level,
    ) -> Result<Self, ModelError> {
        let file = WeightFile::open(bytes, config)?;
        Ok(Self { file, config: config.clone(), numbers, level })
    }

    pub(super) fn engine(
        &self,
        kernel: Kernel,
        keep: impl Fn(&'a [u8]) -> Cow<'static, [u8]>,
    ) -> Result<FastEngine, ModelError> {
        let config = &self.config.encoder;
        let table = |name: &str| {
            Ok::<_, ModelError>(match self.file.rows(name)? {
                Rows::Int8 { ints, scales, .. } => Table::Int8 { ints: keep(ints), scales },
                Rows::Float { values, .. } => Table::Float(values),
            })
        };
        let embedding = Embedding {
            word: table(WORD)?,
            position: table(POSITION)?,
            segment: if config.family.has_segments() {
                table(SEGMENT)?
            } else {
                Table::Float(vec![0.0; config.hidden_size])
            },
            norm: self.norm(EMBEDDING_NORM)?,
        };
        let distances = if config.family.has_relative_bias() {
            Some(Distances::new(
                &self.file.floats(RELATIVE)?,
                config.num_attention_heads,
                config.max_tokens(),
            ))
        } else {
            None
        };
        let layers =
            (0..config.num_hidden_layers).map(|i| self.layer(i)).collect::<Result<_, _>>()?;
        Ok(FastEngine {
            kernel,
            level: self.level,
            config: config.clone(),
            numbers: self.numbers,
            embedding,
            distances,
            layers,
            head: self.head()?,
        })
    }

    fn layer(&self, index: usize) -> Result<Layer, ModelError> {
        let n = LayerNames::new(index);
        let (weights, biases) = (n.qkv_weights(), n.qkv_biases());
        let EncoderConfig { hidden_size, num_attention_heads, .. } = self.config.encoder;
        // Attention scales its scores and takes powers of two.
        let width = (hidden_size / num_attention_heads) as f32;
        let factors = [std::f32::consts::LOG2_E / width.sqrt(), 1.0, 1.0];
        let qkv =
            [0, 1, 2].map(|i| Part { weight: &weights[i], bias: &biases[i], factor: factors[i] });
        let [out_bias, out_weight, out_offset] = n.out_norm();
        let [down_bias, down_weight, down_offset] = n.down_norm();
        let single = |weight: &str, bias: &str| self.linear(&[Part { weight, bias, factor: 1.0 }]);
        Ok(Layer {
            qkv: self.linear(&qkv)?,
            out: single(&n.out_weight(), &out_bias)?,
            out_norm: self.norm([&out_weight, &out_offset])?,
            up: single(&n.up_weight(), &n.up_bias())?,
            down: single(&n.down_weight(), &down_bias)?,
            down_norm: self.norm([&down_weight, &down_offset])?,
        })
    }

    fn linear(&self, parts: &[Part<'_>]) -> Result<Linear, ModelError> {
        let mut biases = Vec::new();
        let (mut ints, mut scales, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            let scaled = |x: Vec<f32>| x.into_iter().map(|x| x * part.factor);
            biases.extend(scaled(self.file.floats(part.bias)?));
            let rows = self.file.rows(part.weight)?;
            if self.numbers == Numbers::F32 {
                values.extend(scaled(rows.into_floats()));
                continue;
            }
            let (part_ints, part_scales) = match rows {
                Rows::Int8 { ints, scales, .. } => (Cow::Borrowed(ints), scales),
                Rows::Float { values, columns } => {
                    let (ints, scales) = quantize_rows(&values, columns);
                    (Cow::Owned(ints), scales)
                }
            };
            ints.extend_from_slice(&part_ints);
            scales.extend(scaled(part_scales));
        }
        Ok(match self.numbers {
            Numbers::Int8 => Linear::Int8(int8::Matrix::pack(self.level, &ints, &scales, &biases)),
            Numbers::F32 => Linear::Float(float::Matrix::pack(self.level, &values, &biases)),
        })
    }

    fn norm(&self, [weight, offset]: [&str; 2]) -> Result<Norm, ModelError> {
        Ok(Norm {
            weight: self.file.floats(weight)?,
            offset: self.file.floats(offset)?,
            eps: self.config.encoder.layer_norm_eps as f32,
        })
    }

    fn head(&self) -> Result<Option<Head>, ModelError> {
        let Some(labels) = &self.config.labels else { return Ok(None) };
        let dense = |[weight, bias]: [&str; 2]| {
            Ok::<_, ModelError>(Dense {
                weight: self.file.floats(weight)?,
                bias: self.file.floats(bias)?,
            })
        };
        Ok(Some(Head {
            categories: labels.len(),
            has_stance: labels.has_stance(),
            link: self.config.link,
            pools_with_relu: self.config.encoder.family.pools_with_relu(),
            pooler: match self.config.pooling {
                Pooling::Mean => None,
                Pooling::Cls => Some(dense(POOLER)?),
            },
            classifier: dense(CLASSIFIER)?,
        }))
    }
}
