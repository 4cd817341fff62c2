//! The CLAUDETTE corpora as folders of text files, a sentence a line.
//!
//! Two layouts are known. The multilingual corpus (Galassi et al. 2024) has
//! `sentences/<language>/original/<document>.txt` and beside it `tags/<language>/original/` with as
//! many lines, each the tags of the sentence, separated by spaces. The first corpus (Lippi et al.
//! 2019) has `sentences/<document>.txt` and a folder a clause type, `Labels_A`, `Labels_CH` and so
//! on, with as many lines, `1` where the sentence is a potentially unfair clause of the type.

use std::path::{Path, PathBuf};

use super::claudette::{TAGS, clause};
use super::{Imported, Place, Sink, files_of, read_text};
use crate::corpus::CorpusError;

/// The folders of the first corpus, and the tags of the clause types.
const FOLDERS: [(&str, &str); 9] = [
    ("Labels_A", "a"),
    ("Labels_CH", "ch"),
    ("Labels_CR", "cr"),
    ("Labels_J", "j"),
    ("Labels_LAW", "law"),
    ("Labels_LTD", "ltd"),
    ("Labels_TER", "ter"),
    ("Labels_USE", "use"),
    ("Labels_PINC", "pinc"),
];

/// Reads a folder of sentences of the multilingual corpus, or the folder of the first corpus.
///
/// # Errors
/// [`CorpusError`] when a folder is neither, when a file of tags is missing or has another number
/// of lines than its sentences, and with the line for an unknown tag.
pub fn read(folder: &Path, sink: &mut Sink) -> Result<(), CorpusError> {
    if folder.join("sentences").is_dir() && FOLDERS.iter().any(|(f, _)| folder.join(f).is_dir()) {
        return first_corpus(folder, sink);
    }
    match tags_beside(folder) {
        Some(tags) => multilingual(folder, &tags, sink),
        None => Err(CorpusError::file(
            &folder.display().to_string(),
            "give the folder that holds `sentences` and `Labels_A` and so on, or a folder of \
             sentences such as corpus/sentences/en/original that has a twin below corpus/tags",
        )),
    }
}

/// The folder of tags that belongs to a folder of sentences: the last component `sentences` of its
/// path replaced.
fn tags_beside(folder: &Path) -> Option<PathBuf> {
    let absolute = std::fs::canonicalize(folder).ok()?;
    let parts: Vec<_> = absolute.components().collect();
    let at = parts.iter().rposition(|part| part.as_os_str() == "sentences")?;
    let mut tags: PathBuf = parts[..at].iter().collect();
    tags.push("tags");
    tags.extend(&parts[at + 1..]);
    tags.is_dir().then_some(tags)
}

fn multilingual(folder: &Path, tags: &Path, sink: &mut Sink) -> Result<(), CorpusError> {
    for file in files_of(folder, &["txt"])? {
        let tag_file = tags.join(file.file_name().unwrap_or_default());
        let (sentences, marks) = (read_text(&file)?, read_text(&tag_file)?);
        let (sentences, marks) = (lines(&sentences), lines(&marks));
        same_length(&file, sentences.len(), &tag_file, marks.len())?;
        for (number, (sentence, marks)) in (1..).zip(sentences.iter().zip(marks)) {
            let mut row = sentence_of(&file, sentence);
            let mut clauses = marks.split_whitespace().map(clause);
            let known = clauses.try_for_each(|found| {
                if let Some((name, 2..)) = found? {
                    row.add(name);
                }
                Ok::<(), String>(())
            });
            match known {
                Ok(()) => sink.take(row),
                Err(reason) => sink.bad(&tag_file, Place::Line(number), &reason)?,
            }
        }
    }
    Ok(())
}

fn first_corpus(folder: &Path, sink: &mut Sink) -> Result<(), CorpusError> {
    for file in files_of(&folder.join("sentences"), &["txt"])? {
        let text = read_text(&file)?;
        let sentences = lines(&text);
        let mut rows: Vec<Imported> = sentences.iter().map(|s| sentence_of(&file, s)).collect();
        let mut is_bad = vec![false; rows.len()];
        for (name, tag) in FOLDERS {
            let marks_file = folder.join(name).join(file.file_name().unwrap_or_default());
            if !folder.join(name).is_dir() {
                continue;
            }
            let marks = read_text(&marks_file)?;
            let marks = lines(&marks);
            same_length(&file, rows.len(), &marks_file, marks.len())?;
            let label = TAGS.iter().find(|(known, _)| *known == tag).map_or(tag, |(_, name)| *name);
            for (number, mark) in marks.iter().enumerate() {
                match mark.trim() {
                    "1" => rows[number].add(label),
                    "-1" | "0" => {}
                    other => {
                        let reason = format!("`{other}` where 1 or -1 is expected");
                        sink.bad(&marks_file, Place::Line(number + 1), &reason)?;
                        is_bad[number] = true;
                    }
                }
            }
        }
        for (row, is_bad) in rows.into_iter().zip(is_bad) {
            if !is_bad {
                sink.take(row);
            }
        }
    }
    Ok(())
}

fn sentence_of(file: &Path, sentence: &str) -> Imported {
    // The tokeniser of the first corpus wrote brackets so.
    let text = sentence.replace("-lrb-", "(").replace("-rrb-", ")").trim().to_owned();
    let document = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Imported { text, document, ..Imported::default() }
}

/// The lines of a text, blank ones included: a line of tags is blank where there is none.
fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

fn same_length(file: &Path, n: usize, other: &Path, m: usize) -> Result<(), CorpusError> {
    if n == m {
        return Ok(());
    }
    let reason =
        format!("{m} lines, but {} has {n}: they belong together line by line", file.display());
    Err(CorpusError::file(&other.display().to_string(), reason))
}
