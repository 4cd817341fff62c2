//! Documents as clients send them: what a body or a part of a form holds, and its format.

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderValue, StatusCode, header};
use bytes::Bytes;

use super::super::body::{Held, media_type};
use super::super::error::ApiError;
use super::super::state::App;
use crate::batch::{Options, parse_document};
use crate::classify::Classifier;
use crate::document::{Document, Format, ParseOptions};

/// Longest name of a document in bytes.
pub(super) const NAME_BYTES: usize = 1024;
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
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) format: Option<Format>,
    pub(super) bytes: Bytes,
}

impl Upload {
    /// Reads it; `forced` is a format that goes before its own.
    pub(super) fn parse(
        &self,
        app: &App,
        forced: Option<Format>,
        lines: bool,
    ) -> Result<Document, String> {
        let options = Options {
            parse: ParseOptions { format: forced.or(self.format), name: None, lines },
            pdf_reader: app.pdf_reader.clone(),
            ..Options::default()
        };
        parse_document(&self.name, &self.bytes, &options)
    }
}

/// A part of a form.
#[derive(Debug)]
pub(super) struct Part {
    /// The name of its field.
    pub(super) field: Option<String>,
    /// The name of its file.
    pub(super) file: Option<String>,
    pub(super) format: Option<Format>,
    pub(super) bytes: Bytes,
}

/// Whether a body is a form.
pub(super) fn is_form(held: &Held) -> bool {
    media_type(&held.headers) == "multipart/form-data"
}

/// The parts of a form, at least one and at most `most`.
pub(super) async fn form(held: &Held, most: usize) -> Result<Vec<Part>, ApiError> {
    let malformed = || ApiError::bad_request("invalid_form", "the form is malformed");
    let content_type =
        held.headers.get(header::CONTENT_TYPE).cloned().unwrap_or(HeaderValue::from_static(""));
    let mut request = Request::new(Body::from(held.bytes.clone()));
    request.headers_mut().insert(header::CONTENT_TYPE, content_type);
    *request.extensions_mut() = held.extensions.clone();
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| malformed())?;
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|_| malformed())? {
        if parts.len() == most {
            let message = format!("the form has more than {most} documents");
            return Err(ApiError::unprocessable("too_many_documents", message));
        }
        let file = field.file_name().map(str::to_owned);
        let name = field.name().map(str::to_owned);
        let kind = field.content_type().unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        // A part that says nothing of its type is plain text by the standard; a file is told by
        // its extension and its look.
        let format = format_of(&kind)?;
        let bytes = field.bytes().await.map_err(|_| malformed())?;
        parts.push(Part { field: name, file, format, bytes });
    }
    if parts.is_empty() {
        return Err(ApiError::bad_request("empty", "the form has no document"));
    }
    Ok(parts)
}

/// The format that a media type stands for; `None` where extension and content tell it.
pub(super) fn format_of(kind: &str) -> Result<Option<Format>, ApiError> {
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

/// Whether the model reads the document's language.
pub(super) fn is_readable(classifier: &Classifier, document: &Document) -> bool {
    let language = &classifier.settings().language;
    language.is_empty() || document.language().is_none_or(|found| found.code() == language)
}
