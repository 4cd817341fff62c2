//! The summary of a document: category × stance with the most telling sentence, and what is not said.

use maud::{Markup, html};

use super::{View, prefix};
use crate::label::Stance;
use crate::report::DocumentReport;
use crate::report::summary::{Cell, Summary, quote};

/// The table of a document and the list of what it does not speak of.
pub(super) fn table(
    view: &View,
    number: usize,
    report: &DocumentReport,
    summary: &Summary,
) -> Markup {
    let scope = &view.scope;
    let stances: Vec<Stance> = scope.stances().collect();
    let heading = format!("d{number}-summary");
    let silent: Vec<&str> =
        scope.categories().filter(|&c| summary.is_silent(c)).map(|c| scope.title(c)).collect();
    html! {
        section.summary aria-labelledby=(heading) {
            h3 id=(heading) { "Summary" }
            @if silent.len() < scope.categories().count() {
                // Roles, since a narrow screen lays the rows out as grids, which loses them.
                table role="table" {
                    thead role="rowgroup" {
                        tr role="row" {
                            th scope="col" role="columnheader" { "Category" }
                            @for &stance in &stances {
                                th.number scope="col" role="columnheader" { (scope.stance_title(stance)) }
                            }
                            th scope="col" role="columnheader" { "Most telling sentence" }
                        }
                    }
                    @for (group, categories) in scope.groups() {
                        @let said: Vec<usize> =
                            categories.iter().copied().filter(|&c| !summary.is_silent(c)).collect();
                        @if !said.is_empty() {
                            tbody role="rowgroup" {
                                @if !group.is_empty() {
                                    tr.group role="row" { th role="rowheader" colspan=(stances.len() + 2) scope="rowgroup" { (group) } }
                                }
                                @for category in said { (row(view, number, report, summary, category)) }
                            }
                        }
                    }
                }
            }
            @if !silent.is_empty() {
                div.silent {
                    h4 { "What is not said" }
                    p {
                        "No statement was found on: "
                        @for (i, title) in silent.iter().enumerate() {
                            @if i > 0 { ", " }
                            span { (title) }
                        }
                        "."
                    }
                }
            }
        }
    }
}

/// A category with its counts and quotes.
fn row(
    view: &View,
    number: usize,
    report: &DocumentReport,
    summary: &Summary,
    category: usize,
) -> Markup {
    let scope = &view.scope;
    let found: Vec<(Stance, Cell)> = scope
        .stances()
        .map(|stance| (stance, summary.cell(category, stance)))
        .filter(|(_, cell)| cell.count > 0)
        .collect();
    html! {
        tr role="row" data-category=(scope.id(category)) {
            th scope="row" role="rowheader" { (scope.title(category)) }
            @for stance in scope.stances() {
                td.number role="cell" { (count(view, number, category, stance, summary.cell(category, stance))) }
            }
            td.quote role="cell" {
                @for (stance, cell) in found {
                    @if let Some(sentence) = report.sentences.get(cell.best) {
                        p {
                            @if scope.labels().has_stance() {
                                span.stance.(stance.as_str()) { (stance) } " "
                            }
                            q { (quote(sentence)) } " "
                            a.ref href={ "#" (prefix(number)) "s" (sentence.index) }
                                aria-label={ "To sentence " (sentence.index) } { (sentence.index) }
                        }
                    }
                }
            }
        }
    }
}

/// A count that leads to the first sentence that is counted.
pub(super) fn count(
    view: &View,
    number: usize,
    category: usize,
    stance: Stance,
    cell: Cell,
) -> Markup {
    if cell.count == 0 {
        return html! { span.none { "–" } };
    }
    let id = view.scope.id(category);
    let title = view.scope.title(category);
    let stance_title = view.scope.stance_title(stance);
    html! {
        a.count.(stance.as_str()) href={ "#" (prefix(number)) "s" (cell.first) }
            data-category=(id) data-stance=(stance)
            aria-label={ (title) ", " (stance_title) ": " (cell.count) ", to the first" } { (cell.count) }
    }
}
