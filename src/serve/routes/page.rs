//! The pages: a form at `/`, the documentation at `/docs`, and the OpenAPI document behind it.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse};

use super::super::openapi as api;
use super::super::state::Shared;
use crate::label::LabelSet;

/// Everything that a page needs is in the page, and it speaks to this server only.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

fn html(page: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page))
}

/// A page to paste a document into.
#[utoipa::path(get, path = "/", tag = "Pages",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")))]
pub(in crate::serve) async fn index() -> impl IntoResponse {
    html(include_str!("page.html"))
}

/// This documentation as a page.
#[utoipa::path(get, path = "/docs", tag = "Pages",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")))]
pub(in crate::serve) async fn docs() -> impl IntoResponse {
    static PAGE: LazyLock<String> = LazyLock::new(|| api::page(&api::document()));
    html(PAGE.as_str())
}

/// This documentation as OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "Pages",
    responses((status = 200, description = "The OpenAPI document.", body = Object)))]
pub(in crate::serve) async fn openapi(State(app): State<Shared>) -> impl IntoResponse {
    const JSON: (HeaderName, &str) = (header::CONTENT_TYPE, "application/json");
    let labels = app.model().ok().map(|model| model.classifier.labels());
    ([JSON], api::json(&app.name, labels.into_iter().flat_map(LabelSet::names)))
}
