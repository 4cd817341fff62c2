//! Git repositories written by hand: objects and references, no git program.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gix_object::Write as _;
use gix_object::bstr::BString;
use gix_object::tree::{Entry, EntryKind};

/// Adds a commit of the given files to the bare repository in `folder`, which is made if there is
/// none; its id.
pub(crate) fn commit(folder: &Path, files: &[(&str, &[u8])], parent: Option<&str>) -> String {
    fs::create_dir_all(folder.join("objects")).unwrap();
    fs::write(folder.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    let objects = gix_odb::at(folder.join("objects"), gix_hash::Kind::Sha1).unwrap();
    let files: Vec<File<'_>> =
        files.iter().map(|(path, bytes)| (path.split('/').collect(), *bytes)).collect();
    let tree = tree(&objects, &files);
    let parent = parent.map_or_else(String::new, |id| format!("parent {id}\n"));
    let who = "T <t@example.com> 0 +0000";
    let commit = format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n\nTest\n");
    objects.write_buf(gix_object::Kind::Commit, commit.as_bytes()).unwrap().to_string()
}

/// A file's path in parts, and its bytes.
type File<'a> = (Vec<&'a str>, &'a [u8]);

fn tree(objects: &gix_odb::Handle, files: &[File<'_>]) -> gix_hash::ObjectId {
    let mut folders: BTreeMap<&str, Vec<File<'_>>> = BTreeMap::new();
    let mut entries = Vec::new();
    for (path, bytes) in files {
        if let [name] = path[..] {
            let oid = objects.write_buf(gix_object::Kind::Blob, bytes).unwrap();
            entries.push(Entry {
                mode: EntryKind::Blob.into(),
                filename: BString::from(name),
                oid,
            });
        } else {
            folders.entry(path[0]).or_default().push((path[1..].to_vec(), bytes));
        }
    }
    for (name, files) in folders {
        let oid = tree(objects, &files);
        entries.push(Entry { mode: EntryKind::Tree.into(), filename: BString::from(name), oid });
    }
    entries.sort();
    objects.write(&gix_object::Tree { entries }).unwrap()
}

/// Points a reference at an object.
pub(crate) fn set_reference(folder: &Path, name: &str, id: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{id}\n")).unwrap();
}
