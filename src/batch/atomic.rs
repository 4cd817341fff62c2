//! Files and folders that appear whole or not at all.
//!
//! Both are written under a temporary name in the folder of their destination, synced, and then
//! renamed; dropped without [`AtomicFile::commit`] they are removed.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

/// What the names of temporary files and folders begin with.
const PREFIX: &str = ".fineprint-";
/// What the names of those end with that become files or folders.
const SUFFIX: &str = ".part";

/// A file that replaces its destination once it is complete.
#[derive(Debug)]
pub struct AtomicFile {
    temporary: NamedTempFile,
    destination: PathBuf,
}

impl AtomicFile {
    /// Starts a file that will be `destination`, whose folder must exist.
    ///
    /// # Errors
    /// The operating system's, when the folder cannot be written to; [`io::ErrorKind::InvalidInput`]
    /// when the destination is there and no regular file: a device must not be renamed away.
    pub fn create(destination: &Path) -> io::Result<Self> {
        if fs::metadata(destination).is_ok_and(|m| !m.is_file()) {
            let message = "it is no regular file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        // A link keeps pointing to its file, which is what gets replaced.
        let destination = fs::canonicalize(destination).unwrap_or_else(|_| destination.to_owned());
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // The umask takes away from this what it takes from any new file; a file that is
            // replaced keeps its own.
            let mode = fs::metadata(&destination).map_or(0o666, |m| m.permissions().mode() & 0o777);
            builder.permissions(fs::Permissions::from_mode(mode));
        }
        let temporary = builder.tempfile_in(folder_of(&destination))?;
        Ok(Self { temporary, destination })
    }

    /// The folder that the file will be in, where it has room for more of the same work.
    pub fn folder(&self) -> &Path {
        folder_of(&self.destination)
    }

    /// Syncs the file and gives it its name.
    ///
    /// # Errors
    /// The operating system's; the destination is then as it was.
    pub fn commit(self) -> io::Result<()> {
        self.temporary.as_file().sync_all()?;
        self.temporary.persist(&self.destination).map_err(|e| e.error)?;
        sync_folder(folder_of(&self.destination))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.flush()
    }
}

/// A folder of files that appears once all of them are written.
#[derive(Debug)]
pub struct AtomicFolder {
    temporary: TempDir,
    destination: PathBuf,
}

impl AtomicFolder {
    /// Starts a folder that will be `destination`.
    ///
    /// # Errors
    /// The operating system's; [`io::ErrorKind::AlreadyExists`] when the destination is a file, or
    /// a folder that is not empty and `replace` is not set.
    pub fn create(destination: &Path, replace: bool) -> io::Result<Self> {
        let exists =
            |what: &str| Err(io::Error::new(io::ErrorKind::AlreadyExists, what.to_owned()));
        match fs::read_dir(destination).map(|mut entries| entries.next().is_none()) {
            Ok(is_empty) if is_empty || replace => {}
            Ok(_) => return exists("the folder is not empty"),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
                return exists("it is a file and no folder");
            }
            Err(e) => return Err(e),
        }
        let destination = fs::canonicalize(destination).unwrap_or_else(|_| destination.to_owned());
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o777));
        }
        Ok(Self { temporary: builder.tempdir_in(folder_of(&destination))?, destination })
    }

    /// Writes and syncs a file; `name` may have folders in it.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.temporary.path().join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::File::create_new(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// Gives the folder its name; one that it replaces is moved aside first and then removed.
    ///
    /// # Errors
    /// The operating system's; the destination is then as it was.
    pub fn commit(self) -> io::Result<()> {
        let parent = folder_of(&self.destination);
        let aside = tempfile::Builder::new().prefix(PREFIX).suffix(".old").tempdir_in(parent)?;
        let old = aside.path().join("old");
        let had_old = match fs::rename(&self.destination, &old) {
            Ok(()) => true,
            Err(e) if e.kind() == io::ErrorKind::NotFound => false,
            Err(e) => return Err(e),
        };
        if let Err(error) = fs::rename(self.temporary.path(), &self.destination) {
            if had_old {
                fs::rename(&old, &self.destination)?;
            }
            return Err(error);
        }
        // The folder has its name now; nothing is left under the temporary one to remove.
        let _ = self.temporary.keep();
        sync_folder(parent)
    }
}

/// The folder that a path is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Syncs a folder so that a rename in it survives a power cut; not every file system can, and not
/// every folder that may be written to may be read.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match fs::File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(e) if !matches!(e.kind(), InvalidInput | PermissionDenied | Unsupported) => Err(e),
        _ => Ok(()),
    }
}

/// Whether a name is that of a temporary file or folder of ours.
pub(super) fn is_stray(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Removes what a process that was killed left in `folder`, which no other may be writing to.
///
/// # Errors
/// The operating system's.
pub(super) fn remove_strays(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if is_stray(&name) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_only_when_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["out.csv"]);
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(folder.path()), ["out.csv"]);
    }

    #[test]
    fn a_folder_is_no_file_and_a_missing_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(AtomicFile::create(folder.path()).is_err());
        assert!(AtomicFile::create(Path::new("/dev/null")).is_err());
        assert!(AtomicFile::create(&folder.path().join("no/such")).is_err());
    }

    #[test]
    fn a_folder_is_replaced_whole_and_only_on_demand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let first = AtomicFolder::create(&path, false).unwrap();
        first.write("a/b.txt", b"1").unwrap();
        assert!(!path.exists());
        first.commit().unwrap();
        assert_eq!(fs::read_to_string(path.join("a/b.txt")).unwrap(), "1");

        let refused = AtomicFolder::create(&path, false).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        let second = AtomicFolder::create(&path, true).unwrap();
        second.write("c.txt", b"2").unwrap();
        second.commit().unwrap();
        assert_eq!(names(&path), ["c.txt"]);
        assert_eq!(names(folder.path()), ["model"]);

        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(AtomicFolder::create(&file, true).is_err());
    }
}
