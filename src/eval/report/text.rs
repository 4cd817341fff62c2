//! The terminal view: aligned tables in plain text.

use std::fmt::Write;

use super::{Comparison, Report, System, cut, decimal, percent};
use crate::eval::bootstrap::{Figure, Interval};

/// Cells of a table; the first column is left-aligned, the others right-aligned.
struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn write_to(&self, out: &mut String) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width - cell.chars().count());
                if column == 0 {
                    line.push_str(cell);
                    line.push_str(&padding);
                } else {
                    line.push_str("  ");
                    line.push_str(&padding);
                    line.push_str(cell);
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
}

pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    let documents = report.systems.first().map_or(0, |system| system.intervals.documents);
    let resamples = report.systems.first().map_or(0, |system| system.intervals.resamples);
    let _ = writeln!(
        out,
        "{}: {} examples of {documents} documents; 95% intervals by {resamples} resamples of \
         documents\n",
        report.file, report.examples
    );
    overview(&mut out, report);
    for comparison in &report.comparisons {
        compare(&mut out, comparison);
    }
    if let Some(system) = report.systems.first() {
        categories(&mut out, system);
        strata(&mut out, system);
        reliability(&mut out, system);
        worst(&mut out, system);
    }
    out
}

fn interval(value: Option<Interval>) -> String {
    value
        .map_or_else(|| "–".to_owned(), |i| format!("{:.3} [{:.3}, {:.3}]", i.value, i.low, i.high))
}

fn overview(out: &mut String, report: &Report) {
    let mut header = vec!["figure"];
    header.extend(report.systems.iter().map(|system| system.name.as_str()));
    let mut table = Table::new(&header);
    let systems = || report.systems.iter();
    table.row(
        std::iter::once("thresholds".to_owned()).chain(systems().map(|s| s.thresholds.clone())),
    );
    for figure in Figure::ALL {
        let of = |system: &System| {
            let found = system.intervals.figures.iter().find(|(f, _)| *f == figure);
            interval(found.and_then(|(_, interval)| *interval))
        };
        table.row(std::iter::once(figure.title().to_owned()).chain(systems().map(of)));
    }
    let mut plain = |title: &str, of: &dyn Fn(&System) -> String| {
        table.row(std::iter::once(title.to_owned()).chain(systems().map(of)));
    };
    plain("mean average precision", &|s| decimal(s.metrics.mean_average_precision));
    plain("calibration error where p ≥ 0.1", &|s| decimal(s.metrics.stated_calibration.ece));
    plain("precision, categories", &|s| decimal(s.metrics.categories.micro.precision));
    plain("recall, categories", &|s| decimal(s.metrics.categories.micro.recall));
    plain("exact match, categories", &|s| decimal(s.metrics.categories.exact_match));
    plain("Hamming loss, categories", &|s| decimal(s.metrics.categories.hamming_loss));
    plain("Hamming loss, with stance", &|s| decimal(s.metrics.labels.hamming_loss));
    plain("asserted read as denied", &|s| {
        let c = &s.metrics.stance;
        let rate = percent(c.asserted_read_denied_rate);
        format!("{} of {} ({rate})", c.asserted_read_denied, c.asserted)
    });
    plain("denied read as asserted", &|s| {
        let c = &s.metrics.stance;
        let rate = percent(c.denied_read_asserted_rate);
        format!("{} of {} ({rate})", c.denied_read_asserted, c.denied)
    });
    if systems().any(|s| s.pairs.is_some()) {
        let share = |count: usize, of: usize| {
            let rate = percent(Some(count as f64 / of as f64));
            format!("{count} of {of} ({rate})")
        };
        plain("contrast pairs right", &|s| {
            s.pairs.map_or_else(|| "–".to_owned(), |p| share(p.contrast, p.pairs))
        });
        plain("contrast pairs, all labels exact", &|s| {
            s.pairs.map_or_else(|| "–".to_owned(), |p| share(p.exact, p.pairs))
        });
    }
    table.write_to(out);
}

fn compare(out: &mut String, comparison: &Comparison) {
    let title = format!("{} minus {}", comparison.ours, comparison.theirs);
    let mut table = Table::new(&[&title, "difference", "95% interval", "p"]);
    for d in &comparison.differences {
        table.row([
            d.figure.title().to_owned(),
            format!("{:+.3}", d.difference.value),
            format!("[{:+.3}, {:+.3}]", d.difference.low, d.difference.high),
            format!("{:.4}", d.p_value),
        ]);
    }
    table.write_to(out);
}

fn categories(out: &mut String, system: &System) {
    let title = format!("category ({})", system.name);
    let header = [
        title.as_str(),
        "precision",
        "recall",
        "F1",
        "95% interval",
        "AP",
        "gold",
        "F1 asserted",
        "gold",
        "F1 denied",
        "gold",
        "opposite",
    ];
    let has_stance = system.metrics.per_category.iter().any(|c| c.stances.is_some());
    let mut table = Table::new(if has_stance { &header } else { &header[..7] });
    for (metrics, f1) in system.metrics.per_category.iter().zip(&system.intervals.category_f1) {
        let category = &metrics.category;
        let mut row = vec![
            category.label.clone(),
            decimal(category.scores.precision),
            decimal(category.scores.recall),
            decimal(category.scores.f1),
            f1.map_or_else(|| "–".to_owned(), |i| format!("[{:.3}, {:.3}]", i.low, i.high)),
            decimal(category.average_precision),
            category.scores.support.to_string(),
        ];
        if let Some(stances) = &metrics.stances {
            for label in [&stances.asserted, &stances.denied] {
                row.extend([decimal(label.scores.f1), label.scores.support.to_string()]);
            }
            row.push(percent(stances.confusion.opposite_rate));
        }
        table.row(row);
    }
    table.write_to(out);
}

fn strata(out: &mut String, system: &System) {
    if system.strata.is_empty() {
        return;
    }
    let title = format!("stratum ({})", system.name);
    let mut table = Table::new(&[
        &title,
        "examples",
        "micro-F1",
        "macro-F1",
        "with stance",
        "exact",
        "ECE",
        "opposite",
        "denied read as asserted",
    ]);
    for stratum in &system.strata {
        let stance = &stratum.stance;
        let rate = percent(stance.denied_read_asserted_rate);
        table.row([
            stratum.name.clone(),
            stratum.examples.to_string(),
            decimal(stratum.micro_f1),
            decimal(stratum.macro_f1),
            decimal(stratum.label_micro_f1),
            decimal(stratum.exact_match),
            decimal(stratum.ece),
            percent(stance.opposite_rate),
            format!("{} of {} ({rate})", stance.denied_read_asserted, stance.denied),
        ]);
    }
    table.write_to(out);
}

fn reliability(out: &mut String, system: &System) {
    let title = format!("reliability ({})", system.name);
    let mut table = Table::new(&[&title, "cells", "predicted", "observed"]);
    for bin in &system.metrics.calibration.bins {
        table.row([
            format!("{:.3} – {:.3}", bin.low, bin.high),
            bin.cells.to_string(),
            format!("{:.3}", bin.predicted),
            format!("{:.3}", bin.observed),
        ]);
    }
    table.write_to(out);
}

fn worst(out: &mut String, system: &System) {
    if system.worst.is_empty() {
        return;
    }
    let _ = writeln!(out, "worst errors ({})", system.name);
    for miss in &system.worst {
        let said = |marker: &str, labels: &[String]| {
            let all: Vec<String> = labels.iter().map(|label| format!("{marker}{label}")).collect();
            all.join(" ")
        };
        let (missed, wrong) = (said("missed:", &miss.missed), said("found:", &miss.wrong));
        let labels = format!("{missed} {wrong}");
        let _ = writeln!(out, "  {:.1} nats  {}  {}", miss.surprise, miss.id, labels.trim());
        let lead_in = if miss.lead_in.is_empty() {
            String::new()
        } else {
            format!("[{}] ", cut(&miss.lead_in, 80))
        };
        // A sentence may hold control characters that a terminal would act on.
        let text: String = cut(&miss.text, 240).chars().filter(|c| !c.is_control()).collect();
        let lead_in: String = lead_in.chars().filter(|c| !c.is_control()).collect();
        let _ = writeln!(out, "    {lead_in}{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;

    #[test]
    fn tables_are_aligned_and_whole() {
        let text = sample().to_text();
        assert!(text.starts_with("dev.jsonl: 60 examples of 12 documents"), "{text}");
        for needle in [
            "micro-F1, with stance",
            "model minus rules <1>",
            "policy-change",
            "contrast pairs right",
            "8 of 10 (80.0%)",
            "random",
            "worst errors (model)",
            "missed:",
        ] {
            assert!(text.contains(needle), "{needle} is missing:\n{text}");
        }
        let categories: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.starts_with("category (model)"))
            .take_while(|line| !line.is_empty())
            .collect();
        assert_eq!(categories.len(), 22);
        let widths: Vec<usize> = categories.iter().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{widths:?}");
    }
}
