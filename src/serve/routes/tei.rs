//! The routes of text-embeddings-inference, for clients that were written for it.
//!
//! Labels are independent of each other, so that their scores do not sum to one: `name` has
//! P(category) · P(asserted | category), and `!name` P(category) · P(denied | category). With
//! `raw_scores` they are the logits of the category and of the denial.

mod types;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use super::super::body;
use super::super::error::ApiError;
use super::super::state::{Opened, Session, Shared, failed};
use super::classify::check;
use crate::classify::{Classifier, Row};
use crate::encode::{Encoded, Input};
use crate::label::{Label, Stance};
use types::{Function, Prediction, SimpleToken, TruncationDirection};
pub(in crate::serve) use types::{
    Info, PredictRequest, PredictResponse, TokenizeRequest, TokenizeResponse,
};

/// The probability of every label of a text.
#[utoipa::path(post, path = "/predict", tag = "text-embeddings-inference",
    request_body = PredictRequest,
    responses((status = 200, description = "Labels, the most probable first: a list for one text, \
        a list of lists for a batch.", body = PredictResponse)))]
pub(in crate::serve) async fn predict(
    State(app): State<Shared>,
    request: Request,
) -> Result<Json<PredictResponse>, ApiError> {
    let opened = app.open()?;
    let held = body::read(&app, request, app.limits.body_bytes, "--max-body").await?;
    answer(opened, body::json(&held)?).await.map(Json)
}

/// As `/predict`.
#[utoipa::path(post, path = "/", tag = "text-embeddings-inference", request_body = PredictRequest,
    responses((status = 200, description = "Labels, the most probable first.",
        body = PredictResponse)))]
pub(in crate::serve) async fn predict_root(
    state: State<Shared>,
    request: Request,
) -> Result<Json<PredictResponse>, ApiError> {
    predict(state, request).await
}

async fn answer(opened: Opened, asked: PredictRequest) -> Result<PredictResponse, ApiError> {
    let app = opened.app.clone();
    let session = opened.admit()?;
    let raw = match asked.parameters.as_ref().and_then(|parameters| parameters.function_to_apply) {
        None => asked.raw_scores,
        Some(function) => function == Function::None,
    };
    let top = asked.parameters.as_ref().and_then(|parameters| parameters.top_k);
    // The hub's pipelines, which send parameters, are answered in lists of lists.
    let nested = asked.parameters.is_some();
    let (truncate, keep_end) =
        (asked.truncate, asked.truncation_direction == TruncationDirection::Left);
    let (texts, is_batch) = asked.inputs.sequences()?;
    check(texts.iter().map(|(lead_in, text)| input(lead_in, text)), &app.limits)?;
    let bytes = texts.iter().map(|(lead_in, text)| lead_in.len() + text.len()).sum();
    let windows = session
        .parsing(bytes, move |session: &Session| {
            let inputs: Vec<Input<'_>> =
                texts.iter().map(|(lead_in, text)| input(lead_in, text)).collect();
            encode(session, &inputs, truncate, keep_end)
        })
        .await?;
    let counts: Vec<usize> = windows.iter().map(Vec::len).collect();
    let rows = session.rows(windows.into_iter().flatten().collect()).await?;
    let mut rest = rows.as_slice();
    let mut batch = Vec::with_capacity(counts.len());
    for count in counts {
        let (own, after) = rest.split_at_checked(count).ok_or_else(ApiError::internal)?;
        rest = after;
        let mut labels = predictions(session.classifier()?, own, raw)?;
        labels.truncate(top.unwrap_or(usize::MAX).max(1));
        batch.push(labels);
    }
    Ok(match (is_batch || nested, batch.pop()) {
        (false, Some(only)) => PredictResponse::Single(only),
        (_, last) => {
            batch.extend(last);
            PredictResponse::Batch(batch)
        }
    })
}

/// A pair's first part is what introduces the second.
fn input<'a>(lead_in: &'a str, text: &'a str) -> Input<'a> {
    Input { text, lead_in, heading: "" }
}

/// The sequences of each input: cut when told to, refused over the limit when told not to, and
/// in windows when nothing was said.
fn encode(
    session: &Session,
    inputs: &[Input<'_>],
    truncate: Option<bool>,
    keep_end: bool,
) -> Result<Vec<Vec<Encoded>>, ApiError> {
    let classifier = session.classifier()?;
    let windows = session.encode(inputs)?;
    let most = classifier.tokenizer().max_tokens();
    let mut sequences = Vec::with_capacity(inputs.len());
    for (input, windows) in inputs.iter().zip(windows) {
        match truncate {
            Some(true) if windows.windows.len() > 1 => {
                session.app().metrics.truncated.inc();
                let cut = classifier.encode_cut(input, keep_end).map_err(|e| failed(&e))?;
                sequences.push(vec![cut]);
            }
            Some(false) if windows.windows.len() > 1 => {
                let message = format!("`inputs` must have less than {most} tokens");
                return Err(ApiError::unprocessable("too_many_tokens", message));
            }
            _ => sequences.push(windows.windows),
        }
    }
    Ok(sequences)
}

/// Every label with its score, the highest first.
pub(super) fn predictions(
    classifier: &Classifier,
    windows: &[Row],
    raw: bool,
) -> Result<Vec<Prediction>, ApiError> {
    let labels = classifier.labels();
    let scores = label_scores(classifier, windows, raw)?;
    let mut predictions: Vec<Prediction> = all_labels(classifier)
        .map(|label| labels.format(label))
        .zip(scores)
        .map(|(label, score)| Prediction { score, label })
        .collect();
    predictions.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(predictions)
}

/// Every label: the categories as asserted, then, where there are stances, as denied.
pub(super) fn all_labels(classifier: &Classifier) -> impl Iterator<Item = Label> {
    let labels = classifier.labels();
    let count = labels.len();
    let of = move |stance| (0..count).map(move |category| Label { category, stance });
    let denied = if labels.has_stance() { Some(of(Stance::Denied)) } else { None };
    of(Stance::Asserted).chain(denied.into_iter().flatten())
}

/// The score of every label, in the order of [`all_labels`].
pub(super) fn label_scores(
    classifier: &Classifier,
    windows: &[Row],
    raw: bool,
) -> Result<Vec<f32>, ApiError> {
    if raw {
        let logits = classifier.decisive(windows).map_err(|e| failed(&e))?;
        return Ok(logits.category.into_iter().chain(logits.denied).collect());
    }
    let scores = classifier.merge(windows).map_err(|e| failed(&e))?;
    Ok(all_labels(classifier).map(|l| scores.probability(l.category, l.stance)).collect())
}

/// The tokens of texts.
#[utoipa::path(post, path = "/tokenize", tag = "text-embeddings-inference",
    request_body = TokenizeRequest,
    responses((status = 200, description = "Tokens of each text.", body = TokenizeResponse)))]
pub(in crate::serve) async fn tokenize(
    State(app): State<Shared>,
    request: Request,
) -> Result<Json<TokenizeResponse>, ApiError> {
    let opened = app.open()?;
    let held = body::read(&app, request, app.limits.body_bytes, "--max-body").await?;
    let asked: TokenizeRequest = body::json(&held)?;
    if asked.prompt_name.is_some() {
        let message = "the model has no prompts: leave `prompt_name` out";
        return Err(ApiError::unprocessable("invalid_request", message));
    }
    let session = opened.admit()?;
    let texts = asked.inputs.into_list();
    check(texts.iter().map(|text| Input::from(text.as_str())), &app.limits)?;
    let with_special = asked.add_special_tokens;
    let tokens = move |session: &Session| {
        let tokenizer = session.classifier()?.tokenizer();
        let of = |text: &String| {
            let tokens = tokenizer
                .tokens(text, with_special)
                .map_err(|_| ApiError::unprocessable("tokenizer", "a text cannot be tokenised"))?;
            Ok(tokens.into_iter().map(|token| SimpleToken::new(token, text)).collect())
        };
        texts.iter().map(of).collect::<Result<Vec<Vec<SimpleToken>>, ApiError>>()
    };
    Ok(Json(TokenizeResponse(session.parsing(held.bytes.len(), tokens).await?)))
}

/// The served model.
#[utoipa::path(get, path = "/info", tag = "text-embeddings-inference",
    responses((status = 200, description = "The model and the limits.", body = Info)))]
pub(in crate::serve) async fn info(State(app): State<Shared>) -> Result<Json<Info>, ApiError> {
    let classifier = &app.model()?.classifier;
    Ok(Json(Info::new(classifier, &app.name, &app.limits)))
}

/// Whether requests are worked on.
#[utoipa::path(get, path = "/health", tag = "text-embeddings-inference",
    responses((status = 200, description = "Requests are worked on.")))]
pub(in crate::serve) async fn health(State(app): State<Shared>) -> Result<StatusCode, ApiError> {
    app.model().map(|_| StatusCode::OK)
}

/// As `/health`.
#[utoipa::path(get, path = "/ping", tag = "text-embeddings-inference",
    responses((status = 200, description = "Requests are worked on.")))]
pub(in crate::serve) async fn ping(app: State<Shared>) -> Result<StatusCode, ApiError> {
    health(app).await
}
