//! A document of the report: its summary, and its text with the findings in place.
//!
//! `report.js` builds the same markup in `fineprint.addRecord`; a browser test compares the two.

use maud::{Markup, html};

use super::{View, prefix, summary};
use crate::label::Stance;
use crate::report::DocumentReport;
use crate::report::record::{EvidenceRecord, FindingRecord, SentenceRecord, Status, rounded};
use crate::report::summary::{Summary, facts};

/// Deepest element for a heading.
const DEEPEST_HEADING: usize = 6;
/// The element of a document's own top headings; the report's are above.
const FIRST_HEADING: usize = 4;

/// A document; `number` is its place in the report, from 1.
pub(super) fn article(
    view: &View,
    number: usize,
    report: &DocumentReport,
    summary: &Summary,
) -> Markup {
    let record = &report.document;
    let id = format!("d{number}");
    html! {
        article.document id=(id) data-document=(record.document) aria-labelledby={ (id) "-name" } {
            header {
                h2 id={ (id) "-name" } { (record.document) }
                @match record.status {
                    Status::Classified => p.facts { (facts(report).join(" · ")) },
                    Status::OtherLanguage => p.facts { "Not classified" },
                    Status::Failed => p.facts { "Not read" },
                }
                @if let Some(notice) = &record.notice { p.notice { (notice) } }
            }
            @if record.status == Status::Classified {
                (summary::table(view, number, report, summary))
                (text(view, number, &report.sentences))
            }
        }
    }
}

/// The text of a document.
fn text(view: &View, number: usize, sentences: &[SentenceRecord]) -> Markup {
    let is_whole = view.run.options.all_sentences;
    html! {
        section.text aria-labelledby={ "d" (number) "-text" } {
            h3 id={ "d" (number) "-text" } { "The text" }
            @if !is_whole {
                p.notice {
                    "Only the sentences with findings were saved. To read them in the whole text, "
                    "classify with --all-sentences or --format html."
                }
            }
            div.blocks {
                @for (i, sentences) in blocks(sentences).into_iter().enumerate() {
                    @if !is_whole { (context(sentences, i > 0)) }
                    (block(view, number, sentences))
                }
            }
        }
    }
}

/// The sentences by paragraph; where that is not known, each by itself.
fn blocks(sentences: &[SentenceRecord]) -> Vec<&[SentenceRecord]> {
    sentences.chunk_by(|a, b| a.block.is_some() && a.block == b.block).collect()
}

/// Where a block stands in its document, for a text with gaps.
fn context(sentences: &[SentenceRecord], has_gap: bool) -> Markup {
    let first = sentences.first();
    html! {
        @if has_gap { p.gap aria-hidden="true" { "…" } }
        @if let Some(first) = first {
            @if !first.section.is_empty() { p.path { (first.section.join(" › ")) } }
            @if let Some(lead_in) = &first.lead_in { p.lead-in { "under “" (lead_in) "”" } }
        }
    }
}

/// A paragraph, heading, list item or table cell with its notes beside it.
fn block(view: &View, number: usize, sentences: &[SentenceRecord]) -> Markup {
    let Some(first) = sentences.first() else { return html! {} };
    let inside = html! {
        @for sentence in sentences { (quoted(number, sentence)) " " }
    };
    html! {
        div.block data-kind=(first.kind) data-section=(first.section.join(" › ")) {
            @if first.kind == "heading" {
                @match (FIRST_HEADING + first.section.len()).min(DEEPEST_HEADING) {
                    4 => h4 { (inside) },
                    5 => h5 { (inside) },
                    _ => h6 { (inside) },
                }
            } @else {
                p { (inside) }
            }
            @if sentences.iter().any(|s| !s.findings.is_empty()) {
                div.notes {
                    @for sentence in sentences.iter().filter(|s| !s.findings.is_empty()) {
                        (note(view, number, sentence))
                    }
                }
            }
        }
    }
}

/// A sentence in the text.
fn quoted(number: usize, sentence: &SentenceRecord) -> Markup {
    let prefix = prefix(number);
    let id = format!("{prefix}s{}", sentence.index);
    if sentence.findings.is_empty() {
        return html! { span.s id=(id) data-line=(sentence.line) { (sentence.text) } };
    }
    let has = |stance| sentence.findings.iter().any(|f| f.stance == stance);
    html! {
        mark.s.asserted[has(Stance::Asserted)].denied[has(Stance::Denied)]
            id=(id) tabindex="-1" data-line=(sentence.line)
            data-lead-in=[&sentence.lead_in] aria-describedby={ (prefix) "n" (sentence.index) }
        {
            @for (words, is_evidence) in pieces(sentence) {
                @if is_evidence { strong { (words) } } @else { (words) }
            }
        }
        a.ref href={ "#" (id) } aria-label={ "Sentence " (sentence.index) } { (sentence.index) }
    }
}

/// The findings of a sentence, beside the text.
fn note(view: &View, number: usize, sentence: &SentenceRecord) -> Markup {
    let prefix = prefix(number);
    let index = sentence.index;
    html! {
        div.note id={ (prefix) "n" (index) } data-for={ (prefix) "s" (index) } {
            a.ref href={ "#" (prefix) "s" (index) } aria-label={ "To sentence " (index) } { (index) }
            ul {
                @for finding in &sentence.findings { (item(view, finding)) }
            }
            button.copy.js type="button" aria-label={ "Copy quote of sentence " (index) } { "Copy quote" }
        }
    }
}

fn item(view: &View, finding: &FindingRecord) -> Markup {
    let probability = rounded(finding.probability);
    html! {
        li data-category=(finding.category) data-stance=(finding.stance) data-probability=(probability) {
            span.category { (view.scope.title_of(&finding.category)) } " "
            @if view.scope.labels().has_stance() {
                span.stance.(finding.stance.as_str()) { (finding.stance) } " "
            }
            span.probability { (format!("{probability:.2}")) }
        }
    }
}

/// The text cut where deciding words of any finding begin and end.
fn pieces(sentence: &SentenceRecord) -> Vec<(&str, bool)> {
    let text = sentence.text.as_str();
    let mut spans: Vec<&EvidenceRecord> =
        sentence.findings.iter().flat_map(|f| f.evidence.as_deref().unwrap_or_default()).collect();
    spans.sort_by_key(|span| (span.start, span.end));
    let mut pieces = Vec::new();
    let mut done = 0;
    for span in spans {
        let start = span.start.max(done);
        let (Some(before), Some(words)) = (text.get(done..start), text.get(start..span.end)) else {
            continue;
        };
        if words.is_empty() {
            continue;
        }
        pieces.push((before, false));
        pieces.push((words, true));
        done = span.end;
    }
    pieces.push((text.get(done..).unwrap_or_default(), false));
    pieces.retain(|(words, _)| !words.is_empty());
    pieces
}
