//! Where a repository keeps its objects and refs.

use std::path::{Path, PathBuf};

use super::GitError;
use crate::limits::GIT_FILE_BYTES;

/// The folders of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    /// Holds `HEAD` of this work tree.
    pub(super) own: PathBuf,
    /// Holds objects and refs; the same but for linked work trees.
    pub(super) common: PathBuf,
}

impl Folder {
    /// Finds them: bare, in a `.git` folder, or where a `.git` file points to, as work trees and
    /// submodules have it.
    pub(super) fn find(repository: &Path) -> Result<Self, GitError> {
        let none = || GitError::NoRepository(repository.to_owned());
        let git = repository.join(".git");
        let own = if git.is_file() {
            let named = small_file(&git).ok_or_else(none)?;
            repository.join(named.strip_prefix("gitdir:").ok_or_else(none)?.trim())
        } else if git.is_dir() {
            git
        } else if repository.join("HEAD").is_file() {
            repository.to_owned()
        } else {
            return Err(none());
        };
        let common = match small_file(&own.join("commondir")) {
            Some(common) => own.join(common.trim()),
            None => own.clone(),
        };
        if !common.join("objects").is_dir() {
            return Err(none());
        }
        let refused = |format| Err(GitError::Format { path: repository.to_owned(), format });
        if common.join("reftable").is_dir() {
            return refused("reftables");
        }
        let config = small_file(&common.join("config")).unwrap_or_default().to_lowercase();
        let is_sha256 = |line: &str| {
            let value = line.trim().strip_prefix("objectformat").map(str::trim_start);
            value.is_some_and(|v| v.trim_start_matches(['=', ' ', '\t']).starts_with("sha256"))
        };
        if config.lines().any(is_sha256) {
            return refused("SHA-256 object ids");
        }
        Ok(Self { own, common })
    }
}

/// The text of a file of git's own that holds little: a path, a ref, a configuration.
pub(super) fn small_file(file: &Path) -> Option<String> {
    let metadata = file.metadata().ok()?;
    let is_small = metadata.is_file() && metadata.len() <= GIT_FILE_BYTES;
    is_small.then(|| std::fs::read_to_string(file).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_git_file_leads_to_the_objects() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("main/.git/worktrees/w")).unwrap();
        std::fs::create_dir_all(root.join("main/.git/objects")).unwrap();
        std::fs::create_dir_all(root.join("w")).unwrap();
        std::fs::write(root.join("w/.git"), "gitdir: ../main/.git/worktrees/w\n").unwrap();
        std::fs::write(root.join("main/.git/worktrees/w/commondir"), "../..\n").unwrap();
        let found = Folder::find(&root.join("w")).unwrap();
        let common = found.common.canonicalize().unwrap();
        assert_eq!(common, root.join("main/.git").canonicalize().unwrap());
        assert!(Folder::find(&root.join("main/.git/worktrees")).is_err());
    }

    #[test]
    fn formats_that_are_not_read_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("objects")).unwrap();
        std::fs::write(root.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert!(Folder::find(root).is_ok());
        std::fs::write(root.join("config"), "[extensions]\n\tobjectFormat = sha256\n").unwrap();
        assert!(Folder::find(root).unwrap_err().to_string().contains("SHA-256"));
        std::fs::create_dir_all(root.join("reftable")).unwrap();
        assert!(Folder::find(root).unwrap_err().to_string().contains("reftables"));
    }
}
