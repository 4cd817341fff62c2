//! Labels on spans of a document, brought down to its sentences.

use std::ops::Range;

use super::Imported;
use crate::document::{Document, Format, ParseOptions};
use crate::segment::sentences;

/// A label on a range of bytes.
pub(super) type Span = (Range<usize>, String);

/// The sentences of a text, each with the labels of the spans that it shares enough with: half of
/// the sentence, or half of the span.
///
/// Annotators seldom mark a sentence to the letter; a word that hangs over into the next one must
/// not label it. Sentences without labels are given too: they are what a model must leave alone.
pub(super) fn by_sentence(text: &str, spans: &[Span]) -> Result<Vec<Imported>, String> {
    let options = ParseOptions { format: Some(Format::Text), ..ParseOptions::default() };
    let document = Document::parse_with(text.as_bytes(), &options).map_err(|e| e.to_string())?;
    if document.text() != text {
        return Err("the text has characters that are not read as they stand".to_owned());
    }
    let found = sentences(&document).into_iter().map(|sentence| {
        let mut made = Imported {
            text: sentence.text,
            heading: sentence.section.last().cloned().unwrap_or_default(),
            lead_in: sentence.lead_in.map(|l| l.to_string()).unwrap_or_default(),
            ..Imported::default()
        };
        for (span, label) in spans {
            let shared = span
                .end
                .min(sentence.range.end)
                .saturating_sub(span.start.max(sentence.range.start));
            let shorter = span.len().min(sentence.range.len());
            if shared > 0 && 2 * shared >= shorter {
                made.add(label.as_str());
            }
        }
        made
    });
    Ok(found.collect())
}

/// Byte offsets of a text by number of character, or by number of UTF-16 unit.
pub(super) fn bytes_at(text: &str, start: usize, end: usize, utf16: bool) -> Option<Range<usize>> {
    let mut units = 0;
    let mut range = (None, None);
    for (at, c) in text.char_indices().chain([(text.len(), '\0')]) {
        if units == start {
            range.0 = range.0.or(Some(at));
        }
        if units == end {
            range.1 = range.1.or(Some(at));
        }
        units += if utf16 { c.len_utf16() } else { 1 };
    }
    match range {
        (Some(start), Some(end)) if start < end => Some(start..end),
        _ => None,
    }
}

/// The text of a piece of HTML, blocks separated by a space; what has no tags is left as it is.
pub(super) fn plain(html: &str) -> Result<String, String> {
    if !html.contains('<') && !html.contains('&') {
        return Ok(html.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    let options = ParseOptions { format: Some(Format::Html), ..ParseOptions::default() };
    let document = Document::parse_with(html.as_bytes(), &options).map_err(|e| e.to_string())?;
    let blocks: Vec<&str> = document.blocks().iter().map(|block| block.text.as_str()).collect();
    Ok(blocks.join(" ").split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_label_the_sentences_that_they_share_half_with() {
        let text = "We sell data. We keep logs. Hello there.";
        let span = |part: &str, label: &str| {
            let start = text.find(part).unwrap();
            (start..start + part.len(), label.to_owned())
        };
        // One word of a sentence; a sentence with a letter of the next; nothing.
        let spans =
            [span("data", "a"), span("We sell data. W", "b"), span("keep logs. Hello", "c")];
        let rows = by_sentence(text, &spans).unwrap();
        let labels: Vec<Vec<String>> = rows.iter().map(|r| r.labels.clone()).collect();
        assert_eq!(labels, [vec!["a", "b"], vec!["c"], vec![]]);
        assert_eq!(rows[2].text, "Hello there.");
    }

    #[test]
    fn offsets_are_counted_as_asked() {
        let text = "a😀b";
        assert_eq!(bytes_at(text, 2, 3, false), Some(5..6));
        assert_eq!(bytes_at(text, 3, 4, true), Some(5..6));
        assert_eq!(bytes_at(text, 2, 4, true), None);
        assert_eq!(bytes_at(text, 0, 9, false), None);
        assert_eq!(bytes_at(text, 1, 1, false), None);
    }

    #[test]
    fn markup_goes() {
        assert_eq!(plain("a  b\nc").unwrap(), "a b c");
        assert_eq!(plain("<p>A &amp; B</p><ul><li>c</li></ul>").unwrap(), "A & B c");
    }
}
