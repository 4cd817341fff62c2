//! The options of a document, in the query.

use axum::extract::Query;
use axum::http::Uri;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::super::error::ApiError;
use super::super::output::{Asked, Categories};
use super::super::upload::NAME_BYTES;
use crate::document::Format;
use crate::label::Stance;
use crate::report::record::RunOptions;

/// What a document without a name is called.
const NAME: &str = "document";

/// The options of `fineprint classify`.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[expect(clippy::struct_excessive_bools, reason = "options as given; they are resolved at once")]
pub(in crate::serve) struct DocumentsQuery {
    /// What the document is called in the answer; its extension may tell its format.
    #[param(max_length = 1024)]
    name: Option<String>,
    /// The format of all documents, instead of telling it by type, extension and content.
    #[param(example = "markdown", pattern = "^(markdown|html|text|docx|pdf)$")]
    input_format: Option<String>,
    /// Take every line as one ready-made sentence.
    #[serde(default)]
    lines: bool,
    /// Classify documents in other languages than the model's too.
    #[serde(default)]
    any_language: bool,
    /// Output only findings of these categories, separated by commas.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "ai-training,data-sale")]
    category: Categories,
    /// Output only findings of this stance.
    stance: Option<Stance>,
    /// Output only findings of at least this probability.
    #[param(minimum = 0.0, maximum = 1.0)]
    min_probability: Option<f32>,
    /// Output every sentence, also those without findings.
    #[serde(default)]
    all_sentences: bool,
    /// Mark the words that decided each finding; takes many times as long.
    #[serde(default)]
    explain: bool,
    /// Output the probabilities of all categories with each sentence.
    #[serde(default)]
    probabilities: bool,
}

impl DocumentsQuery {
    pub(super) fn of(uri: &Uri) -> Result<Self, ApiError> {
        let wrong = |message: String| ApiError::unprocessable("invalid_query", message);
        let Query(query) =
            Query::<Self>::try_from_uri(uri).map_err(|error| wrong(error.body_text()))?;
        if query.name.as_ref().is_some_and(|name| name.len() > NAME_BYTES) {
            return Err(wrong(format!("the name has more than {NAME_BYTES} bytes")));
        }
        query.format().map_err(wrong)?;
        Ok(query)
    }

    /// The format forced upon all documents.
    pub(super) fn format(&self) -> Result<Option<Format>, String> {
        let Some(name) = &self.input_format else { return Ok(None) };
        name.parse().map(Some).map_err(|error: crate::document::UnknownFormat| error.to_string())
    }

    pub(super) fn name(&self) -> &str {
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(NAME)
    }

    pub(super) fn lines(&self) -> bool {
        self.lines
    }

    pub(super) fn any_language(&self) -> bool {
        self.any_language
    }

    pub(super) fn asked(&self) -> Asked<'_> {
        Asked {
            categories: &self.category.0,
            stance: self.stance,
            min_probability: self.min_probability,
            all_sentences: self.all_sentences,
            explain: self.explain,
            probabilities: self.probabilities,
        }
    }

    pub(super) fn run_options(&self) -> RunOptions {
        RunOptions {
            input_format: self.format().ok().flatten().map(|format| format.to_string()),
            lines: self.lines,
            text_column: None,
            any_language: self.any_language,
            category: self.category.0.clone(),
            stance: self.stance,
            min_probability: self.min_probability,
            all_sentences: self.all_sentences,
            explain: self.explain,
            probabilities: self.probabilities,
        }
    }
}
