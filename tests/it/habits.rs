//! Habits of the command line: defaults from a file and from variables, the log, completions, man.

use crate::support::sandbox::{Run, Sandbox, finish};

const TERMS: &str = "# Terms\n\nWe sell your data to advertisers. You may leave.\n";

fn kind(run: &Run) -> &'static str {
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    match run.stdout.chars().next() {
        Some('{') if run.stdout.starts_with("{\"record\"") => "jsonl",
        Some('{') => "json",
        Some('d') if run.stdout.starts_with("document,") => "csv",
        _ => "text",
    }
}

#[test]
fn what_is_typed_goes_before_variables_and_those_before_the_file() {
    let sandbox = Sandbox::with(&[
        ("terms.md", TERMS),
        ("fineprint.toml", "[classify]\nformat = \"json\"\nall-sentences = true\n"),
        ("other.toml", "quiet = true\n[classify]\nformat = \"csv\"\n"),
    ]);
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = sandbox.command(arguments);
        command.envs(variables.iter().copied());
        finish(command, None)
    };
    assert_eq!(kind(&run(&["classify", "terms.md"], &[])), "json");
    assert_eq!(kind(&run(&["classify", "terms.md", "--no-config"], &[])), "text");
    let variable = [("FINEPRINT_CLASSIFY_FORMAT", "jsonl")];
    let by_variable = run(&["classify", "terms.md"], &variable);
    assert_eq!(kind(&by_variable), "jsonl");
    assert_eq!(by_variable.of_kind("sentence").len(), 3, "all-sentences is still the file's");
    assert_eq!(kind(&run(&["classify", "terms.md", "--format", "csv"], &variable)), "csv");
    assert_eq!(kind(&run(&["classify", "terms.md", "--config", "other.toml"], &[])), "csv");
    let by_variable = run(&["classify", "terms.md"], &[("FINEPRINT_CONFIG", "other.toml")]);
    assert_eq!(kind(&by_variable), "csv");
    let flag = [("FINEPRINT_CLASSIFY_ALL_SENTENCES", "yes")];
    let all = run(&["classify", "terms.md", "--no-config", "--format", "jsonl"], &flag);
    assert_eq!(all.of_kind("sentence").len(), 3);
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_place() {
    let refused = |toml: &str, why: &str| {
        let sandbox = Sandbox::with(&[("terms.md", TERMS), ("fineprint.toml", toml)]);
        let run = sandbox.run(&["classify", "terms.md"]);
        assert_eq!(run.status, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("fineprint.toml"), "{}", run.stderr);
        assert!(run.stderr.contains(why), "{why}: {}", run.stderr);
    };
    refused(
        "[classify]\nformt = \"json\"\n",
        "no option `formt` in [classify]; did you mean `format`?",
    );
    refused("[clasify]\n", "no option `clasify`; did you mean `classify`?");
    refused("[classify]\nformat = 1979-05-27\n", "`format` has to be a text");
    refused("[classify\n", "line 1");
    refused("[classify]\nformat = \"xml\"\n", "xml");
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["labels", "--config", "gone.toml"]);
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.contains("cannot read gone.toml"), "{}", run.stderr);
}

#[test]
fn the_log_is_off_unless_asked_for_and_holds_no_text() {
    let sandbox = Sandbox::with(&[("terms.md", TERMS)]);
    let quiet = sandbox.run(&["classify", "terms.md", "--quiet"]);
    assert_eq!((quiet.status, quiet.stderr.as_str()), (Some(0), ""));
    let run = sandbox.run(&["classify", "terms.md", "-v", "--log-format", "json"]);
    let events: Vec<serde_json::Value> =
        run.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let loaded = events.iter().find(|event| event["message"] == "model loaded").unwrap();
    assert_eq!(loaded["engine"], "int8", "{loaded}");
    let all = sandbox.run(&["classify", "terms.md", "-vvv"]);
    assert!(all.stderr.contains("document done"), "{}", all.stderr);
    assert!(!all.stderr.contains("advertisers"), "{}", all.stderr);
    let mut command = sandbox.command(&["classify", "terms.md"]);
    command.env("FINEPRINT_LOG", "=[=");
    let wrong = finish(command, None);
    assert_eq!(wrong.status, Some(2));
    assert!(wrong.stderr.contains("FINEPRINT_LOG"), "{}", wrong.stderr);
}

#[test]
fn completions_and_pages_name_every_verb() {
    let sandbox = Sandbox::new();
    let help = sandbox.run(&["--help"]).stdout;
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.len() > 10, "{verbs:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.run(&["completions", shell]).stdout;
        for verb in &verbs {
            assert!(script.contains(verb), "{shell}: {verb}");
        }
    }
    let run = sandbox.run(&["man", "--dir", "man1"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    for verb in verbs.iter().filter(|verb| **verb != "help") {
        let page = sandbox.read(&format!("man1/fineprint-{verb}.1"));
        assert!(page.starts_with(".ie") || page.contains(".TH"), "{verb}");
    }
    assert!(sandbox.run(&["man"]).stdout.contains(".TH fineprint 1"));
}
