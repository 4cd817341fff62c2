//! How far two labellings of the same sentences agree.
//!
//! Exact match, F1 and Cohen's kappa (1960) of each category over three values: absent, asserted,
//! denied. None of them says which labelling is right.

use std::collections::HashMap;
use std::io::BufRead;

use serde::{Deserialize, Serialize};

use super::CorpusError;
use crate::eval::EvalError;
use crate::eval::examples::{describe, for_each_line};
use crate::label::{Label, LabelSet, Stance};

/// Labels by sentence id.
pub type Labelling = HashMap<String, Vec<Label>>;

/// How two labellings of the same sentences compare.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// How many sentences both have.
    pub sentences: usize,
    /// Share of sentences with the same labels.
    pub exact: f64,
    /// Micro-averaged F1 over labels with stance.
    pub label_f1: f64,
    /// Micro-averaged F1 over categories, whatever the stance.
    pub category_f1: f64,
    /// Of the categories that both gave, the share with opposite stances.
    pub opposite: f64,
    /// Mean of `kappas` over the categories that have one.
    pub mean_kappa: f64,
    /// Cohen's kappa by category, in the order of the label set; `None` where both labellings
    /// never gave the category.
    pub kappas: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    labels: Vec<String>,
}

/// Reads `id` and `labels` of a JSON-lines file; `file` names it in errors.
///
/// # Errors
/// [`CorpusError::Line`] for a malformed line, an unknown label or an id that occurs twice.
pub fn read(reader: impl BufRead, file: &str, set: &LabelSet) -> Result<Labelling, CorpusError> {
    let mut labelling = Labelling::new();
    for_each_line(reader, file, |_, line| {
        let row: Row = serde_json::from_str(line).map_err(|error| describe(&error))?;
        let labels = row.labels.iter().map(|name| set.parse(name));
        let mut labels: Vec<Label> = labels.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
        labels.sort_unstable();
        labels.dedup();
        if labelling.contains_key(&row.id) {
            return Err(format!("id `{}` occurs twice", row.id));
        }
        labelling.insert(row.id, labels);
        Ok(())
    })
    .map_err(|error| match error {
        EvalError::Line { file, line, reason } => CorpusError::Line { file, line, reason },
        other => other.into(),
    })?;
    Ok(labelling)
}

/// Compares two labellings over the sentences that both have.
///
/// # Errors
/// [`CorpusError::File`] when they have no sentence in common.
pub fn compare(
    first: &Labelling,
    second: &Labelling,
    set: &LabelSet,
) -> Result<Agreement, CorpusError> {
    let both: Vec<(&[Label], &[Label])> = first
        .iter()
        .filter_map(|(id, labels)| Some((labels.as_slice(), second.get(id)?.as_slice())))
        .collect();
    if both.is_empty() {
        return Err(CorpusError::file("the two labellings", "no sentence id is in both of them"));
    }
    let sentences = both.len();
    let mut same_labels = 0;
    let mut same_categories = 0;
    let mut given = 0;
    let mut exact = 0;
    // By category, the first labelling's value in rows and the second's in columns.
    let mut tables = vec![[[0_usize; 3]; 3]; set.len()];
    for (mine, other) in both {
        exact += usize::from(mine == other);
        given += mine.len() + other.len();
        for (category, table) in tables.iter_mut().enumerate() {
            let (a, b) = (value(mine, category), value(other, category));
            table[a][b] += 1;
            same_labels += usize::from(a == b && a > 0);
            same_categories += usize::from(a > 0 && b > 0);
        }
    }
    let kappas: Vec<Option<f64>> = tables.iter().map(kappa).collect();
    let known: Vec<f64> = kappas.iter().flatten().copied().collect();
    Ok(Agreement {
        sentences,
        exact: exact as f64 / sentences as f64,
        label_f1: ratio(2 * same_labels, given),
        category_f1: ratio(2 * same_categories, given),
        opposite: ratio(same_categories - same_labels, same_categories),
        mean_kappa: known.iter().sum::<f64>() / known.len().max(1) as f64,
        kappas,
    })
}

/// 0 for absent, 1 for asserted, 2 for denied.
fn value(labels: &[Label], category: usize) -> usize {
    match labels.iter().find(|label| label.category == category).map(|label| label.stance) {
        None => 0,
        Some(Stance::Asserted) => 1,
        Some(Stance::Denied) => 2,
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn kappa(table: &[[usize; 3]; 3]) -> Option<f64> {
    let total = table.iter().flatten().sum::<usize>() as f64;
    let observed = (0..3).map(|i| table[i][i] as f64).sum::<f64>() / total;
    let by_chance = (0..3)
        .map(|i| {
            let row = table[i].iter().sum::<usize>() as f64;
            let column = table.iter().map(|row| row[i] as f64).sum::<f64>();
            row * column / (total * total)
        })
        .sum::<f64>();
    (by_chance < 1.0).then(|| (observed - by_chance) / (1.0 - by_chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelling(text: &str) -> Labelling {
        read(text.as_bytes(), "t", &LabelSet::builtin()).unwrap()
    }

    #[test]
    fn figures_are_those_of_a_worked_example() {
        let first = labelling(
            "{\"id\":\"1\",\"labels\":[\"retention\"]}\n{\"id\":\"2\",\"labels\":[\"retention\",\"!tracking\"]}\n\
             {\"id\":\"3\",\"labels\":[]}\n{\"id\":\"4\",\"labels\":[]}\n{\"id\":\"9\",\"labels\":[]}\n",
        );
        let second = labelling(
            "{\"id\":\"1\",\"labels\":[\"retention\"]}\n{\"id\":\"2\",\"labels\":[\"tracking\"]}\n\
             {\"id\":\"3\",\"labels\":[]}\n{\"id\":\"4\",\"labels\":[\"retention\"]}\n",
        );
        let set = LabelSet::builtin();
        let agreement = compare(&first, &second, &set).unwrap();
        assert_eq!(agreement.sentences, 4);
        assert!((agreement.exact - 0.5).abs() < 1e-12);
        // Three labels each, of which one is the same with its stance and two without.
        assert!((agreement.label_f1 - 1.0 / 3.0).abs() < 1e-12);
        assert!((agreement.category_f1 - 2.0 / 3.0).abs() < 1e-12);
        assert!((agreement.opposite - 0.5).abs() < 1e-12);
        // Retention: two of four the same, by chance (2·2 + 2·2) / 16: kappa 0.
        let kappa = |name| agreement.kappas[set.category(name).unwrap()];
        assert!(kappa("retention").unwrap().abs() < 1e-12);
        // Tracking: three of four, by chance 9 / 16 (absent in both), so (12 − 9) / (16 − 9).
        assert!((kappa("tracking").unwrap() - 3.0 / 7.0).abs() < 1e-12);
        assert_eq!(kappa("children"), None);
        assert!((agreement.mean_kappa - 1.5 / 7.0).abs() < 1e-12);
        assert!(compare(&first, &Labelling::new(), &set).is_err());
    }

    #[test]
    fn malformed_lines_are_named() {
        let fails =
            |text: &str| read(text.as_bytes(), "t", &LabelSet::builtin()).unwrap_err().to_string();
        assert!(
            fails("{\"id\":\"1\",\"labels\":[\"retentoin\"]}")
                .contains("did you mean `retention`?")
        );
        assert!(
            fails("{\"id\":\"1\",\"labels\":[]}\n{\"id\":\"1\",\"labels\":[]}")
                .starts_with("t:2: id `1`")
        );
        assert!(fails("\n{").starts_with("t:2: not valid JSON"));
    }
}
