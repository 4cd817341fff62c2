//! Reports: every format from saved results as from documents, and what a full disk does to them.
//!
//! Texts are invented and the model is the fixture; what other programs make of the formats is in
//! `tests/clients`.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::process::Stdio;

use crate::support::sandbox::{Run, Sandbox, finish};

const POLICY: &str = "# Marrow & Pike <i>privacy</i>

We collect your **name** and address. We keep them for two years.

## Sharing

We use your data to:

- show you advertising;
- train our models, unless you opt out.

We never sell your data. <script>alert(1)</script> Größe — naïve.
";

const OTHER: &str =
    "You grant us a licence to your content.\n\nWe do not review private messages.\n";

const DOCUMENTS: [&str; 3] = ["policy.md", "other.txt", "gone.md"];
/// All formats.
const ALL: [&str; 9] =
    ["text", "json", "jsonl", "csv", "parquet", "sarif", "jsonld", "markdown", "html"];

fn sandbox() -> Sandbox {
    Sandbox::with(&[("policy.md", POLICY), ("other.txt", OTHER)])
}

fn classify(sandbox: &Sandbox, options: &[&str]) -> Run {
    let run = sandbox.run(&[&["classify"], &DOCUMENTS[..], options].concat());
    assert_eq!(run.status, Some(3), "{run:?}");
    run
}

fn bytes(sandbox: &Sandbox, name: &str) -> Vec<u8> {
    std::fs::read(sandbox.path().join(name)).unwrap()
}

fn page(sandbox: &Sandbox, options: &[&str]) -> String {
    classify(sandbox, &[&["--format", "html"], options].concat()).stdout
}

#[test]
fn saved_results_give_the_same_bytes_as_the_documents() {
    let sandbox = sandbox();
    let options = ["--all-sentences", "--probabilities", "--explain"];
    classify(&sandbox, &[&["--format", "jsonl", "-o", "whole.jsonl"], &options[..]].concat());
    let options = &options[1..];
    classify(&sandbox, &[&["--format", "jsonl", "-o", "part.jsonl"], options].concat());
    for format in ALL {
        // Formats that show findings only never ask for all sentences; HTML always does.
        let is_whole = ["json", "jsonl", "csv", "parquet", "html"].contains(&format);
        let all: &[&str] = if is_whole { &["--all-sentences"] } else { &[] };
        let saved = if is_whole { "whole.jsonl" } else { "part.jsonl" };
        // The text report explains the findings that it shows, which `--all` makes all.
        let text: &[&str] = if format == "text" { &["--all"] } else { &[] };
        let direct = [&["--format", format, "-o", "direct"], options, all, text].concat();
        classify(&sandbox, &direct);
        let report = [&["report", saved, "--format", format, "-o", "again"], text].concat();
        let run = sandbox.run(&report);
        assert_eq!((run.status, run.stderr.as_str()), (Some(3), ""), "{format}");
        let (direct, again) = (bytes(&sandbox, "direct"), bytes(&sandbox, "again"));
        assert!(direct.len() > 500, "{format}");
        assert!(direct == again, "{format} differs");
    }
}

#[test]
fn results_of_several_files_make_one_report() {
    let sandbox = sandbox();
    let save = |document: &str, options: &[&str], to: &str| {
        let run = [&["classify", document, "--format", "jsonl", "-o", to], options].concat();
        assert_eq!(sandbox.run(&run).status, Some(0));
    };
    save("policy.md", &["--all-sentences"], "a.jsonl");
    save("other.txt", &[], "b.jsonl");
    save("other.txt", &["--stance", "denied"], "c.jsonl");
    let run = sandbox.run(&["report", "a.jsonl", "b.jsonl", "--format", "json"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["documents"].as_array().unwrap().len(), 2);
    // What holds for one of them does not hold for all.
    assert_eq!(json["run"]["options"]["all_sentences"], false);

    let page = sandbox.run(&["report", "b.jsonl"]);
    assert!(page.stdout.contains("Only the sentences with findings were saved"), "{page:?}");
    let mixed = sandbox.run(&["report", "a.jsonl", "c.jsonl"]);
    assert_eq!(mixed.status, Some(2));
    assert!(mixed.stderr.contains("c.jsonl: made with another --category"), "{mixed:?}");
    let other = sandbox.read("b.jsonl").replacen("\"model_digest\":\"", "\"model_digest\":\"0", 1);
    sandbox.write("d.jsonl", other.as_bytes());
    let mixed = sandbox.run(&["report", "a.jsonl", "d.jsonl"]);
    assert!(mixed.stderr.contains("d.jsonl: made with another model"), "{mixed:?}");
    let twice = sandbox.run(&["report", "a.jsonl", "-"]);
    assert!(twice.stderr.contains("must be the first"), "{twice:?}");
    let piped = sandbox.read("a.jsonl");
    let piped = sandbox.run_with_stdin(&["report", "-", "--format", "markdown"], &piped);
    assert_eq!(piped.status, Some(0), "{piped:?}");
}

#[test]
fn results_that_are_none_are_told_and_nothing_is_written() {
    let sandbox = sandbox();
    sandbox.write("empty.jsonl", b"");
    let saved = classify(&sandbox, &["--format", "jsonl"]).stdout;
    let cut = saved.len() - 30;
    sandbox.write("cut.jsonl", &saved.as_bytes()[..cut]);
    let lines = saved.lines().count();
    for (name, expected) in [
        ("empty.jsonl", "line 1: it is empty".to_owned()),
        ("cut.jsonl", format!("line {lines}: EOF while parsing")),
        ("policy.md", "line 1: expected value".to_owned()),
        ("absent.jsonl", "cannot read absent.jsonl".to_owned()),
    ] {
        let run = sandbox.run(&["report", name, "-o", "out.html"]);
        assert_eq!(run.status, Some(2), "{run:?}");
        assert!(run.stderr.contains(name) && run.stderr.contains(&expected), "{run:?}");
        assert!(!sandbox.path().join("out.html").exists());
    }
}

#[test]
fn a_page_holds_every_sentence_and_nothing_of_the_document_is_markup() {
    let sandbox = sandbox();
    let page = page(&sandbox, &[]);
    let records = classify(&sandbox, &["--format", "jsonl", "--all-sentences"]);
    let sentences = records.of_kind("sentence");
    let prefix = |document: &serde_json::Value| if document == "policy.md" { "" } else { "d2-" };
    for sentence in &sentences {
        let id = format!("id=\"{}s{}\"", prefix(&sentence["document"]), sentence["index"]);
        assert_eq!(page.matches(&id).count(), 1, "{id}");
    }
    let findings: usize = sentences.iter().map(|s| s["findings"].as_array().unwrap().len()).sum();
    assert_eq!(page.matches("<li data-category=").count(), findings);
    assert_eq!(
        page.matches("<mark class=\"s ").count(),
        2 + { sentences.iter().filter(|s| !s["findings"].as_array().unwrap().is_empty()).count() }
    );
    assert!(!page.contains("alert(1)</script>") && !page.contains("<i>privacy"));
    assert!(page.contains("Größe — naïve"));
    for foreign in ["http:", "https:", "<link", "<img", "src=", "style=\"", "onclick"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    for tag in ["article", "section", "table", "div", "mark", "main", "ul", "button", "h2", "h4"] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn a_page_tells_what_it_does_not_look_at() {
    let sandbox = sandbox();
    let whole = page(&sandbox, &[]);
    assert!(!whole.contains("This report looks only at"));
    let options = ["--category", "ai-training", "--min-probability", "0.99"];
    let narrow = page(&sandbox, &options);
    assert!(narrow.contains(
        "This report looks only at the categories ai-training, findings of a probability of at \
         least 0.99."
    ));
    // Of a category that was not looked for, silence is not claimed.
    let silent = narrow.split("No statement was found on: ").nth(1).unwrap();
    assert!(silent.starts_with("<span>AI training</span>."), "{}", &silent[..80]);
}

#[test]
fn parquet_needs_a_file() {
    let sandbox = sandbox();
    for options in [&[][..], &["-o", "-"]] {
        let run =
            sandbox.run(&[&["classify", "policy.md", "--format", "parquet"], options].concat());
        assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains("name a file with --output"), "{run:?}");
    }
    classify(&sandbox, &["--format", "parquet", "-o", "out.parquet"]);
    let bytes = bytes(&sandbox, "out.parquet");
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    assert_eq!(sandbox.names(), ["other.txt", "out.parquet", "policy.md"]);
}

#[test]
fn markdown_says_who_says_what_and_what_is_not_said() {
    let sandbox = sandbox();
    let text = classify(&sandbox, &["--format", "markdown"]).stdout;
    let lines = classify(&sandbox, &["--format", "jsonl"]);
    assert!(
        text.contains("\n## policy.md\n") && text.contains("\n## gone.md\n\nNot read: "),
        "{text}"
    );
    let rows: usize = text
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter(|line| !line.starts_with("category"))
        .map(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            assert_eq!(cells.len(), 4, "{line}");
            cells[1].parse::<usize>().unwrap() + cells[2].parse::<usize>().unwrap()
        })
        .sum();
    let findings: usize =
        lines.of_kind("sentence").iter().map(|s| s["findings"].as_array().unwrap().len()).sum();
    assert_eq!(rows, findings);
    assert!(text.contains("**Not said** (no statement found): "));
    assert!(!text.contains("<script") && text.contains("legal advice"));
}

#[test]
fn a_closed_pipe_ends_quietly_and_a_full_disk_is_an_error_in_every_format() {
    let sandbox = sandbox();
    classify(&sandbox, &["--format", "jsonl", "--all-sentences", "-o", "saved.jsonl"]);
    for format in ALL.into_iter().filter(|format| *format != "parquet") {
        for verb in [["classify", "policy.md"], ["report", "saved.jsonl"]] {
            let arguments = [&verb[..], &["--format", format]].concat();
            // Closed before the program starts, or it could be done before the pipe is closed.
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let child = sandbox.command(&arguments).stdout(writer).spawn().unwrap();
            let output = child.wait_with_output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
            assert_eq!(output.status.code(), Some(0), "{arguments:?}");
            #[cfg(target_os = "linux")]
            {
                let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
                let mut command = sandbox.command(&arguments);
                command.stdout(full);
                let run = finish(command, None);
                assert_eq!(run.status, Some(2), "{arguments:?}");
                let expected = "error: cannot write to standard output: No space left on device";
                assert!(run.stderr.contains(expected), "{run:?}");
            }
        }
    }
}

/// A file that outgrows the disk: the limit on a file's size fails a write just so.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_finished_leaves_the_old_one() {
    let sandbox = sandbox();
    classify(&sandbox, &["--format", "jsonl", "--all-sentences", "-o", "saved.jsonl"]);
    for format in ALL {
        sandbox.write("out", b"old");
        let program = env!("CARGO_BIN_EXE_fineprint");
        let script = format!(
            "trap '' XFSZ; ulimit -f 0; exec '{program}' report saved.jsonl --format {format} -o out"
        );
        let run = std::process::Command::new("bash")
            .args(["-c", &script])
            .current_dir(sandbox.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{format}: {stderr}");
        assert!(stderr.contains("cannot write out: "), "{format}: {stderr}");
        assert_eq!(sandbox.read("out"), "old", "{format}");
        assert_eq!(
            sandbox.names(),
            ["other.txt", "out", "policy.md", "saved.jsonl"],
            "{format} leaves something"
        );
    }
}
