//! From nothing to the first result: a model loaded and one sentence classified.

use criterion::{Criterion, criterion_group, criterion_main};
use fineprint::classify::{Classifier, ClassifyError, EngineKind, Options, Scores};
use fineprint::encode::Input;
use fineprint::model::ModelSource;

fn first_result(engine: EngineKind) -> Result<Vec<Scores>, ClassifyError> {
    let options = Options { engine, ..Options::default() };
    let classifier = Classifier::load(&ModelSource::Embedded, &options)?;
    classifier.scores(&[Input::from("We may share your data with our partners.")])
}

fn startup(c: &mut Criterion) {
    let mut group = c.benchmark_group("start-up");
    group.sample_size(10);
    for engine in [EngineKind::Int8, EngineKind::F32, EngineKind::Candle] {
        group.bench_function(engine.as_str(), |b| b.iter(|| first_result(engine)));
    }
    group.finish();
}

criterion_group!(benches, startup);
criterion_main!(benches);
