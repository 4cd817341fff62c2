//! The shipped model's figures: a gate against a loss that nobody sees, printed with --nocapture.

use std::path::{Path, PathBuf};

use fineprint::bench::compare;
use fineprint::classify::{Classifier, EngineKind, Options};
use fineprint::encode::Input;
use fineprint::eval::Predictor;
use fineprint::eval::examples::{self, Example};
use fineprint::eval::metrics::{self, Metrics};
use fineprint::eval::predictions::{self, Prediction};
use fineprint::label::LabelSet;
use fineprint::model::ModelSource;

fn read(path: &Path) -> Option<Vec<Example>> {
    if path.exists() {
        return Some(examples::read(path, &LabelSet::builtin()).unwrap());
    }
    println!("skipped: {} is not here", path.display());
    None
}

/// Decisions of the embedded model with the thresholds that it ships.
fn predict(examples: &[Example]) -> Vec<Prediction> {
    Classifier::embedded().unwrap().predict(examples).unwrap()
}

fn measure(name: &str, examples: &[Example], said: &[Prediction]) -> Metrics {
    let set = LabelSet::builtin();
    let m = metrics::measure(&predictions::outcomes(examples, said, &set).unwrap(), &set);
    println!(
        "{name}: {} sentences, micro-F1 {:.4} macro-F1 {:.4} labels {:.4} opposite {:.4} ECE {:.4}",
        examples.len(),
        m.categories.micro.f1.unwrap_or_default(),
        m.categories.macro_f1.unwrap_or_default(),
        m.labels.micro.f1.unwrap_or_default(),
        m.stance.opposite_rate.unwrap_or_default(),
        m.calibration.ece.unwrap_or_default(),
    );
    m
}

#[test]
fn the_shipped_model_keeps_its_figures_on_real_sentences() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ota/dev.jsonl");
    let Some(dev) = read(&path) else { return };
    let m = measure("dev", &dev, &predict(&dev));
    assert!(m.categories.micro.f1.unwrap() > 0.84);
    assert!(m.categories.macro_f1.unwrap() > 0.86);
}

#[test]
fn the_fast_model_keeps_its_figures_on_real_sentences() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ota/dev.jsonl");
    let Some(dev) = read(&path) else { return };
    let fast = Classifier::load(&ModelSource::Fast, &Options::default()).unwrap();
    let m = measure("dev, fast", &dev, &fast.predict(&dev).unwrap());
    assert!(m.categories.micro.f1.unwrap() > 0.83);
    assert!(m.categories.macro_f1.unwrap() > 0.845);
}

#[test]
fn int8_decides_as_floats_do() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/clauses/test.jsonl");
    let clauses = read(&path).unwrap();
    let inputs: Vec<Input<'_>> = clauses.iter().map(Example::input).collect();
    let [int8, candle] = [EngineKind::Int8, EngineKind::Candle].map(|engine| {
        let options = Options { engine, ..Options::default() };
        Classifier::load(&ModelSource::Embedded, &options).unwrap()
    });
    let c = compare(&int8, &candle, &inputs).unwrap();
    println!("int8 against floats: {c:?}");
    assert!(c.cosine_min > 0.99);
    assert!(c.same_decisions > 0.985, "{}", c.same_decisions);
}

#[test]
fn the_shipped_model_keeps_its_figures_on_our_clauses() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/clauses/test.jsonl");
    let clauses = read(&path).unwrap();
    let said = predict(&clauses);
    let m = measure("clauses, test split", &clauses, &said);
    assert!(m.categories.micro.f1.unwrap() > 0.79);
    assert!(m.labels.micro.f1.unwrap() > 0.72);
}
