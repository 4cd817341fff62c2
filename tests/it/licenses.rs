//! The list of the libraries in the program and their licences, made from `cargo metadata`.
//!
//! `UPDATE_LICENSES=1 cargo test --release --test it licenses` writes
//! `data/licenses/THIRD-PARTY.txt` anew; without the variable the test compares.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper that fails is a test that fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// A package and its licence files.
struct Package {
    name: String,
    version: String,
    licence: String,
    place: String,
    authors: Vec<String>,
    folder: PathBuf,
}

fn metadata() -> Option<Value> {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(["--filter-platform", PLATFORM])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    if !output.status.success() {
        println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The packages that the program is linked from: normal dependencies of normal dependencies.
fn linked(metadata: &Value) -> Vec<Package> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let root = text(&metadata["resolve"]["root"]);
    let mut seen = BTreeSet::new();
    let mut open = vec![root.clone()];
    while let Some(id) = open.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == id.as_str()).unwrap();
        for dependency in node["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                open.push(text(&dependency["pkg"]));
            }
        }
    }
    seen.remove(&root);
    let mut packages: Vec<Package> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| seen.contains(&text(&package["id"])))
        .map(|package| Package {
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: text(&package["license"]).replace('/', " OR ").replace("  ", " "),
            place: text(&package["repository"]),
            authors: package["authors"].as_array().unwrap().iter().map(text).collect(),
            folder: Path::new(&text(&package["manifest_path"])).parent().unwrap().to_owned(),
        })
        .collect();
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    packages
}

/// The licence texts of a package: where MIT may be chosen and has a file, that one and notices.
fn texts(package: &Package) -> Vec<String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(&package.folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    let named = |path: &PathBuf, parts: &[&str]| {
        let name = path.file_name().unwrap().to_string_lossy().to_uppercase();
        parts.iter().any(|part| name.contains(part))
    };
    files.retain(|path| {
        named(path, &["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT"])
            && !named(path, &[".RS", ".HTML"])
    });
    let is_choice = package.licence.split(" OR ").any(|licence| licence == "MIT");
    if is_choice && files.iter().any(|path| named(path, &["MIT"])) {
        files.retain(|path| named(path, &["MIT", "NOTICE", "COPYRIGHT"]));
    }
    let mut texts: Vec<String> = files
        .iter()
        .map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).replace('\r', ""))
        .map(|text| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
        .map(|text| text.trim_matches('\n').to_owned())
        .collect();
    if texts.is_empty() {
        let authors = package.authors.join(", ");
        texts.push(format!(
            "The package has no licence file. It is under {}, by {}.",
            package.licence,
            if authors.is_empty() { "its authors" } else { &authors }
        ));
    }
    texts
}

fn list(packages: &[Package]) -> String {
    let mut out = format!("Libraries in the program ({PLATFORM}, default features)\n");
    for package in packages {
        let name = format!("{} {}", package.name, package.version);
        let _ = writeln!(out, "  {name:34} {}  {}", package.licence, package.place);
    }
    out.push_str("  The Rust standard library          MIT OR Apache-2.0  https://github.com/rust-lang/rust\n");
    out.push_str("\nLicence texts\n");
    let mut users: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for package in packages {
        for text in texts(package) {
            // Copies differ in line breaks; the words count.
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let users = &mut users.entry(words).or_insert_with(|| (text, Vec::new())).1;
            users.push(format!("{} {}", package.name, package.version));
        }
    }
    let mut blocks: Vec<(String, Vec<String>)> = users.into_values().collect();
    blocks.sort_by(|(_, a), (_, b)| a.cmp(b));
    for (text, users) in blocks {
        let _ = writeln!(out, "\n{}\n{}\n\n{text}", "-".repeat(80), users.join(", "));
    }
    out
}

#[test]
fn the_list_of_libraries_is_current() {
    let Some(metadata) = metadata() else { return };
    let expected = list(&linked(&metadata));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/licenses/THIRD-PARTY.txt");
    if std::env::var_os("UPDATE_LICENSES").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let first = committed.lines().zip(expected.lines()).find(|(a, b)| a != b);
    assert!(
        committed == expected,
        "{} is out of date ({first:?}); run UPDATE_LICENSES=1 cargo test --release --test it licenses",
        path.display()
    );
}

#[test]
fn no_library_has_a_licence_that_binds_our_code() {
    let Some(metadata) = metadata() else { return };
    for package in linked(&metadata) {
        assert!(!package.licence.is_empty(), "{} has no licence", package.name);
        // MPL-2.0 binds the files that it covers alone.
        let is_strong = |licence: &str| licence.contains("GPL") || licence.contains("SSPL");
        assert!(
            package.licence.split(" OR ").any(|licence| !is_strong(licence)),
            "{} is under {}",
            package.name,
            package.licence
        );
    }
}
