//! What a benchmark gave, beside what was published: one table as text or Markdown, all as JSON.

use serde::Serialize;

use super::data::Data;
use super::figures::{Figures, Spread, Tally, f1};
use super::published::{self, Convention, Published};
use super::{RunResult, System};
use crate::eval::tally::Counts;

/// A column's head, and which of the scores it shows.
type Column = (&'static str, fn(&Figures) -> f64);

const COLUMNS: [Column; 5] = [
    ("micro-F1", |f| f.micro_f1),
    ("macro-F1", |f| f.macro_f1),
    ("micro+none", |f| f.micro_f1_with_none),
    ("macro+none", |f| f.macro_f1_with_none),
    ("any label", |f| f.any_f1),
];

/// All that is reported.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    schema: &'static str,
    benchmark: &'static str,
    title: &'static str,
    labels: Vec<String>,
    splits: Vec<SplitSize>,
    notes: Vec<String>,
    systems: Vec<Measured>,
    published: Vec<&'static Published>,
    sources: Vec<(String, &'static str)>,
}

#[derive(Debug, Clone, Serialize)]
struct SplitSize {
    name: String,
    train: usize,
    validation: usize,
    test: usize,
}

/// A system with one way of deciding.
#[derive(Debug, Clone, Serialize)]
struct Measured {
    system: System,
    /// The initial model, for an encoder.
    init: String,
    /// `0.5` or `tuned`.
    threshold: &'static str,
    /// The seeds, and the test figures of each over all splits together.
    seeds: Vec<SeedFigures>,
    /// In the order of [`COLUMNS`].
    mean: Vec<Spread>,
    /// The seed with the best validation macro-F1.
    best: Option<SeedFigures>,
    /// Test figures by fold, over seeds.
    folds: Vec<FoldFigures>,
    /// Mean over folds of the mean over seeds, with the deviation between folds.
    mean_of_folds: Vec<Spread>,
    /// By category, of the best seed.
    classes: Vec<ClassFigures>,
    /// Seconds of training or fitting, all seeds and splits together.
    seconds: f64,
}

#[derive(Debug, Clone, Serialize)]
struct SeedFigures {
    seed: u64,
    validation_macro_f1: Option<f64>,
    figures: Figures,
}

#[derive(Debug, Clone, Serialize)]
struct FoldFigures {
    fold: String,
    figures: Vec<Spread>,
}

#[derive(Debug, Clone, Serialize)]
struct ClassFigures {
    label: String,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: f64,
    support: u64,
}

impl Report {
    /// Puts finished runs together; those of the split `all` are tested on nothing and left out.
    pub fn new(data: &Data, results: &[RunResult]) -> Self {
        let labels: Vec<String> = data.labels.names().map(str::to_owned).collect();
        let mut notes = data.notes.clone();
        let tested: Vec<&str> =
            data.splits.iter().filter(|s| !s.test.is_empty()).map(|s| s.name.as_str()).collect();
        let mut systems = Vec::new();
        for system in [System::Encoder, System::TfIdf] {
            let runs: Vec<&RunResult> = results
                .iter()
                .filter(|r| r.system == system && tested.contains(&r.split.as_str()))
                .collect();
            let runs = complete(&runs, tested.len(), &mut notes);
            if !runs.is_empty() {
                systems.push(Measured::new(system, "0.5", &runs, &labels, |r| &r.fixed));
                systems.push(Measured::new(system, "tuned", &runs, &labels, |r| &r.tuned));
            }
        }
        let published = published::of(data.benchmark);
        let mut sources: Vec<(String, &'static str)> = Vec::new();
        for figure in &published {
            if !sources.iter().any(|(key, _)| *key == figure.source) {
                sources.push((figure.source.clone(), published::source(&figure.source)));
            }
        }
        Self {
            schema: "fineprint-benchmark/1",
            benchmark: data.benchmark.as_str(),
            title: data.benchmark.title(),
            labels,
            splits: data
                .splits
                .iter()
                .map(|s| SplitSize {
                    name: s.name.clone(),
                    train: s.train.len(),
                    validation: s.validation.len(),
                    test: s.test.len(),
                })
                .collect(),
            notes,
            systems,
            published,
            sources,
        }
    }

    /// Indented JSON.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Tables for a terminal.
    pub fn to_text(&self) -> String {
        self.show(&columns)
    }

    /// Tables in Markdown.
    pub fn to_markdown(&self) -> String {
        self.show(&pipes)
    }

    fn show(&self, table: &dyn Fn(&[Vec<String>]) -> String) -> String {
        let mut text = format!("{}, {} labels\n", self.title, self.labels.len());
        for split in &self.splits {
            let name =
                if split.name.is_empty() { String::new() } else { format!("{}: ", split.name) };
            text.push_str(&format!(
                "{name}{} texts to learn from, {} to validate on, {} to test\n",
                split.train, split.validation, split.test
            ));
        }
        for note in &self.notes {
            text.push_str(&format!("note: {note}\n"));
        }
        text.push_str("\nF1 in percent; `+none` counts texts without a label as a class too\n\n");
        text.push_str(&table(&self.summary()));
        for (number, (_, source)) in self.sources.iter().enumerate() {
            text.push_str(&format!("\n[{}] {source}", number + 1));
        }
        if self.sources.is_empty() {
            text.push_str("\nNo published figures on this edition of the data are known here.");
        }
        text.push('\n');
        if let Some(folds) = self.folds() {
            text.push_str("\nBy fold, thresholds tuned\n\n");
            text.push_str(&table(&folds));
        }
        if let Some(classes) = self.classes() {
            let tuned = self.systems.iter().find(|m| m.threshold == "tuned");
            let seed = match tuned.and_then(|m| m.best.as_ref()) {
                Some(best) if best.seed > 0 => format!(", seed {}", best.seed),
                _ => String::new(),
            };
            text.push_str(&format!("\nBy label, thresholds tuned{seed}, in percent\n\n"));
            text.push_str(&table(&classes));
        }
        text
    }

    fn summary(&self) -> Vec<Vec<String>> {
        let mut rows = vec![
            std::iter::once("system".to_owned())
                .chain(COLUMNS.iter().map(|(name, _)| (*name).to_owned()))
                .collect::<Vec<_>>(),
        ];
        for measured in &self.systems {
            let seeds = measured.seeds.len();
            let mut name = format!("{}, {}", measured.name(), measured.rule());
            if measured.folds.len() > 1 {
                name.push_str(", folds together");
            }
            if seeds > 1 {
                name.push_str(&format!(", mean of {seeds} seeds"));
            }
            rows.push(row(name, measured.mean.iter().map(|s| percent(s.mean, s.sd))));
            if let Some(best) = measured.best.as_ref().filter(|_| seeds > 1) {
                let name = format!(
                    "{}, {}, seed {} (best in validation)",
                    measured.name(),
                    measured.rule(),
                    best.seed
                );
                let values = COLUMNS.iter().map(|(_, get)| percent(get(&best.figures), None));
                rows.push(row(name, values));
            }
            if measured.folds.len() > 1 {
                let name = format!("{}, {}, mean over folds", measured.name(), measured.rule());
                rows.push(row(name, measured.mean_of_folds.iter().map(|s| percent(s.mean, s.sd))));
            }
        }
        for figure in &self.published {
            let number = self.sources.iter().position(|(key, _)| *key == figure.source);
            let name = format!("{} [{}]", figure.system, number.map_or(0, |n| n + 1));
            let micro = figure.micro_f1.map(|v| hundredth(v, figure.micro_sd));
            let macro_f1 = figure.macro_f1.map(|v| hundredth(v, figure.macro_sd));
            let mut values = vec![None; COLUMNS.len()];
            match figure.convention {
                Convention::Categories => (values[0], values[1]) = (micro, macro_f1),
                Convention::WithNone => (values[2], values[3]) = (micro, macro_f1),
                Convention::Any => values[4] = micro,
            }
            rows.push(row(name, values.into_iter().map(|v| v.unwrap_or_else(|| "-".to_owned()))));
        }
        rows
    }

    fn folds(&self) -> Option<Vec<Vec<String>>> {
        let tuned: Vec<&Measured> =
            self.systems.iter().filter(|m| m.threshold == "tuned" && m.folds.len() > 1).collect();
        let first = tuned.first()?;
        let mut rows = vec![vec!["fold".to_owned()]];
        for measured in &tuned {
            for (name, _) in [COLUMNS[1], COLUMNS[4]] {
                rows[0].push(format!("{} {name}", measured.name()));
            }
        }
        for fold in &first.folds {
            let mut cells = vec![fold.fold.clone()];
            for measured in &tuned {
                let own = measured.folds.iter().find(|f| f.fold == fold.fold);
                for column in [1, 4] {
                    let value = own.map(|f| percent(f.figures[column].mean, f.figures[column].sd));
                    cells.push(value.unwrap_or_else(|| "-".to_owned()));
                }
            }
            rows.push(cells);
        }
        Some(rows)
    }

    fn classes(&self) -> Option<Vec<Vec<String>>> {
        let measured = self.systems.iter().find(|m| m.threshold == "tuned")?;
        let header = ["label", "precision", "recall", "F1", "texts"];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        for class in &measured.classes {
            let share = |value: Option<f64>| {
                value.map_or_else(|| "-".to_owned(), |value| percent(value, None))
            };
            rows.push(vec![
                class.label.clone(),
                share(class.precision),
                share(class.recall),
                percent(class.f1, None),
                class.support.to_string(),
            ]);
        }
        Some(rows)
    }
}

/// The runs of the seeds that have all splits; if none has, all of them, with a note.
fn complete<'a>(
    runs: &[&'a RunResult],
    splits: usize,
    notes: &mut Vec<String>,
) -> Vec<&'a RunResult> {
    let of = |seed: u64| runs.iter().filter(|r| r.seed == seed).count();
    for seed in seeds(runs) {
        if of(seed) < splits {
            notes.push(format!("seed {seed}: {} of {splits} splits are finished", of(seed)));
        }
    }
    let whole: Vec<&RunResult> = runs.iter().copied().filter(|r| of(r.seed) == splits).collect();
    if whole.is_empty() { runs.to_vec() } else { whole }
}

fn seeds(runs: &[&RunResult]) -> Vec<u64> {
    let mut seeds: Vec<u64> = runs.iter().map(|r| r.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    seeds
}

impl Measured {
    fn new(
        system: System,
        threshold: &'static str,
        runs: &[&RunResult],
        labels: &[String],
        tally: impl Fn(&RunResult) -> &Tally,
    ) -> Self {
        let mut per_seed: Vec<(SeedFigures, Tally)> = Vec::new();
        for seed in seeds(runs) {
            let mut sum = Tally::default();
            let mut validation = Vec::new();
            for run in runs.iter().filter(|r| r.seed == seed) {
                sum.add(tally(run));
                validation.extend(run.validation.as_ref().map(|v| v.macro_f1));
            }
            let validation_macro_f1 =
                (!validation.is_empty()).then(|| Spread::of(&validation).mean);
            let figures = sum.figures();
            per_seed.push((SeedFigures { seed, validation_macro_f1, figures }, sum));
        }
        let spreads = |all: &[Figures]| -> Vec<Spread> {
            let column = |get: fn(&Figures) -> f64| -> Vec<f64> { all.iter().map(get).collect() };
            COLUMNS.iter().map(|(_, get)| Spread::of(&column(*get))).collect()
        };
        let mut names: Vec<&str> = runs.iter().map(|r| r.split.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let folds: Vec<FoldFigures> = names
            .iter()
            .map(|fold| {
                let of_fold = runs.iter().filter(|r| r.split == *fold);
                let all: Vec<Figures> = of_fold.map(|r| tally(r).figures()).collect();
                FoldFigures { fold: (*fold).to_owned(), figures: spreads(&all) }
            })
            .collect();
        let mean_of_folds = (0..COLUMNS.len())
            .map(|c| Spread::of(&folds.iter().map(|f| f.figures[c].mean).collect::<Vec<_>>()))
            .collect();
        let score = |s: &SeedFigures| s.validation_macro_f1.unwrap_or(0.0);
        let best = per_seed
            .iter()
            .reduce(|best, next| if score(&next.0) > score(&best.0) { next } else { best });
        let classes = best.map_or_else(Vec::new, |(_, tally)| classes(tally, labels));
        Self {
            system,
            init: runs.first().map_or_else(String::new, |r| r.init.clone()),
            threshold,
            mean: spreads(&per_seed.iter().map(|(s, _)| s.figures).collect::<Vec<_>>()),
            best: best.map(|(s, _)| s.clone()),
            seeds: per_seed.iter().map(|(s, _)| s.clone()).collect(),
            folds,
            mean_of_folds,
            classes,
            seconds: runs.iter().map(|r| r.seconds).sum(),
        }
    }

    fn name(&self) -> &'static str {
        match self.system {
            System::Encoder => "fineprint",
            System::TfIdf => "TF-IDF",
        }
    }

    fn rule(&self) -> &'static str {
        if self.threshold == "tuned" { "thresholds tuned" } else { "thresholds 0.5" }
    }
}

fn classes(tally: &Tally, labels: &[String]) -> Vec<ClassFigures> {
    let of = |label: &str, counts: Counts| ClassFigures {
        label: label.to_owned(),
        precision: counts.precision(),
        recall: counts.recall(),
        f1: f1(counts),
        support: counts.support(),
    };
    let mut rows: Vec<ClassFigures> =
        labels.iter().zip(&tally.classes).map(|(label, counts)| of(label, *counts)).collect();
    rows.push(of("(any label)", tally.any));
    rows.push(of("(none)", tally.none));
    rows
}

fn row(name: String, values: impl Iterator<Item = String>) -> Vec<String> {
    std::iter::once(name).chain(values).collect()
}

/// A share as a percentage, with its deviation.
fn percent(value: f64, sd: Option<f64>) -> String {
    hundredth(100.0 * value, sd.map(|sd| 100.0 * sd))
}

fn hundredth(value: f64, sd: Option<f64>) -> String {
    match sd {
        Some(sd) => format!("{value:.1} ±{sd:.1}"),
        None => format!("{value:.1}"),
    }
}

/// Columns padded with spaces: the first to the left, the others to the right.
fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            if column == 0 {
                text.push_str(&format!("{cell:<width$}"));
            } else {
                text.push_str(&format!("  {cell:>width$}"));
            }
        }
        text.push('\n');
    }
    text
}

/// A Markdown table.
fn pipes(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
        if number == 0 {
            text.push_str(&format!("|---|{}\n", "---:|".repeat(row.len().saturating_sub(1))));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned() {
        let rows = [
            vec!["system".to_owned(), "F1".to_owned()],
            vec!["a".to_owned(), percent(0.8214, Some(0.005))],
        ];
        assert_eq!(columns(&rows), "system         F1\na       82.1 ±0.5\n");
        assert_eq!(pipes(&rows), "| system | F1 |\n|---|---:|\n| a | 82.1 ±0.5 |\n");
    }
}
