//! Training through the program: what a run repeats, survives, refuses and gives.

use crate::support::sandbox::{Run, Sandbox, fixture_model};

/// The first `n` authored clauses of the training split.
fn clauses(n: usize) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/clauses/train.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().take(n).map(|line| format!("{line}\n")).collect()
}

fn sandbox(n: usize) -> Sandbox {
    Sandbox::with(&[("train.jsonl", &clauses(n))])
}

fn bytes(sandbox: &Sandbox, name: &str) -> Vec<u8> {
    std::fs::read(sandbox.path().join(name)).unwrap()
}

#[track_caller]
fn done(run: &Run) {
    assert_eq!(run.status, Some(0), "{}", run.stderr);
}

#[test]
fn a_run_repeats_bit_for_bit_and_follows_its_seed() {
    let sandbox = sandbox(80);
    let run = |out: &str, seed: &str| {
        let arguments = ["train", "train.jsonl", "--dev", "train.jsonl", "--out", out];
        let more = ["--epochs", "2", "--threads", "2", "--seed", seed, "--lr", "1e-3"];
        done(&sandbox.run(&[&arguments[..], &more[..]].concat()));
        bytes(&sandbox, &format!("{out}/model.safetensors"))
    };
    let first = run("a", "7");
    assert!(first == run("b", "7"), "two runs of the same seed differ");
    assert!(first != run("c", "8"), "the seed has no effect");
}

#[test]
fn a_killed_run_resumes_to_the_same_model() {
    let sandbox = sandbox(200);
    let arguments = |out| {
        let base = ["train", "train.jsonl", "--dev", "train.jsonl", "--epochs", "6"];
        let more = ["--threads", "2", "--checkpoint-every", "7", "--resume", "--out", out];
        [&base[..], &more[..]].concat()
    };
    done(&sandbox.run(&arguments("unbroken")));
    let (kills, _) = sandbox.run_with_kills(&arguments("broken"), "broken/checkpoint.safetensors");
    assert!(kills >= 2, "{kills} kills");
    for name in ["model.safetensors", "fineprint.json", "config.json"] {
        let same = bytes(&sandbox, &format!("broken/{name}"))
            == bytes(&sandbox, &format!("unbroken/{name}"));
        assert!(same, "{name} differs after {kills} kills");
    }
    let manifest = |out: &str| -> serde_json::Value {
        serde_json::from_str(&sandbox.read(&format!("{out}/training.json"))).unwrap()
    };
    let (broken, unbroken) = (manifest("broken"), manifest("unbroken"));
    assert_eq!(broken["evaluations"], unbroken["evaluations"]);
    assert_eq!(broken["evaluations"].as_array().unwrap().len(), 6);

    let other = [&arguments("broken")[..], &["--seed", "2"]].concat();
    let refused = sandbox.run(&other);
    assert_ne!(refused.status, Some(0));
    assert!(refused.stderr.contains("cannot resume from broken"), "{}", refused.stderr);
}

#[test]
fn pre_training_learns_repeats_and_survives_kills() {
    let sandbox = sandbox(300);
    let arguments = |out| {
        let base =
            ["pretrain", "train.jsonl", "--epochs", "8", "--batch-size", "16", "--lr", "2e-3"];
        let more = ["--threads", "2", "--held-out", "0.1", "--checkpoint-every", "9", "--resume"];
        [&base[..], &more[..], &["--init", fixture_model_path(), "--out", out]].concat()
    };
    done(&sandbox.run(&arguments("a")));
    let manifest: serde_json::Value =
        serde_json::from_str(&sandbox.read("a/pretraining.json")).unwrap();
    let losses = manifest["losses"].as_array().unwrap();
    let held_out = |epoch: usize| losses[epoch][1].as_f64().unwrap();
    assert_eq!(losses.len(), 8);
    assert!(held_out(7) < held_out(0) - 0.2, "{losses:?}");
    assert!(manifest["sentences"][1].as_u64().unwrap() > 10, "{manifest}");

    let (kills, _) = sandbox.run_with_kills(&arguments("b"), "b/checkpoint.safetensors");
    assert!(kills >= 2, "{kills} kills");
    assert!(bytes(&sandbox, "a/model.safetensors") == bytes(&sandbox, "b/model.safetensors"));

    // The encoder can be fine-tuned, and has no head until then.
    let none = sandbox.run(&["classify", "--model", "a", "train.jsonl"]);
    assert!(none.stderr.contains("head"), "{}", none.stderr);
    done(&sandbox.run(&["train", "train.jsonl", "--init", "a", "--out", "c", "--epochs", "1"]));
}

fn fixture_model_path() -> &'static str {
    static PATH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    PATH.get_or_init(|| fixture_model().display().to_string())
}

#[test]
fn own_labels_give_a_model_that_classifies_with_them() {
    let rows: String = (0..40)
        .map(|i| match i % 2 {
            0 => format!("We sell your data to partner {i}.,sale\n"),
            _ => format!("You can delete your account {i} times.,\n"),
        })
        .collect();
    let sandbox = Sandbox::with(&[("own.csv", &format!("text,labels\n{rows}"))]);
    let init = fixture_model_path();
    let base = ["train", "own.csv", "--labels", "auto", "--dev", "own.csv", "--out", "own"];
    let more = ["--init", init, "--epochs", "30", "--lr", "2e-3", "--head-lr", "1e-2"];
    done(&sandbox.run(&[&base[..], &more[..]].concat()));
    let text = "We sell your data to partner 3.\n\nYou can delete your account 5 times.\n";
    let shown = ["classify", "--model", "own", "--format", "jsonl", "--all-sentences"];
    let run = sandbox.run_with_stdin(&shown, text);
    done(&run);
    let found: Vec<usize> = run
        .of_kind("sentence")
        .iter()
        .map(|record| record["findings"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(found, [1, 0], "{}", run.stdout);
}

#[test]
fn a_teacher_is_asked_once_and_its_sentences_need_no_labels() {
    let sandbox = sandbox(30);
    sandbox.write("plain.txt", b"We share data with partners.\nWe keep logs for 30 days.\n");
    let base = ["train", "train.jsonl", "--unlabelled", "plain.txt", "--out", "student"];
    let init = fixture_model_path();
    let more = ["--teacher", init, "--init", init, "--epochs", "1", "--resume"];
    let arguments = [&base[..], &more[..]].concat();
    done(&sandbox.run(&arguments));
    assert_eq!(sandbox.read("student/teacher-1.jsonl").lines().count(), 32);
    let again = sandbox.run(&arguments);
    done(&again);
    assert!(!again.stderr.contains("asking"), "{}", again.stderr);
    let alone = sandbox.run(&["train", "train.jsonl", "--unlabelled", "plain.txt", "--out", "x"]);
    assert_ne!(alone.status, Some(0));
    assert!(alone.stderr.contains("--unlabelled needs --teacher"), "{}", alone.stderr);
}

#[test]
fn arguments_come_from_a_file() {
    let sandbox = sandbox(20);
    let init = fixture_model_path();
    sandbox.write(
        "run.args",
        format!("train.jsonl\n--init\n{init}\n--epochs\n1\n--out\nmade\n").as_bytes(),
    );
    done(&sandbox.run(&["train", "@run.args"]));
    assert!(sandbox.path().join("made/model.safetensors").exists());
    let missing = sandbox.run(&["train", "@none.args"]);
    assert!(
        missing.status != Some(0) && missing.stderr.contains("none.args"),
        "{}",
        missing.stderr
    );
}

#[test]
fn mistakes_are_told_with_file_line_and_advice() {
    let sandbox = sandbox(5);
    sandbox.write("bad.jsonl", format!("{}{{\"text\":\"a\"}}\n", clauses(3)).as_bytes());
    sandbox.write(
        "typo.jsonl",
        format!("{}{{\"text\":\"a\",\"labels\":[\"ai-trainin\"]}}\n", clauses(2)).as_bytes(),
    );
    sandbox.write("out/model.safetensors", b"something of the user's");
    for (arguments, parts) in [
        (&["train", "bad.jsonl", "--out", "o"][..], &["bad.jsonl:4:", "`labels`"][..]),
        (&["train", "typo.jsonl", "--out", "o"], &["typo.jsonl:3:", "did you mean `ai-training`?"]),
        (&["eval", "bad.jsonl"], &["bad.jsonl:4:", "`labels`"]),
        (&["eval", "typo.jsonl"], &["typo.jsonl:3:", "did you mean `ai-training`?"]),
        (&["train", "train.jsonl", "--out", "out"], &["out has a model already", "--resume"]),
        (&["train", "none.jsonl", "--out", "o"], &["none.jsonl"]),
        (&["train", "train.jsonl", "--out", "o", "--lr", "2"], &["--lr"]),
        (&["pretrain", "train.jsonl", "--out", "o", "--mask", "2"], &["--mask"]),
        (&["train", "train.jsonl", "--out", "o", "--layers", "9"], &["--layers 9", "2 layers"]),
        (&["train", "train.jsonl", "--out", "o", "--freeze-layers", "3"], &["--freeze-layers 3"]),
    ] {
        let init = ["--init", fixture_model_path()];
        let trains = arguments[0].ends_with("train");
        let run = sandbox.run(&[arguments, if trains { &init } else { &[] }].concat());
        assert_ne!(run.status, Some(0), "{arguments:?}");
        for part in parts {
            assert!(run.stderr.contains(part), "{arguments:?}: {}", run.stderr);
        }
    }
    assert_eq!(sandbox.read("out/model.safetensors"), "something of the user's");
}

#[test]
fn frozen_layers_stay_and_the_others_learn() {
    let sandbox = sandbox(40);
    let base = ["train", "train.jsonl", "--init", fixture_model_path(), "--epochs", "1"];
    done(&sandbox.run(&[&base[..], &["--out", "half", "--freeze-layers", "1"]].concat()));
    let before = std::fs::read(fixture_model().join("model.safetensors")).unwrap();
    let after = bytes(&sandbox, "half/model.safetensors");
    let [before, after] =
        [&before, &after].map(|file| safetensors::SafeTensors::deserialize(file).unwrap());
    let is_same =
        |name: &str| before.tensor(name).unwrap().data() == after.tensor(name).unwrap().data();
    for name in before.names().into_iter().filter(|name| name.starts_with("bert.e")) {
        let stays = name.contains("embeddings") || name.contains("layer.0.");
        assert_eq!(is_same(name), stays, "{name}");
    }
}

#[test]
fn runs_are_averaged_and_packed() {
    let sandbox = sandbox(40);
    for (seed, out) in [("1", "a"), ("2", "b")] {
        let base = ["train", "train.jsonl", "--init", fixture_model_path(), "--out", out];
        done(&sandbox.run(&[&base[..], &["--epochs", "1", "--seed", seed]].concat()));
    }
    done(&sandbox.run(&["average", "a", "b", "--out", "mean"]));
    done(&sandbox.run(&["average", "b", "a", "--out", "same"]));
    let floats = |name: &str| -> Vec<f32> {
        let file = bytes(&sandbox, &format!("{name}/model.safetensors"));
        let file = safetensors::SafeTensors::deserialize(&file).unwrap();
        let data = file.tensor("bert.encoder.layer.1.output.dense.weight").unwrap();
        data.data().chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    let (a, b, mean) = (floats("a"), floats("b"), floats("mean"));
    assert_ne!(a, b);
    assert_eq!(mean, floats("same"));
    for i in 0..a.len() {
        assert!((mean[i] - f32::midpoint(a[i], b[i])).abs() < 1e-6);
    }
    done(&sandbox.run(&["average", "mean", "--precision", "int8", "--out", "small"]));
    let size = |name: &str| bytes(&sandbox, &format!("{name}/model.safetensors")).len();
    assert!(size("small") * 2 < size("mean"), "{} {}", size("small"), size("mean"));
    let text = "We sell your data.\n";
    for model in ["mean", "small"] {
        done(&sandbox.run_with_stdin(&["classify", "--model", model], text));
    }
    let again = sandbox.run(&["average", "a", "--out", "mean"]);
    assert!(again.status != Some(0) && again.stderr.contains("mean"), "{}", again.stderr);
    done(&sandbox.run(&[
        "train",
        "train.jsonl",
        "--init",
        "a",
        "--layers",
        "1",
        "--out",
        "one",
        "--epochs",
        "1",
    ]));
    let unequal = sandbox.run(&["average", "a", "one", "--out", "no"]);
    assert!(
        unequal.status != Some(0) && unequal.stderr.contains("different"),
        "{}",
        unequal.stderr
    );
}
