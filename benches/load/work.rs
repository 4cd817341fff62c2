//! What is sent: every sentence and every document once, as bytes ready to be written.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Single,
    Document,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) what: What,
    pub(crate) bytes: Vec<u8>,
}

/// Requests in the order in which they are sent.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) items: Vec<Item>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Sentence {
    text: String,
    #[serde(default)]
    lead_in: String,
    #[serde(default)]
    heading: String,
}

impl Work {
    /// The documents stand evenly among the sentences.
    pub(crate) fn read(sentences: &Path, documents: Option<&Path>) -> Result<Self> {
        let file = std::fs::read_to_string(sentences)
            .with_context(|| format!("cannot read {}", sentences.display()))?;
        let single = |line: &str| -> Result<Item> {
            let sentence: Sentence = serde_json::from_str(line)?;
            let body = serde_json::to_vec(&json!({ "texts": [sentence] }))?;
            let bytes = request("/v1/classify", "application/json", &body);
            Ok(Item { what: What::Single, bytes })
        };
        let singles: Vec<Item> = file.lines().map(single).collect::<Result<_>>()?;
        let mut whole = Vec::new();
        if let Some(folder) = documents {
            let mut paths: Vec<_> = std::fs::read_dir(folder)?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<_, _>>()?;
            paths.sort();
            for path in paths {
                let bytes = request("/v1/documents", "text/markdown", &std::fs::read(&path)?);
                whole.push(Item { what: What::Document, bytes });
            }
        }
        if singles.is_empty() && whole.is_empty() {
            bail!("there is nothing to send in {}", sentences.display());
        }
        let mut place: Vec<(f64, Item)> = Vec::new();
        for items in [singles, whole] {
            let count = items.len() as f64;
            place.extend(items.into_iter().enumerate().map(|(i, x)| ((i as f64 + 0.5) / count, x)));
        }
        place.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(Self { items: place.into_iter().map(|(_, item)| item).collect() })
    }
}

fn request(path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!(
        "POST {path} HTTP/1.1\r\nHost: load\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
