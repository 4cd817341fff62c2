//! From a request's body to documents cut into sentences and sequences.

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderValue, StatusCode, header};
use bytes::Bytes;

use super::super::super::body::{Held, media_type};
use super::super::super::error::ApiError;
use super::super::super::state::{Session, failed};
use super::query::DocumentsQuery;
use crate::classify::{Row, Scores, input_of};
use crate::document::{Document, Format, ParseOptions};
use crate::encode::{Encoded, Input};
use crate::limits::SERVE_DOCUMENTS;
use crate::segment::{Sentence, sentences};

/// Formats whose media types say only that the content tells what it is.
const TOLD_BY_CONTENT: [&str; 8] = [
    "",
    "application/octet-stream",
    "application/pdf",
    "application/rtf",
    "application/epub+zip",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    // What `curl --data-binary` says unless told otherwise.
    "application/x-www-form-urlencoded",
];

/// A document as it was sent.
#[derive(Debug)]
pub(super) struct Source {
    name: String,
    format: Option<Format>,
    pub(super) bytes: Bytes,
}

/// A document that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) name: String,
    pub(super) text: Text,
}

/// What became of a document.
#[derive(Debug)]
pub(super) enum Text {
    /// It cannot be read, and why.
    Failed(String),
    /// It is in another language than the model's; so many sentences.
    OtherLanguage(Document, usize),
    /// It is to be classified.
    Read {
        document: Document,
        sentences: Vec<Sentence>,
        /// Until they are taken.
        sequences: Vec<Encoded>,
        /// How many sequences each sentence has.
        windows: Vec<usize>,
    },
}

impl Read {
    pub(super) fn take_sequences(&mut self) -> Vec<Encoded> {
        match &mut self.text {
            Text::Read { sequences, .. } => std::mem::take(sequences),
            _ => Vec::new(),
        }
    }

    /// The scores of the sentences from the next rows.
    pub(super) fn scores(
        &self,
        session: &Session,
        rest: &mut &[Row],
    ) -> Result<Vec<Scores>, ApiError> {
        let Text::Read { windows, .. } = &self.text else { return Ok(Vec::new()) };
        let classifier = session.classifier()?;
        let one = |&count: &usize| {
            let (own, after) = rest.split_at_checked(count).ok_or_else(ApiError::internal)?;
            *rest = after;
            classifier.merge(own).map_err(|error| failed(&error))
        };
        windows.iter().map(one).collect()
    }
}

/// The documents of a body.
pub(super) async fn sources(held: Held, query: &DocumentsQuery) -> Result<Vec<Source>, ApiError> {
    let kind = media_type(&held.headers);
    if kind != "multipart/form-data" {
        let format = format_of(&kind)?;
        return Ok(vec![Source { name: query.name().to_owned(), format, bytes: held.bytes }]);
    }
    let malformed = || ApiError::bad_request("invalid_form", "the form is malformed");
    let content_type =
        held.headers.get(header::CONTENT_TYPE).cloned().unwrap_or(HeaderValue::from_static(""));
    let mut request = Request::new(Body::from(held.bytes.clone()));
    request.headers_mut().insert(header::CONTENT_TYPE, content_type);
    *request.extensions_mut() = held.extensions.clone();
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| malformed())?;
    let mut sources = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|_| malformed())? {
        if sources.len() == SERVE_DOCUMENTS {
            let message = format!("a form has at most {SERVE_DOCUMENTS} documents");
            return Err(ApiError::unprocessable("too_many_documents", message));
        }
        let name = field.file_name().or(field.name()).unwrap_or(query.name()).to_owned();
        let kind = field.content_type().unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        // A part that says nothing of its type is plain text by the standard; a file is told by
        // its extension and its look.
        let format = format_of(&kind)?;
        let bytes = field.bytes().await.map_err(|_| malformed())?;
        sources.push(Source { name, format, bytes });
    }
    if sources.is_empty() {
        return Err(ApiError::bad_request("empty", "the form has no document"));
    }
    Ok(sources)
}

/// The format that a media type stands for; `None` where extension and content tell it.
fn format_of(kind: &str) -> Result<Option<Format>, ApiError> {
    match kind {
        "text/html" | "application/xhtml+xml" => Ok(Some(Format::Html)),
        "text/markdown" | "text/x-markdown" => Ok(Some(Format::Markdown)),
        "text/plain" => Ok(Some(Format::Text)),
        other if TOLD_BY_CONTENT.contains(&other) => Ok(None),
        _ => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_type",
            "send a document as text/html, text/markdown, text/plain, application/octet-stream \
             (its content tells the format) or as a part of multipart/form-data",
        )),
    }
}

/// Reads documents and cuts them into sentences and sequences.
pub(super) fn read(
    session: &Session,
    sources: Vec<Source>,
    query: &DocumentsQuery,
) -> Result<Vec<Read>, ApiError> {
    sources.into_iter().map(|source| one(session, source, query)).collect()
}

fn one(session: &Session, source: Source, query: &DocumentsQuery) -> Result<Read, ApiError> {
    let Source { name, format, bytes } = source;
    let forced = query.format().ok().flatten();
    let options =
        ParseOptions { format: forced.or(format), name: Some(name.clone()), lines: query.lines() };
    let document = match Document::parse_with(&bytes, &options) {
        Ok(document) => document,
        Err(error) => return Ok(Read { name, text: Text::Failed(error.to_string()) }),
    };
    let sentences = sentences(&document);
    let language = &session.classifier()?.settings().language;
    let is_readable = query.any_language()
        || language.is_empty()
        || document.language().is_none_or(|found| found.code() == language);
    if !is_readable {
        return Ok(Read { name, text: Text::OtherLanguage(document, sentences.len()) });
    }
    let inputs: Vec<Input<'_>> = sentences.iter().map(input_of).collect();
    let encoded = session.encode(&inputs)?;
    let windows = encoded.iter().map(|encoded| encoded.windows.len()).collect();
    let sequences = encoded.into_iter().flat_map(|encoded| encoded.windows).collect();
    Ok(Read { name, text: Text::Read { document, sentences, sequences, windows } })
}
