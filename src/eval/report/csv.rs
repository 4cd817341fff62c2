//! The CSV view: one figure a row, so that a spreadsheet or a script can pick what it wants.

use super::{Report, System};
use crate::eval::bootstrap::Interval;
use crate::eval::metrics::{LabelMetrics, Scores, StanceConfusion};

/// Rows of the long form.
struct Rows {
    writer: csv::Writer<Vec<u8>>,
    system: String,
}

impl Rows {
    fn add(&mut self, scope: &str, name: &str, figure: &str, value: Option<f64>) {
        self.row([scope, name, figure], value, None);
    }

    fn row(&mut self, place: [&str; 3], value: Option<f64>, interval: Option<Interval>) {
        let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
        let (low, high) = (number(interval.map(|i| i.low)), number(interval.map(|i| i.high)));
        let value = number(value);
        let [scope, name, figure] = place;
        let fields = [self.system.as_str(), scope, name, figure, &value, &low, &high];
        // Writing to memory cannot fail.
        let _ = self.writer.write_record(fields);
    }

    fn scores(&mut self, scope: &str, name: &str, scores: &Scores, interval: Option<Interval>) {
        self.add(scope, name, "precision", scores.precision);
        self.add(scope, name, "recall", scores.recall);
        self.row([scope, name, "f1"], scores.f1, interval);
        self.add(scope, name, "support", Some(scores.support as f64));
        self.add(scope, name, "found", Some(scores.found as f64));
    }

    fn label(&mut self, scope: &str, label: &LabelMetrics, interval: Option<Interval>) {
        self.scores(scope, &label.label, &label.scores, interval);
        self.add(scope, &label.label, "average_precision", label.average_precision);
    }

    fn stance(&mut self, scope: &str, name: &str, stance: &StanceConfusion) {
        self.add(scope, name, "opposite_rate", stance.opposite_rate);
        self.add(scope, name, "asserted_read_denied_rate", stance.asserted_read_denied_rate);
        self.add(scope, name, "denied_read_asserted_rate", stance.denied_read_asserted_rate);
    }
}

pub(super) fn render(report: &Report) -> String {
    let mut rows = Rows { writer: csv::Writer::from_writer(Vec::new()), system: "system".into() };
    let header = ["system", "scope", "name", "figure", "value", "low", "high"];
    let _ = rows.writer.write_record(header);
    for system in &report.systems {
        rows.system.clone_from(&system.name);
        one_system(&mut rows, system);
    }
    for comparison in &report.comparisons {
        rows.system.clone_from(&comparison.ours);
        for d in &comparison.differences {
            let title = d.figure.title();
            let place = ["difference", comparison.theirs.as_str(), title];
            rows.row(place, Some(d.difference.value), Some(d.difference));
            rows.add("p_value", &comparison.theirs, title, Some(d.p_value));
        }
    }
    let bytes = rows.writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn one_system(rows: &mut Rows, system: &System) {
    let metrics = &system.metrics;
    for (figure, interval) in &system.intervals.figures {
        let place = ["overall", "", figure.title()];
        rows.row(place, interval.map(|i| i.value), *interval);
    }
    for (name, averages) in [("categories", &metrics.categories), ("labels", &metrics.labels)] {
        rows.scores("micro", name, &averages.micro, None);
        rows.add("macro", name, "precision", averages.macro_precision);
        rows.add("macro", name, "recall", averages.macro_recall);
        rows.add("macro", name, "f1", averages.macro_f1);
        rows.add("overall", name, "exact_match", averages.exact_match);
        rows.add("overall", name, "hamming_loss", averages.hamming_loss);
    }
    rows.add("overall", "categories", "mean_average_precision", metrics.mean_average_precision);
    rows.stance("stance", "all", &metrics.stance);
    let intervals = system.intervals.category_f1.iter().copied();
    for (category, interval) in metrics.per_category.iter().zip(intervals) {
        rows.label("category", &category.category, interval);
        if let Some(stances) = &category.stances {
            rows.label("label", &stances.asserted, None);
            rows.label("label", &stances.denied, None);
            rows.stance("stance", &category.category.label, &stances.confusion);
        }
    }
    for (bin, number) in metrics.calibration.bins.iter().zip(1..) {
        let name = format!("bin {number}");
        rows.add("reliability", &name, "cells", Some(bin.cells as f64));
        rows.add("reliability", &name, "predicted", Some(bin.predicted));
        rows.add("reliability", &name, "observed", Some(bin.observed));
    }
    for stratum in &system.strata {
        let scope = "stratum";
        rows.add(scope, &stratum.name, "examples", Some(stratum.examples as f64));
        rows.add(scope, &stratum.name, "micro_f1", stratum.micro_f1);
        rows.add(scope, &stratum.name, "macro_f1", stratum.macro_f1);
        rows.add(scope, &stratum.name, "label_micro_f1", stratum.label_micro_f1);
        rows.add(scope, &stratum.name, "exact_match", stratum.exact_match);
        rows.add(scope, &stratum.name, "ece", stratum.ece);
        rows.stance(scope, &stratum.name, &stratum.stance);
    }
    if let Some(pairs) = &system.pairs {
        rows.add("pairs", "", "pairs", Some(pairs.pairs as f64));
        rows.add("pairs", "", "contrast", Some(pairs.contrast as f64));
        rows.add("pairs", "", "exact", Some(pairs.exact as f64));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;

    #[test]
    fn every_row_has_the_columns_of_the_header() {
        let text = sample().to_csv();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let find = |scope: &str, name: &str, figure: &str| {
            let found = rows
                .iter()
                .find(|r| &r[0] == "model" && &r[1] == scope && &r[2] == name && &r[3] == figure);
            found.unwrap_or_else(|| panic!("{scope} {name} {figure}")).clone()
        };
        assert_eq!(&find("pairs", "", "exact")[4], "8");
        assert!(!find("category", "tracking", "f1")[5].is_empty());
        assert!(find("category", "policy-change", "f1")[4].is_empty());
        assert!(rows.iter().any(|r| &r[1] == "p_value" && &r[2] == "rules <1>"));
    }
}
