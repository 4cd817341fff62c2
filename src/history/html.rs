//! The history as one HTML page: the component of the report, with a timeline and the versions that
//! changed something for each document.

use maud::{Markup, PreEscaped, html};

use super::record::{DocumentHistory, EventRecord, HistoryRecord};
use super::svg;
use super::text::{short, summary};
use crate::compare::{html_category, html_frame, html_key, html_tools};
use crate::report::summary::plural;

/// Renders a history.
pub fn page(record: &HistoryRecord) -> String {
    let events = || record.documents.iter().flat_map(|document| &document.events);
    let content = html! {
        p.facts {
            (record.repository) ": " (plural(record.commits, "commit")) " up to "
            code { (record.revision) }
            @if record.is_cut { " (older ones are not in this repository)" }
        }
        (html_key())
        @if record.documents.len() > 1 { (overview(&record.documents)) }
        @if events().next().is_some() {
            (html_tools(&events().flat_map(|event| &event.categories)))
        }
        div #documents {
            @for (number, one) in record.documents.iter().enumerate() { (document(number, one)) }
        }
    };
    let title = match record.documents.as_slice() {
        [only] => format!("What changed in {}", only.document),
        documents => format!("What changed in {} documents", documents.len()),
    };
    html_frame("fineprint history", &title, &record.repository, &content, &record.tool)
}

/// How many versions of each document changed something.
fn overview(documents: &[DocumentHistory]) -> Markup {
    html! {
        div.scroll role="region" aria-label="Documents" tabindex="0" {
            table.turns {
                thead {
                    tr {
                        th scope="col" { "Document" }
                        th.number scope="col" { "Versions" }
                        th.number scope="col" { "With other sentences" }
                        th.number scope="col" { "That say something else" }
                    }
                }
                tbody {
                    @for (number, one) in documents.iter().enumerate() {
                        tr {
                            th scope="row" { a href={ "#d" (number) } { (one.document) } }
                            td.number { (one.versions) }
                            td.number { (one.changed_versions) }
                            td.number { (one.events.len()) }
                        }
                    }
                }
            }
        }
    }
}

fn document(number: usize, record: &DocumentHistory) -> Markup {
    html! {
        article.document id={ "d" (number) } aria-labelledby={ "d" (number) "-name" } {
            header {
                h2 id={ "d" (number) "-name" } { (record.document) }
                @for path in &record.earlier_paths { p.facts { "earlier " (path) } }
                p.facts { (summary(record)) }
            }
            @if !record.categories.is_empty() {
                figure.timeline {
                    div.scroll role="region" aria-label="Timeline" tabindex="0" {
                        (PreEscaped(svg::periods(number, record)))
                    }
                    figcaption {
                        "What the document as a whole says of each category: "
                        span.key.asserted {} "asserted, " span.key.denied {} "denied, "
                        span.key.both {} "some sentences one, some the other. A dotted line is a "
                        "version that changed something, and leads to it."
                    }
                }
            }
            @for one in &record.events { (event(number, one)) }
            @if !record.passed_over.is_empty() {
                section.passed {
                    h3 { "Versions passed over" }
                    ul {
                        @for one in &record.passed_over {
                            li { (one.moment.date) " (" (short(&one.moment)) "): " (one.reason) }
                        }
                    }
                }
            }
        }
    }
}

/// Where on the page an event is told.
pub(super) fn anchor(document: usize, record: &EventRecord) -> String {
    format!("d{document}-{}", short(&record.moment))
}

fn event(document: usize, record: &EventRecord) -> Markup {
    let anchor = anchor(document, record);
    let prefix = format!("{anchor}-");
    let counts = &record.sentences;
    html! {
        section.event id=(anchor) {
            h3 { time datetime=(record.moment.date) { (record.moment.date) } }
            p.facts {
                "Commit " code title=(record.moment.commit) { (short(&record.moment)) }
                ", compared with " (record.previous.date) ": "
                (plural(counts.reworded, "sentence")) " reworded, " (counts.added) " added, "
                (counts.removed) " removed."
                @if record.rewordings > 0 {
                    " Only reworded and not shown: " (plural(record.rewordings, "finding")) "."
                }
            }
            p.verdict { (record.verdict) }
            @for one in &record.categories { (html_category(one, 4, &prefix)) }
        }
    }
}
