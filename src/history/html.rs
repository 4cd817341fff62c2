//! The history as one HTML page without scripts or anything from elsewhere.

use maud::{Markup, PreEscaped, html};

use super::record::{DocumentHistory, EventRecord, HistoryRecord};
use super::svg;
use super::text::{short, summary};
use crate::compare::{html_category, html_frame};

/// Renders a history.
pub fn page(record: &HistoryRecord) -> String {
    let title = format!("History of {}", record.repository);
    let body = html! {
        h1 { (title) }
        p.note { (record.commits) " commits up to " (record.revision) }
        @for (number, one) in record.documents.iter().enumerate() { (document(number, one)) }
    };
    html_frame(&title, &body, &record.tool)
}

fn document(number: usize, record: &DocumentHistory) -> Markup {
    html! {
        h2 { (record.document) }
        @for path in &record.earlier_paths { p.note { "earlier " (path) } }
        p { (summary(record)) }
        figure {
            (PreEscaped(svg::periods(number, record)))
            figcaption {
                "What the document as a whole says about each category: "
                span.asserted { "asserted" } ", " span.denied { "denied" } ", or "
                span.both { "both" } ". A line marks "
                "each version that changed something."
            }
        }
        @for one in &record.events { (event(number, one)) }
        @if !record.passed_over.is_empty() {
            h3 { "Versions passed over" }
            ul {
                @for one in &record.passed_over {
                    li { (one.moment.date) " (" (short(&one.moment)) "): " (one.reason) }
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
    html! {
        section id=(anchor(document, record)) {
            h3 { time datetime=(record.moment.date) { (record.moment.date) } }
            p.note {
                "Commit " code { (record.moment.commit) } ", compared with "
                (record.previous.date) "."
                @if record.rewordings > 0 {
                    " " (record.rewordings) " other findings were only reworded."
                }
            }
            p.verdict { (record.verdict) }
            @for one in &record.categories { (html_category(one, 4)) }
        }
    }
}
