//! Every encoder family against transformers: `tests/data/families`, made by `tests/tools/families.py`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Device;
use fineprint::classify::{Classifier, EngineKind, Options};
use fineprint::encode::{Batch, Encoded, Input};
use fineprint::model::{
    BertEncoder, CandleEngine, Engine, FastEngine, Kernel, Link, ModelConfig, Numbers, Precision,
    Weights, convert,
};
use serde::Deserialize;

use crate::support::sandbox::Sandbox;

const FAMILIES: [&str; 4] = ["bert", "distilbert", "mpnet", "roberta"];
/// How far a state, logit or probability may be from `PyTorch`'s.
const TOLERANCE: f32 = 1e-4;

#[derive(Deserialize)]
struct Expected {
    ids: Vec<IdCase>,
    texts: Vec<TextCase>,
}

#[derive(Deserialize)]
struct IdCase {
    ids: Vec<u32>,
    rows: Vec<usize>,
    columns: Vec<usize>,
    values: Vec<Vec<f32>>,
    logits: Vec<f32>,
}

#[derive(Deserialize)]
struct TextCase {
    context: String,
    text: String,
    ids: Vec<u32>,
    probabilities: Vec<f32>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/families")
}

fn expected(family: &str) -> Expected {
    let bytes = std::fs::read(root().join("expected.json")).unwrap();
    let mut all: BTreeMap<String, Expected> = serde_json::from_slice(&bytes).unwrap();
    all.remove(family).unwrap()
}

struct Model {
    config: ModelConfig,
    weights: Vec<u8>,
    candle: CandleEngine,
    expected: Expected,
}

fn model(family: &str) -> Model {
    let read = |name: &str| std::fs::read(root().join(family).join(name)).unwrap();
    let config = ModelConfig::from_json(&read("config.json")).unwrap();
    let weights = read("model.safetensors");
    let candle = CandleEngine::load(&config, &weights, &Device::Cpu).unwrap();
    Model { config, weights, candle, expected: expected(family) }
}

/// All sequences in one batch, or each alone.
fn batches(cases: &[IdCase], size: usize) -> impl Iterator<Item = (Batch, &[IdCase])> {
    cases.chunks(size).map(|cases| {
        // Segment ids other than 0 mean nothing to any family but BERT, which gets none here.
        let sequences =
            cases.iter().map(|c| Encoded { type_ids: vec![0; c.ids.len()], ids: c.ids.clone() });
        (Batch::pack(&sequences.collect::<Vec<_>>()), cases)
    })
}

fn distance(states: &[f32], width: usize, batch: &Batch, cases: &[IdCase]) -> f32 {
    let mut worst = 0f32;
    for (case, &start) in cases.iter().zip(&batch.cu_seqlens) {
        for (&row, values) in case.rows.iter().zip(&case.values) {
            for (&column, expected) in case.columns.iter().zip(values) {
                let got = states[(start as usize + row) * width + column];
                worst = worst.max((got - expected).abs());
            }
        }
    }
    worst
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn states_are_those_of_transformers_on_every_engine() {
    for family in FAMILIES {
        let model = model(family);
        let width = model.config.encoder.hidden_size;
        let cases = &model.expected.ids;
        assert!(cases.iter().any(|c| c.ids.len() > 120), "the far buckets are met");
        let weights =
            Weights::from_safetensors(&model.weights, &model.config, &candle_core::Device::Cpu);
        let encoder = BertEncoder::load(&model.config, &weights.unwrap()).unwrap().composed();
        for size in [1, cases.len()] {
            for (batch, cases) in batches(cases, size) {
                let states = model.candle.hidden_states(&batch).unwrap();
                let fused = distance(&states, width, &batch, cases);
                let padded = encoder.forward(&batch, None).unwrap().flatten_all().unwrap();
                let padded = distance(&padded.to_vec1::<f32>().unwrap(), width, &batch, cases);
                assert!(fused < TOLERANCE && padded < TOLERANCE, "{family}: {fused} {padded}");
                for kernel in Kernel::available() {
                    let load = |numbers| {
                        FastEngine::load(
                            &model.config,
                            &model.weights.clone().into(),
                            numbers,
                            kernel,
                        )
                        .unwrap()
                    };
                    let floats = load(Numbers::F32).hidden_states(&batch).unwrap();
                    let gap = distance(&floats, width, &batch, cases);
                    assert!(gap < TOLERANCE, "{family} {kernel}: {gap}");
                    let ints = load(Numbers::Int8).hidden_states(&batch).unwrap();
                    let cosine = cosine(&ints, &states);
                    assert!(cosine > 0.99, "{family} {kernel}: int8 has a cosine of {cosine}");
                }
            }
        }
    }
}

#[test]
fn mpnet_as_published_gives_the_states_that_transformers_gives() {
    let folder = std::env::var_os("FINEPRINT_MPNET").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../mpnet/model"),
        PathBuf::from,
    );
    let Ok(weights) = std::fs::read(folder.join("model.safetensors")) else {
        println!("skipped: no MPNet at {} (set FINEPRINT_MPNET)", folder.display());
        return;
    };
    let config = ModelConfig::from_json(&std::fs::read(folder.join("config.json")).unwrap());
    let config = config.unwrap().without_head();
    let tensors = Weights::from_safetensors(&weights, &config, &candle_core::Device::Cpu).unwrap();
    let encoder = BertEncoder::load(&config, &tensors).unwrap();
    let cases = expected("all-mpnet-base-v2").ids;
    assert_eq!(cases.len(), 20);
    let width = config.encoder.hidden_size;
    for (batch, cases) in batches(&cases, 20) {
        let states = encoder.forward(&batch, None).unwrap().flatten_all().unwrap();
        let states = states.to_vec1::<f32>().unwrap();
        let fused = distance(&states, width, &batch, cases);
        let load = |numbers| {
            FastEngine::load(&config, &weights.clone().into(), numbers, Kernel::best()).unwrap()
        };
        let floats = load(Numbers::F32).hidden_states(&batch).unwrap();
        let floats = distance(&floats, width, &batch, cases);
        let ints = load(Numbers::Int8).hidden_states(&batch).unwrap();
        let cosine = cosine(&ints, &states);
        println!("candle {fused:e}, f32 {floats:e}, int8 has a cosine of {cosine:.5}");
        assert!(fused < TOLERANCE && floats < TOLERANCE && cosine > 0.99);
    }
}

#[test]
fn logits_are_those_of_transformers() {
    for family in FAMILIES {
        let model = model(family);
        let fast = FastEngine::load(
            &model.config,
            &model.weights.clone().into(),
            Numbers::F32,
            Kernel::best(),
        )
        .unwrap();
        for (batch, cases) in batches(&model.expected.ids, 5) {
            for engine in [&model.candle as &dyn Engine, &fast] {
                let got = engine.logits(&batch).unwrap();
                assert!(got.denied.is_empty());
                let got = got.category.chunks(model.config.num_logits());
                for (got, case) in got.zip(cases) {
                    for (i, &logit) in got.iter().enumerate() {
                        // A softmax's log-odds are compared through the probability.
                        let (ours, theirs) = match model.config.link {
                            Link::Sigmoid => (logit, case.logits[i]),
                            Link::Softmax => {
                                let total: f32 = case.logits.iter().map(|l| l.exp()).sum();
                                (1.0 / (1.0 + (-logit).exp()), case.logits[i].exp() / total)
                            }
                        };
                        assert!((ours - theirs).abs() < TOLERANCE, "{family}: {ours} {theirs}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_converted_folder_gives_the_probabilities_of_transformers() {
    let sandbox = Sandbox::new();
    for family in FAMILIES {
        let from = root().join(family);
        let output = sandbox.run(&["convert", from.to_str().unwrap(), "--to", family]);
        assert_eq!(output.status, Some(0), "{}", output.stderr);
        let folder = sandbox.path().join(family);
        let source = folder.to_str().unwrap().parse().unwrap();
        for (engine, tolerance) in [
            (EngineKind::Candle, TOLERANCE),
            (EngineKind::F32, TOLERANCE),
            // Random weights in 32 dimensions are hard to round.
            (EngineKind::Int8, 0.1),
        ] {
            let options = Options { engine, threads: 1, ..Options::default() };
            let classifier = Classifier::load(&source, &options).unwrap();
            let tokenizer = std::fs::read(folder.join("tokenizer.json")).unwrap();
            let tokenizer = model(family).config.tokenizer(&tokenizer, 100, 40).unwrap();
            for case in &expected(family).texts {
                let encoded = tokenizer.encode(&case.text, &case.context).unwrap();
                assert_eq!(encoded.windows[0].ids, case.ids, "{family} {}", case.text);
                let rows = classifier.rows(&encoded.windows).unwrap();
                let got = classifier.merge(&rows).unwrap().category;
                assert_eq!(got.len(), case.probabilities.len());
                for (got, expected) in got.iter().zip(&case.probabilities) {
                    assert!(
                        (got - expected).abs() < tolerance,
                        "{family} {engine}: {got} {expected}"
                    );
                }
            }
            let input = Input::from("We never sell your personal information.");
            let scores = classifier.scores(&[input]).unwrap();
            assert!(
                (scores[0].category[0] - expected(family).texts[0].probabilities[0]).abs()
                    < tolerance
            );
        }
        // What was written is again what transformers would write: the same tensors.
        let written = std::fs::read(folder.join("model.safetensors")).unwrap();
        let names = |bytes: &[u8]| {
            let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
            let mut names: Vec<String> = file.names().into_iter().map(str::to_owned).collect();
            names.sort();
            names
        };
        let original = std::fs::read(from.join("model.safetensors")).unwrap();
        assert_eq!(names(&written), names(&original), "{family}");
    }
}

#[test]
fn int8_files_keep_their_family() {
    for family in FAMILIES {
        let model = model(family);
        let device = candle_core::Device::Cpu;
        let weights = Weights::from_safetensors(&model.weights, &model.config, &device).unwrap();
        let small = weights.to_safetensors(Precision::Int8).unwrap();
        assert!(small.len() < model.weights.len() / 2);
        let engine = CandleEngine::load(&model.config, &small, &Device::Cpu).unwrap();
        for (batch, _) in batches(&model.expected.ids, 16) {
            let (a, b) = (
                engine.hidden_states(&batch).unwrap(),
                model.candle.hidden_states(&batch).unwrap(),
            );
            assert!(cosine(&a, &b) > 0.999, "{family}: {}", cosine(&a, &b));
        }
    }
}

/// A copy of a family's folder to damage.
fn copy(sandbox: &Sandbox, family: &str) -> PathBuf {
    let folder = sandbox.path().join(format!("{family}-copy"));
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(root().join(family)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    folder
}

#[test]
fn what_cannot_be_converted_is_named_with_what_to_do() {
    let sandbox = Sandbox::new();
    let refused = |folder: &Path| convert::read(folder).unwrap_err().to_string();
    let change = |folder: &Path, from: &str, to: &str| {
        let path = folder.join("config.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    };
    let folder = copy(&sandbox, "mpnet");
    change(&folder, "\"model_type\": \"mpnet\"", "\"model_type\": \"deberta-v2\"");
    let error = refused(&folder);
    assert!(error.contains("`deberta-v2`") && error.contains("roberta"), "{error}");

    let folder = copy(&sandbox, "mpnet");
    change(&folder, "MPNetForSequenceClassification", "MPNetForTokenClassification");
    assert!(refused(&folder).contains("MPNetForTokenClassification"));

    let folder = copy(&sandbox, "mpnet");
    change(&folder, "single_label_classification", "regression");
    assert!(refused(&folder).contains("`regression`"));

    let folder = copy(&sandbox, "mpnet");
    std::fs::remove_file(folder.join("tokenizer.json")).unwrap();
    assert!(refused(&folder).contains("AutoTokenizer"));

    let folder = copy(&sandbox, "mpnet");
    std::fs::rename(folder.join("model.safetensors"), folder.join("pytorch_model.bin")).unwrap();
    let error = refused(&folder);
    assert!(error.contains("pytorch_model.bin") && error.contains("save_pretrained"), "{error}");
    std::fs::remove_file(folder.join("pytorch_model.bin")).unwrap();
    assert!(refused(&folder).contains("model.safetensors"));

    let folder = copy(&sandbox, "roberta");
    std::fs::copy(root().join("bert/model.safetensors"), folder.join("model.safetensors")).unwrap();
    assert!(refused(&folder).contains("missing"));
    let output = sandbox.run(&["convert", folder.to_str().unwrap(), "--to", "no"]);
    assert_eq!(output.status, Some(2), "{}", output.stderr);
    assert!(!sandbox.path().join("no").exists());
}
