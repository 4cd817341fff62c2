//! The bodies of the Open Inference Protocol (`specification/protocol/inference_rest.md` of its
//! repository) and of its binary tensor data extension (Triton's `extension_binary_data.md`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::super::error::ApiError;
use super::VERSION;
use super::tensor::to_binary;

/// The server.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct ServerMetadata {
    name: String,
    version: String,
    extensions: Vec<String>,
}

impl ServerMetadata {
    pub(super) fn new() -> Self {
        Self {
            name: "fineprint".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: vec!["binary_tensor_data".to_owned()],
        }
    }
}

/// Whether the process is alive.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct Live {
    pub(super) live: bool,
}

/// Whether requests are worked on.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct Ready {
    pub(super) ready: bool,
}

/// Whether the model is ready.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct ModelReady {
    pub(super) name: String,
    pub(super) ready: bool,
}

/// The model's inputs and outputs.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct ModelMetadata {
    name: String,
    versions: Vec<String>,
    platform: String,
    inputs: Vec<MetadataTensor>,
    outputs: Vec<MetadataTensor>,
}

/// A tensor of the model.
#[derive(Debug, Serialize, ToSchema)]
struct MetadataTensor {
    name: String,
    datatype: String,
    /// Sizes; -1 where the size is the number of texts.
    shape: Vec<i64>,
}

impl ModelMetadata {
    pub(super) fn new(name: &str, labels: usize) -> Self {
        let tensor = |name: &str, datatype: &str, shape: &[i64]| MetadataTensor {
            name: name.to_owned(),
            datatype: datatype.to_owned(),
            shape: shape.to_vec(),
        };
        let labels = labels as i64;
        Self {
            name: name.to_owned(),
            versions: vec![VERSION.to_owned()],
            platform: "fineprint_safetensors".to_owned(),
            inputs: vec![tensor("text", "BYTES", &[-1]), tensor("lead_in", "BYTES", &[-1])],
            outputs: vec![
                tensor("scores", "FP32", &[-1, labels]),
                tensor("labels", "BYTES", &[labels]),
                tensor("findings", "BYTES", &[-1]),
            ],
        }
    }
}

/// Texts to classify.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES",
    "data": ["We never sell your personal information."]}]}))]
pub(in crate::serve) struct InferRequest {
    /// Returned with the answer.
    #[serde(default)]
    pub(super) id: Option<String>,
    /// `binary_data_output` asks for binary outputs; others are passed over.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    parameters: Option<Map<String, Value>>,
    /// `text`, and where wanted `lead_in`.
    #[schema(min_items = 1, max_items = 2)]
    pub(super) inputs: Vec<RequestInput>,
    /// Which outputs to answer; all without it.
    #[serde(default)]
    outputs: Option<Vec<RequestOutput>>,
}

/// A tensor of texts.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::serve) struct RequestInput {
    /// `text` or `lead_in`.
    #[schema(pattern = "^(text|lead_in)$")]
    pub(super) name: String,
    /// `[N]` or `[N, 1]`.
    #[schema(min_items = 1, max_items = 2)]
    pub(super) shape: Vec<u64>,
    /// `BYTES`.
    #[schema(pattern = "^BYTES$")]
    pub(super) datatype: String,
    /// `binary_data_size` where the data follows the JSON.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub(super) parameters: Option<Map<String, Value>>,
    /// Strings, in a list.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub(super) data: Option<Value>,
}

/// A wanted output.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::serve) struct RequestOutput {
    /// `scores`, `labels` or `findings`.
    #[schema(pattern = "^(scores|labels|findings)$")]
    name: String,
    /// `binary_data` asks for it in binary.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    parameters: Option<Map<String, Value>>,
}

/// An output of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Scores,
    Labels,
    Findings,
}

impl Output {
    const ALL: [Self; 3] = [Self::Scores, Self::Labels, Self::Findings];

    fn name(self) -> &'static str {
        match self {
            Self::Scores => "scores",
            Self::Labels => "labels",
            Self::Findings => "findings",
        }
    }
}

/// The wanted outputs, each with whether it is to be binary.
#[derive(Debug)]
pub(super) struct Outputs {
    pub(super) list: Vec<(Output, bool)>,
}

impl Outputs {
    pub(super) fn of(request: &InferRequest) -> Result<Self, ApiError> {
        let flag = |parameters: &Option<Map<String, Value>>, name: &str| {
            parameters.as_ref().and_then(|p| p.get(name)).and_then(Value::as_bool)
        };
        let all = flag(&request.parameters, "binary_data_output").unwrap_or(false);
        let Some(wanted) = request.outputs.as_ref().filter(|wanted| !wanted.is_empty()) else {
            return Ok(Self { list: Output::ALL.map(|output| (output, all)).to_vec() });
        };
        let mut list: Vec<(Output, bool)> = Vec::new();
        for one in wanted {
            let output = Output::ALL.into_iter().find(|output| output.name() == one.name);
            let Some(output) = output.filter(|o| !list.iter().any(|(known, _)| known == o)) else {
                let message = "the outputs are `scores`, `labels` and `findings`, each once";
                return Err(ApiError::bad_request("invalid_output", message));
            };
            list.push((output, flag(&one.parameters, "binary_data").unwrap_or(all)));
        }
        Ok(Self { list })
    }
}

/// The outputs.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct InferResponse {
    model_name: String,
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<ResponseOutput>,
}

impl InferResponse {
    pub(super) fn new(name: &str, id: Option<String>, outputs: Vec<ResponseOutput>) -> Self {
        let (model_name, model_version) = (name.to_owned(), VERSION.to_owned());
        Self { model_name, model_version, id, outputs }
    }
}

/// An output.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct ResponseOutput {
    name: String,
    datatype: String,
    shape: Vec<usize>,
    /// Where the data follows the JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinaryParameters>,
    /// Numbers or strings, row by row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Value>>)]
    data: Option<Value>,
}

/// How much of the binary data is an output's.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::serve) struct BinaryParameters {
    binary_data_size: usize,
}

/// The values of an output.
#[derive(Debug, Clone, Copy)]
pub(super) enum Datatype<'a> {
    Fp32(&'a [f32]),
    Bytes(&'a [String]),
}

impl ResponseOutput {
    /// The output, and its binary data if it is to be binary.
    pub(super) fn new(
        output: Output,
        shape: Vec<usize>,
        data: Datatype<'_>,
        is_binary: bool,
    ) -> (Self, Vec<u8>) {
        let datatype = match data {
            Datatype::Fp32(_) => "FP32",
            Datatype::Bytes(_) => "BYTES",
        };
        let (name, datatype) = (output.name().to_owned(), datatype.to_owned());
        if is_binary {
            let binary = match data {
                Datatype::Fp32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
                Datatype::Bytes(texts) => to_binary(texts),
            };
            let parameters = Some(BinaryParameters { binary_data_size: binary.len() });
            return (Self { name, datatype, shape, parameters, data: None }, binary);
        }
        let data = match data {
            Datatype::Fp32(values) => Value::from(values),
            Datatype::Bytes(texts) => Value::from(texts),
        };
        (Self { name, datatype, shape, parameters: None, data: Some(data) }, Vec::new())
    }
}
