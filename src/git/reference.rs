//! References: names of branches, tags and `HEAD`, loose or packed.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use gix_hash::ObjectId;

use crate::limits::GIT_REFERENCE_DEPTH;

/// Longest loose reference that is read, in bytes: an id or another name.
const LOOSE_BYTES: u64 = 4 << 10;

/// How many first parents `~N` and `^` go back; `None` when it is neither.
pub(super) fn generations(mut steps: &str) -> Option<usize> {
    let mut total = 0usize;
    while let Some(sign) = steps.chars().next() {
        steps = &steps[1..];
        let digits = steps.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = steps.split_at(digits);
        steps = rest;
        let number = if number.is_empty() { 1 } else { number.parse().ok()? };
        match sign {
            '~' => total = total.checked_add(number)?,
            // Other parents than the first are no matter of a document's history.
            '^' if number == 1 => total = total.checked_add(1)?,
            _ => return None,
        }
    }
    Some(total)
}

/// The object that a reference points to, looked for where git looks for it.
///
/// `folder` is the work tree's own git folder, `common` the one with branches and tags.
pub(super) fn find(folder: &Path, common: &Path, name: &str) -> Option<ObjectId> {
    if !is_valid(name) {
        return None;
    }
    let candidates = [
        name.to_owned(),
        format!("refs/{name}"),
        format!("refs/tags/{name}"),
        format!("refs/heads/{name}"),
        format!("refs/remotes/{name}"),
        format!("refs/remotes/{name}/HEAD"),
    ];
    candidates.iter().find_map(|full| follow(folder, common, full, 0))
}

fn follow(folder: &Path, common: &Path, name: &str, depth: usize) -> Option<ObjectId> {
    if depth > GIT_REFERENCE_DEPTH || !is_valid(name) {
        return None;
    }
    let loose = loose(&folder.join(name)).or_else(|| loose(&common.join(name)));
    let Some(content) = loose else { return packed(common, name) };
    match content.strip_prefix("ref:") {
        Some(target) => follow(folder, common, target.trim(), depth + 1),
        None => ObjectId::from_hex(content.trim().as_bytes()).ok(),
    }
}

/// Whether git allows such a name; it also keeps the path inside the repository.
fn is_valid(name: &str) -> bool {
    let forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    !name.is_empty()
        && !name.contains(forbidden)
        && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
        && !name.contains("..")
}

fn loose(path: &Path) -> Option<String> {
    let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|m| m.is_file()))?;
    let mut content = String::new();
    file.take(LOOSE_BYTES).read_to_string(&mut content).ok()?;
    Some(content)
}

fn packed(common: &Path, name: &str) -> Option<ObjectId> {
    let mut file = BufReader::new(File::open(common.join("packed-refs")).ok()?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if file.by_ref().take(LOOSE_BYTES).read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        let (id, rest) = line.split_at_checked(40)?;
        if rest.strip_prefix(b" ").map(<[u8]>::trim_ascii_end) == Some(name.as_bytes()) {
            return ObjectId::from_hex(id).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_back_add_up() {
        assert_eq!(generations(""), Some(0));
        assert_eq!(generations("~2^~"), Some(4));
        assert_eq!(generations("^1"), Some(1));
        for wrong in ["^2", "~x", "~99999999999999999999999", "^{tree}"] {
            assert_eq!(generations(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_stay_inside_the_repository() {
        for wrong in ["", "/", "../x", "a/../b", "a//b", ".git", "a b", "x:y", "heads/."] {
            assert!(!is_valid(wrong), "{wrong}");
        }
        assert!(is_valid("feature/new-terms") && is_valid("v1.0"));
    }

    #[test]
    fn references_are_found_loose_packed_and_through_others() {
        let folder = tempfile::tempdir().unwrap();
        let git = folder.path();
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        std::fs::create_dir_all(git.join("refs/heads")).unwrap();
        std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        std::fs::write(git.join("refs/heads/main"), format!("{one}\n")).unwrap();
        std::fs::write(git.join("refs/heads/loop"), "ref: refs/heads/loop\n").unwrap();
        let refs = format!(
            "# pack-refs with: peeled\n# and a line of more than forty signs, still a comment\n{two} refs/tags/v1\n^{one}\n"
        );
        std::fs::write(git.join("packed-refs"), refs).unwrap();
        let id = |name: &str| find(git, git, name).map(|id| id.to_string());
        assert_eq!(id("HEAD"), Some(one.clone()));
        assert_eq!(id("main"), Some(one));
        assert_eq!(id("v1"), Some(two.clone()));
        assert_eq!(id("refs/tags/v1"), Some(two));
        assert_eq!(id("loop"), None);
        assert_eq!(id("gone"), None);
    }
}
