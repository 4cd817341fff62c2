//! The BERT encoder on packed sequences, and its relatives ([`super::Family`]).
//!
//! Hidden states are [tokens, hidden] all through: no padding, no mask. On the CPU the layers run
//! on the fused operations of [`super::ops`]; with a [`Tape`] the forward pass keeps what
//! [`BertEncoder::backward`] needs. Devices without those operations take the composed path of
//! [`super::composed`], which pads and is differentiable by Candle itself.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result as CandleResult, Tensor, Var};

use super::names::{EMBEDDING_NORM, LayerNames, POSITION, RELATIVE, SEGMENT, WORD};
use super::ops::{self, Dropout, Embedding, Mask, Products, Sequences};
use super::{EncoderConfig, ModelConfig, ModelError, Weights, composed};
use crate::encode::Batch;

/// One layer; dense matrices are [outputs, inputs] as in Hugging Face files.
#[derive(Debug, Clone)]
pub struct BertLayer {
    /// Queries, keys and values in one matrix, [3·hidden, hidden].
    pub qkv: Tensor,
    /// [3·hidden].
    pub qkv_bias: Tensor,
    /// Attention output, [hidden, hidden].
    pub out: Tensor,
    /// Bias of `out`, weight and offset of the norm after it, [3, hidden].
    pub out_norm: Tensor,
    /// [intermediate, hidden].
    pub up: Tensor,
    /// `[intermediate]`.
    pub up_bias: Tensor,
    /// [hidden, intermediate].
    pub down: Tensor,
    /// Bias of `down`, weight and offset of the norm after it, [3, hidden].
    pub down_norm: Tensor,
}

/// A BERT encoder, or one of a related family, without a head.
#[derive(Debug, Clone)]
pub struct BertEncoder {
    config: EncoderConfig,
    /// The table of segments is one row of zeros where the family has none.
    pub(super) embedding: Embedding,
    /// Biases of attention by distance, [buckets, heads], which all layers share.
    relative: Option<Tensor>,
    pub(super) layers: Vec<BertLayer>,
    is_composed: bool,
    products: Products,
    /// Depth of the first parameters that learn.
    frozen: usize,
}

/// What one layer's backward pass needs of its forward pass.
#[derive(Debug)]
struct LayerTape {
    input: Tensor,
    qkv: Tensor,
    context: Tensor,
    attended: Tensor,
    middle: Tensor,
    up: Tensor,
    active: Tensor,
    down: Tensor,
    masks: [Option<Mask>; 3],
}

/// What the backward pass needs of a forward pass.
#[derive(Debug, Default)]
pub struct Tape {
    embedding_mask: Option<Mask>,
    layers: Vec<LayerTape>,
}

/// Gradients of an encoder's parameters, in the order of [`BertEncoder::learning`].
#[derive(Debug)]
pub struct EncoderGrads {
    /// For each embedding table that learns the row that every token used.
    pub rows: Vec<Vec<u32>>,
    /// Gradient of each token's summed embedding, [tokens, hidden]: the rows of the tables that a
    /// token used receive it. `None` where the embeddings do not learn.
    pub tokens: Option<Tensor>,
    /// The norm of the embeddings, the biases by distance where there are any, and then eight
    /// tensors a layer; the tables have none here.
    pub dense: Vec<Tensor>,
}

/// A parameter with what an optimiser must know of it.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Name of the fused tensor, for checkpoints and messages.
    pub name: String,
    /// The tensor itself; clones share its storage.
    pub tensor: Tensor,
    /// Whether weight decay applies: matrices yes, biases and norms no.
    pub decays: bool,
    /// 0 for the embeddings, then the number of the layer from 1; for layer-wise rates.
    pub depth: usize,
}

impl Parameter {
    /// A parameter of a head, which learns at the head's own rate.
    pub(super) fn of_head(name: &str, tensor: &Tensor, decays: bool) -> Self {
        Self { name: name.to_owned(), tensor: tensor.clone(), decays, depth: usize::MAX }
    }
}

impl BertEncoder {
    /// Builds the encoder from weights that fit the configuration.
    ///
    /// # Errors
    /// [`ModelError`] when a tensor is missing or has another shape.
    pub fn load(config: &ModelConfig, weights: &Weights) -> Result<Self, ModelError> {
        weights.check(config)?;
        let get = |name: &str| weights.get(name);
        let cat = |names: &[String]| -> Result<Tensor, ModelError> {
            let parts = names.iter().map(|n| get(n)).collect::<Result<Vec<_>, _>>()?;
            Ok(Tensor::cat(&parts, 0)?)
        };
        let stack = |names: &[String]| -> Result<Tensor, ModelError> {
            let parts = names.iter().map(|n| get(n)).collect::<Result<Vec<_>, _>>()?;
            Ok(Tensor::stack(&parts, 0)?)
        };
        let mut layers = Vec::with_capacity(config.encoder.num_hidden_layers);
        for layer in 0..config.encoder.num_hidden_layers {
            let n = LayerNames::new(layer);
            layers.push(BertLayer {
                qkv: cat(&n.qkv_weights())?,
                qkv_bias: cat(&n.qkv_biases())?,
                out: get(&n.out_weight())?.copy()?,
                out_norm: stack(&n.out_norm())?,
                up: get(&n.up_weight())?.copy()?,
                up_bias: get(&n.up_bias())?.copy()?,
                down: get(&n.down_weight())?.copy()?,
                down_norm: stack(&n.down_norm())?,
            });
        }
        let family = config.encoder.family;
        let word = get(WORD)?.copy()?;
        let segment = if family.has_segments() {
            get(SEGMENT)?.copy()?
        } else {
            Tensor::zeros((1, config.encoder.hidden_size), DType::F32, word.device())?
        };
        let embedding = Embedding {
            position: get(POSITION)?.copy()?,
            segment,
            norm: stack(&EMBEDDING_NORM.map(str::to_owned))?,
            eps: config.encoder.layer_norm_eps,
            word,
        };
        let relative = if family.has_relative_bias() { Some(get(RELATIVE)?.copy()?) } else { None };
        let is_composed = !embedding.word.device().is_cpu();
        let products = Products::F32;
        let config = config.encoder.clone();
        Ok(Self { config, embedding, relative, layers, is_composed, products, frozen: 0 })
    }

    /// Takes the composed path on the CPU too, as the tests of that path do.
    #[must_use]
    pub fn composed(mut self) -> Self {
        self.is_composed = true;
        self
    }

    /// Computes the matrix products of taped passes, and so of training, this way; a plain
    /// forward pass stays in 32-bit floats.
    #[must_use]
    pub fn with_products(mut self, products: Products) -> Self {
        self.products = products;
        self
    }

    /// Lets the parameters under this depth be as they are: 1 for the embeddings, one more for each
    /// layer from below. The backward pass ends above them, which is what makes it cheaper.
    #[must_use]
    pub fn with_frozen(mut self, depths: usize) -> Self {
        self.frozen = depths;
        self
    }

    /// The sizes.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// The word embeddings, [vocabulary, hidden]; the clone shares their storage.
    pub fn word_embeddings(&self) -> Tensor {
        self.embedding.word.clone()
    }

    /// The device that the weights live on.
    pub fn device(&self) -> &Device {
        self.embedding.word.device()
    }

    /// Hidden states of the last layer, [tokens, hidden]; `dropout` in training only.
    ///
    /// # Errors
    /// [`ModelError`] when a token, segment or position is outside its table.
    pub fn forward(
        &self,
        batch: &Batch,
        dropout: Option<&mut Dropout>,
    ) -> Result<Tensor, ModelError> {
        self.run(batch, dropout, None)
    }

    /// As [`BertEncoder::forward`], keeping on `tape` what the backward pass needs.
    ///
    /// # Errors
    /// [`ModelError`] as there, or when the encoder takes the composed path.
    pub fn forward_taped(
        &self,
        batch: &Batch,
        dropout: Option<&mut Dropout>,
        tape: &mut Tape,
    ) -> Result<Tensor, ModelError> {
        if self.is_composed {
            return Err(ModelError::Inference(
                "the composed path keeps no tape: use Candle's backward".to_owned(),
            ));
        }
        self.run(batch, dropout, Some(tape))
    }

    fn run(
        &self,
        batch: &Batch,
        dropout: Option<&mut Dropout>,
        mut tape: Option<&mut Tape>,
    ) -> Result<Tensor, ModelError> {
        let sequences = Sequences::new(&batch.cu_seqlens)?;
        let tokens = self.tokens_of(batch, &sequences)?;
        let mut none = Dropout::new(0, 0.0, 0.0);
        let dropout = dropout.unwrap_or(&mut none);
        if self.is_composed {
            let sizes = (self.config.num_attention_heads, self.config.hidden_act);
            return Ok(composed::forward(
                (&self.embedding, self.relative.as_ref(), &self.layers),
                sizes,
                &tokens,
                &sequences,
                dropout,
            )?);
        }
        let mask = dropout.hidden();
        let mut states = ops::embed(&self.embedding, &tokens, mask)?;
        if let Some(tape) = tape.as_deref_mut() {
            tape.embedding_mask = mask;
            tape.layers.clear();
        }
        let products = if tape.is_some() { self.products } else { Products::F32 };
        for (depth, layer) in (1..).zip(&self.layers) {
            let masks = [dropout.attention(), dropout.hidden(), dropout.hidden()];
            let (next, kept) = self.layer(layer, states, &sequences, masks, products)?;
            states = next;
            if let Some(tape) = tape.as_deref_mut().filter(|_| depth >= self.frozen) {
                tape.layers.push(kept);
            }
        }
        Ok(states)
    }

    fn layer(
        &self,
        layer: &BertLayer,
        input: Tensor,
        sequences: &Sequences,
        masks: [Option<Mask>; 3],
        products: Products,
    ) -> CandleResult<(Tensor, LayerTape)> {
        let heads = self.config.num_attention_heads;
        let eps = self.config.layer_norm_eps;
        let qkv = products.linear(&input, &layer.qkv)?;
        let relative = self.relative.as_ref();
        let context = ops::attention(&qkv, &layer.qkv_bias, relative, sequences, heads, masks[0])?;
        let attended = products.linear(&context, &layer.out)?;
        let middle = ops::add_norm(&attended, &input, &layer.out_norm, eps, masks[1])?;
        let up = products.linear(&middle, &layer.up)?;
        let active = ops::gelu(&up, &layer.up_bias, self.config.hidden_act)?;
        let down = products.linear(&active, &layer.down)?;
        let output = ops::add_norm(&down, &middle, &layer.down_norm, eps, masks[2])?;
        let tape = LayerTape { input, qkv, context, attended, middle, up, active, down, masks };
        Ok((output, tape))
    }

    /// Gradients of all parameters that learn, from that of the hidden states; consumes the tape, so
    /// that each layer's states are freed as soon as they are used.
    ///
    /// # Errors
    /// [`ModelError`] when the tape is not of this batch and encoder.
    pub fn backward(
        &self,
        batch: &Batch,
        mut tape: Tape,
        grad: Tensor,
    ) -> Result<EncoderGrads, ModelError> {
        let frozen_layers = self.frozen.saturating_sub(1).min(self.layers.len());
        let learning = &self.layers[frozen_layers..];
        if tape.layers.len() != learning.len() {
            return Err(ModelError::Inference("the tape is of another encoder".to_owned()));
        }
        let sequences = Sequences::new(&batch.cu_seqlens)?;
        let mut grad = grad;
        let mut relative: Option<Tensor> = None;
        let mut reversed = Vec::with_capacity(learning.len());
        for layer in learning.iter().rev() {
            let Some(kept) = tape.layers.pop() else { break };
            let (dinput, grads, own) = self.layer_backward(layer, &kept, &sequences, &grad)?;
            grad = dinput;
            relative = match (relative, own) {
                (Some(sum), Some(own)) => Some(ops::add(&sum, &own)?),
                (sum, own) => sum.or(own),
            };
            reversed.push(grads);
        }
        let layers = reversed.into_iter().rev().flatten();
        if self.frozen > 0 {
            return Ok(EncoderGrads { rows: Vec::new(), tokens: None, dense: layers.collect() });
        }
        let tokens = self.tokens_of(batch, &sequences)?;
        let embedded = ops::embed_backward(&self.embedding, &tokens, tape.embedding_mask, &grad)?;
        let mut dense = vec![embedded.norm];
        dense.extend(relative);
        dense.extend(layers);
        let tables = 0..self.tables().len();
        let rows = tables.map(|table| tokens.iter().map(|token| token[table]).collect()).collect();
        Ok(EncoderGrads { rows, tokens: Some(embedded.tokens), dense })
    }

    fn layer_backward(
        &self,
        layer: &BertLayer,
        kept: &LayerTape,
        sequences: &Sequences,
        grad: &Tensor,
    ) -> CandleResult<(Tensor, [Tensor; 8], Option<Tensor>)> {
        let heads = self.config.num_attention_heads;
        let (eps, products) = (self.config.layer_norm_eps, self.products);
        let [attention, first, second] = kept.masks;
        let norm =
            ops::add_norm_backward(&kept.down, &kept.middle, &layer.down_norm, eps, second, grad)?;
        let (down_norm, dmiddle) = (norm.params, norm.residual);
        let down = products.weight_grad(&norm.x, &kept.active)?;
        let dactive = products.input_grad(&norm.x, &layer.down)?;
        let act = self.config.hidden_act;
        let (dup, up_bias) = ops::gelu_backward(&kept.up, &layer.up_bias, act, &dactive)?;
        let up = products.weight_grad(&dup, &kept.middle)?;
        let dmiddle = ops::add(&dmiddle, &products.input_grad(&dup, &layer.up)?)?;
        let norm = ops::add_norm_backward(
            &kept.attended,
            &kept.input,
            &layer.out_norm,
            eps,
            first,
            &dmiddle,
        )?;
        let out = products.weight_grad(&norm.x, &kept.context)?;
        let dcontext = products.input_grad(&norm.x, &layer.out)?;
        let inner = ops::attention_backward(
            &kept.qkv,
            &layer.qkv_bias,
            self.relative.as_ref(),
            sequences,
            heads,
            attention,
            &dcontext,
        )?;
        let qkv = products.weight_grad(&inner.qkv, &kept.input)?;
        let dinput = ops::add(&norm.residual, &products.input_grad(&inner.qkv, &layer.qkv)?)?;
        let grads = [qkv, inner.bias, out, norm.params, up, up_bias, down, down_norm];
        Ok((dinput, grads, inner.relative))
    }

    /// The embedding tables that the family has, by our name and Hugging Face's.
    fn tables(&self) -> Vec<(&'static str, &'static str, &Tensor)> {
        let e = &self.embedding;
        let mut tables = vec![
            ("embeddings.word", WORD, &e.word),
            ("embeddings.position", POSITION, &e.position),
        ];
        if self.config.family.has_segments() {
            tables.push(("embeddings.segment", SEGMENT, &e.segment));
        }
        tables
    }

    /// The rows of the three embedding tables for each token.
    fn tokens_of(&self, batch: &Batch, sequences: &Sequences) -> Result<Vec<[u32; 3]>, ModelError> {
        let n = sequences.tokens();
        if batch.input_ids.len() != n || batch.token_type_ids.len() != n || n == 0 {
            return Err(ModelError::Inference(format!(
                "a batch of {} ids and {} segments for {n} tokens",
                batch.input_ids.len(),
                batch.token_type_ids.len()
            )));
        }
        let first = self.config.first_position as u32;
        let reads_segments = self.config.family.reads_segments();
        Ok(batch
            .input_ids
            .iter()
            .zip(batch.position_ids())
            .zip(&batch.token_type_ids)
            .map(|((&word, position), &segment)| {
                [word, first + position, if reads_segments { segment } else { 0 }]
            })
            .collect())
    }

    /// All parameters: the tables, the norm of the embeddings, the biases by distance where there
    /// are any, eight tensors a layer.
    pub fn parameters(&self) -> Vec<Parameter> {
        let parameter = |name: &str, tensor: &Tensor, decays: bool, depth: usize| Parameter {
            name: name.to_owned(),
            tensor: tensor.clone(),
            decays,
            depth,
        };
        let tables = self.tables().into_iter();
        let mut out: Vec<Parameter> =
            tables.map(|(name, _, tensor)| parameter(name, tensor, true, 0)).collect();
        out.push(parameter("embeddings.norm", &self.embedding.norm, false, 0));
        if let Some(table) = &self.relative {
            out.push(parameter("relative_bias", table, true, 0));
        }
        for (i, l) in self.layers.iter().enumerate() {
            let mut push = |name: &str, tensor: &Tensor, decays: bool| {
                out.push(parameter(&format!("layer.{i}.{name}"), tensor, decays, i + 1));
            };
            push("qkv", &l.qkv, true);
            push("qkv_bias", &l.qkv_bias, false);
            push("out", &l.out, true);
            push("out_norm", &l.out_norm, false);
            push("up", &l.up, true);
            push("up_bias", &l.up_bias, false);
            push("down", &l.down, true);
            push("down_norm", &l.down_norm, false);
        }
        out
    }

    /// The parameters that learn: all of them, or those above the depths of
    /// [`BertEncoder::with_frozen`].
    pub fn learning(&self) -> Vec<Parameter> {
        let mut out = self.parameters();
        out.retain(|parameter| parameter.depth >= self.frozen);
        out
    }

    /// The same encoder on variables, for training through Candle's backward; the variables come
    /// in the order of [`BertEncoder::parameters`].
    ///
    /// # Errors
    /// [`ModelError`] when a tensor cannot be copied.
    pub fn on_variables(&self) -> Result<(Self, Vec<Var>), ModelError> {
        let mut copy = self.clone();
        let mut variables = Vec::new();
        let e = &mut copy.embedding;
        let mut tensors = vec![&mut e.word, &mut e.position];
        if copy.config.family.has_segments() {
            tensors.push(&mut e.segment);
        }
        tensors.push(&mut e.norm);
        tensors.extend(&mut copy.relative);
        for l in &mut copy.layers {
            tensors.extend([&mut l.qkv, &mut l.qkv_bias, &mut l.out, &mut l.out_norm]);
            tensors.extend([&mut l.up, &mut l.up_bias, &mut l.down, &mut l.down_norm]);
        }
        for tensor in tensors {
            let variable = Var::from_tensor(tensor)?;
            *tensor = variable.as_tensor().clone();
            variables.push(variable);
        }
        Ok((copy, variables))
    }

    /// Copies of the weights under their Hugging Face names.
    ///
    /// # Errors
    /// [`ModelError`] when a tensor cannot be copied.
    pub fn weights(&self) -> Result<Weights, ModelError> {
        let mut out = BTreeMap::new();
        let e = &self.embedding;
        for (_, name, tensor) in self.tables() {
            out.insert(name.to_owned(), tensor.copy()?);
        }
        if let Some(table) = &self.relative {
            out.insert(RELATIVE.to_owned(), table.copy()?);
        }
        let hidden = self.config.hidden_size;
        let rows = |out: &mut BTreeMap<_, _>, names: &[String], block: &Tensor| {
            for (i, name) in names.iter().enumerate() {
                out.insert(name.clone(), block.get(i)?.copy()?);
            }
            CandleResult::Ok(())
        };
        rows(&mut out, &EMBEDDING_NORM.map(str::to_owned), &e.norm)?;
        for (i, l) in self.layers.iter().enumerate() {
            let n = LayerNames::new(i);
            for (part, (weight, bias)) in
                n.qkv_weights().into_iter().zip(n.qkv_biases()).enumerate()
            {
                out.insert(weight, l.qkv.narrow(0, part * hidden, hidden)?.copy()?);
                out.insert(bias, l.qkv_bias.narrow(0, part * hidden, hidden)?.copy()?);
            }
            rows(&mut out, &n.out_norm(), &l.out_norm)?;
            rows(&mut out, &n.down_norm(), &l.down_norm)?;
            out.insert(n.out_weight(), l.out.copy()?);
            out.insert(n.up_weight(), l.up.copy()?);
            out.insert(n.up_bias(), l.up_bias.copy()?);
            out.insert(n.down_weight(), l.down.copy()?);
        }
        Ok(Weights::new(out).of_family(self.config.family))
    }
}

/// Floats of a small tensor, row-major.
pub(super) fn values(tensor: &Tensor) -> CandleResult<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ops::testing::noise;

    fn config(kind: &str) -> ModelConfig {
        let text = format!(
            r#"{{"model_type":"{kind}","vocab_size":23,"hidden_size":16,"num_hidden_layers":2,
            "num_attention_heads":2,"intermediate_size":24,"max_position_embeddings":12,
            "layer_norm_eps":1e-12}}"#
        );
        ModelConfig::from_json(text.as_bytes()).unwrap()
    }

    fn encoder(kind: &str) -> BertEncoder {
        let config = config(kind);
        let mut weights = BTreeMap::new();
        for (n, (name, shape)) in super::super::weights::expected(&config).into_iter().enumerate() {
            let values = noise(shape.iter().product(), n as u64 + 1);
            let at = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
            let values: Vec<f32> = values.iter().map(|v| at + 0.4 * v).collect();
            weights.insert(name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
        }
        BertEncoder::load(&config, &Weights::new(weights)).unwrap()
    }

    const KINDS: [&str; 3] = ["bert", "roberta", "mpnet"];

    fn batch() -> Batch {
        Batch {
            input_ids: vec![2, 5, 7, 3, 2, 9, 3, 2, 11, 12, 13, 14, 22, 3],
            token_type_ids: vec![0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1],
            cu_seqlens: vec![0, 4, 7, 14],
        }
    }

    fn gap(a: &Tensor, b: &Tensor) -> f32 {
        let d = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
        d.max(0).unwrap().to_scalar::<f32>().unwrap()
    }

    #[test]
    fn the_fused_and_the_composed_path_agree() {
        for encoder in KINDS.map(encoder) {
            let fused = encoder.forward(&batch(), None).unwrap();
            let composed = encoder.clone().composed().forward(&batch(), None).unwrap();
            assert!(gap(&fused, &composed) < 2e-5, "{}", gap(&fused, &composed));
        }
    }

    #[test]
    fn both_backward_passes_agree() {
        for kind in KINDS {
            let (encoder, variables) = encoder(kind).on_variables().unwrap();
            let batch = batch();
            let seed = Tensor::from_vec(noise(14 * 16, 77), (14, 16), &Device::Cpu).unwrap();
            let composed = encoder.clone().composed().forward(&batch, None).unwrap();
            let expected = (composed * &seed).unwrap().sum_all().unwrap().backward().unwrap();
            let mut tape = Tape::default();
            encoder.forward_taped(&batch, None, &mut tape).unwrap();
            let grads = encoder.backward(&batch, tape, seed).unwrap();
            let tables = grads.rows.len();
            let parameters = encoder.parameters();
            assert_eq!(parameters.len(), tables + grads.dense.len(), "{kind}");
            for (i, (parameter, got)) in parameters[tables..].iter().zip(&grads.dense).enumerate() {
                let expected = expected.get(&variables[i + tables]).unwrap();
                let d = gap(expected, got);
                assert!(d < 2e-4, "{kind} {}: {d}", parameter.name);
            }
            let values = grads.tokens.unwrap().to_vec2::<f32>().unwrap();
            for (table, rows) in grads.rows.iter().enumerate() {
                let name = &parameters[table].name;
                let expected = expected.get(&variables[table]).unwrap().to_vec2::<f32>().unwrap();
                for (row, expected) in expected.iter().enumerate() {
                    for (column, &expected) in expected.iter().enumerate() {
                        let used = rows.iter().zip(&values).filter(|(r, _)| **r as usize == row);
                        let got: f32 = used.map(|(_, values)| values[column]).sum();
                        assert!((got - expected).abs() < 2e-4, "{kind} {name} {row}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_frozen_gets_no_gradient_and_the_rest_the_same() {
        for kind in KINDS {
            let batch = batch();
            let grads = |frozen: usize| {
                let encoder = encoder(kind).with_frozen(frozen);
                let seed = Tensor::from_vec(noise(14 * 16, 77), (14, 16), &Device::Cpu).unwrap();
                let mut tape = Tape::default();
                encoder.forward_taped(&batch, None, &mut tape).unwrap();
                (encoder.learning(), encoder.backward(&batch, tape, seed).unwrap())
            };
            let (_, all) = grads(0);
            for frozen in 1..=encoder(kind).layers.len() + 1 {
                let (learning, some) = grads(frozen);
                assert!(some.rows.is_empty() && some.tokens.is_none());
                assert_eq!(learning.len(), some.dense.len(), "{kind}");
                assert!(learning.iter().all(|parameter| parameter.depth >= frozen));
                for (all, some) in all.dense.iter().rev().zip(some.dense.iter().rev()) {
                    assert_eq!(gap(all, some), 0.0, "{kind}");
                }
            }
        }
    }

    #[test]
    fn weights_come_out_as_they_went_in() {
        for kind in KINDS {
            let first = encoder(kind);
            let bytes =
                first.weights().unwrap().to_safetensors(crate::model::Precision::F32).unwrap();
            let read = Weights::from_safetensors(&bytes, &config(kind), &Device::Cpu).unwrap();
            let again = BertEncoder::load(&config(kind), &read).unwrap();
            for (a, b) in first.parameters().iter().zip(again.parameters()) {
                assert_eq!(gap(&a.tensor, &b.tensor), 0.0, "{kind} {}", a.name);
            }
        }
    }

    #[test]
    fn batches_out_of_range_are_errors() {
        let mut bad = batch();
        bad.input_ids[3] = u32::MAX;
        assert!(encoder("bert").forward(&bad, None).is_err());
        let mut long = batch();
        long.cu_seqlens = vec![0, 14];
        assert!(encoder("bert").forward(&long, None).is_err(), "position 13 of 12");
        long = batch();
        long.cu_seqlens = vec![0, 3, 14];
        assert!(encoder("bert").forward(&long, None).is_ok());
        assert!(encoder("mpnet").forward(&long, None).is_err(), "position 10 + 2 of 12");
        let mut short = batch();
        short.token_type_ids.pop();
        assert!(encoder("bert").forward(&short, None).is_err());
    }
}
