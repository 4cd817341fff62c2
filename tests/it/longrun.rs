//! Long runs: killed anywhere and gone on with, in shards and merged, stopped and refused.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::sandbox::{Run, Sandbox, finish, fixture_model};

const FILES: [&str; 4] = ["records.jsonl", "index.jsonl", "errors.jsonl", "manifest.json"];

/// A small generator of random numbers (Numerical Recipes' constants), for moments to kill at.
struct Random(u32);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % bound
    }
}

/// A corpus of `documents` documents, no two alike, among them some that cannot be read.
fn corpus(documents: usize, sentences: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    let whom = ["partners", "advertisers", "nobody", "affiliates", "the courts", "our auditors"];
    let what = ["photos", "messages", "location", "invoices", "contacts", "voice recordings"];
    for document in 0..documents {
        let mut text = format!("# Terms of service number {document}\n\n");
        for i in 0..sentences {
            let (a, b) = (whom[(document + i) % whom.len()], what[(document * 7 + i) % what.len()]);
            let _ = writeln!(text, "We share your {b} of day {i} with {a} in case {document}.\n");
        }
        sandbox.write(format!("corpus/{document:04}.md"), text.as_bytes());
    }
    sandbox.write("corpus/0001-bad.txt", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0");
    sandbox.write("corpus/0003-bad.txt", &[0, 159, 146, 150, 0, 1, 2, 3, 0, 0, 255, 254, 9]);
    sandbox
}

fn classify<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["classify", "corpus", "--all-sentences", "--threads", "1"], more].concat()
}

/// The manifest without its times.
fn manifest(sandbox: &Sandbox, folder: &str) -> serde_json::Value {
    let text = sandbox.read(&format!("{folder}/manifest.json"));
    let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    for time in ["started", "ended"] {
        let value = manifest.as_object_mut().unwrap().remove(time).unwrap();
        assert!(value.as_str().unwrap().ends_with('Z'), "{value}");
    }
    manifest
}

#[track_caller]
fn same_results(sandbox: &Sandbox, one: &str, other: &str) {
    for name in &FILES[..3] {
        let read = |folder| sandbox.read(&format!("{folder}/{name}"));
        assert!(read(one) == read(other), "{name} differs");
    }
    assert_eq!(manifest(sandbox, one), manifest(sandbox, other));
}

#[track_caller]
fn ended(run: &Run, status: i32) {
    assert_eq!(run.status, Some(status), "{}", run.stderr);
}

/// Kills the command at random moments, each time going on with --resume, until it ends by itself.
fn run_with_kills(sandbox: &Sandbox, arguments: &[&str], random: &mut Random) -> usize {
    let mut kills = 0;
    loop {
        let mut command = sandbox.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Some before the first checkpoint, most after one or two.
        std::thread::sleep(Duration::from_millis(u64::from(random.below(900))));
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(3));
            return kills;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
}

#[test]
fn killed_at_random_moments_it_ends_with_the_bytes_of_an_unbroken_run() {
    // By hand: FINEPRINT_KILLS=200 cargo test --release --test it killed_at_random
    let wanted = std::env::var("FINEPRINT_KILLS").map_or(6, |n| n.parse().unwrap());
    let sandbox = corpus(250, 40);
    ended(&sandbox.run(&classify(&["--output-dir", "whole"])), 3);
    ended(&sandbox.run(&classify(&["--format", "jsonl", "-o", "whole.jsonl"])), 3);
    assert!(sandbox.read("whole.jsonl") == sandbox.read("whole/records.jsonl"));
    assert_eq!(sandbox.read("whole/index.jsonl").lines().count(), 252);
    let mut random = Random(7);
    let mut kills = 0;
    while kills < wanted {
        kills += run_with_kills(
            &sandbox,
            &classify(&["--output-dir", "broken", "--resume"]),
            &mut random,
        );
        same_results(&sandbox, "whole", "broken");
        std::fs::remove_dir_all(sandbox.path().join("broken")).unwrap();
        let file = classify(&["--format", "jsonl", "-o", "broken.jsonl", "--resume"]);
        kills += run_with_kills(&sandbox, &file, &mut random);
        assert!(sandbox.read("whole.jsonl") == sandbox.read("broken.jsonl"));
        std::fs::remove_file(sandbox.path().join("broken.jsonl")).unwrap();
    }
    let left = sandbox.names();
    assert_eq!(left, ["corpus", "whole", "whole.jsonl"], "after {kills} kills");
}

#[test]
fn what_a_killed_process_left_is_cleared_away() {
    let sandbox = corpus(6, 2);
    ended(&sandbox.run(&classify(&["--format", "jsonl", "-o", "whole.jsonl"])), 3);
    // Killed when the records had become the file and their folder was not gone yet.
    ended(&sandbox.run(&classify(&["--output-dir", "out.jsonl.part"])), 3);
    let part = sandbox.path().join("out.jsonl.part");
    std::fs::rename(part.join("records.jsonl"), sandbox.path().join("out.jsonl")).unwrap();
    for more in [&["--resume"][..], &[]] {
        let file = ["--format", "jsonl", "-o", "out.jsonl"];
        ended(&sandbox.run(&classify(&[&file[..], more].concat())), 3);
        assert!(sandbox.read("out.jsonl") == sandbox.read("whole.jsonl"));
        assert_eq!(sandbox.names(), ["corpus", "out.jsonl", "whole.jsonl"]);
        std::fs::create_dir(&part).unwrap();
        sandbox.write("out.jsonl.part/manifest.json", b"{}");
    }
    // Killed while the journal was being replaced.
    ended(&sandbox.run(&classify(&["--output-dir", "out"])), 3);
    sandbox.write("out/.fineprint-aBc123.part", b"half a jour");
    ended(&sandbox.run(&classify(&["--output-dir", "out", "--resume"])), 3);
    assert!(!sandbox.path().join("out/.fineprint-aBc123.part").exists());
}

#[test]
fn merged_shards_are_the_unsharded_run() {
    let sandbox = corpus(40, 3);
    ended(&sandbox.run(&classify(&["--output-dir", "whole"])), 3);
    for part in ["1", "2", "3"] {
        let arguments = ["--output-dir", &format!("part{part}"), "--shard", &format!("{part}/3")];
        let run = sandbox.run(&classify(&arguments));
        assert!(matches!(run.status, Some(0 | 3)), "{}", run.stderr);
        let documents = manifest(&sandbox, &format!("part{part}"))["counts"]["documents"].clone();
        assert!((5..25).contains(&documents.as_u64().unwrap()), "{documents}");
    }
    let merged = ["merge", "part2", "part1", "part3", "--output-dir", "merged"];
    ended(&sandbox.run(&merged), 3);
    same_results(&sandbox, "whole", "merged");

    let missing = sandbox.run(&["merge", "part2", "part1", "--output-dir", "other"]);
    ended(&missing, 2);
    assert!(missing.stderr.contains("shard 3/3 is missing"), "{}", missing.stderr);
    let twice = sandbox.run(&["merge", "part2", "part2", "--output-dir", "other"]);
    assert!(twice.stderr.contains("the same shard 2/3"), "{}", twice.stderr);
    sandbox.write("corpus/0007.md", b"# Other terms\n\nWe sell your data.\n");
    sandbox.run(&classify(&["--output-dir", "part3", "--shard", "3/3", "--restart"]));
    let changed = sandbox.run(&["merge", "part1", "part2", "part3", "--output-dir", "other"]);
    ended(&changed, 2);
    assert!(changed.stderr.contains("saw other inputs"), "{}", changed.stderr);
}

#[test]
fn what_would_mix_results_is_refused() {
    let sandbox = corpus(6, 2);
    ended(&sandbox.run(&classify(&["--output-dir", "out"])), 3);
    let refused = |arguments: &[&str], why: &str| {
        let run = sandbox.run(arguments);
        assert_eq!(run.status, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(why), "{why}: {}", run.stderr);
    };
    refused(&classify(&["--output-dir", "out"]), "holds a complete run");
    refused(
        &classify(&["--output-dir", "out", "--resume", "--probabilities"]),
        "options.probabilities false, now it is true",
    );
    for more in [&["--output-dir", "corpus"][..], &["--output-dir", "corpus", "--restart"]] {
        refused(&classify(more), "is not empty and holds no run");
        assert!(!sandbox.path().join("corpus/lock").exists());
    }
    refused(&["classify", "-", "--output-dir", "out"], "standard input");
    refused(&["classify", "corpus", "--resume"], "--resume and --restart need");
    refused(&classify(&["--output-dir", "part", "--shard", "3/2"]), "i/n is expected");

    // A complete run resumed is left as it is.
    let before = sandbox.read("out/records.jsonl");
    ended(&sandbox.run(&classify(&["--output-dir", "out", "--resume"])), 3);
    assert_eq!(sandbox.read("out/records.jsonl"), before);

    sandbox.write("corpus/0002.md", b"# New terms\n\nWe sell your data.\n");
    refused(&classify(&["--output-dir", "out", "--resume"]), "corpus/0002.md has changed");
    std::fs::remove_file(sandbox.path().join("corpus/0002.md")).unwrap();
    refused(&classify(&["--output-dir", "out", "--resume"]), "stands where corpus/0002.md was");
    let html = classify(&["--output-dir", "out", "--restart", "--format", "html"]);
    ended(&sandbox.run(&html), 3);
    let report = sandbox.read("out/report.html");
    assert!(report.contains("corpus/0003.md") && !report.contains("corpus/0002.md"));
    assert_eq!(manifest(&sandbox, "out")["counts"]["documents"], 7);
}

#[test]
fn failures_have_a_file_of_their_own_and_strict_stops_at_the_first() {
    let sandbox = corpus(6, 2);
    let strict = sandbox.run(&classify(&["--output-dir", "strict", "--strict"]));
    ended(&strict, 2);
    assert!(strict.stderr.contains("--strict"), "{}", strict.stderr);
    let kept = sandbox.read("strict/index.jsonl");
    assert_eq!(kept.lines().count(), 1, "what came before it is kept: {kept}");

    // Mended, the run goes on from there; without --strict it ends.
    sandbox.write("corpus/0001-bad.txt", b"We never sell your data to anyone.\n");
    let run = sandbox.run(&classify(&["--output-dir", "strict", "--resume"]));
    ended(&run, 3);
    assert!(run.stderr.contains("done before: 1;"), "{}", run.stderr);
    let errors = sandbox.read("strict/errors.jsonl");
    let error: serde_json::Value = serde_json::from_str(&errors).unwrap();
    assert_eq!(error["document"], "corpus/0003-bad.txt");
    assert!(error["reason"].as_str().unwrap().len() > 10, "{error}");
    ended(&sandbox.run(&classify(&["--output-dir", "whole"])), 3);
    same_results(&sandbox, "whole", "strict");
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_is_told_and_the_run_goes_on_later() {
    let sandbox = corpus(120, 40);
    ended(&sandbox.run(&classify(&["--output-dir", "whole"])), 3);
    // The shell counts blocks of 512 or 1,024 bytes; the records are larger than either allows.
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_fineprint");
    let arguments = classify(&["--output-dir", "full"]).join(" ");
    let script = format!("trap '' XFSZ; ulimit -f 700; exec {program} {arguments}");
    command.args(["-c", &script]).current_dir(sandbox.path()).env_clear();
    command.env("FINEPRINT_MODEL", fixture_model()).env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = finish(command, None);
    ended(&run, 2);
    assert!(run.stderr.contains("full"), "{}", run.stderr);
    assert!(run.stderr.to_lowercase().contains("file too large"), "{}", run.stderr);
    ended(&sandbox.run(&classify(&["--output-dir", "full", "--resume"])), 3);
    same_results(&sandbox, "whole", "full");
}
