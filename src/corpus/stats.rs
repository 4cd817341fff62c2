//! What a corpus holds: sentences, labels by category and stance, sampling strata.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::standoff::Row;
use crate::eval::Example;
use crate::label::{Label, LabelSet, Stance};

/// Counts of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Sentences.
    pub sentences: usize,
    /// Of them, those without any label.
    pub without_label: usize,
    /// Labels.
    pub labels: usize,
    /// Different documents, or scenarios of authored clauses.
    pub documents: usize,
    /// Sentences that are list items with a lead-in.
    pub with_lead_in: usize,
    /// Sentences with a heading.
    pub with_heading: usize,
    /// Contrast pairs.
    pub pairs: usize,
    /// Sentences by sampling stratum, or by kind of authored clause; none where neither is known.
    pub strata: BTreeMap<String, usize>,
    /// Sentences that assert each category, in the order of the label set.
    pub asserted: Vec<usize>,
    /// Sentences that deny each category.
    pub denied: Vec<usize>,
}

impl Stats {
    /// Counts labelled sentences.
    pub fn of_examples(examples: &[Example], set: &LabelSet) -> Self {
        let mut stats = Self::new(set);
        for example in examples {
            stats.add(&example.labels, example.stratum());
            stats.with_lead_in += usize::from(!example.lead_in.is_empty());
            stats.with_heading += usize::from(!example.heading.is_empty());
        }
        stats.documents = examples.iter().map(Example::document).collect::<BTreeSet<_>>().len();
        let pairs = examples.iter().map(|example| &example.pair).filter(|pair| !pair.is_empty());
        stats.pairs = pairs.collect::<BTreeSet<_>>().len();
        stats
    }

    /// Counts labelled sentences without text.
    pub fn of_rows(rows: &[Row], set: &LabelSet) -> Self {
        let mut stats = Self::new(set);
        for row in rows {
            stats.add(&row.labels, row.sampled.split(':').next().unwrap_or_default());
            stats.with_lead_in += usize::from(row.lead_in.is_some());
            stats.with_heading += usize::from(row.heading.is_some());
        }
        stats.documents = rows.iter().map(|row| row.source).collect::<BTreeSet<_>>().len();
        stats
    }

    fn new(set: &LabelSet) -> Self {
        Self { asserted: vec![0; set.len()], denied: vec![0; set.len()], ..Self::default() }
    }

    fn add(&mut self, labels: &[Label], stratum: &str) {
        self.sentences += 1;
        self.without_label += usize::from(labels.is_empty());
        self.labels += labels.len();
        if !stratum.is_empty() {
            *self.strata.entry(stratum.to_owned()).or_default() += 1;
        }
        for label in labels {
            let counts = match label.stance {
                Stance::Asserted => &mut self.asserted,
                Stance::Denied => &mut self.denied,
            };
            if let Some(count) = counts.get_mut(label.category) {
                *count += 1;
            }
        }
    }
}

/// A Markdown table of several files side by side: totals, strata, and a row for each category
/// with how often it is asserted and denied.
pub fn table(files: &[(String, Stats)], set: &LabelSet) -> String {
    let strata: BTreeSet<&String> =
        files.iter().flat_map(|(_, stats)| stats.strata.keys()).collect();
    let names = files.iter().map(|(name, _)| name.clone());
    let mut rows: Vec<Vec<String>> = vec![std::iter::once(String::new()).chain(names).collect()];
    let mut row = |title: &str, value: &dyn Fn(&Stats) -> String| {
        let values = files.iter().map(|(_, stats)| value(stats));
        rows.push(std::iter::once(title.to_owned()).chain(values).collect());
    };
    row("sentences", &|stats| stats.sentences.to_string());
    row("without a label", &|stats| stats.without_label.to_string());
    row("labels", &|stats| stats.labels.to_string());
    row("documents or scenarios", &|stats| stats.documents.to_string());
    row("with a heading", &|stats| stats.with_heading.to_string());
    row("with a lead-in", &|stats| stats.with_lead_in.to_string());
    row("contrast pairs", &|stats| stats.pairs.to_string());
    for stratum in strata {
        row(&format!("sampled: {stratum}"), &|stats| {
            stats.strata.get(stratum).copied().unwrap_or_default().to_string()
        });
    }
    for (category, name) in set.names().enumerate() {
        let count = |counts: &[usize]| counts.get(category).copied().unwrap_or_default();
        row(name, &|stats| {
            if set.has_stance() {
                format!("{} / {}", count(&stats.asserted), count(&stats.denied))
            } else {
                count(&stats.asserted).to_string()
            }
        });
    }
    markdown(&rows)
}

/// Rows as an aligned Markdown table whose first row is the header.
fn markdown(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| Some(row.get(column)?.chars().count()))
                .max()
                .unwrap_or(0)
                .max(3)
        })
        .collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(&format!("| {} |\n", cells.collect::<Vec<_>>().join(" | ")));
        if number == 0 {
            let rules = widths.iter().enumerate().map(|(column, &width)| {
                if column == 0 { "-".repeat(width) } else { format!("{}:", "-".repeat(width - 1)) }
            });
            text.push_str(&format!("| {} |\n", rules.collect::<Vec<_>>().join(" | ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_counted_by_stance() {
        let set = LabelSet::new(&["data-sale", "retention"], true).unwrap();
        let label = |name: &str| set.parse(name).unwrap();
        let example = |labels: &[&str], pair: &str, scenario: &str| Example {
            labels: labels.iter().map(|name| label(name)).collect(),
            pair: pair.to_owned(),
            scenario: scenario.to_owned(),
            kind: if pair.is_empty() { "plain".to_owned() } else { "pair".to_owned() },
            ..Example::default()
        };
        let examples = [
            example(&["data-sale", "!retention"], "p", "s"),
            example(&["!data-sale"], "p", "s"),
            example(&[], "", "t"),
        ];
        let stats = Stats::of_examples(&examples, &set);
        assert_eq!((stats.sentences, stats.without_label, stats.labels), (3, 1, 3));
        assert_eq!((stats.documents, stats.pairs), (2, 1));
        assert_eq!(
            (stats.asserted.as_slice(), stats.denied.as_slice()),
            (&[1, 0][..], &[1, 1][..])
        );
        let table = table(&[("a.jsonl".to_owned(), stats)], &set);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "|                        | a.jsonl |");
        assert_eq!(lines[1], "| ---------------------- | ------: |");
        assert_eq!(lines[9], "| sampled: pair          |       2 |");
        assert_eq!(lines[11], "| data-sale              |   1 / 1 |");
        assert_eq!(lines.len(), 13);
    }
}
