//! Workers that each compute on one thread.
//!
//! Candle and gemm parallelise inside an operation over the rayon pool that they run in. Two cores
//! do more work when each runs whole batches by itself, so every worker is a rayon pool of one
//! thread: whatever is parallel inside stays on that thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::ClassifyError;

/// A fixed set of one-thread pools.
#[derive(Debug)]
pub(super) struct Workers {
    pools: Vec<ThreadPool>,
}

impl Workers {
    /// Starts `threads` workers, or one a core for 0.
    pub(super) fn new(threads: usize) -> Result<Self, ClassifyError> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let count = if threads == 0 { cores() } else { threads.min(256) };
        let pools = (0..count)
            .map(|i| {
                ThreadPoolBuilder::new()
                    .num_threads(1)
                    .thread_name(move |_| format!("fineprint-{i}"))
                    .build()
            })
            .collect::<Result<_, _>>()
            .map_err(|e| ClassifyError::Threads(e.to_string()))?;
        Ok(Self { pools })
    }

    /// Number of workers.
    pub(super) fn count(&self) -> usize {
        self.pools.len()
    }

    /// `job(0), …, job(count - 1)` over all workers; results in order, or the first error.
    ///
    /// Jobs are taken one by one, so give out the large ones first.
    pub(super) fn map<T: Send>(
        &self,
        count: usize,
        job: impl Fn(usize) -> Result<T, ClassifyError> + Sync,
    ) -> Result<Vec<T>, ClassifyError> {
        if count <= 1 {
            let Some(pool) = self.pools.first() else { return Ok(Vec::new()) };
            return (0..count).map(|i| pool.install(|| job(i))).collect();
        }
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<(usize, T)>> = Mutex::new(Vec::with_capacity(count));
        let failure = Mutex::new(None);
        let work = || {
            let mut own = Vec::new();
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                if i >= count {
                    break;
                }
                match job(i) {
                    Ok(value) => own.push((i, value)),
                    Err(error) => {
                        next.store(count, Ordering::Relaxed);
                        *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    }
                }
            }
            results.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
        };
        std::thread::scope(|scope| {
            for pool in &self.pools {
                scope.spawn(|| pool.install(work));
            }
        });
        if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|(i, _)| *i);
        Ok(results.into_iter().map(|(_, value)| value).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_errors_come_out() {
        for threads in [1, 2, 5] {
            let workers = Workers::new(threads).unwrap();
            let squares = workers.map(100, |i| Ok(i * i)).unwrap();
            assert_eq!(squares, (0..100).map(|i| i * i).collect::<Vec<_>>());
            assert!(workers.map::<usize>(0, |_| unreachable!()).unwrap().is_empty());
            let failed =
                workers.map(100, |i| if i == 37 { Err(ClassifyError::NotFinite) } else { Ok(i) });
            assert!(matches!(failed, Err(ClassifyError::NotFinite)));
        }
    }

    #[test]
    fn what_is_parallel_inside_a_job_stays_on_its_thread() {
        let workers = Workers::new(2).unwrap();
        let counts = workers.map(4, |_| Ok(rayon::current_num_threads())).unwrap();
        assert_eq!(counts, [1; 4]);
    }
}
