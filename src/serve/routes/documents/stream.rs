//! Records sent while sentences are classified.

use std::io;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use tracing::Instrument;

use super::super::super::error::{ApiError, ErrorBody};
use super::super::super::queue::Ticket;
use super::super::super::state::{Session, failed, fault};
use super::super::output::Output;
use super::read::{Read, Text};
use super::{Line, ndjson, part_records, report};
use crate::classify::{Row, Scores};
use crate::report::record::Run;
use crate::report::{Part, Recorder};

/// Chunks that wait for the client to read them.
const CHUNKS: usize = 16;

/// The answer, written while it is read.
pub(super) fn answer(
    session: Session,
    run: Run,
    documents: Vec<Read>,
    output: Output,
    ticket: Ticket,
) -> Response {
    let (sender, body) = Channel::<Bytes, io::Error>::new(CHUNKS);
    let mut stream = Stream { session, output, sender, rows: Rows::new(ticket, &documents) };
    let writing = async move {
        if let Err(Stop::Failed(error)) = stream.write(run, documents).await {
            let body = ErrorBody { code: error.code.to_owned(), message: error.message };
            let line = Line::Error(body).bytes().unwrap_or_default();
            let _ = stream.sender.send_data(line.into()).await;
            // Without its end a client knows that the answer is not complete.
            stream.sender.abort(io::ErrorKind::UnexpectedEof.into());
        }
    };
    tokio::spawn(writing.instrument(tracing::Span::current()));
    ndjson(Body::new(body))
}

/// Why writing stopped.
enum Stop {
    /// The client left.
    Left,
    Failed(ApiError),
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

struct Stream {
    session: Session,
    output: Output,
    sender: Sender<Bytes, io::Error>,
    rows: Rows,
}

impl Stream {
    async fn send(&mut self, lines: Vec<u8>) -> Result<(), Stop> {
        self.sender.send_data(lines.into()).await.map_err(|_| Stop::Left)
    }

    async fn write(&mut self, run: Run, documents: Vec<Read>) -> Result<(), Stop> {
        self.send(Line::Run(run).bytes()?).await?;
        for read in documents {
            if matches!(read.text, Text::Read { .. }) {
                self.sentences(read).await?;
            } else {
                let report = report(&self.session, &read, &[], &self.output)?;
                self.send(Line::Document(report.document).bytes()?.repeat(2)).await?;
            }
        }
        Ok(())
    }

    /// Writes one document, its sentences as they come.
    async fn sentences(&mut self, read: Read) -> Result<(), Stop> {
        let Read { name, text: Text::Read { document, sentences, windows, .. } } = read else {
            return Ok(());
        };
        let mut record = Recorder::announced(&name, &document, sentences.len());
        self.send(Line::Document(record.clone()).bytes()?).await?;
        // Behind a lock of reference counts, for chunks may be recorded on another thread.
        let shared = std::sync::Arc::new((name, document, sentences));
        let mut first = 0;
        while first < windows.len() {
            let scores = self.rows.next(&self.session, &windows[first..]).await?;
            let end = first + scores.len();
            let (own, output) = (std::sync::Arc::clone(&shared), self.output.clone());
            let make = move |session: &Session| {
                let (name, document, sentences) = own.as_ref();
                let sentences = sentences.get(first..end).unwrap_or_default();
                let part = Part { name, document, sentences, first, scores: &scores };
                let records = part_records(session, &part, &output)?;
                let findings: usize = records.iter().map(|r| r.findings.len()).sum();
                let mut lines = Vec::new();
                for record in records {
                    lines.extend(Line::Sentence(record).bytes()?);
                }
                Ok((lines, findings))
            };
            let (lines, findings) = if self.output.explains() {
                self.session.blocking(make).await?
            } else {
                make(&self.session)?
            };
            record.finding_count += findings;
            if !lines.is_empty() {
                self.send(lines).await?;
            }
            first = end;
        }
        self.send(Line::Document(record).bytes()?).await
    }
}

/// Logits as they come, handed on in the order of the sequences.
struct Rows {
    ticket: Ticket,
    waiting: Vec<Option<Row>>,
    /// The first sequence that was not handed on.
    at: usize,
}

impl Rows {
    fn new(ticket: Ticket, documents: &[Read]) -> Self {
        let count = |read: &Read| match &read.text {
            Text::Read { windows, .. } => windows.iter().sum(),
            _ => 0,
        };
        let count: usize = documents.iter().map(count).sum();
        Self { ticket, waiting: vec![None; count], at: 0 }
    }

    /// The scores of at least one of the sentences that have so many sequences each.
    async fn next(
        &mut self,
        session: &Session,
        windows: &[usize],
    ) -> Result<Vec<Scores>, ApiError> {
        loop {
            let mut scores = Vec::new();
            for &count in windows {
                let own = self.waiting.get(self.at..self.at + count).unwrap_or_default();
                let own: Option<Vec<Row>> = own.iter().cloned().collect();
                let Some(own) = own else { break };
                scores.push(session.classifier()?.merge(&own).map_err(|error| failed(&error))?);
                self.at += count;
            }
            if !scores.is_empty() {
                return Ok(scores);
            }
            let first = session.within(self.ticket.next()).await?;
            let mut answer = Some(first.ok_or_else(ApiError::internal)?);
            while let Some(next) = answer {
                if let Some(slot) = self.waiting.get_mut(next.index) {
                    *slot = Some(next.row.map_err(fault)?);
                }
                answer = self.ticket.ready();
            }
        }
    }
}
