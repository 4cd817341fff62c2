//! Reading one input: a regular file, standard input or what was read before, unpacked if it is
//! compressed; never anything that could block for ever.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::compression::{stem, unpacked};
use super::table::Columns;
use crate::digest::hex;
use crate::limits::DOCUMENT_BYTES;

/// What standard input is called in results.
pub const STDIN_NAME: &str = "<stdin>";

/// An input to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// A file of a git revision.
    Blob {
        /// What it is called in results.
        name: String,
        /// Its content.
        bytes: Vec<u8>,
    },
    /// A row of a table.
    Row {
        /// What it is called in results.
        name: String,
        /// Its text.
        bytes: Vec<u8>,
        /// Its other columns.
        columns: Columns,
    },
    /// An input that was read already, since what it holds decides whose it is.
    Held {
        /// What was read.
        source: Box<Source>,
        /// What it gave, unpacked.
        bytes: Vec<u8>,
    },
}

/// An input that cannot be read, and why, with what to do where that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The input's name.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl Source {
    /// What the input is called in results; a name that is not UTF-8 has U+FFFD in it.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => STDIN_NAME.to_owned(),
            Self::File(path) => path.to_string_lossy().into_owned(),
            Self::Blob { name, .. } | Self::Row { name, .. } => name.clone(),
            Self::Held { source, .. } => source.name(),
        }
    }

    /// The name that tells the document's format by its extension, if it has one.
    pub(super) fn format_name(&self) -> String {
        match self {
            Self::Row { .. } => String::new(),
            Self::Held { source, .. } => source.format_name(),
            _ => stem(&self.name()).to_owned(),
        }
    }

    /// SHA-256 of the bytes that were read, and of a row's other columns, in hexadecimal.
    pub(super) fn digest(&self, bytes: &[u8]) -> String {
        let mut hash = Sha256::new_with_prefix(bytes);
        if let Some(columns) = self.columns() {
            hash.update(serde_json::to_vec(columns).unwrap_or_default());
        }
        hex(hash.finalize())
    }

    /// The other columns of a table's row.
    pub(super) fn columns(&self) -> Option<&Columns> {
        match self {
            Self::Row { columns, .. } => Some(columns),
            Self::Held { source, .. } => source.columns(),
            _ => None,
        }
    }

    /// The size in bytes; 0 where that cannot be told.
    pub fn size(&self) -> u64 {
        match self {
            Self::Stdin => 0,
            Self::File(path) => std::fs::metadata(path)
                .ok()
                .filter(std::fs::Metadata::is_file)
                .map_or(0, |m| m.len()),
            Self::Blob { bytes, .. } | Self::Row { bytes, .. } => bytes.len() as u64,
            Self::Held { source, .. } => source.size(),
        }
    }

    /// The bytes that it takes while it waits to be parsed: those of its file, or what is held of
    /// it where that is more.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::Held { source, bytes } => source.size().max(bytes.len() as u64),
            _ => self.size(),
        }
    }

    /// The input with what was read of it, so that it is read once.
    pub(super) fn held(self, bytes: Vec<u8>) -> Self {
        match self {
            // A row is in memory as it is.
            Self::Row { .. } | Self::Held { .. } => self,
            source => Self::Held { source: Box::new(source), bytes },
        }
    }

    /// Reads the input.
    ///
    /// # Errors
    /// [`Failure`] when it is no regular file, cannot be read or unpacked, or is larger than
    /// [`DOCUMENT_BYTES`].
    pub fn read(&self) -> Result<Vec<u8>, Failure> {
        let result = match self {
            Self::Stdin => unpacked(io::stdin().lock()).map_err(|e| describe(&e)).and_then(limited),
            Self::File(path) => open_file(path)
                .and_then(|file| unpacked(file).map_err(|e| describe(&e)))
                .and_then(limited),
            Self::Blob { bytes, .. } => {
                unpacked(bytes.as_slice()).map_err(|e| describe(&e)).and_then(limited)
            }
            Self::Row { bytes, .. } => limited(bytes.as_slice()),
            Self::Held { bytes, .. } => Ok(bytes.clone()),
        };
        result.map_err(|reason| Failure { name: self.name(), reason })
    }

    /// What the input gives, unpacked, to be read bit by bit; or why it cannot be opened.
    pub(super) fn open(self) -> Result<Box<dyn Read>, String> {
        match self {
            Self::Stdin => unpacked(io::stdin()),
            Self::File(path) => unpacked(open_file(&path)?),
            Self::Blob { bytes, .. } | Self::Row { bytes, .. } => unpacked(io::Cursor::new(bytes)),
            Self::Held { bytes, .. } => return Ok(Box::new(io::Cursor::new(bytes))),
        }
        .map_err(|e| describe(&e))
    }
}

/// Opens a regular file.
pub(super) fn open_file(path: &Path) -> Result<File, String> {
    // Opening a pipe waits for a writer, so the kind of file is asked first.
    let metadata = std::fs::metadata(path).map_err(|e| describe(&e))?;
    if metadata.is_dir() {
        return Err("it is a folder; give it as an argument to have it walked".to_owned());
    }
    if !metadata.is_file() {
        return Err(
            "it is no regular file; pipe it into standard input instead (`fineprint classify -`)"
                .to_owned(),
        );
    }
    File::open(path).map_err(|e| describe(&e))
}

/// Reads to the end, or to the limit.
fn limited(reader: impl Read) -> Result<Vec<u8>, String> {
    let limit = DOCUMENT_BYTES as u64;
    let mut bytes = Vec::new();
    // One byte more tells an input that is over the limit.
    reader.take(limit + 1).read_to_end(&mut bytes).map_err(|e| describe(&e))?;
    if bytes.len() as u64 > limit {
        return Err(format!(
            "it is larger than the limit of {} MiB; split it into parts",
            DOCUMENT_BYTES >> 20
        ));
    }
    Ok(bytes)
}

/// An error of the operating system in words, without its number.
pub(super) fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied; make it readable first".to_owned(),
        // Our own words, which say what to do.
        _ if error.get_ref().is_some() => error.to_string(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_lowercase()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(path: &Path) -> String {
        Source::File(path.to_owned()).read().unwrap_err().reason
    }

    #[test]
    fn what_is_no_file_is_told_and_never_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(reason(&folder.path().join("gone")), "there is no such file");
        assert!(reason(folder.path()).contains("folder"));
        let file = folder.path().join("a.md");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(reason(&file.join("b")), "not a directory");
        #[cfg(unix)]
        {
            let pipe = folder.path().join("pipe");
            let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
            assert!(made.success());
            assert!(reason(&pipe).contains("no regular file"));
            assert!(reason(Path::new("/dev/zero")).contains("no regular file"));
        }
    }

    #[test]
    fn reading_stops_at_the_limit() {
        let reason = limited(io::repeat(b'a')).unwrap_err();
        assert!(reason.contains("limit of 16 MiB"), "{reason}");
        assert_eq!(limited(&b"abc"[..]).unwrap(), b"abc");
    }
}
