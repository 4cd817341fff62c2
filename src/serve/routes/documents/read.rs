//! From a request's body to documents cut into sentences and sequences.

use super::super::super::body::{Held, media_type};
use super::super::super::error::ApiError;
use super::super::super::state::{Session, failed};
use super::super::upload::{self, Part, Upload};
use super::query::DocumentsQuery;
use crate::classify::{Row, Scores, input_of};
use crate::document::Document;
use crate::encode::{Encoded, Input};
use crate::limits::SERVE_DOCUMENTS;
use crate::segment::{Sentence, sentences};

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
pub(super) async fn uploads(held: Held, query: &DocumentsQuery) -> Result<Vec<Upload>, ApiError> {
    if !upload::is_form(&held) {
        let format = upload::format_of(&media_type(&held.headers))?;
        return Ok(vec![Upload { name: query.name().to_owned(), format, bytes: held.bytes }]);
    }
    let named = |part: Part| {
        let name = part.file.or(part.field).unwrap_or_else(|| query.name().to_owned());
        Upload { name, format: part.format, bytes: part.bytes }
    };
    let parts = upload::form(&held, SERVE_DOCUMENTS).await?;
    Ok(parts.into_iter().map(named).collect())
}

/// Reads documents and cuts them into sentences and sequences.
pub(super) fn read(
    session: &Session,
    uploads: Vec<Upload>,
    query: &DocumentsQuery,
) -> Result<Vec<Read>, ApiError> {
    uploads.into_iter().map(|upload| one(session, upload, query)).collect()
}

fn one(session: &Session, upload: Upload, query: &DocumentsQuery) -> Result<Read, ApiError> {
    let forced = query.format().ok().flatten();
    let document = match upload.parse(session.app(), forced, query.lines()) {
        Ok(document) => document,
        Err(error) => return Ok(Read { name: upload.name, text: Text::Failed(error) }),
    };
    let name = upload.name;
    let sentences = sentences(&document);
    if !(query.any_language() || upload::is_readable(session.classifier()?, &document)) {
        return Ok(Read { name, text: Text::OtherLanguage(document, sentences.len()) });
    }
    let inputs: Vec<Input<'_>> = sentences.iter().map(input_of).collect();
    let encoded = session.encode(&inputs)?;
    let windows = encoded.iter().map(|encoded| encoded.windows.len()).collect();
    let sequences = encoded.into_iter().flat_map(|encoded| encoded.windows).collect();
    Ok(Read { name, text: Text::Read { document, sentences, sequences, windows } })
}
