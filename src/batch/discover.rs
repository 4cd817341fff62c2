//! Finding inputs: paths as given, folders walked as ripgrep walks them, revisions of git
//! repositories, lists of files.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder};

use super::compression::stem;
use super::read::{Failure, Source, describe};
use super::repository::{self, RepositoryFiles};
use super::table::TableFormat;
use crate::document::Format;

/// Longest line of a list of files, in bytes; Linux has no longer paths.
const MAX_PATH_BYTES: u64 = 4096;

/// How folders are walked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WalkOptions {
    /// Take hidden files too.
    pub hidden: bool,
    /// Take files that ignore files name, too.
    pub no_ignore: bool,
    /// Globs as ripgrep's `-g`; a `!` before one leaves files out.
    pub globs: Vec<String>,
    /// Files and folders that are never taken: those that the output goes to.
    pub outputs: Vec<PathBuf>,
}

/// [`WalkOptions`] with their globs compiled.
#[derive(Debug, Clone)]
pub struct Walk {
    options: WalkOptions,
    overrides: Override,
    /// Whether a glob says which files to take, so that their extensions do not matter.
    has_including_glob: bool,
}

impl Walk {
    /// Compiles the globs, which are relative to the current folder.
    ///
    /// # Errors
    /// A message that quotes the glob that is wrong.
    pub fn new(options: WalkOptions) -> Result<Self, String> {
        let mut builder = OverrideBuilder::new("");
        for glob in &options.globs {
            builder.add(glob).map_err(|e| e.to_string())?;
        }
        let overrides = builder.build().map_err(|e| e.to_string())?;
        let has_including_glob = options.globs.iter().any(|glob| !glob.starts_with('!'));
        Ok(Self { options, overrides, has_including_glob })
    }

    /// The files in a folder, by name.
    fn folder(&self, folder: &Path) -> ignore::Walk {
        let is_filtered = !self.options.no_ignore;
        let outputs = self.options.outputs.clone();
        WalkBuilder::new(folder)
            .hidden(!self.options.hidden)
            .parents(is_filtered)
            .ignore(is_filtered)
            .git_ignore(is_filtered)
            .git_global(is_filtered)
            .git_exclude(is_filtered)
            .overrides(self.overrides.clone())
            .sort_by_file_name(std::ffi::OsStr::cmp)
            .filter_entry(move |entry| !outputs.iter().any(|output| is_same(output, entry.path())))
            .build()
    }

    fn takes(&self, entry: &DirEntry) -> bool {
        let path = entry.path();
        (self.has_including_glob || is_known(path)) && !has_results(path)
    }

    /// Whether to take a file of a git revision.
    fn takes_in_repository(&self, path: &Path) -> bool {
        let is_hidden =
            |part: std::path::Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
        let matched = self.overrides.matched(path, false);
        !matched.is_ignore()
            && (self.options.hidden || !path.components().any(is_hidden))
            && (matched.is_whitelist() || is_known(path))
    }
}

/// Whether a file's extension says that it is a document or a table of documents.
fn is_known(path: &Path) -> bool {
    let Some(name) = path.file_name() else { return false };
    stem(&name.to_string_lossy()).rsplit_once('.').is_some_and(|(_, extension)| {
        Format::from_extension(extension).is_some()
            || TableFormat::from_extension(extension).is_some()
    })
}

/// Whether a file has results of an earlier run in it, such as lie beside what they are about.
fn has_results(path: &Path) -> bool {
    let is_table =
        path.extension().is_some_and(|extension| extension == "csv" || extension == "jsonl");
    let mut head = Vec::new();
    is_table
        && File::open(path).is_ok_and(|file| {
            file.take(64).read_to_end(&mut head).is_ok()
                && (head.starts_with(b"document,model_digest,index,")
                    || head.starts_with(b"{\"record\":\"run\","))
        })
}

/// Whether two paths name the same file; names are compared first since they seldom agree.
fn is_same(a: &Path, b: &Path) -> bool {
    a.file_name() == b.file_name()
        && matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The inputs, one after another, as they are found.
pub struct Discovery {
    walk: Walk,
    paths: VecDeque<PathBuf>,
    folder: Option<(PathBuf, ignore::Walk)>,
    repository: Option<RepositoryFiles>,
    list: Option<Box<dyn BufRead + Send>>,
    list_name: String,
    list_line: usize,
    found: usize,
    passed_over: usize,
}

impl std::fmt::Debug for Discovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Discovery").field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl Discovery {
    /// The inputs that `paths` name (`-` is standard input, folders are walked, and so are
    /// revisions of repositories, `git:PATH@REVISION:SUBPATH`), then those named in the list, one
    /// a line.
    ///
    /// # Errors
    /// A message when the list cannot be opened.
    pub fn new(
        paths: impl IntoIterator<Item = PathBuf>,
        list: Option<&Path>,
        walk: Walk,
    ) -> Result<Self, String> {
        let list_name = list.map_or_else(String::new, |list| list.to_string_lossy().into_owned());
        let list: Option<Box<dyn BufRead + Send>> = match list {
            None => None,
            Some(path) if path == Path::new("-") => Some(Box::new(BufReader::new(io::stdin()))),
            Some(path) => {
                let file = File::open(path)
                    .map_err(|e| format!("cannot read the list {list_name}: {}", describe(&e)))?;
                Some(Box::new(BufReader::new(file)))
            }
        };
        Ok(Self {
            walk,
            paths: paths.into_iter().collect(),
            folder: None,
            repository: None,
            list,
            list_name,
            list_line: 0,
            found: 0,
            passed_over: 0,
        })
    }

    /// How many inputs were found so far, those that failed included.
    pub fn found(&self) -> usize {
        self.found
    }

    /// How many files in folders were passed over so far for their extension.
    pub fn passed_over(&self) -> usize {
        self.passed_over
    }

    fn next_in_folder(&mut self) -> Option<Result<Source, Failure>> {
        let (root, entries) = self.folder.as_mut()?;
        for entry in entries {
            match entry {
                Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                    if self.walk.takes(&entry) {
                        let path = entry.into_path();
                        let path = path.strip_prefix("./").map(Path::to_owned).unwrap_or(path);
                        return Some(Ok(Source::File(path)));
                    }
                    self.passed_over += 1;
                }
                Ok(_) => {}
                Err(error) => {
                    let name = path_of(&error).unwrap_or(root).to_string_lossy().into_owned();
                    let reason = error.io_error().map_or_else(|| error.to_string(), describe);
                    return Some(Err(Failure { name, reason }));
                }
            }
        }
        self.folder = None;
        None
    }

    fn next_in_repository(&mut self) -> Option<Result<Source, Failure>> {
        let (files, walk) = (self.repository.as_mut()?, &self.walk);
        let next = files.next(|path| walk.takes_in_repository(path), &mut self.passed_over);
        if next.is_none() {
            self.repository = None;
        }
        next
    }

    fn next_in_list(&mut self) -> Option<Result<Source, Failure>> {
        let list = self.list.as_mut()?;
        loop {
            let mut line = Vec::new();
            let mut limited = io::Read::take(&mut *list, MAX_PATH_BYTES + 2);
            let result = limited.read_until(b'\n', &mut line);
            self.list_line += 1;
            let reason = match result {
                Ok(0) => break,
                Ok(_) if line.len() as u64 > MAX_PATH_BYTES + 1 => {
                    format!("line {} is too long for a path", self.list_line)
                }
                Ok(_) => {
                    let line = line.strip_suffix(b"\n").unwrap_or(&line);
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    if line.is_empty() {
                        continue;
                    }
                    return Some(Ok(Source::File(path_from(line))));
                }
                Err(error) => describe(&error),
            };
            self.list = None;
            return Some(Err(Failure { name: self.list_name.clone(), reason }));
        }
        self.list = None;
        None
    }
}

impl Iterator for Discovery {
    type Item = Result<Source, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = loop {
            if let Some(next) = self.next_in_folder().or_else(|| self.next_in_repository()) {
                break next;
            }
            match self.paths.pop_front() {
                Some(path) if path == Path::new("-") => break Ok(Source::Stdin),
                Some(path) if path.is_dir() => {
                    let entries = self.walk.folder(&path);
                    self.folder = Some((path, entries));
                }
                Some(path) => match path.to_str() {
                    Some(name) if name.starts_with(repository::PREFIX) && !path.exists() => {
                        match RepositoryFiles::open(name) {
                            Ok(files) => self.repository = Some(files),
                            Err(failure) => break Err(failure),
                        }
                    }
                    _ => break Ok(Source::File(path)),
                },
                None => break self.next_in_list()?,
            }
        };
        self.found += 1;
        Some(next)
    }
}

/// The path that an error of the walk is about.
fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        ignore::Error::Loop { child, .. } => Some(child),
        _ => None,
    }
}

#[cfg(unix)]
fn path_from(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_from(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::Builder::new().prefix("tree").tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "text").unwrap();
        }
        folder
    }

    fn found(folder: &Path, options: WalkOptions) -> Vec<String> {
        let walk = Walk::new(options).unwrap();
        Discovery::new([folder.to_owned()], None, walk)
            .unwrap()
            .map(|source| match source.unwrap() {
                Source::File(path) => path.strip_prefix(folder).unwrap().display().to_string(),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn folders_are_walked_as_ripgrep_users_expect() {
        let names = [
            "b.md.gz",
            "b.md",
            "a.html",
            "t.csv.zst",
            "x.png",
            "x.gz",
            "sub/c.TXT",
            ".hidden.md",
            "skip/d.md",
            "LICENSE",
        ];
        let folder = tree(&names);
        std::fs::write(folder.path().join(".ignore"), "skip/\n").unwrap();
        let options = WalkOptions::default;
        assert_eq!(
            found(folder.path(), options()),
            ["a.html", "b.md", "b.md.gz", "sub/c.TXT", "t.csv.zst"]
        );
        let hidden = WalkOptions { hidden: true, ..options() };
        assert_eq!(found(folder.path(), hidden)[0], ".hidden.md");
        let all = WalkOptions { no_ignore: true, ..options() };
        assert!(found(folder.path(), all).contains(&"skip/d.md".to_owned()));
        let glob = WalkOptions { globs: vec!["LIC*".into(), "*.png".into()], ..options() };
        assert_eq!(found(folder.path(), glob), ["LICENSE", "x.png"]);
        let without = WalkOptions { globs: vec!["!*.md".into()], ..options() };
        assert_eq!(found(folder.path(), without), ["a.html", "b.md.gz", "sub/c.TXT", "t.csv.zst"]);
        let output = WalkOptions {
            outputs: vec![folder.path().join("b.md"), folder.path().join("sub")],
            ..options()
        };
        assert_eq!(found(folder.path(), output), ["a.html", "b.md.gz", "t.csv.zst"]);
    }

    #[test]
    fn what_was_passed_over_is_counted() {
        let folder = tree(&["a.md", "x.png", "y.mp4"]);
        let walk = Walk::new(WalkOptions::default()).unwrap();
        let mut discovery = Discovery::new([folder.path().to_owned()], None, walk).unwrap();
        assert_eq!(discovery.by_ref().count(), 1);
        assert_eq!((discovery.found(), discovery.passed_over()), (1, 2));
    }

    #[test]
    fn a_list_names_files_and_its_faults_end_it() {
        let folder = tree(&[]);
        let list = folder.path().join("list");
        std::fs::write(&list, b"one.md\r\n\ntwo \xfe.md\n").unwrap();
        let sources = |list: &Path| -> Vec<_> {
            let walk = Walk::new(WalkOptions::default()).unwrap();
            let paths = ["-".into(), "gone.md".into()];
            Discovery::new(paths, Some(list), walk).unwrap().collect()
        };
        let names: Vec<String> =
            sources(&list).into_iter().map(|source| source.unwrap().name()).collect();
        assert_eq!(names, ["<stdin>", "gone.md", "one.md", "two \u{fffd}.md"]);
        std::fs::write(&list, vec![b'x'; 10_000]).unwrap();
        let last = sources(&list).pop().unwrap().unwrap_err();
        assert!(last.reason.contains("line 1 is too long"), "{last:?}");
        assert_eq!(sources(folder.path()).len(), 3, "a folder as a list is told");
    }

    #[test]
    fn a_wrong_glob_is_quoted() {
        let options = WalkOptions { globs: vec!["a{b".into()], ..WalkOptions::default() };
        assert!(Walk::new(options).unwrap_err().contains("a{b"));
    }
}
