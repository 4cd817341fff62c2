//! Errors as clients see them: one type, written in the dialect of the route.

use std::fmt::Display;

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::classify::ClassifyError;
use crate::limits::SERVE_MESSAGE_BYTES;

/// Why a server could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; --listen takes another address")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The operating system gives no threads or no signals.
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
    /// The model cannot be loaded.
    #[error(transparent)]
    Model(#[from] ClassifyError),
    /// The metrics cannot be registered.
    #[error("cannot set up metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Loading the model ended in a panic.
    #[error("the model could not be loaded: an internal error of fineprint")]
    Loading,
}

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    /// A stable name for programs, from a fixed set.
    pub(super) code: &'static str,
    /// For people; at most [`SERVE_MESSAGE_BYTES`] long, and never logged.
    pub(super) message: String,
    /// Seconds after which to try again.
    pub(super) retry_after: Option<u64>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Display) -> Self {
        let mut message = message.to_string();
        message.truncate(message.floor_char_boundary(SERVE_MESSAGE_BYTES));
        Self { status, code, message, retry_after: None }
    }

    /// The request is well-formed but cannot be worked on.
    pub(super) fn unprocessable(code: &'static str, message: impl Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    pub(super) fn bad_request(code: &'static str, message: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A fault of ours; what it was is logged and not told.
    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "an internal error of fineprint; the log has it under this request's id",
        )
    }

    /// There is more to do than can be done.
    pub(super) fn overloaded(message: impl Display, retry_after: u64) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "overloaded", message);
        Self { retry_after: Some(retry_after.clamp(1, 60)), ..error }
    }

    /// The server does not work on requests now.
    pub(super) fn unavailable(code: &'static str, message: impl Display) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
        Self { retry_after: Some(1), ..error }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such path; /docs lists them")
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "this path has other methods; the header Allow lists them",
        )
    }
}

impl IntoResponse for ApiError {
    /// The body is written by [`render`], which knows the path.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// How the routes of a path say that something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Native,
    Tei,
    KServe,
}

impl Dialect {
    pub(super) fn of(method: &Method, path: &str) -> Self {
        match path {
            "/predict" | "/tokenize" | "/info" | "/health" | "/ping" => Self::Tei,
            "/" if method == Method::POST => Self::Tei,
            "/v2" => Self::KServe,
            _ if path.starts_with("/v2/") => Self::KServe,
            _ => Self::Native,
        }
    }
}

/// An error of the native routes.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct NativeError {
    pub(super) error: ErrorBody,
}

/// What went wrong.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct ErrorBody {
    /// A stable name for programs.
    #[schema(example = "invalid_request")]
    pub(super) code: String,
    /// For people; at most 256 bytes.
    #[schema(max_length = 256)]
    pub(super) message: String,
}

/// An error as text-embeddings-inference writes it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TeiError {
    /// For people; at most 256 bytes.
    #[schema(max_length = 256)]
    pub(super) error: String,
    pub(super) error_type: TeiErrorType,
}

/// The kinds of error of text-embeddings-inference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(super) enum TeiErrorType {
    Unhealthy,
    Backend,
    Overloaded,
    Validation,
    Tokenizer,
    Empty,
}

/// An error of the Open Inference Protocol.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KServeError {
    /// For people; at most 256 bytes.
    #[schema(max_length = 256)]
    pub(super) error: String,
}

/// The status and kind by which text-embeddings-inference tells an error.
fn tei(error: &ApiError) -> (StatusCode, TeiErrorType) {
    match error.status {
        // Its name for a model that failed.
        StatusCode::INTERNAL_SERVER_ERROR => (StatusCode::FAILED_DEPENDENCY, TeiErrorType::Backend),
        StatusCode::TOO_MANY_REQUESTS => (error.status, TeiErrorType::Overloaded),
        StatusCode::SERVICE_UNAVAILABLE => (error.status, TeiErrorType::Unhealthy),
        status => match error.code {
            "empty" => (status, TeiErrorType::Empty),
            "tokenizer" => (status, TeiErrorType::Tokenizer),
            _ => (status, TeiErrorType::Validation),
        },
    }
}

/// Writes the body of a response that stands for an error; others pass as they are.
pub(super) fn render(response: Response, dialect: Dialect) -> Response {
    let Some(error) = response.extensions().get::<ApiError>().cloned() else { return response };
    let message = error.message.clone();
    let mut rendered = match dialect {
        Dialect::Native => {
            let error = ErrorBody { code: error.code.to_owned(), message };
            (response.status(), Json(NativeError { error })).into_response()
        }
        Dialect::Tei => {
            let (status, error_type) = tei(&error);
            (status, Json(TeiError { error: message, error_type })).into_response()
        }
        Dialect::KServe => {
            (response.status(), Json(KServeError { error: message })).into_response()
        }
    };
    let (parts, _) = response.into_parts();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_LENGTH && name != header::CONTENT_TYPE {
            rendered.headers_mut().append(name, value.clone());
        }
    }
    if let Some(seconds) = error.retry_after {
        rendered.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    rendered.extensions_mut().insert(error);
    rendered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_between_characters() {
        let error = ApiError::bad_request("x", "é".repeat(300));
        assert_eq!(error.message.len(), 256);
        let error = ApiError::bad_request("x", format!("a{}", "é".repeat(300)));
        assert_eq!(error.message.len(), 255);
    }

    #[test]
    fn each_family_of_routes_has_its_dialect() {
        let of = |method, path| Dialect::of(&method, path);
        assert_eq!(of(Method::POST, "/"), Dialect::Tei);
        assert_eq!(of(Method::GET, "/"), Dialect::Native);
        assert_eq!(of(Method::POST, "/predict"), Dialect::Tei);
        assert_eq!(of(Method::GET, "/v2"), Dialect::KServe);
        assert_eq!(of(Method::GET, "/v2/models/x"), Dialect::KServe);
        assert_eq!(of(Method::GET, "/v21"), Dialect::Native);
        assert_eq!(of(Method::POST, "/v1/classify"), Dialect::Native);
    }

    #[test]
    fn a_failed_model_is_424_in_the_dialect_that_knows_it() {
        let response = render(ApiError::internal().into_response(), Dialect::Tei);
        assert_eq!(response.status(), StatusCode::FAILED_DEPENDENCY);
        let response = render(ApiError::internal().into_response(), Dialect::Native);
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let response = render(ApiError::overloaded("full", 500).into_response(), Dialect::KServe);
        assert_eq!(response.headers()[header::RETRY_AFTER], "60");
    }
}
