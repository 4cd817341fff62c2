//! The comparison as one HTML page: the component of the report, with the changes in the place of
//! the documents.
//!
//! `compare.js` of the server's page builds the same markup from records; a browser test compares
//! the two.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::change::{ChangeKind, Standing};
use super::record::{CategoryRecord, ChangeRecord, DiffRecord, QuoteRecord, Tool};
use crate::report::html::page::{self, Made, Page, Tools, option};
use crate::report::summary::plural;

/// The styles of changes, which go behind those of every page.
pub const STYLE: &str = include_str!("style.css");

impl<'a> From<&'a Tool> for Made<'a> {
    fn from(tool: &'a Tool) -> Self {
        Self {
            tool: &tool.tool,
            version: &tool.tool_version,
            model: &tool.model,
            digest: &tool.model_digest,
        }
    }
}

/// Renders a comparison.
pub fn page(record: &DiffRecord) -> String {
    let editions = format!("{} → {}", record.old.document, record.new.document);
    let counts = &record.sentences;
    let content = html! {
        p.facts { (editions) }
        p.verdict { (record.verdict) }
        p.facts {
            (plural(counts.unchanged, "sentence")) " unchanged (" (counts.moved) " moved), "
            (counts.reworded) " reworded, " (counts.added) " added, " (counts.removed) " removed."
        }
        (key())
        @if !record.categories.is_empty() {
            (turns(&record.categories))
            (tools(&record.categories.iter()))
        }
        div #documents { @for one in &record.categories { (category(one, 3, "")) } }
    };
    frame("fineprint diff", "What changed", &editions, &content, &record.tool)
}

/// A whole page around its content; `about` stands in its title only.
pub(crate) fn frame(
    brand: &str,
    title: &str,
    about: &str,
    content: &Markup,
    tool: &Tool,
) -> String {
    let body = html! {
        (page::masthead(brand, title, tool.into()))
        main #report { (content) }
        (page::foot(tool.into()))
    };
    let title = format!("{title}: {about}");
    let styles = [STYLE];
    let page =
        Page { title: &title, body: &body, styles: &styles, scripts: &[], may_connect: false };
    page.render().into_string()
}

/// What the marks mean.
pub(crate) fn key() -> Markup {
    html! {
        p.legend {
            (page::stances())
            "Words that only the old text has are " del { "struck out" } ", those that only the new "
            "one has " ins { "underlined" } ". The number beside a change, from 0 to 1, is how "
            "probable the model holds what the sentence says."
        }
    }
}

/// Filters and jumps over the changes of these categories.
pub(crate) fn tools<'a>(categories: &(impl Iterator<Item = &'a CategoryRecord> + Clone)) -> Markup {
    let titles: BTreeSet<(&str, &str)> =
        categories.clone().map(|c| (c.title.as_str(), c.category.as_str())).collect();
    let changes = || categories.clone().flat_map(|c| &c.changes);
    let kinds: Vec<ChangeKind> =
        ChangeKind::ALL.into_iter().filter(|kind| changes().any(|c| c.kind == *kind)).collect();
    let mut stances = changes().filter_map(ChangeRecord::finding).map(|(stance, _)| stance);
    let first = stances.next();
    let has_stances = stances.any(|stance| Some(stance) != first);
    let categories = html! { @for (title, id) in titles { (option(id, title)) } };
    let kinds = html! { @for kind in kinds { (option(kind.as_str(), &worded(kind))) } };
    Tools { categories: &categories, has_stances, kinds: Some(&kinds), more: &html! {} }.render()
}

fn worded(kind: ChangeKind) -> String {
    kind.as_str().replace('-', " ")
}

/// What the editions as a whole say of each category that something changed about.
fn turns(categories: &[CategoryRecord]) -> Markup {
    html! {
        table.turns {
            thead {
                tr {
                    th scope="col" { "Category" }
                    th scope="col" { "Before" }
                    th scope="col" { "After" }
                    th.number scope="col" { "Changes" }
                }
            }
            tbody {
                @for one in categories {
                    tr {
                        th scope="row" { a href={ "#c-" (one.category) } { (one.title) } }
                        td { (standing(one.before)) }
                        td { (standing(one.after)) }
                        td.number { (one.changes.len()) }
                    }
                }
            }
        }
    }
}

/// What an edition as a whole says, in words with their marks.
fn standing(standing: Standing) -> Markup {
    html! {
        @if standing == Standing::Silent { span.none { "not said" } }
        @if standing.asserts() { span.stance.asserted { "asserted" } }
        @if standing == Standing::Both { " " }
        @if standing.denies() { span.stance.denied { "denied" } }
    }
}

/// What changed about one category, under a heading of level 3 or 4; `prefix` keeps the ids of
/// several comparisons on a page apart.
pub(crate) fn category(record: &CategoryRecord, level: usize, prefix: &str) -> Markup {
    let heading = html! {
        (record.title) " "
        span.standing {
            @if record.before == record.after { (record.after) }
            @else { (record.before) " → " (record.after) }
        }
    };
    html! {
        section.changed id={ (prefix) "c-" (record.category) } data-category=(record.category) {
            @if level == 3 { h3 { (heading) } } @else { h4 { (heading) } }
            p { (record.verdict) }
            @if let Some(choice) = &record.choice { p.facts { "Choice nearby: “" (choice) "”" } }
            @for one in &record.changes { (change(one, &record.category, prefix)) }
        }
    }
}

fn change(record: &ChangeRecord, category: &str, prefix: &str) -> Markup {
    let found = record.finding();
    let probability = found.map(|(_, probability)| probability);
    html! {
        article.change id={ (prefix) (record.fingerprint) } tabindex="-1" data-category=(category)
            data-kind=(record.kind) data-stance=[found.map(|(stance, _)| stance)]
            data-probability=[probability]
        {
            p {
                strong { (worded(record.kind)) }
                @if let Some((stance, probability)) = found {
                    " " span.stance.(stance.as_str()) { (stance) } " " (format!("{probability:.2}"))
                }
                @if record.moved { " · moved" }
                @if let Some(expectation) = record.expectation() {
                    " " span.expected { (expectation) }
                }
                " "
                a.ref href={ "#" (prefix) (record.fingerprint) } aria-label="Link to this change" { "link" }
                " "
                button.copy.js type="button" { "Copy quotes" }
            }
            div.pair {
                (quote(record.old.as_ref(), "old"))
                (quote(record.new.as_ref(), "new"))
            }
        }
    }
}

/// One side of a change; `edition` is `old` or `new`.
fn quote(record: Option<&QuoteRecord>, edition: &str) -> Markup {
    let is_old = edition == "old";
    let Some(record) = record else {
        return html! { blockquote.(edition).absent { p { "Not in the " (edition) " edition." } } };
    };
    html! {
        blockquote.(edition) {
            p {
                @if let Some(lead_in) = &record.lead_in { span.standing { (lead_in) " " } }
                @for (piece, is_marked) in record.pieces() {
                    @if !is_marked { (piece) }
                    @else if is_old { del { (piece) } }
                    @else { ins { (piece) } }
                }
            }
            footer {
                @if is_old { "Old" } @else { "New" }
                ", line " (record.line)
                @if let Some(title) = record.section.last() { ", " (title) }
            }
        }
    }
}
