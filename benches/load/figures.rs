//! What came of a load.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::http::Reply;
use crate::work::What;

/// Ticks of `/proc/PID/stat` in a second, the same on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// What became of the requests of a kind.
#[derive(Debug, Default)]
struct Outcomes {
    /// Milliseconds of each answer, by status.
    answers: BTreeMap<u16, Vec<f64>>,
    /// Connections that failed, by what they said.
    failures: BTreeMap<String, usize>,
}

/// The figures.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) seconds: f64,
    pub(crate) generator_processor_seconds: f64,
    pub(crate) server_processor_seconds: Option<f64>,
    singles: Outcomes,
    documents: Outcomes,
    sentences: usize,
    without_retry_after: usize,
    /// Requests that the server closed the connection on without a byte, and connections that it
    /// did not take.
    pub(crate) unanswered: usize,
    pub(crate) not_connected: usize,
    /// Seconds until each slow client was cut off.
    pub(crate) slow: Vec<f64>,
    /// Seconds since the start, and the server's resident memory in 10⁶ bytes.
    pub(crate) memory: Vec<(f64, f64)>,
}

impl Figures {
    pub(crate) fn answered(&mut self, what: What, reply: Reply, milliseconds: f64) {
        if reply.status == 200 {
            self.sentences += if what == What::Single { 1 } else { reply.sentences };
        }
        if reply.status == 429 && !reply.has_retry_after {
            self.without_retry_after += 1;
        }
        self.outcomes(what).answers.entry(reply.status).or_default().push(milliseconds);
    }

    pub(crate) fn failed(&mut self, what: What, error: &std::io::Error) {
        *self.outcomes(what).failures.entry(error.to_string()).or_default() += 1;
    }

    fn outcomes(&mut self, what: What) -> &mut Outcomes {
        match what {
            What::Single => &mut self.singles,
            What::Document => &mut self.documents,
        }
    }

    /// All of them.
    pub(crate) fn json(&self) -> Value {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let share = |seconds: f64| round(seconds / (self.seconds * cores) * 100.0);
        json!({
            "seconds": round(self.seconds),
            "sentences": self.sentences,
            "sentences_per_second": round(self.sentences as f64 / self.seconds),
            "singles": self.singles.json(),
            "documents": self.documents.json(),
            "429_without_retry_after": self.without_retry_after,
            "unanswered": self.unanswered,
            "not_connected": self.not_connected,
            "generator_percent_of_machine": share(self.generator_processor_seconds),
            "server_percent_of_machine": self.server_processor_seconds.map(share),
            "slow_clients_cut_off": self.slow.len(),
            "slow_clients_seconds": spread(&self.slow),
            "memory_mb": self.memory.iter().map(|&(at, mb)| json!([at.round(), round(mb)])).collect::<Vec<_>>(),
        })
    }
}

impl Outcomes {
    fn json(&self) -> Value {
        let answers: serde_json::Map<String, Value> = self
            .answers
            .iter()
            .map(|(status, times)| {
                (status.to_string(), json!({"count": times.len(), "ms": spread(times)}))
            })
            .collect();
        json!({ "answers": answers, "failures": self.failures })
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Quantiles by nearest rank; null of nothing.
fn spread(values: &[f64]) -> Value {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |q: f64| {
        let rank = (q * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().map(round)
    };
    json!({ "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1.0) })
}

/// Processor time of a process so far, ended threads included.
pub(crate) fn processor_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The second field is a name in parentheses that may hold spaces.
    let after = text.rsplit_once(") ").map_or("", |(_, after)| after);
    let field = |n: usize| after.split(' ').nth(n).and_then(|field| field.parse::<f64>().ok());
    let (user, system) = field(11).zip(field(12)).context("an odd /proc/PID/stat")?;
    Ok((user + system) / TICKS)
}

/// Resident memory of a process in 10⁶ bytes.
pub(crate) fn resident_mb(pid: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0 / 1e6)
}
