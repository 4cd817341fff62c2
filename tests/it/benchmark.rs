//! Benchmarks through the program: the published counts, runs that are not done twice, the table.

use std::path::{Path, PathBuf};

use fineprint::benchmark::Benchmark;
use fineprint::benchmark::data::Data;

use crate::support::sandbox::{Run, Sandbox, fixture_model};

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    path.exists().then_some(path)
}

#[track_caller]
fn done(run: &Run) {
    assert_eq!(run.status, Some(0), "{}", run.stderr);
}

/// Rows of a split: policy changes, retention, both, and neither.
fn opp115(rows: usize) -> String {
    (0..rows)
        .map(|i| match i % 4 {
            0 => format!("\"We may change this policy, part {i}.\",Policy Change\n"),
            1 => format!("We keep your records for {i} years.,Data Retention\n"),
            2 => format!(
                "We keep this policy {i} months and may change it.,Data Retention\n\
                 We keep this policy {i} months and may change it.,Policy Change\n"
            ),
            _ => format!("Welcome to page {i}.,Introductory/Generic\n"),
        })
        .collect()
}

fn sandbox() -> Sandbox {
    Sandbox::with(&[
        ("opp/train.csv", &opp115(40)),
        ("opp/validation.csv", &opp115(16)),
        ("opp/test.csv", &opp115(12)),
    ])
}

const BASE: [&str; 6] = ["benchmark", "opp115", "--data", "opp", "--out", "runs"];
const TINY: [&str; 8] =
    ["--epochs", "2", "--batch-size", "8", "--threads", "2", "--max-tokens", "48"];

fn init() -> [String; 2] {
    ["--init".to_owned(), fixture_model().display().to_string()]
}

fn run(sandbox: &Sandbox, more: &[&str]) -> Run {
    let init = init();
    let init: Vec<&str> = init.iter().map(String::as_str).collect();
    sandbox.run(&[&BASE[..], &TINY[..], &init[..], more].concat())
}

#[test]
fn a_benchmark_is_run_reported_and_not_done_twice() {
    let sandbox = sandbox();
    let first = run(&sandbox, &["--seeds", "2"]);
    done(&first);
    for part in [
        "OPP-115 (PrivacyGLUE), 12 labels",
        "40 texts to learn from, 16 to validate on, 12 to test",
        "where the published splits have 2185 / 550 / 697",
        "fineprint, thresholds 0.5, mean of 2 seeds",
        "(best in validation)",
        "TF-IDF, thresholds tuned",
        "PrivBERT [1]",
        "87.2 ±0.4",
        "PrivacyGLUE, Applied Sciences",
        "Policy Change",
    ] {
        assert!(first.stdout.contains(part), "no `{part}` in {}", first.stdout);
    }
    let written = |name: &str| {
        std::fs::metadata(sandbox.path().join("runs").join(name)).unwrap().modified().unwrap()
    };
    let files = ["seed-1/model.safetensors", "seed-2/result.json", "tfidf/result.json"];
    let before = files.map(written);
    assert!(!sandbox.path().join("runs/seed-1/checkpoint.safetensors").exists());
    let again = run(&sandbox, &["--seeds", "2"]);
    done(&again);
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(files.map(written), before, "a finished run was done again");

    // The model says the benchmark's categories of any text.
    let shown = ["classify", "--model", "runs/model", "--all-sentences", "--format", "jsonl"];
    done(&sandbox.run_with_stdin(&shown, "We keep your records for 3 years.\n"));

    let json = run(&sandbox, &["--seeds", "2", "--finished", "--format", "json"]);
    done(&json);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["schema"], "fineprint-benchmark/1");
    assert_eq!(report["systems"].as_array().unwrap().len(), 4);
    let seeds = report["systems"][0]["seeds"].as_array().unwrap();
    assert_eq!(seeds.len(), 2);
    // A class that neither occurs nor is predicted counts as 0, so macro-F1 is over all twelve.
    let macro_f1 = seeds[0]["figures"]["macro_f1"].as_f64().unwrap();
    assert!(macro_f1 <= 3.0 / 12.0 + 1e-9, "{macro_f1}");

    let other = run(&sandbox, &["--lr", "1e-3"]);
    assert_ne!(other.status, Some(0));
    assert!(other.stderr.contains("other options"), "{}", other.stderr);
}

#[test]
fn a_killed_benchmark_goes_on_to_the_same_table() {
    let sandbox = sandbox();
    let init = init();
    let arguments = |out| {
        let base = ["benchmark", "opp115", "--data", "opp", "--seeds", "2", "--no-baseline"];
        let size = ["--epochs", "4", "--batch-size", "4", "--threads", "2", "--max-tokens", "48"];
        [&base[..], &size, &["--checkpoint-every", "3", &init[0], &init[1], "--out", out]].concat()
    };
    let unbroken = sandbox.run(&arguments("unbroken"));
    done(&unbroken);
    for seed in ["seed-1", "seed-2"] {
        let checkpoint = format!("{seed}/{seed}/checkpoint.safetensors");
        let (kills, last) = sandbox.run_with_kills(&arguments(seed), &checkpoint);
        assert!(kills >= 2, "{kills} kills in {seed}");
        assert_eq!(last.stdout, unbroken.stdout, "after {kills} kills in {seed}");
    }
}

#[test]
fn folds_are_pooled_and_the_last_model_learns_from_all() {
    let mut rows = String::new();
    for document in 0..10 {
        for sentence in 0..8 {
            let (text, tags) = match sentence % 4 {
                0 => ("We may change these terms at any time", r#"["ch2"]"#),
                1 => ("We are not liable for anything", r#"["ltd2","ltd3"]"#),
                2 => ("You may sue us anywhere", r#"["j1"]"#),
                _ => ("Welcome", "[]"),
            };
            let fold = document % 2;
            rows += &format!(
                r#"{{"document":"D{document}","fold":{fold},"text":"{text} {sentence}.","tags":{tags}}}"#
            );
            rows.push('\n');
        }
    }
    let sandbox = Sandbox::with(&[("claudette/en.jsonl", &rows)]);
    let init = init();
    let init: Vec<&str> = init.iter().map(String::as_str).collect();
    let base = ["benchmark", "claudette", "--data", "claudette", "--out", "runs", "--final"];
    let arguments = [&base[..], &TINY[..], &init[..]].concat();
    let first = sandbox.run(&arguments);
    done(&first);
    for part in [
        "fold-0: 32 texts to learn from, 8 to validate on, 40 to test",
        "all: 72 texts to learn from, 8 to validate on, 0 to test",
        "fineprint, thresholds tuned, folds together",
        "fineprint, thresholds tuned, mean over folds",
        "By fold, thresholds tuned",
        "unilateral-change",
        "(any label)",
    ] {
        assert!(first.stdout.contains(part), "no `{part}` in {}", first.stdout);
    }
    let model = |name: &str| std::fs::read(sandbox.path().join(name)).unwrap();
    assert!(model("runs/model/model.safetensors") == model("runs/all/seed-1/model.safetensors"));

    let one = sandbox.run(&[&arguments[..], &["--folds", "1", "--finished"]].concat());
    done(&one);
    assert!(!one.stdout.contains("fold-0"), "{}", one.stdout);
    let none = sandbox.run(&[&arguments[..], &["--folds", "7"]].concat());
    assert!(
        none.status != Some(0) && none.stderr.contains("there is no fold 7"),
        "{}",
        none.stderr
    );
}

#[test]
fn unfair_tos_is_read_in_both_forms() {
    let row = |text: &str, labels: &str, part: &str| {
        format!(r#"{{"text":"{text}","labels":{labels}{part}}}"#) + "\n"
    };
    let split = |part: &str, named: bool| -> String {
        let label = |name: &'static str, number: &'static str| if named { name } else { number };
        row("We may end your account.", label(r#"["Unilateral termination"]"#, "[1]"), part)
            + &row("Courts of Paris decide.", label(r#"["Jurisdiction"]"#, "[6]"), part)
            + &row("Hello there.", "[]", part)
    };
    let parts = [r#","data_type":"train""#, r#","data_type":"val""#, r#","data_type":"test""#];
    let archive: String = parts.iter().map(|part| split(part, true)).collect();
    let sandbox = Sandbox::with(&[
        ("hub/train.jsonl", &split("", false)),
        ("hub/validation.jsonl", &split("", false)),
        ("hub/test.jsonl", &split("", false)),
        ("archive/unfair_tos.jsonl", &archive),
    ]);
    for folder in ["hub", "archive"] {
        let data = Data::read(Benchmark::UnfairTos, &sandbox.path().join(folder), false).unwrap();
        let split = &data.splits[0];
        assert_eq!([split.train.len(), split.validation.len(), split.test.len()], [3, 3, 3]);
        assert_eq!(split.test[1].labels[0].category, 6);
        assert!(split.test[2].labels.is_empty());
    }
}

#[test]
fn mistakes_are_told() {
    let sandbox = sandbox();
    sandbox.write("bad/train.csv", b"a text,Policy Change\nanother,Policy Chang\n");
    sandbox.write("bad/validation.csv", b"a text,Policy Change\n");
    sandbox.write("bad/test.csv", b"a text,Policy Change\n");
    for (arguments, parts) in [
        (&["benchmark", "opp115", "--data", "none", "--out", "o"][..], &["no train.csv"][..]),
        (
            &["benchmark", "opp115", "--data", "bad", "--out", "o"],
            &["train.csv:2:", "did you mean `Policy Change`?"],
        ),
        (&["benchmark", "opp", "--data", "opp", "--out", "o"], &["opp115, claudette, unfair-tos"]),
        (
            &["benchmark", "opp115", "--data", "opp", "--out", "o", "--folds", "1"],
            &["--folds and --final are for claudette"],
        ),
        (
            &["benchmark", "opp115", "--data", "opp", "--out", "o", "--finished"],
            &["no finished run"],
        ),
    ] {
        let init = init();
        let init: Vec<&str> = init.iter().map(String::as_str).collect();
        let run = sandbox.run(&[arguments, &init].concat());
        assert_ne!(run.status, Some(0), "{arguments:?}");
        for part in parts {
            assert!(run.stderr.contains(part), "{arguments:?}: {}", run.stderr);
        }
    }
}

#[test]
fn the_published_counts_are_met() {
    let Some(folder) = shared("opp115") else { return };
    let data = Data::read(Benchmark::Opp115, &folder, false).unwrap();
    assert!(data.notes.is_empty(), "{:?}", data.notes);
    let labels = |examples: &[fineprint::eval::Example]| -> usize {
        examples.iter().map(|example| example.labels.len()).sum()
    };
    let split = &data.splits[0];
    // One row a (segment, label) in the files, without repetitions.
    let counts = [labels(&split.train), labels(&split.validation), labels(&split.test)];
    assert_eq!(counts, [2609, 644, 829]);
}

#[test]
fn the_folds_of_claudette_are_disjoint() {
    let Some(folder) = shared("claudette50") else { return };
    let data = Data::read(Benchmark::Claudette, &folder, true).unwrap();
    assert_eq!(data.splits.len(), 6);
    let documents = |examples: &[fineprint::eval::Example]| {
        examples
            .iter()
            .map(fineprint::eval::Example::document)
            .collect::<std::collections::BTreeSet<_>>()
    };
    for split in &data.splits {
        let parts = [&split.train, &split.validation, &split.test].map(|e| documents(e));
        let sizes = parts.each_ref().map(std::collections::BTreeSet::len);
        let wanted = if split.name == "all" { [44, 6, 0] } else { [35, 5, 10] };
        assert_eq!(sizes, wanted, "{}", split.name);
        assert_eq!(parts.iter().flatten().collect::<std::collections::BTreeSet<_>>().len(), 50);
        let sentences = split.train.len() + split.validation.len() + split.test.len();
        assert_eq!(sentences, 17_383);
    }
}
