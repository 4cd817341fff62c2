//! `fineprint.json`: what a model folder says beyond Hugging Face conventions.
//!
//! Which context the model reads beside the sentence, how long its input may be, its language, and
//! offsets, temperatures and thresholds per category. A folder without the file gets the defaults.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ModelError;
use crate::encode::Context;
use crate::label::LabelSet;

const FILE: &str = "fineprint.json";

/// Calibration and decision rule of one category.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategorySettings {
    /// Added to the category logit before the temperature divides it.
    #[serde(default)]
    pub offset: f32,
    /// The category logit is divided by this before the sigmoid; above 0.
    #[serde(default = "one")]
    pub temperature: f32,
    /// The sentence is about the category when P(category) reaches this.
    #[serde(default = "half")]
    pub threshold: f32,
    /// Added to the denial logit before the stance temperature divides it.
    #[serde(default)]
    pub stance_offset: f32,
    /// The denial logit is divided by this before the sigmoid; above 0.
    #[serde(default = "one")]
    pub stance_temperature: f32,
    /// The stance is denied when P(denied | category) reaches this.
    #[serde(default = "half")]
    pub stance_threshold: f32,
    /// From where to where P(category) is so near the threshold that a person should decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<[f32; 2]>,
}

fn one() -> f32 {
    1.0
}
fn half() -> f32 {
    0.5
}

impl Default for CategorySettings {
    fn default() -> Self {
        Self {
            offset: 0.0,
            temperature: 1.0,
            threshold: 0.5,
            stance_offset: 0.0,
            stance_temperature: 1.0,
            stance_threshold: 0.5,
            review: None,
        }
    }
}

impl CategorySettings {
    /// P(category) of a category logit.
    pub fn category_probability(&self, logit: f32) -> f32 {
        sigmoid((logit + self.offset) / self.temperature)
    }

    /// P(denied | category) of a denial logit.
    pub fn denied_probability(&self, logit: f32) -> f32 {
        sigmoid((logit + self.stance_offset) / self.stance_temperature)
    }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The contents of `fineprint.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Version of this file's format: 1.
    pub format: u32,
    /// ISO 639-1 code of the language that the model reads; empty for any.
    pub language: String,
    /// What stands before the sentence as the first segment of a pair.
    pub context: Context,
    /// Longest input in tokens, special tokens included; longer sentences are read in windows.
    pub max_tokens: usize,
    /// Longest context in tokens; of a longer one the end is kept.
    pub max_context_tokens: usize,
    /// Calibration by category name; a category that is not listed gets the defaults.
    pub categories: BTreeMap<String, CategorySettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            format: 1,
            language: "en".to_owned(),
            context: Context::LeadIn,
            max_tokens: 256,
            max_context_tokens: 48,
            categories: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Reads and checks `fineprint.json`.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] with the field and its range.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ModelError> {
        // Through a map, since serde also takes a bare list for a struct.
        let settings: Self = serde_json::from_slice::<serde_json::Map<_, _>>(bytes)
            .and_then(|map| serde_json::from_value(map.into()))
            .map_err(|e| ModelError::invalid(FILE, e.to_string()))?;
        let fail = |reason: String| Err(ModelError::invalid(FILE, reason));
        if settings.format != 1 {
            return fail(format!(
                "`format` is {}; this version of fineprint reads 1: a newer fineprint made it",
                settings.format
            ));
        }
        if !(16..=65_536).contains(&settings.max_tokens) {
            return fail(format!(
                "`max_tokens` is {}; it must lie between 16 and 65536",
                settings.max_tokens
            ));
        }
        if settings.max_context_tokens > settings.max_tokens / 2 {
            return fail(format!(
                "`max_context_tokens` is {}; it must not exceed half of `max_tokens`, {}",
                settings.max_context_tokens,
                settings.max_tokens / 2
            ));
        }
        for (name, c) in &settings.categories {
            let positive = |x: f32| x.is_finite() && x > 0.0;
            if !positive(c.temperature) || !positive(c.stance_temperature) {
                return fail(format!("temperatures of `{name}` must be above 0"));
            }
            if !c.offset.is_finite() || !c.stance_offset.is_finite() {
                return fail(format!("offsets of `{name}` must be finite"));
            }
            if !(0.0..=1.0).contains(&c.threshold) || !(0.0..=1.0).contains(&c.stance_threshold) {
                return fail(format!("thresholds of `{name}` must lie between 0 and 1"));
            }
            if c.review.is_some_and(|[low, high]| !(0.0 <= low && low <= high && high <= 1.0)) {
                return fail(format!("`review` of `{name}` must be [low, high] between 0 and 1"));
            }
        }
        Ok(settings)
    }

    /// The settings of every category in logit order.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] when a listed category is not in the label set.
    pub fn resolve(&self, labels: &LabelSet) -> Result<Vec<CategorySettings>, ModelError> {
        if let Some(error) = self.categories.keys().find_map(|name| labels.category(name).err()) {
            return Err(ModelError::invalid(FILE, error.to_string()));
        }
        Ok(labels
            .names()
            .map(|name| self.categories.get(name).copied().unwrap_or_default())
            .collect())
    }

    /// Writes the file.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_a_round_trip() {
        let mut settings = Settings::default();
        settings.categories.insert(
            "ai-training".into(),
            CategorySettings {
                temperature: 1.5,
                threshold: 0.25,
                offset: -0.5,
                review: Some([0.2, 0.3]),
                ..Default::default()
            },
        );
        assert_eq!(Settings::from_json(settings.to_json().as_bytes()).unwrap(), settings);
        let resolved = settings.resolve(&LabelSet::builtin()).unwrap();
        assert_eq!(resolved.len(), 21);
        assert!((resolved[4].temperature - 1.5).abs() < 1e-6);
        assert!((resolved[4].category_probability(2.0) - 0.731_058_6).abs() < 1e-6);
        assert!((resolved[4].denied_probability(0.0) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for text in [
            r#"{"format": 2}"#,
            r#"{"max_tokens": 0}"#,
            r#"{"max_tokens": 64, "max_context_tokens": 60}"#,
            r#"{"categories": {"x": {"temperature": 0}}}"#,
            r#"{"categories": {"x": {"threshold": 1.5}}}"#,
            r#"{"categories": {"x": {"offset": 1e39}}}"#,
            r#"{"categories": {"x": {"review": [0.6, 0.4]}}}"#,
            r#"{"colour": "red"}"#,
            "[]",
        ] {
            let error = Settings::from_json(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("fineprint.json: "), "{text}: {error}");
        }
        let unknown = Settings::from_json(br#"{"categories": {"ai-trainin": {}}}"#).unwrap();
        let error = unknown.resolve(&LabelSet::builtin()).unwrap_err().to_string();
        assert!(error.contains("did you mean `ai-training`?"), "{error}");
    }
}
