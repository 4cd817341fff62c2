//! What it costs to parse a document, cut it into sentences, and turn these into tokens.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fineprint::classify::input_of;
use fineprint::document::Document;
use fineprint::encode::Tokenizer;
use fineprint::model::{ModelConfig, ModelFiles, ModelSource};
use fineprint::segment::sentences;

const EXAMPLE: &[u8] = include_bytes!("../data/examples/tidepool-terms.md");

fn tokenizer() -> Option<Tokenizer> {
    let files = ModelFiles::read(&ModelSource::Embedded).ok()?;
    let config = ModelConfig::from_json(&files.config).ok()?;
    config.tokenizer(&files.tokenizer, 256, 64).ok()
}

fn text(c: &mut Criterion) {
    let (Ok(document), Some(tokenizer)) = (Document::parse(EXAMPLE), tokenizer()) else { return };
    let mut group = c.benchmark_group("text");
    group.throughput(Throughput::Bytes(EXAMPLE.len() as u64));
    group.bench_function("parse", |b| b.iter(|| Document::parse(EXAMPLE)));
    group.bench_function("segment", |b| b.iter(|| sentences(&document)));
    let cut = sentences(&document);
    group.bench_function("tokenise", |b| {
        b.iter(|| {
            for sentence in &cut {
                let input = input_of(sentence);
                let _ = black_box(tokenizer.encode(input.text, input.lead_in));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, text);
criterion_main!(benches);
