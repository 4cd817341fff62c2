//! Git repositories: revisions, commits, trees and files, and what is wrong with them.

use std::fs;
use std::path::Path;

use fineprint::git::{GitError, ObjectId, Repository};

use crate::support::repository::Builder;

fn three_commits(folder: &Path) -> [String; 3] {
    let mut builder = Builder::new(folder);
    [
        builder.commit(10, &[("a.md", "one"), ("b/c.md", "two")]),
        builder.commit(20, &[("a.md", "one"), ("b/c.md", "three"), ("b/d/e.md", "")]),
        builder.commit(30, &[("b/c.md", "three"), ("b/d/e.md", "")]),
    ]
}

#[test]
fn revisions_are_names_ids_and_steps_back() {
    let folder = tempfile::tempdir().unwrap();
    let ids = three_commits(folder.path());
    let packed = format!("# pack-refs with: peeled\n{} refs/tags/v1\n", ids[0]);
    fs::write(folder.path().join("packed-refs"), packed).unwrap();
    let repository = Repository::open(folder.path()).unwrap();
    let resolve = |revision: &str| repository.resolve(revision).map(|id| id.to_string());
    for (revision, commit) in [
        ("HEAD", 2),
        ("main", 2),
        ("refs/heads/main", 2),
        ("HEAD~", 1),
        ("main~2", 0),
        ("v1", 0),
        (&ids[1], 1),
        (&ids[1][..12], 1),
    ] {
        assert_eq!(resolve(revision).unwrap(), ids[commit], "{revision}");
    }
    for wrong in ["", "nope", "HEAD~3", "HEAD~x", "../HEAD", "packed-refs", "0123456", "config"] {
        let error = resolve(wrong).unwrap_err().to_string();
        assert!(error.contains(&format!("`{wrong}`")), "{error}");
    }
    let unknown = resolve(&"0".repeat(40)).unwrap_err();
    assert!(matches!(unknown, GitError::Missing { what: "commit", .. }), "{unknown}");
}

#[test]
fn commits_come_newest_first_and_end_where_the_clone_does() {
    let folder = tempfile::tempdir().unwrap();
    let ids = three_commits(folder.path());
    let repository = Repository::open(folder.path()).unwrap();
    let head = repository.resolve("HEAD").unwrap();
    let commits: Vec<_> = repository.commits(head).collect::<Result<_, _>>().unwrap();
    let found: Vec<String> = commits.iter().map(|commit| commit.id.to_string()).collect();
    assert_eq!(found, [&*ids[2], &ids[1], &ids[0]]);
    assert_eq!(commits[0].seconds, 30 * 86_400);
    assert_eq!(commits[0].subject, "Test");

    // A shallow clone lacks older commits.
    let (fan, rest) = ids[0].split_at(2);
    fs::remove_file(folder.path().join("objects").join(fan).join(rest)).unwrap();
    let repository = Repository::open(folder.path()).unwrap();
    let mut commits = repository.commits(head);
    assert_eq!(commits.by_ref().map(Result::unwrap).count(), 2);
    assert!(commits.is_cut());
}

#[test]
fn trees_list_files_and_tell_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    three_commits(folder.path());
    let repository = Repository::open(folder.path()).unwrap();
    let tree =
        |revision: &str| repository.commit(repository.resolve(revision).unwrap()).unwrap().tree;
    let files = repository.files(tree("HEAD")).unwrap();
    let paths: Vec<&str> = files.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, ["b/c.md", "b/d/e.md"]);
    assert_eq!(repository.blob(files[0].blob).unwrap(), b"three");
    assert_eq!(repository.blob(files[1].blob).unwrap(), b"");

    let changes = repository.changes(Some(tree("HEAD~2")), tree("HEAD")).unwrap();
    let changes: Vec<(&str, bool, bool)> = changes
        .iter()
        .map(|change| (&*change.path, change.before.is_some(), change.after.is_some()))
        .collect();
    assert_eq!(changes, [("a.md", true, false), ("b/c.md", true, true), ("b/d/e.md", false, true)]);

    assert_eq!(repository.file(tree("HEAD"), "b/c.md").unwrap(), Some(files[0].blob));
    for none in ["b", "b/x.md", "a.md", "", "b/c.md/x", "../b/c.md"] {
        assert_eq!(repository.file(tree("HEAD"), none).unwrap(), None, "{none}");
    }
}

#[test]
fn what_is_missing_or_damaged_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = Repository::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("no git repository"), "{error}");
    three_commits(folder.path());
    let repository = Repository::open(folder.path()).unwrap();
    let gone = ObjectId::from_hex("1".repeat(40).as_bytes()).unwrap();
    assert!(matches!(repository.blob(gone), Err(GitError::Missing { what: "file", .. })));
    let head = repository.resolve("HEAD").unwrap();
    // A commit is no file.
    assert!(matches!(repository.blob(head), Err(GitError::Damaged { .. })));
    let id = head.to_string();
    let object = folder.path().join("objects").join(&id[..2]).join(&id[2..]);
    fs::remove_file(&object).unwrap();
    fs::write(&object, b"no zlib at all").unwrap();
    let repository = Repository::open(folder.path()).unwrap();
    assert!(repository.commit(head).is_err());
}
