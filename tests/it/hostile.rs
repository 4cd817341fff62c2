//! Good files among malformed, cut off and mutated ones: the good are classified, the others
//! refused with a reason, and nothing panics.
//!
//! A run of any size by the program itself: `FINEPRINT_MUTATIONS=10000 FINEPRINT_HOSTILE=FOLDER`
//! make this test write so many files there, which `tests/faults/hostile.py` classifies and
//! measures.

use std::collections::BTreeMap;
use std::path::Path;

use fineprint::batch::{self, Discovery, Expand, Failure, Processed, Source, Walk, WalkOptions};
use fineprint::classify::Scores;
use fineprint::encode::Input;
use serde_json::{Value, json};

use crate::support::hostile::{Random, good_files, malformed, mutation};
use crate::support::sandbox::Sandbox;

/// How many mutations to make of each of so many files.
fn mutations_of_each(files: usize, default: usize) -> usize {
    let total = std::env::var("FINEPRINT_MUTATIONS").ok().and_then(|n| n.parse::<usize>().ok());
    total.map_or(default, |total| total.div_ceil(files))
}

/// Writes good, malformed and mutated files into folders of these names.
fn write_all(folder: &Path, each: usize) -> usize {
    let write = |name: String, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let mut random = Random(12_345);
    let files = good_files();
    for (name, bytes) in &files {
        write(format!("good/{name}"), bytes);
        for number in 0..each {
            let mutated = mutation(bytes, number, &mut random);
            write(format!("mutated/{number}-{name}"), &mutated);
        }
    }
    let malformed = malformed();
    let mut reasons = BTreeMap::new();
    for (name, bytes, reason) in &malformed {
        write(format!("malformed/{name}"), bytes);
        reasons.insert(name, reason);
    }
    assert!(reasons.len() >= 50 && reasons.len() == malformed.len());
    let reasons = serde_json::to_vec_pretty(&json!(reasons)).unwrap();
    write("reasons.json".to_owned(), &reasons);
    each * files.len()
}

/// Whether a person can make something of a reason.
fn is_understood(reason: &str) -> bool {
    let inner = ["internal error", "panicked", "Err(", "unwrap", "::", "os error", "{ "];
    (10..400).contains(&reason.len())
        && !inner.iter().any(|word| reason.contains(word))
        && !reason.chars().any(char::is_control)
}

#[test]
fn one_run_over_good_and_bad_files_classifies_the_good_and_names_the_bad() {
    let kept = std::env::var_os("FINEPRINT_HOSTILE");
    let sandbox = Sandbox::new();
    let folder = kept.as_ref().map_or_else(|| sandbox.path().join("in"), Into::into);
    let count = write_all(&folder, mutations_of_each(good_files().len(), 8));
    if kept.is_some() {
        println!("{count} mutations in {}", folder.display());
        return;
    }
    let arguments = ["classify", "in/good", "in/malformed", "in/mutated", "--any-language"];
    let run = sandbox.run(&[&arguments[..], &["--output-dir", "out"]].concat());
    assert_eq!(run.status, Some(3), "{}", run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    let lines = |name: &str| -> Vec<Value> {
        sandbox.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let errors: BTreeMap<String, String> = lines("out/errors.jsonl")
        .into_iter()
        .map(|error| {
            let field = |name: &str| error[name].as_str().unwrap().to_owned();
            (field("document"), field("reason"))
        })
        .collect();
    for (name, reason) in &errors {
        assert!(is_understood(reason), "{name}: {reason}");
    }
    // A table's row is a document of its own.
    let document = |name: &str| name.split('#').next().unwrap().to_owned();
    let index = lines("out/index.jsonl");
    for (name, _) in good_files() {
        let name = format!("in/good/{name}");
        let mut entries =
            index.iter().filter(|e| document(e["document"].as_str().unwrap()) == name).peekable();
        assert!(entries.peek().is_some(), "{name}");
        for entry in entries {
            assert_eq!(entry["status"], "classified", "{entry}");
            assert!(entry["sentences"].as_u64().unwrap() > 0, "{entry}");
        }
    }
    for (name, _, words) in malformed() {
        let name = format!("in/malformed/{name}");
        let mut found = errors.iter().filter(|(full, _)| document(full) == name).peekable();
        assert!(found.peek().is_some(), "{name} is not in the file of errors");
        for (_, reason) in found {
            assert!(reason.contains(words), "{name}: {words} is not in: {reason}");
        }
    }
}

/// Reads inputs as a run does, with no model; what became of each.
fn read_all(folder: &Path) -> Vec<Processed> {
    let walk = Walk::new(WalkOptions::default()).unwrap();
    let inputs = Discovery::new([folder.to_owned()], None, walk).unwrap();
    let inputs: Vec<Result<Source, Failure>> = inputs.collect();
    let score = |inputs: &[Input<'_>]| {
        let blank = Scores { category: Vec::new(), denied: Vec::new(), windows: 1 };
        Ok(vec![blank; inputs.len()])
    };
    let options = batch::Options { threads: 2, ..batch::Options::default() };
    let mut done = Vec::new();
    let mut sink = |processed| {
        done.push(processed);
        Ok::<(), std::io::Error>(())
    };
    let inputs = Expand::new(inputs.into_iter(), &options);
    batch::run(inputs, &options, &score, &mut sink, &|_| ()).unwrap();
    done
}

#[test]
fn truncations_and_flips_of_good_files_are_read_or_refused_with_a_reason() {
    let sandbox = Sandbox::new();
    let files = good_files().len();
    let count = write_all(sandbox.path(), mutations_of_each(files, 40));
    let good = read_all(&sandbox.path().join("good"));
    assert!(good.len() >= files);
    for processed in &good {
        let sentences = processed.result.as_ref().map(|read| read.sentences.len());
        assert!(sentences.as_ref().is_ok_and(|n| *n > 0), "{}: {sentences:?}", processed.name);
    }
    let bad = read_all(&sandbox.path().join("mutated"));
    let mut refused = 0;
    for processed in &bad {
        if let Err(reason) = &processed.result {
            refused += 1;
            assert!(is_understood(reason), "{}: {reason}", processed.name);
        }
    }
    println!("{count} mutations gave {} documents, {refused} refused", bad.len());
    assert!(refused > 0 && refused < bad.len());
}
