//! `POST /v1/documents`: whole documents in; their sentences, placed and classified, out.
//!
//! As one JSON object, or as a stream of records while they come.

mod query;
mod read;
mod stream;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::body;
use super::super::error::ApiError;
use super::super::state::{Session, Shared};
use super::output::{Output, count};
use crate::classify::Scores;
use crate::encode::Input;
use crate::report::record::{DocumentRecord, Run, SentenceRecord};
use crate::report::{DocumentReport, Json, Part, Recorder, Report};
use query::DocumentsQuery;
use read::{Read, Text};

const NDJSON: &str = "application/x-ndjson";

/// What `fineprint classify --format json` gives.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct DocumentsResponse {
    /// What made the records.
    run: Run,
    /// The documents.
    documents: Vec<NestedDocument>,
}

/// A document with its sentences inside.
#[derive(Debug, Serialize, ToSchema)]
struct NestedDocument {
    /// The document.
    #[serde(flatten)]
    document: DocumentRecord,
    /// The sentences to output, in their order.
    sentences: Vec<SentenceRecord>,
}

/// A line of a streamed answer. The run comes first. A document's record comes before its
/// sentences, without findings counted, and again behind them, complete.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "record", rename_all = "lowercase")]
pub(in crate::serve) enum Line {
    /// What made the records.
    Run(Run),
    /// A document.
    Document(DocumentRecord),
    /// A sentence.
    Sentence(SentenceRecord),
    /// Why the stream ends early; the connection is then closed.
    Error(super::super::error::ErrorBody),
}

/// Classifies documents: one as the body, its format by `Content-Type` (or told by its look, for
/// `application/octet-stream`), or several as the parts of `multipart/form-data`.
#[utoipa::path(post, path = "/v1/documents", tag = "fineprint", params(DocumentsQuery),
    request_body(description = "The document, or a form whose parts are documents.", content(
        (String = "text/html"),
        (String = "text/markdown"),
        (String = "text/plain", example = "We never sell your personal information."),
        (Vec<u8> = "application/octet-stream"),
        (std::collections::BTreeMap<String, String> = "multipart/form-data"),
    )),
    responses((status = 200,
        description = "The documents and their sentences, as one object, or with `Accept: \
            application/x-ndjson` as one record a line, sent while sentences are classified.",
        content((DocumentsResponse = "application/json"), (Line = "application/x-ndjson")))))]
pub(in crate::serve) async fn documents(
    State(app): State<Shared>,
    request: Request,
) -> Result<Response, ApiError> {
    let query = DocumentsQuery::of(request.uri())?;
    let wants_stream = accepts_ndjson(request.headers());
    let opened = app.open()?;
    let held = body::read(&app, request, app.limits.document_bytes, "--max-document").await?;
    let uploads = read::uploads(held, &query).await?;
    let session = opened.admit()?;
    let classifier = session.classifier()?;
    let output = Output::resolve(&query.asked(), classifier)?;
    let run = Run::new(classifier, query.run_options());
    let bytes = uploads.iter().map(|upload| upload.bytes.len()).sum();
    let mut documents =
        session.parsing(bytes, move |session| read::read(session, uploads, &query)).await?;
    if let [Read { name: _, text: Text::Failed(reason) }] = documents.as_slice() {
        return Err(ApiError::unprocessable("unreadable", reason));
    }
    let sequences = documents.iter_mut().flat_map(Read::take_sequences).collect();
    let ticket = session.submit(sequences)?;
    if wants_stream {
        return Ok(stream::answer(session, run, documents, output, ticket));
    }
    let rows = session.within(ticket.all()).await?.map_err(super::super::state::fault)?;
    let explains = output.explains();
    let record = move |session: &Session| {
        let mut rest = rows.as_slice();
        let mut body = Vec::new();
        let mut json = Json::new(&mut body);
        json.begin(&run).map_err(|_| ApiError::internal())?;
        for document in &documents {
            let scores = document.scores(session, &mut rest)?;
            let report = report(session, document, &scores, &output)?;
            json.document(&report).map_err(|_| ApiError::internal())?;
        }
        json.end().map_err(|_| ApiError::internal())?;
        Ok(body)
    };
    let body = if explains { session.blocking(record).await? } else { record(&session)? };
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

fn accepts_ndjson(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(NDJSON))
}

fn ndjson(body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    response
}

/// The report of one document.
fn report(
    session: &Session,
    read: &Read,
    scores: &[Scores],
    output: &Output,
) -> Result<DocumentReport, ApiError> {
    let name = &read.name;
    match &read.text {
        Text::Failed(reason) => Ok(DocumentReport::failed(name, reason)),
        Text::OtherLanguage(document, sentences) => {
            Ok(Recorder::other_language(name, document, *sentences))
        }
        Text::Read { document, sentences, .. } => {
            let mut record = Recorder::announced(name, document, sentences.len());
            let part = Part { name, document, sentences, first: 0, scores };
            let sentences = part_records(session, &part, output)?;
            record.finding_count = sentences.iter().map(|sentence| sentence.findings.len()).sum();
            Ok(DocumentReport { document: record, sentences, asserted: Vec::new() })
        }
    }
}

/// The records of some sentences, counted.
fn part_records(
    session: &Session,
    part: &Part<'_>,
    output: &Output,
) -> Result<Vec<SentenceRecord>, ApiError> {
    let recorder = output.recorder(session.classifier()?);
    let score = |inputs: &[Input<'_>]| session.blocking_scores(inputs);
    let (records, _) = recorder.part(part, &score)?;
    count(&session.app().metrics, records.iter().flat_map(|record| &record.findings));
    Ok(records)
}

impl Line {
    /// The line, with its end.
    fn bytes(&self) -> Result<Vec<u8>, ApiError> {
        let mut line = serde_json::to_vec(self).map_err(|_| ApiError::internal())?;
        line.push(b'\n');
        Ok(line)
    }
}
