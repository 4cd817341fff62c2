//! A user's own clones of document archives: files at a recorded commit.
//!
//! Reads git's object database only (loose objects and packs, by the `gix` project's crates):
//! no index, no work tree, no configuration, no network, and no git program.

use std::path::{Path, PathBuf};

use gix_hash::ObjectId;
use gix_object::FindExt;

use super::CorpusError;

/// Longest `.git` file that is read: it holds one path.
const GIT_FILE_BYTES: u64 = 64 << 10;

/// A directory with one clone a collection.
#[derive(Debug, Clone)]
pub struct Archive {
    root: PathBuf,
}

/// A clone, open for reading.
pub(super) struct Collection {
    objects: gix_odb::Handle,
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
        let found = folders.iter().find_map(|folder| objects_folder(&self.root.join(folder)));
        let objects = found.ok_or_else(|| {
            format!("no git repository {name}-versions or {name} in {}", self.root.display())
        })?;
        let objects = gix_odb::at(&objects, gix_hash::Kind::Sha1)
            .map_err(|error| format!("cannot open {}: {error}", objects.display()))?;
        Ok(Collection { objects })
    }
}

impl Collection {
    /// The bytes of a file at a commit, or why they cannot be had.
    pub(super) fn read(&self, commit: &str, path: &str) -> Result<Vec<u8>, String> {
        let id = ObjectId::from_hex(commit.as_bytes())
            .map_err(|_| format!("`{commit}` is no commit id"))?;
        let (mut buffer, mut other) = (Vec::new(), Vec::new());
        let tree = match self.objects.find_commit(&id, &mut buffer) {
            Ok(commit) => commit.tree(),
            Err(_) => return Err(format!("commit {commit} is not in the clone: fetch it")),
        };
        let tree = self
            .objects
            .find_tree_iter(&tree, &mut buffer)
            .map_err(|_| format!("the tree of commit {commit} is not in the clone"))?;
        let entry = tree
            .lookup_entry(&self.objects, &mut other, path.split('/').map(str::as_bytes))
            .map_err(|_| format!("a folder of {path} is not in the clone"))?
            .filter(|entry| entry.mode.is_blob())
            .ok_or_else(|| format!("no such file at commit {commit}"))?;
        match self.objects.find_blob(&entry.oid, &mut other) {
            Ok(blob) => Ok(blob.data.to_vec()),
            Err(_) => {
                Err("the file is not in the clone (a partial clone lacks file contents)".to_owned())
            }
        }
    }
}

/// Where the objects of a repository lie: bare, with a `.git` folder, or with a `.git` file that
/// names the folder, as worktrees and submodules have it.
fn objects_folder(repository: &Path) -> Option<PathBuf> {
    let objects = |folder: &Path| Some(folder.join("objects")).filter(|path| path.is_dir());
    let git = repository.join(".git");
    if git.is_file() {
        let named = one_path(&git)?;
        let folder = repository.join(named.strip_prefix("gitdir:")?.trim());
        let common = one_path(&folder.join("commondir"));
        return objects(&common.map_or(folder.clone(), |common| folder.join(common.trim())));
    }
    objects(&git).or_else(|| objects(repository).filter(|_| repository.join("HEAD").is_file()))
}

fn one_path(file: &Path) -> Option<String> {
    let length = file.metadata().ok()?.len();
    (length <= GIT_FILE_BYTES).then(|| std::fs::read_to_string(file).ok())?
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

    #[test]
    fn a_git_file_leads_to_the_objects() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("main/.git/worktrees/w")).unwrap();
        std::fs::create_dir_all(root.join("main/.git/objects")).unwrap();
        std::fs::create_dir_all(root.join("w")).unwrap();
        std::fs::write(root.join("w/.git"), "gitdir: ../main/.git/worktrees/w\n").unwrap();
        std::fs::write(root.join("main/.git/worktrees/w/commondir"), "../..\n").unwrap();
        let found = objects_folder(&root.join("w")).unwrap();
        assert_eq!(
            found.canonicalize().unwrap(),
            root.join("main/.git/objects").canonicalize().unwrap()
        );
        assert_eq!(objects_folder(&root.join("main/.git/worktrees")), None);
    }
}
