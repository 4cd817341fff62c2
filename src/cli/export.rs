//! `fineprint export`: a model as a plain Hugging Face folder in 32-bit floats.
//!
//! Beside the files that fineprint reads, the folder has what `transformers` (tokenizer settings) and
//! `sentence-transformers` (`modules.json`: encoder, pooling, linear layers) want, so that either, or
//! an engine that reads their folders, gets the same logits. The folder appears whole or not at all.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use candle_core::Device;
use serde_json::{Value, json};

use super::args::ExportArgs;
use super::exit::Exit;
use super::printer::Printer;
use crate::batch::AtomicFolder;
use crate::label::LabelSet;
use crate::model::{
    Family, Link, ModelConfig, ModelFiles, ModelSource, Pooling, Precision, Settings, Weights,
};

const CARD: &str = include_str!("card.md");
/// Special tokens by the names that `transformers` gives their roles: the first that the vocabulary
/// has.
const SPECIAL_TOKENS: [(&str, [&str; 2]); 5] = [
    ("unk_token", ["[UNK]", "<unk>"]),
    ("sep_token", ["[SEP]", "</s>"]),
    ("pad_token", ["[PAD]", "<pad>"]),
    ("cls_token", ["[CLS]", "<s>"]),
    ("mask_token", ["[MASK]", "<mask>"]),
];

/// Runs the verb.
pub(super) fn run(args: &ExportArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let to = args.to.display();
    let folder = model_folder(&args.to, args.force)?;
    let model = Model::read(&args.model.source())?;
    let write = |name: &str, bytes: &[u8]| {
        folder.write(name, bytes).with_context(|| format!("cannot write {name} of {to}"))
    };
    for (name, bytes) in model.files()? {
        write(&name, &bytes)?;
    }
    let name = args.to.file_name().map_or_else(|| to.to_string(), |n| n.to_string_lossy().into());
    write("README.md", model.card(&name, &args.model.source()).as_bytes())?;
    folder.commit().with_context(|| format!("cannot write {to}"))?;
    printer.note(format_args!("wrote model {} to {to}", model.files.origin));
    Ok(Exit::Done)
}

/// The folder to write a model to, which must be empty or, with `force`, a model itself.
pub(super) fn model_folder(path: &Path, force: bool) -> anyhow::Result<AtomicFolder> {
    let to = path.display();
    // --force on a wrong path must not cost anybody a home folder.
    if force && path.is_dir() && !is_empty(path) && !path.join("config.json").is_file() {
        bail!("cannot write {to}: it is not empty and does not look like a model (no config.json)");
    }
    AtomicFolder::create(path, force).map_err(|e| {
        let advice = if e.kind() == ErrorKind::AlreadyExists && path.is_dir() {
            "; --force replaces it"
        } else {
            ""
        };
        anyhow!("cannot write {to}: {e}{advice}")
    })
}

/// Writes the files of a model to the folder of that path, and makes it appear.
pub(super) fn write_model(
    folder: AtomicFolder,
    files: &ModelFiles,
    path: &Path,
) -> anyhow::Result<()> {
    let to = path.display();
    for (name, bytes) in files.each() {
        folder.write(name, bytes).with_context(|| format!("cannot write {name} of {to}"))?;
    }
    folder.commit().with_context(|| format!("cannot write {to}"))
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// A model, read and checked.
struct Model {
    files: ModelFiles,
    config: ModelConfig,
    labels: LabelSet,
    settings: Settings,
    weights: Weights,
    tokenizer: Value,
}

impl Model {
    fn read(source: &ModelSource) -> anyhow::Result<Self> {
        let files = ModelFiles::read(source)?;
        let config = ModelConfig::from_json(&files.config)?;
        let labels = config.labels.clone().with_context(|| {
            format!("model {} has no labels: it is a bare encoder", files.origin)
        })?;
        let settings = match &files.settings {
            Some(bytes) => Settings::from_json(bytes)?,
            None => Settings::default(),
        };
        settings.resolve(&labels)?;
        let weights = Weights::from_safetensors(&files.weights, &config, &Device::Cpu)?;
        let tokenizer = serde_json::from_slice(&files.tokenizer).context("tokenizer.json")?;
        Ok(Self { files, config, labels, settings, weights, tokenizer })
    }

    /// Longest input in tokens.
    fn max_tokens(&self) -> usize {
        self.settings.max_tokens.min(self.config.encoder.max_tokens())
    }

    /// Everything but the card, by name.
    fn files(&self) -> anyhow::Result<Vec<(String, Cow<'_, [u8]>)>> {
        let mut files: Vec<(String, Cow<'_, [u8]>)> = vec![
            ("config.json".into(), Cow::Owned(self.config.to_json().into_bytes())),
            ("fineprint.json".into(), Cow::Owned(self.settings.to_json().into_bytes())),
            ("tokenizer.json".into(), Cow::Borrowed(&*self.files.tokenizer)),
            ("model.safetensors".into(), Cow::Owned(self.weights.to_safetensors(Precision::F32)?)),
        ];
        let mut add = |name: &str, value: &Value| {
            let text = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
            files.push((name.into(), Cow::Owned(text.into_bytes())));
        };
        add("tokenizer_config.json", &self.tokenizer_config());
        add("special_tokens_map.json", &Value::Object(self.special_tokens()));
        let limit = json!({"max_seq_length": self.max_tokens(), "do_lower_case": false});
        add("sentence_bert_config.json", &limit);
        let dense = self.dense();
        let mut modules = vec![
            json!({"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}),
            json!({"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}),
        ];
        for (i, layer) in dense.iter().enumerate() {
            let index = i + 2;
            modules.push(json!({"idx": index, "name": index.to_string(), "path": layer.path,
                "type": "sentence_transformers.models.Dense"}));
        }
        add("modules.json", &Value::Array(modules));
        add("1_Pooling/config.json", &self.pooling());
        for layer in &dense {
            let [rows, columns] = *self.weights.get(&format!("{}.weight", layer.tensor))?.dims()
            else {
                return Err(anyhow!("tensor `{}.weight` is no matrix", layer.tensor));
            };
            add(
                &format!("{}/config.json", layer.path),
                &json!({"in_features": columns, "out_features": rows, "bias": true,
                    "activation_function": layer.activation}),
            );
        }
        for layer in &dense {
            files.push((format!("{}/model.safetensors", layer.path), self.linear(layer)?.into()));
        }
        if let Some(vocabulary) = self.vocabulary() {
            files.push(("vocab.txt".into(), Cow::Owned(vocabulary.into_bytes())));
        }
        Ok(files)
    }

    /// The linear layers over the pooled state.
    fn dense(&self) -> Vec<Dense> {
        let classifier = |path| Dense {
            path,
            tensor: "classifier",
            activation: "torch.nn.modules.linear.Identity",
        };
        match self.config.pooling {
            Pooling::Mean => vec![classifier("2_Dense")],
            // The heads of transformers begin with a linear layer over the first token's state.
            Pooling::Cls => vec![
                Dense {
                    path: "2_Dense",
                    tensor: "pooler.dense",
                    activation: if self.config.encoder.family.pools_with_relu() {
                        "torch.nn.modules.activation.ReLU"
                    } else {
                        "torch.nn.modules.activation.Tanh"
                    },
                },
                classifier("3_Dense"),
            ],
        }
    }

    /// A layer's weights as sentence-transformers names them.
    fn linear(&self, layer: &Dense) -> anyhow::Result<Vec<u8>> {
        let mut tensors = BTreeMap::new();
        for part in ["weight", "bias"] {
            let tensor = self.weights.get(&format!("{}.{part}", layer.tensor))?;
            tensors.insert(format!("linear.{part}"), tensor.clone());
        }
        Ok(Weights::new(tensors).to_safetensors(Precision::F32)?)
    }

    fn pooling(&self) -> Value {
        json!({
            "word_embedding_dimension": self.config.encoder.hidden_size,
            "pooling_mode_cls_token": self.config.pooling == Pooling::Cls,
            "pooling_mode_mean_tokens": self.config.pooling == Pooling::Mean,
            "pooling_mode_max_tokens": false,
            "pooling_mode_mean_sqrt_len_tokens": false,
        })
    }

    /// The tokenizer's vocabulary, token to id.
    fn tokens(&self) -> Option<&serde_json::Map<String, Value>> {
        self.tokenizer.get("model")?.get("vocab")?.as_object()
    }

    fn special_tokens(&self) -> serde_json::Map<String, Value> {
        let Some(tokens) = self.tokens() else { return serde_json::Map::new() };
        let known = SPECIAL_TOKENS.iter().filter_map(|(role, names)| {
            let token = names.iter().find(|token| tokens.contains_key(**token))?;
            Some(((*role).to_owned(), Value::from(*token)))
        });
        known.collect()
    }

    /// Whether transformers has a class for the tokenizer that is BERT's own.
    fn is_word_piece(&self) -> bool {
        self.tokenizer["model"]["type"] == "WordPiece"
            && matches!(self.config.encoder.family, Family::Bert | Family::DistilBert)
    }

    fn tokenizer_config(&self) -> Value {
        let mut map = self.special_tokens();
        let class = if self.is_word_piece() { "BertTokenizer" } else { "PreTrainedTokenizerFast" };
        map.insert("tokenizer_class".into(), class.into());
        map.insert("model_max_length".into(), self.max_tokens().into());
        if !self.config.encoder.family.reads_segments() {
            map.insert("model_input_names".into(), json!(["input_ids", "attention_mask"]));
        }
        if self.is_word_piece() {
            let normalizer = &self.tokenizer["normalizer"];
            let flag = |name: &str, default| normalizer[name].as_bool().unwrap_or(default);
            map.insert("do_lower_case".into(), flag("lowercase", true).into());
            map.insert("tokenize_chinese_chars".into(), flag("handle_chinese_chars", true).into());
            map.insert("strip_accents".into(), normalizer["strip_accents"].clone());
        }
        Value::Object(map)
    }

    /// `vocab.txt`: the tokens in the order of their ids, where these have no gap.
    fn vocabulary(&self) -> Option<String> {
        let tokens = self.tokens().filter(|_| self.is_word_piece())?;
        let mut by_id: Vec<(u64, &str)> = Vec::with_capacity(tokens.len());
        for (token, id) in tokens {
            by_id.push((id.as_u64()?, token));
        }
        by_id.sort_unstable();
        let is_dense = by_id.iter().enumerate().all(|(i, (id, _))| i as u64 == *id);
        let mut text = String::new();
        for (_, token) in &by_id {
            text.push_str(token);
            text.push('\n');
        }
        is_dense.then_some(text)
    }

    /// The model card.
    fn card(&self, folder: &str, source: &ModelSource) -> String {
        let settings = &self.settings;
        let context = serde_json::to_value(settings.context).unwrap_or_default();
        let (pooling, class, run) = match self.config.pooling {
            Pooling::Mean => ("mean", "AutoModel", RUN_MEAN),
            Pooling::Cls => ("first-token", "AutoModelForSequenceClassification", RUN_CLS),
        };
        let outputs = match self.config.link {
            Link::Softmax => SOFTMAX,
            Link::Sigmoid if self.labels.has_stance() => WITH_STANCE,
            Link::Sigmoid => WITHOUT_STANCE,
        };
        let (license, licence) = if *source == ModelSource::Embedded {
            ("\nlicense: apache-2.0\nbase_model: sentence-transformers/all-MiniLM-L6-v2", EMBEDDED)
        } else {
            ("", "That of the model that it was made from.")
        };
        let language = match settings.language.as_str() {
            "" => String::new(),
            code => format!(" in the language `{code}`"),
        };
        let dense = self.dense().last().map_or("", |layer| layer.path);
        let values: [(&str, &str); 17] = [
            ("{license}", license),
            ("{version}", env!("CARGO_PKG_VERSION")),
            ("{origin}", &self.files.origin),
            ("{digest}", &self.files.digest()),
            ("{family}", self.config.encoder.family.model_type()),
            ("{pooling}", pooling),
            ("{logits}", &self.config.num_logits().to_string()),
            ("{language}", &language),
            ("{outputs}", outputs),
            ("{table}", &self.table()),
            ("{context}", context.as_str().unwrap_or_default()),
            ("{max_tokens}", &self.max_tokens().to_string()),
            ("{class}", class),
            ("{run}", run),
            ("{folder}", folder),
            ("{dense}", dense),
            ("{licence}", licence),
        ];
        values.iter().fold(CARD.to_owned(), |card, (name, value)| card.replace(name, value))
    }

    fn table(&self) -> String {
        let mut table = String::from(
            "| category | offset | temperature | threshold | stance offset | stance temperature | \
             stance threshold |\n|---|---|---|---|---|---|---|\n",
        );
        for name in self.labels.names() {
            let c = self.settings.categories.get(name).copied().unwrap_or_default();
            let _ = writeln!(
                table,
                "| `{name}` | {} | {} | {} | {} | {} | {} |",
                c.offset,
                c.temperature,
                c.threshold,
                c.stance_offset,
                c.stance_temperature,
                c.stance_threshold
            );
        }
        table.trim_end().to_owned()
    }
}

/// A linear layer over the pooled state.
struct Dense {
    /// Its folder.
    path: &'static str,
    /// Its tensors in our weights, without `.weight` and `.bias`.
    tensor: &'static str,
    /// The Python class of its activation.
    activation: &'static str,
}

/// How the logits of a mean over the tokens come about in Python.
const RUN_MEAN: &str = "states = model(**inputs).last_hidden_state
pooled = states.mean(dim=1)  # of one sentence, unpadded
head = safetensors.torch.load_file(\"{folder}/model.safetensors\")
logits = pooled @ head[\"classifier.weight\"].T + head[\"classifier.bias\"]";

/// How those of transformers' own heads do.
const RUN_CLS: &str = "logits = model(**inputs).logits";

const SOFTMAX: &str = "A sentence is of one category: there is one logit for each, and a softmax over all \
gives P(category).\nWith `o` for a logit minus the logarithm of the sum of the others' exponentials, \
P(category) =\nsigmoid((o + offset) / temperature). A sentence is given the category when that reaches \
the threshold.";

const WITH_STANCE: &str = "For each category there are two logits: that the sentence is about it, and, \
named `!category`,\nthat it denies it, given that it is about it. Both are read through sigmoids:\n\n\
```\nP(category)          = sigmoid((logit[category] + offset) / temperature)\n\
P(denied | category) = sigmoid((logit[!category] + stance_offset) / stance_temperature)\n```\n\n\
A sentence says something about a category when P(category) reaches the threshold; it denies it \
when\nP(denied | category) reaches the stance threshold, else it asserts it.";

const WITHOUT_STANCE: &str = "For each category there is one logit, read through a sigmoid: P(category) \
= sigmoid((logit +\noffset) / temperature). A sentence is about the category when that reaches the threshold.";

const EMBEDDED: &str = "Apache-2.0. The encoder is sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), \
trained further by\nthe fineprint developers on labelled sentences recorded by Open Terms Archive \
(ODC-BY 1.0: contains\ninformation from Open Terms Archive, made available by the Open Terms Archive \
contributors).";
