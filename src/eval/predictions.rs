//! What a system says about examples, and the file that lets anyone recompute the figures.
//!
//! One JSON object a line: `id`, `labels` as decided (`!` for denied), `categories` (name to
//! P(category)) and `denied` (name to P(denied | category); absent without stances). A file of
//! another system in this form can be evaluated and compared like a model.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};

use super::examples::{describe, for_each_line};
use super::{Decision, EvalError, Example, Outcomes};
use crate::label::{Label, LabelSet};

/// What a system says about one example; vectors are in the order of the label set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prediction {
    /// P(category).
    pub category: Vec<f32>,
    /// P(denied | category); empty in a label set without stances.
    pub denied: Vec<f32>,
    /// The labels decided for.
    pub labels: Vec<Label>,
}

impl Prediction {
    /// A prediction with its labels decided by a rule.
    pub fn decided(category: Vec<f32>, denied: Vec<f32>, rule: &[Decision]) -> Self {
        let cells = category.iter().zip(rule).enumerate();
        let labels = cells.filter_map(|(column, (&p, decision))| {
            let denied = denied.get(column).copied().unwrap_or(0.0);
            decision.decide(p, denied).map(|stance| Label { category: column, stance })
        });
        let labels = labels.collect();
        Self { category, denied, labels }
    }
}

/// Anything that says which labels examples have: a model, a baseline, a file of predictions.
pub trait Predictor {
    /// A prediction for every example, in their order.
    ///
    /// # Errors
    /// [`EvalError::Predictor`] when the model fails.
    fn predict(&self, examples: &[Example]) -> Result<Vec<Prediction>, EvalError>;
}

/// Gold labels and predictions as one table.
///
/// # Errors
/// [`EvalError::Predictor`] when there are not as many predictions as examples, or a probability
/// is no number between 0 and 1.
pub fn outcomes(
    examples: &[Example],
    predictions: &[Prediction],
    labels: &LabelSet,
) -> Result<Outcomes, EvalError> {
    if examples.len() != predictions.len() {
        return Err(EvalError::Predictor(format!(
            "{} predictions for {} examples",
            predictions.len(),
            examples.len()
        )));
    }
    let mut table = Outcomes::new(labels.len());
    for (example, prediction) in examples.iter().zip(predictions) {
        let mut all = prediction.category.iter().chain(&prediction.denied);
        if let Some(bad) = all.find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(EvalError::Predictor(format!(
                "probability {bad} for example `{}` is not between 0 and 1",
                example.id
            )));
        }
        table.push(&example.labels, &prediction.category, &prediction.denied);
        table.decide_last(&prediction.labels);
    }
    Ok(table)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    labels: Vec<String>,
    categories: BTreeMap<String, f32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    denied: BTreeMap<String, f32>,
}

/// Writes one line an example.
///
/// # Errors
/// Those of the writer.
pub fn write(
    mut writer: impl Write,
    examples: &[Example],
    predictions: &[Prediction],
    labels: &LabelSet,
) -> std::io::Result<()> {
    let by_name = |values: &[f32]| -> BTreeMap<String, f32> {
        labels.names().map(str::to_owned).zip(values.iter().copied()).collect()
    };
    for (example, prediction) in examples.iter().zip(predictions) {
        let row = Row {
            id: example.id.clone(),
            labels: prediction.labels.iter().map(|&label| labels.format(label)).collect(),
            categories: by_name(&prediction.category),
            denied: if labels.has_stance() { by_name(&prediction.denied) } else { BTreeMap::new() },
        };
        serde_json::to_writer(&mut writer, &row)?;
        writer.write_all(b"\n")?;
    }
    writer.flush()
}

/// The label set that a file of predictions speaks of, by its first line.
///
/// fineprint's own set where the names are its names, else the names in alphabetical order.
///
/// # Errors
/// As [`StoredPredictions::read`]; [`EvalError::File`] when there is no line.
pub fn label_set(path: &std::path::Path) -> Result<LabelSet, EvalError> {
    let io = |source| EvalError::Io { path: path.to_owned(), source };
    let file = path.display().to_string();
    let reader = std::io::BufReader::new(std::fs::File::open(path).map_err(io)?);
    let mut first: Option<Row> = None;
    for_each_line(reader, &file, |_, text| {
        if first.is_none() {
            first = Some(serde_json::from_str(text).map_err(|error| describe(&error))?);
        }
        Ok(())
    })?;
    let row = first.ok_or_else(|| EvalError::file(&file, "no prediction in this file"))?;
    let names: Vec<&str> = row.categories.keys().map(String::as_str).collect();
    let has_stance = !row.denied.is_empty();
    let own = LabelSet::builtin();
    let is_own = has_stance
        && names.len() == own.len()
        && names.iter().all(|name| own.category(name).is_ok());
    if is_own {
        return Ok(own);
    }
    LabelSet::new(&names, has_stance).map_err(|e| EvalError::file(&file, e.to_string()))
}

/// A table as predictions again, for instance after cross-fitting.
pub fn from_outcomes(outcomes: &Outcomes, labels: &LabelSet) -> Vec<Prediction> {
    let rows = 0..outcomes.rows();
    rows.map(|row| Prediction {
        category: outcomes.category(row).to_vec(),
        denied: if labels.has_stance() { outcomes.denied(row).to_vec() } else { Vec::new() },
        labels: outcomes.decided_labels(row),
    })
    .collect()
}

/// Predictions read from a file, matched to examples by `id`.
///
/// Where an id occurs several times among the examples, its lines are taken in their order.
#[derive(Debug, Clone)]
pub struct StoredPredictions {
    file: String,
    rows: HashMap<String, VecDeque<Prediction>>,
}

impl StoredPredictions {
    /// Parses predictions; `file` names them in errors.
    ///
    /// # Errors
    /// [`EvalError::Line`] for a malformed line, an unknown label, or a value that is no
    /// probability.
    pub fn parse(reader: impl BufRead, file: &str, labels: &LabelSet) -> Result<Self, EvalError> {
        let mut rows: HashMap<String, VecDeque<Prediction>> = HashMap::new();
        for_each_line(reader, file, |_, text| {
            let row: Row = serde_json::from_str(text).map_err(|error| describe(&error))?;
            let decided = row.labels.iter().map(|name| labels.parse(name));
            let prediction = Prediction {
                labels: decided.collect::<Result<_, _>>().map_err(|e| e.to_string())?,
                category: dense(&row.categories, labels, "categories")?,
                denied: if labels.has_stance() {
                    dense(&row.denied, labels, "denied")?
                } else {
                    Vec::new()
                },
            };
            rows.entry(row.id).or_default().push_back(prediction);
            Ok(())
        })?;
        Ok(Self { file: file.to_owned(), rows })
    }

    /// Reads a file of predictions.
    ///
    /// # Errors
    /// [`EvalError::Io`], and those of [`StoredPredictions::parse`].
    pub fn read(path: &std::path::Path, labels: &LabelSet) -> Result<Self, EvalError> {
        let io = |source| EvalError::Io { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(io)?;
        Self::parse(std::io::BufReader::new(file), &path.display().to_string(), labels)
    }
}

impl Predictor for StoredPredictions {
    fn predict(&self, examples: &[Example]) -> Result<Vec<Prediction>, EvalError> {
        let mut used: HashMap<&str, usize> = HashMap::new();
        let found = examples.iter().map(|example| {
            let nth = used.entry(&example.id).or_default();
            let rows = self.rows.get(&example.id);
            // Lines of the same text say the same; the last serves for further occurrences.
            let row = rows.and_then(|rows| rows.get(*nth).or(rows.back()));
            *nth += 1;
            row.cloned().ok_or_else(|| {
                EvalError::file(&self.file, format!("no prediction for example `{}`", example.id))
            })
        });
        found.collect()
    }
}

/// Probabilities in the order of the label set; all names must be there.
fn dense(map: &BTreeMap<String, f32>, labels: &LabelSet, field: &str) -> Result<Vec<f32>, String> {
    for (name, p) in map {
        labels.category(name).map_err(|e| format!("`{field}`: {e}"))?;
        if !(0.0..=1.0).contains(p) {
            return Err(format!("`{field}`: {p} for `{name}` is not between 0 and 1"));
        }
    }
    let values = labels.names().map(|name| {
        map.get(name).copied().ok_or_else(|| format!("`{field}` has no probability for `{name}`"))
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Stance;

    fn set() -> LabelSet {
        LabelSet::new(&["retention", "tracking"], true).unwrap()
    }

    fn example(id: &str, labels: Vec<Label>) -> Example {
        Example { id: id.to_owned(), labels, ..Example::default() }
    }

    #[test]
    fn predictions_survive_a_round_trip() {
        let examples = [example("a", Vec::new()), example("b", Vec::new())];
        let rule = [Decision::default(), Decision { threshold: 0.2, stance_threshold: 0.9 }];
        let predictions = [
            Prediction::decided(vec![0.7, 0.3], vec![0.6, 0.8], &rule),
            Prediction::decided(vec![0.1, 1.0e-7], vec![0.0, 1.0], &rule),
        ];
        let mut bytes = Vec::new();
        write(&mut bytes, &examples, &predictions, &set()).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let first = r#"{"id":"a","labels":["!retention","tracking"],"categories":{"retention":0.7,"tracking":0.3},"denied":{"retention":0.6,"tracking":0.8}}"#;
        assert_eq!(text.lines().next(), Some(first));
        let stored = StoredPredictions::parse(text.as_bytes(), "p", &set()).unwrap();
        assert_eq!(stored.predict(&examples).unwrap(), predictions);
        let error = stored.predict(&[example("c", Vec::new())]).unwrap_err().to_string();
        assert_eq!(error, "p: no prediction for example `c`");
    }

    #[test]
    fn malformed_predictions_are_named() {
        for (line, reason) in [
            ("{}", "missing field `id`"),
            (r#"{"id":"a","labels":["retentio"],"categories":{}}"#, "did you mean `retention`?"),
            (
                r#"{"id":"a","labels":[],"categories":{"retention":0.5}}"#,
                "no probability for `tracking`",
            ),
            (
                r#"{"id":"a","labels":[],"categories":{"retention":1.5,"tracking":0}}"#,
                "not between 0 and 1",
            ),
            (r#"{"id":"a","labels":[],"categories":{"retention":null,"tracking":0}}"#, "null"),
        ] {
            let error = StoredPredictions::parse(line.as_bytes(), "p", &set()).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("p:1: ") && text.contains(reason), "{line}: {text}");
        }
    }

    #[test]
    fn outcomes_refuse_what_is_no_probability() {
        let gold = vec![Label { category: 0, stance: Stance::Denied }];
        let mut prediction = Prediction::decided(vec![0.7, 0.3], vec![0.6, 0.8], &[]);
        prediction.labels.clone_from(&gold);
        let table = outcomes(&[example("a", gold)], &[prediction.clone()], &set()).unwrap();
        assert!(table.is_exact(0));
        prediction.category[1] = f32::NAN;
        let error = outcomes(&[example("a", Vec::new())], &[prediction], &set()).unwrap_err();
        assert!(error.to_string().contains("NaN"), "{error}");
        assert!(outcomes(&[], &[Prediction::default()], &set()).is_err());
    }
}
