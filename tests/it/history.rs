//! `fineprint history` on repositories of invented documents, with the shipped model.

use serde_json::Value;

use crate::support::repository::Builder;
use crate::support::sandbox::{Run, Sandbox, finish};

/// 2023-01-01 in days.
const FIRST: i64 = 19_358;

const FILLER: &str = "You must be at least 16 years old to open an account.

The service is offered on weekdays from nine to five.

Please keep your password to yourself.

Our office is in the old harbour of Tarnmouth.

Meals are not part of the subscription.

Questions go to the front desk.

The moon is visible from the terrace at night.

Chairs are stacked after closing time.
";

fn terms(number: usize, extra: &str) -> String {
    format!("# Tarn terms\n\nVersion of 2023-0{number}-01.\n\n{FILLER}\n{extra}\n")
}

fn history(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let mut all = vec!["history", "repo"];
    all.extend(arguments);
    let mut command = sandbox.command(&all);
    command.env("FINEPRINT_MODEL", "embedded");
    finish(command, None)
}

fn json(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--format", "json"]);
    let run = history(sandbox, &all);
    assert_eq!(run.status, Some(0), "{run:?}");
    serde_json::from_str(&run.stdout).unwrap()
}

const ALLOWS: &str = "We use your messages to train our machine learning models.";
const DENIES: &str = "We do not use your messages to train machine learning models.";

/// Seven versions: silent, only a date, AI training, a page that failed, back, denied, renamed.
fn story() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new();
    let mut builder = Builder::new(&sandbox.path().join("repo"));
    let versions = [
        ("Tarn/Terms.md", terms(1, "")),
        ("Tarn/Terms.md", terms(2, "")),
        ("Tarn/Terms.md", terms(3, ALLOWS)),
        ("Tarn/Terms.md", "# Access denied\n\nPlease try again later.\n".to_owned()),
        ("Tarn/Terms.md", terms(3, ALLOWS)),
        ("Tarn/Terms.md", terms(4, DENIES)),
        ("Tarnmouth/Terms.md", terms(4, DENIES)),
    ];
    let commits = versions
        .iter()
        .enumerate()
        .map(|(i, (path, text))| builder.commit(FIRST + 10 * i as i64, &[(path, text)]))
        .collect();
    (sandbox, commits)
}

#[test]
fn only_versions_that_change_what_is_said_are_told() {
    let (sandbox, commits) = story();
    let record = json(&sandbox, &["--category", "ai-training"]);
    assert_eq!(record["schema"], "fineprint-history/1");
    assert_eq!(record["commits"], 7);
    let document = &record["documents"][0];
    assert_eq!(document["document"], "Tarnmouth/Terms.md");
    assert_eq!(document["earlier_paths"], serde_json::json!(["Tarn/Terms.md"]));
    assert_eq!(document["versions"], 7);
    assert_eq!(document["first"]["date"], "2023-01-01");

    let events = document["events"].as_array().unwrap();
    assert_eq!(events.len(), 2, "{events:#?}");
    let told = |event: &Value| {
        let category = &event["categories"][0];
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let of = |name: &str| category[name].as_str().unwrap().to_owned();
        (text("date"), text("commit"), of("before"), of("after"))
    };
    let expect = |date: &str, commit: usize, before: &str, after: &str| {
        (date.to_owned(), commits[commit].clone(), before.to_owned(), after.to_owned())
    };
    assert_eq!(told(&events[0]), expect("2023-01-21", 2, "silent", "asserted"));
    assert_eq!(told(&events[1]), expect("2023-02-20", 5, "asserted", "denied"));
    assert_eq!(events[0]["categories"][0]["changes"][0]["new"]["text"], ALLOWS);

    let passed = document["passed_over"].as_array().unwrap();
    assert_eq!(passed.len(), 1);
    assert_eq!(passed[0]["commit"], *commits[3]);
    assert!(passed[0]["reason"].as_str().unwrap().contains("failed to load"), "{passed:?}");

    let periods = document["categories"][0]["periods"].as_array().unwrap();
    let periods: Vec<(&str, &str)> = periods
        .iter()
        .map(|p| (p["from"].as_str().unwrap(), p["standing"].as_str().unwrap()))
        .collect();
    assert_eq!(
        periods,
        [("2023-01-01", "silent"), ("2023-01-21", "asserted"), ("2023-02-20", "denied")]
    );
}

#[test]
fn a_loss_that_stays_is_no_failure() {
    let sandbox = Sandbox::new();
    let mut builder = Builder::new(&sandbox.path().join("repo"));
    builder.commit(FIRST, &[("t.md", terms(1, ALLOWS))]);
    builder.commit(FIRST + 1, &[("t.md", "# Tarn terms\n\nThe moon is made of stone.\n")]);
    builder.commit(FIRST + 2, &[("t.md", "# Tarn terms\n\nThe moon is made of rock.\n")]);
    let record = json(&sandbox, &["--category", "ai-training"]);
    let document = &record["documents"][0];
    assert_eq!(document["passed_over"], serde_json::json!([]));
    assert_eq!(document["events"][0]["date"], "2023-01-02");
    assert_eq!(document["events"][0]["categories"][0]["changes"][0]["kind"], "removed");
}

#[test]
fn time_paths_and_revisions_narrow_it() {
    let (sandbox, commits) = story();
    let events = |arguments: &[&str]| {
        let record = json(&sandbox, arguments);
        record["documents"][0]["events"].as_array().unwrap().len()
    };
    let only = ["--category", "ai-training"];
    let with = |more: &[&'static str]| [&only[..], more].concat();
    assert_eq!(events(&with(&["--since", "2023-02-01"])), 1);
    assert_eq!(events(&with(&["--until", "2023-02-01"])), 1);
    assert_eq!(events(&["--revision", &commits[1], "--category", "ai-training"]), 0);
    // A name that the document had before finds it too.
    assert_eq!(events(&with(&["Tarn"])), 2);
    let none = history(&sandbox, &["Elsewhere"]);
    assert_eq!(none.status, Some(2));
    assert!(none.stderr.contains("no document found in repo"), "{none:?}");
    let wrong = history(&sandbox, &["--since", "soon"]);
    assert!(wrong.stderr.contains("YYYY-MM-DD"), "{wrong:?}");
}

#[test]
fn every_format_tells_the_story() {
    let (sandbox, _) = story();
    for format in ["text", "markdown", "html"] {
        let run = history(&sandbox, &["--format", format]);
        assert_eq!(run.status, Some(0), "{run:?}");
        let (allowed, denied) =
            (run.stdout.find("2023-01-21").unwrap(), run.stdout.rfind("2023-02-20").unwrap());
        assert!(allowed < denied, "{format}");
        assert!(run.stdout.contains("machine learning models."), "{format}");
        assert!(run.stdout.contains("failed to load"), "{format}");
    }
    let page = history(&sandbox, &["--format", "html"]).stdout;
    for foreign in ["http://", "https://", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("<script").count(), 1, "the script of every page");
    for tag in ["svg", "section", "article", "figure", "main", "blockquote", "a"] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert!(opened > 0, "{tag}");
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn versions_that_cannot_be_read_are_passed_over() {
    let sandbox = Sandbox::new();
    let mut builder = Builder::new(&sandbox.path().join("repo"));
    let french = "Nous recueillons votre nom et votre adresse lorsque vous créez un compte auprès de \
                  notre société, et nous conservons ces renseignements aussi longtemps que \
                  nécessaire pour fournir le service que vous avez demandé. Vous pouvez à tout \
                  moment demander que vos données personnelles soient effacées de nos serveurs.";
    builder.commit(FIRST, &[("t.md", terms(1, "").into_bytes())]);
    builder.commit(FIRST + 1, &[("t.md", b"\x89PNG\r\n\x1a\n\0\0\0".to_vec())]);
    builder.commit(FIRST + 2, &[("t.md", french.as_bytes().to_vec())]);
    builder.commit(FIRST + 3, &[("t.md", terms(2, ALLOWS).into_bytes())]);
    builder.commit(FIRST + 4, &[("other.txt", b"Hello there.".to_vec())]);
    let record = json(&sandbox, &["t.md", "--category", "ai-training"]);
    let document = &record["documents"][0];
    let reasons: Vec<&str> = document["passed_over"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].contains("not text") && reasons[1].contains("French"), "{reasons:?}");
    assert_eq!(document["events"].as_array().unwrap().len(), 1);
    assert_eq!(document["deleted"]["date"], "2023-01-05");
}
