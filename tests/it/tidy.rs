//! Rules of the house that the compiler does not hold: layering, module docs, the map.

use std::path::{Path, PathBuf};

/// Rooms from the lowest up; a room uses only rooms of a lower rank.
const RANKS: [(&str, u32); 24] = [
    ("limits", 0),
    ("digest", 0),
    ("guard", 0),
    ("label", 0),
    ("calendar", 0),
    ("document", 1),
    ("git", 1),
    ("segment", 2),
    ("encode", 3),
    ("model", 4),
    ("classify", 5),
    ("report", 6),
    ("cache", 6),
    ("eval", 6),
    ("batch", 7),
    ("compare", 7),
    ("train", 7),
    ("corpus", 7),
    ("bench", 8),
    ("benchmark", 8),
    ("history", 8),
    ("serve", 8),
    ("client", 8),
    ("cli", 9),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The room of a file under `src/`, or nothing for `lib.rs` and `main.rs`.
fn room(path: &Path) -> Option<String> {
    let relative = path.strip_prefix(root().join("src")).unwrap();
    let first = relative.components().next()?.as_os_str().to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(name, "lib" | "main")).then(|| name.to_owned())
}

fn rank(room: &str) -> u32 {
    let found = RANKS.iter().find(|(name, _)| *name == room);
    found.unwrap_or_else(|| panic!("src/{room} is not in the list of rooms")).1
}

#[test]
fn rooms_use_only_rooms_below_them() {
    let mut wrong = Vec::new();
    for path in sources(&root().join("src")) {
        let Some(own) = room(&path) else { continue };
        let text = std::fs::read_to_string(&path).unwrap();
        for (i, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for part in code.split("crate::").skip(1) {
                let used: String =
                    part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if used.is_empty() || used == own || !RANKS.iter().any(|(r, _)| *r == used) {
                    continue;
                }
                if rank(&used) >= rank(&own) && !(rank(&own) == 0 && rank(&used) == 0) {
                    wrong.push(format!("{}:{}: {own} uses {used}", path.display(), i + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "upward edges:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_says_what_it_is_for() {
    for path in sources(&root().join("src")).into_iter().chain(sources(&root().join("tests/it"))) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} must begin with a //! paragraph", path.display());
    }
}

#[test]
fn the_map_names_every_room() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert!(map.lines().count() <= 150, "ARCHITECTURE.md is one page");
    for path in sources(&root().join("src")) {
        if let Some(room) = room(&path) {
            rank(&room);
            assert!(
                map.contains(&format!("`src/{room}")),
                "ARCHITECTURE.md does not name src/{room}"
            );
        }
    }
}

#[test]
fn no_file_grows_out_of_hand() {
    for path in sources(&root().join("src")) {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 700, "{} has {lines} lines", path.display());
    }
}

#[test]
fn the_core_does_no_input_or_output() {
    for room in ["document", "segment", "encode", "model", "classify", "report"] {
        for path in sources(&root().join("src").join(room)) {
            if path.ends_with("model/folder.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for forbidden in ["std::fs", "std::net", "std::env", "std::process"] {
                assert!(!code.contains(forbidden), "{} uses {forbidden}", path.display());
            }
        }
    }
}
