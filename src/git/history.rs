//! Commits, from the newest to the oldest along first parents.

use gix_hash::ObjectId;
use gix_object::{Exists as _, FindExt};

use super::{GitError, Repository};

/// Longest subject line that is kept, in bytes.
const SUBJECT_BYTES: usize = 200;

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// Its parents, the first of which it was made on.
    pub parents: Vec<ObjectId>,
    /// When its author made it, in seconds since 1970-01-01, UTC. Rewriting a history keeps it.
    pub seconds: i64,
    /// The first line of its message.
    pub subject: String,
}

/// The commits behind one, itself first, each followed by its first parent.
#[derive(Debug)]
pub struct Commits<'a> {
    repository: &'a Repository,
    next: Option<ObjectId>,
    is_first: bool,
    is_cut: bool,
}

impl Repository {
    /// Reads a commit.
    ///
    /// # Errors
    /// [`GitError`] when it is not in the repository or no commit.
    pub fn commit(&self, id: ObjectId) -> Result<Commit, GitError> {
        let mut buffer = Vec::new();
        if !self.objects.exists(&id) {
            return Err(GitError::Missing { what: "commit", id });
        }
        let found = self.objects.find_commit(&id, &mut buffer);
        let commit = found.map_err(|e| GitError::damaged(id, &e))?;
        let author = commit.author().map_err(|e| GitError::damaged(id, &e))?;
        let subject = String::from_utf8_lossy(commit.message.as_ref());
        let subject = subject.lines().next().unwrap_or_default();
        let end = subject.floor_char_boundary(SUBJECT_BYTES);
        Ok(Commit {
            id,
            tree: commit.tree(),
            parents: commit.parents().collect(),
            seconds: author.seconds(),
            subject: subject.get(..end).unwrap_or_default().to_owned(),
        })
    }

    /// The commits from `id` back along first parents.
    pub fn commits(&self, id: ObjectId) -> Commits<'_> {
        Commits { repository: self, next: Some(id), is_first: true, is_cut: false }
    }
}

impl Commits<'_> {
    /// Whether a parent was not in the repository, as where a shallow clone ends.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl Iterator for Commits<'_> {
    type Item = Result<Commit, GitError>;

    fn next(&mut self) -> Option<Self::Item> {
        let id = self.next.take()?;
        let is_first = std::mem::replace(&mut self.is_first, false);
        match self.repository.commit(id) {
            Ok(commit) => {
                self.next = commit.parents.first().copied();
                Some(Ok(commit))
            }
            Err(GitError::Missing { .. }) if !is_first => {
                self.is_cut = true;
                None
            }
            Err(error) => Some(Err(error)),
        }
    }
}
