//! Revisions: names of commits and where they point.

use std::io::{BufRead, BufReader};

use gix_hash::{ObjectId, Prefix};
use gix_object::{FindExt, Kind};

use super::folder::small_file;
use super::{GitError, Repository};

/// Where a short name is looked for, in git's order.
const PLACES: [&str; 6] =
    ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/", "refs/remotes/{}/HEAD"];
/// Most links from ref to ref, and from tag to tag.
const LINKS: usize = 8;
/// Most steps back that `~N` takes.
const STEPS: usize = 1_000_000;

impl Repository {
    /// The commit that a revision names: `HEAD`, a branch, a tag, a remote branch, an id of at
    /// least four digits, each also with `~N` behind for the Nth first parent.
    ///
    /// # Errors
    /// [`GitError::Revision`] when it names no commit of this repository.
    pub fn resolve(&self, revision: &str) -> Result<ObjectId, GitError> {
        let (name, back) = match revision.rsplit_once('~') {
            Some((name, "")) => (name, 1),
            Some((name, steps)) => {
                let steps = steps.parse().ok().filter(|n| *n <= STEPS);
                let wrong = || GitError::revision(revision, "after `~` a number is expected");
                (name, steps.ok_or_else(wrong)?)
            }
            None => (revision, 0),
        };
        let found = self.reference(name).or_else(|| self.by_id(name));
        let unknown = || GitError::revision(revision, "no branch, tag or id is called so");
        let mut id = self.peel(found.ok_or_else(unknown)?, revision)?;
        for _ in 0..back {
            let first = self.commit(id)?.parents.first().copied();
            id = first.ok_or_else(|| GitError::revision(revision, "history is not that long"))?;
        }
        Ok(id)
    }

    /// What a name of a ref points to.
    fn reference(&self, name: &str) -> Option<ObjectId> {
        let is_part = |part: &str| !part.is_empty() && !part.starts_with('.');
        // A name must not lead out of the repository.
        if !name.split('/').all(is_part) || name.contains(['\\', '\0', ':']) {
            return None;
        }
        PLACES.iter().find_map(|place| {
            let full = if place.contains("{}") {
                place.replace("{}", name)
            } else {
                format!("{place}{name}")
            };
            // Beside HEAD and its like, files at the top are no refs.
            let is_ref = full.starts_with("refs/")
                || full.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            if is_ref { self.follow(&full) } else { None }
        })
    }

    fn follow(&self, name: &str) -> Option<ObjectId> {
        let mut name = name.to_owned();
        for _ in 0..LINKS {
            let loose = small_file(&self.folder.own.join(&name))
                .or_else(|| small_file(&self.folder.common.join(&name)));
            let Some(text) = loose else { return self.packed(&name) };
            match text.trim().strip_prefix("ref:") {
                Some(target) => {
                    let target = target.trim();
                    if !target.starts_with("refs/") || target.split('/').any(|p| p == "..") {
                        return None;
                    }
                    target.clone_into(&mut name);
                }
                None => return ObjectId::from_hex(text.trim().as_bytes()).ok(),
            }
        }
        None
    }

    fn packed(&self, name: &str) -> Option<ObjectId> {
        let file = std::fs::File::open(self.folder.common.join("packed-refs")).ok()?;
        for line in BufReader::new(file).lines() {
            let line = line.ok()?;
            if let Some((id, found)) = line.split_once(' ')
                && found == name
            {
                return ObjectId::from_hex(id.as_bytes()).ok();
            }
        }
        None
    }

    /// The one object whose id begins so.
    fn by_id(&self, digits: &str) -> Option<ObjectId> {
        if !(4..=40).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        if digits.len() == 40 {
            return ObjectId::from_hex(digits.as_bytes()).ok();
        }
        let prefix = Prefix::from_hex(digits).ok()?;
        self.objects.lookup_prefix(prefix, None).ok()??.ok()
    }

    /// Follows tags to the commit that they name.
    fn peel(&self, mut id: ObjectId, revision: &str) -> Result<ObjectId, GitError> {
        let mut buffer = Vec::new();
        for _ in 0..LINKS {
            let missing = |_| GitError::Missing { what: "commit", id };
            let object = self.objects.find(&id, &mut buffer).map_err(missing)?;
            match object.kind {
                Kind::Commit => return Ok(id),
                Kind::Tag => {
                    let tag = self.objects.find_tag(&id, &mut buffer);
                    id = tag.map_err(|e| GitError::damaged(id, &e))?.target();
                }
                kind => return Err(GitError::revision(revision, format!("it is a {kind}"))),
            }
        }
        Err(GitError::revision(revision, "its tags point to tags without end"))
    }
}
