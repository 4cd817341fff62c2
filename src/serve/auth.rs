//! Keys: which clients are answered.

use std::fmt;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::error::ApiError;
use super::state::Shared;
use crate::limits::SERVE_KEYS;

/// Hashes of the keys; the keys themselves are not kept, and nothing here prints them.
#[derive(Clone, Default)]
pub struct Keys {
    hashes: Vec<[u8; 32]>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.hashes.len())
    }
}

impl Keys {
    /// Reads keys, one a line; empty lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// A message with the line's number (and never its text) when a key is too short or has
    /// characters that no header can carry, or there are none or too many.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (most, shortest) = SERVE_KEYS;
        let mut hashes = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let key = line.trim();
            if key.is_empty() || key.starts_with('#') {
                continue;
            }
            let number = number + 1;
            if key.len() < shortest {
                return Err(format!("line {number}: a key has at least {shortest} characters"));
            }
            if !key.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(format!("line {number}: a key is of visible ASCII characters"));
            }
            hashes.push(Sha256::digest(key.as_bytes()).into());
        }
        match hashes.len() {
            0 => Err("there is no key in it: write one a line".to_owned()),
            n if n > most => Err(format!("{n} keys are more than the limit of {most}")),
            _ => Ok(Self { hashes }),
        }
    }

    /// Whether clients are answered without a key.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether a header's value shows one of the keys, in a time that tells nothing of them.
    fn admit(&self, header: Option<&HeaderValue>) -> bool {
        let given = header.and_then(|value| value.as_bytes().split_first_chunk::<7>());
        let (scheme, key) = given.map_or((&[0; 7], &[][..]), |(scheme, key)| (scheme, key));
        let hash: [u8; 32] = Sha256::digest(key.trim_ascii()).into();
        let mut found = Choice::from(0);
        for own in &self.hashes {
            found |= own.ct_eq(&hash);
        }
        bool::from(found) && scheme.eq_ignore_ascii_case(b"bearer ")
    }
}

/// Whether a path is answered without a key: probes, and the pages' own files.
fn is_open(method: &Method, path: &str) -> bool {
    let reads = method == Method::GET || method == Method::HEAD;
    reads && matches!(path, "/" | "/docs" | "/livez" | "/readyz" | "/health" | "/ping")
}

/// Refuses requests without a key, whatever their path.
pub(super) async fn require(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let keys = &app.keys;
    let header = request.headers().get(header::AUTHORIZATION);
    if keys.is_empty() || is_open(request.method(), request.uri().path()) || keys.admit(header) {
        return next.run(request).await;
    }
    let mut refused = ApiError::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "a key is needed: send it as `Authorization: Bearer KEY`",
    )
    .into_response();
    refused.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_told_apart() {
        let keys = Keys::parse("# ours\n\nfirst-key-0123456\n  second-key-012345 \n").unwrap();
        let admit = |value: &str| keys.admit(Some(&HeaderValue::from_str(value).unwrap()));
        assert!(admit("Bearer first-key-0123456"));
        assert!(admit("bearer second-key-012345"));
        for wrong in [
            "first-key-0123456",
            "Basic  first-key-0123456",
            "Bearer first-key-0123457",
            "Bearer first-key-012345",
            "Bearer first-key-01234567",
            "Bearer # ours",
            "Bearer ",
            "",
        ] {
            assert!(!admit(wrong), "{wrong}");
        }
        assert!(!keys.admit(None));
        assert_eq!(format!("{keys:?}"), "Keys(2)");
    }

    #[test]
    fn bad_files_are_told_without_their_text() {
        for (text, expected) in [
            ("short\n", "line 1: a key has at least 16 characters"),
            ("# nothing\n", "there is no key"),
            ("a-good-key-0123456\nwith space 0123456789\n", "line 2: a key is of visible ASCII"),
        ] {
            let error = Keys::parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
