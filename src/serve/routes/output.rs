//! What of a classification is output, as clients ask for it.

use std::fmt::Display;

use serde::Deserialize;

use super::super::error::ApiError;
use super::super::metrics::Metrics;
use crate::classify::Classifier;
use crate::label::Stance;
use crate::report::record::FindingRecord;
use crate::report::{Explain, Filter, Recorder};

/// Most names of categories in a request, a bound on nonsense.
const CATEGORIES: usize = 256;

/// Names separated by commas.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "String")]
pub(in crate::serve) struct Categories(pub(super) Vec<String>);

impl From<String> for Categories {
    fn from(text: String) -> Self {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Self(names.map(str::to_owned).collect())
    }
}

/// What is output, checked.
#[derive(Debug, Clone)]
pub(super) struct Output {
    filter: Filter,
    explain: bool,
    probabilities: bool,
}

/// What is output, as asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked<'a> {
    pub(super) categories: &'a [String],
    pub(super) stance: Option<Stance>,
    pub(super) min_probability: Option<f32>,
    pub(super) all_sentences: bool,
    pub(super) explain: bool,
    pub(super) probabilities: bool,
}

impl Output {
    pub(super) fn resolve(asked: &Asked<'_>, classifier: &Classifier) -> Result<Self, ApiError> {
        let labels = classifier.labels();
        let wrong = |message: &dyn Display| ApiError::unprocessable("invalid_request", message);
        if asked.categories.len() > CATEGORIES {
            return Err(wrong(&format!("more than {CATEGORIES} categories are named")));
        }
        let categories = asked
            .categories
            .iter()
            .map(|name| labels.category(name.trim()).map_err(|unknown| wrong(&unknown)))
            .collect::<Result<_, _>>()?;
        if asked.stance == Some(Stance::Denied) && !labels.has_stance() {
            return Err(wrong(&"this model does not tell stances"));
        }
        let min_probability = asked.min_probability.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&min_probability) {
            return Err(wrong(&"min_probability is a number from 0 to 1"));
        }
        Ok(Self {
            filter: Filter {
                categories,
                stance: asked.stance,
                min_probability,
                all_sentences: asked.all_sentences,
            },
            explain: asked.explain,
            probabilities: asked.probabilities,
        })
    }

    /// Whether making records takes scores of its own.
    pub(super) fn explains(&self) -> bool {
        self.explain
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    pub(super) fn recorder<'a>(&self, classifier: &'a Classifier) -> Recorder<'a> {
        Recorder {
            classifier,
            filter: self.filter.clone(),
            explain: if self.explain { Explain::Everything } else { Explain::Nothing },
            probabilities: self.probabilities,
        }
    }
}

/// Counts findings that are output.
pub(super) fn count<'a>(metrics: &Metrics, findings: impl IntoIterator<Item = &'a FindingRecord>) {
    for finding in findings {
        metrics.finding(&finding.category, finding.stance.as_str());
    }
}
