//! Files that only grow, which a journal vouches for up to a point.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::JournalError;
use crate::digest::hex;

/// The beginning of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Extent {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// A file that only grows, with the digest of what it holds.
#[derive(Debug)]
pub(super) struct Growing {
    path: PathBuf,
    out: BufWriter<File>,
    pub(super) bytes: u64,
    pub(super) hash: Sha256,
}

impl Growing {
    /// Opens a file and cuts off everything behind `extent`; without one, all of it.
    pub(super) fn open(path: PathBuf, extent: Option<&Extent>) -> Result<Self, JournalError> {
        let open = || -> io::Result<(File, u64, Sha256)> {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)?;
            let mut hash = Sha256::new();
            let wanted = extent.map_or(0, |extent| extent.bytes);
            let read = io::copy(&mut (&mut file).take(wanted), &mut HashWriter(&mut hash))?;
            if read == wanted {
                file.set_len(wanted)?;
                file.seek(SeekFrom::Start(wanted))?;
            }
            Ok((file, read, hash))
        };
        let (file, bytes, hash) = open().map_err(JournalError::io(&path))?;
        if let Some(extent) = extent
            && (bytes != extent.bytes || hex(hash.clone().finalize()) != extent.sha256)
        {
            let reason = "it is not as this run left it".to_owned();
            return Err(JournalError::Damaged { path, reason });
        }
        Ok(Self { path, out: BufWriter::with_capacity(256 << 10, file), bytes, hash })
    }

    /// Brings everything to the disk, and tells what that is.
    pub(super) fn sync(&mut self) -> Result<Extent, JournalError> {
        let synced = self.out.flush().and_then(|()| self.out.get_ref().sync_data());
        synced.map_err(JournalError::io(&self.path))?;
        Ok(Extent { bytes: self.bytes, sha256: hex(self.hash.clone().finalize()) })
    }

    /// Appends a line of JSON.
    pub(super) fn line(&mut self, value: &impl Serialize) -> Result<(), JournalError> {
        let path = self.path.clone();
        let written = serde_json::to_writer(&mut *self, value).map_err(io::Error::from);
        written.and_then(|()| self.write_all(b"\n")).map_err(JournalError::io(&path))
    }
}

impl Write for Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Checkpoints flush; nobody relies on the file before.
        Ok(())
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
