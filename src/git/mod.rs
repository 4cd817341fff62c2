//! Git repositories, read only: revisions, commits along first parents, trees and files.
//!
//! Reads the object database (loose objects and packs, by the `gix` project's crates) and the refs,
//! nothing else: no index, no work tree, no configuration beyond the formats, no network, and no
//! git program. What files mean is no concern of this room.

mod error;
mod folder;
mod history;
mod refs;
mod tree;

use std::path::Path;

use gix_object::{FindExt, FindHeader as _};

pub use error::GitError;
pub use gix_hash::ObjectId;
pub use history::{Commit, Commits};
pub use tree::{FileChange, FileEntry};

use crate::limits::DOCUMENT_BYTES;
use folder::Folder;

/// A repository, open for reading.
pub struct Repository {
    folder: Folder,
    objects: gix_odb::Handle,
}

impl Repository {
    /// Whether there is a repository at `path`, of a format that is read or not.
    pub fn is_at(path: &Path) -> bool {
        !matches!(Folder::find(path), Err(GitError::NoRepository(_)))
    }

    /// Opens a repository: bare, a folder with `.git` in it, or a work tree or submodule whose
    /// `.git` is a file.
    ///
    /// # Errors
    /// [`GitError`] when there is none, or it is of a format that is not read (SHA-256 ids,
    /// reftables).
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let folder = Folder::find(path)?;
        let objects = folder.common.join("objects");
        let objects = gix_odb::at(&objects, gix_hash::Kind::Sha1)
            .map_err(|source| GitError::Io { path: objects, source })?;
        Ok(Self { folder, objects })
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// [`GitError`] when the object is not in the repository, is no file, or is larger than
    /// [`DOCUMENT_BYTES`].
    pub fn blob(&self, id: ObjectId) -> Result<Vec<u8>, GitError> {
        let missing = || GitError::Missing { what: "file", id };
        let header = self.objects.try_header(&id).map_err(|e| GitError::damaged(id, &e))?;
        let header = header.ok_or_else(missing)?;
        if header.size > DOCUMENT_BYTES as u64 {
            return Err(GitError::TooLarge { id, bytes: header.size });
        }
        let mut buffer = Vec::new();
        // Looked up again as an object: a file of no bytes needs none in the database.
        self.objects.find_blob(&id, &mut buffer).map_err(|e| GitError::damaged(id, &e))?;
        Ok(buffer)
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("folder", &self.folder).finish_non_exhaustive()
    }
}
