//! The forward pass by length of sentences and number of sentences in a batch.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fineprint::encode::{Batch, Encoded};
use fineprint::model::{Engine, FastEngine, Kernel, ModelConfig, ModelFiles, ModelSource, Numbers};

fn forward(c: &mut Criterion) {
    let Ok(files) = ModelFiles::read(&ModelSource::Embedded) else { return };
    let Ok(config) = ModelConfig::from_json(&files.config) else { return };
    for (numbers, name) in [(Numbers::Int8, "int8"), (Numbers::F32, "f32")] {
        let engine = FastEngine::load(&config, &files.weights, numbers, Kernel::best());
        let Ok(engine) = engine else { return };
        let mut group = c.benchmark_group(format!("forward {name}"));
        group.sample_size(10);
        for tokens in [8, 34, 128] {
            let ids: Vec<u32> = (0..tokens).map(|i| 1000 + i * 37).collect();
            let sequence = Encoded { type_ids: vec![0; ids.len()], ids };
            for sentences in [1, 4, 16] {
                let batch = Batch::pack(std::iter::repeat_n(&sequence, sentences));
                // Elements are tokens.
                group.throughput(Throughput::Elements(batch.tokens() as u64));
                let id = BenchmarkId::new(format!("{tokens} tokens"), sentences);
                group.bench_with_input(id, &batch, |b, batch| b.iter(|| engine.logits(batch)));
            }
        }
        group.finish();
    }
}

criterion_group!(benches, forward);
criterion_main!(benches);
