//! From the labels of another project to those of a model: a crosswalk.
//!
//! A crosswalk gives each foreign label a list of labels, `!` before those that are denied. An empty
//! list says that the label stands for none of the categories. A label that is not in the crosswalk
//! cannot be translated honestly, and texts that have one are left out: without it they would be
//! taught as if they said nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{Format, Imported, read_text};
use crate::corpus::CorpusError;
use crate::label::LabelSet;

/// What each foreign label becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crosswalk {
    labels: BTreeMap<String, Vec<String>>,
}

/// `data/crosswalks.json`.
#[derive(Debug, Deserialize)]
struct Builtin {
    vocabularies: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Crosswalk {
    /// The crosswalk to fineprint's own categories that comes with the program, if the format has
    /// one (`data/crosswalks.json`).
    pub fn builtin(format: Format) -> Option<Self> {
        let all: Builtin =
            serde_json::from_str(include_str!("../../../data/crosswalks.json")).ok()?;
        all.vocabularies.get(format.vocabulary()).map(|labels| Self { labels: labels.clone() })
    }

    /// Reads a crosswalk: a JSON object from each foreign label to a label or a list of labels.
    ///
    /// # Errors
    /// [`CorpusError`] when the file cannot be read or is no such object.
    pub fn read(path: &Path) -> Result<Self, CorpusError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum OneOrMore {
            One(String),
            More(Vec<String>),
        }
        let file = path.display().to_string();
        let map: BTreeMap<String, OneOrMore> =
            serde_json::from_str(&read_text(path)?).map_err(|error| CorpusError::Line {
                file,
                line: error.line(),
                reason: format!(
                    "{}; a crosswalk is {{\"foreign label\": [\"our label\", \"!denied label\"], …}}",
                    crate::eval::examples::describe(&error)
                ),
            })?;
        let labels = map.into_iter().map(|(from, to)| match to {
            OneOrMore::One(label) => (from, vec![label]),
            OneOrMore::More(labels) => (from, labels),
        });
        Ok(Self { labels: labels.collect() })
    }

    /// The names of all categories that the crosswalk leads to, sorted.
    pub fn targets(&self) -> Vec<String> {
        let all = self.labels.values().flatten();
        let mut names: Vec<String> =
            all.map(|label| label.strip_prefix('!').unwrap_or(label).to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Checks that all targets are labels of a set.
    ///
    /// # Errors
    /// The first that is not, with the nearest label.
    pub fn check(&self, set: &LabelSet) -> Result<(), String> {
        self.labels.values().flatten().try_for_each(|label| match set.parse(label) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Translates the labels of a text.
    ///
    /// # Errors
    /// The first label that the crosswalk does not have.
    pub fn apply(&self, row: &mut Imported) -> Result<(), String> {
        let mut translated = Imported::default();
        for label in &row.labels {
            let targets = self.labels.get(label).ok_or_else(|| label.clone())?;
            targets.iter().for_each(|target| translated.add(target.as_str()));
        }
        row.labels = translated.labels;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_crosswalks_lead_to_our_categories() {
        let set = LabelSet::builtin();
        let mut found = 0;
        for format in Format::ALL {
            if let Some(crosswalk) = Crosswalk::builtin(format) {
                crosswalk.check(&set).unwrap();
                found += 1;
            }
        }
        assert_eq!(found, 5, "OPP-115 and CLAUDETTE in two formats each, and UNFAIR-ToS");
        let known = crate::corpus::import::polisis::LABELS;
        let opp115 = Crosswalk::builtin(Format::Opp115).unwrap();
        assert!(opp115.labels.keys().all(|label| known.contains(&label.as_str())));
    }

    #[test]
    fn labels_are_translated_or_refused() {
        let crosswalk = Crosswalk {
            labels: BTreeMap::from([
                ("Policy Change".to_owned(), vec!["policy-change".to_owned()]),
                ("Intro".to_owned(), Vec::new()),
            ]),
        };
        let mut row = Imported {
            labels: vec!["Intro".to_owned(), "Policy Change".to_owned()],
            ..Imported::default()
        };
        crosswalk.apply(&mut row).unwrap();
        assert_eq!(row.labels, ["policy-change"]);
        row.labels = vec!["Security".to_owned()];
        assert_eq!(crosswalk.apply(&mut row), Err("Security".to_owned()));
    }
}
