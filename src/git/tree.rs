//! Files of a commit, and which of them differ between two.

use std::collections::BTreeMap;

use gix_hash::ObjectId;
use gix_object::bstr::{BString, ByteSlice};
use gix_object::tree::EntryMode;
use gix_object::{Exists as _, FindExt};

use super::{GitError, Repository};
use crate::limits::{GIT_FILES, GIT_FOLDER_DEPTH};

/// A file in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path, parts parted by `/`; bytes that are no UTF-8 became U+FFFD.
    pub path: String,
    /// The id of its content.
    pub blob: ObjectId,
}

/// A file that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// Its content before; nothing where it was not there.
    pub before: Option<ObjectId>,
    /// Its content after; nothing where it is gone.
    pub after: Option<ObjectId>,
}

type Entries = BTreeMap<BString, (EntryMode, ObjectId)>;

impl Repository {
    /// The content's id of a file of a tree; `None` when there is no such file. Links and
    /// submodules are no files.
    ///
    /// # Errors
    /// [`GitError`] when a tree on the way cannot be read.
    pub fn file(&self, tree: ObjectId, path: &str) -> Result<Option<ObjectId>, GitError> {
        let (mut buffer, mut other) = (Vec::new(), Vec::new());
        if !self.objects.exists(&tree) {
            return Err(GitError::Missing { what: "tree", id: tree });
        }
        let found = self.objects.find_tree_iter(&tree, &mut buffer);
        let entry = found
            .map_err(|e| GitError::damaged(tree, &e))?
            .lookup_entry(&self.objects, &mut other, path.split('/').map(str::as_bytes))
            .map_err(|e| GitError::damaged(tree, &e))?;
        Ok(entry.filter(|entry| entry.mode.is_blob()).map(|entry| entry.oid))
    }

    /// All files of a tree, in the order of their paths.
    ///
    /// # Errors
    /// [`GitError`] when a tree cannot be read, or holds more than [`GIT_FILES`] files.
    pub fn files(&self, tree: ObjectId) -> Result<Vec<FileEntry>, GitError> {
        let entry =
            |change: FileChange| change.after.map(|blob| FileEntry { path: change.path, blob });
        Ok(self.changes(None, tree)?.into_iter().filter_map(entry).collect())
    }

    /// The files that differ between two trees, in the order of their paths; all of them without
    /// a tree before. Folders that are the same are not looked into.
    ///
    /// # Errors
    /// As [`Repository::files`].
    pub fn changes(
        &self,
        before: Option<ObjectId>,
        after: ObjectId,
    ) -> Result<Vec<FileChange>, GitError> {
        let mut changes = Vec::new();
        self.walk((before, Some(after)), "", 0, &mut changes)?;
        Ok(changes)
    }

    fn walk(
        &self,
        (before, after): (Option<ObjectId>, Option<ObjectId>),
        folder: &str,
        depth: usize,
        changes: &mut Vec<FileChange>,
    ) -> Result<(), GitError> {
        let Some(id) = after.or(before) else { return Ok(()) };
        if before == after {
            return Ok(());
        }
        if depth > GIT_FOLDER_DEPTH {
            let (what, limit) = ("levels of folders", GIT_FOLDER_DEPTH);
            return Err(GitError::TooMany { id, what, limit, name: "GIT_FOLDER_DEPTH" });
        }
        let old = before.map_or_else(|| Ok(Entries::new()), |id| self.entries(id))?;
        let new = after.map_or_else(|| Ok(Entries::new()), |id| self.entries(id))?;
        let mut names: Vec<&BString> = old.keys().chain(new.keys()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let pair = (old.get(name), new.get(name));
            if pair.0 == pair.1 {
                continue;
            }
            let path = format!("{folder}{}", name.to_str_lossy());
            let blob = |entry: Option<&(EntryMode, ObjectId)>| {
                entry.filter(|(mode, _)| mode.is_blob()).map(|(_, id)| *id)
            };
            let tree = |entry: Option<&(EntryMode, ObjectId)>| {
                entry.filter(|(mode, _)| mode.is_tree()).map(|(_, id)| *id)
            };
            let (before, after) = (blob(pair.0), blob(pair.1));
            self.walk((tree(pair.0), tree(pair.1)), &format!("{path}/"), depth + 1, changes)?;
            if before != after {
                changes.push(FileChange { path, before, after });
            }
            if changes.len() > GIT_FILES {
                let what = "files";
                return Err(GitError::TooMany { id, what, limit: GIT_FILES, name: "GIT_FILES" });
            }
        }
        Ok(())
    }

    fn entries(&self, id: ObjectId) -> Result<Entries, GitError> {
        let mut buffer = Vec::new();
        if !self.objects.exists(&id) && id != ObjectId::empty_tree(gix_hash::Kind::Sha1) {
            return Err(GitError::Missing { what: "tree", id });
        }
        let tree = self.objects.find_tree(&id, &mut buffer);
        let tree = tree.map_err(|e| GitError::damaged(id, &e))?;
        let entry = |e: &gix_object::tree::EntryRef<'_>| {
            (e.filename.to_owned(), (e.mode, e.oid.to_owned()))
        };
        Ok(tree.entries.iter().map(entry).collect())
    }
}
