//! `config.json`: read into checked numbers before Candle sees any of them.
//!
//! Candle panics on zero heads or sizes and on products that overflow, so every field has a range
//! here, and the weights are later compared with the shapes that follow from them.

use serde::Deserialize;
use serde_json::Value;

use super::ModelError;
use crate::encode::{Tokenizer, TokenizerError};
use crate::label::LabelSet;

const FILE: &str = "config.json";

/// Activation between the two feed-forward layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Exact GELU, `x · Φ(x)` with the error function.
    Gelu,
    /// The tanh approximation of GELU (`gelu_new`).
    GeluTanh,
    /// Rectified linear unit.
    Relu,
}

/// How token states become one sentence state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Mean over all tokens of the sequence.
    Mean,
    /// Hugging Face's BERT pooler: dense layer and tanh over the first token.
    Cls,
}

impl Pooling {
    /// The value of `classifier_pooling` in `config.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
        }
    }
}

/// Sizes of a BERT-class encoder, all within sane ranges.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderConfig {
    /// Rows of the word embedding table.
    pub vocab_size: usize,
    /// Width of the hidden states; a multiple of the number of heads.
    pub hidden_size: usize,
    /// Number of transformer layers.
    pub num_hidden_layers: usize,
    /// Attention heads a layer.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Longest sequence in tokens.
    pub max_position_embeddings: usize,
    /// Rows of the segment embedding table.
    pub type_vocab_size: usize,
    /// Epsilon of the layer norms.
    pub layer_norm_eps: f64,
    /// Activation of the feed-forward layer.
    pub hidden_act: Activation,
    /// Dropout after embeddings, attention output and feed-forward in training.
    pub hidden_dropout_prob: f64,
    /// Dropout on attention probabilities in training.
    pub attention_probs_dropout_prob: f64,
}

/// A model's whole configuration.
#[derive(Debug, Clone)]
pub struct ModelConfig {
    /// The encoder.
    pub encoder: EncoderConfig,
    /// Pooling under the classification head.
    pub pooling: Pooling,
    /// What the head was trained on; `None` for a bare encoder.
    pub labels: Option<LabelSet>,
    /// The file as read, so that fields we do not use survive a round trip.
    raw: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Raw {
    model_type: Option<String>,
    #[serde(default)]
    architectures: Vec<String>,
    vocab_size: u64,
    hidden_size: u64,
    num_hidden_layers: u64,
    num_attention_heads: u64,
    intermediate_size: u64,
    max_position_embeddings: u64,
    #[serde(default = "two")]
    type_vocab_size: u64,
    #[serde(default = "default_eps")]
    layer_norm_eps: f64,
    #[serde(default = "default_act")]
    hidden_act: String,
    #[serde(default = "default_dropout")]
    hidden_dropout_prob: f64,
    #[serde(default = "default_dropout")]
    attention_probs_dropout_prob: f64,
    position_embedding_type: Option<String>,
    classifier_pooling: Option<String>,
    problem_type: Option<String>,
    id2label: Option<serde_json::Map<String, Value>>,
}

fn two() -> u64 {
    2
}
fn default_eps() -> f64 {
    1e-12
}
fn default_act() -> String {
    "gelu".to_owned()
}
fn default_dropout() -> f64 {
    0.1
}

fn invalid(reason: impl Into<String>) -> ModelError {
    ModelError::invalid(FILE, reason)
}

/// A size between `min` and `max`, or an error that names the field.
fn size(name: &str, value: u64, min: u64, max: u64) -> Result<usize, ModelError> {
    if (min..=max).contains(&value) {
        Ok(value as usize)
    } else {
        Err(invalid(format!("`{name}` is {value}; it must lie between {min} and {max}")))
    }
}

fn probability(name: &str, value: f64) -> Result<f64, ModelError> {
    if (0.0..1.0).contains(&value) {
        Ok(value)
    } else {
        Err(invalid(format!("`{name}` is {value}; it must lie in [0, 1)")))
    }
}

impl ModelConfig {
    /// Reads and checks `config.json`.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] naming the field that is missing, of the wrong type, out of range,
    /// or of a kind that this crate does not implement.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ModelError> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|e| invalid(format!("not valid JSON ({e})")))?;
        let Value::Object(raw_map) = value else {
            return Err(invalid("a JSON object is expected"));
        };
        let raw: Raw = serde_json::from_value(Value::Object(raw_map.clone()))
            .map_err(|e| invalid(e.to_string()))?;
        if let Some(kind) = raw.model_type.as_deref().filter(|kind| *kind != "bert") {
            return Err(invalid(format!("`model_type` is `{kind}`; this version runs `bert`")));
        }
        if let Some(kind) = raw.position_embedding_type.as_deref().filter(|k| *k != "absolute") {
            return Err(invalid(format!("`position_embedding_type` `{kind}` is not supported")));
        }
        let encoder = Self::encoder(&raw)?;
        let pooling = match raw.classifier_pooling.as_deref() {
            Some("mean") => Pooling::Mean,
            Some("cls") => Pooling::Cls,
            Some(other) => {
                return Err(invalid(format!("`classifier_pooling` is `{other}`; use mean or cls")));
            }
            // Hugging Face's own BERT classifiers pool the first token and do not say so.
            None if raw.architectures.iter().any(|a| a == "BertForSequenceClassification") => {
                Pooling::Cls
            }
            None => Pooling::Mean,
        };
        if let Some(kind) =
            raw.problem_type.as_deref().filter(|k| *k != "multi_label_classification")
        {
            return Err(invalid(format!(
                "`problem_type` is `{kind}`; only multi_label_classification is supported"
            )));
        }
        let labels = raw.id2label.as_ref().map(labels_of).transpose()?;
        Ok(Self { encoder, pooling, labels, raw: raw_map })
    }

    fn encoder(raw: &Raw) -> Result<EncoderConfig, ModelError> {
        let hidden_size = size("hidden_size", raw.hidden_size, 1, 8_192)?;
        let num_attention_heads = size("num_attention_heads", raw.num_attention_heads, 1, 256)?;
        if !hidden_size.is_multiple_of(num_attention_heads) {
            return Err(invalid(format!(
                "`hidden_size` {hidden_size} is not a multiple of `num_attention_heads` {num_attention_heads}"
            )));
        }
        if !(raw.layer_norm_eps > 0.0 && raw.layer_norm_eps <= 0.1) {
            return Err(invalid(format!(
                "`layer_norm_eps` is {}; it must lie in (0, 0.1]",
                raw.layer_norm_eps
            )));
        }
        let hidden_act = match raw.hidden_act.as_str() {
            "gelu" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            other => return Err(invalid(format!("`hidden_act` `{other}` is not supported"))),
        };
        Ok(EncoderConfig {
            vocab_size: size("vocab_size", raw.vocab_size, 1, 1_000_000)?,
            hidden_size,
            num_hidden_layers: size("num_hidden_layers", raw.num_hidden_layers, 1, 96)?,
            num_attention_heads,
            intermediate_size: size("intermediate_size", raw.intermediate_size, 1, 65_536)?,
            max_position_embeddings: size(
                "max_position_embeddings",
                raw.max_position_embeddings,
                8,
                65_536,
            )?,
            type_vocab_size: size("type_vocab_size", raw.type_vocab_size, 1, 16)?,
            layer_norm_eps: raw.layer_norm_eps,
            hidden_act,
            hidden_dropout_prob: probability("hidden_dropout_prob", raw.hidden_dropout_prob)?,
            attention_probs_dropout_prob: probability(
                "attention_probs_dropout_prob",
                raw.attention_probs_dropout_prob,
            )?,
        })
    }

    /// The model's tokenizer, its limits held to the positions that the model has: a sequence's in
    /// tokens, and that of the context in it, which is at most half.
    ///
    /// # Errors
    /// [`TokenizerError`] as [`Tokenizer::from_json`].
    pub fn tokenizer(
        &self,
        bytes: &[u8],
        max_tokens: usize,
        max_context_tokens: usize,
    ) -> Result<Tokenizer, TokenizerError> {
        let max_tokens = max_tokens.min(self.encoder.max_position_embeddings);
        let max_context_tokens = max_context_tokens.min(max_tokens / 2);
        Tokenizer::from_json(bytes, self.encoder.vocab_size, max_tokens, max_context_tokens)
    }

    /// Number of rows of the classification head: categories, then denials where there are any.
    pub fn num_logits(&self) -> usize {
        self.labels.as_ref().map_or(0, |set| set.len() * if set.has_stance() { 2 } else { 1 })
    }

    /// The same configuration with another label set and pooling, as a trainer needs it.
    pub fn with_head(&self, labels: LabelSet, pooling: Pooling) -> Self {
        Self { labels: Some(labels), pooling, ..self.clone() }
    }

    /// The same configuration without a head, as an encoder alone is checked against.
    #[must_use]
    pub fn without_head(&self) -> Self {
        Self { labels: None, ..self.clone() }
    }

    /// The same configuration with the first `layers` layers only.
    pub fn with_layers(&self, layers: usize) -> Self {
        let mut config = self.clone();
        config.encoder.num_hidden_layers = layers.clamp(1, self.encoder.num_hidden_layers);
        config
    }

    /// Writes `config.json` after Hugging Face conventions; fields read but not used are kept.
    ///
    /// Logit rows are named in `id2label`: the categories, then `!category` for the logit that
    /// the stance is denied given the category.
    pub fn to_json(&self) -> String {
        let mut map = self.raw.clone();
        map.insert("model_type".into(), "bert".into());
        map.insert("num_hidden_layers".into(), self.encoder.num_hidden_layers.into());
        if let Some(labels) = &self.labels {
            let architecture = match self.pooling {
                Pooling::Mean => "FineprintForSequenceClassification",
                Pooling::Cls => "BertForSequenceClassification",
            };
            map.insert("architectures".into(), vec![architecture].into());
            map.insert("classifier_pooling".into(), self.pooling.as_str().into());
            map.insert("problem_type".into(), "multi_label_classification".into());
            let mut names: Vec<String> = labels.names().map(str::to_owned).collect();
            if labels.has_stance() {
                names.extend(labels.names().map(|n| format!("!{n}")));
            }
            let id2label: serde_json::Map<String, Value> =
                names.iter().enumerate().map(|(i, n)| (i.to_string(), n.as_str().into())).collect();
            let label2id: serde_json::Map<String, Value> =
                names.iter().enumerate().map(|(i, n)| (n.clone(), i.into())).collect();
            map.insert("id2label".into(), id2label.into());
            map.insert("label2id".into(), label2id.into());
        } else {
            map.insert("architectures".into(), vec!["BertModel"].into());
            for head in ["classifier_pooling", "problem_type", "id2label", "label2id"] {
                map.remove(head);
            }
        }
        let mut text = serde_json::to_string_pretty(&Value::Object(map)).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// The label set that `id2label` spells: names, then `!name` for every one of them, or names only.
fn labels_of(id2label: &serde_json::Map<String, Value>) -> Result<LabelSet, ModelError> {
    let mut names = Vec::with_capacity(id2label.len());
    for i in 0..id2label.len() {
        match id2label.get(&i.to_string()) {
            Some(Value::String(name)) => names.push(name.as_str()),
            _ => return Err(invalid(format!("`id2label` has no name for {i}"))),
        }
    }
    let first_denied = names.iter().position(|n| n.starts_with('!')).unwrap_or(names.len());
    let (categories, denied) = names.split_at(first_denied);
    let has_stance = !denied.is_empty();
    if has_stance
        && !denied.iter().map(|n| n.strip_prefix('!')).eq(categories.iter().map(|n| Some(*n)))
    {
        return Err(invalid("`id2label` must name all categories, then `!name` for each in order"));
    }
    LabelSet::new(categories, has_stance).map_err(|e| invalid(format!("`id2label`: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> serde_json::Map<String, Value> {
        let text = r#"{"model_type":"bert","vocab_size":100,"hidden_size":32,"num_hidden_layers":2,
            "num_attention_heads":4,"intermediate_size":64,"max_position_embeddings":64,
            "classifier_pooling":"mean","id2label":{"0":"a","1":"b","2":"!a","3":"!b"}}"#;
        serde_json::from_str(text).unwrap()
    }

    fn read(map: &serde_json::Map<String, Value>) -> Result<ModelConfig, ModelError> {
        ModelConfig::from_json(&serde_json::to_vec(map).unwrap())
    }

    #[test]
    fn a_config_survives_a_round_trip() {
        let config = read(&base()).unwrap();
        let again = ModelConfig::from_json(config.to_json().as_bytes()).unwrap();
        assert_eq!(config.encoder, again.encoder);
        assert_eq!(config.labels, again.labels);
        assert_eq!(again.num_logits(), 4);
        assert!(again.labels.unwrap().has_stance());
    }

    #[test]
    fn hostile_numbers_are_named() {
        for field in [
            "vocab_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "max_position_embeddings",
        ] {
            for value in [Value::from(0), Value::from(u64::MAX), Value::from(-1), "x".into()] {
                let mut map = base();
                map.insert(field.into(), value.clone());
                let error = read(&map).unwrap_err().to_string();
                assert!(error.starts_with("config.json: "), "{field}={value}: {error}");
            }
            let mut map = base();
            map.shift_remove(field);
            assert!(read(&map).unwrap_err().to_string().contains(field));
        }
        for (field, value) in [
            ("layer_norm_eps", Value::from(0.0)),
            ("num_attention_heads", Value::from(5)),
            ("hidden_dropout_prob", Value::from(1.0)),
            ("model_type", "t5".into()),
            ("hidden_act", "swish".into()),
            ("problem_type", "regression".into()),
            ("classifier_pooling", "max".into()),
        ] {
            let mut map = base();
            map.insert(field.into(), value);
            assert!(read(&map).unwrap_err().to_string().contains(field));
        }
    }

    #[test]
    fn label_rows_must_mirror_each_other() {
        let mut map = base();
        map.insert(
            "id2label".into(),
            serde_json::json!({"0": "a", "1": "b", "2": "!b", "3": "!a"}),
        );
        assert!(read(&map).is_err());
        map.insert("id2label".into(), serde_json::json!({"0": "a", "2": "b"}));
        assert!(read(&map).is_err());
        map.insert("id2label".into(), serde_json::json!({"0": "a", "1": "b"}));
        assert!(!read(&map).unwrap().labels.unwrap().has_stance());
    }
}
