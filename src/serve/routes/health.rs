//! Probes and metrics.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::super::error::ApiError;
use super::super::state::Shared;

const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether the process is alive.
#[utoipa::path(get, path = "/livez", tag = "Probes", responses(
    (status = 200, description = "It is alive.", body = String, content_type = "text/plain"),
))]
pub(in crate::serve) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether requests are worked on: the model is loaded, and the server is not stopping.
#[utoipa::path(get, path = "/readyz", tag = "Probes", responses(
    (status = 200, description = "Requests are worked on.", body = String,
     content_type = "text/plain"),
))]
pub(in crate::serve) async fn readyz(State(app): State<Shared>) -> Result<&'static str, ApiError> {
    app.model().map(|_| "ok\n")
}

/// Counters in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "Probes", responses(
    (status = 200, description = "All counters.", body = String, content_type = "text/plain"),
))]
pub(in crate::serve) async fn metrics(
    State(app): State<Shared>,
) -> Result<impl IntoResponse, ApiError> {
    app.sample();
    let text = app.metrics.text().map_err(|error| {
        tracing::error!(%error, "metrics cannot be written");
        ApiError::internal()
    })?;
    Ok(([(header::CONTENT_TYPE, METRICS_TYPE)], text))
}
