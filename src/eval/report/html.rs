//! The HTML view: one page without scripts or anything from elsewhere.

use std::fmt::Write;

use super::svg::{self, BarRow};
use super::{Comparison, Pairs, Report, System, decimal, percent};
use crate::eval::bootstrap::{Figure, Interval};

const STYLE: &str = include_str!("style.css");

/// Text made safe for HTML content and attributes.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

pub(super) fn render(report: &Report) -> String {
    let documents = report.systems.first().map_or(0, |system| system.intervals.documents);
    let file = escape(&report.file);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>fineprint eval: {file}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Evaluation on {file}</h1>\n<p>{} examples of {documents} documents. Intervals are 95%, \
         by bootstrap over documents.</p>\n",
        report.examples
    );
    overview(&mut out, report);
    report.comparisons.iter().for_each(|comparison| compare(&mut out, comparison));
    bars(&mut out, report);
    curves(&mut out, report);
    reliability(&mut out, report);
    if let Some(system) = report.systems.first() {
        categories(&mut out, system);
        strata(&mut out, system);
        worst(&mut out, system);
    }
    let _ = write!(
        out,
        "<p class=\"note\">Made by fineprint {}.</p>\n</main>\n</body>\n</html>\n",
        report.fineprint
    );
    out
}

/// A table; header cells and rows are HTML already.
fn table(out: &mut String, caption: &str, header: &[String], rows: &[Vec<String>]) {
    let _ = write!(out, "<div class=\"scroll\"><table><caption>{caption}</caption><thead><tr>");
    for cell in header {
        let _ = write!(out, "<th scope=\"col\">{cell}</th>");
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let _ = if column == 0 {
                write!(out, "<th scope=\"row\">{cell}</th>")
            } else {
                write!(out, "<td>{cell}</td>")
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn legend(report: &Report) -> String {
    let keys = report.systems.iter().enumerate();
    keys.map(|(i, system)| format!("{} {} ", svg::key(i), escape(&system.name))).collect()
}

fn words(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|&cell| cell.to_owned()).collect()
}

fn overview(out: &mut String, report: &Report) {
    out.push_str("<h2>Overview</h2>\n");
    let mut header = words(&["figure"]);
    header.extend(report.systems.iter().map(|system| escape(&system.name)));
    let row = |title: &str, of: &dyn Fn(&System) -> String| {
        std::iter::once(title.to_owned()).chain(report.systems.iter().map(of)).collect()
    };
    let mut rows: Vec<Vec<String>> = vec![row("thresholds", &|s| escape(&s.thresholds))];
    for figure in Figure::ALL {
        rows.push(row(figure.title(), &|s| {
            let found = s.intervals.figures.iter().find(|(f, _)| *f == figure);
            interval(found.and_then(|(_, interval)| *interval))
        }));
    }
    rows.push(row("mean average precision", &|s| decimal(s.metrics.mean_average_precision)));
    rows.push(row("Hamming loss, with stance", &|s| decimal(s.metrics.labels.hamming_loss)));
    rows.push(row("asserted read as denied", &|s| {
        percent(s.metrics.stance.asserted_read_denied_rate)
    }));
    rows.push(row("denied read as asserted", &|s| {
        percent(s.metrics.stance.denied_read_asserted_rate)
    }));
    if report.systems.iter().any(|s| s.pairs.is_some()) {
        let share = |p: Pairs| p.contrast as f64 / p.pairs as f64;
        rows.push(row("contrast pairs right", &|s| percent(s.pairs.map(share))));
    }
    table(out, "All systems on the same examples", &header, &rows);
}

fn interval(value: Option<Interval>) -> String {
    value
        .map_or_else(|| "–".to_owned(), |i| format!("{:.3} [{:.3}, {:.3}]", i.value, i.low, i.high))
}

fn compare(out: &mut String, comparison: &Comparison) {
    let rows: Vec<Vec<String>> = comparison
        .differences
        .iter()
        .map(|d| {
            vec![
                d.figure.title().to_owned(),
                format!("{:+.3}", d.difference.value),
                format!("[{:+.3}, {:+.3}]", d.difference.low, d.difference.high),
                format!("{:.4}", d.p_value),
            ]
        })
        .collect();
    let caption = format!(
        "{} minus {}, paired bootstrap",
        escape(&comparison.ours),
        escape(&comparison.theirs)
    );
    table(out, &caption, &words(&["figure", "difference", "95% interval", "p"]), &rows);
}

fn bars(out: &mut String, report: &Report) {
    let Some(first) = report.systems.first() else { return };
    let rows: Vec<BarRow<'_>> = first
        .metrics
        .per_category
        .iter()
        .enumerate()
        .map(|(column, metrics)| BarRow {
            label: &metrics.category.label,
            values: report
                .systems
                .iter()
                .map(|system| system.intervals.category_f1.get(column).copied().flatten())
                .collect(),
        })
        .collect();
    let plot = svg::bars("F1 by category", &rows);
    let legend = legend(report);
    let _ = write!(
        out,
        "<h2>F1 by category</h2>\n<figure>{plot}<figcaption>{legend}</figcaption></figure>\n"
    );
}

fn curves(out: &mut String, report: &Report) {
    let Some(first) = report.systems.first() else { return };
    out.push_str("<h2>Precision and recall</h2>\n");
    for (index, (name, _)) in first.curves.iter().enumerate() {
        let curves: Vec<_> = report
            .systems
            .iter()
            .map(|s| s.curves.get(index).map_or(&[][..], |(_, curve)| curve.as_slice()))
            .collect();
        let is_pooled = index == 0;
        let plot = svg::precision_recall(name, &curves, if is_pooled { 280.0 } else { 150.0 });
        let caption =
            if is_pooled { format!("{}: {}", escape(name), legend(report)) } else { escape(name) };
        let _ = writeln!(out, "<figure>{plot}<figcaption>{caption}</figcaption></figure>");
        if is_pooled {
            out.push_str("<div class=\"grid\">\n");
        }
    }
    out.push_str("</div>\n");
}

fn reliability(out: &mut String, report: &Report) {
    let bins: Vec<_> =
        report.systems.iter().map(|s| s.metrics.calibration.bins.as_slice()).collect();
    let _ = write!(
        out,
        "<h2>Reliability</h2>\n<figure>{}<figcaption>Bins of equal mass over the cells with a \
         probability of at least 0.1 or a gold label. {}</figcaption></figure>\n",
        svg::reliability(&bins),
        legend(report)
    );
    let Some(system) = report.systems.first() else { return };
    let rows: Vec<Vec<String>> = system
        .metrics
        .calibration
        .bins
        .iter()
        .map(|bin| {
            vec![
                format!("{:.3} – {:.3}", bin.low, bin.high),
                bin.cells.to_string(),
                format!("{:.3}", bin.predicted),
                format!("{:.3}", bin.observed),
            ]
        })
        .collect();
    let header = words(&["probability", "cells", "predicted", "observed"]);
    table(out, &format!("Reliability of {}", escape(&system.name)), &header, &rows);
}

fn categories(out: &mut String, system: &System) {
    out.push_str("<h2>By category and stance</h2>\n");
    let mut rows = Vec::new();
    for metrics in &system.metrics.per_category {
        let labels = std::iter::once((&metrics.category, "either"));
        let stances =
            metrics.stances.iter().flat_map(|s| [(&s.asserted, "asserted"), (&s.denied, "denied")]);
        for (label, stance) in labels.chain(stances) {
            rows.push(vec![
                escape(&metrics.category.label),
                stance.to_owned(),
                decimal(label.scores.precision),
                decimal(label.scores.recall),
                decimal(label.scores.f1),
                decimal(label.average_precision),
                label.scores.support.to_string(),
                label.scores.found.to_string(),
            ]);
        }
    }
    let header = ["category", "stance", "precision", "recall", "F1", "AP", "gold", "found"];
    table(out, &escape(&system.name), &words(&header), &rows);
}

fn strata(out: &mut String, system: &System) {
    if system.strata.is_empty() {
        return;
    }
    out.push_str("<h2>By sampling stratum</h2>\n");
    let rows: Vec<Vec<String>> = system
        .strata
        .iter()
        .map(|stratum| {
            vec![
                escape(&stratum.name),
                stratum.examples.to_string(),
                decimal(stratum.micro_f1),
                decimal(stratum.macro_f1),
                decimal(stratum.label_micro_f1),
                decimal(stratum.exact_match),
                decimal(stratum.ece),
                percent(stratum.stance.opposite_rate),
                percent(stratum.stance.asserted_read_denied_rate),
                percent(stratum.stance.denied_read_asserted_rate),
            ]
        })
        .collect();
    let header = [
        "stratum",
        "examples",
        "micro-F1",
        "macro-F1",
        "micro-F1 with stance",
        "exact match",
        "ECE",
        "opposite stance",
        "asserted as denied",
        "denied as asserted",
    ];
    table(out, &escape(&system.name), &words(&header), &rows);
}

fn worst(out: &mut String, system: &System) {
    if system.worst.is_empty() {
        return;
    }
    out.push_str(
        "<h2>Worst errors</h2>\n<div class=\"scroll\"><table><thead><tr><th scope=\"col\">id</th>\
         <th scope=\"col\">nats</th><th scope=\"col\">missed</th><th scope=\"col\">found</th>\
         <th scope=\"col\">sentence</th></tr></thead><tbody>\n",
    );
    for miss in &system.worst {
        let lead_in = if miss.lead_in.is_empty() {
            String::new()
        } else {
            format!("<em>{}</em> ", escape(&miss.lead_in))
        };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{:.1}</td><td>{}</td><td>{}</td>\
             <td class=\"text\">{lead_in}{}</td></tr>",
            escape(&miss.id),
            miss.surprise,
            escape(&miss.missed.join(", ")),
            escape(&miss.wrong.join(", ")),
            escape(&miss.text)
        );
    }
    out.push_str("</tbody></table></div>\n");
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::escape;

    #[test]
    fn the_page_is_self_contained_and_safe() {
        let page = sample().to_html();
        for foreign in ["<script", "http://", "https://", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        // The system's name and the sentences have markup in them.
        assert!(page.contains("rules &lt;1&gt;") && !page.contains("rules <1>"));
        assert!(page.contains("Sentence &lt;0&gt; &amp; &quot;more&quot;"));
        assert!(page.contains("prefers-color-scheme: dark"));
        assert!(!page.contains("NaN") && !page.contains("inf\""));
    }

    #[test]
    fn every_element_is_closed() {
        let page = sample().to_html();
        for tag in ["svg", "table", "figure", "tr", "div", "main", "thead", "tbody", "desc"] {
            let opened = page.matches(&format!("<{tag}>")).count()
                + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        // Bars, one pooled curve and 21 others, reliability, and keys for both systems thrice.
        assert_eq!(page.matches("<svg").count(), 1 + 22 + 1 + 6);
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escape("<a href='x\">&"), "&lt;a href=&#39;x&quot;&gt;&amp;");
    }
}
