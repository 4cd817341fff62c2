//! What a finished run came to.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::AtomicFile;
use super::journal::{Entry, JournalError, MANIFEST, RunFolder};
use super::shard::Shard;
use crate::digest::hex;
use crate::report::record::Status;

/// Version of the manifest.
const SCHEMA: &str = "fineprint-manifest/1";

/// A run's manifest: what was read, with what, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the manifest.
    pub schema: String,
    /// Everything that results depend on but the inputs.
    pub run: Value,
    /// Which part of the inputs this is; null for all.
    pub shard: Option<Shard>,
    /// All inputs, those of other shards included.
    pub inputs: Inputs,
    /// What became of the documents of this run.
    pub counts: Counts,
    /// Length in bytes of `records.jsonl`.
    pub record_bytes: u64,
    /// SHA-256 of `records.jsonl` in hexadecimal.
    pub records_sha256: String,
    /// When the process began that ended the run, RFC 3339.
    pub started: String,
    /// When the run ended.
    pub ended: String,
}

/// All inputs of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// How many.
    pub count: usize,
    /// SHA-256 over their names and contents, in order, in hexadecimal.
    pub sha256: String,
}

/// How many documents of each kind, and what is in them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Documents, all kinds.
    pub documents: usize,
    /// Those that were classified.
    pub classified: usize,
    /// Those in another language.
    pub other_language: usize,
    /// Those that could not be read.
    pub failed: usize,
    /// Their bytes.
    pub source_bytes: u64,
    /// Their sentences.
    pub sentences: usize,
    /// The findings in the records.
    pub findings: usize,
}

impl Counts {
    pub(super) fn add(&mut self, entry: &Entry) {
        self.documents += 1;
        match entry.status {
            Status::Failed => self.failed += 1,
            Status::OtherLanguage => self.other_language += 1,
            Status::Classified => self.classified += 1,
        }
        self.source_bytes += entry.source_bytes;
        self.sentences += entry.sentences;
        self.findings += entry.findings;
    }
}

/// Folds names and contents of inputs into one digest.
#[derive(Debug, Clone, Default)]
pub struct InputsDigest {
    count: usize,
    hash: Sha256,
}

impl InputsDigest {
    /// Adds the next input; `sha256` is none where it could not be read.
    pub fn add(&mut self, name: &str, sha256: Option<&str>) {
        self.count += 1;
        // Lengths keep two names from reading as one.
        self.hash.update((name.len() as u64).to_le_bytes());
        self.hash.update(name);
        self.hash.update(sha256.unwrap_or("-"));
    }

    /// The inputs so far.
    pub fn finish(&self) -> Inputs {
        Inputs { count: self.count, sha256: hex(self.hash.clone().finalize()) }
    }
}

/// The time now, RFC 3339, to the second.
pub fn now() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

impl Manifest {
    /// Ends a run: everything is synced, and its manifest appears.
    ///
    /// # Errors
    /// [`JournalError`] when the folder cannot be written or its index not be read.
    pub fn seal(
        mut folder: RunFolder,
        shard: Option<Shard>,
        inputs: Inputs,
        started: String,
    ) -> Result<Self, JournalError> {
        let (record_bytes, records_sha256) = folder.sealed()?;
        let mut counts = Counts::default();
        for entry in folder.entries()? {
            counts.add(&entry);
        }
        let manifest = Self {
            schema: SCHEMA.to_owned(),
            run: folder.run().clone(),
            shard,
            inputs,
            counts,
            record_bytes,
            records_sha256,
            started,
            ended: now(),
        };
        manifest.write(&folder.path().join(MANIFEST))?;
        Ok(manifest)
    }

    fn write(&self, path: &Path) -> Result<(), JournalError> {
        let write = || -> std::io::Result<()> {
            let mut text = serde_json::to_string_pretty(self)?;
            text.push('\n');
            let mut file = AtomicFile::create(path)?;
            file.write_all(text.as_bytes())?;
            file.commit()
        };
        write().map_err(JournalError::io(path))
    }

    /// Reads the manifest of a run's folder.
    ///
    /// # Errors
    /// [`JournalError`] when it is missing (the run is not complete) or cannot be read.
    pub fn read(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(MANIFEST);
        let damaged = |reason: String| JournalError::Damaged { path: path.clone(), reason };
        let bytes = std::fs::read(&path).map_err(JournalError::io(&path))?;
        let manifest: Self = serde_json::from_slice(&bytes)
            .map_err(|e| damaged(format!("no manifest of this version of fineprint ({e})")))?;
        if manifest.schema == SCHEMA {
            Ok(manifest)
        } else {
            Err(damaged(format!("its version is {}, not {SCHEMA}", manifest.schema)))
        }
    }
}
