//! What is counted, in the text format of Prometheus.
//!
//! No label takes a client's string: routes are the table's own, codes and categories from fixed
//! sets.

use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, TextEncoder,
};

/// Bounds of the histograms of time, in seconds.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];
/// Bounds of the histograms of counts.
const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// The counters of a server.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    errors: IntCounterVec,
    findings: IntCounterVec,
    pub(super) queue_wait: Histogram,
    pub(super) tokenise: Histogram,
    pub(super) inference: Histogram,
    pub(super) batch_tokens: Histogram,
    pub(super) batch_sequences: Histogram,
    pub(super) tokens: IntCounter,
    pub(super) windowed: IntCounter,
    pub(super) truncated: IntCounter,
    pub(super) left: IntCounter,
    pub(super) connections: IntGauge,
    pub(super) in_flight: IntGauge,
    pub(super) queue_tokens: IntGauge,
    pub(super) dropped: IntGauge,
}

impl Metrics {
    pub(super) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new_custom(Some("fineprint".to_owned()), None)?;
        let new = Maker { registry: &registry };
        Ok(Self {
            requests: new.counters(
                "requests_total",
                "Requests answered, by route and status.",
                &["route", "status"],
            )?,
            request_seconds: {
                let options = HistogramOpts::new("request_seconds", "Time to an answer's head.")
                    .buckets(SECONDS.to_vec());
                let histogram = HistogramVec::new(options, &["route"])?;
                registry.register(Box::new(histogram.clone()))?;
                histogram
            },
            errors: new.counters("errors_total", "Errors answered, by code.", &["code"])?,
            findings: new.counters(
                "findings_total",
                "Findings output, by category and stance.",
                &["category", "stance"],
            )?,
            queue_wait: new.histogram(
                "queue_wait_seconds",
                "Time a sequence waited for a worker.",
                SECONDS,
            )?,
            tokenise: new.histogram("tokenise_seconds", "Time to tokenise a request.", SECONDS)?,
            inference: new.histogram("inference_seconds", "Time to compute a batch.", SECONDS)?,
            batch_tokens: new.histogram("batch_tokens", "Tokens of a batch.", COUNTS)?,
            batch_sequences: new.histogram("batch_sequences", "Sequences of a batch.", COUNTS)?,
            tokens: new.counter("tokens_total", "Tokens computed or remembered.")?,
            windowed: new.counter("windowed_total", "Texts read in several windows.")?,
            truncated: new.counter("truncated_total", "Texts cut at the model's limit.")?,
            left: new.counter("clients_left_total", "Clients that left before their answer.")?,
            connections: new.gauge("connections", "Open connections.")?,
            in_flight: new.gauge("requests_in_flight", "Requests being answered.")?,
            queue_tokens: new.gauge("queue_tokens", "Tokens that wait.")?,
            dropped: new.gauge("dropped_sequences", "Sequences dropped, their client gone.")?,
            registry,
        })
    }

    /// Counts an answer.
    pub(super) fn answered(&self, route: &str, status: u16, code: Option<&str>, time: Duration) {
        self.requests.with_label_values(&[route, &status.to_string()]).inc();
        self.request_seconds.with_label_values(&[route]).observe(time.as_secs_f64());
        if let Some(code) = code {
            self.errors.with_label_values(&[code]).inc();
        }
    }

    /// Counts a finding.
    pub(super) fn finding(&self, category: &str, stance: &str) {
        self.findings.with_label_values(&[category, stance]).inc();
    }

    /// All values.
    pub(super) fn text(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// Makes and registers.
struct Maker<'a> {
    registry: &'a Registry,
}

impl Maker<'_> {
    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.registry.register(Box::new(counters.clone()))?;
        Ok(counters)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let counter = IntCounter::new(name, help)?;
        self.registry.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let gauge = IntGauge::new(name, help)?;
        self.registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn histogram(&self, name: &str, help: &str, bounds: &[f64]) -> prometheus::Result<Histogram> {
        let histogram =
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec()))?;
        self.registry.register(Box::new(histogram.clone()))?;
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_in_the_text() {
        let metrics = Metrics::new().unwrap();
        metrics.answered("/v1/classify", 429, Some("overloaded"), Duration::from_millis(3));
        metrics.finding("ai-training", "denied");
        let text = String::from_utf8(metrics.text().unwrap()).unwrap();
        for line in [
            r#"fineprint_requests_total{route="/v1/classify",status="429"} 1"#,
            r#"fineprint_errors_total{code="overloaded"} 1"#,
            r#"fineprint_findings_total{category="ai-training",stance="denied"} 1"#,
            r#"fineprint_request_seconds_bucket{route="/v1/classify",le="0.005"} 1"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
