//! What the papers of the benchmarks report (`data/published.json`), each figure with its source.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Benchmark;

/// Which classes an average is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// The categories alone.
    Categories,
    /// The categories and the class of texts without any.
    WithNone,
    /// Whether a text has any label, as one class.
    Any,
}

/// A published result, in percent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The name of the benchmark.
    pub benchmark: String,
    /// What was measured.
    pub system: String,
    /// What the averages are over.
    pub convention: Convention,
    /// Micro-F1, or the F1 of one class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_f1: Option<f64>,
    /// Its standard deviation over seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_sd: Option<f64>,
    /// Macro-F1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<f64>,
    /// Its standard deviation over seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_sd: Option<f64>,
    /// Key of the source.
    pub source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sources: BTreeMap<String, String>,
    figures: Vec<Published>,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the file is compiled in and a test parses it")]
    serde_json::from_str(include_str!("../../data/published.json")).expect("data/published.json")
});

/// The published results of a benchmark, best first.
pub fn of(benchmark: Benchmark) -> Vec<&'static Published> {
    FILE.figures.iter().filter(|p| p.benchmark == benchmark.as_str()).collect()
}

/// Where a result was published.
pub fn source(key: &str) -> &'static str {
    FILE.sources.get(key).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_a_benchmark_and_a_source() {
        for figure in &FILE.figures {
            assert!(figure.benchmark.parse::<Benchmark>().is_ok(), "{figure:?}");
            assert!(!source(&figure.source).is_empty(), "{figure:?}");
            assert!(figure.micro_f1.or(figure.macro_f1).is_some(), "{figure:?}");
        }
    }
}
