//! Measuring the line of work on this machine: speed, latency, memory, and what an engine changes.
//!
//! Everything is measured through the same calls that `classify` makes. Times are wall-clock times
//! of this process; other work on the machine is in them.

mod compare;
mod machine;
mod sentences;

use std::time::{Duration, Instant};

use serde::Serialize;

pub use compare::{Comparison, compare};
pub use machine::{Machine, Memory, processor_seconds};
pub use sentences::Sentences;

use crate::batch::{self, Processed};
use crate::classify::{Classifier, ClassifyError};
use crate::encode::Input;

/// Sentences that latency is measured on, at most.
const LATENCY_SENTENCES: usize = 1000;
/// Sentences scored at once, as `classify` does.
const CHUNK: usize = 1024;

/// How long a corpus took.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Throughput {
    /// Documents; 0 for bare sentences.
    pub documents: usize,
    /// Sentences.
    pub sentences: usize,
    /// Tokens of all sentences, special ones included.
    pub tokens: usize,
    /// Bytes of the documents, or of the sentences' text.
    pub bytes: u64,
    /// Seconds of each repetition.
    pub seconds: Vec<f64>,
    /// Seconds of processor time of all repetitions together, where the system tells it.
    pub processor_seconds: Option<f64>,
    /// Sentences a second of processor time: what other programs take is not in it.
    pub sentences_per_processor_second: Option<f64>,
    /// Seconds of the middle repetition, which the rates are of.
    pub median_seconds: f64,
    /// Sentences a second.
    pub sentences_per_second: f64,
    /// Tokens a second.
    pub tokens_per_second: f64,
    /// Documents a second.
    pub documents_per_second: f64,
    /// 10⁶ bytes a second.
    pub megabytes_per_second: f64,
}

/// How long one sentence alone takes, in milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Latency {
    /// Sentences measured.
    pub sentences: usize,
    /// Half take no longer.
    pub p50_ms: f64,
    /// 99 in 100 take no longer.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// Milliseconds since `start`.
pub fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// The smallest value that a share `p` of the values does not exceed.
fn percentile(sorted: &[f64], p: f64) -> f64 {
    let rank = (p * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(0.0)
}

/// Classifies all sentences `repetitions` times; `sources` is set for documents, which are then
/// read and cut again each time.
///
/// # Errors
/// [`ClassifyError`] when a sentence cannot be classified.
pub fn throughput(
    classifier: &Classifier,
    sentences: &Sentences,
    options: &batch::Options,
    repetitions: usize,
) -> Result<Throughput, ClassifyError> {
    let inputs = sentences.inputs();
    let mut seconds = Vec::with_capacity(repetitions.max(1));
    let before = processor_seconds();
    for _ in 0..repetitions.max(1) {
        let start = Instant::now();
        match sentences.documents() {
            Some(paths) => documents(classifier, paths, options)?,
            None => {
                for chunk in inputs.chunks(CHUNK) {
                    classifier.scores(chunk)?;
                }
            }
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    let spent = processor_seconds().zip(before).map(|(after, before)| after - before);
    let mut sorted = seconds.clone();
    sorted.sort_by(f64::total_cmp);
    let median = percentile(&sorted, 0.5);
    let rate = |count: f64| if median > 0.0 { count / median } else { 0.0 };
    let tokens = tokens(classifier, &inputs)?;
    let documents = sentences.documents().map_or(0, <[_]>::len);
    Ok(Throughput {
        documents,
        sentences: inputs.len(),
        tokens,
        bytes: sentences.bytes(),
        processor_seconds: spent,
        sentences_per_processor_second: spent
            .filter(|spent| *spent > 0.0)
            .map(|spent| (inputs.len() * seconds.len()) as f64 / spent),
        seconds,
        median_seconds: median,
        sentences_per_second: rate(inputs.len() as f64),
        tokens_per_second: rate(tokens as f64),
        documents_per_second: rate(documents as f64),
        megabytes_per_second: rate(sentences.bytes() as f64 / 1e6),
    })
}

/// Reads, cuts and classifies documents as `classify` does, and throws the results away.
fn documents(
    classifier: &Classifier,
    sources: &[batch::Source],
    options: &batch::Options,
) -> Result<(), ClassifyError> {
    let fail = |e: std::io::Error| ClassifyError::Threads(e.to_string());
    batch::run(
        sources.iter().cloned().map(Ok),
        options,
        &|inputs| classifier.scores(inputs),
        &mut |_: Processed| Ok::<(), std::io::Error>(()),
        &|_| {},
    )
    .map_err(fail)
}

fn tokens(classifier: &Classifier, inputs: &[Input<'_>]) -> Result<usize, ClassifyError> {
    let mut count = 0;
    for input in inputs {
        let context = classifier.settings().context.compose(input);
        let windows = classifier.tokenizer().encode(input.text, &context)?.windows;
        count += windows.iter().map(|window| window.ids.len()).sum::<usize>();
    }
    Ok(count)
}

/// Times sentences one at a time, evenly drawn over all.
///
/// # Errors
/// [`ClassifyError`] when a sentence cannot be classified.
pub fn latency(classifier: &Classifier, inputs: &[Input<'_>]) -> Result<Latency, ClassifyError> {
    let step = inputs.len().div_ceil(LATENCY_SENTENCES).max(1);
    let mut times = Vec::new();
    for input in inputs.iter().step_by(step) {
        let start = Instant::now();
        classifier.scores(std::slice::from_ref(input))?;
        times.push(start.elapsed());
    }
    times.sort();
    let ms: Vec<f64> = times.iter().map(Duration::as_secs_f64).map(|s| s * 1e3).collect();
    Ok(Latency {
        sentences: ms.len(),
        p50_ms: percentile(&ms, 0.5),
        p99_ms: percentile(&ms, 0.99),
        max_ms: ms.last().copied().unwrap_or(0.0),
    })
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(percentile(&values, 0.5), 2.0);
        assert_eq!(percentile(&values, 0.99), 4.0);
        assert_eq!(percentile(&values, 0.0), 1.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }
}
