//! The threads that compute: one batch at a time each, over whatever requests wait.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use super::metrics::Metrics;
use super::queue::{Answer, Fault, Queue, Taken};
use crate::classify::{Classifier, ClassifyError, Row};
use crate::encode::Encoded;

/// What computes logits.
pub(super) trait Compute: Send + Sync + 'static {
    /// Logits of every sequence, in their order.
    fn rows(&self, sequences: &[Encoded]) -> Result<Vec<Row>, ClassifyError>;
}

impl Compute for Classifier {
    fn rows(&self, sequences: &[Encoded]) -> Result<Vec<Row>, ClassifyError> {
        Classifier::rows(self, sequences)
    }
}

/// Starts `count` workers, which end once the queue is closed and empty.
pub(super) fn start(
    compute: &Arc<impl Compute>,
    queue: &Arc<Queue>,
    metrics: &Arc<Metrics>,
    count: usize,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    (0..count)
        .map(|i| {
            let (compute, queue, metrics) =
                (Arc::clone(compute), Arc::clone(queue), Arc::clone(metrics));
            let work = move || work(compute.as_ref(), &queue, &metrics);
            std::thread::Builder::new().name(format!("fineprint-serve-{i}")).spawn(move || {
                if let Err(error) = Classifier::on_this_thread(work) {
                    tracing::error!(%error, "a worker cannot run");
                }
            })
        })
        .collect()
}

fn work(compute: &impl Compute, queue: &Queue, metrics: &Metrics) {
    while let Some(batch) = queue.take() {
        let start = Instant::now();
        for taken in &batch {
            metrics.queue_wait.observe((start - taken.since).as_secs_f64());
        }
        let (to, sequences): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|Taken { index, sequence, reply, .. }| ((index, reply), sequence))
            .unzip();
        let tokens: usize = sequences.iter().map(|s| s.ids.len()).sum();
        let rows = score(compute, &sequences);
        let time = start.elapsed();
        queue.finished(tokens, time);
        metrics.inference.observe(time.as_secs_f64());
        metrics.batch_tokens.observe(tokens as f64);
        metrics.batch_sequences.observe(sequences.len() as f64);
        metrics.tokens.inc_by(tokens as u64);
        for ((index, reply), row) in to.into_iter().zip(rows) {
            // Whoever asked may have left.
            let _ = reply.send(Answer { index, row });
        }
    }
}

/// Logits of a batch; where that fails, each sequence is tried by itself and fails by itself.
fn score(compute: &impl Compute, sequences: &[Encoded]) -> Vec<Result<Row, Fault>> {
    let fault = match catch_unwind(AssertUnwindSafe(|| compute.rows(sequences))) {
        Ok(Ok(rows)) if rows.len() == sequences.len() => return rows.into_iter().map(Ok).collect(),
        Ok(Ok(_)) => {
            tracing::error!("the model gave another number of rows than sequences");
            Fault::Failed
        }
        Ok(Err(error)) => {
            tracing::error!(%error, sequences = sequences.len(), "a batch failed");
            Fault::Failed
        }
        // The panic hook has logged where.
        Err(_) => Fault::Panicked,
    };
    if sequences.len() == 1 {
        return vec![Err(fault)];
    }
    sequences.chunks(1).flat_map(|one| score(compute, one)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::queue::Bounds;
    use super::*;

    /// Panics at token 13, gives NaN's error at 14, and too few rows at 15.
    struct Faulty;

    impl Compute for Faulty {
        fn rows(&self, sequences: &[Encoded]) -> Result<Vec<Row>, ClassifyError> {
            let has = |id| sequences.iter().any(|s| s.ids.contains(&id));
            assert!(!has(13), "poison");
            if has(14) {
                return Err(ClassifyError::NotFinite);
            }
            let rows = sequences.iter().map(|s| Row::from([s.ids[0] as f32]));
            Ok(rows.skip(usize::from(has(15))).collect())
        }
    }

    fn sequence(id: u32) -> Encoded {
        Encoded { ids: vec![id], type_ids: vec![0] }
    }

    #[test]
    fn only_the_culprits_of_a_batch_fail() {
        let sequences: Vec<Encoded> = (0..32).map(sequence).collect();
        for (i, row) in score(&Faulty, &sequences).into_iter().enumerate() {
            match i {
                13 => assert_eq!(row, Err(Fault::Panicked)),
                14 | 15 => assert_eq!(row, Err(Fault::Failed)),
                _ => assert_eq!(row.unwrap()[0], i as f32),
            }
        }
    }

    #[test]
    fn a_hundred_poisoned_requests_leave_the_others_and_the_workers_alone() {
        let bounds = Bounds {
            tokens: 10_000,
            wait: Duration::from_mins(1),
            work: Duration::from_mins(1),
            batch_tokens: 64,
            fill: Duration::ZERO,
            workers: 2,
        };
        let queue = Arc::new(Queue::new(bounds));
        let workers =
            start(&Arc::new(Faulty), &queue, &Arc::new(Metrics::new().unwrap()), 2).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let tickets: Vec<_> = (0..200u32)
            .map(|i| {
                let poison = if i % 2 == 0 { 13 } else { i + 100 };
                queue.submit(vec![sequence(i + 100), sequence(poison)]).unwrap()
            })
            .collect();
        for (i, ticket) in tickets.into_iter().enumerate() {
            let rows = runtime.block_on(ticket.all());
            if i % 2 == 0 {
                assert_eq!(rows.unwrap_err(), Fault::Panicked);
            } else {
                assert_eq!(rows.unwrap()[1][0], i as f32 + 100.0);
            }
        }
        queue.close();
        for worker in workers {
            worker.join().unwrap();
        }
    }
}
