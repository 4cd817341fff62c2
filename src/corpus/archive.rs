//! A user's own clones of document archives: files at a recorded commit.

use std::path::{Path, PathBuf};

use super::CorpusError;
use crate::git::{Id, Repository};

/// A directory with one clone a collection.
#[derive(Debug, Clone)]
pub struct Archive {
    root: PathBuf,
}

/// A clone, open for reading.
pub(super) struct Collection {
    repository: Repository,
}

impl Archive {
    /// An archive in `root`, whose clones are named `NAME-versions` or `NAME`, bare or not.
    ///
    /// # Errors
    /// [`CorpusError::File`] when there is no such directory.
    pub fn open(root: &Path) -> Result<Self, CorpusError> {
        if root.is_dir() {
            return Ok(Self { root: root.to_owned() });
        }
        let reason = "no such directory: give the one that holds your clones of the archive";
        Err(CorpusError::file(&root.display().to_string(), reason))
    }

    /// Opens the clone of a collection, or says why it cannot.
    pub(super) fn collection(&self, name: &str) -> Result<Collection, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
            return Err(format!("`{name}` cannot be the name of a collection"));
        }
        let folders = [format!("{name}-versions"), name.to_owned(), format!("{name}-versions.git")];
        let found =
            folders.iter().map(|folder| self.root.join(folder)).find(|f| Repository::is_at(f));
        let folder = found.ok_or_else(|| {
            format!("no git repository {name}-versions or {name} in {}", self.root.display())
        })?;
        Ok(Collection { repository: Repository::open(&folder)? })
    }
}

impl Collection {
    /// The bytes of a file at a commit, or why they cannot be had.
    pub(super) fn read(&self, commit: &str, path: &str) -> Result<Vec<u8>, String> {
        let id =
            Id::from_hex(commit.as_bytes()).map_err(|_| format!("`{commit}` is no commit id"))?;
        self.repository.read(&id, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let gone = Archive::open(&folder.path().join("gone")).unwrap_err().to_string();
        assert!(gone.contains("gone: no such directory"), "{gone}");
        let archive = Archive::open(folder.path()).unwrap();
        let why = |name: &str| archive.collection(name).err().unwrap();
        assert!(why("contrib").starts_with("no git repository contrib-versions or contrib in "));
        for name in ["", "..", "a/b", ".git", "a b"] {
            assert!(why(name).contains("cannot be the name of a collection"), "{name}");
        }
    }
}
