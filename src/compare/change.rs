//! From aligned sentences to changes of what is said.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::align::{Alignment, Link, align};
use super::form::{Form, Lexicon};
use crate::classify::Finding;
use crate::document::Document;
use crate::label::Stance;
use crate::segment::{Sentence, sentences};

/// A sentence of an edition, with what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The sentence and its place.
    pub sentence: Sentence,
    /// Its place in the original's bytes, where the encoding allows to tell.
    pub bytes: Option<Range<usize>>,
    /// What of it counts in a comparison.
    pub form: Arc<Form>,
    /// What it says; empty until it is classified.
    pub findings: Vec<Finding>,
}

/// The sentences of a document, not yet classified.
pub fn statements(document: &Document, lexicon: &mut Lexicon) -> Vec<Statement> {
    let one = |sentence: Sentence| Statement {
        bytes: document.source_range(sentence.range.clone()),
        form: lexicon.form(&sentence.text),
        sentence,
        findings: Vec::new(),
    };
    sentences(document).into_iter().map(one).collect()
}

/// What happened to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// The sentence was denied and is asserted.
    NowAsserted,
    /// The sentence was asserted and is denied.
    NowDenied,
    /// A sentence says it that did not say it or was not there.
    Added,
    /// A sentence that said it does not say it any more or is gone.
    Removed,
    /// The sentence says it still, in other words.
    Reworded,
}

impl ChangeKind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::NowAsserted, Self::NowDenied, Self::Added, Self::Removed, Self::Reworded];

    /// The name, as records and options write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::NowAsserted => "now-asserted",
            Self::NowDenied => "now-denied",
            Self::Reworded => "reworded",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ChangeKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        known.ok_or_else(|| {
            format!("unknown change `{name}`: use {}", Self::ALL.map(Self::as_str).join(", "))
        })
    }
}

/// Sentences of one edition that a change is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Numbers of the sentences; several where one was split or several were merged.
    pub sentences: Range<usize>,
    /// What they say of the category; `None` where they say nothing of it.
    pub finding: Option<Finding>,
}

/// A change of what is said about a category.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Index into the label set.
    pub category: usize,
    /// What happened.
    pub kind: ChangeKind,
    /// The old sentence, where there is one.
    pub old: Option<Place>,
    /// The new sentence, where there is one.
    pub new: Option<Place>,
    /// The sentence stands in another place of the order.
    pub is_moved: bool,
}

impl Change {
    /// The stance that the change is counted under: the new one, or that of what is gone.
    pub fn stance(&self) -> Option<Stance> {
        let of = |place: &Option<Place>| Some(place.as_ref()?.finding?.stance);
        of(&self.new).or_else(|| of(&self.old))
    }

    /// The higher of the two probabilities.
    pub fn probability(&self) -> f32 {
        let of = |place: &Option<Place>| place.as_ref()?.finding.map(|f| f.probability);
        of(&self.old).unwrap_or(0.0).max(of(&self.new).unwrap_or(0.0))
    }
}

/// Two editions compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Which sentences belong together.
    pub alignment: Alignment,
    /// What changed, by category and then in the order of the new edition.
    pub changes: Vec<Change>,
}

/// Aligns two editions of statements; see [`align`].
pub fn align_statements(old: &[Statement], new: &[Statement]) -> Alignment {
    let forms = |statements: &[Statement]| {
        statements.iter().map(|s| Arc::clone(&s.form)).collect::<Vec<_>>()
    };
    align(&forms(old), &forms(new))
}

/// Tells what changed between two classified editions that were aligned.
///
/// A sentence that is the same is no change, whatever the scores that its surroundings give it.
/// Of a sentence that is repeated, one more or one less is no change either.
pub fn compare(alignment: Alignment, old: &[Statement], new: &[Statement]) -> Comparison {
    let keys = |statements: &[Statement]| -> HashSet<u32> {
        statements.iter().map(|statement| statement.form.key).collect()
    };
    let (old_keys, new_keys) = (keys(old), keys(new));
    let mut changes = Vec::new();
    for link in alignment.links.iter().filter(|link| !link.is_same) {
        linked(link, old, new, &mut changes);
    }
    for at in alignment.removed.iter().copied() {
        if !new_keys.contains(&old[at].form.key) {
            changes.extend(alone(at, &old[at], ChangeKind::Removed));
        }
    }
    for at in alignment.added.iter().copied() {
        if !old_keys.contains(&new[at].form.key) {
            changes.extend(alone(at, &new[at], ChangeKind::Added));
        }
    }
    let start = |place: &Option<Place>| place.as_ref().map(|place| place.sentences.start);
    changes.sort_by_key(|change| {
        let place = start(&change.new).or(start(&change.old));
        (change.category, change.kind, place)
    });
    Comparison { alignment, changes }
}

/// The most probable finding of each category.
fn best(statements: &[Statement]) -> BTreeMap<usize, Finding> {
    let mut best: BTreeMap<usize, Finding> = BTreeMap::new();
    for finding in statements.iter().flat_map(|statement| &statement.findings) {
        let known = best.entry(finding.category).or_insert(*finding);
        if finding.probability > known.probability {
            *known = *finding;
        }
    }
    best
}

fn linked(link: &Link, old: &[Statement], new: &[Statement], changes: &mut Vec<Change>) {
    let before = best(&old[link.old.clone()]);
    let after = best(&new[link.new.clone()]);
    let categories: HashSet<usize> = before.keys().chain(after.keys()).copied().collect();
    for category in categories {
        let (old, new) = (before.get(&category).copied(), after.get(&category).copied());
        let kind = match (old, new) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            (Some(old), Some(new)) if old.stance == new.stance => ChangeKind::Reworded,
            (_, Some(Finding { stance: Stance::Asserted, .. })) => ChangeKind::NowAsserted,
            (_, Some(Finding { stance: Stance::Denied, .. })) => ChangeKind::NowDenied,
        };
        changes.push(Change {
            category,
            kind,
            old: Some(Place { sentences: link.old.clone(), finding: old }),
            new: Some(Place { sentences: link.new.clone(), finding: new }),
            is_moved: link.is_moved,
        });
    }
}

fn alone(at: usize, statement: &Statement, kind: ChangeKind) -> Vec<Change> {
    let one = |finding: &Finding| {
        let place = Some(Place { sentences: at..at + 1, finding: Some(*finding) });
        let (old, new) = if kind == ChangeKind::Removed { (place, None) } else { (None, place) };
        Change { category: finding.category, kind, old, new, is_moved: false }
    };
    statement.findings.iter().map(one).collect()
}

/// What a document as a whole says about a category.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct Tally {
    /// How many sentences assert it.
    pub asserted: usize,
    /// How many sentences deny it.
    pub denied: usize,
}

impl Tally {
    /// Counts the findings of an edition, in the order of the label set.
    pub fn count(statements: &[Statement], categories: usize) -> Vec<Self> {
        let mut tallies = vec![Self::default(); categories];
        for finding in statements.iter().flat_map(|statement| &statement.findings) {
            if let Some(tally) = tallies.get_mut(finding.category) {
                match finding.stance {
                    Stance::Asserted => tally.asserted += 1,
                    Stance::Denied => tally.denied += 1,
                }
            }
        }
        tallies
    }

    /// What that makes of the document.
    pub fn standing(self) -> Standing {
        match (self.asserted > 0, self.denied > 0) {
            (false, false) => Standing::Silent,
            (true, false) => Standing::Asserted,
            (false, true) => Standing::Denied,
            (true, true) => Standing::Both,
        }
    }
}

/// What a document as a whole says about a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// No sentence is about it.
    Silent,
    /// Sentences assert it, none denies it.
    Asserted,
    /// Sentences deny it, none asserts it.
    Denied,
    /// Some assert and some deny it.
    Both,
}

impl Standing {
    /// The name, as records write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Asserted => "asserted",
            Self::Denied => "denied",
            Self::Both => "both",
        }
    }

    /// Whether some sentence asserts it.
    pub fn asserts(self) -> bool {
        matches!(self, Self::Asserted | Self::Both)
    }

    /// Whether some sentence denies it.
    pub fn denies(self) -> bool {
        matches!(self, Self::Denied | Self::Both)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
