//! The program as its users meet it: status, standard output and standard error.
//!
//! The documents are invented and the model is the fixture with random weights, so nothing here
//! says whether findings are right.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a test that fails")]

use std::process::Stdio;

use crate::support::sandbox::{Run, Sandbox, finish, fixture_model};

const POLICY: &str = "# Acme privacy policy

Acme collects your **name** and e-mail address when you register.

## Sharing

We use your data to:

- show you advertising;
- train our models, unless you opt out.

We never sell your data to anyone.
";

const FRENCH: &str = "# Politique de confidentialité

Nous recueillons votre nom et votre adresse électronique lorsque vous créez un compte auprès de notre \
société, et nous conservons ces renseignements aussi longtemps que nécessaire pour fournir le service. \
Vous pouvez à tout moment demander que vos données personnelles soient effacées de nos serveurs.
";

fn policy() -> Sandbox {
    Sandbox::with(&[("policy.md", POLICY)])
}

/// A category that the fixture model finds in the policy with that stance.
fn category_found(sandbox: &Sandbox, stance: &str) -> String {
    let run = sandbox.run(&["classify", "policy.md", "--format", "jsonl"]);
    let sentences = run.of_kind("sentence");
    let mut findings = sentences.iter().flat_map(|s| s["findings"].as_array().unwrap());
    let found = findings.find(|f| f["stance"] == stance).unwrap_or_else(|| panic!("{run:?}"));
    found["category"].as_str().unwrap().to_owned()
}

fn assert_fails(run: &Run, status: i32, message: &str) {
    assert_eq!(run.status, Some(status), "{run:?}");
    assert!(run.stderr.contains(message), "{message:?} is not in {:?}", run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}

#[test]
fn the_text_report_groups_quotes_and_sums_up() {
    // In floats: the fixture's probabilities are so close that int8 moves their order.
    let run = policy().run(&[
        "classify",
        "policy.md",
        "--engine",
        "f32",
        "--category",
        "ai-training,service-improvement,content-review,legal-disclosure",
    ]);
    insta::assert_snapshot!("text_report", run.snapshot());
}

#[test]
fn several_documents_get_a_summary_and_failures_are_in_it() {
    let sandbox = Sandbox::with(&[("a.md", POLICY), ("b.md", FRENCH), ("c.md", "\0\0\0\0")]);
    let chosen = "ai-training,legal-disclosure,advertising";
    let documents = ["a.md", "b.md", "c.md", "gone.md"];
    let run = sandbox
        .run(&[&["classify", "--engine", "f32", "--category", chosen], &documents[..]].concat());
    insta::assert_snapshot!("text_report_of_several", run.snapshot());
}

#[test]
fn json_lines_have_a_header_and_ranges_that_slice_to_the_quote() {
    let sandbox = policy();
    let arguments =
        ["classify", "policy.md", "--format", "jsonl", "--all-sentences", "--probabilities"];
    let run = sandbox.run(&arguments);
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
    let records = run.records();
    assert_eq!(records[0]["record"], "run");
    assert_eq!(records[0]["schema"], "fineprint/1");
    assert_eq!(records[0]["model_digest"].as_str().unwrap().len(), 64);
    assert_eq!(records[0]["categories"].as_array().unwrap().len(), 21);
    assert_eq!(records[1]["record"], "document");
    assert_eq!(records[1]["status"], "classified");
    let sentences = run.of_kind("sentence");
    assert_eq!(records[1]["sentence_count"], sentences.len());
    for (i, sentence) in sentences.iter().enumerate() {
        assert_eq!(sentence["index"], i);
        let range = sentence["start_byte"].as_u64().unwrap() as usize
            ..sentence["end_byte"].as_u64().unwrap() as usize;
        let quote = sentence.get("quote").unwrap_or(&sentence["text"]);
        assert_eq!(&POLICY[range], quote.as_str().unwrap());
        let probabilities = sentence["probabilities"].as_object().unwrap();
        assert_eq!(probabilities.len(), 21);
        for p in probabilities.values() {
            assert!((0.0..=1.0).contains(&p["category"].as_f64().unwrap()));
            assert!((0.0..=1.0).contains(&p["denied"].as_f64().unwrap()));
        }
    }
    let item = sentences.iter().find(|s| s["text"] == "show you advertising;").unwrap();
    assert_eq!(item["lead_in"], "We use your data to:");
    assert_eq!(item["kind"], "list-item");
    assert_eq!(item["section"], serde_json::json!(["Acme privacy policy", "Sharing"]));
    assert_eq!((&item["line"], &item["column"]), (&9.into(), &3.into()));
}

#[test]
fn json_and_csv_are_views_of_the_same_records() {
    let sandbox = policy();
    let run =
        |format: &str| sandbox.run(&["classify", "policy.md", "policy.md", "--format", format]);
    let lines = run("jsonl");
    let sentences = lines.of_kind("sentence");
    let json: serde_json::Value = serde_json::from_str(&run("json").stdout).unwrap();
    assert_eq!(json["run"]["schema"], "fineprint/1");
    let documents = json["documents"].as_array().unwrap();
    assert_eq!(documents.len(), 2);
    let nested: Vec<_> =
        documents.iter().flat_map(|d| d["sentences"].as_array().unwrap().clone()).collect();
    let without_kind: Vec<_> = sentences
        .iter()
        .map(|s| {
            let mut s = s.clone();
            s.as_object_mut().unwrap().shift_remove("record");
            s
        })
        .collect();
    assert_eq!(nested, without_kind);

    let csv = run("csv");
    let mut reader = csv::Reader::from_reader(csv.stdout.as_bytes());
    let header = reader.headers().unwrap().iter().collect::<Vec<_>>().join(",");
    assert_eq!(
        header,
        "document,model_digest,index,line,column,start_byte,end_byte,section,kind,category,stance,\
         probability,lead_in,text"
    );
    let findings: usize = sentences.iter().map(|s| s["findings"].as_array().unwrap().len()).sum();
    assert!(findings > 0);
    assert_eq!(reader.records().map(Result::unwrap).count(), findings);
}

#[test]
fn filters_choose_what_is_output() {
    let sandbox = policy();
    let category = category_found(&sandbox, "asserted");
    let jsonl = ["classify", "policy.md", "--format", "jsonl"];
    let run =
        sandbox.run(&[&jsonl[..], &["--category", &category, "--stance", "asserted"]].concat());
    let sentences = run.of_kind("sentence");
    assert!(!sentences.is_empty());
    for finding in sentences.iter().flat_map(|s| s["findings"].as_array().unwrap()) {
        assert_eq!(finding["category"], category.as_str());
        assert_eq!(finding["stance"], "asserted");
    }
    let none = sandbox.run(&[&jsonl[..], &["--min-probability", "1"]].concat());
    assert_eq!((none.status, none.of_kind("sentence").len()), (Some(0), 0));
}

#[test]
fn exit_codes_are_those_of_the_table() {
    let sandbox = policy();
    let asserted = category_found(&sandbox, "asserted");
    let status =
        |arguments: &[&str]| sandbox.run(&[&["classify", "--quiet"], arguments].concat()).status;
    assert_eq!(status(&["policy.md"]), Some(0));
    let nothing = ["--min-probability", "1", "--fail-if-none"];
    assert_eq!(status(&[&["policy.md"][..], &nothing].concat()), Some(1));
    assert_eq!(status(&["policy.md", "--fail-if-none"]), Some(0));
    assert_eq!(status(&["policy.md", "--no-such-option"]), Some(2));
    assert_eq!(status(&["policy.md", "--model", "no-such-folder"]), Some(2));
    assert_eq!(status(&["policy.md", "gone.md"]), Some(3));
    assert_eq!(status(&["policy.md", "--fail-on", &asserted]), Some(4));
    assert_eq!(status(&["policy.md", "--fail-on", &asserted, "--stance", "denied"]), Some(4));
    // Three before four, four before one.
    assert_eq!(status(&["policy.md", "gone.md", "--fail-on", &asserted]), Some(3));
    let hidden = ["--category", "children", "--stance", "denied", "--fail-if-none"];
    let both = [&["policy.md", "--fail-on", &asserted][..], &hidden].concat();
    assert_eq!(status(&both), Some(4));
}

#[test]
fn wrong_usage_says_what_to_do() {
    let sandbox = policy();
    let run = |arguments: &[&str]| sandbox.run(&[&["classify"], arguments].concat());
    let slip = run(&["policy.md", "--category", "ai_trainin"]);
    assert_fails(&slip, 2, "unknown category `ai_trainin`; did you mean `ai-training`?");
    assert_fails(&run(&["policy.md", "--fail-on", "weather"]), 2, "`fineprint labels` lists them");
    assert_fails(&run(&["policy.md", "--glob", "a{b"]), 2, "--glob: ");
    assert_fails(&run(&["-", "--files-from", "-"]), 2, "cannot be both");
    assert_fails(&run(&["policy.md", "-o", "no/such/out"]), 2, "cannot write no/such/out");
    std::fs::create_dir(sandbox.path().join("empty")).unwrap();
    assert_fails(&run(&["empty"]), 2, "no document found in empty");
    sandbox.write("list", b"");
    assert_eq!(run(&["--files-from", "list"]).status, Some(0), "an empty list is no mistake");
}

#[test]
fn a_cause_is_told_once() {
    let missing = policy().run(&["eval", "missing.jsonl"]);
    assert_eq!(missing.status, Some(2));
    assert_eq!(missing.stderr.matches("No such file").count(), 1, "{}", missing.stderr);
    // Nothing listens on the discard port.
    let alone = policy().run(&["classify", "--server", "http://127.0.0.1:9", "policy.md"]);
    assert_eq!(alone.stderr.matches("refused").count(), 1, "{}", alone.stderr);
}

#[test]
fn one_bad_input_is_told_and_the_rest_goes_on() {
    let sandbox = policy();
    sandbox.write("binary.md", b"\x7fELF\0\0\0\0");
    std::fs::create_dir(sandbox.path().join("folder")).unwrap();
    sandbox.write("list", b"folder\ngone.md\nbinary.md\npolicy.md\n");
    let mut bad = vec!["folder", "gone.md", "binary.md"];
    #[cfg(unix)]
    {
        let pipe = sandbox.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
        sandbox.write("list", b"folder\ngone.md\nbinary.md\npipe\n/dev/zero\npolicy.md\n");
        bad.extend(["pipe", "/dev/zero"]);
    }
    let run = sandbox.run(&["classify", "--files-from", "list", "--format", "jsonl"]);
    assert_eq!(run.status, Some(3));
    let documents = run.of_kind("document");
    let failed: Vec<_> = documents.iter().filter(|d| d["status"] == "failed").collect();
    assert_eq!(failed.len(), bad.len());
    for (name, record) in bad.iter().zip(failed) {
        assert_eq!(record["document"], *name);
        assert!(run.stderr.contains(&format!("error: {name}: ")), "{}", run.stderr);
    }
    assert_eq!(documents.last().unwrap()["status"], "classified");
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf8_is_read() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    sandbox.write(std::ffi::OsStr::from_bytes(b"terms \xfe.md"), POLICY.as_bytes());
    let run = sandbox.run(&["classify", ".", "--format", "jsonl"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(run.of_kind("document")[0]["document"], "terms \u{fffd}.md");
}

#[test]
fn a_document_in_another_language_is_noted_and_left_alone() {
    let sandbox = Sandbox::with(&[("fr.md", FRENCH)]);
    let run = sandbox.run(&["classify", "fr.md", "--format", "jsonl"]);
    assert_eq!(run.status, Some(0));
    assert!(run.stderr.starts_with("note: fr.md: written in French"), "{}", run.stderr);
    assert_eq!(run.of_kind("document")[0]["status"], "other-language");
    assert!(run.of_kind("sentence").is_empty());
    let all = ["classify", "fr.md", "--format", "jsonl", "--any-language", "--all-sentences"];
    let run = sandbox.run(&all);
    assert_eq!(run.of_kind("document")[0]["status"], "classified");
    assert!(!run.of_kind("sentence").is_empty());
}

#[test]
fn standard_input_and_ready_made_lines_are_read() {
    let sandbox = Sandbox::new();
    let arguments = ["classify", "--format", "jsonl", "--all-sentences"];
    let run = sandbox.run_with_stdin(&arguments, "<p>We sell data. We keep it.</p>");
    assert_eq!(run.of_kind("document")[0]["document"], "<stdin>");
    assert_eq!(run.of_kind("document")[0]["format"], "html");
    assert_eq!(run.of_kind("sentence").len(), 2);
    let lines = [&arguments[..], &["--lines", "-"]].concat();
    let run = sandbox.run_with_stdin(&lines, "We sell data. We keep it.\n\n<p>\n");
    let texts: Vec<_> = run.of_kind("sentence").iter().map(|s| s["text"].clone()).collect();
    assert_eq!(texts, ["We sell data. We keep it.", "<p>"]);
    let forced = [&arguments[..], &["--input-format", "text"]].concat();
    let run = sandbox.run_with_stdin(&forced, "<p>We sell data.</p>");
    assert_eq!(run.of_kind("document")[0]["format"], "text");
}

#[test]
fn folders_are_walked_in_order_whatever_the_threads() {
    let sandbox = Sandbox::new();
    for i in 0..40 {
        let text = format!("# Terms {i}\n\nWe collect data number {i}. We may share it.\n");
        sandbox.write(format!("terms/{i:02}.md"), text.as_bytes());
    }
    sandbox.write("terms/.hidden.md", b"We sell data.");
    sandbox.write("terms/logo.png", b"\x89PNG");
    let run = |threads: &str| {
        sandbox.run(&["classify", "terms", "--format", "jsonl", "--threads", threads])
    };
    let one = run("1");
    assert_eq!(one.status, Some(0));
    assert!(one.stderr.contains("1 other files in folders were passed over"), "{}", one.stderr);
    let names: Vec<_> = one
        .of_kind("document")
        .iter()
        .map(|d| d["document"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (0..40).map(|i| format!("terms/{i:02}.md")).collect();
    assert_eq!(names, expected);
    let strip = |run: &Run| {
        let mut records = run.records();
        for finding in records.iter_mut().filter_map(|r| r.get_mut("findings")) {
            for f in finding.as_array_mut().unwrap() {
                f.as_object_mut().unwrap().shift_remove("probability");
            }
        }
        records
    };
    assert_eq!(strip(&run("2")), strip(&one));
}

#[test]
fn an_output_file_is_replaced_only_when_complete() {
    let sandbox = policy();
    sandbox.write("out.csv", b"old");
    let fatal = sandbox.run(&["classify", "policy.md", "-o", "out.csv", "--category", "x"]);
    assert_eq!(fatal.status, Some(2));
    assert_eq!(sandbox.read("out.csv"), "old");
    let run = sandbox.run(&["classify", "policy.md", "-o", "out.csv", "--format", "csv"]);
    assert_eq!((run.status, run.stdout.as_str()), (Some(0), ""));
    assert!(sandbox.read("out.csv").starts_with("document,"));
    assert_eq!(sandbox.names(), ["out.csv", "policy.md"]);
    // An output in the folder that is walked is no input.
    let into = ["classify", ".", "-o", "out.md", "--format", "jsonl"];
    for _ in 0..2 {
        assert_eq!(sandbox.run(&into).status, Some(0));
        assert_eq!(sandbox.read("out.md").matches("\"record\":\"document\"").count(), 1);
    }
}

#[test]
fn a_closed_pipe_ends_quietly_and_a_full_disk_does_not() {
    let sandbox = policy();
    for format in ["text", "json", "jsonl", "csv"] {
        let mut child = sandbox
            .command(&["classify", "policy.md", "--all", "--format", format])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
    #[cfg(target_os = "linux")]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = sandbox.command(&["classify", "policy.md"]);
        command.stdout(full);
        assert_fails(&finish(command, None), 2, "cannot write to standard output");
    }
}

#[test]
fn colours_come_on_demand_and_hostile_escapes_never() {
    let hostile = "We \u{1b}[31msell\u{1b}]0;owned\u{7} your data to anyone who asks.\n";
    let sandbox = Sandbox::with(&[("policy.md", POLICY), ("hostile.md", hostile)]);
    let both = ["classify", "policy.md", "hostile.md", "--all"];
    let plain = sandbox.run(&both);
    assert!(!plain.stdout.contains('\u{1b}') && !plain.stderr.contains('\u{1b}'));
    let coloured = sandbox.run(&[&both[..], &["--color", "always"]].concat());
    assert!(coloured.stdout.contains("\u{1b}["));
    assert!(!coloured.stdout.contains("]0;owned\u{7}"));
    let run = |name: &str, value: &str| {
        let mut command = sandbox.command(&both);
        command.env(name, value);
        finish(command, None).stdout.contains('\u{1b}')
    };
    assert!(run("CLICOLOR_FORCE", "1"));
    assert!(!run("NO_COLOR", "1"));
    // Data comes out as it is.
    let data = ["classify", "hostile.md", "--all-sentences", "--format", "csv", "--color", "never"];
    assert!(sandbox.run(&data).stdout.contains("We \u{1b}[31msell"));
}

#[test]
fn deciding_words_are_marked_and_listed() {
    let sandbox = policy();
    let run = sandbox.run(&["classify", "policy.md", "--explain", "--format", "jsonl"]);
    let sentences = run.of_kind("sentence");
    let mut marked = 0;
    for sentence in &sentences {
        for finding in sentence["findings"].as_array().unwrap() {
            for evidence in finding["evidence"].as_array().unwrap() {
                let start = evidence["start"].as_u64().unwrap() as usize;
                let end = evidence["end"].as_u64().unwrap() as usize;
                assert_eq!(&sentence["text"].as_str().unwrap()[start..end], evidence["text"]);
                marked += 1;
            }
        }
    }
    assert!(marked > 0, "{run:?}");
    let text = sandbox.run(&["classify", "policy.md", "--explain"]);
    assert!(text.stdout.contains('[') && text.stdout.contains(']'));
}

#[test]
fn labels_are_those_of_the_model() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["labels", "--format", "json"]);
    let labels: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(labels["schema"], "fineprint-labels/1");
    assert_eq!(labels["categories"].as_array().unwrap().len(), 21);
    assert_eq!(labels["stances"][1]["dpv"], "https://w3id.org/dpv#Prohibition");
    let text = sandbox.run(&["labels"]);
    assert!(text.stdout.starts_with("What they collect\n\n  collection  Collection\n"));
    assert!(text.stdout.ends_with("21 categories, asserted and denied.\n"));
}

#[test]
fn licences_name_what_asks_to_be_named() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["licenses"]);
    for needed in ["Open Terms Archive contributors", "all-MiniLM-L6-v2", "candle-core", "--full"] {
        assert!(run.stdout.contains(needed), "{needed}");
    }
    let full = sandbox.run(&["licenses", "--full"]);
    assert!(full.stdout.contains("Permission is hereby granted"));
}

#[test]
fn an_exported_model_classifies_as_its_source_does() {
    let sandbox = policy();
    let run = sandbox.run(&["export", "--to", "copy"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    for file in ["README.md", "modules.json", "1_Pooling/config.json", "2_Dense/model.safetensors"]
    {
        assert!(sandbox.path().join("copy").join(file).is_file(), "{file}");
    }
    let classify =
        ["classify", "policy.md", "--format", "jsonl", "--all-sentences", "--probabilities"];
    let source = sandbox.run(&classify);
    let copy = sandbox.run(&[&classify[..], &["--model", "copy"]].concat());
    assert_eq!(copy.of_kind("sentence"), source.of_kind("sentence"));

    let again = sandbox.run(&["export", "--to", "copy"]);
    assert_fails(&again, 2, "the folder is not empty; --force replaces it");
    assert_eq!(sandbox.run(&["export", "--to", "copy", "--force"]).status, Some(0));
    sandbox.write("home/letter.txt", b"dear");
    let home = sandbox.run(&["export", "--to", "home", "--force"]);
    assert_fails(&home, 2, "does not look like a model");
    assert_eq!(sandbox.read("home/letter.txt"), "dear");
    assert_eq!(sandbox.names(), ["copy", "home", "policy.md"]);
    assert!(fixture_model().is_dir());
}

#[test]
fn help_and_version_are_printed_and_hold_the_exit_codes() {
    let sandbox = Sandbox::new();
    for arguments in [&["--help"][..], &["classify", "--help"]] {
        let run = sandbox.run(arguments);
        assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
        assert!(run.stdout.contains("  4  a category of --fail-on is asserted"), "{}", run.stdout);
    }
    for verb in ["classify", "labels", "export", "licenses"] {
        let run = sandbox.run(&[verb, "--help"]);
        assert!(run.stdout.contains("Examples:"), "{verb}");
    }
    assert_eq!(sandbox.run(&["--version"]).stdout, "fineprint 0.1.0\n");
    assert_eq!(sandbox.run(&[]).status, Some(2));
}

#[test]
fn bench_counts_what_it_measures_and_compares_engines() {
    let sandbox = Sandbox::with(&[
        ("policy.md", POLICY),
        (
            "s.jsonl",
            "{\"text\": \"We sell data.\"}\n{\"text\": \"show ads\", \"lead_in\": \"We:\"}\n",
        ),
    ]);
    let run = sandbox.run(&["bench", "policy.md", "--repeat", "2", "--format", "json"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    let record: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(record["schema"], "fineprint-bench/1");
    assert_eq!(record["engine"], "int8");
    let throughput = &record["throughput"];
    assert_eq!(throughput["documents"], 1);
    assert_eq!(throughput["bytes"], POLICY.len());
    assert_eq!(throughput["seconds"].as_array().unwrap().len(), 2);
    assert!(throughput["sentences_per_second"].as_f64().unwrap() > 0.0);
    assert!(throughput["tokens"].as_u64() > throughput["sentences"].as_u64());

    let lines = ["bench", "s.jsonl", "--lines", "--engine", "f32", "--compare", "candle"];
    let run = sandbox.run(&[&lines[..], &["--format", "json"]].concat());
    let record: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(record["throughput"]["documents"], 0);
    assert_eq!(record["throughput"]["sentences"], 2);
    assert_eq!(record["comparison"]["with"], "candle");
    assert!(record["comparison"]["cosine_min"].as_f64().unwrap() > 0.999_99);
    assert_eq!(record["comparison"]["same_decisions"], 1.0);

    let run = sandbox.run(&[&lines[..], &["--limit", "1"]].concat());
    assert!(run.stdout.contains("1 sentences, ") && run.stdout.contains("against    candle"));
    assert_fails(&sandbox.run(&["bench", "gone.md"]), 2, "gone.md: there is no such file");
    let run = sandbox.run(&["bench", "policy.md", "gone.md", "--repeat", "1"]);
    assert_fails(&run, 3, "gone.md: there is no such file");
    assert!(run.stdout.contains("corpus     1 documents"), "{}", run.stdout);
    assert_fails(
        &sandbox.run(&["bench", "policy.md", "--engine", "gpu"]),
        2,
        "int8, f32, candle, cuda or metal",
    );
    if !cfg!(feature = "cuda") {
        let run = sandbox.run(&["bench", "policy.md", "--engine", "cuda"]);
        assert_fails(&run, 2, "cannot compute on cuda");
        assert!(run.stderr.contains("--features cuda") && run.stderr.contains("--engine int8"));
    }
}
