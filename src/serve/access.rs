//! Around every request: its id, the log line, the counters, headers, and the errors' bodies.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::error::{ApiError, Dialect, render};
use super::state::Shared;

/// The header that carries a request's id.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken over from a client.
const ID_BYTES: usize = 64;

/// A request under way; dropped without an answer when its client leaves.
struct Entry {
    app: Shared,
    id: String,
    method: Method,
    route: String,
    start: Instant,
    is_answered: bool,
}

impl Entry {
    fn answered(mut self, response: &Response) {
        self.is_answered = true;
        let time = self.start.elapsed();
        let status = response.status().as_u16();
        let code = response.extensions().get::<ApiError>().map(|error| error.code);
        self.app.metrics.answered(&self.route, status, code, time);
        tracing::info!(
            target: "fineprint::access",
            id = %self.id,
            method = %self.method,
            route = %self.route,
            status,
            code,
            ms = time.as_secs_f64() * 1e3,
            "answered"
        );
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.app.metrics.in_flight.dec();
        if !self.is_answered {
            self.app.metrics.left.inc();
            tracing::info!(
                target: "fineprint::access",
                id = %self.id,
                method = %self.method,
                route = %self.route,
                ms = self.start.elapsed().as_secs_f64() * 1e3,
                "the client left"
            );
        }
    }
}

/// The outermost layer.
pub(super) async fn observe(State(app): State<Shared>, request: Request, next: Next) -> Response {
    app.metrics.in_flight.inc();
    // The path as sent may hold anything; the route is one of ours.
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str);
    let entry = Entry {
        id: id(request.headers()),
        method: method(request.method()),
        route: route.to_owned(),
        start: Instant::now(),
        is_answered: false,
        app: app.clone(),
    };
    let dialect = Dialect::of(request.method(), request.uri().path());
    let span = tracing::info_span!("request", id = %entry.id);
    let response = next.run(request).instrument(span).await;
    let mut response = render(response, dialect);
    let is_cut =
        matches!(response.status(), StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE);
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&entry.id) {
        headers.insert(REQUEST_ID, id);
    }
    if is_cut || app.is_draining() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    entry.answered(&response);
    response
}

/// A method of the standard; one that a client made up is not logged.
fn method(method: &Method) -> Method {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    known.into_iter().find(|known| known == method).unwrap_or(Method::TRACE)
}

/// The client's id for the request if it is a harmless one, else a new one.
fn id(headers: &HeaderMap) -> String {
    static RANDOM: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_harmless = |id: &&str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        (1..=ID_BYTES).contains(&id.len()) && id.bytes().all(allowed)
    };
    given.filter(is_harmless).map_or_else(
        || format!("{:016x}", RANDOM.hash_one(COUNT.fetch_add(1, Ordering::Relaxed))),
        str::to_owned,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_ids_are_kept_and_others_replaced() {
        let with = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            id(&headers)
        };
        assert_eq!(with(b"trace-1.a_B"), "trace-1.a_B");
        for bad in [&b"a b"[..], b"\"}", "é".as_bytes(), &[b'a'; 65], b""] {
            assert_eq!(with(bad).len(), 16);
        }
        assert_ne!(id(&HeaderMap::new()), id(&HeaderMap::new()));
    }
}
