//! What can go wrong between a client and its server.

/// A server that cannot be reached, refuses, or is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address is none.
    #[error("`{0}` is no address of a server: http://HOST:PORT or https://HOST is expected")]
    Url(String),
    /// The certificates to trust are none.
    #[error("there is no certificate to trust: PEM with `BEGIN CERTIFICATE` is expected")]
    Roots,
    /// The key cannot be sent.
    #[error("the key has characters that cannot be sent")]
    Key,
    /// The server does not answer.
    #[error("cannot reach {server}: {source}")]
    Unreachable {
        /// Its address.
        server: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// The server refused.
    #[error("{server} refused ({status}, {code}): {message}")]
    Refused {
        /// Its address.
        server: String,
        /// The status of its answer.
        status: u16,
        /// The error's name.
        code: String,
        /// The error in words.
        message: String,
    },
    /// The answer is not that of `fineprint serve`.
    #[error("{server} answered something unexpected: {reason}; is it `fineprint serve`?")]
    Odd {
        /// Its address.
        server: String,
        /// What is odd.
        reason: String,
    },
}
