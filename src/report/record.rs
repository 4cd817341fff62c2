//! The records: what a run, a document, a sentence and a finding are in every output.
//!
//! Defined once, with [`SCHEMA`] as their version. JSON Lines writes them as they are, each with
//! its kind in `record`; JSON nests them; CSV and the text report show some of their fields. A
//! field may be added under the same version; a change of meaning or name makes a new one.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::label::Stance;

/// Name and version of the records.
pub const SCHEMA: &str = "fineprint/1";

/// A line of a JSON Lines output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
pub enum Record<'a> {
    /// The first line: what made the others.
    Run(Cow<'a, Run>),
    /// A document; its sentences follow.
    Document(Cow<'a, DocumentRecord>),
    /// A sentence with its findings.
    Sentence(Cow<'a, SentenceRecord>),
}

/// What made the records: program, model, and the options that they depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct Run {
    /// Version of the records: [`SCHEMA`].
    pub schema: String,
    /// `fineprint`.
    pub tool: String,
    /// Version of the program.
    pub tool_version: String,
    /// Where the model came from: `embedded`, a path, or `hf:owner/name@revision`.
    pub model: String,
    /// SHA-256 over the model's files, in hexadecimal.
    pub model_digest: String,
    /// What computed: `int8`, `f32` or `candle`; their probabilities differ a little.
    #[serde(default)]
    pub engine: String,
    /// ISO 639-1 code of the language that the model reads; empty for any.
    pub language: String,
    /// Names of the model's categories, in its order.
    pub categories: Vec<String>,
    /// Whether the model tells asserted from denied; without, every finding is `asserted`.
    pub has_stance: bool,
    /// The options that decide what is in the output.
    pub options: RunOptions,
}

/// The options of a run that decide what is in its output.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the options as given, for the record")]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct RunOptions {
    /// The format forced upon all inputs.
    pub input_format: Option<String>,
    /// Every line was taken as one sentence.
    pub lines: bool,
    /// The column of tables that had the text; absent for `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_column: Option<String>,
    /// Documents in other languages were classified too.
    pub any_language: bool,
    /// The categories that were output; empty for all.
    pub category: Vec<String>,
    /// The stance that was output; null for both.
    pub stance: Option<Stance>,
    /// The least probability that was output; null for the model's thresholds alone.
    #[serde(serialize_with = "finite_option")]
    pub min_probability: Option<f32>,
    /// Sentences without findings are in the output too.
    pub all_sentences: bool,
    /// Findings carry their deciding words.
    pub explain: bool,
    /// Sentences carry the probabilities of all categories.
    pub probabilities: bool,
}

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub enum Status {
    /// Its sentences were classified.
    Classified,
    /// It is written in another language than the model reads, and was left alone.
    OtherLanguage,
    /// It could not be read; `notice` says why.
    Failed,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct DocumentRecord {
    /// The path as given or found; `<stdin>` for standard input, `PATH#ROW` for a table's row,
    /// `git:PATH@COMMIT:FILE` for a file of a git revision.
    pub document: String,
    /// What became of it.
    pub status: Status,
    /// `markdown`, `html`, `text`, `docx` or `pdf`; null where it could not be read.
    pub format: Option<String>,
    /// The encoding it was read in, as the WHATWG names it; null where it could not be read, and
    /// for DOCX and PDF.
    pub encoding: Option<String>,
    /// ISO 639 code of its language; null where that is not clear.
    pub language: Option<String>,
    /// Why it was not classified, or what had to be repaired to read it.
    pub notice: Option<String>,
    /// How many sentences it has.
    pub sentence_count: usize,
    /// How many findings of it are in the output.
    pub finding_count: usize,
    /// The other columns of the table's row that it is; long values are cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct SentenceRecord {
    /// The document, as in its own record.
    pub document: String,
    /// Number of the sentence in the document, from 0.
    pub index: usize,
    /// The sentence as the model read it: without markup, white space collapsed.
    pub text: String,
    /// The sentence as the document has it, markup included, where that differs from `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// Offset in the original's bytes, unpacked if it was compressed; null where bytes mean
    /// nothing (DOCX, PDF, UTF-16) or the encoding does not allow to tell.
    pub start_byte: Option<usize>,
    /// Offset of the first byte after it, likewise.
    pub end_byte: Option<usize>,
    /// Page of a PDF, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<usize>,
    /// Paragraph of a DOCX file, from 1; those without text are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paragraph: Option<usize>,
    /// Where `start_byte` is null: offset in characters in the decoded or extracted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_char: Option<usize>,
    /// Offset of the first character after it, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_char: Option<usize>,
    /// Line of the original, or of the text extracted from it, from 1.
    pub line: usize,
    /// Column there in characters, from 1.
    pub column: usize,
    /// The headings that it stands under, outermost first.
    pub section: Vec<String>,
    /// Number of its paragraph, heading, list item or table cell in the document, from 0; absent
    /// from records of before it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<usize>,
    /// What introduces the list that it is an item of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_in: Option<String>,
    /// `heading`, `paragraph`, `list-item` or `table-cell`.
    pub kind: String,
    /// Into how many windows it was cut, being longer than the model's limit; absent for 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub windows: usize,
    /// What it says.
    pub findings: Vec<FindingRecord>,
    /// The probabilities of all categories, on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "serve", schema(value_type = Option<std::collections::BTreeMap<String, CategoryProbability>>))]
    pub probabilities: Option<Probabilities>,
}

/// One thing that a sentence says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct FindingRecord {
    /// The category's name.
    pub category: String,
    /// Whether the sentence says that it happens or that it does not.
    pub stance: Stance,
    /// P(category) · P(stance | category).
    #[serde(serialize_with = "finite")]
    pub probability: f32,
    /// The deciding words, on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Vec<EvidenceRecord>>,
}

/// Words that decided a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct EvidenceRecord {
    /// The words.
    pub text: String,
    /// Offset in the bytes of the sentence's `text`.
    pub start: usize,
    /// Offset of the first byte after them.
    pub end: usize,
    /// By how much the finding's log-odds fall without them, a word, in nats.
    #[serde(serialize_with = "finite")]
    pub weight: f32,
}

/// The probabilities of one category.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct CategoryProbability {
    /// P(category).
    #[serde(serialize_with = "finite")]
    pub category: f32,
    /// P(denied | category); absent for a model without stances.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "finite_option")]
    pub denied: Option<f32>,
}

/// The probabilities of all categories by name, in the model's order; a map in JSON.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probabilities(pub Vec<(String, CategoryProbability)>);

impl Serialize for Probabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, probability) in &self.0 {
            map.serialize_entry(name, probability)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Probabilities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Probabilities;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from category names to probabilities")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Probabilities, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Probabilities(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_one(n: &usize) -> bool {
    *n == 1
}

/// Rounds to six decimals: what is beyond them differs between machines.
pub fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e6).round() / 1e6
}

/// Writes a number; one that is not finite is an error, since JSON would make a null of it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn finite<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(rounded(*value))
    } else {
        Err(S::Error::custom("a probability is not finite"))
    }
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn finite_option<S: Serializer>(value: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => finite(value, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence() -> SentenceRecord {
        SentenceRecord {
            document: "a.md".into(),
            index: 3,
            text: "We sell data.".into(),
            quote: Some("We **sell** data.".into()),
            start_byte: Some(10),
            end_byte: Some(27),
            page: None,
            paragraph: None,
            start_char: None,
            end_char: None,
            line: 2,
            column: 1,
            section: vec!["Data".into()],
            block: Some(1),
            lead_in: None,
            kind: "paragraph".into(),
            windows: 1,
            findings: vec![FindingRecord {
                category: "data-sale".into(),
                stance: Stance::Asserted,
                probability: 0.912_345_67,
                evidence: None,
            }],
            probabilities: Some(Probabilities(vec![(
                "data-sale".into(),
                CategoryProbability { category: 0.95, denied: Some(0.25) },
            )])),
        }
    }

    #[test]
    fn a_line_reads_back() {
        let record = Record::Sentence(Cow::Owned(sentence()));
        let line = serde_json::to_string(&record).unwrap();
        insta::assert_snapshot!(line, @r#"{"record":"sentence","document":"a.md","index":3,"text":"We sell data.","quote":"We **sell** data.","start_byte":10,"end_byte":27,"line":2,"column":1,"section":["Data"],"block":1,"kind":"paragraph","findings":[{"category":"data-sale","stance":"asserted","probability":0.912346}],"probabilities":{"data-sale":{"category":0.95,"denied":0.25}}}"#);
        let Record::Sentence(again) = serde_json::from_str(&line).unwrap() else { panic!() };
        let mut expected = sentence();
        expected.findings[0].probability = 0.912_346;
        assert_eq!(*again, expected);
    }

    #[test]
    fn a_probability_that_is_not_finite_is_an_error_and_no_null() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut record = sentence();
            record.findings[0].probability = bad;
            assert!(serde_json::to_string(&record).is_err());
            let probability = CategoryProbability { category: 0.5, denied: Some(bad) };
            assert!(serde_json::to_string(&probability).is_err());
        }
    }
}
