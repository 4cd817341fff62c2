//! The classifier as a library: the same scores in any company, windows, foreign label sets.

use std::path::Path;

use fineprint::classify::{Classifier, EngineKind, Options};
use fineprint::encode::Input;
use fineprint::model::{ModelFiles, ModelSource};
use proptest::prelude::*;

/// Batch, neighbours and threads may change the order of sums but nothing beyond this.
const TOLERANCE: f32 = 1e-5;

fn fixture_files() -> ModelFiles {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fixture-model");
    ModelFiles::read(&ModelSource::Folder(folder)).unwrap()
}

fn fixture(threads: usize, token_budget: usize) -> Classifier {
    fixture_on(EngineKind::Auto, threads, token_budget)
}

fn fixture_on(engine: EngineKind, threads: usize, token_budget: usize) -> Classifier {
    let token_budget = Some(token_budget);
    let options = Options { threads, token_budget, engine, ..Options::default() };
    Classifier::from_files(&fixture_files(), &options).unwrap()
}

fn assert_close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (x, y) in a.iter().zip(b) {
        assert!((x - y).abs() <= TOLERANCE, "{x} against {y}");
    }
}

fn sentence() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec![
            "we", "may", "sell", "your", "data", "to", "partners", "do", "not", "train", "models",
            "consent", "privacy", "!", "§ 10.2", "naïve", "[SEP]", "数据",
        ]),
        0..40,
    )
    .prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn scores_do_not_depend_on_company_threads_or_order(
        texts in prop::collection::vec((sentence(), sentence()), 1..40),
        budget in 1usize..600,
        threads in 1usize..4,
        engine in prop::sample::select(vec![EngineKind::Int8, EngineKind::F32, EngineKind::Candle]),
    ) {
        let alone = fixture_on(engine, 1, 512);
        let together = fixture_on(engine, threads, budget);
        let inputs: Vec<Input<'_>> = texts
            .iter()
            .map(|(text, lead_in)| Input { text, lead_in, heading: "" })
            .collect();
        let mut reversed = inputs.clone();
        reversed.reverse();
        let batched = together.scores(&inputs).unwrap();
        let mut backwards = together.scores(&reversed).unwrap();
        backwards.reverse();
        for (i, input) in inputs.iter().enumerate() {
            let single = alone.scores(std::slice::from_ref(input)).unwrap();
            assert_close(&single[0].category, &batched[i].category);
            assert_close(&single[0].denied, &batched[i].denied);
            assert_close(&batched[i].category, &backwards[i].category);
            assert_close(&batched[i].denied, &backwards[i].denied);
        }
    }
}

#[test]
fn what_is_remembered_is_what_was_computed() {
    let texts = ["we sell data", "we do not sell data", "we sell data", "", "we sell data"];
    let lead_ins = ["", "", "", "", "With your consent:"];
    let inputs: Vec<Input<'_>> = (0..200)
        .map(|i| Input { text: texts[i % 5], lead_in: lead_ins[i % 5], heading: "" })
        .collect();
    let plain = Options { threads: 2, remember: 0, ..Options::default() };
    let expected = Classifier::from_files(&fixture_files(), &plain).unwrap().scores(&inputs);
    let expected = expected.unwrap();
    assert_ne!(expected[0], expected[4], "the lead-in counts");
    // A memory of a few entries too, which forgets all the time.
    for remember in [1 << 20, 600] {
        let options = Options { remember, ..plain };
        let classifier = Classifier::from_files(&fixture_files(), &options).unwrap();
        for _ in 0..2 {
            assert_eq!(classifier.scores(&inputs).unwrap(), expected, "{remember}");
        }
    }
}

#[test]
fn every_engine_refuses_states_that_overflow() {
    let mut files = fixture_files();
    let mut weights = files.weights.to_vec();
    let header = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let text = std::str::from_utf8(&weights[8..8 + header]).unwrap();
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let name = "bert.encoder.layer.0.output.LayerNorm.weight";
    let at = json[name]["data_offsets"][0].as_u64().unwrap() as usize + 8 + header;
    for value in weights[at..at + 128].as_chunks_mut::<4>().0 {
        *value = f32::MAX.to_le_bytes();
    }
    files.weights = weights.into();
    for engine in [EngineKind::Int8, EngineKind::F32, EngineKind::Candle] {
        let options = Options { engine, ..Options::default() };
        let error = Classifier::from_files(&files, &options).unwrap_err().to_string();
        assert!(error.contains("not finite"), "{engine}: {error}");
    }
}

#[test]
fn no_input_gives_no_scores_and_an_empty_text_gives_some() {
    let classifier = fixture(2, 512);
    assert!(classifier.scores(&[]).unwrap().is_empty());
    let scores = classifier.scores(&[Input::from("")]).unwrap();
    assert_eq!(scores[0].category.len(), classifier.labels().len());
    assert_eq!(scores[0].windows, 1);
}

#[test]
fn a_sentence_over_the_limit_is_read_in_windows_to_its_end() {
    let classifier = fixture(1, 512);
    let filler = "the service is provided as is and nothing more . ".repeat(60);
    let tail = "we may sell your data to partners";
    let long = format!("{filler}{tail}");
    let scores =
        classifier.scores(&[Input::from(filler.as_str()), Input::from(long.as_str())]).unwrap();
    assert!(scores[1].windows > 1);
    let moved =
        scores[0].category.iter().zip(&scores[1].category).any(|(a, b)| (a - b).abs() > 1e-4);
    assert!(moved, "the last words must count");
}

#[test]
fn probabilities_and_findings_fit_together() {
    let classifier = fixture(1, 512);
    let scores = classifier.scores(&[Input::from("we may sell your data")]).unwrap().remove(0);
    for p in scores.category.iter().chain(&scores.denied) {
        assert!((0.0..=1.0).contains(p));
    }
    for finding in classifier.findings(&scores) {
        let expected = scores.probability(finding.category, finding.stance);
        assert!((finding.probability - expected).abs() < 1e-7);
        assert!(finding.probability <= finding.category_probability);
    }
}

#[test]
fn a_model_with_other_labels_and_no_stance_classifies_with_its_own_names() {
    let mut files = fixture_files();
    let mut config: serde_json::Value = serde_json::from_slice(&files.config).unwrap();
    // The same 42 rows under other names: 42 categories without a stance.
    let names: serde_json::Map<String, serde_json::Value> =
        (0..42).map(|i| (i.to_string(), format!("Unfair clause {i}").into())).collect();
    config["id2label"] = names.into();
    files.config = serde_json::to_vec(&config).unwrap().into();
    files.settings = None;
    let classifier = Classifier::from_files(&files, &Options::default()).unwrap();
    assert!(!classifier.labels().has_stance());
    assert_eq!(classifier.labels().names().next(), Some("Unfair clause 0"));
    let scores = classifier.scores(&[Input::from("we may end your account")]).unwrap();
    assert_eq!((scores[0].category.len(), scores[0].denied.len()), (42, 0));
}

#[test]
fn weights_that_overflow_are_refused_at_load() {
    let mut files = fixture_files();
    let mut weights = files.weights.to_vec();
    let header = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let text = std::str::from_utf8(&weights[8..8 + header]).unwrap();
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let at = json["classifier.bias"]["data_offsets"][0].as_u64().unwrap() as usize + 8 + header;
    weights[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    files.weights = weights.into();
    let error = Classifier::from_files(&files, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("classifier.bias") && error.contains("not finite"), "{error}");
}

#[test]
fn explanations_are_spans_of_the_text() {
    let classifier = fixture(1, 512);
    let input = Input::from("We may sell your naïve data to our partners — unless you object.");
    let scores = classifier.scores(&[input]).unwrap().remove(0);
    for finding in classifier.findings(&scores) {
        let spans = classifier.explain(&input, &finding).unwrap();
        for pair in spans.windows(2) {
            assert!(pair[0].range.end <= pair[1].range.start);
        }
        for span in spans {
            assert!(span.weight > 0.0 && !input.text[span.range].is_empty());
        }
    }
}
