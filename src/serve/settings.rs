//! How a server runs: where it listens, whom it answers, and every limit.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::limits;

use super::auth::Keys;

/// What a server needs to know beside its model.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub address: SocketAddr,
    /// The model's name under `/v2/models` and in `/info`.
    pub name: String,
    /// The keys that clients must show; without any, everybody is answered.
    pub keys: Keys,
    /// Origins of web pages that may call the server; none are let in by default.
    pub origins: Vec<String>,
    /// The program that reads PDFs when started with [`READ_PDF`](crate::batch::READ_PDF), each in
    /// a process of its own; none reads them here.
    pub pdf_reader: Option<PathBuf>,
    /// The limits.
    pub limits: Limits,
}

/// The bounds of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Time for a request's head, and between requests.
    pub head_time: Duration,
    /// Time for a request's body.
    pub body_time: Duration,
    /// Time for which an answer may be left unread.
    pub unread_time: Duration,
    /// Bytes of a body that is no document.
    pub body_bytes: usize,
    /// Bytes of a body with documents.
    pub document_bytes: usize,
    /// Texts in a request.
    pub texts: usize,
    /// Bytes of a text.
    pub text_bytes: usize,
    /// Tokens of a request.
    pub request_tokens: usize,
    /// Tokens that wait at once.
    pub queue_tokens: usize,
    /// The longest expected wait that a request is let in with.
    pub wait: Duration,
    /// Requests worked on at once.
    pub requests: usize,
    /// Time for a request as a whole.
    pub deadline: Duration,
    /// Time for accepted requests once the server was told to stop.
    pub grace: Duration,
    /// Tokens of a batch.
    pub batch_tokens: usize,
    /// How long a worker waits for a batch to fill.
    pub fill: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: limits::SERVE_CONNECTIONS,
            head_time: Duration::from_millis(limits::SERVE_HEAD_MS),
            body_time: Duration::from_millis(limits::SERVE_BODY_MS),
            unread_time: Duration::from_millis(limits::SERVE_UNREAD_MS),
            body_bytes: limits::SERVE_BODY_BYTES,
            document_bytes: limits::DOCUMENT_BYTES,
            texts: limits::SERVE_TEXTS,
            text_bytes: limits::SERVE_TEXT_BYTES,
            request_tokens: limits::SERVE_REQUEST_TOKENS,
            queue_tokens: limits::SERVE_QUEUE_TOKENS,
            wait: Duration::from_millis(limits::SERVE_WAIT_MS),
            requests: limits::SERVE_REQUESTS,
            deadline: Duration::from_millis(limits::SERVE_DEADLINE_MS),
            grace: Duration::from_millis(limits::SERVE_GRACE_MS),
            batch_tokens: crate::classify::EngineKind::Auto.token_budget(),
            fill: Duration::from_micros(limits::SERVE_FILL_US),
        }
    }
}

/// A limit as it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRow {
    /// The option that sets it; empty for one that is fixed.
    pub option: &'static str,
    /// Its value with its unit.
    pub value: String,
    /// What a client is answered that goes over it.
    pub answer: &'static str,
}

impl Limits {
    /// The longest time that all waiting work may take: a third of the deadline.
    ///
    /// Half of every batch is for whoever came first, so what is let in is done after twice that
    /// time at the latest, and a third is left for what was not foreseen.
    pub fn work(&self) -> Duration {
        self.deadline / 3
    }

    /// Every limit with its value and its answer.
    pub fn table(&self) -> Vec<LimitRow> {
        let seconds = |time: Duration| format!("{} s", time.as_secs_f64());
        let bytes = |n: usize| format!("{n} bytes");
        let row = |option, value, answer| LimitRow { option, value, answer };
        vec![
            row("--max-connections", self.connections.to_string(), "waits to be accepted"),
            row("", format!("{} headers", limits::SERVE_HEADERS), "431"),
            row("", format!("{} of head", bytes(limits::SERVE_HEAD_BYTES)), "431"),
            row("--head-timeout", seconds(self.head_time), "the connection is closed"),
            row("--body-timeout", seconds(self.body_time), "408"),
            row("--unread-timeout", seconds(self.unread_time), "the connection is closed"),
            row("--max-body", bytes(self.body_bytes), "413"),
            row("--max-document", bytes(self.document_bytes), "413"),
            row("", format!("{} of bodies at once", bytes(limits::SERVE_BODIES_BYTES)), "429"),
            row("--max-texts", format!("{} texts a request", self.texts), "422"),
            row("--max-text", bytes(self.text_bytes), "422"),
            row("", format!("{} documents a request", limits::SERVE_DOCUMENTS), "422"),
            row("--max-tokens", format!("{} tokens a request", self.request_tokens), "422"),
            row("--queue-tokens", format!("{} tokens waiting", self.queue_tokens), "429"),
            row("--max-wait", format!("{} expected", seconds(self.wait)), "429"),
            row("", format!("{} of work waiting", seconds(self.work())), "429"),
            row("--max-requests", format!("{} at once", self.requests), "429"),
            row("--deadline", seconds(self.deadline), "503"),
            row("--grace", seconds(self.grace), "what is unfinished is cut off"),
            row("--batch-tokens", format!("{} tokens", self.batch_tokens), "none: how work is cut"),
            row("--fill-wait", format!("{} us", self.fill.as_micros()), "none: how work is cut"),
        ]
    }
}
