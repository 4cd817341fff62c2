//! The line of work on an example document, step by step: what a document costs where.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fineprint::classify::{Classifier, input_of};
use fineprint::document::Document;
use fineprint::encode::Input;
use fineprint::segment::sentences;

const EXAMPLE: &[u8] = include_bytes!("../data/examples/tidepool-terms.md");

fn text(c: &mut Criterion) {
    let mut group = c.benchmark_group("text");
    group.throughput(Throughput::Bytes(EXAMPLE.len() as u64));
    group.bench_function("parse", |b| b.iter(|| Document::parse(EXAMPLE)));
    if let Ok(document) = Document::parse(EXAMPLE) {
        group.bench_function("segment", |b| b.iter(|| sentences(&document)));
    }
    group.finish();
}

fn model(c: &mut Criterion) {
    let (Ok(classifier), Ok(document)) = (Classifier::embedded(), Document::parse(EXAMPLE)) else {
        return;
    };
    let sentences = sentences(&document);
    let inputs: Vec<Input<'_>> = sentences.iter().map(input_of).collect();
    let mut group = c.benchmark_group("model");
    group.sample_size(10);
    group.throughput(Throughput::Elements(inputs.len() as u64));
    group.bench_function("tokenise", |b| {
        b.iter(|| {
            for input in &inputs {
                let _ = black_box(classifier.tokenizer().encode(input.text, input.lead_in));
            }
        });
    });
    group.bench_function("classify", |b| b.iter(|| classifier.scores(&inputs)));
    group.bench_function("load", |b| b.iter(Classifier::embedded));
    group.finish();
}

criterion_group!(benches, text, model);
criterion_main!(benches);
