//! The overview of a corpus: documents × categories, sortable, each count a link.

use maud::{Markup, html};

use super::{View, summary};
use crate::report::DocumentReport;
use crate::report::record::Status;
use crate::report::summary::{Summary, plural};

/// What the overview keeps of a document.
#[derive(Debug)]
pub(super) struct Row {
    /// The document.
    pub(super) name: String,
    status: Status,
    sentences: usize,
    findings: usize,
    summary: Summary,
}

impl Row {
    pub(super) fn new(report: &DocumentReport, summary: Summary) -> Self {
        Self {
            name: report.document.document.clone(),
            status: report.document.status,
            sentences: report.document.sentence_count,
            findings: report.document.finding_count,
            summary,
        }
    }
}

/// The table; the columns of numbers sort where scripts run.
pub(super) fn overview(view: &View, rows: &[Row]) -> Markup {
    let scope = &view.scope;
    let of = |status| rows.iter().filter(|row| row.status == status).count();
    let sentences: usize = rows.iter().map(|row| row.sentences).sum();
    html! {
        section #overview aria-labelledby="overview-title" {
            h2 #overview-title { "Overview" }
            p.facts {
                (of(Status::Classified)) " classified · "
                (of(Status::OtherLanguage)) " in another language · "
                (of(Status::Failed)) " not read · "
                (plural(sentences, "sentence"))
            }
            @if scope.labels().has_stance() {
                p.facts {
                    "In each cell: how many sentences assert (solid border) and deny (dashed border)."
                }
            }
            div.scroll role="region" aria-labelledby="overview-title" tabindex="0" {
                table.matrix {
                    thead {
                        tr {
                            (heading("Document", true))
                            (heading("All", false))
                            @for category in scope.categories() { (heading(scope.title(category), false)) }
                        }
                    }
                    tbody {
                        @for (i, row) in rows.iter().enumerate() { (line(view, i + 1, row)) }
                    }
                    tfoot {
                        tr {
                            th scope="row" { "Documents that speak of it" }
                            td.number {}
                            @for category in scope.categories() {
                                td.number { (rows.iter().filter(|row| !row.summary.is_silent(category)).count()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A column's title: a button where scripts run.
fn heading(title: &str, is_first: bool) -> Markup {
    html! {
        th.turned[!is_first] scope="col" aria-sort="none" {
            button.sort type="button" { span { (title) } }
        }
    }
}

fn line(view: &View, number: usize, row: &Row) -> Markup {
    let is_classified = row.status == Status::Classified;
    html! {
        tr data-order=(number) {
            th scope="row" data-value=(row.name) {
                a href={ "#d" (number) } { (breakable(&row.name)) }
                @match row.status {
                    Status::Classified => {}
                    Status::OtherLanguage => small { " another language" },
                    Status::Failed => small { " not read" },
                }
            }
            td.number data-value=(row.findings) { @if is_classified { (row.findings) } }
            @for category in view.scope.categories() {
                @let cells: Vec<_> =
                    view.scope.stances().map(|s| (s, row.summary.cell(category, s))).collect();
                @let total: usize = cells.iter().map(|(_, cell)| cell.count).sum();
                td.number data-value=(total) {
                    @for (stance, cell) in cells.into_iter().filter(|(_, cell)| cell.count > 0) {
                        (summary::count(view, number, category, stance, cell)) " "
                    }
                }
            }
        }
    }
}

/// A path that may break after its folders.
fn breakable(path: &str) -> Markup {
    html! {
        @for part in path.split_inclusive('/') { (part) wbr; }
    }
}
