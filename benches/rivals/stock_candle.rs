//! Stock `candle-transformers` over a file of sentences: a rival of the comparison in `run.sh`.
//!
//! `stock-candle MODEL SENTENCES BATCH WORKERS sorted|natural REPEAT [STATES]` prints the seconds of
//! each repetition as JSON; `STATES` gets the hidden states of all tokens in the order of the file.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use tokenizers::{PaddingParams, Tokenizer, TruncationParams};

/// As fineprint reads the shipped model.
const MOST_TOKENS: usize = 256;

struct Encoder {
    model: BertModel,
    tokenizer: Tokenizer,
}

/// States of the sentences of one batch.
type Found = Vec<(usize, Vec<f32>)>;

impl Encoder {
    fn load(folder: &Path) -> Result<Self> {
        let config: Config = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
        let weights = std::fs::read(folder.join("model.safetensors"))?;
        let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
        let model = BertModel::load(weights, &config)?;
        let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json"))
            .map_err(|e| anyhow!("tokenizer.json: {e}"))?;
        tokenizer.with_padding(Some(PaddingParams::default()));
        let truncation = TruncationParams { max_length: MOST_TOKENS, ..Default::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(|e| anyhow!("truncation: {e}"))?;
        Ok(Self { model, tokenizer })
    }

    fn run(&self, texts: &[&str], batch: &[usize], keep: bool) -> Result<Found> {
        let batch_texts: Vec<&str> = batch.iter().map(|&i| texts[i]).collect();
        let encodings = self
            .tokenizer
            .encode_batch_fast(batch_texts, true)
            .map_err(|e| anyhow!("cannot tokenise: {e}"))?;
        let length = encodings.first().map_or(0, |e| e.get_ids().len());
        let tensor =
            |values: Vec<u32>| Tensor::from_vec(values, (encodings.len(), length), &Device::Cpu);
        let ids = tensor(encodings.iter().flat_map(|e| e.get_ids().to_vec()).collect())?;
        let types = tensor(encodings.iter().flat_map(|e| e.get_type_ids().to_vec()).collect())?;
        let mask =
            tensor(encodings.iter().flat_map(|e| e.get_attention_mask().to_vec()).collect())?;
        let states = self.model.forward(&ids, &types, Some(&mask))?;
        if !keep {
            return Ok(Vec::new());
        }
        let rows = states.to_vec3::<f32>()?;
        Ok(batch
            .iter()
            .zip(rows)
            .zip(&encodings)
            .map(|((&i, row), encoding)| {
                let tokens = encoding.get_attention_mask().iter().filter(|&&m| m == 1).count();
                (i, row[..tokens].concat())
            })
            .collect())
    }
}

#[expect(clippy::print_stdout, reason = "the result is for the script that runs this")]
fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, sentences, batch, workers, order, repeat, rest @ ..] = arguments.as_slice() else {
        bail!("usage: stock-candle MODEL SENTENCES BATCH WORKERS sorted|natural REPEAT [STATES]");
    };
    let (batch, workers, repeat): (usize, usize, usize) =
        (batch.parse()?, workers.parse()?, repeat.parse()?);
    let encoder = Encoder::load(Path::new(model)).context("the model")?;
    let file = std::fs::read_to_string(sentences).context("the sentences")?;
    let texts: Vec<&str> = file.lines().collect();
    let mut indices: Vec<usize> = (0..texts.len()).collect();
    if order == "sorted" {
        indices.sort_by_key(|&i| std::cmp::Reverse(texts[i].len()));
    }
    let batches: Vec<&[usize]> = indices.chunks(batch.max(1)).collect();
    let pass = |keep: bool| -> Result<Found> {
        let next = AtomicUsize::new(0);
        let found = Mutex::new(Ok(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..workers.max(1) {
                scope.spawn(|| {
                    while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let rows = encoder.run(&texts, batch, keep);
                        let Ok(mut all) = found.lock() else { return };
                        match (all.as_mut(), rows) {
                            (Ok(all), Ok(rows)) => all.extend(rows),
                            (Ok(_), Err(error)) => *all = Err(error),
                            (Err(_), _) => return,
                        }
                    }
                });
            }
        });
        found.into_inner().map_err(|_| anyhow!("a worker failed"))?
    };
    let mut seconds = Vec::new();
    for _ in 0..repeat.max(1) {
        let start = Instant::now();
        pass(false)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    if let [path] = rest {
        let mut found = pass(true)?;
        found.sort_by_key(|(i, _)| *i);
        let bytes: Vec<u8> =
            found.iter().flat_map(|(_, row)| row).flat_map(|x| x.to_le_bytes()).collect();
        std::fs::write(path, bytes)?;
    }
    println!("{}", serde_json::json!({ "seconds": seconds }));
    Ok(())
}
