//! The corpus in `data/`: form and quotas of the clauses, agreement, standoff labels and their way
//! back to text, choosing what to label.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};
use std::process::Command;

use fineprint::corpus::agreement::{self, Agreement};
use fineprint::corpus::standoff::{self, Sources};
use fineprint::corpus::stats::Stats;
use fineprint::corpus::{Archive, Found, Hydrated, hydrate};
use fineprint::eval::Example;
use fineprint::eval::examples::{self, Source};
use fineprint::label::{LabelSet, Stance};
use fineprint::segment::sentence_id;
use sha2::{Digest, Sha256};

use crate::support::repository::Builder;

const SPLITS: [&str; 3] = ["train", "dev", "test"];
/// Clauses of different pairs share no run of so many words.
const SHARED_WORDS: usize = 8;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn clauses(split: &str) -> Vec<Example> {
    let path = root().join(format!("data/clauses/{split}.jsonl"));
    examples::read(&path, &LabelSet::builtin()).unwrap()
}

fn all_clauses() -> Vec<(&'static str, Example)> {
    let of = |split| clauses(split).into_iter().map(move |clause| (split, clause));
    SPLITS.into_iter().flat_map(of).collect()
}

/// The data that belongs to others; nothing, with a notice, when it is not here.
fn shared(name: &str) -> Option<PathBuf> {
    let path = root().join("../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not here", path.display());
    None
}

#[test]
fn clauses_meet_their_quotas() {
    let set = LabelSet::builtin();
    let all: Vec<Example> = all_clauses().into_iter().map(|(_, clause)| clause).collect();
    let stats = Stats::of_examples(&all, &set);
    assert!(stats.sentences >= 1_500, "{} clauses", stats.sentences);
    assert!(stats.pairs >= 300, "{} pairs", stats.pairs);
    assert!(stats.strata["hard-negative"] >= 200, "{:?}", stats.strata);
    for (category, name) in set.names().enumerate() {
        let (asserted, denied) = (stats.asserted[category], stats.denied[category]);
        assert!(asserted + denied >= 40, "{name}: {asserted} asserted, {denied} denied");
        assert!(asserted >= 15 && denied >= 15, "{name}: {asserted} asserted, {denied} denied");
    }
    let test = Stats::of_examples(&clauses("test"), &set);
    assert!(test.pairs >= 80, "{} pairs in the test split", test.pairs);
}

#[test]
fn clauses_are_well_formed_and_their_groups_whole() {
    let mut ids = BTreeSet::new();
    let mut pairs: BTreeMap<String, Vec<(&str, Example)>> = BTreeMap::new();
    let mut scenarios: BTreeMap<String, &str> = BTreeMap::new();
    for (split, clause) in all_clauses() {
        assert!(ids.insert(clause.id.clone()), "{} occurs twice", clause.id);
        assert_eq!(clause.text.trim(), clause.text, "{}", clause.id);
        assert!(
            ["plain", "pair", "hard-negative"].contains(&clause.kind.as_str()),
            "{}",
            clause.id
        );
        assert_eq!(clause.kind == "pair", !clause.pair.is_empty(), "{}", clause.id);
        let home = *scenarios.entry(clause.scenario.clone()).or_insert(split);
        assert_eq!(home, split, "scenario {} is split", clause.scenario);
        if !clause.pair.is_empty() {
            pairs.entry(clause.pair.clone()).or_default().push((split, clause));
        }
    }
    for (pair, members) in &pairs {
        let [(first_split, first), (second_split, second)] = &members[..] else {
            panic!("pair {pair} has {} members", members.len());
        };
        assert_eq!(first_split, second_split, "pair {pair} is torn apart");
        assert_ne!(first.labels, second.labels, "pair {pair} does not contrast");
    }
}

#[test]
fn clauses_of_different_pairs_share_no_run_of_eight_words() {
    let clauses = all_clauses();
    let mut runs: HashMap<Vec<String>, &Example> = HashMap::new();
    for (_, clause) in &clauses {
        let lower = clause.text.to_lowercase();
        let words: Vec<String> = lower
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        for run in words.windows(SHARED_WORDS) {
            let first = *runs.entry(run.to_vec()).or_insert(clause);
            let in_one_pair = !clause.pair.is_empty() && clause.pair == first.pair;
            assert!(
                first.id == clause.id || in_one_pair,
                "{} and {} share “{}”",
                first.id,
                clause.id,
                run.join(" ")
            );
        }
    }
}

fn labelling(file: &str) -> agreement::Labelling {
    let path = root().join("data/clauses").join(file);
    let reader = BufReader::new(File::open(&path).unwrap());
    agreement::read(reader, file, &LabelSet::builtin()).unwrap()
}

fn agreement_of_the_two_labellings() -> Agreement {
    let set = LabelSet::builtin();
    agreement::compare(&labelling("first.jsonl"), &labelling("second.jsonl"), &set).unwrap()
}

#[test]
fn the_datasheet_states_the_figures_that_the_files_give() {
    let sheet = fs::read_to_string(root().join("data/README.md")).unwrap();
    let agreement = agreement_of_the_two_labellings();
    assert_eq!(agreement.sentences, clauses("test").len());
    for (name, value) in [
        ("same labels", agreement.exact),
        ("F1 of labels with stance", agreement.label_f1),
        ("F1 of categories", agreement.category_f1),
        ("opposite stance", agreement.opposite),
        ("Cohen's kappa, mean over categories", agreement.mean_kappa),
    ] {
        let line = format!("| {name} | {value:.3} |");
        assert!(sheet.contains(&line), "data/README.md should say: {line}");
    }
    let set = LabelSet::builtin();
    let tables = [
        &SPLITS.map(|split| format!("data/clauses/{split}.jsonl"))[..],
        &["train", "dev"].map(|split| format!("data/standoff/{split}.tsv"))[..],
    ];
    for files in tables {
        let counted: Vec<(String, Stats)> =
            files.iter().map(|file| (file.clone(), stats_of(file, &set))).collect();
        let table = fineprint::corpus::stats::table(&counted, &set);
        assert!(sheet.contains(&table), "data/README.md should hold this table:\n{table}");
    }
}

fn stats_of(file: &str, set: &LabelSet) -> Stats {
    let path = root().join(file);
    if std::path::Path::new(file).extension().is_some_and(|e| e == "tsv") {
        return Stats::of_rows(&standoff_rows(&path, set).1, set);
    }
    Stats::of_examples(&examples::read(&path, set).unwrap(), set)
}

fn standoff_rows(path: &Path, set: &LabelSet) -> (Vec<Source>, Vec<standoff::Row>) {
    let open = |path: &Path| BufReader::new(File::open(path).unwrap());
    let sources =
        standoff::read_sources(open(&path.with_file_name("sources.tsv")), "sources").unwrap();
    let rows = standoff::read_rows(open(path), "rows", sources.len(), set).unwrap();
    (sources, rows)
}

#[test]
fn the_croissant_names_the_files_as_they_are() {
    let text = fs::read_to_string(root().join("data/croissant.json")).unwrap();
    let croissant: serde_json::Value = serde_json::from_str(&text).unwrap();
    let files = croissant["distribution"].as_array().unwrap();
    assert_eq!(files.len(), 8);
    for file in files {
        let name = file["contentUrl"].as_str().unwrap();
        let bytes = fs::read(root().join("data").join(name)).unwrap();
        let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(file["sha256"].as_str(), Some(digest.as_str()), "{name} has changed");
        assert_eq!(file["contentSize"].as_str().unwrap(), format!("{} B", bytes.len()), "{name}");
    }
}

#[test]
fn the_test_split_is_adjudicated_between_its_two_labellings() {
    let set = LabelSet::builtin();
    let (first, second) = (labelling("first.jsonl"), labelling("second.jsonl"));
    for clause in clauses("test") {
        let given = [&first[&clause.id], &second[&clause.id]];
        assert!(given.contains(&&clause.labels), "{}: neither labelling says so", clause.id);
    }
    assert_eq!(set.len(), 21);
}

#[test]
fn standoff_labels_are_those_of_the_real_sentences() {
    let set = LabelSet::builtin();
    let mut documents = Vec::new();
    for split in ["train", "dev"] {
        let (sources, rows) =
            standoff_rows(&root().join(format!("data/standoff/{split}.tsv")), &set);
        let ids: BTreeSet<String> = rows.iter().map(standoff::Row::id).collect();
        assert_eq!(ids.len(), rows.len(), "an id occurs twice in {split}");
        let service =
            |row: &standoff::Row| sources[row.source].path.split('/').next().unwrap().to_owned();
        documents.push(rows.iter().map(service).collect::<BTreeSet<String>>());
        let Some(path) = shared(&format!("ota/{split}.jsonl")) else { continue };
        let sentences = examples::read(&path, &set).unwrap();
        assert_eq!(sentences.len(), rows.len());
        for (sentence, row) in sentences.iter().zip(&rows) {
            assert_eq!(sentence_id(&sentence.text), row.id());
            assert_eq!(sentence.labels, row.labels);
            assert_eq!(sentence.source.as_ref(), Some(&sources[row.source]));
        }
    }
    let both: Vec<&String> = documents[0].intersection(&documents[1]).collect();
    assert!(both.is_empty(), "services in both splits: {both:?}");
}

/// Makes a bare git repository with one commit of the given files; its id.
fn repository(folder: &Path, files: &[(String, Vec<u8>)]) -> String {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(p, b)| (p.as_str(), &b[..])).collect();
    Builder::new(folder).commit(0, &files)
}

/// Strips sentences of their text and rebuilds it.
fn there_and_back(sentences: &[Example], archive: &Path) -> (Vec<Option<Hydrated>>, Found) {
    let set = LabelSet::builtin();
    let mut sources = Sources::default();
    let rows = standoff::strip(sentences, "test", &mut sources).unwrap();
    let mut file = Vec::new();
    standoff::write_rows(&mut file, &rows, &set).unwrap();
    let rows = standoff::read_rows(Cursor::new(file), "rows", sources.list().len(), &set).unwrap();
    let archive = Archive::open(archive).unwrap();
    let (rebuilt, found) = hydrate(&archive, sources.list(), &rows, &set);
    let mut total = Found::default();
    for document in &found {
        assert_eq!(document.failure, None);
        total.add(document);
    }
    (rebuilt, total)
}

const INVENTED: &str = "\
# Larkpad Privacy Notice

## What we keep

We **never** sell your [notebooks](https://larkpad.example/notebooks \"Notebooks\") to anybody.
Logs go after thirty days (backups: ninety).

We share with:

*   our *printers*, for postcards;
*   the court that `asks` for it.
";

fn invented(text: &str, labels: &[&str], commit: &str) -> Example {
    let set = LabelSet::builtin();
    Example {
        id: sentence_id(text),
        text: text.to_owned(),
        labels: labels.iter().map(|name| set.parse(name).unwrap()).collect(),
        heading: "What we keep".to_owned(),
        sampled: "random".to_owned(),
        source: Some(Source {
            collection: "lark".to_owned(),
            commit: commit.to_owned(),
            path: "Larkpad/Privacy Policy.md".to_owned(),
        }),
        ..Example::default()
    }
}

#[test]
fn invented_sentences_come_back_from_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let file = ("Larkpad/Privacy Policy.md".to_owned(), INVENTED.as_bytes().to_vec());
    let commit = repository(&folder.path().join("lark-versions"), &[file]);
    let item = Example {
        lead_in: "We share with:".to_owned(),
        previous: "We share with:".to_owned(),
        ..invented("our printers, for postcards;", &["third-party-sharing"], &commit)
    };
    let sentences = [
        invented("We never sell your notebooks to anybody.", &["!data-sale"], &commit),
        invented("Logs go after thirty days (backups: ninety).", &["retention"], &commit),
        item,
    ];
    let (rebuilt, found) = there_and_back(&sentences, folder.path());
    for (sentence, rebuilt) in sentences.iter().zip(&rebuilt) {
        let rebuilt = rebuilt.as_ref().unwrap();
        assert_eq!(rebuilt.text, sentence.text);
        assert_eq!(rebuilt.heading, sentence.heading);
        assert_eq!(rebuilt.lead_in, sentence.lead_in);
        assert_eq!(rebuilt.previous, sentence.previous);
        assert_eq!(Some(&rebuilt.source), sentence.source.as_ref());
    }
    assert_eq!((found.sentences_found, found.exact, found.context_found), (3, 3, 5));
}

#[test]
fn hydrate_says_what_is_missing_and_ends_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let file = ("Larkpad/Privacy Policy.md".to_owned(), INVENTED.as_bytes().to_vec());
    let commit = repository(&root.join("lark"), &[file]);
    let other = |path: &str, collection: &str, commit: &str| Example {
        source: Some(Source {
            collection: collection.to_owned(),
            commit: commit.to_owned(),
            path: path.to_owned(),
        }),
        ..invented("We may sell it all.", &["data-sale"], commit)
    };
    let sentences = [
        invented("We never sell your notebooks to anybody.", &["!data-sale"], &commit),
        invented("This was never there.", &[], &commit),
        other("Larkpad/Gone.md", "lark", &commit),
        other("A/B.md", "owl", &commit),
        other("A/B.md", "lark", &"ab".repeat(20)),
    ];
    let mut sources = Sources::default();
    let set = LabelSet::builtin();
    let rows = standoff::strip(&sentences, "test", &mut sources).unwrap();
    let folder = root.join("standoff");
    fs::create_dir(&folder).unwrap();
    standoff::write_sources(File::create(folder.join("sources.tsv")).unwrap(), sources.list())
        .unwrap();
    standoff::write_rows(File::create(folder.join("train.tsv")).unwrap(), &rows, &set).unwrap();
    let run = |archive: &Path, output: &str| {
        Command::new(env!("CARGO_BIN_EXE_fineprint"))
            .args(["data", "hydrate", "--split", "train", "--output", output, "--archive"])
            .arg(archive)
            .arg("--standoff")
            .arg(&folder)
            .output()
            .unwrap()
    };
    let output = run(root, "-");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{errors}");
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), 1);
    let examples = examples::parse(lines.as_bytes(), "out", examples::Format::Jsonl, &set).unwrap();
    assert_eq!(examples[0].text, sentences[0].text);
    assert_eq!(examples[0].labels, sentences[0].labels);
    for said in [
        "lark/Larkpad/Privacy Policy.md: not found: 1 of 2 sentences, 1 of 2 headings",
        "lark/Larkpad/Gone.md: no such file at commit",
        "owl/A/B.md: no git repository owl-versions or owl in ",
        "is not in the clone: fetch it; 1 sentences are missing",
        "found 1 of 5 sentences (1 of them to the last character)",
    ] {
        assert!(errors.contains(said), "{said}\nin:\n{errors}");
    }
    let gone = run(&root.join("nowhere"), "-");
    assert_eq!(gone.status.code(), Some(2));
}

#[test]
fn real_sentences_come_back_from_their_documents() {
    let (Some(documents), Some(train), Some(dev)) =
        (shared("documents"), shared("ota/train.jsonl"), shared("ota/dev.jsonl"))
    else {
        return;
    };
    let set = LabelSet::builtin();
    let mut sentences = examples::read(&train, &set).unwrap();
    sentences.extend(examples::read(&dev, &set).unwrap());
    sentences.retain(|sentence| {
        let source = sentence.source.as_ref().unwrap();
        documents.join(&source.collection).join(&source.path).is_file()
    });
    let archive = tempfile::tempdir().unwrap();
    let mut files: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for source in sentences.iter().filter_map(|sentence| sentence.source.as_ref()) {
        let file = documents.join(&source.collection).join(&source.path);
        let collection = files.entry(source.collection.clone()).or_default();
        collection.entry(source.path.clone()).or_insert_with(|| fs::read(file).unwrap());
    }
    for (collection, files) in files {
        let files: Vec<(String, Vec<u8>)> = files.into_iter().collect();
        let commit = repository(&archive.path().join(format!("{collection}-versions")), &files);
        let own = sentences.iter_mut().filter_map(|sentence| sentence.source.as_mut());
        for source in own.filter(|source| source.collection == collection) {
            source.commit.clone_from(&commit);
        }
    }
    let (rebuilt, found) = there_and_back(&sentences, archive.path());
    let share = |part: usize, whole: usize| part as f64 / whole as f64;
    let mut same = [0_usize; 4];
    for (sentence, rebuilt) in sentences.iter().zip(&rebuilt) {
        let Some(rebuilt) = rebuilt else { continue };
        assert_eq!(rebuilt.id, sentence.id);
        for (same, (mine, theirs)) in same.iter_mut().zip([
            (&rebuilt.text, &sentence.text),
            (&rebuilt.heading, &sentence.heading),
            (&rebuilt.lead_in, &sentence.lead_in),
            (&rebuilt.previous, &sentence.previous),
        ]) {
            *same += usize::from(mine == theirs);
        }
    }
    println!("{found:?}; the same text, heading, lead-in, previous: {same:?}");
    assert!(share(found.sentences_found, found.sentences) >= 0.995, "{found:?}");
    assert!(share(found.context_found, found.context) >= 0.99, "{found:?}");
    assert_eq!(same[0], found.exact);
    assert!(share(same[0], found.sentences) >= 0.98, "{same:?} of {found:?}");
}

#[test]
fn chosen_sentences_are_ready_to_be_labelled() {
    let model = root().join("tests/data/fixture-model");
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("terms.md");
    fs::write(&document, INVENTED).unwrap();
    let output = folder.path().join("label-me.jsonl");
    let run = Command::new(env!("CARGO_BIN_EXE_fineprint"))
        .args(["data", "uncertain", "-n", "4", "--random", "0.25", "--model"])
        .args([&model, &document])
        .arg("--output")
        .arg(&output)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = fs::read_to_string(&output).unwrap();
    let rows: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows.iter().filter(|row| row["sampled"] == "random").count(), 1);
    assert!(rows.iter().all(|row| row["labels"] == serde_json::json!([])));
    assert!(rows.iter().all(|row| row["suggested"].is_array() && row["probabilities"].is_object()));
    // Once labels are filled in, the file is training data.
    let filled = text.replacen("\"labels\":[]", "\"labels\":[\"!data-sale\"]", 1);
    let set = LabelSet::builtin();
    let examples = examples::parse(filled.as_bytes(), "t", examples::Format::Jsonl, &set).unwrap();
    assert_eq!(examples[0].labels[0].stance, Stance::Denied);
}
