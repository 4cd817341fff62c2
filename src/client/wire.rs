//! What goes over the wire: the options of a document, and the answers.

use serde::Deserialize;

use crate::label::Stance;
use crate::report::DocumentReport;
use crate::report::record::{DocumentRecord, Run, RunOptions, SentenceRecord};

/// Longest name that is sent in bytes; of a longer one its end, which has the extension.
const NAME_BYTES: usize = 1024;

/// The options of a document as the parts of a query.
pub(super) fn query(options: &RunOptions, name: &str) -> Vec<(&'static str, String)> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let from = name.ceil_char_boundary(name.len().saturating_sub(NAME_BYTES));
    let mut query = vec![("name", name.get(from..).unwrap_or_default().to_owned())];
    if let Some(format) = &options.input_format {
        query.push(("input_format", format.clone()));
    }
    if !options.category.is_empty() {
        query.push(("category", options.category.join(",")));
    }
    if let Some(stance) = options.stance {
        query.push(("stance", stance.to_string()));
    }
    if let Some(probability) = options.min_probability {
        query.push(("min_probability", probability.to_string()));
    }
    for (option, is_set) in [
        ("lines", options.lines),
        ("any_language", options.any_language),
        ("all_sentences", options.all_sentences),
        ("explain", options.explain),
        ("probabilities", options.probabilities),
    ] {
        if is_set {
            query.push((option, "true".to_owned()));
        }
    }
    query
}

/// The answer of `/v1/model`, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Model {
    pub(super) run: Run,
}

/// The answer of `/v1/documents`.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) run: Run,
    pub(super) documents: Vec<Nested>,
}

/// A document with its sentences inside.
#[derive(Debug, Deserialize)]
pub(super) struct Nested {
    #[serde(flatten)]
    document: DocumentRecord,
    sentences: Vec<SentenceRecord>,
}

impl Nested {
    /// The report, under the name that the document has here.
    pub(super) fn into_report(self, name: &str, categories: &[String]) -> DocumentReport {
        let Self { mut document, mut sentences } = self;
        name.clone_into(&mut document.document);
        let mut asserted = vec![0; categories.len()];
        for sentence in &mut sentences {
            name.clone_into(&mut sentence.document);
            for finding in sentence.findings.iter().filter(|f| f.stance == Stance::Asserted) {
                let index = categories.iter().position(|category| *category == finding.category);
                if let Some(count) = index.and_then(|index| asserted.get_mut(index)) {
                    *count += 1;
                }
            }
        }
        DocumentReport { document, sentences, asserted }
    }
}

/// The body of an error.
#[derive(Debug, Deserialize)]
#[serde(from = "FailureBody")]
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
struct FailureBody {
    error: FailureFields,
}

#[derive(Debug, Deserialize)]
struct FailureFields {
    code: String,
    message: String,
}

impl From<FailureBody> for Failure {
    fn from(body: FailureBody) -> Self {
        Self { code: body.error.code, message: body.error.message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_a_query_and_paths_stay_at_home() {
        let options = RunOptions {
            category: vec!["a".into(), "b".into()],
            stance: Some(Stance::Denied),
            min_probability: Some(0.25),
            explain: true,
            ..RunOptions::default()
        };
        let parts: Vec<String> = query(&options, "/home/me/secret/terms.md")
            .into_iter()
            .map(|(option, value)| format!("{option}={value}"))
            .collect();
        let expected = ["name=terms.md", "category=a,b", "stance=denied", "min_probability=0.25"];
        assert_eq!(parts[..4], expected);
        assert_eq!(parts[4..], ["explain=true"]);
        let long = format!("{}é.md", "é".repeat(600));
        let name = &query(&RunOptions::default(), &long)[0].1;
        assert!(name.len() <= NAME_BYTES && name.ends_with("é.md"));
    }
}
