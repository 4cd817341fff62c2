//! The records of a comparison: what every output format shows.
//!
//! [`SCHEMA`] is their version. A field may be added under the same version; a change of meaning
//! or name makes a new one.

use serde::{Deserialize, Serialize};

use super::change::{Change, ChangeKind, Comparison, Place, Standing, Statement, Tally};
use super::expected::{Expected, fingerprint};
use super::marks::marks;
use super::verdict::verdict;
use crate::classify::Classifier;
use crate::label::{LabelSet, Stance};
use crate::report::record::rounded;

/// Name and version of the records.
pub const SCHEMA: &str = "fineprint-diff/1";

/// What made a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct Tool {
    /// `fineprint`.
    pub tool: String,
    /// Version of the program.
    pub tool_version: String,
    /// Where the model came from.
    pub model: String,
    /// SHA-256 over the model's files, in hexadecimal.
    pub model_digest: String,
    /// What computed: `int8`, `f32` or `candle`.
    pub engine: String,
}

impl Tool {
    /// The tool that compares with this classifier.
    pub fn of(classifier: &Classifier) -> Self {
        Self {
            tool: "fineprint".to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            model: classifier.origin().to_owned(),
            model_digest: classifier.digest().to_owned(),
            engine: classifier.engine_kind().to_string(),
        }
    }
}

/// One of the two editions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct EditionRecord {
    /// Its path or name.
    pub document: String,
    /// How many sentences it has.
    pub sentence_count: usize,
    /// How many findings, of all categories.
    pub finding_count: usize,
}

/// How many sentences had which fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct SentenceCounts {
    /// Of the new edition's, those that nothing changed in that counts.
    pub unchanged: usize,
    /// Of those, the ones that stand in another place of the order.
    pub moved: usize,
    /// Of the new edition's, those that have an old sentence of nearly the same words.
    pub reworded: usize,
    /// Of the new edition's, the others.
    pub added: usize,
    /// Of the old edition's, those without a new one.
    pub removed: usize,
}

/// Bytes of a quote's text whose words changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct MarkRecord {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset of the first byte after them.
    pub end: usize,
}

/// A quoted sentence and its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct QuoteRecord {
    /// The sentence as the model read it; several are joined by a blank.
    pub text: String,
    /// Number of the (first) sentence in its document, from 0.
    pub index: usize,
    /// Line of the original, from 1.
    pub line: usize,
    /// Column of the original in characters, from 1.
    pub column: usize,
    /// Offset in the original's bytes; null where its encoding does not allow to tell.
    pub start_byte: Option<usize>,
    /// Offset of the first byte after it, likewise.
    pub end_byte: Option<usize>,
    /// The headings that it stands under, outermost first.
    pub section: Vec<String>,
    /// What introduces the list that it is an item of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_in: Option<String>,
    /// What it says of the category; null where it says nothing of it.
    pub stance: Option<Stance>,
    /// P(category) · P(stance | category) of that; null likewise.
    pub probability: Option<f64>,
    /// The words that the other edition does not have.
    pub marks: Vec<MarkRecord>,
}

/// Whether a change was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ChangeStatus {
    /// It was not.
    Open,
    /// It is in the baseline.
    Accepted,
    /// A suppression with its reason covers it.
    Suppressed,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct ChangeRecord {
    /// What happened.
    pub kind: ChangeKind,
    /// Names the change across runs: a hash of category, kind, stance and both sentences' words.
    pub fingerprint: String,
    /// Whether it was expected.
    pub status: ChangeStatus,
    /// Why, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the sentence stands in another place of the order.
    pub moved: bool,
    /// The old sentence; null where there was none.
    pub old: Option<QuoteRecord>,
    /// The new sentence; null where there is none.
    pub new: Option<QuoteRecord>,
}

/// A category that something changed about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct CategoryRecord {
    /// The category's name.
    pub category: String,
    /// Its title.
    pub title: String,
    /// What the old edition as a whole says.
    pub before: Standing,
    /// What the new edition as a whole says.
    pub after: Standing,
    /// Sentences of each stance before.
    pub before_count: Tally,
    /// Sentences of each stance after.
    pub after_count: Tally,
    /// What that comes to, in plain words.
    pub verdict: String,
    /// A new sentence that offers a choice near a use that is newly asserted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// What changed.
    pub changes: Vec<ChangeRecord>,
}

/// A comparison of two editions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct DiffRecord {
    /// Version of the records: [`SCHEMA`].
    pub schema: String,
    /// What made it.
    #[serde(flatten)]
    pub tool: Tool,
    /// The old edition.
    pub old: EditionRecord,
    /// The new edition.
    pub new: EditionRecord,
    /// What became of the sentences.
    pub sentences: SentenceCounts,
    /// The verdicts of all categories with changes that were not expected, as one paragraph.
    pub verdict: String,
    /// The categories that something changed about, in the order of the label set.
    pub categories: Vec<CategoryRecord>,
}

/// Counts what became of the sentences.
pub fn sentence_counts(comparison: &Comparison) -> SentenceCounts {
    let mut counts = SentenceCounts {
        added: comparison.alignment.added.len(),
        removed: comparison.alignment.removed.len(),
        ..SentenceCounts::default()
    };
    for link in &comparison.alignment.links {
        if link.is_same {
            counts.unchanged += link.new.len();
            counts.moved += usize::from(link.is_moved) * link.new.len();
        } else {
            counts.reworded += link.new.len();
        }
    }
    counts
}

/// The categories with changes of which the old or the new finding has at least
/// `min_probability`, worded and quoted.
pub fn categories(
    comparison: &Comparison,
    (old, new): (&[Statement], &[Statement]),
    labels: &LabelSet,
    min_probability: f32,
    expected: &Expected,
) -> Vec<CategoryRecord> {
    let before = Tally::count(old, labels.len());
    let after = Tally::count(new, labels.len());
    let mut records = Vec::new();
    for (index, category) in labels.categories().iter().enumerate() {
        let of_it =
            |change: &&Change| change.category == index && change.probability() >= min_probability;
        let changes: Vec<&Change> = comparison.changes.iter().filter(of_it).collect();
        if changes.is_empty() {
            continue;
        }
        let standings = (before[index].standing(), after[index].standing());
        let worded = verdict(labels, index, standings, &changes, new);
        let records_of = changes.iter().map(|change| {
            let name = &category.id;
            record(change, name, (old, new), expected)
        });
        records.push(CategoryRecord {
            category: category.id.clone(),
            title: category.title.clone(),
            before: standings.0,
            after: standings.1,
            before_count: before[index],
            after_count: after[index],
            verdict: worded.text,
            choice: worded.choice.map(|at| new[at].sentence.text.clone()),
            changes: records_of.collect(),
        });
    }
    records
}

/// What changes that were not expected come to, as one paragraph: the verdicts of categories of
/// which the document as a whole says something else, and the names of the others.
pub fn paragraph(categories: &[CategoryRecord]) -> String {
    let is_open =
        |c: &&CategoryRecord| c.changes.iter().any(|change| change.status == ChangeStatus::Open);
    let open = categories.iter().filter(is_open);
    let (turned, other): (Vec<&CategoryRecord>, Vec<_>) = open.partition(|c| c.before != c.after);
    if turned.is_empty() && other.is_empty() {
        return "Nothing changed in what the document says about data.".to_owned();
    }
    let one = |c: &&CategoryRecord| format!("{}: {}", c.title, lower_first(&c.verdict));
    let mut sentences: Vec<String> = turned.iter().map(one).collect();
    match &other[..] {
        [] => {}
        // By itself it is worth its words.
        [only] if turned.is_empty() => sentences.push(one(only)),
        _ => {
            let titles: Vec<&str> = other.iter().map(|c| c.title.as_str()).collect();
            let names = titles.join(", ");
            sentences.push(format!("Single sentences changed on these subjects: {names}."));
        }
    }
    sentences.join(" ")
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    format!("{first}{}", characters.as_str())
}

fn record(
    change: &Change,
    category: &str,
    (old, new): (&[Statement], &[Statement]),
    expected: &Expected,
) -> ChangeRecord {
    let texts = |place: &Option<Place>, statements: &[Statement]| {
        place.as_ref().map(|place| joined(&statements[place.sentences.clone()]))
    };
    let (old_text, new_text) = (texts(&change.old, old), texts(&change.new, new));
    let (old_marks, new_marks) = match (&old_text, &new_text) {
        (Some(old), Some(new)) => marks(old, new),
        _ => (Vec::new(), Vec::new()),
    };
    let record = |marks: Vec<std::ops::Range<usize>>| {
        marks.into_iter().map(|mark| MarkRecord { start: mark.start, end: mark.end }).collect()
    };
    let fingerprint = fingerprint(category, change, old_text.as_deref(), new_text.as_deref());
    let (status, reason) =
        expected.of(&fingerprint, category, change, [old_text.as_deref(), new_text.as_deref()]);
    ChangeRecord {
        kind: change.kind,
        fingerprint,
        status,
        reason,
        moved: change.is_moved,
        old: quote(change.old.as_ref(), old, old_text, record(old_marks)),
        new: quote(change.new.as_ref(), new, new_text, record(new_marks)),
    }
}

fn joined(statements: &[Statement]) -> String {
    let texts: Vec<&str> = statements.iter().map(|s| s.sentence.text.as_str()).collect();
    texts.join(" ")
}

fn quote(
    place: Option<&Place>,
    statements: &[Statement],
    text: Option<String>,
    marks: Vec<MarkRecord>,
) -> Option<QuoteRecord> {
    let place = place?;
    let statements = statements.get(place.sentences.clone())?;
    let (first, last) = (statements.first()?, statements.last()?);
    Some(QuoteRecord {
        text: text.unwrap_or_default(),
        index: place.sentences.start,
        line: first.sentence.line,
        column: first.sentence.column,
        start_byte: first.bytes.as_ref().map(|bytes| bytes.start),
        end_byte: last.bytes.as_ref().map(|bytes| bytes.end),
        section: first.sentence.section.to_vec(),
        lead_in: first.sentence.lead_in.as_deref().map(str::to_owned),
        stance: place.finding.map(|finding| finding.stance),
        probability: place.finding.map(|finding| rounded(finding.probability)),
        marks,
    })
}

impl DiffRecord {
    /// The record of a comparison of two named editions.
    pub fn new(
        tool: Tool,
        (old_name, old): (&str, &[Statement]),
        (new_name, new): (&str, &[Statement]),
        comparison: &Comparison,
        categories: Vec<CategoryRecord>,
    ) -> Self {
        let edition = |name: &str, statements: &[Statement]| EditionRecord {
            document: name.to_owned(),
            sentence_count: statements.len(),
            finding_count: statements.iter().map(|s| s.findings.len()).sum(),
        };
        Self {
            schema: SCHEMA.to_owned(),
            tool,
            old: edition(old_name, old),
            new: edition(new_name, new),
            sentences: sentence_counts(comparison),
            verdict: paragraph(&categories),
            categories,
        }
    }

    /// How many changes of a kind were not expected.
    pub fn open(&self, kind: ChangeKind) -> usize {
        let all = self.categories.iter().flat_map(|category| &category.changes);
        all.filter(|c| c.kind == kind && c.status == ChangeStatus::Open).count()
    }

    /// How many changes have that status.
    pub fn count(&self, status: ChangeStatus) -> usize {
        let all = self.categories.iter().flat_map(|category| &category.changes);
        all.filter(|c| c.status == status).count()
    }
}

impl QuoteRecord {
    /// The text in pieces, each with whether its words are marked.
    pub fn pieces(&self) -> Vec<(&str, bool)> {
        let mut pieces = Vec::new();
        let mut read = 0;
        for mark in &self.marks {
            if let (Some(before), Some(marked)) =
                (self.text.get(read..mark.start), self.text.get(mark.start..mark.end))
            {
                pieces.extend([(before, false), (marked, true)]);
                read = mark.end;
            }
        }
        pieces.push((self.text.get(read..).unwrap_or_default(), false));
        pieces.retain(|(piece, _)| !piece.is_empty());
        pieces
    }
}

impl ChangeRecord {
    /// The stance and probability of what was found, the new one where there are two.
    pub fn finding(&self) -> Option<(Stance, f64)> {
        let of = |quote: &Option<QuoteRecord>| {
            quote.as_ref().and_then(|quote| quote.stance.zip(quote.probability))
        };
        of(&self.new).or_else(|| of(&self.old))
    }

    /// Whether it was expected, in words; nothing where it was not.
    pub fn expectation(&self) -> Option<String> {
        let status = match self.status {
            ChangeStatus::Open => return None,
            ChangeStatus::Accepted => "accepted",
            ChangeStatus::Suppressed => "suppressed",
        };
        Some(format!("{status}: {}", self.reason.as_deref().unwrap_or_default()))
    }
}
