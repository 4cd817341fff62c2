//! The cache file: tables, rows, generations.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redb::{
    ConcurrencyMode, Database, ReadTransaction, ReadableDatabase, ReadableTableMetadata,
    TableDefinition, TableError, TransactionError, WriteTransaction,
};
use sha2::{Digest, Sha256};

use super::CacheError;
use super::queue::Entry;
use crate::classify::StoreKey;
use crate::limits;

type Rows = TableDefinition<'static, StoreKey, &'static [u8]>;

/// What says that a file is ours, and how it is laid out.
const FORMAT: TableDefinition<'_, &str, u64> = TableDefinition::new("fineprint-cache");
/// Raised when rows are laid out differently.
const VERSION: u64 = 1;
/// Rows written or read lately; once they fill a quarter of the limit they become the old ones.
const YOUNG: Rows = TableDefinition::new("young");
/// Rows of the generation before, which are dropped when the young ones take their place. The
/// other half of the limit is for what a commit replaces, whose space is free only after it.
const OLD: Rows = TableDefinition::new("old");

/// Bytes of the checksum before a row's values.
const CHECKSUM: usize = 8;
/// Bytes that a row takes beside its values: key, checksum, lengths.
const OVERHEAD: u64 = 32 + CHECKSUM as u64 + 8;
/// How long a writer waits for the writers of other processes.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open cache file.
#[derive(Debug)]
pub(super) struct File {
    database: Database,
    path: PathBuf,
    limit: u64,
}

/// What is under a key.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) row: Option<Arc<[f32]>>,
    /// It is of the old generation only.
    pub(super) is_old: bool,
}

impl File {
    /// Opens a file or makes one.
    pub(super) fn open(path: &Path, limit: u64) -> Result<Self, CacheError> {
        let exists = path.try_exists().map_err(|e| CacheError::unusable(path, e))?;
        if !exists {
            create(path)?;
        }
        // A directory or a device is not handed to the database, which would make a file of it.
        if !path.is_file() {
            return Err(CacheError::refused(path, "no regular file"));
        }
        let database = builder().open(path).map_err(|e| CacheError::opening(path, e))?;
        let file = Self { database, path: path.to_owned(), limit };
        file.check_format()?;
        Ok(file)
    }

    fn check_format(&self) -> Result<(), CacheError> {
        let transaction = self.read()?;
        let version = match transaction.open_table(FORMAT) {
            Ok(table) => table.get("version").map_err(|e| CacheError::storage(&self.path, e))?,
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(e) => return Err(self.failed(e)),
        };
        match version.map(|version| version.value()) {
            Some(VERSION) => Ok(()),
            Some(_) => {
                Err(CacheError::refused(&self.path, "a cache of another version of fineprint"))
            }
            None => Err(CacheError::refused(&self.path, "a database of another program")),
        }
    }

    /// What is under each key.
    pub(super) fn get(&self, keys: &[StoreKey]) -> Result<Vec<Found>, CacheError> {
        let transaction = self.read()?;
        let mut found = vec![Found::default(); keys.len()];
        for (table, is_old) in [(YOUNG, false), (OLD, true)] {
            let table = match transaction.open_table(table) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => continue,
                Err(e) => return Err(self.failed(e)),
            };
            for (key, found) in keys.iter().zip(&mut found).filter(|(_, f)| f.row.is_none()) {
                let value = table.get(key).map_err(|e| CacheError::storage(&self.path, e))?;
                if let Some(value) = value {
                    let row = decode(key, value.value()).ok_or_else(|| {
                        CacheError::refused(&self.path, "a row does not match its checksum")
                    })?;
                    *found = Found { row: Some(row), is_old };
                }
            }
        }
        Ok(found)
    }

    /// Keeps rows, in as few transactions as the limit allows.
    pub(super) fn put(&self, mut rows: Vec<Entry>) -> Result<(), CacheError> {
        // Trees take what is in order faster.
        rows.sort_unstable_by_key(|(key, _)| *key);
        let width = rows.iter().map(|(_, row)| row.len()).max().unwrap_or(0);
        // Pages of a tree that is filled in random order are two thirds full.
        let row_bytes = ((width * size_of::<f32>()) as u64 + OVERHEAD) * 3 / 2;
        let most = (self.limit / 4 / row_bytes).max(1);
        rows.chunks(most as usize).try_for_each(|rows| self.put_some(rows, most))
    }

    /// Keeps rows in one transaction; a generation has `most`.
    fn put_some(&self, rows: &[Entry], most: u64) -> Result<(), CacheError> {
        let storage = |e| CacheError::storage(&self.path, e);
        let transaction = self.write()?;
        let count = {
            let young = transaction.open_table(YOUNG).map_err(|e| self.failed(e))?;
            young.len().map_err(storage)?
        };
        if count + rows.len() as u64 > most {
            transaction.delete_table(OLD).map_err(|e| self.failed(e))?;
            transaction.rename_table(YOUNG, OLD).map_err(|e| self.failed(e))?;
        }
        {
            let mut young = transaction.open_table(YOUNG).map_err(|e| self.failed(e))?;
            for (key, row) in rows {
                young.insert(key, encode(key, row).as_slice()).map_err(storage)?;
            }
        }
        transaction.commit().map_err(|e| self.failed(e))
    }

    fn read(&self) -> Result<ReadTransaction, CacheError> {
        self.database.begin_read().map_err(|e| self.failed(e))
    }

    /// A write transaction, once no other process has one.
    fn write(&self) -> Result<WriteTransaction, CacheError> {
        let start = Instant::now();
        loop {
            match self.database.try_begin_write() {
                Ok(transaction) => return Ok(transaction),
                Err(TransactionError::WouldBlock) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(TransactionError::WouldBlock) => {
                    return Err(self.unusable("another program keeps it locked"));
                }
                Err(e) => return Err(self.failed(e)),
            }
        }
    }

    fn failed(&self, error: impl Into<redb::Error>) -> CacheError {
        CacheError::of(&self.path, error.into())
    }

    pub(super) fn unusable(&self, reason: impl Display) -> CacheError {
        CacheError::unusable(&self.path, reason)
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder
        .set_concurrency_mode(ConcurrencyMode::MultiWriter)
        .set_cache_size(limits::CACHE_PAGES_BYTES)
        // A file that was altered from outside is told here, and not by a panic later.
        .set_check_integrity_on_open(true);
    builder
}

/// Makes an empty cache under a temporary name and gives it its own, so that nobody meets half of
/// one; where another process was faster, its file stays.
fn create(path: &Path) -> Result<(), CacheError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = tempfile::Builder::new()
        .prefix(".fineprint-")
        .suffix(".cache")
        .tempfile_in(folder)
        .map_err(|e| CacheError::unusable(path, e))?;
    let fail = |e: redb::Error| CacheError::of(path, e);
    {
        let database = builder().create(temporary.path()).map_err(|e| fail(e.into()))?;
        let transaction = database.begin_write().map_err(|e| fail(e.into()))?;
        {
            let mut table = transaction.open_table(FORMAT).map_err(|e| fail(e.into()))?;
            table.insert("version", VERSION).map_err(|e| fail(e.into()))?;
        }
        transaction.commit().map_err(|e| fail(e.into()))?;
    }
    match temporary.persist_noclobber(path) {
        Err(e) if e.error.kind() != ErrorKind::AlreadyExists => {
            Err(CacheError::unusable(path, e.error))
        }
        _ => Ok(()),
    }
}

fn checksum(key: &StoreKey, values: &[u8]) -> [u8; CHECKSUM] {
    let digest = Sha256::new().chain_update(key).chain_update(values).finalize();
    std::array::from_fn(|i| digest[i])
}

fn encode(key: &StoreKey, row: &[f32]) -> Vec<u8> {
    let values: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
    [checksum(key, &values).as_slice(), &values].concat()
}

fn decode(key: &StoreKey, bytes: &[u8]) -> Option<Arc<[f32]>> {
    let (sum, values) = bytes.split_first_chunk::<CHECKSUM>()?;
    let (floats, rest) = values.as_chunks::<4>();
    let is_sound = rest.is_empty() && checksum(key, values) == *sum;
    is_sound.then(|| floats.iter().map(|x| f32::from_le_bytes(*x)).collect())
}
