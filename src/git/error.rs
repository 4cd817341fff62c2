//! What can be wrong with a repository, with the place and what to do.

use std::fmt::Display;
use std::path::PathBuf;

use gix_hash::ObjectId;

use crate::limits::DOCUMENT_BYTES;

/// A repository, a revision or an object that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// There is no repository.
    #[error("{}: no git repository (neither a `.git` nor a bare one)", .0.display())]
    NoRepository(PathBuf),
    /// The repository is of a format that is not read.
    #[error("{}: {format} are not read; clone it anew without them", path.display())]
    Format {
        /// The repository.
        path: PathBuf,
        /// What it uses.
        format: &'static str,
    },
    /// A file or directory cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A revision names nothing.
    #[error("no revision `{revision}` in the repository: {reason}")]
    Revision {
        /// As it was given.
        revision: String,
        /// Why.
        reason: String,
    },
    /// A revision has neither file nor folder of that name.
    #[error("no such file or folder at `{revision}`: {path}")]
    NoFile {
        /// As it was given.
        revision: String,
        /// What was looked for.
        path: String,
    },
    /// An object is not there, as in shallow and partial clones.
    #[error(
        "{what} {id} is not in the repository (a shallow or partial clone lacks some): fetch it"
    )]
    Missing {
        /// `commit`, `tree` or `file`.
        what: &'static str,
        /// Its id.
        id: ObjectId,
    },
    /// An object is there and cannot be read.
    #[error("object {id} cannot be read: {reason}; `git fsck` tells more")]
    Damaged {
        /// Its id.
        id: ObjectId,
        /// Why.
        reason: String,
    },
    /// A file is longer than fineprint reads.
    #[error(
        "file {id} has {bytes} bytes, more than the limit of {DOCUMENT_BYTES} (limits::DOCUMENT_BYTES)"
    )]
    TooLarge {
        /// Its id.
        id: ObjectId,
        /// Its length.
        bytes: u64,
    },
    /// Folders are nested too deep, or hold too many files.
    #[error("tree {id} has more than {limit} {what} (limits::{name})")]
    TooMany {
        /// Its id.
        id: ObjectId,
        /// `levels of folders` or `files`.
        what: &'static str,
        /// The bound.
        limit: usize,
        /// The bound's name.
        name: &'static str,
    },
}

impl GitError {
    pub(super) fn damaged(id: ObjectId, reason: &impl Display) -> Self {
        Self::Damaged { id, reason: reason.to_string() }
    }

    pub(super) fn revision(revision: &str, reason: impl Into<String>) -> Self {
        Self::Revision { revision: revision.to_owned(), reason: reason.into() }
    }
}
