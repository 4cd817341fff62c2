//! What a change comes to, in a sentence or two of plain words, by rule.
//!
//! The words for each category are data (`data/wording.json`). The rule looks at what the document
//! as a whole says before and after, then at single sentences; where a use of data is newly
//! asserted, it looks for a sentence of choice (`user-choice`) nearby.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::change::{Change, ChangeKind, Standing, Statement};
use crate::label::{Category, LabelSet, Stance};

/// Category of sentences that offer a choice.
const CHOICE: &str = "user-choice";
/// How many sentences around a new one are looked at for a choice, beside those of its section.
const AROUND: usize = 6;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    asserted: String,
    denied: String,
    /// Whether an opt-out would matter.
    choice: bool,
}

#[expect(clippy::expect_used, reason = "the file is compiled in and a test parses it")]
static WORDING: LazyLock<BTreeMap<String, Words>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../data/wording.json")).expect("data/wording.json")
});

/// What a document does that asserts or denies a category, to follow "the document".
pub fn wording(category: &Category, stance: Stance) -> String {
    match (WORDING.get(&category.id), stance) {
        (Some(words), Stance::Asserted) => words.asserted.clone(),
        (Some(words), Stance::Denied) => words.denied.clone(),
        (None, Stance::Asserted) => format!("asserts “{}”", category.title),
        (None, Stance::Denied) => format!("denies “{}”", category.title),
    }
}

/// The verdict on the changes of one category, and whether a choice stands nearby.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) text: String,
    /// The number of the new sentence that offers a choice near a use that is newly asserted.
    pub(super) choice: Option<usize>,
}

/// Words the changes of one category, which must not be none.
pub(super) fn verdict(
    labels: &LabelSet,
    category: usize,
    (before, after): (Standing, Standing),
    changes: &[&Change],
    new: &[Statement],
) -> Verdict {
    let Some(known) = labels.categories().get(category) else {
        return Verdict { text: String::new(), choice: None };
    };
    let asserted = wording(known, Stance::Asserted);
    let denied = wording(known, Stance::Denied);
    let mut text = match (before, after) {
        (Standing::Silent, Standing::Asserted) => format!("Now {asserted}."),
        (Standing::Silent, Standing::Denied) => format!("Now {denied}."),
        (Standing::Silent, Standing::Both) => format!("Now {asserted}, but elsewhere {denied}."),
        (Standing::Denied, Standing::Asserted) => {
            format!("Now {asserted}; the earlier text {denied}.")
        }
        (Standing::Asserted, Standing::Denied) => {
            format!("Now {denied}; the earlier text {asserted}.")
        }
        (Standing::Denied, Standing::Both) => format!("Now {asserted}, and still {denied}."),
        (Standing::Asserted, Standing::Both) => format!("Now also {denied}, and still {asserted}."),
        (Standing::Asserted | Standing::Denied | Standing::Both, Standing::Silent) => {
            format!("No longer {}.", if before.asserts() { &asserted } else { &denied })
        }
        (Standing::Both, Standing::Asserted) => format!("No longer {denied}; still {asserted}."),
        (Standing::Both, Standing::Denied) => format!("No longer {asserted}; still {denied}."),
        (_, _) => still(before, &asserted, &denied, changes),
    };
    let asks_choice = WORDING.get(&known.id).is_some_and(|words| words.choice);
    let newly: Vec<usize> = changes.iter().filter_map(|change| newly_asserted(change)).collect();
    let mut choice = None;
    if asks_choice
        && !newly.is_empty()
        && let Ok(wanted) = labels.category(CHOICE)
    {
        choice = newly.iter().find_map(|at| choice_near(*at, wanted, new));
        text.push_str(match choice {
            Some(_) => " A sentence on choice or consent stands nearby.",
            None => " No opt-out sentence found nearby.",
        });
    }
    Verdict { text, choice }
}

/// The document as a whole says what it said.
fn still(standing: Standing, asserted: &str, denied: &str, changes: &[&Change]) -> String {
    let says = match standing {
        Standing::Both => format!("{asserted} in some sentences and {denied} in others"),
        Standing::Denied => denied.to_owned(),
        Standing::Asserted | Standing::Silent => asserted.to_owned(),
    };
    let counts: Vec<String> = ChangeKind::ALL
        .into_iter()
        .filter_map(|kind| {
            let count = changes.iter().filter(|change| change.kind == kind).count();
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} sentence{plural} {}", outcome(kind)))
        })
        .collect();
    format!("Still {says}: {}.", counts.join(", "))
}

fn outcome(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Reworded => "reworded",
        ChangeKind::NowAsserted => "turned from denied to asserted",
        ChangeKind::NowDenied => "turned from asserted to denied",
    }
}

/// The new sentence of a change after which the category is asserted where it was not.
fn newly_asserted(change: &Change) -> Option<usize> {
    let is_new = matches!(change.kind, ChangeKind::Added | ChangeKind::NowAsserted);
    let place = change.new.as_ref()?;
    (is_new && place.finding?.stance == Stance::Asserted).then_some(place.sentences.start)
}

/// A sentence that offers a choice, in the section of `at` or among its neighbours; the nearest.
fn choice_near(at: usize, choice: usize, new: &[Statement]) -> Option<usize> {
    let section = &new.get(at)?.sentence.section;
    let offers = |statement: &Statement| {
        let mut findings = statement.findings.iter();
        findings.any(|f| f.category == choice && f.stance == Stance::Asserted)
    };
    (0..new.len())
        .filter(|i| {
            i.abs_diff(at) <= AROUND
                || (!section.is_empty() && new[*i].sentence.section == *section)
        })
        .filter(|i| offers(&new[*i]))
        .min_by_key(|i| i.abs_diff(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Taxonomy;

    #[test]
    fn there_are_words_for_every_category() {
        let ids: Vec<&str> = Taxonomy::builtin().categories.iter().map(|c| c.id.as_str()).collect();
        assert!(ids.contains(&CHOICE));
        assert_eq!(WORDING.len(), ids.len());
        for id in ids {
            let words = &WORDING[id];
            for text in [&words.asserted, &words.denied] {
                assert!(text.starts_with(char::is_lowercase) && !text.ends_with('.'), "{text}");
            }
        }
    }

    #[test]
    fn every_turn_of_a_document_has_its_words() {
        let labels = LabelSet::builtin();
        let category = labels.category("data-sale").unwrap();
        let all = [Standing::Silent, Standing::Asserted, Standing::Denied, Standing::Both];
        let mut seen = Vec::new();
        for pair in all.iter().flat_map(|old| all.map(|new| (*old, new))) {
            if pair.0 != pair.1 {
                seen.push(verdict(&labels, category, pair, &[], &[]).text);
            }
        }
        assert_eq!(seen[0], "Now sells or exchanges personal data for value.");
        assert_eq!(
            verdict(&labels, category, (Standing::Denied, Standing::Asserted), &[], &[]).text,
            "Now sells or exchanges personal data for value; the earlier text says that it does \
             not sell personal data."
        );
        let count = seen.len();
        seen.sort();
        seen.dedup();
        // Both → silent reads as asserted → silent.
        assert_eq!((count, seen.len()), (12, 11));
    }

    #[test]
    fn a_foreign_category_is_named_by_its_title() {
        let labels = LabelSet::new(&["Data Retention"], true).unwrap();
        let text = verdict(&labels, 0, (Standing::Silent, Standing::Denied), &[], &[]).text;
        assert_eq!(text, "Now denies “Data Retention”.");
    }
}
