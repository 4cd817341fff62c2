//! The report of an evaluation: one record, and its views as text, JSON, CSV and HTML.
//!
//! [`Report`] holds every figure of every system; the views only lay it out. Nothing here writes
//! to a file or a terminal.

mod csv;
mod html;
mod svg;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use super::bootstrap::{self, Bootstrap, Difference, Intervals};
use super::calibration;
use super::metrics::{self, Metrics, StanceConfusion};
use super::ranking::{self, CurvePoint};
use super::tally::Tally;
use super::{Example, Outcomes};
use crate::label::LabelSet;

/// An evaluation of one or several systems on one file.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Version of this record: 1.
    pub format: u32,
    /// Version of fineprint that made it.
    pub fineprint: &'static str,
    /// The file of examples.
    pub file: String,
    /// Number of examples.
    pub examples: usize,
    /// The systems, the one in question first.
    pub systems: Vec<System>,
    /// The first system against each of the others, on the same resamples.
    pub comparisons: Vec<Comparison>,
}

/// The figures of one system.
#[derive(Debug, Clone, Serialize)]
pub struct System {
    /// What the report calls it.
    pub name: String,
    /// Where its decisions come from.
    pub thresholds: String,
    /// All figures.
    pub metrics: Metrics,
    /// 95% intervals by bootstrap over documents.
    pub intervals: Intervals,
    /// Figures by sampling stratum; empty when the file names none.
    pub strata: Vec<Stratum>,
    /// Contrast pairs; absent when the file has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Pairs>,
    /// The examples that surprised it most.
    pub worst: Vec<Miss>,
    /// Precision-recall curves, all categories pooled first; in the HTML view only.
    #[serde(skip)]
    pub curves: Vec<(String, Vec<CurvePoint>)>,
}

/// Figures of one sampling stratum.
#[derive(Debug, Clone, Serialize)]
pub struct Stratum {
    /// Name of the stratum.
    pub name: String,
    /// Number of examples.
    pub examples: usize,
    /// Micro-F1 over categories.
    pub micro_f1: Option<f64>,
    /// Macro-F1 over categories.
    pub macro_f1: Option<f64>,
    /// Micro-F1 over labels with stance.
    pub label_micro_f1: Option<f64>,
    /// Share of examples with exactly the gold labels, stance included.
    pub exact_match: Option<f64>,
    /// Expected calibration error of P(category).
    pub ece: Option<f64>,
    /// Asserted read as denied and the reverse.
    pub stance: StanceConfusion,
}

/// How many contrast pairs have all members right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pairs {
    /// Number of pairs with at least two members in the file.
    pub pairs: usize,
    /// Pairs whose members are all right in the categories in which they differ: found or not,
    /// and with which stance. This is what the pair was written to test.
    pub contrast: usize,
    /// Pairs where every member has exactly its gold labels, shared ones included.
    pub exact: usize,
}

/// An example with a wrong decision.
#[derive(Debug, Clone, Serialize)]
pub struct Miss {
    /// Identifier of the example.
    pub id: String,
    /// The document that it stands in.
    pub document: String,
    /// The sentence.
    pub text: String,
    /// Its lead-in; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lead_in: String,
    /// The gold labels that were missed.
    pub missed: Vec<String>,
    /// The labels found that are not gold.
    pub wrong: Vec<String>,
    /// Negative log-likelihood of the gold cells that were decided wrongly, in nats.
    pub surprise: f64,
}

/// A paired bootstrap test between two systems.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The first system.
    pub ours: String,
    /// The second system.
    pub theirs: String,
    /// By figure.
    pub differences: Vec<Difference>,
}

/// What goes into a report.
#[derive(Debug)]
pub struct Entry {
    /// What the report calls the system.
    pub name: String,
    /// Where its decisions come from.
    pub thresholds: String,
    /// Gold labels and predictions.
    pub outcomes: Outcomes,
}

/// How a report is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
    /// How many of the worst errors are shown.
    pub worst: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { bootstrap: Bootstrap::default(), worst: 20 }
    }
}

impl Report {
    /// Measures systems on the same examples; the first is compared with each of the others.
    pub fn new(
        file: &str,
        examples: &[Example],
        labels: &LabelSet,
        entries: &[Entry],
        options: Options,
    ) -> Self {
        let systems = entries.iter().map(|entry| measure(entry, examples, labels, options));
        let comparisons = match entries.split_first() {
            Some((first, others)) => others
                .iter()
                .map(|other| Comparison {
                    ours: first.name.clone(),
                    theirs: other.name.clone(),
                    differences: bootstrap::compare(
                        examples,
                        &first.outcomes,
                        &other.outcomes,
                        options.bootstrap,
                    ),
                })
                .collect(),
            None => Vec::new(),
        };
        Self {
            format: 1,
            fineprint: env!("CARGO_PKG_VERSION"),
            file: file.to_owned(),
            examples: examples.len(),
            systems: systems.collect(),
            comparisons,
        }
    }

    /// The record as indented JSON.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// One row for each figure: system, scope, name, figure, value, low, high.
    pub fn to_csv(&self) -> String {
        csv::render(self)
    }

    /// Tables for a terminal.
    pub fn to_text(&self) -> String {
        text::render(self)
    }

    /// One self-contained page with plots, readable without scripts and in dark mode.
    pub fn to_html(&self) -> String {
        html::render(self)
    }
}

fn measure(entry: &Entry, examples: &[Example], labels: &LabelSet, options: Options) -> System {
    let outcomes = &entry.outcomes;
    System {
        name: entry.name.clone(),
        thresholds: entry.thresholds.clone(),
        metrics: metrics::measure(outcomes, labels),
        intervals: bootstrap::intervals(examples, outcomes, options.bootstrap),
        strata: strata(examples, outcomes),
        pairs: pairs(examples, outcomes),
        worst: worst(examples, outcomes, labels, options.worst),
        curves: curves(outcomes, labels),
    }
}

fn strata(examples: &[Example], outcomes: &Outcomes) -> Vec<Stratum> {
    let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, example) in examples.iter().enumerate().take(outcomes.rows()) {
        rows.entry(example.stratum()).or_default().push(row);
    }
    if rows.keys().all(|name| name.is_empty()) {
        return Vec::new();
    }
    let measured = rows.into_iter().map(|(name, rows)| {
        let part = outcomes.select(&rows);
        let tally = Tally::of(&part);
        Stratum {
            name: if name.is_empty() { "(none)".to_owned() } else { name.to_owned() },
            examples: rows.len(),
            micro_f1: tally.over_categories().micro.f1,
            macro_f1: tally.over_categories().macro_f1,
            label_micro_f1: tally.over_labels().micro.f1,
            exact_match: tally.over_labels().exact_match,
            ece: calibration::of_categories(&part).ece,
            stance: tally.stance().confusion(),
        }
    });
    measured.collect()
}

fn pairs(examples: &[Example], outcomes: &Outcomes) -> Option<Pairs> {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, example) in examples.iter().enumerate().take(outcomes.rows()) {
        if !example.pair.is_empty() {
            members.entry(&example.pair).or_default().push(row);
        }
    }
    let whole = members.values().filter(|rows| rows.len() >= 2);
    let right = |rows: &[usize], column: usize| {
        rows.iter().all(|&row| outcomes.gold(row)[column] == outcomes.decided(row)[column])
    };
    let differ = |rows: &[usize], column: usize| {
        rows.windows(2).any(|w| outcomes.gold(w[0])[column] != outcomes.gold(w[1])[column])
    };
    let contrast = |rows: &&Vec<usize>| {
        (0..outcomes.columns()).all(|column| !differ(rows, column) || right(rows, column))
    };
    let exact = |rows: &&Vec<usize>| rows.iter().all(|&row| outcomes.is_exact(row));
    let pairs = Pairs {
        pairs: whole.clone().count(),
        contrast: whole.clone().filter(contrast).count(),
        exact: whole.filter(exact).count(),
    };
    (pairs.pairs > 0).then_some(pairs)
}

fn worst(examples: &[Example], outcomes: &Outcomes, labels: &LabelSet, count: usize) -> Vec<Miss> {
    let nats = |p: f64| -p.clamp(1e-7, 1.0).ln();
    let surprise = |row: usize| -> f64 {
        let cells = outcomes.gold(row).iter().zip(outcomes.decided(row)).enumerate();
        let wrong = cells.filter(|(_, (gold, decided))| gold != decided);
        wrong
            .map(|(column, (gold, _))| match gold {
                Some(stance) => nats(outcomes.joint(row, column, *stance)),
                None => nats(1.0 - f64::from(outcomes.category(row)[column])),
            })
            .sum()
    };
    let wrong = (0..outcomes.rows()).filter(|&row| !outcomes.is_exact(row));
    let mut ranked: Vec<(f64, usize)> = wrong.map(|row| (surprise(row), row)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let shown = ranked.into_iter().take(count).filter_map(|(surprise, row)| {
        let example = examples.get(row)?;
        let (gold, decided) = (outcomes.gold_labels(row), outcomes.decided_labels(row));
        let missed = gold.iter().filter(|label| !decided.contains(label));
        let wrong = decided.iter().filter(|label| !gold.contains(label));
        Some(Miss {
            id: example.id.clone(),
            document: example.document(),
            text: example.text.clone(),
            lead_in: example.lead_in.clone(),
            missed: missed.map(|&label| labels.format(label)).collect(),
            wrong: wrong.map(|&label| labels.format(label)).collect(),
            surprise,
        })
    });
    shown.collect()
}

fn curves(outcomes: &Outcomes, labels: &LabelSet) -> Vec<(String, Vec<CurvePoint>)> {
    let cells = |column: usize| {
        let column = outcomes.column(column);
        column.map(|(gold, p)| (f64::from(p), gold.is_some()))
    };
    let pooled = ranking::curve((0..outcomes.columns()).flat_map(cells));
    let each = labels.names().enumerate().take(outcomes.columns());
    let each = each.map(|(column, name)| (name.to_owned(), ranking::curve(cells(column))));
    std::iter::once(("all categories pooled".to_owned(), pooled)).chain(each).collect()
}

/// A figure with three decimals, or a dash.
fn decimal(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

/// A share as a percentage with one decimal, or a dash.
fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{:.1}%", 100.0 * value))
}

/// Text on one line, cut at a number of characters.
fn cut(text: &str, characters: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::{Label, Stance};

    pub(super) fn sample() -> Report {
        let set = LabelSet::builtin();
        let mut examples = Vec::new();
        let mut ours = Outcomes::new(set.len());
        let mut theirs = Outcomes::new(set.len());
        for i in 0..60_usize {
            let category = i % 3;
            let stance = if i % 4 == 0 { Stance::Denied } else { Stance::Asserted };
            let labels = vec![Label { category, stance }];
            let mut p = vec![0.02; set.len()];
            p[category] = if i % 10 == 0 { 0.3 } else { 0.9 };
            let mut q = p.clone();
            q[(i + 1) % 3] = 0.6;
            let denied = vec![if stance == Stance::Denied { 0.8 } else { 0.1 }; set.len()];
            ours.push(&labels, &p, &denied);
            theirs.push(&labels, &q, &denied);
            examples.push(Example {
                id: format!("e{i}"),
                text: format!("Sentence <{i}> & \"more\""),
                labels,
                sampled: if i % 2 == 0 { "random".to_owned() } else { "kw:x".to_owned() },
                scenario: format!("s{}", i / 5),
                pair: if i < 20 { format!("p{}", i / 2) } else { String::new() },
                ..Example::default()
            });
        }
        let entry = |name: &str, outcomes| Entry {
            name: name.to_owned(),
            thresholds: "0.5".to_owned(),
            outcomes,
        };
        let entries = [entry("model", ours), entry("rules <1>", theirs)];
        let bootstrap = Bootstrap { resamples: 50, seed: 1 };
        Report::new("dev.jsonl", &examples, &set, &entries, Options { bootstrap, worst: 3 })
    }

    #[test]
    fn the_record_holds_every_figure() {
        let report = sample();
        let model = &report.systems[0];
        assert_eq!(
            model.strata.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
            ["kw", "random"]
        );
        // Examples 0 and 10 are missed: pairs 0 and 5 are broken.
        assert_eq!(model.pairs, Some(Pairs { pairs: 10, contrast: 8, exact: 8 }));
        // The rules find a category too many everywhere: every third pair is about it on both
        // sides or differs in it.
        let rules = report.systems[1].pairs.unwrap();
        assert!(rules.exact < rules.contrast || rules.contrast == 0, "{rules:?}");
        assert_eq!(model.worst.len(), 3);
        assert!(model.worst[0].surprise >= model.worst[2].surprise);
        assert_eq!(model.worst[0].wrong, [""; 0]);
        assert_eq!(model.curves.len(), 22);
        assert_eq!(report.comparisons.len(), 1);
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["systems"][0]["metrics"]["examples"], 60);
        assert_eq!(json["systems"][0]["intervals"]["documents"], 12);
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(cut("a  b\nc", 9), "a b c");
        assert_eq!(cut("äöü ß", 3), "äöü…");
        assert_eq!(decimal(None), "–");
        assert_eq!(percent(Some(0.0254)), "2.5%");
    }
}
