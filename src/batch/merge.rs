//! Joins the shards of a corpus into the run that they are parts of, and proves that none is missing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::journal::{
    Entry, Existing, INDEX, JournalError, RECORDS, RunFolder, compare, read_entries,
};
use super::manifest::{InputsDigest, Manifest, now};

/// Why shards cannot be joined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A folder cannot be read or written, or was made in another way than the first.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A folder holds no shard.
    #[error("{} is a whole run, and no shard", .0.display())]
    Whole(PathBuf),
    /// The shards are not those of one corpus.
    #[error(
        "{} and {} are not of one corpus: they saw other inputs; run both again over the same files",
        .0.display(), .1.display()
    )]
    OtherInputs(PathBuf, PathBuf),
    /// A shard is given twice.
    #[error("{} and {} are the same shard {shard}", .first.display(), .second.display())]
    Twice {
        /// One.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// Which.
        shard: String,
    },
    /// Shards are missing.
    #[error("shard {} is missing; name its folder too", .0)]
    Missing(String),
    /// The shards do not hold every input exactly once.
    #[error("input {number} is in {times} shards and should be in one; run the shards again")]
    Incomplete {
        /// Its number, from 0.
        number: usize,
        /// How often it is there.
        times: usize,
    },
    /// The inputs in the shards are not those that were counted.
    #[error("the shards' inputs are not those that their manifests name; run the shards again")]
    Unproven,
}

/// A shard's folder with its records open.
struct Part {
    path: PathBuf,
    manifest: Manifest,
    entries: Vec<Entry>,
    records: BufReader<File>,
}

impl Part {
    fn open(path: &Path) -> Result<Self, MergeError> {
        let manifest = Manifest::read(path)?;
        let entries = read_entries(&path.join(INDEX), u64::MAX)?;
        let name = path.join(RECORDS);
        let file = File::open(&name).map_err(JournalError::io(&name))?;
        let records = BufReader::with_capacity(256 << 10, file);
        Ok(Self { path: path.to_owned(), manifest, entries, records })
    }

    /// Bytes of the records before the first document's.
    fn head_bytes(&self) -> u64 {
        let documents: u64 = self.entries.iter().map(|entry| entry.record_bytes).sum();
        self.manifest.record_bytes.saturating_sub(documents)
    }

    fn copy(&mut self, bytes: u64, out: &mut impl io::Write) -> Result<(), JournalError> {
        let path = self.path.join(RECORDS);
        let copied = io::copy(&mut (&mut self.records).take(bytes), out);
        if copied.map_err(JournalError::io(&path))? == bytes {
            return Ok(());
        }
        let reason = "it is shorter than its manifest says".to_owned();
        Err(JournalError::Damaged { path, reason })
    }
}

/// Joins the runs in `folders`, which must be all shards of one corpus, into `out`.
///
/// The result is, but for the times in its manifest, what an unsharded run would have written.
///
/// # Errors
/// [`MergeError`]; `out` then holds an unfinished run at most, never an incomplete one.
pub fn merge(folders: &[PathBuf], out: &Path, existing: Existing) -> Result<Manifest, MergeError> {
    let started = now();
    let mut parts = folders.iter().map(|path| Part::open(path)).collect::<Result<Vec<_>, _>>()?;
    check(&parts)?;
    let owners = owners(&parts)?;
    let Some(first) = parts.first() else { return Err(MergeError::Missing("1/1".to_owned())) };
    let (run, inputs) = (first.manifest.run.clone(), first.manifest.inputs.clone());

    let mut folder = RunFolder::open(out, &run, existing)?;
    for (index, part) in parts.iter_mut().enumerate() {
        let head = part.head_bytes();
        if index == 0 {
            part.copy(head, folder.records())?;
        } else {
            part.copy(head, &mut io::sink())?;
        }
    }
    folder.begun()?;
    let mut digest = InputsDigest::default();
    let mut next = vec![0; parts.len()];
    for owner in owners {
        let part = &mut parts[owner];
        let entry = part.entries[next[owner]].clone();
        next[owner] += 1;
        part.copy(entry.record_bytes, folder.records())?;
        digest.add(&entry.document, entry.sha256.as_deref());
        folder.document(entry)?;
    }
    if digest.finish() != inputs {
        return Err(MergeError::Unproven);
    }
    Ok(Manifest::seal(folder, None, inputs, started)?)
}

/// Checks that the parts are the shards of one corpus, all of them, each once.
fn check(parts: &[Part]) -> Result<(), MergeError> {
    let mut seen: BTreeMap<u32, &Part> = BTreeMap::new();
    let mut count = 1;
    for part in parts {
        let Some(shard) = part.manifest.shard else {
            return Err(MergeError::Whole(part.path.clone()));
        };
        let first = &parts[0];
        compare(&part.path, &part.manifest.run, &first.manifest.run)?;
        let is_of_one = first.manifest.shard.is_some_and(|s| s.count == shard.count);
        if !is_of_one || first.manifest.inputs != part.manifest.inputs {
            return Err(MergeError::OtherInputs(first.path.clone(), part.path.clone()));
        }
        if let Some(other) = seen.insert(shard.index, part) {
            return Err(MergeError::Twice {
                first: other.path.clone(),
                second: part.path.clone(),
                shard: shard.to_string(),
            });
        }
        count = shard.count;
    }
    match (1..=count).find(|index| !seen.contains_key(index)) {
        Some(missing) => Err(MergeError::Missing(format!("{missing}/{count}"))),
        None => Ok(()),
    }
}

/// For each input in order, the part that holds it.
fn owners(parts: &[Part]) -> Result<Vec<usize>, MergeError> {
    let count = parts.first().map_or(0, |part| part.manifest.inputs.count);
    let mut owners: Vec<Option<usize>> = vec![None; count];
    for (index, part) in parts.iter().enumerate() {
        for entry in &part.entries {
            let number = entry.number;
            match owners.get_mut(number) {
                Some(owner @ None) => *owner = Some(index),
                Some(Some(_)) => return Err(MergeError::Incomplete { number, times: 2 }),
                None => return Err(MergeError::Unproven),
            }
        }
    }
    let find = |(number, owner): (usize, &Option<usize>)| {
        owner.ok_or(MergeError::Incomplete { number, times: 0 })
    };
    owners.iter().enumerate().map(find).collect()
}
