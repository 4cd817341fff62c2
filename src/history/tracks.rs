//! Documents followed through the commits of a repository.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::document::Format;
use crate::git::{Commit, FileChange, GitError, ObjectId, Repository};

/// A version of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The commit that recorded it.
    pub commit: ObjectId,
    /// When, in seconds since 1970-01-01, UTC.
    pub seconds: i64,
    /// Its content; `None` where the document was deleted.
    pub blob: Option<ObjectId>,
    /// Its path at that commit.
    pub path: String,
}

/// A document with its versions, oldest first; each differs in content or path from the one
/// before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Its versions, at least one.
    pub versions: Vec<Version>,
}

impl Track {
    /// The path that it had last.
    pub fn path(&self) -> &str {
        self.versions.last().map_or("", |version| &version.path)
    }

    /// The other paths that it had before, the oldest first.
    pub fn earlier_paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.versions.iter().map(|version| &*version.path).collect();
        paths.dedup();
        paths.pop();
        paths
    }
}

/// Which documents are followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Files and folders of the repository, parts parted by `/`; empty for every file whose
    /// extension is a document's.
    pub paths: Vec<String>,
}

impl Selection {
    /// A selection of paths as typed: `./` before and `/` behind do not count.
    pub fn new(paths: &[String]) -> Self {
        let clean = |path: &String| path.trim_start_matches("./").trim_end_matches('/').to_owned();
        let paths: Vec<String> = paths.iter().map(clean).collect();
        // The whole repository.
        let is_all = paths.iter().any(|path| path.is_empty() || path == ".");
        Self { paths: if is_all { Vec::new() } else { paths } }
    }

    /// Whether a file could be a document.
    fn is_candidate(&self, path: &str) -> bool {
        let is_document = path
            .rsplit_once('.')
            .is_some_and(|(_, extension)| Format::from_extension(extension).is_some());
        is_document || self.paths.iter().any(|named| named == path)
    }

    fn takes(&self, path: &str) -> bool {
        let is_under = |named: &String| {
            path.strip_prefix(named.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.paths.is_empty() || self.paths.iter().any(is_under)
    }
}

/// All documents that were followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracks {
    /// The documents, by their last path.
    pub tracks: Vec<Track>,
    /// How many commits there were.
    pub commits: usize,
    /// History goes on beyond what the repository has, as in a shallow clone.
    pub is_cut: bool,
}

/// Follows documents from the oldest commit behind `head` to it, along first parents.
///
/// A file that disappears in the commit in which another of the same content appears was renamed;
/// so was one that disappears when a single other of the same name appears elsewhere.
///
/// # Errors
/// [`GitError`] when a commit or tree cannot be read.
pub fn tracks(
    repository: &Repository,
    head: ObjectId,
    selection: &Selection,
) -> Result<Tracks, GitError> {
    let mut walk = repository.commits(head);
    let mut commits: Vec<Commit> = walk.by_ref().collect::<Result<_, _>>()?;
    let is_cut = walk.is_cut();
    commits.reverse();
    let mut done: Vec<Track> = Vec::new();
    let mut open: BTreeMap<String, Track> = BTreeMap::new();
    let mut before = None;
    for commit in &commits {
        let mut changes = repository.changes(before, commit.tree)?;
        changes.retain(|change| selection.is_candidate(&change.path));
        let renames = renames(&changes);
        let version = |change: &FileChange| Version {
            commit: commit.id,
            seconds: commit.seconds,
            blob: change.after,
            path: change.path.clone(),
        };
        let left: HashSet<&str> = renames.values().copied().collect();
        // What a rename leaves is taken before anything is put where it was.
        let mut moved: HashMap<&str, Track> =
            renames.iter().filter_map(|(to, from)| Some((*to, open.remove(*from)?))).collect();
        for change in &changes {
            if left.contains(change.path.as_str()) {
                continue;
            }
            let track = moved.remove(change.path.as_str()).or_else(|| open.remove(&change.path));
            let mut track = track.unwrap_or(Track { versions: Vec::new() });
            track.versions.push(version(change));
            if change.after.is_none() {
                done.push(track);
            } else {
                open.insert(change.path.clone(), track);
            }
        }
        before = Some(commit.tree);
    }
    done.extend(open.into_values());
    done.retain(|track| track.versions.iter().any(|version| selection.takes(&version.path)));
    done.sort_by(|a, b| a.path().cmp(b.path()));
    Ok(Tracks { tracks: done, commits: commits.len(), is_cut })
}

/// New path to old path of the files that one commit renamed.
fn renames(changes: &[FileChange]) -> HashMap<&str, &str> {
    let gone: Vec<&FileChange> = changes.iter().filter(|c| c.after.is_none()).collect();
    let come: Vec<&FileChange> = changes.iter().filter(|c| c.before.is_none()).collect();
    let mut renames: HashMap<&str, &str> = HashMap::new();
    let mut by_content: HashMap<Option<ObjectId>, Vec<&str>> = HashMap::new();
    for change in gone.iter().rev() {
        by_content.entry(change.before).or_default().push(&change.path);
    }
    for change in &come {
        if let Some(from) = by_content.get_mut(&change.after).and_then(Vec::pop) {
            renames.insert(&change.path, from);
        }
    }
    // Renamed and changed at once: told by the name alone, where that is clear.
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut by_name: HashMap<String, (Vec<&str>, Vec<&str>)> = HashMap::new();
    let left: HashSet<&str> = renames.values().copied().collect();
    for change in gone.iter().filter(|c| !left.contains(c.path.as_str())) {
        by_name.entry(name(&change.path)).or_default().0.push(&change.path);
    }
    for change in come.iter().filter(|c| !renames.contains_key(c.path.as_str())) {
        by_name.entry(name(&change.path)).or_default().1.push(&change.path);
    }
    for (gone, come) in by_name.values() {
        if let ([from], [to]) = (&gone[..], &come[..]) {
            renames.insert(to, from);
        }
    }
    renames
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, before: Option<u8>, after: Option<u8>) -> FileChange {
        let id = |byte: u8| ObjectId::from_hex(format!("{byte:040x}").as_bytes()).unwrap();
        FileChange { path: path.to_owned(), before: before.map(id), after: after.map(id) }
    }

    #[test]
    fn renames_are_told_by_content_and_then_by_name() {
        let changes = [
            change("a/Terms.md", None, Some(1)),
            change("b/Terms.md", Some(1), None),
            change("c/Privacy.md", Some(2), None),
            change("d/Privacy.md", None, Some(3)),
            change("e/Other.md", Some(4), None),
            change("f/New.md", None, Some(5)),
        ];
        let renames = renames(&changes);
        assert_eq!(renames.len(), 2);
        assert_eq!(renames["a/Terms.md"], "b/Terms.md");
        assert_eq!(renames["d/Privacy.md"], "c/Privacy.md");
    }

    #[test]
    fn a_selection_takes_files_and_folders() {
        let selection = Selection::new(&["./Zed/".to_owned(), "LICENSE".to_owned()]);
        assert!(selection.takes("Zed/Terms.md") && selection.takes("LICENSE"));
        assert!(!selection.takes("Zedd/Terms.md") && !selection.takes("Other.md"));
        assert!(selection.is_candidate("LICENSE") && !selection.is_candidate("Zed/logo.png"));
        assert!(Selection::new(&[".".to_owned()]).takes("any.md"));
    }
}
