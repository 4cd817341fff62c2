//! The corpus of a measurement: documents, or sentences that are cut already.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::batch::{self, Failure, Source};
use crate::classify::{Classifier, ClassifyError, Scores};
use crate::encode::Input;

/// A sentence with what stands before it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Owned {
    text: String,
    #[serde(default)]
    lead_in: String,
    #[serde(default)]
    heading: String,
}

/// What is classified.
#[derive(Debug, Clone)]
pub struct Sentences {
    documents: Option<Vec<Source>>,
    failures: Vec<Failure>,
    all: Vec<Owned>,
    bytes: u64,
}

impl Sentences {
    /// The documents of `sources`, whose sentences are read here once for what needs them apart.
    ///
    /// Documents in another language count with no sentence; those that cannot be read are left
    /// out and told as [`failures`](Self::failures).
    ///
    /// # Errors
    /// [`ClassifyError`] when threads cannot be started.
    pub fn of_documents(
        mut sources: Vec<Source>,
        options: &batch::Options,
        classifier: &Classifier,
    ) -> Result<Self, ClassifyError> {
        let mut sentences = Vec::new();
        let mut bytes = 0;
        let mut failures = Vec::new();
        let nothing = |inputs: &[Input<'_>]| {
            let count = classifier.labels().len();
            let blank = Scores { category: vec![0.0; count], denied: Vec::new(), windows: 1 };
            Ok(vec![blank; inputs.len()])
        };
        batch::run(
            sources.iter().cloned().map(Ok),
            options,
            &nothing,
            &mut |processed| {
                let read = match processed.result {
                    Ok(read) => read,
                    Err(reason) => {
                        failures.push(Failure { name: processed.name, reason });
                        return Ok(());
                    }
                };
                bytes += processed.bytes;
                let read = Some(read).filter(|read| read.scores.is_some()).into_iter();
                sentences.extend(read.flat_map(|read| read.sentences).map(|s| Owned {
                    text: s.text,
                    lead_in: s.lead_in.as_deref().unwrap_or_default().to_owned(),
                    heading: s.section.last().cloned().unwrap_or_default(),
                }));
                Ok::<(), std::io::Error>(())
            },
            &|_| {},
        )
        .map_err(|e| ClassifyError::Threads(e.to_string()))?;
        sources.retain(|source| !failures.iter().any(|failure| failure.name == source.name()));
        Ok(Self { documents: Some(sources), failures, all: sentences, bytes })
    }

    /// Sentences one a line: as they are, or in files that end in `.jsonl` as objects with `text`
    /// and, where they have them, `lead_in` and `heading`.
    ///
    /// # Errors
    /// A message naming the file and the line.
    pub fn of_lines(paths: &[PathBuf]) -> Result<Self, String> {
        let mut sentences = Vec::new();
        for path in paths {
            let name = path.display();
            let bytes =
                Source::File(path.clone()).read().map_err(|f| format!("{name}: {}", f.reason))?;
            let text = String::from_utf8(bytes).map_err(|_| format!("{name}: it is not UTF-8"))?;
            let is_json = path.extension() == Some(Path::new("jsonl").as_os_str());
            for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                sentences.push(if is_json {
                    serde_json::from_str(line).map_err(|e| format!("{name}:{}: {e}", i + 1))?
                } else {
                    Owned { text: line.to_owned(), lead_in: String::new(), heading: String::new() }
                });
            }
        }
        let bytes = sentences.iter().map(|s| s.text.len() as u64).sum();
        Ok(Self { documents: None, failures: Vec::new(), all: sentences, bytes })
    }

    /// Keeps the first `count` sentences, which then stand for themselves and not for documents.
    pub fn truncate(&mut self, count: usize) {
        if count < self.all.len() {
            self.all.truncate(count);
            self.documents = None;
            self.bytes = self.all.iter().map(|s| s.text.len() as u64).sum();
        }
    }

    /// The documents, unless the sentences stand for themselves.
    pub fn documents(&self) -> Option<&[Source]> {
        self.documents.as_deref()
    }

    /// The documents that could not be read.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Bytes of the documents, or of the sentences' text.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the model is given.
    pub fn inputs(&self) -> Vec<Input<'_>> {
        self.all
            .iter()
            .map(|s| Input { text: &s.text, lead_in: &s.lead_in, heading: &s.heading })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_objects_are_read_and_a_broken_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("a.txt");
        let json = folder.path().join("b.jsonl");
        std::fs::write(&plain, "One.\n\nTwo.\n").unwrap();
        std::fs::write(&json, "{\"text\": \"Three.\", \"lead_in\": \"We:\", \"id\": 7}\n").unwrap();
        let mut read = Sentences::of_lines(&[plain.clone(), json.clone()]).unwrap();
        let inputs = read.inputs();
        assert_eq!(inputs.iter().map(|i| i.text).collect::<Vec<_>>(), ["One.", "Two.", "Three."]);
        assert_eq!(inputs[2].lead_in, "We:");
        assert_eq!(read.bytes(), 14);
        read.truncate(1);
        assert_eq!((read.inputs().len(), read.bytes()), (1, 4));
        std::fs::write(&json, "{\"text\": 1}\n").unwrap();
        assert!(Sentences::of_lines(&[json]).unwrap_err().contains("b.jsonl:1: "));
        assert!(Sentences::of_lines(&[folder.path().join("none")]).is_err());
    }
}
