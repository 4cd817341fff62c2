//! Labelled sentences: the format that `fineprint train`, `eval` and `calibrate` read.
//!
//! Two formats, told apart by the file's name: JSON lines (`id`, `text`, `labels`, and optional
//! context, stratum and source), and CSV with a header that has at least `text` and `labels`
//! (labels separated by `;`). A label is a category name, with a `!` before it when denied. One
//! malformed line fails the whole file with its number: a figure over the rest would be a figure
//! over something else.

mod csv;
mod jsonl;

pub(crate) use jsonl::{describe, for_each_line};

use std::io::{BufRead, BufReader};
use std::path::Path;

use super::EvalError;
use crate::label::{Label, LabelSet};
use crate::segment::sentence_id;

/// Longest line of an example file in bytes; a sentence is a few hundred.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// A labelled sentence with its context and where it comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Example {
    /// Identifier; the file's, or [`sentence_id`] of the text.
    pub id: String,
    /// The sentence.
    pub text: String,
    /// Gold labels in category order, at most one stance a category.
    pub labels: Vec<Label>,
    /// The nearest heading; empty for none.
    pub heading: String,
    /// The sentence that introduces the list which this one is an item of; empty for none.
    pub lead_in: String,
    /// The sentence before; empty for none.
    pub previous: String,
    /// How the sentence came into the file, such as `random` or `kw:retention`; empty if unknown.
    pub sampled: String,
    /// The document that the sentence stands in, if known.
    pub source: Option<Source>,
    /// Kind of an authored clause, such as `easy`; empty if unknown.
    pub kind: String,
    /// Identifier that the members of a contrast pair share; empty for none.
    pub pair: String,
    /// The scenario that an authored clause belongs to; empty if unknown.
    pub scenario: String,
}

/// Where a sentence stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Source {
    /// The collection of documents.
    #[serde(default)]
    pub collection: String,
    /// The version of the collection.
    #[serde(default)]
    pub commit: String,
    /// The document's path in the collection, `service/terms type.md`.
    #[serde(default)]
    pub path: String,
}

impl Example {
    /// The document that the sentence belongs to, as far as anything tells: its source, else its
    /// scenario, else the sentence alone. Sentences of one document are not independent, so the
    /// bootstrap draws documents.
    pub fn document(&self) -> String {
        match &self.source {
            Some(source) => format!("{}/{}", source.collection, source.path),
            None if !self.scenario.is_empty() => self.scenario.clone(),
            None if !self.pair.is_empty() => format!("pair {}", self.pair),
            None => self.id.clone(),
        }
    }

    /// The service that the sentence belongs to: the first component of the source's path, else
    /// as [`Example::document`]. Cross-fitting keeps a service in one fold.
    pub fn service(&self) -> String {
        match &self.source {
            Some(source) => source.path.split('/').next().unwrap_or_default().to_owned(),
            None => self.document(),
        }
    }

    /// The sampling stratum: `sampled` up to its first colon, else the kind of clause, else empty.
    pub fn stratum(&self) -> &str {
        let name = if self.sampled.is_empty() { &self.kind } else { &self.sampled };
        name.split(':').next().unwrap_or_default()
    }
}

/// A row as the file has it, before its labels are looked up.
#[derive(Debug, Default)]
struct Raw {
    line: usize,
    /// `None` where the row says nothing of labels.
    labels: Option<Vec<String>>,
    example: Example,
}

/// Reads a file of labelled sentences.
///
/// # Errors
/// [`EvalError::Io`] when the file cannot be read, [`EvalError::Line`] with the line number for a
/// malformed line or an unknown label, [`EvalError::File`] when there is no example in it.
pub fn read(path: &Path, labels: &LabelSet) -> Result<Vec<Example>, EvalError> {
    let name = path.display().to_string();
    parse(open(path)?, &name, Format::of(path), labels)
}

/// The names of the categories in a file of labelled sentences, sorted, and whether any is denied.
///
/// What `fineprint train` builds a label set from when none is given.
pub fn label_names(path: &Path) -> Result<(Vec<String>, bool), EvalError> {
    let name = path.display().to_string();
    let rows = raw_rows(open(path)?, &name, Format::of(path))?;
    let labels = rows.iter().flat_map(|row| row.labels.iter().flatten());
    let denied = labels.clone().any(|label| label.starts_with('!'));
    let mut names: Vec<String> =
        labels.map(|label| label.strip_prefix('!').unwrap_or(label).to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    Ok((names, denied))
}

/// Reads sentences whose labels, if they have any, do not matter.
///
/// Beside the two formats of labelled sentences, whose labels may then be missing from JSON lines,
/// a file named `.txt` has a sentence a line.
///
/// # Errors
/// As [`read`], but for labels.
pub fn read_texts(path: &Path) -> Result<Vec<Example>, EvalError> {
    let name = path.display().to_string();
    let rows = raw_rows(open(path)?, &name, Format::of(path))?;
    Ok(rows.into_iter().map(|row| row.example).collect())
}

/// How a file of examples is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
    /// A sentence a line, without labels.
    Text,
}

impl Format {
    /// CSV and plain text by their extensions, before a `.gz`; everything else is JSON lines.
    pub fn of(path: &Path) -> Self {
        let inner = if is_gzip(path) { path.with_extension("") } else { path.to_owned() };
        let is = |name: &str| inner.extension().is_some_and(|e| e.eq_ignore_ascii_case(name));
        if is("csv") {
            Self::Csv
        } else if is("txt") {
            Self::Text
        } else {
            Self::Jsonl
        }
    }
}

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"))
}

/// Parses labelled sentences; `file` names them in errors.
///
/// # Errors
/// As [`read`].
pub fn parse(
    reader: impl BufRead,
    file: &str,
    format: Format,
    labels: &LabelSet,
) -> Result<Vec<Example>, EvalError> {
    let rows = raw_rows(reader, file, format)?;
    rows.into_iter()
        .map(|row| {
            let given = row.labels.ok_or_else(|| "missing field `labels`".to_owned());
            let found = given.and_then(|given| resolve(&given, labels));
            let labels = found.map_err(|reason| EvalError::line(file, row.line, reason))?;
            Ok(Example { labels, ..row.example })
        })
        .collect()
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, EvalError> {
    let io = |source| EvalError::Io { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(io)?;
    Ok(if is_gzip(path) {
        Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file)))
    } else {
        Box::new(BufReader::new(file))
    })
}

fn raw_rows(reader: impl BufRead, file: &str, format: Format) -> Result<Vec<Raw>, EvalError> {
    let mut rows = match format {
        Format::Jsonl => jsonl::rows(reader, file)?,
        Format::Csv => csv::rows(reader, file)?,
        Format::Text => text_rows(reader, file)?,
    };
    if rows.is_empty() {
        return Err(EvalError::file(file, "no sentence in this file"));
    }
    for row in &mut rows {
        if row.example.text.trim().is_empty() {
            return Err(EvalError::line(file, row.line, "`text` is empty"));
        }
        if row.example.id.is_empty() {
            row.example.id = sentence_id(&row.example.text);
        }
    }
    Ok(rows)
}

fn text_rows(reader: impl BufRead, file: &str) -> Result<Vec<Raw>, EvalError> {
    let mut rows = Vec::new();
    for_each_line(reader, file, |line, text| {
        let example = Example { text: text.trim().to_owned(), ..Example::default() };
        rows.push(Raw { line, labels: None, example });
        Ok(())
    })?;
    Ok(rows)
}

/// Looks labels up; sorted, without repetition, at most one stance a category.
fn resolve(names: &[String], set: &LabelSet) -> Result<Vec<Label>, String> {
    let mut labels = Vec::with_capacity(names.len());
    for name in names {
        labels.push(set.parse(name).map_err(|error| explain(name, set, &error.to_string()))?);
    }
    labels.sort_unstable();
    labels.dedup();
    match labels.windows(2).find(|pair| pair[0].category == pair[1].category) {
        Some(pair) => Err(format!(
            "`{}` and `{}` in one sentence: take the one that leaves the user with less control",
            set.format(pair[0]),
            set.format(pair[1])
        )),
        None => Ok(labels),
    }
}

/// Adds advice for two slips that the nearest name does not cover.
fn explain(name: &str, set: &LabelSet, error: &str) -> String {
    let parts: Vec<&str> = name.split(',').map(str::trim).collect();
    if parts.len() > 1 && parts.iter().all(|part| set.parse(part).is_ok()) {
        return format!("{error}; separate labels with `;`");
    }
    if name.starts_with('!') && !set.has_stance() {
        return format!("{error}; this label set has no denied stance");
    }
    error.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Stance;

    fn jsonl(text: &str) -> Result<Vec<Example>, EvalError> {
        parse(text.as_bytes(), "t.jsonl", Format::Jsonl, &LabelSet::builtin())
    }

    fn csv(text: &str) -> Result<Vec<Example>, EvalError> {
        parse(text.as_bytes(), "t.csv", Format::Csv, &LabelSet::builtin())
    }

    #[test]
    fn a_full_line_and_a_bare_one() {
        let text = concat!(
            "\u{feff}",
            r#"{"id":"a1","text":"We keep logs.","labels":["tracking","!retention"],"heading":"H","#,
            r#""lead_in":"L","previous":"P","sampled":"kw:retention","source":{"collection":"c","#,
            r#""commit":"d","path":"Acme/Privacy Policy.md"},"kind":"easy","pair":7,"scenario":"s"}"#,
            "\r\n\n",
            r#"{"text":"Hello.","labels":[],"heading":null,"note":"unknown keys are left alone"}"#,
        );
        let examples = jsonl(text).unwrap();
        let set = LabelSet::builtin();
        let labels: Vec<String> = examples[0].labels.iter().map(|l| set.format(*l)).collect();
        assert_eq!(labels, ["tracking", "!retention"]);
        assert_eq!(examples[0].document(), "c/Acme/Privacy Policy.md");
        assert_eq!(examples[0].service(), "Acme");
        assert_eq!(examples[0].stratum(), "kw");
        assert_eq!(examples[0].pair, "7");
        assert_eq!(examples[1].id, sentence_id("hello"));
        assert_eq!(examples[1].document(), examples[1].id);
        assert_eq!(examples[1].stratum(), "");
    }

    #[test]
    fn every_malformed_line_is_named() {
        let good = r#"{"text":"a","labels":[]}"#;
        for (bad, reason) in [
            ("{", "not valid JSON"),
            ("[1]", "not a JSON object"),
            (r#"{"text":"a"}"#, "missing field `labels`"),
            (r#"{"text":"a","labels":null}"#, "missing field `labels`"),
            (r#"{"labels":[]}"#, "missing field `text`"),
            (r#"{"text":"a","labels":"x"}"#, "a sequence"),
            (r#"{"text":" ","labels":[]}"#, "`text` is empty"),
            (r#"{"text":"a","labels":["ai-trainin"]}"#, "did you mean `ai-training`?"),
            (r#"{"text":"a","labels":["tracking, retention"]}"#, "separate labels with `;`"),
            (r#"{"text":"a","labels":["tracking","!tracking"]}"#, "less control"),
        ] {
            let error = jsonl(&format!("{good}\n\n{bad}\n{good}\n")).unwrap_err().to_string();
            assert!(error.starts_with("t.jsonl:3: "), "{bad}: {error}");
            assert!(error.contains(reason), "{bad}: {error}");
        }
        let error = parse(&b"{}\n\xff\n"[..], "t", Format::Jsonl, &LabelSet::builtin());
        assert!(error.unwrap_err().to_string().starts_with("t:1: "));
        let bytes = [good.as_bytes(), b"\n\xff\n"].concat();
        let error = parse(&bytes[..], "t", Format::Jsonl, &LabelSet::builtin()).unwrap_err();
        assert_eq!(error.to_string(), "t:2: not valid UTF-8");
        assert_eq!(jsonl("\n").unwrap_err().to_string(), "t.jsonl: no sentence in this file");
        let error = jsonl(&"x".repeat(MAX_LINE_BYTES + 1)).unwrap_err().to_string();
        assert!(error.contains("longer than"), "{error}");
    }

    #[test]
    fn sentences_without_labels_come_from_plain_or_compressed_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let text = file("a.txt", b"One.\n\n Two. \n");
        let lines = b"{\"text\":\"One.\",\"heading\":\"H\"}\n{\"text\":\"Two.\"}\n";
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, lines).unwrap();
        let packed = encoder.finish().unwrap();
        for path in [text, file("b.jsonl", lines), file("c.jsonl.gz", &packed)] {
            let found = read_texts(&path).unwrap();
            let texts: Vec<&str> = found.iter().map(|e| e.text.as_str()).collect();
            assert_eq!(texts, ["One.", "Two."], "{}", path.display());
            let error = read(&path, &LabelSet::builtin()).unwrap_err().to_string();
            assert!(error.contains(":1: missing field `labels`"), "{error}");
        }
        let cut = file("d.jsonl.gz", &packed[..packed.len() / 2]);
        assert!(read_texts(&cut).unwrap_err().to_string().contains("d.jsonl.gz"));
    }

    #[test]
    fn csv_rows_of_the_same_text_are_one_example() {
        let examples = csv("labels,text\ntracking; !retention,\"We, us\nand them\"\n\
                            user-rights,\"We, us\nand them\"\n,Hello\n")
        .unwrap();
        assert_eq!(examples.len(), 2);
        assert_eq!(examples[0].labels.len(), 3);
        assert_eq!(examples[0].labels[1].stance, Stance::Denied);
        assert_eq!(examples[1].labels, []);
    }

    #[test]
    fn malformed_csv_is_named() {
        for (text, place, reason) in [
            ("tracking,We track.\n", "t.csv:1: ", "first row must name the columns"),
            ("text,labels\na,tracking\nb,c,d\n", "t.csv:3: ", "fields"),
            ("text,labels\n\"a\nb\",\nc,retentoin\n", "t.csv:4: ", "did you mean `retention`?"),
            ("text,labels\n,retention\n", "t.csv:2: ", "`text` is empty"),
            ("text,labels\na,\"tracking,retention\"\n", "t.csv:2: ", "separate labels with `;`"),
            ("text,labels\n", "t.csv: ", "no sentence"),
        ] {
            let error = csv(text).unwrap_err().to_string();
            assert!(error.starts_with(place) && error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_set_without_stance_says_so() {
        let set = LabelSet::new(&["Retention"], false).unwrap();
        let line = r#"{"text":"a","labels":["!Retention"]}"#;
        let error = parse(line.as_bytes(), "t", Format::Jsonl, &set).unwrap_err().to_string();
        assert!(error.contains("no denied stance"), "{error}");
    }
}
