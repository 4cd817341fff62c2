//! `GET /v1/labels` and `GET /v1/model`: what the server has to say, and with what.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::error::ApiError;
use super::super::state::Shared;
use crate::report::LabelsRecord;
use crate::report::record::{Run, RunOptions};

/// The model, how it runs, and the server's limits.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct ModelRecord {
    /// The record that the command line's output begins with, with default options.
    run: Run,
    /// The model's name under `/v2/models`.
    name: String,
    /// Most tokens that are read at once; longer texts are read in windows.
    max_tokens: usize,
    /// The instructions that the engine runs on; null for the reference engine.
    kernel: Option<String>,
    /// Threads that compute.
    threads: usize,
    /// The server's limits.
    limits: Vec<LimitRecord>,
}

/// A limit of the server.
#[derive(Debug, Serialize, ToSchema)]
struct LimitRecord {
    /// The option that sets it; empty for one that is fixed.
    option: String,
    /// Its value.
    value: String,
    /// What happens beyond it.
    answer: String,
}

/// The model's categories with definitions and crosswalks, as `fineprint labels --format json`.
#[utoipa::path(get, path = "/v1/labels", tag = "fineprint",
    responses((status = 200, description = "The categories.", body = LabelsRecord)))]
pub(in crate::serve) async fn labels(
    State(app): State<Shared>,
) -> Result<Json<LabelsRecord>, ApiError> {
    let classifier = &app.model()?.classifier;
    Ok(Json(LabelsRecord::new(classifier.labels(), classifier.origin(), classifier.digest())))
}

/// The model, how it runs, and the server's limits.
#[utoipa::path(get, path = "/v1/model", tag = "fineprint",
    responses((status = 200, description = "The model.", body = ModelRecord)))]
pub(in crate::serve) async fn model(
    State(app): State<Shared>,
) -> Result<Json<ModelRecord>, ApiError> {
    let classifier = &app.model()?.classifier;
    let limits = app.limits.table().into_iter().map(|row| LimitRecord {
        option: row.option.to_owned(),
        value: row.value,
        answer: row.answer.to_owned(),
    });
    Ok(Json(ModelRecord {
        run: Run::new(classifier, RunOptions::default()),
        name: app.name.clone(),
        max_tokens: classifier.tokenizer().max_tokens(),
        kernel: classifier.kernel().map(|kernel| kernel.to_string()),
        threads: classifier.threads(),
        limits: limits.collect(),
    }))
}
