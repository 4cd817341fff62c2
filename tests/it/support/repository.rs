//! Git repositories made of objects, without a git program.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gix_object::Write as _;
use gix_object::bstr::BString;
use gix_object::tree::{Entry, EntryKind};

const DAY: i64 = 86_400;

/// A bare repository with one branch.
pub(crate) struct Builder {
    objects: gix_odb::Handle,
    folder: std::path::PathBuf,
    parent: Option<String>,
}

impl Builder {
    /// An empty repository in `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder.join("objects")).unwrap();
        fs::create_dir_all(folder.join("refs/heads")).unwrap();
        fs::write(folder.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let objects = gix_odb::at(folder.join("objects"), gix_hash::Kind::Sha1).unwrap();
        Self { objects, folder: folder.to_owned(), parent: None }
    }

    /// Commits a tree of these files, on that day since 1970-01-01; the commit's id.
    pub(crate) fn commit<T: AsRef<[u8]>>(&mut self, day: i64, files: &[(&str, T)]) -> String {
        let files: Vec<(&str, &[u8])> = files.iter().map(|(p, b)| (*p, b.as_ref())).collect();
        let tree = self.tree(&files);
        let parent = self.parent.as_ref().map(|id| format!("parent {id}\n")).unwrap_or_default();
        let who = format!("T <t@example.com> {} +0000", day * DAY);
        let commit = format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n\nTest\n");
        let id = self.objects.write_buf(gix_object::Kind::Commit, commit.as_bytes()).unwrap();
        fs::write(self.folder.join("refs/heads/main"), format!("{id}\n")).unwrap();
        self.parent = Some(id.to_string());
        id.to_string()
    }

    fn tree(&self, files: &[(&str, &[u8])]) -> gix_hash::ObjectId {
        let mut folders: BTreeMap<&str, Vec<(&str, &[u8])>> = BTreeMap::new();
        let mut entries = Vec::new();
        for (path, bytes) in files {
            if let Some((folder, rest)) = path.split_once('/') {
                folders.entry(folder).or_default().push((rest, bytes));
            } else {
                let oid = self.objects.write_buf(gix_object::Kind::Blob, bytes).unwrap();
                let filename = BString::from(*path);
                entries.push(Entry { mode: EntryKind::Blob.into(), filename, oid });
            }
        }
        for (folder, files) in folders {
            let (filename, oid) = (BString::from(folder), self.tree(&files));
            entries.push(Entry { mode: EntryKind::Tree.into(), filename, oid });
        }
        entries.sort();
        self.objects.write(&gix_object::Tree { entries }).unwrap()
    }
}
