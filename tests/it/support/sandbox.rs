//! A temporary folder to run the program in, with the fixture model and a clean environment.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Status and both streams, for snapshots; digits of probabilities, which may round
    /// differently elsewhere, are masked.
    pub(crate) fn snapshot(&self) -> String {
        let text = format!(
            "status: {}\n--- stdout\n{}--- stderr\n{}",
            self.status.map_or("killed".to_owned(), |code| code.to_string()),
            self.stdout,
            self.stderr
        );
        let probability = regex::Regex::new(r"\b[01]\.\d{2,}\b").unwrap();
        let digest = regex::Regex::new(r"model [^ ]+ \([0-9a-f]{12}\)").unwrap();
        let text = probability.replace_all(&text, "P.PP");
        digest.replace_all(&text, "model MODEL (DIGEST)").into_owned()
    }

    /// The records of a JSON Lines output.
    pub(crate) fn records(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The records of one kind.
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<serde_json::Value> {
        self.records().into_iter().filter(|record| record["record"] == kind).collect()
    }
}

/// A temporary folder.
#[derive(Debug)]
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        // A name without a leading dot: the walk skips hidden folders.
        Self { folder: tempfile::Builder::new().prefix("sandbox").tempdir().unwrap() }
    }

    /// A folder with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let sandbox = Self::new();
        for (name, text) in files {
            sandbox.write(name, text.as_bytes());
        }
        sandbox
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, bytes: &[u8]) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// The names in the folder, hidden ones included.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The program with the fixture model, in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fineprint"));
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("FINEPRINT_MODEL", fixture_model());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments), None)
    }

    pub(crate) fn run_with_stdin(&self, arguments: &[&str], stdin: &str) -> Run {
        finish(self.command(arguments), Some(stdin))
    }

    /// Starts a training again and again, each time killing it once it has written `checkpoint`
    /// anew, then lets it run to its end. Gives the number of kills and that last run.
    pub(crate) fn run_with_kills(&self, arguments: &[&str], checkpoint: &str) -> (usize, Run) {
        let path = self.path().join(checkpoint);
        let saved = || std::fs::metadata(&path).and_then(|m| m.modified()).ok();
        let mut kills = 0;
        while kills < 3 {
            let before = saved();
            let mut child = self
                .command(arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let begun = Instant::now();
            while saved() == before && child.try_wait().unwrap().is_none() {
                assert!(begun.elapsed() < Duration::from_mins(2), "nothing was saved");
                std::thread::sleep(Duration::from_millis(1));
            }
            if child.try_wait().unwrap().is_some() {
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        let last = self.run(arguments);
        assert_eq!(last.status, Some(0), "{}", last.stderr);
        (kills, last)
    }
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command, stdin: Option<&str>) -> Run {
    if stdin.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().unwrap();
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), stdin) {
        // A program that refuses its arguments does not read.
        let _ = pipe.write_all(text.as_bytes());
    }
    let output = child.wait_with_output().unwrap();
    Run {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The tiny model with random weights.
pub(crate) fn fixture_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fixture-model")
}
