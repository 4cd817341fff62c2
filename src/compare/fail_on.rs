//! Which changes make a run fail, as `--fail-on` names them.

use super::change::{ChangeKind, Standing};
use super::record::{CategoryRecord, ChangeRecord, ChangeStatus};
use crate::label::{LabelSet, Stance};

/// A condition: `any`, or `KIND:CATEGORY` with `*` for all categories.
///
/// For `added` and `removed`, `CATEGORY` means a sentence that asserts it, `!CATEGORY` one that
/// denies it, and `*` both. `now-asserted` also holds when a document that denied the category as
/// a whole now asserts it by another sentence; `now-denied` likewise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailOn {
    /// Any change.
    Any,
    /// A change of that kind.
    Change {
        /// The kind.
        kind: ChangeKind,
        /// The category's name and stance; `None` for all.
        label: Option<(String, Stance)>,
    },
}

impl FailOn {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong with it, with the nearest name that is known.
    pub fn parse(text: &str, labels: &LabelSet) -> Result<Self, String> {
        let text = text.trim();
        if text == "any" {
            return Ok(Self::Any);
        }
        let Some((kind, name)) = text.split_once(':') else {
            return Err(format!(
                "`{text}`: use `any` or CHANGE:CATEGORY, such as added:ai-training"
            ));
        };
        let kind = kind.parse()?;
        if name == "*" {
            return Ok(Self::Change { kind, label: None });
        }
        let label = labels.parse(name).map_err(|unknown| unknown.to_string())?;
        let is_free = matches!(kind, ChangeKind::Added | ChangeKind::Removed);
        if label.stance == Stance::Denied && !is_free {
            return Err(format!("`{text}`: `!` goes with added and removed alone"));
        }
        let name = labels.categories().get(label.category).map(|c| c.id.clone());
        Ok(Self::Change { kind, label: name.map(|name| (name, label.stance)) })
    }

    /// Whether the changes of a category that were not expected meet it.
    pub fn is_met(&self, record: &CategoryRecord) -> bool {
        let mut open = record.changes.iter().filter(|c| c.status == ChangeStatus::Open);
        match self {
            Self::Any => open.next().is_some(),
            Self::Change { kind, label } => {
                let is_it = label.as_ref().is_none_or(|(name, _)| *name == record.category);
                let stance = label.as_ref().map(|(_, stance)| *stance);
                is_it && open.any(|c| meets(c, *kind, stance, (record.before, record.after)))
            }
        }
    }
}

fn meets(
    change: &ChangeRecord,
    kind: ChangeKind,
    stance: Option<Stance>,
    (before, after): (Standing, Standing),
) -> bool {
    let new = change.new.as_ref().and_then(|quote| quote.stance);
    let own = new.or_else(|| change.old.as_ref()?.stance);
    match kind {
        ChangeKind::Added | ChangeKind::Removed => {
            change.kind == kind && (stance.is_none() || own == stance)
        }
        ChangeKind::Reworded => change.kind == kind,
        ChangeKind::NowAsserted => {
            let turned = before == Standing::Denied && after.asserts();
            change.kind == kind || (turned && new == Some(Stance::Asserted))
        }
        ChangeKind::NowDenied => {
            let turned = before == Standing::Asserted && after.denies();
            change.kind == kind || (turned && new == Some(Stance::Denied))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_as_written() {
        let labels = LabelSet::builtin();
        let parse = |text| FailOn::parse(text, &labels);
        let label = |name: &str, stance| Some((name.to_owned(), stance));
        assert_eq!(parse("any"), Ok(FailOn::Any));
        assert_eq!(
            parse("added:!data-sale"),
            Ok(FailOn::Change {
                kind: ChangeKind::Added,
                label: label("data-sale", Stance::Denied)
            })
        );
        assert_eq!(
            parse("now-asserted:*"),
            Ok(FailOn::Change { kind: ChangeKind::NowAsserted, label: None })
        );
        assert!(parse("added").unwrap_err().contains("CHANGE:CATEGORY"));
        assert!(parse("new:*").unwrap_err().contains("now-asserted"));
        assert!(parse("added:data-sales").unwrap_err().contains("did you mean `data-sale`"));
        assert!(parse("now-denied:!data-sale").unwrap_err().contains("added and removed"));
    }
}
