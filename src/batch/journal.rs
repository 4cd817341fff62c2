//! A run that can be killed at any moment and gone on with.
//!
//! The results of a long run grow in a folder: `records.jsonl` (whatever the caller writes for a
//! document), `index.jsonl` (an [`Entry`] a document), `errors.jsonl` (name and reason of those
//! that failed), and `journal.json`, which says how much of these three is good. The order of
//! writing makes it safe: append, sync, and only then replace the journal by a rename. Opened
//! again, everything behind the journal's word is cut off, so that every document is there
//! exactly once and the bytes are those of a run that was never broken.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::growing::{Extent, Growing};
use super::{AtomicFile, atomic};
use crate::digest::hex;
use crate::report::record::Status;

/// Version of the journal.
const SCHEMA: &str = "fineprint-journal/1";
/// Records of the run's documents.
pub const RECORDS: &str = "records.jsonl";
/// One [`Entry`] a document.
pub const INDEX: &str = "index.jsonl";
/// Documents that failed, with the reason.
pub const ERRORS: &str = "errors.jsonl";
/// What the run came to; there once it is complete.
pub const MANIFEST: &str = "manifest.json";
const JOURNAL: &str = "journal.json";
const LOCK: &str = "lock";
/// Longest time between two checkpoints while documents come in.
const INTERVAL: Duration = Duration::from_millis(500);

/// How long a folder's lock is waited for.
const LOCK_WAIT: Duration = Duration::from_millis(250);

/// Why a run cannot be started or gone on with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The folder holds a run that was not finished.
    #[error(
        "{} holds an unfinished run of {documents} documents; go on with --resume, or start over with --restart",
        .path.display()
    )]
    Unfinished {
        /// The folder.
        path: PathBuf,
        /// How many documents are done.
        documents: usize,
    },
    /// The folder holds something, and no run.
    #[error("{} is not empty and holds no run of fineprint; name a new folder", .0.display())]
    Foreign(PathBuf),
    /// The folder holds a run that is complete.
    #[error("{} holds a complete run; start over with --restart, or name another folder", .0.display())]
    Complete(PathBuf),
    /// Another process writes to it.
    #[error("another fineprint is writing to {}; wait for it to end", .0.display())]
    Locked(PathBuf),
    /// The run was made in another way, which would mix results.
    #[error(
        "{} was made with {what} {was}, now it is {now}; give the same options as before, or start over with --restart",
        .path.display()
    )]
    Differs {
        /// The folder.
        path: PathBuf,
        /// What differs.
        what: String,
        /// Its value then.
        was: String,
        /// Its value now.
        now: String,
    },
    /// A file of the folder is not what it was when it was written.
    #[error("{}: {reason}; start over with --restart", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The operating system refuses.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
}

impl JournalError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// What the index says of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number among all inputs of the run, from 0; with shards, among those of all shards.
    pub number: usize,
    /// Its name.
    pub document: String,
    /// SHA-256 of its bytes in hexadecimal; null where it could not be read.
    pub sha256: Option<String>,
    /// What became of it.
    pub status: Status,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its size in bytes.
    pub source_bytes: u64,
    /// Sentences in it.
    pub sentences: usize,
    /// Findings of it in the records.
    pub findings: usize,
    /// Categories that it asserts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asserted: Vec<String>,
    /// Bytes of its records.
    pub record_bytes: u64,
}

/// A failed document, as `errors.jsonl` has it.
#[derive(Debug, Serialize)]
struct Failed<'a> {
    document: &'a str,
    reason: &'a str,
}

/// How much of the files is good, and what made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoint {
    schema: String,
    /// Everything that results depend on but the inputs.
    run: Value,
    documents: usize,
    records: Extent,
    index: Extent,
    errors: Extent,
}

/// What to do with a run that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse.
    Refuse,
    /// Go on with it.
    Resume,
    /// Remove it.
    Restart,
}

/// A run's folder, open for writing by this process alone.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    run: Value,
    records: Growing,
    index: Growing,
    errors: Growing,
    done: Vec<Entry>,
    documents: usize,
    record_start: u64,
    /// Whether a document's records were begun and not ended, as after an error in the middle.
    is_amid: bool,
    synced: Instant,
    // Held until the folder is dropped.
    _lock: File,
}

impl RunFolder {
    /// Opens a folder for the run that `run` describes: everything but the inputs that its results
    /// depend on, as a JSON object.
    ///
    /// # Errors
    /// [`JournalError`] when the folder holds something else, is being written to, is damaged, or
    /// cannot be written.
    pub fn open(path: &Path, run: &Value, existing: Existing) -> Result<Self, JournalError> {
        std::fs::create_dir_all(path).map_err(JournalError::io(path))?;
        // Before anything is made in it.
        refuse_foreign(path)?;
        let lock = lock(path)?;
        let checkpoint = if existing == Existing::Restart {
            remove_run(path)?;
            None
        } else {
            let checkpoint = read_checkpoint(path)?;
            let is_complete = path.join(MANIFEST).exists();
            match (&checkpoint, existing) {
                (None, _) => {}
                (Some(_), Existing::Refuse) if is_complete => {
                    return Err(JournalError::Complete(path.to_owned()));
                }
                (Some(checkpoint), Existing::Refuse) => {
                    let documents = checkpoint.documents;
                    return Err(JournalError::Unfinished { path: path.to_owned(), documents });
                }
                (Some(checkpoint), _) => compare(path, &checkpoint.run, run)?,
            }
            checkpoint
        };
        atomic::remove_strays(path).map_err(JournalError::io(path))?;
        let open = |name: &str, extent: Option<&Extent>| Growing::open(path.join(name), extent);
        let records = open(RECORDS, checkpoint.as_ref().map(|c| &c.records))?;
        let index = open(INDEX, checkpoint.as_ref().map(|c| &c.index))?;
        let errors = open(ERRORS, checkpoint.as_ref().map(|c| &c.errors))?;
        let done = match &checkpoint {
            Some(checkpoint) => read_index(path, checkpoint)?,
            None => Vec::new(),
        };
        let mut folder = Self {
            path: path.to_owned(),
            run: run.clone(),
            record_start: records.bytes,
            is_amid: false,
            records,
            index,
            errors,
            documents: done.len(),
            done,
            synced: Instant::now(),
            _lock: lock,
        };
        if checkpoint.is_none() {
            folder.checkpoint()?;
        }
        Ok(folder)
    }

    /// The documents that were done before this process.
    pub fn done(&self) -> &[Entry] {
        &self.done
    }

    /// Whether nothing was written to the records yet.
    pub fn is_new(&self) -> bool {
        self.records.bytes == 0
    }

    /// Where the records of the next document go.
    pub fn records(&mut self) -> &mut impl Write {
        self.is_amid = true;
        &mut self.records
    }

    /// Notes what does not belong to a document: its bytes are not counted as the next one's.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn begun(&mut self) -> Result<(), JournalError> {
        self.record_start = self.records.bytes;
        self.is_amid = false;
        self.checkpoint()
    }

    /// Notes that a document's records are written. `entry.record_bytes` is set here.
    ///
    /// # Errors
    /// [`JournalError::Io`]; what the journal says is good stays good.
    pub fn document(&mut self, mut entry: Entry) -> Result<(), JournalError> {
        entry.record_bytes = self.records.bytes - self.record_start;
        self.record_start = self.records.bytes;
        if let Some(reason) = &entry.reason {
            self.errors.line(&Failed { document: &entry.document, reason })?;
        }
        self.index.line(&entry)?;
        self.documents += 1;
        self.is_amid = false;
        if self.synced.elapsed() >= INTERVAL {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Makes everything written so far good; does nothing when a document was written in part,
    /// since what is good has to end with a whole one.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn checkpoint(&mut self) -> Result<(), JournalError> {
        if self.is_amid {
            return Ok(());
        }
        let checkpoint = Checkpoint {
            schema: SCHEMA.to_owned(),
            run: self.run.clone(),
            documents: self.documents,
            records: self.records.sync()?,
            index: self.index.sync()?,
            errors: self.errors.sync()?,
        };
        let path = self.path.join(JOURNAL);
        let write = || -> io::Result<()> {
            let line = serde_json::to_string(&checkpoint)?;
            let mut file = AtomicFile::create(&path)?;
            writeln!(file, "{line}\n{}", hex(Sha256::digest(&line)))?;
            file.commit()
        };
        write().map_err(JournalError::io(&path))?;
        self.synced = Instant::now();
        Ok(())
    }

    /// The digest of the records and their length in bytes.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn sealed(&mut self) -> Result<(u64, String), JournalError> {
        self.checkpoint()?;
        Ok((self.records.bytes, hex(self.records.hash.clone().finalize())))
    }

    /// Calls `each` with every entry of the run, in order.
    ///
    /// # Errors
    /// [`JournalError`] when the index cannot be read.
    pub fn entries(&mut self) -> Result<Vec<Entry>, JournalError> {
        self.index.sync()?;
        read_entries(&self.path.join(INDEX), self.index.bytes)
    }

    /// What made the run, as given to [`RunFolder::open`].
    pub fn run(&self) -> &Value {
        &self.run
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Takes the folder for this process; the operating system gives it back whatever happens.
fn lock(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(JournalError::io(&path))?;
    // A process that is just being started by ours holds what we hold until it becomes another
    // program, so a lock that was given back can be taken for a moment still.
    let until = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => return Err(JournalError::Locked(folder.to_owned())),
            Err(TryLockError::Error(source)) => return Err(JournalError::Io { path, source }),
        }
    }
}

/// Makes the records of a complete run the file of that name.
///
/// # Errors
/// [`JournalError::Io`].
pub fn hand_over(folder: &Path, file: &Path) -> Result<(), JournalError> {
    std::fs::rename(folder.join(RECORDS), file)
        .and_then(|()| atomic::sync_folder(atomic::folder_of(file)))
        .map_err(JournalError::io(file))
}

/// Removes the folder of a complete run whose records were made into a file elsewhere.
///
/// The records go first and the manifest last, so that what a process leaves that is killed
/// meanwhile shows as that: [`remove_handed_over`] removes the rest.
///
/// # Errors
/// [`JournalError::Io`].
pub fn remove_complete(folder: &Path) -> Result<(), JournalError> {
    for name in [RECORDS, INDEX, ERRORS, JOURNAL, MANIFEST, LOCK] {
        remove(&folder.join(name))?;
    }
    atomic::remove_strays(folder).map_err(JournalError::io(folder))?;
    std::fs::remove_dir(folder).map_err(JournalError::io(folder))
}

/// Removes what is left of a folder that [`remove_complete`] did not get done with: one with a
/// manifest and without records.
///
/// # Errors
/// [`JournalError`], also when another process has the folder.
pub fn remove_handed_over(folder: &Path) -> Result<(), JournalError> {
    if !folder.join(MANIFEST).exists() || folder.join(RECORDS).exists() {
        return Ok(());
    }
    let _lock = lock(folder)?;
    remove_complete(folder)
}

fn remove(path: &Path) -> Result<(), JournalError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(JournalError::io(path)(error)),
        _ => Ok(()),
    }
}

/// Removes the files of a run, the manifest first, without which the rest is no complete run, and
/// the journal last, which says that the folder is ours.
fn remove_run(folder: &Path) -> Result<(), JournalError> {
    let files = [MANIFEST, RECORDS, INDEX, ERRORS, JOURNAL];
    files.into_iter().try_for_each(|name| remove(&folder.join(name)))
}

/// A folder without a journal may hold what a run left that was killed at once, and nothing else.
fn refuse_foreign(folder: &Path) -> Result<(), JournalError> {
    if folder.join(JOURNAL).exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(JournalError::io(folder))? {
        let name = entry.map_err(JournalError::io(folder))?.file_name();
        let name = name.to_string_lossy();
        let is_ours =
            [LOCK, RECORDS, INDEX, ERRORS].contains(&name.as_ref()) || atomic::is_stray(&name);
        if !is_ours {
            return Err(JournalError::Foreign(folder.to_owned()));
        }
    }
    Ok(())
}

fn read_checkpoint(folder: &Path) -> Result<Option<Checkpoint>, JournalError> {
    let path = folder.join(JOURNAL);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
        Err(error) => return Err(JournalError::io(&path)(error)),
    };
    let damaged = |reason: &str| {
        let path = path.clone();
        JournalError::Damaged { path, reason: reason.to_owned() }
    };
    let checked = text.strip_suffix('\n').and_then(|text| text.split_once('\n'));
    let Some((line, _)) = checked.filter(|(line, sum)| hex(Sha256::digest(line)) == *sum) else {
        return Err(damaged("the journal's own checksum does not hold"));
    };

    let checkpoint: Checkpoint = serde_json::from_str(line)
        .map_err(|e| damaged(&format!("no journal of this version of fineprint ({e})")))?;
    if checkpoint.schema == SCHEMA {
        Ok(Some(checkpoint))
    } else {
        Err(damaged(&format!(
            "its version is {}, this fineprint reads {SCHEMA}",
            checkpoint.schema
        )))
    }
}

fn read_index(folder: &Path, checkpoint: &Checkpoint) -> Result<Vec<Entry>, JournalError> {
    let path = folder.join(INDEX);
    let entries = read_entries(&path, checkpoint.index.bytes)?;
    let bytes: u64 = entries.iter().map(|entry| entry.record_bytes).sum();
    if entries.len() == checkpoint.documents && bytes <= checkpoint.records.bytes {
        return Ok(entries);
    }
    let reason = "it does not fit the journal".to_owned();
    Err(JournalError::Damaged { path, reason })
}

/// The entries in the first `bytes` of an index.
pub(super) fn read_entries(path: &Path, bytes: u64) -> Result<Vec<Entry>, JournalError> {
    let file = File::open(path).map_err(JournalError::io(path))?;
    let lines = serde_json::Deserializer::from_reader(BufReader::new(file.take(bytes))).into_iter();
    let mut entries = Vec::new();
    for (number, entry) in lines.enumerate() {
        let entry = entry.map_err(|e| JournalError::Damaged {
            path: path.to_owned(),
            reason: format!("entry {} cannot be read: {e}", number + 1),
        })?;
        entries.push(entry);
    }
    Ok(entries)
}

/// Refuses another run's description, naming the first thing that differs.
pub(super) fn compare(path: &Path, was: &Value, now: &Value) -> Result<(), JournalError> {
    match difference("", was, now) {
        None => Ok(()),
        Some((what, was, now)) => {
            Err(JournalError::Differs { path: path.to_owned(), what, was, now })
        }
    }
}

fn difference(place: &str, was: &Value, now: &Value) -> Option<(String, String, String)> {
    let (Value::Object(a), Value::Object(b)) = (was, now) else {
        return (was != now).then(|| (place.to_owned(), was.to_string(), now.to_string()));
    };
    let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
    for name in names {
        let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        let null = &Value::Null;
        let found = difference(&place, a.get(name).unwrap_or(null), b.get(name).unwrap_or(null));
        if found.is_some() {
            return found;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(number: usize) -> Entry {
        Entry {
            number,
            document: format!("{number}.md"),
            sha256: Some(hex(Sha256::digest([number as u8]))),
            status: Status::Classified,
            reason: None,
            source_bytes: 10,
            sentences: 1,
            findings: 0,
            asserted: Vec::new(),
            record_bytes: 0,
        }
    }

    fn filled(path: &Path, documents: usize) -> RunFolder {
        let mut folder = RunFolder::open(path, &json!({"a": 1}), Existing::Refuse).unwrap();
        for number in 0..documents {
            writeln!(folder.records(), "record {number}").unwrap();
            folder.document(entry(number)).unwrap();
        }
        folder.checkpoint().unwrap();
        folder
    }

    #[test]
    fn what_was_written_after_the_checkpoint_is_cut_off() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("run");
        let mut folder = filled(&path, 3);
        write!(folder.records(), "record 3\nrec").unwrap();
        folder.document(entry(3)).unwrap();
        drop(folder);
        let folder = RunFolder::open(&path, &json!({"a": 1}), Existing::Resume).unwrap();
        assert_eq!(folder.done().len(), 3);
        assert_eq!(folder.done()[2].record_bytes, 9);
        drop(folder);
        let records = std::fs::read_to_string(path.join(RECORDS)).unwrap();
        assert_eq!(records, "record 0\nrecord 1\nrecord 2\n");
    }

    #[test]
    fn a_document_in_part_is_never_made_good() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("run");
        let mut folder = filled(&path, 2);
        // As when the disk was full for a moment: the run stops, and notes what it has.
        write!(folder.records(), "rec").unwrap();
        folder.checkpoint().unwrap();
        drop(folder);
        let mut folder = RunFolder::open(&path, &json!({"a": 1}), Existing::Resume).unwrap();
        assert_eq!(folder.done().len(), 2);
        writeln!(folder.records(), "record 2").unwrap();
        folder.document(entry(2)).unwrap();
        folder.checkpoint().unwrap();
        let records = std::fs::read_to_string(path.join(RECORDS)).unwrap();
        assert_eq!(records, "record 0\nrecord 1\nrecord 2\n");
    }

    #[test]
    fn a_journal_cut_or_changed_anywhere_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("run");
        drop(filled(&path, 2));
        let journal = path.join(JOURNAL);
        let good = std::fs::read(&journal).unwrap();
        let open = || RunFolder::open(&path, &json!({"a": 1}), Existing::Resume);
        for place in 0..good.len() {
            std::fs::write(&journal, &good[..place]).unwrap();
            assert!(matches!(open(), Err(JournalError::Damaged { .. })), "cut at {place}");
            let mut flipped = good.clone();
            flipped[place] ^= 0x10;
            std::fs::write(&journal, &flipped).unwrap();
            assert!(matches!(open(), Err(JournalError::Damaged { .. })), "flipped at {place}");
        }
        std::fs::write(&journal, &good).unwrap();
        assert_eq!(open().unwrap().done().len(), 2);
        for name in [RECORDS, INDEX] {
            let file = path.join(name);
            let good = std::fs::read(&file).unwrap();
            let mut flipped = good.clone();
            flipped[3] ^= 1;
            std::fs::write(&file, &flipped).unwrap();
            assert!(matches!(open(), Err(JournalError::Damaged { .. })), "{name}");
            std::fs::write(&file, &good[..good.len() - 1]).unwrap();
            assert!(matches!(open(), Err(JournalError::Damaged { .. })), "{name} shortened");
            std::fs::write(&file, &good).unwrap();
        }
        assert!(open().is_ok());
    }

    #[test]
    fn one_process_at_a_time_and_no_other_run() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("run");
        let folder = filled(&path, 1);
        let open = |a: i32, existing| RunFolder::open(&path, &json!({"a": a}), existing);
        assert!(matches!(open(1, Existing::Resume), Err(JournalError::Locked(_))));
        drop(folder);
        assert!(matches!(
            open(1, Existing::Refuse),
            Err(JournalError::Unfinished { documents: 1, .. })
        ));
        let differs = open(2, Existing::Resume).unwrap_err().to_string();
        assert!(differs.contains("made with a 1, now it is 2"), "{differs}");
        assert_eq!(open(2, Existing::Restart).unwrap().done().len(), 0);
    }
}
