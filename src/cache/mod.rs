//! An on-disk cache of logits, shared by any number of processes.
//!
//! One file, a `redb` database: its commits are atomic, so that a process killed at any moment
//! leaves the last of them, and its locks let processes read at once and write in turn. Reading
//! happens on the workers' threads; writing on a thread of its own, a few thousand rows a commit.
//!
//! Wrong results are not among what can happen: a file is checked from end to end when it is
//! opened, and every row carries a checksum over its key and its values.

mod error;
mod file;
mod queue;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

pub use error::CacheError;

use crate::classify::{Store, StoreKey};
use file::File;
use queue::Queue;

/// A cache file that is open. Dropped, it writes what is still to be written.
#[derive(Debug)]
pub struct Cache {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What the workers and the writer have in common.
#[derive(Debug)]
struct Shared {
    file: File,
    queue: Queue,
    /// The first thing that went wrong; nothing is read or written after it.
    trouble: Mutex<Option<CacheError>>,
}

impl Cache {
    /// Opens a cache file, or makes one; `limit` is about how many bytes it may have.
    ///
    /// A file over the limit does not shrink, but does not grow either: space is used again.
    ///
    /// # Errors
    /// [`CacheError::Refused`] for a file that is damaged or something else than a cache, and
    /// [`CacheError::Unusable`] when it cannot be read, written or locked.
    pub fn open(path: &Path, limit: u64) -> Result<Self, CacheError> {
        let shared = Arc::new(Shared {
            file: File::open(path, limit)?,
            queue: Queue::default(),
            trouble: Mutex::new(None),
        });
        let writing = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("fineprint-cache".to_owned())
            .spawn(move || writing.write_all())
            .map_err(|e| CacheError::unusable(path, &e))?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)) })
    }

    /// Writes what is still to be written, and says what went wrong since opening, if anything.
    ///
    /// Nothing is kept that comes later.
    pub fn close(&self) -> Option<CacheError> {
        self.shared.queue.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            self.shared.fail(self.shared.file.unusable("its writer failed"));
        }
        self.shared.trouble().take()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.close();
    }
}

impl Store for Cache {
    fn get(&self, keys: &[StoreKey]) -> Vec<Option<Arc<[f32]>>> {
        if keys.is_empty() || self.shared.trouble().is_some() {
            return vec![None; keys.len()];
        }
        match self.shared.file.get(keys) {
            Ok(found) => {
                // What is used moves to the young generation, so that it outlives the old one.
                let old = keys.iter().zip(&found).filter(|(_, found)| found.is_old);
                let kept = old.filter_map(|(key, found)| Some((*key, found.row.clone()?)));
                self.shared.queue.push(kept.collect());
                found.into_iter().map(|found| found.row).collect()
            }
            Err(error) => {
                self.shared.fail(error);
                vec![None; keys.len()]
            }
        }
    }

    fn put(&self, rows: Vec<(StoreKey, Arc<[f32]>)>) {
        if self.shared.trouble().is_none() {
            self.shared.queue.push(rows);
        }
    }
}

impl Shared {
    /// The writer's work, until the queue is closed and empty.
    fn write_all(&self) {
        while let Some(rows) = self.queue.next() {
            if self.trouble().is_none()
                && let Err(error) = self.file.put(rows)
            {
                self.fail(error);
            }
        }
    }

    fn fail(&self, error: CacheError) {
        self.trouble().get_or_insert(error);
    }

    fn trouble(&self) -> std::sync::MutexGuard<'_, Option<CacheError>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
