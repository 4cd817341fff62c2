//! A document end to end, from its bytes to its findings; elements are sentences.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fineprint::classify::{Classifier, EngineKind, Options};
use fineprint::document::Document;
use fineprint::model::ModelSource;
use fineprint::segment::sentences;

const EXAMPLE: &[u8] = include_bytes!("../data/examples/tidepool-terms.md");

fn document(c: &mut Criterion) {
    let Ok(document) = Document::parse(EXAMPLE) else { return };
    let mut group = c.benchmark_group("document");
    group.sample_size(10);
    group.throughput(Throughput::Elements(sentences(&document).len() as u64));
    for engine in [EngineKind::Int8, EngineKind::F32] {
        for (threads, name) in [(1, "on one thread"), (0, "on all cores")] {
            // Nothing is remembered: each pass computes everything.
            let options = Options { engine, threads, remember: 0, ..Options::default() };
            let Ok(classifier) = Classifier::load(&ModelSource::Embedded, &options) else { return };
            group.bench_function(format!("{engine} {name}"), |b| {
                b.iter(|| classifier.classify_document(&Document::parse(EXAMPLE).ok()?).ok());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, document);
criterion_main!(benches);
