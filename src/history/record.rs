//! The records of a history: what every output format shows.
//!
//! [`SCHEMA`] is their version. A field may be added under the same version; a change of meaning
//! or name makes a new one. Changes are those of `fineprint-diff/1`.

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::compare::record::{CategoryRecord, SentenceCounts, Tool};
use crate::compare::{Standing, Tally};

/// Name and version of the records.
pub const SCHEMA: &str = "fineprint-history/1";

/// The history of the documents of a repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryRecord {
    /// Version of the records: [`SCHEMA`].
    pub schema: String,
    /// What made it.
    #[serde(flatten)]
    pub tool: Tool,
    /// The repository, as given.
    pub repository: String,
    /// The commit that history was read back from.
    pub revision: String,
    /// How many commits that were.
    pub commits: usize,
    /// Whether the repository lacks older commits, as a shallow clone does.
    pub is_cut: bool,
    /// The documents, by path.
    pub documents: Vec<DocumentHistory>,
}

/// A commit and its day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The day (UTC) on which its author made it.
    pub date: Day,
    /// Its id.
    pub commit: String,
}

/// The history of one document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentHistory {
    /// The path that it had last.
    pub document: String,
    /// Paths that it had before.
    pub earlier_paths: Vec<String>,
    /// How many versions of different bytes there are in the time that was looked at.
    pub versions: usize,
    /// Of those, the ones in which sentences changed.
    pub changed_versions: usize,
    /// The first version, and what it says; null where none could be read.
    pub first: Option<FirstRecord>,
    /// The last version that was read.
    pub last: Option<Moment>,
    /// The commit that deleted the document.
    pub deleted: Option<Moment>,
    /// The versions that changed what is said, oldest first.
    pub events: Vec<EventRecord>,
    /// Versions that were not compared.
    pub passed_over: Vec<PassedOver>,
    /// What is said about each category over time, where anything is.
    pub categories: Vec<CategoryHistory>,
}

/// What a document said when it was first recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstRecord {
    /// When.
    #[serde(flatten)]
    pub moment: Moment,
    /// How many sentences it had.
    pub sentence_count: usize,
}

/// A version that changed what is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// When.
    #[serde(flatten)]
    pub moment: Moment,
    /// The version that it was compared with.
    pub previous: Moment,
    /// Its path.
    pub path: String,
    /// What became of the sentences.
    pub sentences: SentenceCounts,
    /// The verdicts of all its categories, as one paragraph.
    pub verdict: String,
    /// How many findings were only reworded and are not among the changes.
    pub rewordings: usize,
    /// What changed, by category.
    pub categories: Vec<CategoryRecord>,
}

/// A version that was not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// When.
    #[serde(flatten)]
    pub moment: Moment,
    /// Why.
    pub reason: String,
}

/// What is said about a category over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryHistory {
    /// The category's name.
    pub category: String,
    /// Its title.
    pub title: String,
    /// Periods of one count each, in order, without gaps.
    pub periods: Vec<Period>,
}

/// A time in which as many sentences asserted and denied a category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Its first day.
    pub from: Day,
    /// What the document as a whole said.
    pub standing: Standing,
    /// How many sentences said so.
    pub count: Tally,
}
