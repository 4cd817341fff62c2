//! The segmenter on real and invented documents: agreement with the training data's cuts, coverage
//! of the visible text, speed, and snapshots.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Instant;

use crate::document::processor_time;
use fineprint::document::{Document, ParseOptions};
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
    // Python's `\W`, by which the ids were made: unlike Rust's it takes marks and joiners in.
    static WORDS: LazyLock<regex::Regex> =
        LazyLock::new(|| regex::Regex::new(r"[^\p{L}\p{N}_]+").unwrap());
    WORDS.replace_all(&text.to_lowercase(), " ").trim().to_owned()
}

fn id(text: &str) -> String {
    let digest = Sha256::digest(normal(text).as_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn parse(path: &Path) -> (Vec<u8>, Document) {
    let bytes = std::fs::read(path).unwrap();
    let options =
        ParseOptions { name: Some(path.to_string_lossy().into_owned()), ..ParseOptions::default() };
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
                wanted
                    .entry(path)
                    .or_default()
                    .push((row["id"].as_str().unwrap().to_owned(), text));
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
    println!(
        "{found} of {total} sentences ({share:.2}%) are cut alike in {} documents",
        wanted.len()
    );
    println!("misses by class: {classes:#?}");
    if let Ok(path) = std::env::var("FINEPRINT_MISSES") {
        std::fs::write(path, report).unwrap();
    }
    assert!(share >= 95.0, "only {share:.2}% of {total} sentences are cut alike");
}

/// Why a sentence of the training data is not among ours, and which cut is right.
fn classify_miss(text: &str, ours: &[Sentence], document: &Document) -> (&'static str, String) {
    let wanted = normal(text);
    let texts: Vec<String> = ours.iter().map(|s| normal(&s.text)).collect();
    if let Some(at) = texts.iter().position(|ours| ours.contains(&wanted)) {
        let before = texts[at].find(&wanted).unwrap_or(0);
        let more = &texts[at][..before];
        let numbers =
            more.split(' ').all(|word| word.len() <= 4 || word.chars().all(|c| c.is_ascii_digit()));
        let class = if before == 0 {
            "ours ends later: theirs stops at an abbreviation or mark (ours)"
        } else if more.len() <= 14 && numbers {
            "ours keeps the clause number (ours)"
        } else {
            "ours begins earlier: theirs starts after an abbreviation (ours)"
        };
        return (class, ours[at].text.clone());
    }
    let joined = texts.join(" ");
    let Some(at) = joined.find(&wanted) else {
        return ("their text is damaged: `\\_` or a link's title (ours)", String::new());
    };
    let (mut read, mut parts) = (0, Vec::new());
    for (number, text) in texts.iter().enumerate() {
        let end = read + text.len();
        if end > at && read < at + wanted.len() {
            parts.push(&ours[number]);
        }
        read = end + 1;
    }
    let between =
        |pair: &[&Sentence]| document.text()[pair[0].range.end..pair[1].range.start].to_owned();
    let gaps: Vec<String> = parts.windows(2).map(between).collect();
    let class = if gaps.iter().all(String::is_empty) {
        "ours cuts where the blank after the full stop is missing (ours)"
    } else if gaps.iter().any(|gap| gap.contains(['\n', '<'])) {
        "ours cuts a title or item off at a line break (ours)"
    } else {
        "ours cuts it otherwise (see the list)"
    };
    let shown: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
    (class, shown.join(" ‖ "))
}

#[test]
fn real_documents_are_covered_exactly() {
    let Some(shared) = shared() else { return };
    let mut documents = Vec::new();
    collect(&shared.join("documents"), &mut documents);
    let (start, clock) = (processor_time(), Instant::now());
    let (mut cut, mut bytes_read) = (0, 0);
    let mut foreign = Vec::new();
    for path in &documents {
        let (bytes, document) = parse(path);
        let found = sentences(&document);
        cut += found.len();
        bytes_read += bytes.len();
        if document.language().is_some_and(|language| language.code() != "en") {
            foreign.push(format!(
                "{} ({})",
                path.file_name().unwrap().to_string_lossy(),
                document.language().unwrap()
            ));
        }
    }
    let seconds = processor_time().checked_sub(start).unwrap().as_secs_f64();
    println!(
        "{} documents, {cut} sentences, {:.1} MB in {seconds:.3} s of one core: {:.0} documents/s, {:.1} MB/s ({:.3} s by the clock)",
        documents.len(),
        bytes_read as f64 / 1e6,
        documents.len() as f64 / seconds,
        bytes_read as f64 / 1e6 / seconds,
        clock.elapsed().as_secs_f64(),
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
        assert!(
            range.start >= end && range.end > range.start,
            "{name}: {range:?} after {end}: {sentence:?}"
        );
        end = range.end;
        let quote =
            document.text().get(range.clone()).unwrap_or_else(|| panic!("{name}: {range:?}"));
        assert!(
            !sentence.text.trim().is_empty() && sentence.text.trim() == sentence.text,
            "{name}: {sentence:?}"
        );
        if document.encoding() == Some("UTF-8") && document.warnings().is_empty() {
            let source = document.source_range(range.clone()).unwrap();
            assert_eq!(bytes.get(source), Some(quote.as_bytes()), "{name}: {sentence:?}");
        }
        let (line, column) = document.position(range.start);
        assert_eq!((line, column), (sentence.line, sentence.column));
        assert_eq!(line, document.text()[..range.start].matches('\n').count() + 1, "{name}");
    }
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let mut cuts = vec![String::new(); document.blocks().len()];
    for sentence in &found {
        cuts[sentence.block].push_str(&letters(&sentence.text));
    }
    for (number, (block, cut)) in document.blocks().iter().zip(&cuts).enumerate() {
        let visible = &letters(&block.text);
        assert_eq!(visible, cut, "{name}: block {number}");
        let source = block.source(0..block.text.len());
        assert!(
            source.end <= document.text().len() && document.text().get(source).is_some(),
            "{name}"
        );
    }
}

/// Sentences as the snapshots show them.
fn listing(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/examples").join(name);
    let (bytes, document) = parse(&path);
    check(&bytes, &document, name);
    let mut shown = String::new();
    let mut section = String::new();
    for sentence in sentences(&document) {
        let here = sentence.section.join(" > ");
        if here != section {
            shown.push_str(&format!("[{here}]\n"));
            section = here;
        }
        let lead_in =
            sentence.lead_in.as_deref().map_or(String::new(), |words| format!("<{words}> "));
        let kind = format!("{:?}", sentence.kind).split(' ').next().unwrap().to_lowercase();
        shown.push_str(&format!(
            "{}:{} {kind} {lead_in}{}\n",
            sentence.line, sentence.column, sentence.text
        ));
    }
    shown
}

#[test]
fn examples_are_cut_as_ever() {
    insta::assert_snapshot!("tidepool", listing("tidepool-terms.md"));
    insta::assert_snapshot!("lanternmail", listing("lanternmail-privacy.html"));
    insta::assert_snapshot!("orchard", listing("orchard-privacy.txt"));
}

/// Cuts are marked by `|`.
#[test]
fn legal_english_is_cut_right() {
    let rows = [
        "We collect data.| You agree.",
        "Acme, Inc. is a company.| We are in the U.S.| You agree.",
        "the U.S. Federal Trade Commission and the EU-U.S. Data Privacy Framework",
        "Data, e.g. names, i.e. Personal Data, etc. are kept.| We keep them.",
        "See Sec. 5 and Art. 6 and No. 7, Smith v. Jones et al.| The rest follows.",
        "Is the answer no.| We say yes.",
        "10.2. You grant us a licence.| 10.3 You may not.",
        "Section 3.1. Data we collect.| We collect data.",
        "a. We keep it.| b. We sell it.",
        "Data we collect.| We collect names.",
        "J. R. Smith and Dr. Who of 5 Main St. Boston agree.| They do.",
        "It costs $1.50 or 2.5% more.| See www.example.com/a.b?c=d.| We do not.",
        "Write to a.b@example.com.| We answer.",
        "Amazon.com and Booking.com are sites.| Node.js too.",
        "We keep it on our service.|We may sell it.| The policy.)|Unused Coins lapse.",
        "We wait … and see.| We wait...| You wait.",
        "We keep it (see below. It is clear).| And more",
        "(It is so.)| We say “keep it.”| You agree.",
        "He said \"We keep it. We do.\" and left.| So did we.",
        "What do we collect?| We collect names!| Do you?",
        "Yahoo! JAPAN and Yahoo! Mail are services.| We use them.",
        "You may not |(a) copy it; |(b) sell it; or |(c) lend it.| That is all.",
        "As in paragraphs (a) to (c) and Article 6 (1) (f), we |(i) keep and |(ii) use it.",
        "We may: (1) keep it; (2) sell it.| Yes.",
        "Either a) or another way.",
        "We will: |• keep it; |• sell it.",
        "It changed on Jan. 5, 2026.| You agreed on 3 p.m. Pacific time.| On we go.",
        "We keep it.[1]| We sell it.²| We have partners.3 |We care.",
        "WE DO NOT WARRANT IT.| WE ARE NOT LIABLE.",
        "We use iOS.| iCloud is not ours.| We do not keep it. etc.",
        "We delete Your Content.| the Company is not liable.",
        "当社は収集しません。|販売しません。",
        "1. 2. 3.",
        "...",
        "",
    ];
    let mut failures = String::new();
    for row in rows {
        let text = row.replace('|', "");
        let wanted: Vec<&str> = row
            .split('|')
            .map(str::trim)
            .filter(|part| part.chars().any(char::is_alphanumeric))
            .collect();
        let got: Vec<&str> = split(&text).into_iter().map(|range| &text[range]).collect();
        if got != wanted {
            failures.push_str(&format!("wanted {wanted:?}\n   got {got:?}\n"));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn lists_inside_a_sentence_have_their_introduction() {
    let text = "You agree that we may (a) keep it; (b) share it with (i) banks and (ii) courts; and (c) sell it. Fine.";
    let document = Document::parse(text.as_bytes()).unwrap();
    let found: Vec<(Option<String>, String)> = sentences(&document)
        .into_iter()
        .map(|s| (s.lead_in.map(|words| words.to_string()), s.text))
        .collect();
    let row = |lead_in: Option<&str>, text: &str| (lead_in.map(str::to_owned), text.to_owned());
    let may = Some("You agree that we may");
    assert_eq!(
        found,
        [
            row(None, "You agree that we may"),
            row(may, "(a) keep it;"),
            row(may, "(b) share it with"),
            row(Some("(b) share it with"), "(i) banks and"),
            row(Some("(b) share it with"), "(ii) courts; and"),
            row(may, "(c) sell it."),
            row(None, "Fine."),
        ]
    );
}

/// Prints the sentences of the file that `FINEPRINT_LIST` names, for a look.
#[test]
fn list_a_document() {
    let Ok(path) = std::env::var("FINEPRINT_LIST") else { return };
    let (_, document) = parse(Path::new(&path));
    for s in sentences(&document) {
        println!(
            "{}:{} [{}] <{}> {}",
            s.line,
            s.column,
            s.section.join(" > "),
            s.lead_in.as_deref().unwrap_or(""),
            s.text
        );
    }
}
