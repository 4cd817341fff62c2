//! The files of a tree, one after another, in the order of their paths.

use gix_object::FindExt;

use super::{Id, Repository};
use crate::limits::{GIT_FILES, GIT_TREE_DEPTH};

/// A file of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path from the root, with `/`; bytes that are not UTF-8 are U+FFFD.
    pub path: String,
    /// Its object.
    pub id: Id,
}

/// Walks a tree folder by folder: what is held is one list of names a level.
pub struct Files {
    repository: Repository,
    levels: Vec<Level>,
    single: Option<File>,
    count: usize,
}

/// What is left of a folder; `prefix` is its path with a `/` behind it.
struct Level {
    prefix: String,
    entries: std::vec::IntoIter<(String, Id, bool)>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").field("repository", &self.repository).finish_non_exhaustive()
    }
}

impl Files {
    pub(super) fn new(repository: Repository, path: &str, id: Id, is_folder: bool) -> Self {
        let mut files = Self { repository, levels: Vec::new(), single: None, count: 0 };
        if is_folder {
            let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
            // Read on the first call of `next`, which can tell what is wrong with it.
            let root = vec![(String::new(), id, true)].into_iter();
            files.levels.push(Level { prefix, entries: root });
        } else {
            files.single = Some(File { path: path.to_owned(), id });
        }
        files
    }

    /// Whether a file, and no folder, is what was asked for.
    pub fn is_single(&self) -> bool {
        self.single.is_some()
    }

    /// The repository that is walked.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    fn open(&self, id: &Id, prefix: String) -> Result<Level, String> {
        let damaged = || format!("the folder {prefix} is not in the clone");
        self.repository.kind(id)?;
        let mut buffer = Vec::new();
        let tree =
            self.repository.objects.find_tree_iter(id, &mut buffer).map_err(|_| damaged())?;
        let mut entries = Vec::new();
        for entry in tree {
            let entry = entry.map_err(|_| damaged())?;
            if entry.mode.is_tree() || entry.mode.is_blob() {
                let name = String::from_utf8_lossy(entry.filename).into_owned();
                entries.push((name, entry.oid.to_owned(), entry.mode.is_tree()));
            }
        }
        Ok(Level { prefix, entries: entries.into_iter() })
    }
}

impl Iterator for Files {
    type Item = Result<File, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(file) = self.single.take() {
            return Some(Ok(file));
        }
        loop {
            let depth = self.levels.len();
            let level = self.levels.last_mut()?;
            let Some((name, id, is_folder)) = level.entries.next() else {
                self.levels.pop();
                continue;
            };
            let path = format!("{}{name}", level.prefix);
            if !is_folder {
                self.count += 1;
                if self.count > GIT_FILES {
                    self.levels.clear();
                    return Some(Err(format!("it has more than {GIT_FILES} files")));
                }
                return Some(Ok(File { path, id }));
            }
            if depth > GIT_TREE_DEPTH {
                return Some(Err(format!("{path} is deeper than {GIT_TREE_DEPTH} folders")));
            }
            let prefix = if name.is_empty() { path } else { format!("{path}/") };
            match self.open(&id, prefix) {
                Ok(level) => self.levels.push(level),
                Err(reason) => return Some(Err(reason)),
            }
        }
    }
}
