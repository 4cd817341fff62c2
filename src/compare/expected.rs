//! Changes that somebody has looked at: a baseline of accepted ones, and suppressions with reasons.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::change::{Change, ChangeKind};
use super::form::normal;
use super::record::{CategoryRecord, ChangeStatus};
use crate::calendar::Day;
use crate::digest::hex;

/// Name and version of the baseline's form.
const BASELINE_SCHEMA: &str = "fineprint-baseline/1";
/// How many hexadecimal digits a fingerprint has.
const DIGITS: usize = 16;

/// Names a change across runs: by category, kind, stance, and the words of both sentences that
/// count. It does not depend on places, probabilities or the model.
pub(super) fn fingerprint(
    category: &str,
    change: &Change,
    old: Option<&str>,
    new: Option<&str>,
) -> String {
    let words = |text: Option<&str>| text.map(normal).unwrap_or_default();
    let stance = change.stance().map_or("", crate::label::Stance::as_str);
    let parts = [category, change.kind.as_str(), stance, &words(old), &words(new)];
    let digest = Sha256::digest(parts.join("\n").as_bytes());
    hex(digest)[..DIGITS].to_owned()
}

/// Accepted changes, as `--write-baseline` writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    schema: String,
    accepted: Vec<Accepted>,
}

/// An accepted change; all but the fingerprint is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Accepted {
    fingerprint: String,
    kind: ChangeKind,
    category: String,
    old: Option<String>,
    new: Option<String>,
}

impl Baseline {
    /// Accepts every change that no suppression covers.
    pub fn of(categories: &[CategoryRecord]) -> Self {
        let mut accepted = Vec::new();
        for category in categories {
            for change in &category.changes {
                if change.status != ChangeStatus::Suppressed {
                    let text = |quote: &Option<super::record::QuoteRecord>| {
                        quote.as_ref().map(|quote| quote.text.clone())
                    };
                    accepted.push(Accepted {
                        fingerprint: change.fingerprint.clone(),
                        kind: change.kind,
                        category: category.category.clone(),
                        old: text(&change.old),
                        new: text(&change.new),
                    });
                }
            }
        }
        Self { schema: BASELINE_SCHEMA.to_owned(), accepted }
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let advice = "write one with --write-baseline";
        let baseline: Self = serde_json::from_str(text)
            .map_err(|error| format!("it is no baseline: {error}; {advice}"))?;
        if baseline.schema != BASELINE_SCHEMA {
            let found = &baseline.schema;
            return Err(format!("its schema is `{found}` and not `{BASELINE_SCHEMA}`; {advice}"));
        }
        Ok(baseline)
    }

    /// The baseline as JSON.
    ///
    /// # Errors
    /// None that is known; the serialiser's.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

/// A `[[suppress]]` table of a TOML file: which changes are expected, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// Why; must not be empty.
    pub reason: String,
    /// The change of this fingerprint.
    pub fingerprint: Option<String>,
    /// Changes of this kind.
    pub change: Option<ChangeKind>,
    /// Changes of this category.
    pub category: Option<String>,
    /// Changes whose old or new sentence has these words; case and punctuation do not count.
    pub contains: Option<String>,
    /// The last day on which it holds, as `"YYYY-MM-DD"`.
    pub expires: Option<Day>,
}

#[derive(Debug, Deserialize)]
struct Suppressions {
    #[serde(default)]
    suppress: Vec<Suppression>,
}

impl Suppression {
    /// Reads the `[[suppress]]` tables of a TOML file; other tables are left alone.
    ///
    /// # Errors
    /// What is wrong with it, with the place.
    pub fn read_all(text: &str) -> Result<Vec<Self>, String> {
        let read: Suppressions = toml::from_str(text).map_err(|error| error.to_string())?;
        for (at, one) in read.suppress.iter().enumerate() {
            let wrong = if one.reason.trim().is_empty() {
                "needs a reason that is not empty"
            } else if one.fingerprint.is_none()
                && one.change.is_none()
                && one.category.is_none()
                && one.contains.is_none()
            {
                "must name a fingerprint, change, category or contains"
            } else {
                continue;
            };
            return Err(format!("[[suppress]] number {} {wrong}", at + 1));
        }
        Ok(read.suppress)
    }

    fn covers(
        &self,
        fingerprint: &str,
        category: &str,
        change: &Change,
        texts: [Option<&str>; 2],
    ) -> bool {
        let wanted = self.contains.as_deref().map(|words| format!(" {} ", normal(words)));
        let has_words = |wanted: &String| {
            let mut texts = texts.into_iter().flatten();
            texts.any(|text| format!(" {} ", normal(text)).contains(wanted))
        };
        self.fingerprint.as_deref().is_none_or(|own| own == fingerprint)
            && self.change.is_none_or(|kind| kind == change.kind)
            && self.category.as_deref().is_none_or(|own| own == category)
            && wanted.as_ref().is_none_or(has_words)
    }
}

/// All that is expected.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    fingerprints: HashSet<String>,
    suppressions: Vec<Suppression>,
}

impl Expected {
    /// What a baseline accepts, and suppressions that have not run out `today`. Also tells which
    /// have.
    pub fn new(
        baseline: Option<Baseline>,
        suppressions: Vec<Suppression>,
        today: Day,
    ) -> (Self, Vec<Suppression>) {
        let accepted = baseline.into_iter().flat_map(|baseline| baseline.accepted);
        let holds = |one: &Suppression| one.expires.is_none_or(|last| today <= last);
        let (suppressions, over) = suppressions.into_iter().partition(holds);
        let fingerprints = accepted.map(|accepted| accepted.fingerprint).collect();
        (Self { fingerprints, suppressions }, over)
    }

    /// What is known of a change.
    pub(super) fn of(
        &self,
        fingerprint: &str,
        category: &str,
        change: &Change,
        texts: [Option<&str>; 2],
    ) -> (ChangeStatus, Option<String>) {
        let mut covering = self.suppressions.iter();
        if let Some(one) = covering.find(|s| s.covers(fingerprint, category, change, texts)) {
            return (ChangeStatus::Suppressed, Some(one.reason.clone()));
        }
        if self.fingerprints.contains(fingerprint) {
            return (ChangeStatus::Accepted, Some("in the baseline".to_owned()));
        }
        (ChangeStatus::Open, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: ChangeKind) -> Change {
        Change { category: 0, kind, old: None, new: None, is_moved: false }
    }

    #[test]
    fn fingerprints_depend_on_what_counts_alone() {
        let of = |text| fingerprint("data-sale", &change(ChangeKind::Added), None, Some(text));
        assert_eq!(of("3. We sell DATA."), of("4. We sell data"));
        assert_ne!(of("We sell data."), of("We may sell data."));
        let removed =
            fingerprint("data-sale", &change(ChangeKind::Removed), None, Some("We sell data."));
        assert_ne!(of("We sell data."), removed);
        assert_eq!(removed.len(), DIGITS);
    }

    #[test]
    fn suppressions_need_a_reason_and_a_target() {
        let wrong = |text: &str| Suppression::read_all(text).unwrap_err();
        assert!(wrong("[[suppress]]\ncategory = \"x\"").contains("reason"));
        assert!(wrong("[[suppress]]\nreason = \" \"\ncategory = \"x\"").contains("number 1"));
        assert!(wrong("[[suppress]]\nreason = \"so\"").contains("must name"));
        assert!(wrong("[[suppress]]\nreason = \"so\"\nkategory = \"x\"").contains("kategory"));
        assert!(
            wrong("[[suppress]]\nreason = \"so\"\ncategory = \"x\"\nexpires = \"soon\"")
                .contains("YYYY-MM-DD")
        );
        assert_eq!(Suppression::read_all("[other]\nx = 1").unwrap(), []);
    }

    #[test]
    fn a_suppression_holds_to_its_last_day() {
        let text = "[[suppress]]\nreason = \"agreed\"\nchange = \"added\"\ncontains = \"sell Data\"\n\
                    expires = \"2024-05-01\"";
        let status = |today: &str, kind, words| {
            let suppressions = Suppression::read_all(text).unwrap();
            let (expected, over) = Expected::new(None, suppressions, today.parse().unwrap());
            let status = expected.of("f", "data-sale", &change(kind), [None, Some(words)]).0;
            (status, over.len())
        };
        let holds = "We sell data to all.";
        assert_eq!(status("2024-05-01", ChangeKind::Added, holds), (ChangeStatus::Suppressed, 0));
        assert_eq!(status("2024-05-02", ChangeKind::Added, holds), (ChangeStatus::Open, 1));
        assert_eq!(status("2024-05-01", ChangeKind::Removed, holds), (ChangeStatus::Open, 0));
        let other = "We resell data to all.";
        assert_eq!(status("2024-05-01", ChangeKind::Added, other), (ChangeStatus::Open, 0));
    }

    #[test]
    fn a_baseline_reads_back() {
        let accepted = Accepted {
            fingerprint: "0123456789abcdef".to_owned(),
            kind: ChangeKind::NowAsserted,
            category: "data-sale".to_owned(),
            old: Some("We never sell.".to_owned()),
            new: None,
        };
        let baseline =
            Baseline { schema: BASELINE_SCHEMA.to_owned(), accepted: vec![accepted.clone()] };
        let json = baseline.to_json().unwrap();
        assert_eq!(Baseline::from_json(&json), Ok(baseline));
        let newer = json.replace("baseline/1", "baseline/2");
        assert!(Baseline::from_json(&newer).unwrap_err().contains("fineprint-baseline/2"));
        assert!(Baseline::from_json("[]").unwrap_err().contains("--write-baseline"));
    }
}
