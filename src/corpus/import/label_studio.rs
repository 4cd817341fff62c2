//! Label Studio's JSON export: a list of tasks, or one task a line.
//!
//! A task has its text in `data` (field `text` unless told otherwise) and `annotations`, one an
//! annotator, each with a list `result`. A result of type `choices` labels the whole text; one of
//! type `labels` labels a span, whose `start` and `end` count UTF-16 units, as the browser does. A
//! text with spans is cut into sentences. Cancelled annotations do not count; predictions are not
//! looked at.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde_json::Value;

use super::spans::{Span, by_sentence, bytes_at};
use super::table::{self, Object, name_of, text_of};
use super::{Imported, Options, Sink};
use crate::corpus::CorpusError;

/// Types of results that label spans, each with its labels under its own name.
const SPAN_TYPES: [&str; 2] = ["labels", "hypertextlabels"];

/// Reads an export; with several annotators a label counts when `agree` of them gave it.
///
/// # Errors
/// [`CorpusError`] with the row for a task without text or with a malformed result.
pub fn read(path: &Path, options: &Options, sink: &mut Sink) -> Result<(), CorpusError> {
    let field = options.text_field.as_deref().unwrap_or("text");
    let agree = options.agree.unwrap_or(1).max(1);
    table::for_each_row(path, sink, |task, sink| {
        let Some(Value::Object(data)) = task.get("data") else {
            return Err("missing field `data`: export as JSON, not as JSON-MIN".to_owned());
        };
        let text = text_of(data, field).map_err(|reason| {
            let known: Vec<&str> = data.keys().map(String::as_str).collect();
            format!("in `data`: {reason}; it has {} (see --text-field)", known.join(", "))
        })?;
        let annotations: Vec<&Object> = match task.get("annotations") {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_object).collect(),
            _ => return Err("missing field `annotations`".to_owned()),
        };
        let counted = annotations.iter().filter(|a| a.get("was_cancelled") != Some(&true.into()));
        let mut votes = Votes::default();
        let mut annotators = 0;
        for annotation in counted {
            annotators += 1;
            votes.count(annotation, &text)?;
        }
        if annotators == 0 {
            sink.drop("the task has no annotation");
            return Ok(());
        }
        let id = name_of(task, "id");
        for row in votes.rows(&text, agree, &id)? {
            sink.take(row);
        }
        Ok(())
    })
}

/// What the annotators of a task gave.
#[derive(Default)]
struct Votes {
    /// Annotators by label of the whole text.
    choices: BTreeMap<String, usize>,
    /// Spans of each annotator.
    spans: Vec<Vec<Span>>,
}

impl Votes {
    fn count(&mut self, annotation: &Object, text: &str) -> Result<(), String> {
        let Some(Value::Array(results)) = annotation.get("result") else {
            return Err("an annotation has no list `result`".to_owned());
        };
        let (mut choices, mut spans): (Vec<String>, Vec<Span>) = (Vec::new(), Vec::new());
        for result in results {
            let kind = result["type"].as_str().unwrap_or_default();
            let value = &result["value"];
            let has_range = !value["start"].is_null();
            if SPAN_TYPES.contains(&kind) || kind == "choices" && has_range {
                let range = range(value, text)?;
                let names = names(value, kind)?;
                spans.extend(names.into_iter().map(|name| (range.clone(), name)));
            } else if kind == "choices" {
                choices.extend(names(value, kind)?);
            }
            // Ratings, text areas, relations and the like are no labels.
        }
        choices.sort_unstable();
        choices.dedup();
        for choice in choices {
            *self.choices.entry(choice).or_default() += 1;
        }
        self.spans.push(spans);
        Ok(())
    }

    fn rows(&self, text: &str, agree: usize, id: &str) -> Result<Vec<Imported>, String> {
        if self.spans.iter().all(Vec::is_empty) {
            let mut row =
                Imported { id: id.to_owned(), text: text.to_owned(), ..Imported::default() };
            let agreed = self.choices.iter().filter(|(_, count)| **count >= agree);
            agreed.for_each(|(label, _)| row.add(label.as_str()));
            return Ok(vec![row]);
        }
        let mut counts: Vec<BTreeMap<String, usize>> = Vec::new();
        let mut rows = Vec::new();
        for spans in &self.spans {
            rows = by_sentence(text, spans)?;
            counts.resize_with(rows.len(), BTreeMap::new);
            for (row, counts) in rows.iter().zip(&mut counts) {
                for label in &row.labels {
                    *counts.entry(label.clone()).or_default() += 1;
                }
            }
        }
        for (row, counts) in rows.iter_mut().zip(counts) {
            row.labels = counts.into_iter().filter(|(_, n)| *n >= agree).map(|(l, _)| l).collect();
            id.clone_into(&mut row.document);
        }
        Ok(rows)
    }
}

fn names(value: &Value, kind: &str) -> Result<Vec<String>, String> {
    let list = value[kind].as_array().ok_or_else(|| format!("a result has no list `{kind}`"))?;
    list.iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("`{kind}` holds something that is no text"))
}

/// The bytes of a result's span, checked against the text that the export repeats, if it does.
fn range(value: &Value, text: &str) -> Result<Range<usize>, String> {
    let number = |field: &str| {
        let found = &value[field];
        // Spans of hypertext have paths for `start` and numbers under `globalOffsets`.
        let found = if found.is_u64() { found } else { &value["globalOffsets"][field] };
        found.as_u64().and_then(|n| usize::try_from(n).ok())
    };
    let (Some(start), Some(end)) = (number("start"), number("end")) else {
        return Err("a span has no numbers `start` and `end`".to_owned());
    };
    let quoted = value["text"].as_str();
    // Older versions counted characters; the repeated text tells.
    for utf16 in [true, false] {
        if let Some(range) = bytes_at(text, start, end, utf16)
            && quoted.is_none_or(|quoted| same(quoted, &text[range.clone()]))
        {
            return Ok(range);
        }
    }
    Err(match quoted {
        Some(quoted) => format!("the text from {start} to {end} is not `{quoted:.60}`"),
        None => format!("{start} to {end} is no range of the text"),
    })
}

/// Whether two texts are the same but for white space, which exports escape differently.
fn same(a: &str, b: &str) -> bool {
    let words = |text: &str| text.replace("\\n", " ").split_whitespace().collect::<String>();
    words(a) == words(b)
}
