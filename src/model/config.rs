//! `config.json`: read into checked numbers before Candle sees any of them.
//!
//! Candle panics on zero heads or sizes and on products that overflow, so every field has a range
//! here, and the weights are later compared with the shapes that follow from them.

use serde::Deserialize;
use serde_json::Value;

use super::ops::relative::BUCKETS;
use super::{Family, ModelError};
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
    /// The head of Hugging Face's classifiers: dense layer and tanh over the first token.
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

/// How a head's logits become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// A sigmoid each: a sentence may be about any number of categories.
    Sigmoid,
    /// A softmax over all: a sentence is of exactly one category.
    Softmax,
}

impl Link {
    /// The value of `problem_type` in `config.json`.
    pub fn problem_type(self) -> &'static str {
        match self {
            Self::Sigmoid => "multi_label_classification",
            Self::Softmax => "single_label_classification",
        }
    }
}

/// Sizes of a BERT-class encoder, all within sane ranges.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderConfig {
    /// What tells it apart from BERT.
    pub family: Family,
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
    /// Rows of the position embedding table; see [`EncoderConfig::max_tokens`].
    pub max_position_embeddings: usize,
    /// The row of that table for the first token.
    pub first_position: usize,
    /// Rows of the segment embedding table; 1 where the family has none.
    pub type_vocab_size: usize,
    /// Buckets of the biases by distance; 0 where the family has none.
    pub relative_buckets: usize,
    /// Epsilon of the layer norms.
    pub layer_norm_eps: f64,
    /// Activation of the feed-forward layer.
    pub hidden_act: Activation,
    /// Dropout after embeddings, attention output and feed-forward in training.
    pub hidden_dropout_prob: f64,
    /// Dropout on attention probabilities in training.
    pub attention_probs_dropout_prob: f64,
}

impl EncoderConfig {
    /// Longest sequence in tokens.
    pub fn max_tokens(&self) -> usize {
        self.max_position_embeddings - self.first_position
    }
}

/// A model's whole configuration.
#[derive(Debug, Clone)]
pub struct ModelConfig {
    /// The encoder.
    pub encoder: EncoderConfig,
    /// Pooling under the classification head.
    pub pooling: Pooling,
    /// What makes probabilities of the head's logits.
    pub link: Link,
    /// What the head was trained on; `None` for a bare encoder.
    pub labels: Option<LabelSet>,
    /// The file as read, so that fields we do not use survive a round trip.
    raw: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Raw {
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
    pad_token_id: Option<u64>,
    relative_attention_num_buckets: Option<u64>,
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
        let family = family_of(&raw_map)?;
        let mut fields = raw_map.clone();
        for (ours, theirs) in family.fields() {
            if let Some(value) = fields.remove(*theirs) {
                fields.insert((*ours).to_owned(), value);
            }
        }
        let raw: Raw =
            serde_json::from_value(Value::Object(fields)).map_err(|e| invalid(e.to_string()))?;
        if let Some(kind) = raw.position_embedding_type.as_deref().filter(|k| *k != "absolute") {
            return Err(invalid(format!("`position_embedding_type` `{kind}` is not supported")));
        }
        let encoder = Self::encoder(family, &raw)?;
        let is_foreign = raw.architectures.contains(&family.classifier_class());
        let pooling = match raw.classifier_pooling.as_deref() {
            Some("mean") => Pooling::Mean,
            Some("cls") => Pooling::Cls,
            Some(other) => {
                return Err(invalid(format!("`classifier_pooling` is `{other}`; use mean or cls")));
            }
            // Hugging Face's own classifiers pool the first token and do not say so.
            None if is_foreign => Pooling::Cls,
            None => Pooling::Mean,
        };
        let labels = raw.id2label.as_ref().map(labels_of).transpose()?;
        let link = match (raw.problem_type.as_deref(), &labels) {
            (Some("multi_label_classification"), _) => Link::Sigmoid,
            (Some("single_label_classification"), _) => Link::Softmax,
            (Some(kind), _) => {
                return Err(invalid(format!(
                    "`problem_type` is `{kind}`; only multi_label_classification and \
                     single_label_classification are supported"
                )));
            }
            // What transformers' text-classification pipeline does with a model that says nothing.
            (None, Some(labels)) if is_foreign && labels.len() > 1 && !labels.has_stance() => {
                Link::Softmax
            }
            (None, _) => Link::Sigmoid,
        };
        if link == Link::Softmax && labels.as_ref().is_some_and(|l| l.len() < 2 || l.has_stance()) {
            return Err(invalid(
                "`problem_type` single_label_classification needs two labels or more, none of them \
                 a `!name`: use multi_label_classification",
            ));
        }
        Ok(Self { encoder, pooling, link, labels, raw: raw_map })
    }

    fn encoder(family: Family, raw: &Raw) -> Result<EncoderConfig, ModelError> {
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
        let padding = size("pad_token_id", raw.pad_token_id.unwrap_or(1), 0, 1_000_000)?;
        let first_position = family.first_position(padding);
        let buckets = raw.relative_attention_num_buckets.unwrap_or(BUCKETS as u64);
        Ok(EncoderConfig {
            family,
            vocab_size: size("vocab_size", raw.vocab_size, 1, 1_000_000)?,
            hidden_size,
            num_hidden_layers: size("num_hidden_layers", raw.num_hidden_layers, 1, 96)?,
            num_attention_heads,
            intermediate_size: size("intermediate_size", raw.intermediate_size, 1, 65_536)?,
            max_position_embeddings: size(
                "max_position_embeddings",
                raw.max_position_embeddings,
                8 + first_position as u64,
                65_536,
            )?,
            first_position,
            type_vocab_size: if family.has_segments() {
                size("type_vocab_size", raw.type_vocab_size, 1, 16)?
            } else {
                1
            },
            relative_buckets: if family.has_relative_bias() {
                size("relative_attention_num_buckets", buckets, BUCKETS as u64, 1_024)?
            } else {
                0
            },
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
        let max_tokens = max_tokens.min(self.encoder.max_tokens());
        let max_context_tokens = max_context_tokens.min(max_tokens / 2);
        Tokenizer::from_json(bytes, self.encoder.vocab_size, max_tokens, max_context_tokens)
    }

    /// Number of rows of the classification head: categories, then denials where there are any.
    pub fn num_logits(&self) -> usize {
        self.labels.as_ref().map_or(0, |set| set.len() * if set.has_stance() { 2 } else { 1 })
    }

    /// The Python classes that the file names.
    pub fn architectures(&self) -> impl Iterator<Item = &str> {
        let all = self.raw.get("architectures").and_then(Value::as_array);
        all.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The same configuration with another label set, any of which may hold, and pooling, as a
    /// trainer needs it.
    pub fn with_head(&self, labels: LabelSet, pooling: Pooling) -> Self {
        Self { labels: Some(labels), pooling, link: Link::Sigmoid, ..self.clone() }
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
        let family = self.encoder.family;
        map.insert("model_type".into(), family.model_type().into());
        let layers = "num_hidden_layers";
        let layers =
            family.fields().iter().find(|(ours, _)| *ours == layers).map_or(layers, |f| f.1);
        map.insert(layers.into(), self.encoder.num_hidden_layers.into());
        if let Some(labels) = &self.labels {
            let architecture = match self.pooling {
                Pooling::Mean => "FineprintForSequenceClassification".to_owned(),
                Pooling::Cls => family.classifier_class(),
            };
            map.insert("architectures".into(), vec![architecture].into());
            map.insert("classifier_pooling".into(), self.pooling.as_str().into());
            map.insert("problem_type".into(), self.link.problem_type().into());
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
            map.insert("architectures".into(), vec![family.encoder_class()].into());
            for head in ["classifier_pooling", "problem_type", "id2label", "label2id"] {
                map.remove(head);
            }
        }
        let mut text = serde_json::to_string_pretty(&Value::Object(map)).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// The family that `model_type` names; BERT where there is none.
fn family_of(map: &serde_json::Map<String, Value>) -> Result<Family, ModelError> {
    let kind = match map.get("model_type") {
        None | Some(Value::Null) => return Ok(Family::Bert),
        Some(Value::String(kind)) => kind,
        Some(_) => return Err(invalid("`model_type` must be a string")),
    };
    Family::of(kind).ok_or_else(|| {
        let known: Vec<&str> = Family::ALL.into_iter().map(Family::model_type).collect();
        invalid(format!("`model_type` is `{kind}`; this version runs {}", known.join(", ")))
    })
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
    fn families_have_their_own_fields_and_limits() {
        let mut map = base();
        map.insert("model_type".into(), "mpnet".into());
        let config = read(&map).unwrap();
        assert_eq!((config.encoder.max_tokens(), config.encoder.relative_buckets), (62, 32));
        assert!(config.to_json().contains(r#""model_type": "mpnet""#));
        map.insert("model_type".into(), "roberta".into());
        map.insert("pad_token_id".into(), 0.into());
        assert_eq!(read(&map).unwrap().encoder.max_tokens(), 63);
        let distilled = r#"{"model_type":"distilbert","vocab_size":100,"dim":32,"n_layers":3,
            "n_heads":4,"hidden_dim":64,"max_position_embeddings":64,"activation":"relu"}"#;
        let config = ModelConfig::from_json(distilled.as_bytes()).unwrap();
        assert_eq!(config.encoder.hidden_act, Activation::Relu);
        let again = ModelConfig::from_json(config.with_layers(2).to_json().as_bytes()).unwrap();
        assert_eq!(again.encoder.num_hidden_layers, 2);
        map.insert("model_type".into(), "deberta-v2".into());
        let error = read(&map).unwrap_err().to_string();
        assert!(error.contains("`deberta-v2`") && error.contains("mpnet"), "{error}");
    }

    #[test]
    fn what_makes_probabilities_is_read_as_transformers_does() {
        let mut map = base();
        map.insert("id2label".into(), serde_json::json!({"0": "a", "1": "b"}));
        assert_eq!(read(&map).unwrap().link, Link::Sigmoid);
        map.insert("architectures".into(), serde_json::json!(["BertForSequenceClassification"]));
        assert_eq!(read(&map).unwrap().link, Link::Softmax);
        map.insert("problem_type".into(), "multi_label_classification".into());
        assert_eq!(read(&map).unwrap().link, Link::Sigmoid);
        map.insert("problem_type".into(), "single_label_classification".into());
        let config = read(&map).unwrap();
        let again = ModelConfig::from_json(config.to_json().as_bytes()).unwrap();
        assert_eq!(again.link, Link::Softmax);
        map.insert("id2label".into(), serde_json::json!({"0": "a"}));
        assert!(read(&map).unwrap_err().to_string().contains("two labels"));
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
