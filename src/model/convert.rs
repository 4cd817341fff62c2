//! A Hugging Face sequence-classification folder as a model of ours.
//!
//! The configuration says what transformers leaves unsaid (pooling, what makes probabilities of the
//! logits); the tokenizer is taken as it is, or made of a `vocab.txt`; of the tensors those stay that
//! the configuration asks for.

use std::path::Path;

use candle_core::Device;
use serde_json::{Map, Value, json};

use super::folder::{CONFIG, TOKENIZER, WEIGHTS, read_limited};
use super::{Family, ModelConfig, ModelError, ModelFiles, Precision, Settings, Weights};
use crate::encode::Context;

const PYTORCH: &str = "pytorch_model.bin";
const SHARDS: &str = "model.safetensors.index.json";

/// A classifier that was read, checked, and can be written.
#[derive(Debug)]
pub struct Converted {
    /// Its configuration, complete.
    pub config: ModelConfig,
    /// `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// Its tensors.
    pub weights: Weights,
    /// Longest input in tokens.
    pub max_tokens: usize,
    origin: String,
}

/// Reads `config.json`, `tokenizer.json` (or `vocab.txt`) and `model.safetensors` of a folder.
///
/// # Errors
/// [`ModelError`] naming the file, what is wrong with it and, where it helps, what to do: the folder
/// is of another encoder or task, has weights in another format, or its files do not fit together.
pub fn read(folder: &Path) -> Result<Converted, ModelError> {
    let config = ModelConfig::from_json(&read_limited(&folder.join(CONFIG.0), CONFIG)?)?;
    let class = config.encoder.family.classifier_class();
    if let Some(other) = config.architectures().find(|&a| a != class && a != OURS) {
        let reason = format!("the folder is a `{other}`; a `{class}` can be converted");
        return Err(ModelError::invalid(CONFIG.0, reason));
    }
    if config.labels.is_none() {
        let reason = "`id2label` is missing: it is an encoder without a classifier, which `fineprint \
                      train --init` can start from";
        return Err(ModelError::invalid(CONFIG.0, reason));
    }
    let tokenizer = tokenizer(folder, config.encoder.family)?;
    let max_tokens = config.encoder.max_tokens();
    config
        .tokenizer(&tokenizer, max_tokens, 0)
        .map_err(|e| ModelError::invalid(TOKENIZER.0, without_name(&e.to_string())))?;
    let weights = Weights::from_safetensors(&weights(folder)?, &config, &Device::Cpu)?;
    let origin = folder.display().to_string();
    Ok(Converted { config, tokenizer, weights, max_tokens, origin })
}

/// The architecture that our own folders name where transformers has none.
const OURS: &str = "FineprintForSequenceClassification";

impl Converted {
    /// The files of the model: sentences are read without context, since the classifier never saw
    /// any. `language` is what it reads, an ISO 639-1 code; empty for any.
    ///
    /// # Errors
    /// [`ModelError`] when the tensors cannot be written.
    pub fn files(&self, precision: Precision, language: &str) -> Result<ModelFiles, ModelError> {
        let settings = Settings {
            language: language.to_owned(),
            context: Context::None,
            max_tokens: self.max_tokens,
            max_context_tokens: 0,
            ..Settings::default()
        };
        Ok(ModelFiles {
            config: self.config.to_json().into_bytes().into(),
            tokenizer: self.tokenizer.clone().into(),
            weights: self.weights.to_safetensors(precision)?.into(),
            settings: Some(settings.to_json().into_bytes().into()),
            origin: self.origin.clone(),
        })
    }
}

fn weights(folder: &Path) -> Result<Vec<u8>, ModelError> {
    let has = |name: &str| folder.join(name).exists();
    let again = |extra: &str| {
        format!(
            "python3 -c \"from transformers import AutoModelForSequenceClassification as M; p='{}'; \
             M.from_pretrained(p).save_pretrained(p{extra})\"",
            folder.display()
        )
    };
    if !has(WEIGHTS.0) && has(PYTORCH) {
        let reason = format!(
            "the folder has only {PYTORCH}, a pickle, which can run code and is never read; write \
             safetensors with: {}",
            again("")
        );
        return Err(ModelError::invalid(WEIGHTS.0, reason));
    }
    if !has(WEIGHTS.0) && has(SHARDS) {
        let reason = format!(
            "the weights are in several files; write one with: {}",
            again(", max_shard_size='9GB'")
        );
        return Err(ModelError::invalid(WEIGHTS.0, reason));
    }
    read_limited(&folder.join(WEIGHTS.0), WEIGHTS)
}

fn tokenizer(folder: &Path, family: Family) -> Result<Vec<u8>, ModelError> {
    let path = folder.join(TOKENIZER.0);
    if path.exists() {
        return read_limited(&path, TOKENIZER);
    }
    let vocabulary = folder.join("vocab.txt");
    if matches!(family, Family::Bert | Family::DistilBert) && vocabulary.exists() {
        let text = read_limited(&vocabulary, ("vocab.txt", TOKENIZER.1))?;
        let settings = folder.join("tokenizer_config.json");
        let settings = if settings.exists() {
            read_limited(&settings, ("tokenizer_config.json", 1 << 20))?
        } else {
            b"{}".to_vec()
        };
        return word_piece(&text, &settings);
    }
    let reason = format!(
        "the folder has none; write it with: python3 -c \"from transformers import AutoTokenizer as T; \
         p='{}'; T.from_pretrained(p, use_fast=True).save_pretrained(p)\"",
        folder.display()
    );
    Err(ModelError::invalid(TOKENIZER.0, reason))
}

/// BERT's tokenizer of a `vocab.txt`, a token a line, with the flags of `tokenizer_config.json`.
fn word_piece(vocabulary: &[u8], settings: &[u8]) -> Result<Vec<u8>, ModelError> {
    let text = std::str::from_utf8(vocabulary)
        .map_err(|e| ModelError::invalid(TOKENIZER.0, format!("vocab.txt is not UTF-8: {e}")))?;
    let settings: Value = serde_json::from_slice(settings).map_err(|e| {
        ModelError::invalid(TOKENIZER.0, format!("tokenizer_config.json is not JSON: {e}"))
    })?;
    let mut ids = Map::new();
    for (id, token) in text.lines().enumerate() {
        ids.insert(token.to_owned(), id.into());
    }
    let special = |token: &str| {
        ids.get(token).cloned().ok_or_else(|| {
            ModelError::invalid(TOKENIZER.0, format!("vocab.txt has no token `{token}`"))
        })
    };
    let mut added = Vec::new();
    for token in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] {
        added.push(json!({"id": special(token)?, "content": token, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false, "special": true}));
    }
    added.sort_by_key(|token| token["id"].as_u64());
    let place = |token: &str, kind: u32| json!({"SpecialToken": {"id": token, "type_id": kind}});
    let segment = |id: &str, kind: u32| json!({"Sequence": {"id": id, "type_id": kind}});
    let known = |token: &str| {
        Ok::<_, ModelError>(json!({"id": token, "ids": [special(token)?], "tokens": [token]}))
    };
    let flag = |name: &str, default: bool| settings[name].as_bool().unwrap_or(default);
    let value = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": true,
            "handle_chinese_chars": flag("tokenize_chinese_chars", true),
            "strip_accents": settings["strip_accents"].as_bool(),
            "lowercase": flag("do_lower_case", true)},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [place("[CLS]", 0), segment("A", 0), place("[SEP]", 0)],
            "pair": [place("[CLS]", 0), segment("A", 0), place("[SEP]", 0), segment("B", 1),
                place("[SEP]", 1)],
            "special_tokens": {"[CLS]": known("[CLS]")?, "[SEP]": known("[SEP]")?}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": ids},
    });
    Ok(value.to_string().into_bytes())
}

/// A tokenizer's error without the file's name, which is put before it again.
fn without_name(error: &str) -> &str {
    error.strip_prefix("tokenizer.json: ").unwrap_or(error)
}
