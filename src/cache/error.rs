//! Why a cache file is not used.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use redb::{DatabaseError, StorageError};

/// A cache file that is not used. The message names it and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// It is damaged, or something else than a cache of this version of fineprint.
    #[error("{}: {reason}; remove it or name another file", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be opened, read, written or locked.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl CacheError {
    pub(super) fn refused(path: &Path, reason: impl Display) -> Self {
        Self::Refused { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn unusable(path: &Path, reason: impl Display) -> Self {
        Self::Unusable { path: path.to_owned(), reason: reason.to_string() }
    }

    /// Whatever `redb` says.
    pub(super) fn of(path: &Path, error: redb::Error) -> Self {
        match error {
            redb::Error::Corrupted(reason) => {
                Self::refused(path, format_args!("no cache, or a damaged one ({reason})"))
            }
            redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. } => {
                Self::refused(path, "a cache of another version of fineprint")
            }
            // What a file is answered with that ends too early.
            redb::Error::Io(e)
                if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData) =>
            {
                Self::refused(path, format_args!("no cache, or a damaged one ({e})"))
            }
            redb::Error::Io(e) => Self::unusable(path, e),
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                Self::unusable(path, "another program has locked it")
            }
            other => Self::unusable(path, other),
        }
    }

    pub(super) fn opening(path: &Path, error: DatabaseError) -> Self {
        Self::of(path, error.into())
    }

    pub(super) fn storage(path: &Path, error: StorageError) -> Self {
        Self::of(path, error.into())
    }
}
