//! A client of `fineprint serve`: documents are sent, records come back.
//!
//! Blocking, with time-outs, and patient with a server that is busy: an answer of 429 or 503 is
//! waited out as its `Retry-After` says. Over HTTPS, where a proxy beside the server ends TLS, it
//! trusts Mozilla's authorities, or only those that it is given.

mod error;
mod wire;

use std::fmt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

pub use error::ClientError;

use crate::report::DocumentReport;
use crate::report::record::{Run, RunOptions};
use wire::{Answer, Failure, Model};

/// The time to connect.
const CONNECT: Duration = Duration::from_secs(10);
/// The time for a request as a whole; the server's own deadline is shorter.
const CALL: Duration = Duration::from_mins(5);
/// The server closes connections that are idle for longer than its own limit (5 s).
const IDLE: Duration = Duration::from_secs(2);
/// How long a busy server is waited for.
const PATIENCE: Duration = Duration::from_mins(5);
/// Largest answer in bytes: 1 GiB, for documents with all probabilities are long.
const ANSWER_BYTES: u64 = 1 << 30;

/// A server, and the key to show it.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    key: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_ref().map(|_| "…");
        f.debug_struct("Client")
            .field("base", &self.base)
            .field("key", &key)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the server at `url` (`http://host:port` or `https://host`), which nothing is
    /// sent to yet.
    ///
    /// # Errors
    /// [`ClientError::Url`] when that is no such URL, [`ClientError::Key`] when the key cannot be
    /// a header.
    pub fn new(url: &str, key: Option<&str>) -> Result<Self, ClientError> {
        Self::with_roots(url, key, RootCerts::WebPki)
    }

    /// As [`Client::new`], with the authorities of `pem` trusted in place of Mozilla's.
    ///
    /// # Errors
    /// As [`Client::new`], and [`ClientError::Roots`] when `pem` holds no certificate.
    pub fn trusting(url: &str, key: Option<&str>, pem: &[u8]) -> Result<Self, ClientError> {
        let mut roots: Vec<Certificate<'static>> = Vec::new();
        for item in parse_pem(pem) {
            if let PemItem::Certificate(root) = item.map_err(|_| ClientError::Roots)? {
                roots.push(root);
            }
        }
        if roots.is_empty() {
            return Err(ClientError::Roots);
        }
        Self::with_roots(url, key, RootCerts::from(roots))
    }

    fn with_roots(url: &str, key: Option<&str>, roots: RootCerts) -> Result<Self, ClientError> {
        let base = url.trim_end_matches('/');
        let host = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://"));
        let is_http = host.is_some_and(|host| !host.is_empty());
        if !is_http || base.contains(['?', '#']) || base.parse::<ureq::http::Uri>().is_err() {
            return Err(ClientError::Url(url.to_owned()));
        }
        let key = key.map(str::trim).filter(|key| !key.is_empty());
        if key.is_some_and(|key| !key.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(ClientError::Key);
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_age(IDLE)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(CALL))
            .user_agent(concat!("fineprint/", env!("CARGO_PKG_VERSION")))
            .build();
        let (base, key) = (base.to_owned(), key.map(str::to_owned));
        Ok(Self { agent: config.new_agent(), base, key })
    }

    /// The record of a run of the server's model with default options.
    ///
    /// # Errors
    /// [`ClientError`] when the server does not answer, refuses, or answers something else.
    pub fn run(&self) -> Result<Run, ClientError> {
        let mut answer = self.patiently(|headers| {
            let mut request = self.agent.get(format!("{}/v1/model", self.base));
            if let Some(own) = request.headers_mut() {
                own.extend(headers);
            }
            request.call()
        })?;
        let model: Model = self.read(&mut answer)?;
        Ok(model.run)
    }

    /// Sends a document and gives its records; what cannot be read as a document is a record of
    /// that, as on the command line.
    ///
    /// `name` is what the document is called in the records; of a path only the last component
    /// is sent.
    ///
    /// # Errors
    /// As [`Client::run`].
    pub fn document(
        &self,
        name: &str,
        bytes: &[u8],
        options: &RunOptions,
    ) -> Result<DocumentReport, ClientError> {
        let url = format!("{}/v1/documents", self.base);
        let sent = self.patiently(|headers| {
            let mut request = self.agent.post(&url).content_type("application/octet-stream");
            if let Some(own) = request.headers_mut() {
                own.extend(headers);
            }
            for (option, value) in wire::query(options, name) {
                request = request.query(option, value);
            }
            request.send(bytes)
        });
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(ClientError::Refused { code, message, .. }) if code == "unreadable" => {
                return Ok(DocumentReport::failed(name, &message));
            }
            Err(error) => return Err(error),
        };
        let mut answer: Answer = self.read(&mut answer)?;
        let run = answer.run;
        let document = answer.documents.pop().filter(|_| answer.documents.is_empty());
        let document = document.ok_or_else(|| self.odd("it has not one document"))?;
        Ok(document.into_report(name, &run.categories))
    }

    /// Sends a request until the server has time for it.
    fn patiently(
        &self,
        send: impl Fn(HeaderMap) -> Result<ureq::http::Response<Body>, ureq::Error>,
    ) -> Result<ureq::http::Response<Body>, ClientError> {
        let start = Instant::now();
        loop {
            let answer = send(self.headers()?);
            let mut answer = answer.map_err(|source| ClientError::Unreachable {
                server: self.base.clone(),
                source: Box::new(source),
            })?;
            let status = answer.status();
            if status.is_success() {
                return Ok(answer);
            }
            let wait = retry_after(status, answer.headers());
            match wait {
                Some(wait) if start.elapsed() + wait <= PATIENCE => sleep(wait),
                _ => {
                    let failure: Failure = self.read(&mut answer)?;
                    let Failure { code, message } = failure;
                    let server = self.base.clone();
                    return Err(ClientError::Refused {
                        server,
                        status: status.as_u16(),
                        code,
                        message,
                    });
                }
            }
        }
    }

    fn headers(&self) -> Result<HeaderMap, ClientError> {
        let mut headers = HeaderMap::new();
        if let Some(key) = &self.key {
            let mut value = ureq::http::HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| ClientError::Key)?;
            value.set_sensitive(true);
            headers.insert(ureq::http::header::AUTHORIZATION, value);
        }
        Ok(headers)
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        answer: &mut ureq::http::Response<Body>,
    ) -> Result<T, ClientError> {
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES);
        body.read_json().map_err(|error| self.odd(&error.to_string()))
    }

    fn odd(&self, reason: &str) -> ClientError {
        ClientError::Odd { server: self.base.clone(), reason: reason.to_owned() }
    }
}

/// How long to wait before trying again; `None` for an answer that will not change.
fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let seconds = headers.get(ureq::http::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(u64::clamp(seconds, 1, 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_keys_are_checked_before_anything_is_sent() {
        for good in ["http://127.0.0.1:8080", "http://host/", "http://[::1]:80", "https://host"] {
            assert!(Client::new(good, None).is_ok(), "{good}");
        }
        for bad in ["", "host:80", "https://", "http://", "https://a?b", "ftp://x", "http://a b"] {
            assert!(matches!(Client::new(bad, None), Err(ClientError::Url(_))), "{bad}");
        }
        assert!(matches!(Client::new("http://a", Some("a\nb")), Err(ClientError::Key)));
        for none in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
            let client = Client::trusting("https://a", None, none.as_bytes());
            assert!(matches!(client, Err(ClientError::Roots)), "{none}");
        }
        let client = Client::new("http://a", Some("secret-key-012345")).unwrap();
        assert!(!format!("{client:?}").contains("secret"));
    }

    #[test]
    fn only_a_busy_server_is_tried_again() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(StatusCode::SERVICE_UNAVAILABLE, &headers), None);
        headers.insert("retry-after", "7".parse().unwrap());
        let after = |status| retry_after(status, &headers);
        assert_eq!(after(StatusCode::TOO_MANY_REQUESTS), Some(Duration::from_secs(7)));
        assert_eq!(after(StatusCode::SERVICE_UNAVAILABLE), Some(Duration::from_secs(7)));
        assert_eq!(after(StatusCode::UNPROCESSABLE_ENTITY), None);
        headers.insert("retry-after", "9999".parse().unwrap());
        let long = retry_after(StatusCode::SERVICE_UNAVAILABLE, &headers);
        assert_eq!(long, Some(Duration::from_mins(1)));
    }
}
