//! The pages: one that reads and compares documents at `/`, the documentation at `/docs`, and the
//! `OpenAPI` document behind it.

mod form;

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, html};

use super::super::error::ApiError;
use super::super::openapi as api;
use super::super::state::Shared;
use crate::compare;
use crate::label::LabelSet;
use crate::report::html::live;
use crate::report::html::page::{Page, sources};
use crate::report::record::{Run, RunOptions};

const TITLE: &str = "What does it say about your data?";
const STYLE: &str = include_str!("page/page.css");
const SCRIPTS: [&str; 3] =
    [live::SUMMARY, include_str!("page/compare.js"), include_str!("page/page.js")];

/// A page with what it may do: nothing, but for what `policy` allows; and nobody may frame it.
fn answer(page: String, policy: &str) -> Response {
    let policy = format!("{policy}; frame-ancestors 'none'");
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response()
}

/// A page to paste a document into, or two to compare.
///
/// It is made with the model's categories; without a model it is a page that asks again.
#[utoipa::path(get, path = "/", tag = "Pages", responses(
    (status = 200, description = "The page.", body = String, content_type = "text/html"),
    (status = 503, description = "A page that loads itself again: the model is being loaded, or \
        the server is stopping.", body = String, content_type = "text/html",
        headers(("Retry-After" = u64, description = "Seconds after which to try again."))),
))]
pub(in crate::serve) async fn index(State(app): State<Shared>) -> Result<Response, ApiError> {
    let run = match app.model() {
        Ok(model) => Run::new(&model.classifier, RunOptions::default()),
        Err(error) => return Ok(not_ready(&error)),
    };
    let body = live::body(TITLE, &run, &form::form()).map_err(|_| ApiError::internal())?;
    let styles = [compare::STYLE, STYLE];
    let page =
        Page { title: TITLE, body: &body, styles: &styles, scripts: &SCRIPTS, may_connect: true };
    Ok(answer(page.render().into_string(), &page.policy()))
}

/// What stands at `/` while there is no model to ask.
fn not_ready(error: &ApiError) -> Response {
    let seconds = error.retry_after.unwrap_or(1);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content=(seconds);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "fineprint is not ready" }
            }
            body {
                h1 { "fineprint is not ready" }
                p role="status" { (error.message) ". This page tries again by itself." }
            }
        }
    };
    let mut response = answer(page.into_string(), "default-src 'none'");
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// This documentation as a page.
#[utoipa::path(get, path = "/docs", tag = "Pages",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")))]
pub(in crate::serve) async fn docs() -> Response {
    static PAGE: LazyLock<String> = LazyLock::new(|| api::page(&api::document()));
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let style = sources(std::iter::once(api::STYLE));
        format!(
            "default-src 'none'; style-src {style}; img-src data:; base-uri 'none'; \
             form-action 'none'"
        )
    });
    answer(PAGE.clone(), &POLICY)
}

/// This documentation as `OpenAPI` 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "Pages",
    responses((status = 200, description = "The OpenAPI document.", body = Object)))]
pub(in crate::serve) async fn openapi(State(app): State<Shared>) -> impl IntoResponse {
    const JSON: (HeaderName, &str) = (header::CONTENT_TYPE, "application/json");
    let labels = app.model().ok().map(|model| model.classifier.labels());
    ([JSON], api::json(&app.name, labels.into_iter().flat_map(LabelSet::names)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_nothing_from_elsewhere_and_makes_no_markup_of_texts() {
        let scripts = SCRIPTS.map(|script| (script, "</script"));
        for (asset, end) in [(STYLE, "</style")].into_iter().chain(scripts) {
            for foreign in ["http:", "https:", "@import", "url(", "innerHTML", "eval(", end] {
                assert!(!asset.contains(foreign), "{foreign}");
            }
        }
    }

    #[test]
    fn without_a_model_the_page_asks_again() {
        let response = not_ready(&ApiError::unavailable("loading", "the model is being loaded"));
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        let policy = &response.headers()[header::CONTENT_SECURITY_POLICY];
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'");
    }
}
