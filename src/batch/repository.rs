//! Files of a git repository at a revision as inputs: `git:PATH@REVISION:SUBPATH`.

use std::path::Path;

use super::read::{Failure, Source};
use crate::git::{FileEntry, GitError, Repository};

/// What an argument begins with that names a repository.
pub(super) const PREFIX: &str = "git:";

/// Digits of a commit's id that names of documents have.
const SHOWN_DIGITS: usize = 12;

/// A repository, a revision, and a file or folder in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address<'a> {
    repository: &'a str,
    revision: &'a str,
    under: &'a str,
}

impl<'a> Address<'a> {
    /// Reads what follows [`PREFIX`]. Paths may have `@` in them: the first one behind which a
    /// repository ends counts. Without a revision, `HEAD` is meant.
    fn parse(text: &'a str, is_repository: impl Fn(&str) -> bool) -> Result<Self, String> {
        for (at, _) in text.match_indices('@') {
            let (repository, rest) = (&text[..at], &text[at + 1..]);
            if is_repository(repository) {
                let (revision, under) = rest.split_once(':').unwrap_or((rest, ""));
                let revision = if revision.is_empty() { "HEAD" } else { revision };
                return Ok(Self { repository, revision, under });
            }
        }
        if is_repository(text) {
            return Ok(Self { repository: text, revision: "HEAD", under: "" });
        }
        let path = text.split('@').next().unwrap_or_default();
        Err(format!(
            "no git repository at {path}: write git:PATH@REVISION or git:PATH@REVISION:SUBPATH"
        ))
    }
}

/// The files of a revision that are taken.
pub(super) struct RepositoryFiles {
    repository: Repository,
    files: std::vec::IntoIter<FileEntry>,
    /// What comes before a file's path in its name.
    prefix: String,
    /// One file was named, which is taken whatever its extension.
    is_single: bool,
}

impl RepositoryFiles {
    /// Opens the repository that an argument names.
    pub(super) fn open(argument: &str) -> Result<Self, Failure> {
        let address = argument.strip_prefix(PREFIX).unwrap_or(argument);
        let open = || {
            let address = Address::parse(address, |path| Repository::is_at(Path::new(path)))?;
            Self::read(&address).map_err(|error| error.to_string())
        };
        open().map_err(|reason: String| Failure { name: argument.to_owned(), reason })
    }

    fn read(address: &Address<'_>) -> Result<Self, GitError> {
        let repository = Repository::open(Path::new(address.repository))?;
        let commit = repository.resolve(address.revision)?;
        let shown = commit.to_hex_with_len(SHOWN_DIGITS);
        let prefix = format!("{PREFIX}{}@{shown}:", address.repository);
        let under = address.under.trim_matches('/');
        let mut files = repository.files(repository.commit(commit)?.tree)?;
        let is_single = files.iter().any(|file| file.path == under);
        let folder = format!("{under}/");
        files.retain(|file| {
            under.is_empty() || file.path == under || file.path.starts_with(&folder)
        });
        files.sort_by(|a, b| a.path.cmp(&b.path));
        if files.is_empty() && !under.is_empty() {
            let (revision, path) = (address.revision.to_owned(), under.to_owned());
            return Err(GitError::NoFile { revision, path });
        }
        Ok(Self { repository, files: files.into_iter(), prefix, is_single })
    }

    /// The next file that `takes` its path; others are counted in `passed_over`.
    pub(super) fn next(
        &mut self,
        takes: impl Fn(&Path) -> bool,
        passed_over: &mut usize,
    ) -> Option<Result<Source, Failure>> {
        loop {
            let file = self.files.next()?;
            if !self.is_single && !takes(Path::new(&file.path)) {
                *passed_over += 1;
                continue;
            }
            let name = format!("{}{}", self.prefix, file.path);
            return Some(match self.repository.blob(file.blob) {
                Ok(bytes) => Ok(Source::Blob { name, bytes }),
                Err(error) => Err(Failure { name, reason: error.to_string() }),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_split_where_a_repository_ends() {
        let is_repository = |path: &str| ["repo", "a@b/repo"].contains(&path);
        let parse = |text: &'static str| {
            let a = Address::parse(text, is_repository)?;
            Ok::<_, String>((a.repository, a.revision, a.under))
        };
        assert_eq!(parse("repo@v1:dir/a@b.md"), Ok(("repo", "v1", "dir/a@b.md")));
        assert_eq!(parse("a@b/repo@main"), Ok(("a@b/repo", "main", "")));
        assert_eq!(parse("repo"), Ok(("repo", "HEAD", "")));
        assert_eq!(parse("repo@:x"), Ok(("repo", "HEAD", "x")));
        assert!(parse("gone@v1").unwrap_err().starts_with("no git repository at gone: write git:"));
    }
}
