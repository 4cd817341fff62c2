//! The bodies of text-embeddings-inference (`router/src/http/types.rs` and `router/src/lib.rs` of
//! its repository, commit 0d124dc). Fields that it does not know are passed over, as there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::super::super::error::ApiError;
use super::super::super::settings::Limits;
use super::super::classify::VISIBLE;
use super::all_labels;
use crate::classify::Classifier;
use crate::encode::Token;

/// Texts to predict.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"inputs": "We never sell your personal information."}))]
pub(in crate::serve) struct PredictRequest {
    /// A text, a pair, or a batch of lists of one or two texts.
    pub(super) inputs: PredictInput,
    /// Cut texts over the model's limit; refuse them with false. They are read in windows when
    /// this is left out.
    #[serde(default)]
    pub(super) truncate: Option<bool>,
    /// Which end is cut off.
    #[serde(default)]
    pub(super) truncation_direction: TruncationDirection,
    /// Answer logits instead of probabilities.
    #[serde(default)]
    pub(super) raw_scores: bool,
    /// What the hub's clients send; the answer is then a list of lists.
    #[serde(default)]
    pub(super) parameters: Option<Parameters>,
}

/// A text, a pair `[first, second]`, or a batch `[[text], [first, second], …]`.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a string, a pair of strings [string, string] or a batch of mixed strings and \
                 pairs [[string], [string, string], ...]"
)]
pub(super) enum PredictInput {
    Single(String),
    Pair(Vec<String>),
    Batch(Vec<Vec<String>>),
}

impl PartialSchema for PredictInput {
    fn schema() -> RefOr<Schema> {
        let pair = || ArrayBuilder::new().items(visible()).min_items(Some(1)).max_items(Some(2));
        let batch = ArrayBuilder::new().items(pair()).min_items(Some(1));
        OneOfBuilder::new().item(visible()).item(pair()).item(batch).into()
    }
}

impl ToSchema for PredictInput {}

/// A string with something to read.
fn visible() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(VISIBLE))
}

impl PredictInput {
    /// Pairs of an introduction (empty for none) and a text, and whether they are a batch.
    pub(super) fn sequences(self) -> Result<(Vec<(String, String)>, bool), ApiError> {
        let one = |mut texts: Vec<String>| match (texts.pop(), texts.pop(), texts.len()) {
            (Some(text), None, 0) => Ok((String::new(), text)),
            (Some(second), Some(first), 0) => Ok((first, second)),
            _ => Err(ApiError::unprocessable(
                "invalid_request",
                "`inputs` are texts, pairs, or a batch of lists of one or two texts",
            )),
        };
        match self {
            Self::Single(text) => Ok((vec![(String::new(), text)], false)),
            Self::Pair(texts) if texts.is_empty() => {
                Err(ApiError::bad_request("empty", "`inputs` cannot be empty"))
            }
            Self::Pair(texts) => Ok((vec![one(texts)?], false)),
            Self::Batch(batch) => Ok((batch.into_iter().map(one).collect::<Result<_, _>>()?, true)),
        }
    }
}

/// An end of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub(super) enum TruncationDirection {
    #[serde(alias = "left")]
    Left,
    #[default]
    #[serde(alias = "right")]
    Right,
}

/// Parameters of a text-classification pipeline.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(super) struct Parameters {
    /// What turns logits into scores.
    #[serde(default)]
    pub(super) function_to_apply: Option<Function>,
    /// How many labels to answer.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub(super) top_k: Option<usize>,
}

/// What turns logits into scores; no softmax, for labels are independent of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Function {
    Sigmoid,
    None,
}

/// A label with its score.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(in crate::serve) struct Prediction {
    pub(in crate::serve) score: f32,
    /// The category, with `!` before it where it is denied.
    #[schema(example = "!data-sale")]
    pub(in crate::serve) label: String,
}

/// Labels of one text, or of each of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::serve) enum PredictResponse {
    Single(Vec<Prediction>),
    Batch(Vec<Vec<Prediction>>),
}

/// Texts to tokenise.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::serve) struct TokenizeRequest {
    pub(super) inputs: TokenizeInput,
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub(super) add_special_tokens: bool,
    /// The model has no prompts: null.
    #[serde(default)]
    #[schema(schema_with = null)]
    pub(super) prompt_name: Option<String>,
}

fn null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Null)
}

fn yes() -> bool {
    true
}

/// A text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a string or a list of strings")]
pub(super) enum TokenizeInput {
    Single(String),
    Batch(Vec<String>),
}

impl PartialSchema for TokenizeInput {
    fn schema() -> RefOr<Schema> {
        let list = ArrayBuilder::new().items(visible()).min_items(Some(1));
        OneOfBuilder::new().item(visible()).item(list).into()
    }
}

impl ToSchema for TokenizeInput {}

impl TokenizeInput {
    pub(super) fn into_list(self) -> Vec<String> {
        match self {
            Self::Single(text) => vec![text],
            Self::Batch(texts) => texts,
        }
    }
}

/// Tokens of each text.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct TokenizeResponse(pub(super) Vec<Vec<SimpleToken>>);

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SimpleToken {
    id: u32,
    text: String,
    special: bool,
    /// Offset in the text's bytes; null for a special token.
    start: Option<usize>,
    /// Offset of the first byte after it.
    stop: Option<usize>,
}

impl SimpleToken {
    pub(super) fn new(token: Token, text: &str) -> Self {
        let Token { id, piece, range } = token;
        let text = match &range {
            Some(range) => text.get(range.clone()).unwrap_or_default().to_owned(),
            None => piece,
        };
        let (start, stop) = (range.as_ref().map(|r| r.start), range.as_ref().map(|r| r.end));
        Self { id, text, special: range.is_none(), start, stop }
    }
}

/// The served model and the server's limits.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct Info {
    model_id: String,
    /// SHA-256 over the model's files.
    model_sha: Option<String>,
    /// `int8`, `f32` or `candle`.
    model_dtype: String,
    served_model_name: String,
    model_type: ModelType,
    max_concurrent_requests: usize,
    max_input_length: usize,
    max_batch_tokens: usize,
    max_batch_requests: Option<usize>,
    max_client_batch_size: usize,
    auto_truncate: bool,
    tokenization_workers: usize,
    version: String,
    sha: Option<String>,
    docker_label: Option<String>,
}

/// What the model is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ModelType {
    Classifier(Labels),
}

/// The labels by number and by name.
#[derive(Debug, Serialize, ToSchema)]
struct Labels {
    id2label: BTreeMap<String, String>,
    label2id: BTreeMap<String, usize>,
}

impl Info {
    pub(super) fn new(classifier: &Classifier, name: &str, limits: &Limits) -> Self {
        let labels = classifier.labels();
        let names: Vec<String> = all_labels(classifier).map(|l| labels.format(l)).collect();
        Self {
            model_id: classifier.origin().to_owned(),
            model_sha: Some(classifier.digest().to_owned()),
            model_dtype: classifier.engine_kind().to_string(),
            served_model_name: name.to_owned(),
            model_type: ModelType::Classifier(Labels {
                id2label: names
                    .iter()
                    .enumerate()
                    .map(|(i, l)| (i.to_string(), l.clone()))
                    .collect(),
                label2id: names.iter().enumerate().map(|(i, l)| (l.clone(), i)).collect(),
            }),
            max_concurrent_requests: limits.requests,
            max_input_length: classifier.tokenizer().max_tokens(),
            max_batch_tokens: limits.batch_tokens,
            max_batch_requests: None,
            max_client_batch_size: limits.texts,
            // Texts over the limit are not refused unless asked for: they are read in windows.
            auto_truncate: true,
            tokenization_workers: classifier.threads(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sha: None,
            docker_label: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequences(json: &str) -> Option<(Vec<(String, String)>, bool)> {
        serde_json::from_str::<PredictInput>(json).ok()?.sequences().ok()
    }

    #[test]
    fn inputs_are_told_apart_as_text_embeddings_inference_does() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(sequences(r#""a""#), Some((vec![pair("", "a")], false)));
        assert_eq!(sequences(r#"["a"]"#), Some((vec![pair("", "a")], false)));
        assert_eq!(sequences(r#"["a", "b"]"#), Some((vec![pair("a", "b")], false)));
        assert_eq!(sequences(r#"[["a"]]"#), Some((vec![pair("", "a")], true)));
        let mixed = Some((vec![pair("", "a"), pair("b", "c")], true));
        assert_eq!(sequences(r#"[["a"], ["b", "c"]]"#), mixed);
        for wrong in ["[]", "[[]]", r#"["a","b","c"]"#, r#"["a",["b"]]"#, r#"[["a"],"b"]"#, "3"] {
            assert_eq!(sequences(wrong), None, "{wrong}");
        }
    }
}
