//! Git repositories, read where they lie: a revision's commit, its files in the order of their
//! paths, and what is in them.
//!
//! Reads the object database (loose objects and packs, by the `gix` project's crates) and the
//! references: no index, no work tree, no configuration, no network, and no git program.

mod reference;
mod walk;

use std::path::{Path, PathBuf};

use gix_hash::ObjectId;
use gix_object::{FindExt, FindHeader, Kind};

use crate::limits::{DOCUMENT_BYTES, GIT_OBJECT_BYTES, GIT_REFERENCE_DEPTH};

pub use gix_hash::ObjectId as Id;
pub use walk::{File, Files};

/// Longest `.git` or `commondir` file that is read: it holds one path.
const PATH_FILE_BYTES: u64 = 64 << 10;

/// A repository, open for reading.
pub struct Repository {
    objects: gix_odb::Handle,
    places: Places,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("places", &self.places).finish_non_exhaustive()
    }
}

impl Repository {
    /// Whether there is a repository at `path`: bare, with a `.git` folder, or with a `.git` file
    /// that names the folder, as worktrees and submodules have it.
    pub fn is_at(path: &Path) -> bool {
        Places::find(path).is_some()
    }

    /// Opens the repository at `path`.
    ///
    /// # Errors
    /// A message when there is none, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, String> {
        let places =
            Places::find(path).ok_or_else(|| format!("no git repository at {}", path.display()))?;
        let objects = gix_odb::at(places.objects(), gix_hash::Kind::Sha1)
            .map_err(|error| format!("cannot open {}: {error}", places.objects().display()))?;
        Ok(Self { objects, places })
    }

    /// The commit that `revision` names: a branch, a tag, `HEAD`, another reference, or the id of
    /// a commit or its first four or more digits; `~N` and `^` go back to ancestors.
    ///
    /// # Errors
    /// A message when nothing or more than one thing is so named.
    pub fn resolve(&self, revision: &str) -> Result<Id, String> {
        let end = revision.find(['~', '^']).unwrap_or(revision.len());
        let (name, steps) = revision.split_at(end);
        let mut id = self.commit_of(self.named(name)?, name)?;
        for _ in 0..reference::generations(steps).ok_or_else(|| {
            format!("`{revision}` is no revision: only `~N` and `^` may follow a name")
        })? {
            id = self
                .parent(&id)?
                .ok_or_else(|| format!("`{revision}` goes back beyond the first commit"))?;
        }
        Ok(id)
    }

    /// The object that a name without `~` and `^` stands for.
    fn named(&self, name: &str) -> Result<Id, String> {
        let is_hex = name.len() >= 4 && name.bytes().all(|b| b.is_ascii_hexdigit());
        if is_hex && let Ok(id) = ObjectId::from_hex(name.as_bytes()) {
            return Ok(id);
        }
        if let Some(id) = reference::find(&self.places.folder, &self.places.common, name) {
            return Ok(id);
        }
        if is_hex && let Ok(prefix) = gix_hash::Prefix::from_hex(name) {
            match self.objects.lookup_prefix(prefix, None) {
                Ok(Some(Ok(id))) => return Ok(id),
                Ok(Some(Err(()))) => {
                    return Err(format!("several objects begin with {name}: give more digits"));
                }
                Ok(None) | Err(_) => {}
            }
        }
        let advice = "give a branch, a tag or the id of a commit; a shallow or partial clone may \
                      lack it";
        Err(format!("the repository has no revision `{name}`: {advice}"))
    }

    /// Follows tags to a commit.
    fn commit_of(&self, mut id: Id, name: &str) -> Result<Id, String> {
        let mut buffer = Vec::new();
        for _ in 0..GIT_REFERENCE_DEPTH {
            match self.kind(&id)? {
                Kind::Commit => return Ok(id),
                Kind::Tag => {
                    let tag = self.objects.find_tag(&id, &mut buffer);
                    id = tag.map_err(|_| format!("tag {id} is damaged"))?.target();
                }
                kind => return Err(format!("`{name}` is a {kind} and no commit")),
            }
        }
        Err(format!("`{name}` is a tag of a tag of a tag, too deep to follow"))
    }

    /// The kind of an object small enough to be read whole.
    fn kind(&self, id: &Id) -> Result<Kind, String> {
        match self.objects.try_header(id) {
            Ok(Some(header)) if header.kind != Kind::Blob && header.size > GIT_OBJECT_BYTES => {
                Err(format!("{} {id} is larger than {} MiB", header.kind, GIT_OBJECT_BYTES >> 20))
            }
            Ok(Some(header)) => Ok(header.kind),
            Ok(None) => Err(format!("commit {id} is not in the clone: fetch it")),
            Err(error) => Err(format!("object {id} is damaged: {error}")),
        }
    }

    /// The first parent of a commit.
    fn parent(&self, id: &Id) -> Result<Option<Id>, String> {
        self.kind(id)?;
        let mut buffer = Vec::new();
        let commit = self.objects.find_commit(id, &mut buffer);
        let commit = commit.map_err(|_| format!("commit {id} is not in the clone: fetch it"))?;
        Ok(commit.parents().next())
    }

    /// The tree of a commit.
    fn tree(&self, commit: &Id) -> Result<Id, String> {
        self.kind(commit)?;
        let mut buffer = Vec::new();
        match self.objects.find_commit(commit, &mut buffer) {
            Ok(commit) => Ok(commit.tree()),
            Err(_) => Err(format!("commit {commit} is not in the clone: fetch it")),
        }
    }

    /// What a commit has at a path: its id, and whether it is a folder; nothing where there is
    /// neither file nor folder.
    fn entry(&self, commit: &Id, path: &str) -> Result<Option<(Id, bool)>, String> {
        let tree = self.tree(commit)?;
        let path = path.trim_matches('/');
        if path.is_empty() {
            return Ok(Some((tree, true)));
        }
        let (mut buffer, mut other) = (Vec::new(), Vec::new());
        let tree = self
            .objects
            .find_tree_iter(&tree, &mut buffer)
            .map_err(|_| format!("the tree of commit {commit} is not in the clone"))?;
        let entry = tree
            .lookup_entry(&self.objects, &mut other, path.split('/').map(str::as_bytes))
            .map_err(|_| format!("a folder of {path} is not in the clone"))?;
        Ok(entry
            .filter(|entry| entry.mode.is_blob() || entry.mode.is_tree())
            .map(|entry| (entry.oid, entry.mode.is_tree())))
    }

    /// The bytes of a file at a commit.
    ///
    /// # Errors
    /// A message when the commit or the file is not in the clone, or the file is larger than
    /// [`DOCUMENT_BYTES`].
    pub fn read(&self, commit: &Id, path: &str) -> Result<Vec<u8>, String> {
        match self.entry(commit, path)? {
            Some((id, false)) => self.blob(&id),
            _ => Err(format!("no such file at commit {commit}")),
        }
    }

    /// The bytes of a file by its id.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn blob(&self, id: &Id) -> Result<Vec<u8>, String> {
        let absent =
            || "the file is not in the clone (a partial clone lacks file contents)".to_owned();
        let header = self.objects.try_header(id).ok().flatten().ok_or_else(absent)?;
        if header.size > DOCUMENT_BYTES as u64 {
            return Err(format!(
                "it is larger than the limit of {} MiB; split it into parts",
                DOCUMENT_BYTES >> 20
            ));
        }
        let mut buffer = Vec::new();
        match self.objects.find_blob(id, &mut buffer) {
            Ok(_) => Ok(buffer),
            Err(_) => Err(absent()),
        }
    }

    /// The files of a commit at or below a path, in the order of their paths; the empty path is
    /// the root.
    ///
    /// # Errors
    /// A message when the commit is not in the clone or has neither file nor folder there.
    pub fn files(self, commit: &Id, under: &str) -> Result<Files, String> {
        match self.entry(commit, under)? {
            Some((id, is_folder)) => Ok(Files::new(self, under.trim_matches('/'), id, is_folder)),
            None => Err(format!("no such file or folder at commit {commit}")),
        }
    }
}

/// Where the parts of a repository lie.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Places {
    /// The folder with this work tree's `HEAD`.
    folder: PathBuf,
    /// The folder with the objects and branches, which several work trees share.
    common: PathBuf,
}

impl Places {
    fn find(repository: &Path) -> Option<Self> {
        let git = repository.join(".git");
        let plain = |folder: PathBuf| Self { common: folder.clone(), folder };
        let places = if git.is_file() {
            let named = one_path(&git)?;
            let folder = repository.join(named.strip_prefix("gitdir:")?.trim());
            match one_path(&folder.join("commondir")) {
                Some(common) => Self { common: folder.join(common.trim()), folder },
                None => plain(folder),
            }
        } else if git.join("objects").is_dir() {
            plain(git)
        } else if repository.join("HEAD").is_file() {
            plain(repository.to_owned())
        } else {
            return None;
        };
        places.objects().is_dir().then_some(places)
    }

    fn objects(&self) -> PathBuf {
        self.common.join("objects")
    }
}

fn one_path(file: &Path) -> Option<String> {
    let length = file.metadata().ok()?.len();
    (length <= PATH_FILE_BYTES).then(|| std::fs::read_to_string(file).ok())?
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
        let found = Places::find(&root.join("w")).unwrap();
        assert_eq!(
            found.objects().canonicalize().unwrap(),
            root.join("main/.git/objects").canonicalize().unwrap()
        );
        assert_eq!(found.folder, root.join("w/../main/.git/worktrees/w"));
        assert_eq!(Places::find(&root.join("main/.git/worktrees")), None);
        assert!(Repository::open(root).unwrap_err().starts_with("no git repository at "));
    }
}
