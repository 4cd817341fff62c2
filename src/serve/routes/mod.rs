//! The routes, and what stands around all of them.

pub(super) mod classify;
pub(super) mod diff;
pub(super) mod documents;
pub(super) mod health;
pub(super) mod kserve;
pub(super) mod model;
mod output;
pub(super) mod page;
pub(super) mod tei;
mod upload;

use std::any::Any;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use super::access::{self, REQUEST_ID};
use super::auth;
use super::error::ApiError;
use super::state::Shared;

/// All routes. From the outside in: ids, log and error bodies; cross-origin rules; panics; keys.
pub(super) fn router(app: &Shared, origins: &[String]) -> Router {
    let router = Router::new()
        .route("/", get(page::index).post(tei::predict_root))
        .route("/docs", get(page::docs))
        .route("/openapi.json", get(page::openapi))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/v1/classify", post(classify::classify))
        .route("/v1/documents", post(documents::documents))
        .route("/v1/diff", post(diff::diff))
        .route("/v1/labels", get(model::labels))
        .route("/v1/model", get(model::model))
        .route("/predict", post(tei::predict))
        .route("/tokenize", post(tei::tokenize))
        .route("/info", get(tei::info))
        .route("/health", get(tei::health))
        .route("/ping", get(tei::ping))
        .route("/v2", get(kserve::server))
        .route("/v2/health/live", get(kserve::live))
        .route("/v2/health/ready", get(kserve::ready))
        .route("/v2/models/{name}", get(kserve::model))
        .route("/v2/models/{name}/ready", get(kserve::model_ready))
        .route("/v2/models/{name}/infer", post(kserve::infer))
        .route("/v2/models/{name}/versions/{version}", get(kserve::model_version))
        .route("/v2/models/{name}/versions/{version}/ready", get(kserve::version_ready))
        .route("/v2/models/{name}/versions/{version}/infer", post(kserve::infer_version))
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        // Bodies are read by `body::read`, under limits of their own.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), auth::require))
        .layer(CatchPanicLayer::custom(panicked));
    let router = if origins.is_empty() { router } else { router.layer(cross_origin(origins)) };
    router.layer(from_fn_with_state(app.clone(), access::observe)).with_state(app.clone())
}

/// A panic of a handler; the hook has logged where.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::internal().into_response()
}

/// Lets pages of these origins in, and no others.
fn cross_origin(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT])
        .expose_headers([REQUEST_ID, header::RETRY_AFTER])
}
