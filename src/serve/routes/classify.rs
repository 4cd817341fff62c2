//! `POST /v1/classify`: texts in, findings out.

use std::fmt;

use axum::Json;
use axum::extract::{Request, State};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::super::body;
use super::super::error::ApiError;
use super::super::settings::Limits;
use super::super::state::{Session, Shared};
use super::output::{Asked, Output, count};
use crate::encode::Input;
use crate::label::Stance;
use crate::report::record::{CategoryProbability, FindingRecord, Probabilities};

/// A text must have something to read.
pub(super) const VISIBLE: &str = r"\S";

/// Texts to classify, each as one sentence.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"texts": ["We never sell your personal information."]}))]
pub(in crate::serve) struct ClassifyRequest {
    /// One text or several.
    texts: Texts,
    /// Output only findings of these categories; empty for all.
    #[serde(default)]
    category: Vec<String>,
    /// Output only findings of this stance.
    #[serde(default)]
    stance: Option<Stance>,
    /// Output only findings of at least this probability.
    #[serde(default)]
    #[schema(minimum = 0.0, maximum = 1.0)]
    min_probability: Option<f32>,
    /// Mark the words that decided each finding; takes many times as long.
    #[serde(default)]
    explain: bool,
    /// Output the probabilities of all categories.
    #[serde(default)]
    probabilities: bool,
}

/// One text or several.
#[derive(Debug)]
struct Texts(Vec<Text>);

impl PartialSchema for Texts {
    fn schema() -> RefOr<Schema> {
        let text = Ref::from_schema_name(Text::name());
        let list = ArrayBuilder::new().items(text.clone()).min_items(Some(1));
        OneOfBuilder::new().item(text).item(list).into()
    }
}

impl ToSchema for Texts {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Text::name().into(), Text::schema()));
        Text::schemas(schemas);
    }
}

/// A text, alone or with what stands around it.
#[derive(Debug)]
enum Text {
    Alone(String),
    Placed(Placed),
}

impl PartialSchema for Text {
    fn schema() -> RefOr<Schema> {
        let alone = ObjectBuilder::new().schema_type(Type::String).pattern(Some(VISIBLE));
        let placed = Ref::from_schema_name(Placed::name());
        OneOfBuilder::new().item(alone).item(placed).into()
    }
}

impl ToSchema for Text {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Placed::name().into(), Placed::schema()));
    }
}

/// A text with what stands around it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Placed {
    /// The text.
    #[schema(pattern = "\\S")]
    text: String,
    /// What introduces the list that it is an item of ("We share data with:").
    #[serde(default)]
    lead_in: String,
    /// The nearest heading.
    #[serde(default)]
    heading: String,
}

/// Reads a text, and where `MANY`, a list of them. By hand, for a derived object could also be
/// written as a list of its fields, and a list of texts would be taken for one.
struct TextVisitor<const MANY: bool>;

impl<'de, const MANY: bool> Visitor<'de> for TextVisitor<MANY> {
    type Value = Vec<Text>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if MANY {
            "a text, an object with `text`, or a list of such"
        } else {
            "a text, or an object with `text`"
        })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<Text>, E> {
        Ok(vec![Text::Alone(text.to_owned())])
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<Text>, A::Error> {
        Ok(vec![Text::Placed(Placed::deserialize(MapAccessDeserializer::new(map))?)])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Text>, A::Error> {
        if !MANY {
            return Err(de::Error::invalid_type(de::Unexpected::Seq, &self));
        }
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(texts)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor::<true>).map(Self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let one = deserializer.deserialize_any(TextVisitor::<false>)?;
        one.into_iter().next().ok_or_else(|| de::Error::custom("no text"))
    }
}

/// What the model says of each text.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct ClassifyResponse {
    /// Where the model came from.
    model: String,
    /// SHA-256 over the model's files.
    model_digest: String,
    /// One result a text, in their order.
    results: Vec<TextResult>,
}

/// What the model says of a text.
#[derive(Debug, Serialize, ToSchema)]
struct TextResult {
    /// What it says.
    findings: Vec<FindingRecord>,
    /// Into how many windows it was cut, being longer than the model's limit.
    windows: usize,
    /// The probabilities of all categories, on demand.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, CategoryProbability>>)]
    probabilities: Option<Probabilities>,
}

impl Text {
    fn input(&self) -> Input<'_> {
        match self {
            Self::Alone(text) => Input::from(text.as_str()),
            Self::Placed(Placed { text, lead_in, heading }) => Input { text, lead_in, heading },
        }
    }
}

/// Refuses more texts than allowed, and texts that are empty or too long.
pub(super) fn check<'a>(
    inputs: impl ExactSizeIterator<Item = Input<'a>>,
    limits: &Limits,
) -> Result<(), ApiError> {
    let (count, most) = (inputs.len(), limits.texts);
    if count == 0 {
        return Err(ApiError::bad_request("empty", "there is no text"));
    }
    if count > most {
        let message = format!("{count} texts are more than the limit of {most} (--max-texts)");
        return Err(ApiError::unprocessable("too_many_texts", message));
    }
    for (i, Input { text, lead_in, heading }) in inputs.enumerate() {
        if text.trim().is_empty() {
            return Err(ApiError::unprocessable("empty_text", format!("text {i} is empty")));
        }
        let bytes = text.len().max(lead_in.len()).max(heading.len());
        if bytes > limits.text_bytes {
            let most = limits.text_bytes;
            let message =
                format!("text {i} has {bytes} bytes, over the limit of {most} (--max-text)");
            return Err(ApiError::unprocessable("text_too_long", message));
        }
    }
    Ok(())
}

/// Classifies texts, each taken as one sentence.
#[utoipa::path(post, path = "/v1/classify", tag = "fineprint", request_body = ClassifyRequest,
    responses((status = 200, description = "What each text says.", body = ClassifyResponse)))]
pub(in crate::serve) async fn classify(
    State(app): State<Shared>,
    request: Request,
) -> Result<Json<ClassifyResponse>, ApiError> {
    let opened = app.open()?;
    let held = body::read(&app, request, app.limits.body_bytes, "--max-body").await?;
    let asked: ClassifyRequest = body::json(&held)?;
    let bytes = held.bytes.len();
    let session = opened.admit()?;
    let output = Output::resolve(
        &Asked {
            categories: &asked.category,
            stance: asked.stance,
            min_probability: asked.min_probability,
            explain: asked.explain,
            probabilities: asked.probabilities,
            all_sentences: false,
        },
        session.classifier()?,
    )?;
    let texts = asked.texts.0;
    check(texts.iter().map(Text::input), &app.limits)?;
    let (texts, windows) = session
        .parsing(bytes, move |session: &Session| {
            let inputs: Vec<Input<'_>> = texts.iter().map(Text::input).collect();
            let windows = session.encode(&inputs)?;
            Ok((texts, windows))
        })
        .await?;
    let scores = session.scores(windows).await?;
    let explains = output.explains();
    let record = move |session: &Session| {
        let recorder = output.recorder(session.classifier()?);
        let score = |inputs: &[Input<'_>]| session.blocking_scores(inputs);
        let mut results = Vec::with_capacity(texts.len());
        for (text, scores) in texts.iter().zip(&scores) {
            let (findings, probabilities) = recorder.text(&text.input(), scores, &score)?;
            count(&session.app().metrics, &findings);
            results.push(TextResult { findings, windows: scores.windows, probabilities });
        }
        Ok(results)
    };
    let results = if explains { session.blocking(record).await? } else { record(&session)? };
    let classifier = session.classifier()?;
    Ok(Json(ClassifyResponse {
        model: classifier.origin().to_owned(),
        model_digest: classifier.digest().to_owned(),
        results,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_texts_is_not_taken_for_the_fields_of_one() {
        let read = |json: &str| serde_json::from_str::<Texts>(json).map(|texts| texts.0);
        assert_eq!(read(r#""a""#).unwrap().len(), 1);
        assert_eq!(read(r#"{"text": "a", "heading": "b"}"#).unwrap().len(), 1);
        for count in 0..5 {
            let list = serde_json::to_string(&vec!["a"; count]).unwrap();
            assert_eq!(read(&list).unwrap().len(), count);
        }
        assert_eq!(read(r#"["a", {"text": "b"}]"#).unwrap()[1].input().text, "b");
        for wrong in [r#"[["a"]]"#, r#"[["a", "b", "c"]]"#, "[1]", r#"{"text": 1}"#, "null"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let error = read(r#"{"text": "a", "txet": "b"}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `txet`"), "{error}");
    }
}
