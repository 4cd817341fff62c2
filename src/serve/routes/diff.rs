//! `POST /v1/diff`: two editions of a document in; what changed in what they say, out.

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::Uri;
use bytes::Bytes;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::body::{self, Held};
use super::super::error::ApiError;
use super::super::state::{Session, Shared};
use super::output::{Asked, Categories, Output};
use super::upload::{self, NAME_BYTES, Upload};
use crate::classify::{Scores, input_of};
use crate::compare::record::{DiffRecord, Tool, categories};
use crate::compare::{Expected, Lexicon, Statement, align_statements, compare, statements};
use crate::document::Format;
use crate::encode::{Input, Windows};

/// The fields of the two editions, in a form and in JSON; also what they are called without a name.
const FIELDS: [&str; 2] = ["old", "new"];

/// The options of `fineprint diff`.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::serve) struct DiffQuery {
    /// Output only changes of these categories, separated by commas.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "ai-training,data-sale")]
    category: Categories,
    /// Output only changes of which the old or the new finding has at least this probability.
    #[param(minimum = 0.0, maximum = 1.0)]
    min_probability: Option<f32>,
    /// Compare documents in other languages than the model's too.
    #[serde(default)]
    any_language: bool,
}

/// Two editions of a document, as text; files go into a form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "old": {"text": "We never sell your data."},
    "new": {"text": "We may sell your data."},
}))]
pub(in crate::serve) struct DiffRequest {
    /// The old edition.
    #[serde(deserialize_with = "body::object")]
    old: Edition,
    /// The new edition.
    #[serde(deserialize_with = "body::object")]
    new: Edition,
}

/// An edition of a document.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Edition {
    /// What it is called in the answer; its extension may tell its format.
    #[schema(max_length = 1024)]
    name: Option<String>,
    /// The document.
    text: String,
    /// Its format; without, the name's extension or the text tells it.
    media_type: Option<MediaType>,
}

/// The format of a text.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
enum MediaType {
    #[serde(rename = "text/html")]
    Html,
    #[serde(rename = "text/markdown")]
    Markdown,
    #[serde(rename = "text/plain")]
    Plain,
}

/// Two editions of a document, as files of any format that is read.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the schema of a form, which is read part by part")]
pub(in crate::serve) struct DiffForm {
    /// The old edition.
    #[schema(value_type = String, format = Binary)]
    old: Bytes,
    /// The new edition.
    #[schema(value_type = String, format = Binary)]
    new: Bytes,
}

impl DiffQuery {
    fn of(uri: &Uri) -> Result<Self, ApiError> {
        let Query(query) = Query::try_from_uri(uri)
            .map_err(|error| ApiError::unprocessable("invalid_query", error.body_text()))?;
        Ok(query)
    }
}

impl Edition {
    fn upload(self, field: &str) -> Result<Upload, ApiError> {
        let name = self.name.filter(|name| !name.is_empty()).unwrap_or_else(|| field.to_owned());
        if name.len() > NAME_BYTES {
            let message = format!("the name of `{field}` has more than {NAME_BYTES} bytes");
            return Err(ApiError::unprocessable("invalid_request", message));
        }
        let format = self.media_type.map(|media_type| match media_type {
            MediaType::Html => Format::Html,
            MediaType::Markdown => Format::Markdown,
            MediaType::Plain => Format::Text,
        });
        Ok(Upload { name, format, bytes: self.text.into() })
    }
}

/// Compares two editions of a document, as `fineprint diff` does. Sentences are aligned by their
/// words: renumbering, dates, link targets, case, punctuation and reflow are no change.
#[utoipa::path(post, path = "/v1/diff", tag = "fineprint", params(DiffQuery),
    request_body(description = "The two editions: texts in JSON, or files in a form.", content(
        (DiffRequest = "application/json"),
        (DiffForm = "multipart/form-data"),
    )),
    responses((status = 200, description = "What changed.", body = DiffRecord)))]
pub(in crate::serve) async fn diff(
    State(app): State<Shared>,
    request: Request,
) -> Result<Json<DiffRecord>, ApiError> {
    let query = DiffQuery::of(request.uri())?;
    let opened = app.open()?;
    let held = body::read(&app, request, app.limits.document_bytes, "--max-document").await?;
    let uploads = editions(&held).await?;
    let session = opened.admit()?;
    let asked = Asked {
        categories: &query.category.0,
        min_probability: query.min_probability,
        ..Asked::default()
    };
    let output = Output::resolve(&asked, session.classifier()?)?;
    let bytes = uploads.iter().map(|upload| upload.bytes.len()).sum();
    let any_language = query.any_language;
    let (editions, windows) =
        session.parsing(bytes, move |session| read(session, uploads, any_language)).await?;
    let scores = session.scores(windows).await?;
    let record = move |session: &Session| record(session, editions, &scores, &output);
    session.parsing(bytes, record).await.map(Json)
}

/// The two editions of a body, the old one first.
async fn editions(held: &Held) -> Result<[Upload; 2], ApiError> {
    let [old, new] = FIELDS;
    if !upload::is_form(held) {
        let asked: DiffRequest = body::json(held)?;
        return Ok([asked.old.upload(old)?, asked.new.upload(new)?]);
    }
    let mut parts = upload::form(held, FIELDS.len()).await?;
    let mut take = |field: &str| {
        let at = parts.iter().position(|part| part.field.as_deref() == Some(field));
        let part = at.map(|at| parts.swap_remove(at)).ok_or_else(|| {
            let message = format!("the form has no part `{field}`: send one `old` and one `new`");
            ApiError::unprocessable("invalid_form", message)
        })?;
        let name = part.file.filter(|name| !name.is_empty()).unwrap_or_else(|| field.to_owned());
        Ok(Upload { name, format: part.format, bytes: part.bytes })
    };
    Ok([take(old)?, take(new)?])
}

/// An edition that was read: its name and its sentences.
type Read = (String, Vec<Statement>);

/// Reads both editions and cuts them into sentences, and those into sequences.
fn read(
    session: &Session,
    uploads: [Upload; 2],
    any_language: bool,
) -> Result<(Vec<Read>, Vec<Windows>), ApiError> {
    let mut lexicon = Lexicon::default();
    let mut editions = Vec::with_capacity(uploads.len());
    let mut windows = Vec::new();
    for (upload, field) in uploads.into_iter().zip(FIELDS) {
        let unreadable = |error| {
            ApiError::unprocessable("unreadable", format_args!("the {field} edition: {error}"))
        };
        let document = upload.parse(session.app(), None, false).map_err(unreadable)?;
        if !any_language
            && let Some(language) = document.language()
            && !upload::is_readable(session.classifier()?, &document)
        {
            let message = format!(
                "the {field} edition is written in {}, which the model does not read; \
                 any_language=true compares it all the same",
                language.name()
            );
            return Err(ApiError::unprocessable("other_language", message));
        }
        let statements = statements(&document, &mut lexicon);
        let inputs: Vec<Input<'_>> = statements.iter().map(|s| input_of(&s.sentence)).collect();
        windows.extend(session.encode(&inputs)?);
        editions.push((upload.name, statements));
    }
    Ok((editions, windows))
}

/// Compares the editions; `scores` are those of the old one's sentences and then the new one's.
fn record(
    session: &Session,
    mut editions: Vec<Read>,
    scores: &[Scores],
    output: &Output,
) -> Result<DiffRecord, ApiError> {
    let classifier = session.classifier()?;
    let all = editions.iter_mut().flat_map(|(_, statements)| statements);
    for (statement, scores) in all.zip(scores) {
        statement.findings = classifier.findings(scores);
    }
    let [(old_name, old), (new_name, new)] = editions.as_slice() else {
        return Err(ApiError::internal());
    };
    let comparison = compare(align_statements(old, new), old, new);
    let (labels, filter) = (classifier.labels(), output.filter());
    let mut changed =
        categories(&comparison, (old, new), labels, filter.min_probability, &Expected::default());
    if !filter.categories.is_empty() {
        let is_shown = |name: &str| {
            let mut shown = filter.categories.iter().filter_map(|&i| labels.categories().get(i));
            shown.any(|category| category.id == name)
        };
        changed.retain(|record| is_shown(&record.category));
    }
    let tool = Tool::of(classifier);
    Ok(DiffRecord::new(tool, (old_name, old), (new_name, new), &comparison, changed))
}
