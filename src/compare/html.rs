//! The comparison as one HTML page without scripts or anything from elsewhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::record::{CategoryRecord, ChangeRecord, DiffRecord, QuoteRecord};

const STYLE: &str = include_str!("style.css");

/// Renders a comparison.
pub fn page(record: &DiffRecord) -> String {
    let title = format!("{} → {}", record.old.document, record.new.document);
    let counts = &record.sentences;
    let body = html! {
        h1 { "What changed" }
        p { (title) }
        p.verdict { (record.verdict) }
        p.note {
            (counts.unchanged) " sentences unchanged (" (counts.moved) " moved), "
            (counts.reworded) " reworded, " (counts.added) " added, " (counts.removed) " removed."
        }
        @for one in &record.categories { (category(one, 2)) }
    };
    frame(&format!("fineprint diff: {title}"), &body, &record.tool)
}

/// A whole page around its content.
pub(crate) fn frame(title: &str, body: &Markup, tool: &super::record::Tool) -> String {
    let digest = tool.model_digest.get(..12).unwrap_or_default();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main {
                (body)
                p.note {
                    "Made by fineprint " (tool.tool_version) " with model " (tool.model) " ("
                    (digest) "). No legal advice."
                }
            } }
        }
    }
    .into_string()
}

/// What changed about one category, under a heading of level 2 or 3.
pub(crate) fn category(record: &CategoryRecord, level: usize) -> Markup {
    let heading = html! {
        (record.title) " " span.standing {
            @if record.before == record.after { (record.after) }
            @else { (record.before) " → " (record.after) }
        }
    };
    html! {
        section.category {
            @if level == 2 { h2 { (heading) } } @else { h4 { (heading) } }
            p { (record.verdict) }
            @if let Some(choice) = &record.choice { p.note { "Choice nearby: “" (choice) "”" } }
            @for one in &record.changes { (change(one)) }
        }
    }
}

fn change(record: &ChangeRecord) -> Markup {
    html! {
        article id=(record.fingerprint) {
            p.head {
                strong { (record.kind) }
                @if let Some((stance, probability)) = record.finding() {
                    " " span class=(stance) { (stance) } " " (format!("{probability:.2}"))
                }
                @if record.moved { " moved" }
                @if let Some(expectation) = record.expectation() { " " em { (expectation) } }
            }
            div.pair {
                @if let Some(old) = &record.old { (quote(old, true)) }
                @if let Some(new) = &record.new { (quote(new, false)) }
            }
        }
    }
}

fn quote(record: &QuoteRecord, is_old: bool) -> Markup {
    html! {
        blockquote class=(if is_old { "old" } else { "new" }) {
            p {
                @if let Some(lead_in) = &record.lead_in { span.quiet { (lead_in) } " " }
                @for (piece, is_marked) in record.pieces() {
                    @if !is_marked { (piece) }
                    @else if is_old { del { (piece) } }
                    @else { ins { (piece) } }
                }
            }
            footer {
                (if is_old { "Old" } else { "New" }) ", line " (record.line)
                @if let Some(title) = record.section.last() { ", " (title) }
            }
        }
    }
}
