//! Evaluation: metrics against scikit-learn, baselines on real sentences.

use std::path::PathBuf;

use fineprint::eval::baseline::{KeywordRules, TfIdf, TfIdfOptions};
use fineprint::eval::examples::{self, Example, sentence_id};
use fineprint::eval::rule::{Fit, cross_fit};
use fineprint::eval::threshold::Goal;
use fineprint::eval::{Outcomes, Predictor, metrics, predictions};
use fineprint::label::LabelSet;

/// The real sentences, which are no part of the repository; None with a notice when not there.
fn real(name: &str) -> Option<Vec<Example>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ota").join(name);
    if !path.exists() {
        println!("skipped: {} is not here", path.display());
        return None;
    }
    Some(examples::read(&path, &LabelSet::builtin()).unwrap())
}

fn table(system: &impl Predictor, examples: &[Example]) -> Outcomes {
    let said = system.predict(examples).unwrap();
    predictions::outcomes(examples, &said, &LabelSet::builtin()).unwrap()
}

fn print(name: &str, table: &Outcomes) {
    let m = metrics::measure(table, &LabelSet::builtin());
    println!(
        "{name}: micro {:?} macro {:?} labels {:?} {:?} mAP {:?} opposite {:?} ece {:?}",
        m.categories.micro.f1,
        m.categories.macro_f1,
        m.labels.micro.f1,
        m.labels.macro_f1,
        m.mean_average_precision,
        m.stance.opposite_rate,
        m.calibration.ece
    );
    for c in &m.per_category {
        print!(
            "{} {:.2}/{:.2} ",
            c.category.label,
            c.category.scores.precision.unwrap_or(0.0),
            c.category.scores.recall.unwrap_or(0.0)
        );
    }
    println!();
}

#[test]
fn baselines_on_real_sentences() {
    let (Some(train), Some(dev)) = (real("train.jsonl"), real("dev.jsonl")) else { return };
    let set = LabelSet::builtin();
    for example in train.iter().chain(&dev) {
        assert_eq!(example.id, sentence_id(&example.text));
    }
    let started = std::time::Instant::now();
    let rules = KeywordRules::new(&set).unwrap();
    print("keywords train", &table(&rules, &train));
    println!("{:?}", started.elapsed());
    print("keywords dev", &table(&rules, &dev));
    let started = std::time::Instant::now();
    let tfidf = TfIdf::fit(&train, &set, TfIdfOptions::default()).unwrap();
    println!("{:?}", started.elapsed());
    let plain = table(&tfidf, &dev);
    print("tfidf", &plain);
    for t in [
        None,
        Some(fineprint::eval::scaling::Freedom { per_category: true, offset: false }),
        Some(fineprint::eval::scaling::Freedom::default()),
    ] {
        let how = Fit { goal: Goal::BestF1, scaling: t };
        let started = std::time::Instant::now();
        print("tfidf cross-fit", &cross_fit(&dev, &plain, how));
        println!("{:?}", started.elapsed());
    }
}
