//! Reading a request's body: in bytes, in time, in memory, and as JSON.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::error::ApiError;
use super::state::{App, BODY_UNIT};

/// A body that is too long is read on for so long, for a client that is refused while it still
/// sends may not see the answer.
const DISCARD_TIME: Duration = Duration::from_secs(1);
/// So many times the limit are discarded.
const DISCARD_FACTOR: usize = 8;

/// A body in memory, counted while it is held.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) headers: HeaderMap,
    /// What the layers put beside the request.
    pub(super) extensions: Extensions,
    pub(super) bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most `most` bytes, which `option` sets.
pub(super) async fn read(
    app: &App,
    request: Request,
    most: usize,
    option: &str,
) -> Result<Held, ApiError> {
    let (parts, mut body) = request.into_parts();
    let headers = parts.headers;
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_encoding",
            "compressed bodies are not read: send it without Content-Encoding",
        ));
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared: Option<usize> = declared.and_then(|text| text.parse().ok());
    let reading = async {
        let mut memory: Option<OwnedSemaphorePermit> = None;
        let mut bytes = BytesMut::new();
        let mut is_over = declared.is_some_and(|length| length > most);
        while !is_over && let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                ApiError::bad_request("incomplete_body", "the body ended early or is malformed")
            })?;
            let Ok(data) = frame.into_data() else { continue };
            is_over = bytes.len() + data.len() > most;
            hold(app, &mut memory, bytes.len() + data.len())?;
            bytes.extend_from_slice(&data);
        }
        if is_over {
            drop((memory, bytes));
            let _ = timeout(DISCARD_TIME, discard(&mut body, most.saturating_mul(DISCARD_FACTOR)))
                .await;
            let message = format!("the body has more than {most} bytes ({option})");
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message));
        }
        Ok((bytes.freeze(), memory))
    };
    let (bytes, memory) = timeout(app.limits.body_time, reading).await.map_err(|_| {
        let limit = app.limits.body_time.as_secs_f64();
        let message = format!("the body took longer than {limit} s (--body-timeout)");
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message)
    })??;
    Ok(Held { headers, extensions: parts.extensions, bytes, _memory: memory })
}

/// Counts the memory that `length` bytes take.
fn hold(
    app: &App,
    memory: &mut Option<OwnedSemaphorePermit>,
    length: usize,
) -> Result<(), ApiError> {
    let units = length.div_ceil(BODY_UNIT);
    let more = units.saturating_sub(memory.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
    if more == 0 {
        return Ok(());
    }
    let permit = u32::try_from(more)
        .ok()
        .and_then(|more| Arc::clone(&app.bodies).try_acquire_many_owned(more).ok())
        .ok_or_else(|| ApiError::overloaded("too much is being sent by others", 1))?;
    match memory {
        Some(memory) => memory.merge(permit),
        None => *memory = Some(permit),
    }
    Ok(())
}

async fn discard(body: &mut Body, most: usize) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > most {
            return;
        }
    }
}

/// The essence of a media type, lower-case, without parameters; empty where there is none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Reads JSON that is sent as such.
pub(super) fn json<T: DeserializeOwned>(held: &Held) -> Result<T, ApiError> {
    if media_type(&held.headers) != "application/json" {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_type",
            "send the body as `Content-Type: application/json`",
        ));
    }
    parse(&held.bytes)
}

/// Reads a JSON object.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let wrong = |error: serde_json::Error| match error.classify() {
        Category::Data => ApiError::unprocessable("invalid_request", error),
        _ => ApiError::bad_request("invalid_json", error),
    };
    // Serde would also take an object's fields in a list.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(wrong)?;
        return Err(ApiError::unprocessable("invalid_request", "the body is no JSON object"));
    }
    serde_json::from_slice(bytes).map_err(wrong)
}

/// Reads an object inside of one, for `deserialize_with`: Serde would also take its fields in a
/// list.
pub(super) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_map(Object(PhantomData))
}
