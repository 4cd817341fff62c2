//! The categories of a model as a record.

use serde::Serialize;

use crate::label::{Category, Group, LabelSet, StanceEntry, Taxonomy};

/// Name and version of the record.
const SCHEMA: &str = "fineprint-labels/1";

/// What a model can say: categories with definitions and crosswalks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "serve", derive(utoipa::ToSchema))]
pub struct LabelsRecord {
    /// Version of the record: `fineprint-labels/1`.
    pub schema: String,
    /// Where the model came from.
    pub model: String,
    /// SHA-256 over the model's files.
    pub model_digest: String,
    /// The stances that the model tells, with their IRIs; empty for a model without stances.
    pub stances: Vec<StanceEntry>,
    /// The groups that the categories belong to, in display order.
    pub groups: Vec<Group>,
    /// The categories in logit order.
    pub categories: Vec<Category>,
}

impl LabelsRecord {
    /// The record of the labels of a model that came from `origin`.
    pub fn new(labels: &LabelSet, origin: &str, digest: &str) -> Self {
        let stances: &[StanceEntry] =
            if labels.has_stance() { &Taxonomy::builtin().stances } else { &[] };
        Self {
            schema: SCHEMA.to_owned(),
            model: origin.to_owned(),
            model_digest: digest.to_owned(),
            stances: stances.to_vec(),
            groups: labels.groups().into_iter().cloned().collect(),
            categories: labels.categories().to_vec(),
        }
    }
}
