//! `fineprint diff`: alignment as properties, and the program with the shipped model on invented
//! terms.

use std::collections::BTreeSet;
use std::sync::Arc;

use fineprint::compare::{Alignment, Form, Lexicon, align};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::sandbox::{Run, Sandbox, finish};

const OLD: &str = "# Acme terms

Last updated: March 3, 2023

## 1. Your content

1.1 We never sell your personal information.

1.2 You keep all ownership rights in your content.

1.3 We use cookies to remember your settings. See our [notice](https://acme.example/old).

1.4 We delete your account data after 30 days.
";

const NEW: &str = "# Acme terms

Last updated: April 14, 2024

## 2. Your content

2.1 We may sell your personal information to advertisers.

2.2 You keep all ownership rights in your content.

2.3 We use cookies to remember
your settings. See our [notice](https://acme.example/new).

2.4 We delete your account data after 90 days.

2.5 We use your messages to train our machine learning models.
";

fn forms(lexicon: &mut Lexicon, texts: &[String]) -> Vec<Arc<Form>> {
    texts.iter().map(|text| lexicon.form(text)).collect()
}

fn aligned(old: &[String], new: &[String]) -> Alignment {
    let mut lexicon = Lexicon::default();
    let (old, new) = (forms(&mut lexicon, old), forms(&mut lexicon, new));
    align(&old, &new)
}

/// Sentences of few words, so that repetitions and likenesses are frequent.
fn document() -> impl Strategy<Value = Vec<String>> {
    let word = prop::sample::select(vec![
        "we", "you", "data", "sell", "share", "keep", "delete", "never", "partners", "cookies",
        "content", "account", "may", "train", "models", "devices",
    ]);
    let sentence = prop::collection::vec(word, 1..12).prop_map(|words| words.join(" "));
    prop::collection::vec(sentence, 0..40)
}

/// Every sentence is in exactly one place of an alignment, and no link is of many and many.
fn assert_whole(alignment: &Alignment, old: usize, new: usize) {
    let links = &alignment.links;
    let mut olds: Vec<usize> = links.iter().flat_map(|link| link.old.clone()).collect();
    let mut news: Vec<usize> = links.iter().flat_map(|link| link.new.clone()).collect();
    olds.extend(&alignment.removed);
    news.extend(&alignment.added);
    olds.sort_unstable();
    news.sort_unstable();
    assert_eq!(olds, (0..old).collect::<Vec<_>>());
    assert_eq!(news, (0..new).collect::<Vec<_>>());
    assert!(links.iter().all(|l| l.old.len().min(l.new.len()) == 1));
}

proptest! {
    #[test]
    fn the_same_is_no_change(texts in document()) {
        let alignment = aligned(&texts, &texts);
        prop_assert!(alignment.removed.is_empty() && alignment.added.is_empty());
        prop_assert!(alignment.links.iter().all(|link| link.is_same && !link.is_moved));
        prop_assert!(alignment.links.iter().all(|link| link.old == link.new));
    }

    #[test]
    fn numbers_dates_links_case_and_spaces_are_no_change(texts in document(), shift in 1u32..9) {
        let dress = |i: usize, text: &str, by: u32| {
            let number = i as u32 + by;
            format!("{number}.{by} {text}, as of March {by}, 202{by}: https://a.example/{by} “x”")
        };
        let old: Vec<String> = texts.iter().enumerate().map(|(i, t)| dress(i, t, 0)).collect();
        let new: Vec<String> = texts
            .iter()
            .enumerate()
            .map(|(i, t)| {
                let shouted = dress(i, &t.to_uppercase(), shift);
                shouted.replace(' ', "  ").replace(['“', '”'], "\"")
            })
            .collect();
        // “March 0” is no date.
        let old: Vec<String> = old.iter().map(|t| t.replace("March 0", "March 31")).collect();
        let alignment = aligned(&old, &new);
        prop_assert!(alignment.removed.is_empty() && alignment.added.is_empty());
        prop_assert!(alignment.links.iter().all(|link| link.is_same));
    }

    #[test]
    fn every_sentence_is_aligned_once(old in document(), new in document()) {
        assert_whole(&aligned(&old, &new), old.len(), new.len());
    }

    #[test]
    fn shuffled_sentences_are_moved_and_not_changed(
        (old, new) in document().prop_flat_map(|d| (Just(d.clone()), Just(d).prop_shuffle()))
    ) {
        let alignment = aligned(&old, &new);
        prop_assert!(alignment.removed.is_empty() && alignment.added.is_empty());
        prop_assert!(alignment.links.iter().all(|link| link.is_same));
    }

    #[test]
    fn what_is_added_one_way_is_removed_the_other(old in document(), extra in document(), at in 0usize..40) {
        // Words of its own, so that nothing is like anything else.
        let extra: Vec<String> = extra
            .iter()
            .enumerate()
            .map(|(i, text)| text.split(' ').map(|w| format!("{w}x{i} ")).collect())
            .collect();
        let at = at.min(old.len());
        let new = [&old[..at], &extra, &old[at..]].concat();
        let there = aligned(&old, &new);
        let back = aligned(&new, &old);
        prop_assert!(there.removed.is_empty() && back.added.is_empty());
        prop_assert_eq!(&there.added, &(at..at + extra.len()).collect::<Vec<_>>());
        prop_assert_eq!(there.added, back.removed);
    }
}

#[test]
fn a_sentence_cut_in_two_or_joined_is_recognised() {
    let texts = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let one = texts(&[
        "Chairs are stacked.",
        "We collect your name and address, and we share these details with advertising partners.",
        "Tables stay.",
    ]);
    let two = texts(&[
        "Chairs are stacked.",
        "We collect your name and address",
        "and we share these details with advertising partners.",
        "Tables stay.",
    ]);
    let split = aligned(&one, &two);
    assert!(split.added.is_empty() && split.removed.is_empty());
    assert_eq!((split.links[1].old.clone(), split.links[1].new.clone()), (1..2, 1..3));
    // The same words in the same order: the cut alone is no change.
    assert!(split.links[1].is_same);
    let joined = aligned(&two, &one);
    assert_eq!((joined.links[1].old.clone(), joined.links[1].new.clone()), (1..3, 1..2));
    assert!(joined.links[1].is_same);
}

#[test]
fn five_thousand_sentences_are_aligned_as_they_are_few() {
    // Every fifth sentence is reworded; all share their common words.
    let text = |i: usize, kept: &str| {
        format!(
            "We may {kept} the record number {i} of region {} with partner {}",
            i % 97,
            i * 7919
        )
    };
    let old: Vec<String> = (0..5_000).map(|i| text(i, "share")).collect();
    let new: Vec<String> =
        (0..5_000).map(|i| text(i, if i % 5 == 0 { "never sell" } else { "share" })).collect();
    let alignment = aligned(&old, &new);
    assert_whole(&alignment, 5_000, 5_000);
    assert!(alignment.removed.is_empty() && alignment.added.is_empty());
    assert!(alignment.links.iter().all(|link| link.old == link.new && !link.is_moved));
    assert_eq!(alignment.links.iter().filter(|link| !link.is_same).count(), 1_000);
}

fn editions() -> Sandbox {
    Sandbox::with(&[("old.md", OLD), ("new.md", NEW)])
}

fn diff(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let mut all = vec!["diff"];
    all.extend(arguments);
    let mut command = sandbox.command(&all);
    command.env("FINEPRINT_MODEL", "embedded");
    finish(command, None)
}

fn json(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let run = diff(sandbox, &[arguments, &["--format", "json"]].concat());
    assert_eq!(run.status, Some(0), "{run:?}");
    serde_json::from_str(&run.stdout).unwrap()
}

/// `category kind` of every change.
fn kinds(record: &Value) -> BTreeSet<String> {
    let categories = record["categories"].as_array().unwrap();
    let of = |category: &Value| {
        let name = category["category"].as_str().unwrap().to_owned();
        let changes = category["changes"].as_array().unwrap().clone();
        changes.into_iter().map(move |c| format!("{name} {}", c["kind"].as_str().unwrap()))
    };
    categories.iter().flat_map(of).collect()
}

#[test]
fn what_turned_was_added_and_was_reworded_is_told_with_both_quotes() {
    let sandbox = editions();
    let record = json(&sandbox, &["old.md", "new.md"]);
    assert_eq!(record["schema"], "fineprint-diff/1");
    assert_eq!(
        record["sentences"],
        serde_json::json!({"unchanged": 6, "moved": 0, "reworded": 2, "added": 1, "removed": 0})
    );
    let kinds = kinds(&record);
    for expected in ["data-sale now-asserted", "ai-training added", "retention reworded"] {
        assert!(kinds.contains(expected), "{expected} is not in {kinds:?}");
    }
    assert!(!kinds.iter().any(|kind| kind.starts_with("tracking")), "{kinds:?}");
    let category = |name: &str| {
        let all = record["categories"].as_array().unwrap();
        all.iter().find(|category| category["category"] == name).unwrap()
    };
    assert_eq!(
        category("ai-training")["verdict"],
        "Now allows AI training on data or content. No opt-out sentence found nearby."
    );
    let sale = category("data-sale");
    assert_eq!((&sale["before"], &sale["after"]), (&"denied".into(), &"asserted".into()));
    let change = &sale["changes"][0];
    let marked = |side: &str| -> Vec<String> {
        let text = change[side]["text"].as_str().unwrap();
        let range = |mark: &Value| {
            let offset = |name: &str| mark[name].as_u64().unwrap() as usize;
            text[offset("start")..offset("end")].to_owned()
        };
        change[side]["marks"].as_array().unwrap().iter().map(range).collect()
    };
    assert_eq!(marked("old"), ["never"]);
    assert_eq!(marked("new"), ["may", "to advertisers"]);
    let start = change["new"]["start_byte"].as_u64().unwrap() as usize;
    assert!(NEW[start..].starts_with("2.1 We may sell"));
}

#[test]
fn an_edition_is_no_change_from_itself_nor_from_its_renumbering() {
    let sandbox = editions();
    let renumbered = OLD
        .replace("1.", "7.")
        .replace("March 3, 2023", "1 May 2025")
        .replace("/old", "/other")
        .replace("your settings", "your\nsettings");
    sandbox.write("renumbered.md", renumbered.as_bytes());
    for new in ["old.md", "renumbered.md"] {
        let record = json(&sandbox, &["old.md", new, "--fail-on", "any"]);
        assert_eq!(record["categories"], serde_json::json!([]), "{new}");
        let verdict = record["verdict"].as_str().unwrap();
        assert!(verdict.starts_with("Nothing changed"), "{verdict}");
    }
}

#[test]
fn conditions_decide_the_exit_code() {
    let sandbox = editions();
    let status = |condition: &str, more: &[&str]| {
        let run = diff(&sandbox, &[&["old.md", "new.md", "--fail-on", condition], more].concat());
        (run.status, run.stderr)
    };
    for (condition, code) in [
        ("any", 4),
        ("added:ai-training", 4),
        ("added:!ai-training", 0),
        ("now-asserted:*", 4),
        ("now-denied:*", 0),
        ("removed:*", 0),
        ("removed:*,reworded:retention", 4),
    ] {
        let (status, stderr) = status(condition, &[]);
        assert_eq!(status, Some(code), "{condition}: {stderr}");
    }
    // What --category hides counts all the same.
    assert_eq!(status("added:ai-training", &["--category", "retention"]).0, Some(4));
    assert_eq!(status("added:ai-training", &["--min-probability", "1"]).0, Some(0));
    let (code, stderr) = status("added:ai-trainin", &[]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("--fail-on: unknown label `ai-trainin`"), "{stderr}");
}

#[test]
fn accepted_and_suppressed_changes_are_shown_and_do_not_fail() {
    let sandbox = editions();
    let files = ["old.md", "new.md"];
    let with = |more: &[&str]| diff(&sandbox, &[&files[..], more].concat());
    assert_eq!(with(&["--write-baseline", "accepted.json"]).status, Some(0));
    let run = with(&["--baseline", "accepted.json", "--fail-on", "any"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.stdout.contains("Nothing changed") && run.stdout.contains(" accepted."), "{run:?}");

    let suppress = "[[suppress]]\nreason = \"agreed in May\"\ncategory = \"ai-training\"\n";
    sandbox.write("fineprint.toml", suppress.as_bytes());
    let run = with(&["--suppressions", "fineprint.toml", "--fail-on", "added:ai-training"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.stdout.contains("suppressed: agreed in May"), "{run:?}");

    let over = format!("{suppress}expires = \"2020-01-31\"\n");
    sandbox.write("fineprint.toml", over.as_bytes());
    let run = with(&["--suppressions", "fineprint.toml", "--fail-on", "added:ai-training"]);
    assert_eq!(run.status, Some(4), "{run:?}");
    assert!(run.stderr.contains("ran out after 2020-01-31"), "{run:?}");

    sandbox.write("bad.json", b"{}");
    let run = with(&["--baseline", "bad.json"]);
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.contains("bad.json: it is no baseline"), "{run:?}");
}

#[test]
fn formats_show_both_quotes_and_are_safe() {
    let sandbox = Sandbox::new();
    let old = "We never sell your data to <b>@brokers</b> `x`.\n\nWe collect your name.\n";
    let new = old.replace("never sell", "sell");
    sandbox.write("old.txt", old.as_bytes());
    sandbox.write("new.txt", new.as_bytes());
    let with = |format: &str| {
        let run = diff(&sandbox, &["old.txt", "new.txt", "--format", format]);
        assert_eq!(run.status, Some(0), "{run:?}");
        run.stdout
    };
    let text = with("text");
    assert!(text.contains("“We [-never-] sell your data"), "{text}");
    let markdown = with("markdown");
    assert!(markdown.contains("We ~~never~~ sell"), "{markdown}");
    assert!(!markdown.contains("<b>") && !markdown.contains("@brokers"), "{markdown}");
    let html = with("html");
    assert!(html.contains("We <del>never</del> sell"), "{html}");
    assert!(html.contains("&lt;b&gt;") && !html.contains("<b>"), "{html}");
    for foreign in ["http://", "https://", "@import", "url("] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert_eq!(html.matches("<script").count(), 1, "the script of every page");
}

#[test]
fn standard_input_is_one_edition_and_not_both() {
    let sandbox = editions();
    let mut command = sandbox.command(&["diff", "old.md", "-", "--format", "json"]);
    command.env("FINEPRINT_MODEL", "embedded");
    let run = finish(command, Some(NEW));
    let record: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(record["new"]["document"], "<stdin>");
    assert!(kinds(&record).contains("data-sale now-asserted"));
    let run = diff(&sandbox, &["-", "-"]);
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.contains("both the old and the new"), "{run:?}");
    let run = diff(&sandbox, &["old.md", "gone.md"]);
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.contains("gone.md: there is no such file"), "{run:?}");
}
