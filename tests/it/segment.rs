//! The segmenter on real and invented documents: agreement with the training data's cuts, coverage
//! of the visible text, speed, and snapshots.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use fineprint::document::{Document, Format, ParseOptions};
use fineprint::segment::{Sentence, sentences, split};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Real documents lie beside the checkout, where they lie at all.
pub(crate) fn shared() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn normal(text: &str) -> String {
    let words = regex::Regex::new(r"\W+").unwrap();
    words.replace_all(&text.to_lowercase(), " ").trim().to_owned()
}

fn id(text: &str) -> String {
    let digest = Sha256::digest(normal(text).as_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn parse(path: &Path) -> (Vec<u8>, Document) {
    let bytes = std::fs::read(path).unwrap();
    let options = ParseOptions {
        name: Some(path.to_string_lossy().into_owned()),
        ..ParseOptions::default()
    };
    let document = Document::parse_with(&bytes, &options).unwrap();
    (bytes, document)
}

#[test]
fn sentences_agree_with_the_training_data() {
    let Some(shared) = shared() else { return };
    let mut wanted: BTreeMap<PathBuf, Vec<(String, String)>> = BTreeMap::new();
    for file in ["train", "dev"] {
        let rows = std::fs::read_to_string(shared.join(format!("ota/{file}.jsonl"))).unwrap();
        for row in rows.lines() {
            let row: Value = serde_json::from_str(row).unwrap();
            let source = &row["source"];
            let path = shared
                .join("documents")
                .join(source["collection"].as_str().unwrap())
                .join(source["path"].as_str().unwrap());
            if path.is_file() {
                let text = row["text"].as_str().unwrap().to_owned();
                wanted.entry(path).or_default().push((row["id"].as_str().unwrap().to_owned(), text));
            }
        }
    }
    let (mut total, mut found) = (0, 0);
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut report = String::new();
    for (path, rows) in &wanted {
        let (_, document) = parse(path);
        let ours = sentences(&document);
        let ids: HashMap<String, &Sentence> = ours.iter().map(|s| (id(&s.text), s)).collect();
        for (wanted_id, text) in rows {
            total += 1;
            if ids.contains_key(wanted_id) {
                found += 1;
                continue;
            }
            let (class, detail) = classify_miss(text, &ours, &document);
            *classes.entry(class).or_default() += 1;
            report.push_str(&format!("{class}\t{}\t{text}\t{detail}\n", path.display()));
        }
    }
    let share = 100.0 * f64::from(found) / f64::from(total);
    println!("{found} of {total} sentences ({share:.2}%) are cut alike in {} documents", wanted.len());
    println!("misses by class: {classes:#?}");
    if let Ok(path) = std::env::var("FINEPRINT_MISSES") {
        std::fs::write(path, report).unwrap();
    }
    assert!(share >= 95.0, "only {share:.2}% of {total} sentences are cut alike");
}

/// Why a sentence of the training data is not among ours.
fn classify_miss(text: &str, ours: &[Sentence], document: &Document) -> (&'static str, String) {
    let wanted = normal(text);
    let texts: Vec<String> = ours.iter().map(|s| normal(&s.text)).collect();
    if let Some(at) = texts.iter().position(|ours| ours.contains(&wanted)) {
        let class = if texts[at].ends_with(&wanted) {
            "ours begins earlier"
        } else if texts[at].starts_with(&wanted) {
            "ours ends later"
        } else {
            "ours is longer at both ends"
        };
        return (class, ours[at].text.clone());
    }
    let joined = texts.join(" ");
    if let Some(at) = joined.find(&wanted) {
        let (mut read, mut parts) = (0, Vec::new());
        for (number, text) in texts.iter().enumerate() {
            let end = read + text.len();
            if end > at && read < at + wanted.len() {
                parts.push(ours[number].text.clone());
            }
            read = end + 1;
        }
        return ("ours cuts it in parts", parts.join(" ‖ "));
    }
    let _ = document;
    ("its words are not in our text", String::new())
}

#[test]
fn real_documents_are_covered_exactly() {
    let Some(shared) = shared() else { return };
    let mut documents = Vec::new();
    collect(&shared.join("documents"), &mut documents);
    let start = Instant::now();
    let (mut cut, mut bytes_read) = (0, 0);
    let mut foreign = Vec::new();
    for path in &documents {
        let (bytes, document) = parse(path);
        let found = sentences(&document);
        cut += found.len();
        bytes_read += bytes.len();
        if document.language().is_some_and(|language| language.code() != "en") {
            foreign.push(format!("{} ({})", path.file_name().unwrap().to_string_lossy(), document.language().unwrap()));
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{} documents, {cut} sentences, {:.1} MB in {seconds:.3} s: {:.0} documents/s, {:.1} MB/s",
        documents.len(), bytes_read as f64 / 1e6, documents.len() as f64 / seconds, bytes_read as f64 / 1e6 / seconds,
    );
    println!("not English: {foreign:?}");
    for path in &documents {
        let (bytes, document) = parse(path);
        check(&bytes, &document, &path.display().to_string());
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
    found.sort();
}

/// The properties that hold for every document: sentences are in order, do not overlap, are never
/// empty, quote the bytes of the original, and together hold every visible letter and digit once.
pub(crate) fn check(bytes: &[u8], document: &Document, name: &str) {
    let found = sentences(document);
    let mut end = 0;
    for sentence in &found {
        let range = sentence.range.clone();
        assert!(range.start >= end && range.end > range.start, "{name}: {range:?} after {end}: {sentence:?}");
        end = range.end;
        let quote = document.text().get(range.clone()).unwrap_or_else(|| panic!("{name}: {range:?}"));
        assert!(!sentence.text.trim().is_empty() && sentence.text.trim() == sentence.text, "{name}: {sentence:?}");
        if document.encoding() == "UTF-8" && document.warnings().is_empty() {
            let source = document.source_range(range.clone()).unwrap();
            assert_eq!(bytes.get(source), Some(quote.as_bytes()), "{name}: {sentence:?}");
        }
        let (line, column) = document.position(range.start);
        assert_eq!((line, column), (sentence.line, sentence.column));
        assert_eq!(line, document.text()[..range.start].matches('\n').count() + 1, "{name}");
    }
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    for (number, block) in document.blocks().iter().enumerate() {
        let visible = letters(&block.text);
        let cut: String =
            found.iter().filter(|s| s.block == number).map(|s| letters(&s.text)).collect();
        assert_eq!(visible, cut, "{name}: block {number}");
        let source = block.source(0..block.text.len());
        assert!(source.end <= document.text().len() && document.text().get(source).is_some(), "{name}");
    }
}
