//! The Open Inference Protocol (`KServe` v2), with the binary tensor data extension.
//!
//! Inputs: `text` (BYTES), and where wanted `lead_in` (BYTES) of the same shape. Outputs: `scores`
//! (FP32, texts × labels), `labels` (BYTES, the labels' names), `findings` (BYTES, one JSON array
//! a text). A denied category's label is `!name`.

mod tensor;
mod types;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::super::body;
use super::super::error::ApiError;
use super::super::state::{Session, Shared, failed};
use super::classify::check;
use super::output::{Asked, Output, count};
use super::tei::{all_labels, label_scores};
use crate::encode::Input;
use types::{Datatype, Outputs, ResponseOutput};
pub(in crate::serve) use types::{
    InferRequest, InferResponse, Live, ModelMetadata, ModelReady, Ready, ServerMetadata,
};

/// Length of the JSON that binary tensors follow.
const HEADER_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
/// The only version of the model.
pub(in crate::serve) const VERSION: &str = "1";

/// The server.
#[utoipa::path(get, path = "/v2", tag = "Open Inference Protocol",
    responses((status = 200, description = "The server.", body = ServerMetadata)))]
pub(in crate::serve) async fn server() -> Json<ServerMetadata> {
    Json(ServerMetadata::new())
}

/// Whether the process is alive.
#[utoipa::path(get, path = "/v2/health/live", tag = "Open Inference Protocol",
    responses((status = 200, description = "It is alive.", body = Live)))]
pub(in crate::serve) async fn live() -> Json<Live> {
    Json(Live { live: true })
}

/// Whether requests are worked on.
#[utoipa::path(get, path = "/v2/health/ready", tag = "Open Inference Protocol",
    responses((status = 200, description = "Requests are worked on.", body = Ready)))]
pub(in crate::serve) async fn ready(State(app): State<Shared>) -> Result<Json<Ready>, ApiError> {
    app.model().map(|_| Json(Ready { ready: true }))
}

/// Refuses other models and versions than the one that is served.
fn known(app: &Shared, name: &str, version: Option<&str>) -> Result<(), ApiError> {
    if name != app.name {
        let message = format!("there is no model of this name; the one served is {}", app.name);
        return Err(ApiError::new(StatusCode::NOT_FOUND, "unknown_model", message));
    }
    if version.is_some_and(|version| version != VERSION) {
        let message = format!("the model has no such version; the one served is {VERSION}");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "unknown_version", message));
    }
    Ok(())
}

fn metadata(
    app: &Shared,
    name: &str,
    version: Option<&str>,
) -> Result<Json<ModelMetadata>, ApiError> {
    known(app, name, version)?;
    let classifier = &app.model()?.classifier;
    Ok(Json(ModelMetadata::new(&app.name, all_labels(classifier).count())))
}

fn readiness(
    app: &Shared,
    name: &str,
    version: Option<&str>,
) -> Result<Json<ModelReady>, ApiError> {
    known(app, name, version)?;
    app.model().map(|_| Json(ModelReady { name: app.name.clone(), ready: true }))
}

/// The model's inputs and outputs.
#[utoipa::path(get, path = "/v2/models/{name}", tag = "Open Inference Protocol",
    params(("name" = String, Path, description = "The model's name.", example = "fineprint")),
    responses((status = 200, description = "Inputs and outputs.", body = ModelMetadata)))]
pub(in crate::serve) async fn model(
    State(app): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<ModelMetadata>, ApiError> {
    metadata(&app, &name, None)
}

/// The inputs and outputs of a version of the model.
#[utoipa::path(get, path = "/v2/models/{name}/versions/{version}", tag = "Open Inference Protocol",
    params(("name" = String, Path, description = "The model's name.", example = "fineprint"),
        ("version" = String, Path, description = "The model's version.", example = "1")),
    responses((status = 200, description = "Inputs and outputs.", body = ModelMetadata)))]
pub(in crate::serve) async fn model_version(
    State(app): State<Shared>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<ModelMetadata>, ApiError> {
    metadata(&app, &name, Some(&version))
}

/// Whether the model is ready.
#[utoipa::path(get, path = "/v2/models/{name}/ready", tag = "Open Inference Protocol",
    params(("name" = String, Path, description = "The model's name.", example = "fineprint")),
    responses((status = 200, description = "It is ready.", body = ModelReady)))]
pub(in crate::serve) async fn model_ready(
    State(app): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<ModelReady>, ApiError> {
    readiness(&app, &name, None)
}

/// Whether a version of the model is ready.
#[utoipa::path(get, path = "/v2/models/{name}/versions/{version}/ready",
    tag = "Open Inference Protocol",
    params(("name" = String, Path, description = "The model's name.", example = "fineprint"),
        ("version" = String, Path, description = "The model's version.", example = "1")),
    responses((status = 200, description = "It is ready.", body = ModelReady)))]
pub(in crate::serve) async fn version_ready(
    State(app): State<Shared>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<ModelReady>, ApiError> {
    readiness(&app, &name, Some(&version))
}

/// Classifies the texts of a tensor.
#[utoipa::path(post, path = "/v2/models/{name}/infer", tag = "Open Inference Protocol",
    params(("name" = String, Path, description = "The model's name.", example = "fineprint"),
        ("Inference-Header-Content-Length" = Option<usize>, Header,
            description = "Length of the JSON, where binary tensors follow it.")),
    request_body = InferRequest,
    responses((status = 200, description = "The outputs; binary ones follow the JSON.",
        content((InferResponse = "application/json"), (Vec<u8> = "application/octet-stream")))))]
pub(in crate::serve) async fn infer(
    State(app): State<Shared>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    known(&app, &name, None)?;
    answer(&app, request).await
}

/// Classifies the texts of a tensor with a version of the model.
#[utoipa::path(post, path = "/v2/models/{name}/versions/{version}/infer",
    tag = "Open Inference Protocol",
    params(("name" = String, Path, description = "The model's name.", example = "fineprint"),
        ("version" = String, Path, description = "The model's version.", example = "1"),
        ("Inference-Header-Content-Length" = Option<usize>, Header,
            description = "Length of the JSON, where binary tensors follow it.")),
    request_body = InferRequest,
    responses((status = 200, description = "The outputs; binary ones follow the JSON.",
        content((InferResponse = "application/json"), (Vec<u8> = "application/octet-stream")))))]
pub(in crate::serve) async fn infer_version(
    State(app): State<Shared>,
    Path((name, version)): Path<(String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    known(&app, &name, Some(&version))?;
    answer(&app, request).await
}

async fn answer(app: &Shared, request: Request) -> Result<Response, ApiError> {
    let opened = app.open()?;
    let held = body::read(app, request, app.limits.body_bytes, "--max-body").await?;
    let (json, binary) = match held.headers.get(&HEADER_LENGTH) {
        None => (&held.bytes[..], &[][..]),
        Some(length) => length
            .to_str()
            .ok()
            .and_then(|length| length.parse().ok())
            .and_then(|length| held.bytes.split_at_checked(length))
            .ok_or_else(|| {
                let message = "Inference-Header-Content-Length is the length of the body's JSON";
                ApiError::bad_request("invalid_header", message)
            })?,
    };
    let asked: InferRequest = body::parse(json)?;
    let texts = tensor::texts(&asked, binary, app.limits.texts)?;
    let wanted = Outputs::of(&asked)?;
    check(texts.iter().map(|(lead_in, text)| Input { text, lead_in, heading: "" }), &app.limits)?;
    let session = opened.admit()?;
    let windows = session
        .parsing(held.bytes.len(), move |session: &Session| {
            let inputs: Vec<Input<'_>> =
                texts.iter().map(|(lead_in, text)| Input { text, lead_in, heading: "" }).collect();
            session.encode(&inputs)
        })
        .await?;
    let counts: Vec<usize> = windows.iter().map(|windows| windows.windows.len()).collect();
    let rows = session.rows(windows.into_iter().flat_map(|w| w.windows).collect()).await?;
    let classifier = session.classifier()?;
    let output = Output::resolve(&Asked::default(), classifier)?;
    let recorder = output.recorder(classifier);
    let (mut scores, mut findings) = (Vec::new(), Vec::new());
    let mut rest = rows.as_slice();
    for count_of_windows in &counts {
        let (own, after) =
            rest.split_at_checked(*count_of_windows).ok_or_else(ApiError::internal)?;
        rest = after;
        scores.extend(label_scores(classifier, own, false)?);
        let merged = classifier.merge(own).map_err(|e| failed(&e))?;
        let nothing = |_: &[Input<'_>]| Ok::<_, ApiError>(Vec::new());
        let (records, _) = recorder.text(&Input::from(""), &merged, &nothing)?;
        count(&app.metrics, &records);
        findings.push(serde_json::to_string(&records).map_err(|_| ApiError::internal())?);
    }
    let labels = classifier.labels();
    let names: Vec<String> = all_labels(classifier).map(|label| labels.format(label)).collect();
    let shape = [counts.len(), names.len()];
    let outputs = wanted.list.into_iter().map(|(output, is_binary)| match output {
        types::Output::Scores => (output, shape.to_vec(), Datatype::Fp32(&scores), is_binary),
        types::Output::Labels => (output, vec![names.len()], Datatype::Bytes(&names), is_binary),
        types::Output::Findings => {
            (output, vec![findings.len()], Datatype::Bytes(&findings), is_binary)
        }
    });
    let (outputs, binary): (Vec<ResponseOutput>, Vec<Vec<u8>>) = outputs
        .map(|(output, shape, data, is_binary)| ResponseOutput::new(output, shape, data, is_binary))
        .unzip();
    respond(&InferResponse::new(&app.name, asked.id, outputs), &binary.concat())
}

/// The JSON, and what binary tensors there are behind it.
fn respond(response: &InferResponse, binary: &[u8]) -> Result<Response, ApiError> {
    let mut body = serde_json::to_vec(response).map_err(|_| ApiError::internal())?;
    if binary.is_empty() {
        return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
    }
    let length = body.len();
    body.extend_from_slice(binary);
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(HEADER_LENGTH, HeaderValue::from(length));
    Ok(response)
}
