//! Categories, stances and label sets: what a model can say about a sentence.
//!
//! A [`LabelSet`] belongs to a model folder, not to the code: a model trained on other labels
//! (OPP-115, unfair clauses) brings its own names. The [`Taxonomy`] is fineprint's own 21
//! categories as data (`data/taxonomy.json`); it lends titles, definitions and crosswalks to those
//! names of a label set that it knows. Nothing here knows of probabilities or thresholds.

use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Whether a sentence says that a practice happens, or that it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub enum Stance {
    /// The practice happens or may happen; the right, choice or safeguard exists.
    Asserted,
    /// The practice does not happen; the right, choice or safeguard does not exist.
    Denied,
}

impl Stance {
    /// The lower-case name that every output format uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asserted => "asserted",
            Self::Denied => "denied",
        }
    }
}

impl fmt::Display for Stance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Stance {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "asserted" => Ok(Self::Asserted),
            "denied" => Ok(Self::Denied),
            other => Err(format!("unknown stance `{other}`: use asserted or denied")),
        }
    }
}

/// One category of a label set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct Category {
    /// Stable identifier, as training data and outputs spell it.
    pub id: String,
    /// Human title.
    pub title: String,
    /// Identifier of the group that the category belongs to; empty when it has none.
    #[serde(default)]
    pub group: String,
    /// What a sentence that asserts the category says.
    #[serde(default)]
    pub asserted: String,
    /// What a sentence that denies the category says.
    #[serde(default)]
    pub denied: String,
    /// IRIs of the nearest concepts in the W3C Data Privacy Vocabulary, best first.
    #[serde(default)]
    pub dpv: Vec<String>,
    /// The nearest OPP-115 categories.
    #[serde(default)]
    pub opp115: Vec<String>,
}

impl Category {
    /// A category of which only the name is known, as foreign models have it.
    fn bare(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: id.to_owned(),
            group: String::new(),
            asserted: String::new(),
            denied: String::new(),
            dpv: Vec::new(),
            opp115: Vec::new(),
        }
    }
}

/// A heading under which categories are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct Group {
    /// Stable identifier.
    pub id: String,
    /// Human title, such as "What they do with it".
    pub title: String,
}

/// A stance and its IRI in the Data Privacy Vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct StanceEntry {
    /// The stance.
    pub id: Stance,
    /// `dpv#Permission` or `dpv#Prohibition`.
    pub dpv: String,
}

/// fineprint's own categories with definitions and crosswalks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taxonomy {
    /// Version of the annotation guide that defines the categories.
    pub version: u32,
    /// Groups in display order.
    pub groups: Vec<Group>,
    /// The two stances.
    pub stances: Vec<StanceEntry>,
    /// The categories in the guide's order.
    pub categories: Vec<Category>,
}

static TAXONOMY: LazyLock<Taxonomy> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the file is compiled in and a test parses it")]
    serde_json::from_str(include_str!("../data/taxonomy.json")).expect("data/taxonomy.json")
});

impl Taxonomy {
    /// The taxonomy of `data/taxonomy.json`, compiled in.
    pub fn builtin() -> &'static Self {
        &TAXONOMY
    }

    /// The category of that identifier.
    pub fn category(&self, id: &str) -> Option<&Category> {
        self.categories.iter().find(|c| c.id == id)
    }
}

/// One label of a sentence: a category by its index in the label set, and a stance.
///
/// Written `name` when asserted and `!name` when denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// Index into [`LabelSet::categories`].
    pub category: usize,
    /// Always [`Stance::Asserted`] in a label set without stances.
    pub stance: Stance,
}

/// The names that a model was trained on, in the order of its logits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelSet {
    categories: Vec<Category>,
    has_stance: bool,
}

/// A label that the label set does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown label `{name}`{}", .suggestion.as_ref().map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
pub struct UnknownLabel {
    /// The label as it was given.
    pub name: String,
    /// The nearest known label, if one is near.
    pub suggestion: Option<String>,
}

/// A label set that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelSetError {
    /// There is no category at all.
    #[error("a label set needs at least one category")]
    Empty,
    /// A name is empty, starts with `!`, or has control characters.
    #[error(
        "`{0}` cannot be a category name: names are non-empty, without a leading `!` and without control characters"
    )]
    BadName(String),
    /// A name occurs twice.
    #[error("category `{0}` occurs twice")]
    Duplicate(String),
}

impl LabelSet {
    /// A label set of the given names in logit order.
    ///
    /// Names that fineprint's taxonomy knows get their titles and definitions from there.
    pub fn new<S: AsRef<str>>(names: &[S], has_stance: bool) -> Result<Self, LabelSetError> {
        if names.is_empty() {
            return Err(LabelSetError::Empty);
        }
        let mut categories: Vec<Category> = Vec::with_capacity(names.len());
        for name in names.iter().map(AsRef::as_ref) {
            if name.trim().is_empty() || name.starts_with('!') || name.contains(char::is_control) {
                return Err(LabelSetError::BadName(name.to_owned()));
            }
            if categories.iter().any(|c| c.id == name) {
                return Err(LabelSetError::Duplicate(name.to_owned()));
            }
            let known = Taxonomy::builtin().category(name);
            categories.push(known.cloned().unwrap_or_else(|| Category::bare(name)));
        }
        Ok(Self { categories, has_stance })
    }

    /// The 21 categories with stance of [`Taxonomy::builtin`].
    pub fn builtin() -> Self {
        Self { categories: Taxonomy::builtin().categories.clone(), has_stance: true }
    }

    /// The categories in logit order.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The taxonomy's groups that have a category here, in display order.
    pub fn groups(&self) -> Vec<&'static Group> {
        let is_used = |group: &&Group| self.categories.iter().any(|c| c.group == group.id);
        Taxonomy::builtin().groups.iter().filter(is_used).collect()
    }

    /// How many categories there are.
    pub fn len(&self) -> usize {
        self.categories.len()
    }

    /// Never true: a label set has at least one category.
    pub fn is_empty(&self) -> bool {
        self.categories.is_empty()
    }

    /// Whether the model tells asserted from denied.
    pub fn has_stance(&self) -> bool {
        self.has_stance
    }

    /// The category names in logit order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.categories.iter().map(|c| c.id.as_str())
    }

    /// The indices of the categories under the title of their group, in the taxonomy's order.
    ///
    /// Categories without a group come last, under an empty title.
    pub fn grouped(&self) -> Vec<(&'static str, Vec<usize>)> {
        let members = |is_member: &dyn Fn(&Category) -> bool| -> Vec<usize> {
            let all = self.categories.iter().enumerate();
            all.filter(|(_, category)| is_member(category)).map(|(i, _)| i).collect()
        };
        let known = &Taxonomy::builtin().groups;
        let mut groups: Vec<(&'static str, Vec<usize>)> =
            known.iter().map(|g| (g.title.as_str(), members(&|c| c.group == g.id))).collect();
        groups.push(("", members(&|c| !known.iter().any(|g| g.id == c.group))));
        groups.retain(|(_, categories)| !categories.is_empty());
        groups
    }

    /// The index of a category.
    pub fn category(&self, name: &str) -> Result<usize, UnknownLabel> {
        self.categories.iter().position(|c| c.id == name).ok_or_else(|| UnknownLabel {
            name: name.to_owned(),
            suggestion: nearest(name, self.names()).map(str::to_owned),
        })
    }

    /// Reads `name` or, where there are stances, `!name`.
    pub fn parse(&self, label: &str) -> Result<Label, UnknownLabel> {
        match label.strip_prefix('!') {
            Some(name) if self.has_stance => match self.category(name) {
                Ok(category) => Ok(Label { category, stance: Stance::Denied }),
                Err(e) => Err(UnknownLabel {
                    name: label.to_owned(),
                    suggestion: e.suggestion.map(|s| format!("!{s}")),
                }),
            },
            _ => Ok(Label { category: self.category(label)?, stance: Stance::Asserted }),
        }
    }

    /// Writes a label as [`LabelSet::parse`] reads it.
    pub fn format(&self, label: Label) -> String {
        let name = self.categories.get(label.category).map_or("?", |c| c.id.as_str());
        match label.stance {
            Stance::Asserted => name.to_owned(),
            Stance::Denied => format!("!{name}"),
        }
    }
}

/// The candidate nearest to `name` by edit distance, if it is near enough to be a slip.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase().replace(['_', ' '], "-");
    candidates
        .map(|c| (edit_distance(&name, &c.to_lowercase()), c))
        .filter(|(distance, c)| *distance <= 2.max(c.chars().count() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// Levenshtein distance in characters; names are cut at 64 so that hostile input stays cheap.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_taxonomy_is_whole() {
        let taxonomy = Taxonomy::builtin();
        assert_eq!(taxonomy.categories.len(), 21);
        for category in &taxonomy.categories {
            assert!(taxonomy.groups.iter().any(|g| g.id == category.group), "{}", category.id);
            for text in [&category.title, &category.asserted, &category.denied] {
                assert!(!text.is_empty() && !text.contains('\n'), "{}", category.id);
            }
            assert!(!category.dpv.is_empty(), "{}", category.id);
            assert!(category.dpv.iter().all(|iri| iri.starts_with("https://w3id.org/dpv")));
        }
    }

    #[test]
    fn labels_read_back_as_written() {
        let set = LabelSet::builtin();
        for category in 0..set.len() {
            for stance in [Stance::Asserted, Stance::Denied] {
                let label = Label { category, stance };
                assert_eq!(set.parse(&set.format(label)), Ok(label));
            }
        }
    }

    #[test]
    fn a_slip_gets_a_suggestion() {
        let set = LabelSet::builtin();
        let error = set.parse("!ai_trainin").unwrap_err();
        assert_eq!(error.to_string(), "unknown label `!ai_trainin`; did you mean `!ai-training`?");
        assert_eq!(set.parse("weather").unwrap_err().suggestion, None);
    }

    #[test]
    fn a_set_without_stance_has_no_denials() {
        let set = LabelSet::new(&["Data Retention"], false).unwrap();
        assert!(set.parse("Data Retention").is_ok());
        assert!(set.parse("!Data Retention").is_err());
        assert_eq!(LabelSet::new::<&str>(&[], true), Err(LabelSetError::Empty));
        assert_eq!(LabelSet::new(&["a", "a"], true), Err(LabelSetError::Duplicate("a".to_owned())));
        assert_eq!(LabelSet::new(&["!a"], true), Err(LabelSetError::BadName("!a".to_owned())));
    }
}
