//! Tensors of bytes: as JSON, and as 4-byte little-endian lengths each followed by its bytes.

use serde_json::Value;

use super::super::super::error::ApiError;
use super::types::{InferRequest, RequestInput};

/// Deepest nesting of a tensor's JSON.
const DEPTH: usize = 8;

fn wrong(message: impl std::fmt::Display) -> ApiError {
    ApiError::bad_request("invalid_tensor", message)
}

/// The introductions (empty where none are sent) and texts of a request.
pub(super) fn texts(
    request: &InferRequest,
    binary: &[u8],
    most: usize,
) -> Result<Vec<(String, String)>, ApiError> {
    let (mut text, mut lead_in) = (None, None);
    let mut rest = binary;
    for input in &request.inputs {
        let slot = match input.name.as_str() {
            "text" => &mut text,
            "lead_in" => &mut lead_in,
            _ => return Err(wrong("the model's inputs are `text` and `lead_in`")),
        };
        if slot.is_some() {
            return Err(wrong("an input is given twice"));
        }
        *slot = Some(strings(input, &mut rest, most)?);
    }
    if !rest.is_empty() {
        return Err(wrong("there are more bytes behind the JSON than its inputs name"));
    }
    let texts = text.ok_or_else(|| wrong("the input `text` is missing"))?;
    let lead_ins = lead_in.unwrap_or_else(|| vec![String::new(); texts.len()]);
    if lead_ins.len() != texts.len() {
        return Err(wrong("`lead_in` and `text` must have the same shape"));
    }
    Ok(lead_ins.into_iter().zip(texts).collect())
}

/// The strings of one input, whose binary data is taken from `rest`.
fn strings(input: &RequestInput, rest: &mut &[u8], most: usize) -> Result<Vec<String>, ApiError> {
    if input.datatype != "BYTES" {
        return Err(wrong("inputs are of the datatype BYTES"));
    }
    let count = input
        .shape
        .iter()
        .try_fold(1u64, |product, n| product.checked_mul(*n))
        .filter(|_| !input.shape.is_empty() && input.shape.iter().skip(1).all(|n| *n == 1))
        .ok_or_else(|| wrong("the shape is [N] or [N, 1]"))?;
    if count > most as u64 {
        let message = format!("{count} texts are more than the limit of {most} (--max-texts)");
        return Err(ApiError::unprocessable("too_many_texts", message));
    }
    let size = input.parameters.as_ref().and_then(|parameters| parameters.get("binary_data_size"));
    let strings = match (size, &input.data) {
        (Some(_), Some(_)) => {
            return Err(wrong("`data` and `binary_data_size` exclude each other"));
        }
        (Some(size), None) => {
            let (own, after) = size
                .as_u64()
                .and_then(|size| usize::try_from(size).ok())
                .and_then(|size| rest.split_at_checked(size))
                .ok_or_else(|| wrong("`binary_data_size` is more than what follows the JSON"))?;
            *rest = after;
            from_binary(own, most)?
        }
        (None, Some(data)) => {
            let mut strings = Vec::new();
            from_json(data, DEPTH, most, &mut strings)?;
            strings
        }
        (None, None) => return Err(wrong("an input has neither `data` nor `binary_data_size`")),
    };
    if strings.len() as u64 != count {
        return Err(wrong(format!("the shape has {count} texts and the data {}", strings.len())));
    }
    Ok(strings)
}

fn from_binary(mut bytes: &[u8], most: usize) -> Result<Vec<String>, ApiError> {
    let mut strings = Vec::new();
    while !bytes.is_empty() {
        let (length, after) = bytes
            .split_first_chunk::<4>()
            .ok_or_else(|| wrong("a length of 4 bytes is cut off"))?;
        let length = u32::from_le_bytes(*length) as usize;
        let (own, after) = after
            .split_at_checked(length)
            .ok_or_else(|| wrong("an element is longer than what is left"))?;
        bytes = after;
        let text = std::str::from_utf8(own).map_err(|_| wrong("an element is no UTF-8"))?;
        strings.push(text.to_owned());
        if strings.len() > most {
            return Err(wrong("the data has more elements than its shape"));
        }
    }
    Ok(strings)
}

fn from_json(
    data: &Value,
    depth: usize,
    most: usize,
    strings: &mut Vec<String>,
) -> Result<(), ApiError> {
    match data {
        Value::String(text) if strings.len() <= most => {
            strings.push(text.clone());
            Ok(())
        }
        Value::Array(items) if depth > 0 => {
            items.iter().try_for_each(|item| from_json(item, depth - 1, most, strings))
        }
        _ => Err(wrong("`data` is a list of strings")),
    }
}

/// Elements as lengths and bytes.
pub(super) fn to_binary(texts: &[String]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(texts.iter().map(|text| 4 + text.len()).sum());
    for text in texts {
        // No output is near 4 GiB: bodies are bounded.
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: &str) -> InferRequest {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn binary_elements_read_back_and_bad_ones_are_refused() {
        let texts = [String::new(), "We sell é.".to_owned()];
        let bytes = to_binary(&texts);
        assert_eq!(from_binary(&bytes, 10).unwrap(), texts);
        for cut in 1..bytes.len() {
            if cut != 4 {
                assert!(from_binary(&bytes[..cut], 10).is_err(), "{cut}");
            }
        }
        assert!(from_binary(&[255, 255, 255, 255, 1], 10).is_err());
        assert!(from_binary(&[1, 0, 0, 0, 0xff], 10).is_err());
        assert!(from_binary(&[0; 44], 10).is_err(), "11 empty elements");
    }

    #[test]
    fn shapes_and_data_must_agree() {
        let good = request(
            r#"{"inputs":[{"name":"text","shape":[2,1],"datatype":"BYTES","data":[["a"],["b"]]}]}"#,
        );
        let pairs = |texts: &[(&str, &str)]| -> Vec<(String, String)> {
            texts.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        assert_eq!(texts(&good, &[], 10).unwrap(), pairs(&[("", "a"), ("", "b")]));
        assert!(texts(&good, &[0], 10).is_err(), "bytes that nobody named");
        let mixed = request(
            r#"{"inputs":[{"name":"lead_in","shape":[1],"datatype":"BYTES","data":["We:"]},
                {"name":"text","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}"#,
        );
        assert_eq!(texts(&mixed, &[1, 0, 0, 0, b'x'], 10).unwrap(), pairs(&[("We:", "x")]));
        for wrong in [
            r#"{"name":"text","shape":[3],"datatype":"BYTES","data":["a","b"]}"#,
            r#"{"name":"text","shape":[1,2],"datatype":"BYTES","data":["a","b"]}"#,
            r#"{"name":"text","shape":[],"datatype":"BYTES","data":[]}"#,
            r#"{"name":"text","shape":[2],"datatype":"FP32","data":[1,2]}"#,
            r#"{"name":"text","shape":[1],"datatype":"BYTES","data":[1]}"#,
            r#"{"name":"text","shape":[1],"datatype":"BYTES"}"#,
            r#"{"name":"text","shape":[18446744073709551615,2],"datatype":"BYTES","data":["a"]}"#,
            r#"{"name":"text","shape":[1],"datatype":"BYTES","data":["a"],"parameters":{"binary_data_size":5}}"#,
            r#"{"name":"other","shape":[1],"datatype":"BYTES","data":["a"]}"#,
        ] {
            let request = request(&format!(r#"{{"inputs":[{wrong}]}}"#));
            assert!(texts(&request, &[], 10).is_err(), "{wrong}");
        }
    }
}
