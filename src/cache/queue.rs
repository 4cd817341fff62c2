//! Rows on their way to the file.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::classify::StoreKey;

/// Rows that are written together at most.
const BATCH: usize = 4096;
/// Rows that wait at most; what comes on top is not kept.
const MOST: usize = 16 * BATCH;
/// How long rows wait for others: what a killed process loses.
const PATIENCE: Duration = Duration::from_millis(200);

/// A row under its key.
pub(super) type Entry = (StoreKey, Arc<[f32]>);

/// Rows that wait for the writer.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rows: Vec<Entry>,
    is_closed: bool,
}

impl Queue {
    /// Adds rows.
    pub(super) fn push(&self, rows: Vec<Entry>) {
        if rows.is_empty() {
            return;
        }
        let mut state = self.lock();
        let room = MOST.saturating_sub(state.rows.len());
        state.rows.extend(rows.into_iter().take(room));
        if state.rows.len() >= BATCH {
            self.wake.notify_one();
        }
    }

    /// Lets the writer end once the queue is empty.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// The next rows to write, after waiting for enough of them; `None` at the end.
    pub(super) fn next(&self) -> Option<Vec<Entry>> {
        let is_idle = |state: &mut State| state.rows.len() < BATCH && !state.is_closed;
        loop {
            let waited = self.wake.wait_timeout_while(self.lock(), PATIENCE, is_idle);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let count = state.rows.len().min(BATCH);
            if count > 0 {
                return Some(state.rows.drain(..count).collect());
            }
            if state.is_closed {
                return None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> Vec<Entry> {
        (0..count).map(|i| ([i as u8; 32], Arc::from([i as f32]))).collect()
    }

    #[test]
    fn all_rows_come_out_in_batches_and_then_the_end() {
        let queue = Queue::default();
        queue.push(rows(BATCH + 5));
        queue.push(Vec::new());
        queue.close();
        assert_eq!(queue.next().unwrap().len(), BATCH);
        assert_eq!(queue.next().unwrap().len(), 5);
        assert!(queue.next().is_none());
    }

    #[test]
    fn a_writer_that_does_not_keep_up_costs_rows_and_not_memory() {
        let queue = Queue::default();
        for _ in 0..40 {
            queue.push(rows(BATCH / 2));
        }
        queue.close();
        let mut count = 0;
        while let Some(batch) = queue.next() {
            count += batch.len();
        }
        assert_eq!(count, MOST);
    }
}
