//! The pipeline: read and parse in waves, score in chunks, hand on in order.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::process;
use super::read::{Failure, Source};
use super::table::{Columns, TableOptions};
use crate::classify::{ClassifyError, Scores, input_of};
use crate::document::{Document, Format, ParseOptions};
use crate::encode::Input;
use crate::segment::{Sentence, sentences};

/// Most documents that are read at once.
const WAVE_DOCUMENTS: usize = 32;
/// A wave ends when its files have this many bytes together.
const WAVE_BYTES: u64 = 4 << 20;
/// Most documents that wait for others to fill a chunk with.
const WAITING_DOCUMENTS: usize = 256;

/// What is said of a document on which we panicked.
const FAULT: &str = "an internal error of fineprint; please report it with the file";

/// What scores sentences: as many scores as inputs, in their order.
pub type Scorer<'a> = dyn Fn(&[Input<'_>]) -> Result<Vec<Scores>, ClassifyError> + 'a;

/// How documents are read and classified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How to parse; the name is set for each document.
    pub parse: ParseOptions,
    /// How to read tables of documents.
    pub tables: TableOptions,
    /// The program that reads PDFs when started with [`READ_PDF`](super::READ_PDF), each in a
    /// process of its own; `None` reads them here.
    pub pdf_reader: Option<PathBuf>,
    /// ISO 639 code of the language to classify; empty for all.
    pub language: String,
    /// Threads that read and parse; 0 means one a core.
    pub threads: usize,
    /// Sentences to score at once, over documents; enough to fill batches of like length, and few
    /// enough that progress shows.
    pub chunk_sentences: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            parse: ParseOptions::default(),
            tables: TableOptions::default(),
            pdf_reader: None,
            language: String::new(),
            threads: 0,
            chunk_sentences: 1024,
        }
    }
}

/// What became of one input.
#[derive(Debug)]
pub struct Processed {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes in hexadecimal; `None` where they could not be read.
    pub sha256: Option<String>,
    /// The other columns of a table's row.
    pub columns: Option<Columns>,
    /// The document with its scores, or why there is none.
    pub result: Result<ReadDocument, String>,
}

/// A document that was read, and unless its language is another, scored.
#[derive(Debug)]
pub struct ReadDocument {
    /// The document.
    pub document: Document,
    /// Its sentences.
    pub sentences: Vec<Sentence>,
    /// The scores of every sentence; `None` for a document in another language.
    pub scores: Option<Vec<Scores>>,
}

/// Reads, scores and hands on every input, in order.
///
/// `score` gets the sentences of one or more documents; where it fails, each document is tried by
/// itself, and those that fail again are failures of their own. `sink` gets the documents in the
/// order of `inputs`; its error ends the run. `tick` gets the number of sentences scored so far,
/// after every chunk.
///
/// # Errors
/// The sink's, and a message (through `From`) when threads cannot be started.
pub fn run<E: From<std::io::Error>>(
    inputs: impl Iterator<Item = Result<Source, Failure>>,
    options: &Options,
    score: &Scorer<'_>,
    sink: &mut dyn FnMut(Processed) -> Result<(), E>,
    tick: &dyn Fn(usize),
) -> Result<(), E> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .thread_name(|i| format!("fineprint-read-{i}"))
        .build()
        .map_err(|e| E::from(std::io::Error::other(format!("cannot start threads: {e}"))))?;
    let mut inputs = inputs.fuse();
    let mut waiting: VecDeque<Processed> = VecDeque::new();
    let mut sentences_done = 0;
    loop {
        let wave = next_wave(&mut inputs);
        let is_last = wave.is_empty();
        waiting.extend(read_wave(&pool, wave, options));
        loop {
            let pending: usize = waiting.iter().map(to_score).sum();
            let is_due =
                is_last || pending >= options.chunk_sentences || waiting.len() > WAITING_DOCUMENTS;
            if waiting.is_empty() || !is_due {
                break;
            }
            let mut chunk = take_chunk(&mut waiting, options.chunk_sentences);
            let mut count = |n| {
                sentences_done += n;
                tick(sentences_done);
            };
            score_chunk(&mut chunk, options.chunk_sentences, score, &mut count);
            for processed in chunk {
                sink(processed)?;
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

/// The next inputs to read at once; none at the end.
fn next_wave(
    inputs: &mut impl Iterator<Item = Result<Source, Failure>>,
) -> Vec<Result<Source, Failure>> {
    let mut wave = Vec::new();
    let mut bytes = 0;
    while wave.len() < WAVE_DOCUMENTS && bytes < WAVE_BYTES {
        let Some(next) = inputs.next() else { break };
        bytes += next.as_ref().map_or(0, Source::weight);
        wave.push(next);
    }
    wave
}

fn read_wave(
    pool: &ThreadPool,
    wave: Vec<Result<Source, Failure>>,
    options: &Options,
) -> Vec<Processed> {
    let one = |input: Result<Source, Failure>| match input {
        Err(Failure { name, reason }) => {
            Processed { name, bytes: 0, sha256: None, columns: None, result: Err(reason) }
        }
        Ok(source) => {
            let read = source.read().map_err(|failure| failure.reason);
            let sha256 = read.as_deref().ok().map(|bytes| source.digest(bytes));
            let result = read.and_then(|bytes| parse(&source.format_name(), &bytes, options));
            let columns = source.columns().cloned();
            Processed { name: source.name(), bytes: source.size(), sha256, columns, result }
        }
    };
    pool.install(|| wave.into_par_iter().map(one).collect())
}

/// Reads and parses one document, a PDF in another process if there is a program for it.
///
/// # Errors
/// Why it cannot be read, without its name.
pub fn read_document(source: &Source, options: &Options) -> Result<Document, String> {
    let bytes = source.read().map_err(|failure| failure.reason)?;
    parse_document(&source.format_name(), &bytes, options)
}

/// Parses one document, as [`read_document`] does; its name's extension may tell its format.
///
/// # Errors
/// Why it cannot be read, without its name.
pub fn parse_document(name: &str, bytes: &[u8], options: &Options) -> Result<Document, String> {
    let parse = ParseOptions { name: Some(name.to_owned()), ..options.parse.clone() };
    let is_pdf = Format::of_binary(bytes) == Some(Format::Pdf)
        && parse.format.is_none_or(|format| format == Format::Pdf);
    // A fault of ours in one document must not take the others with it.
    let parsed = catch_unwind(AssertUnwindSafe(|| match &options.pdf_reader {
        Some(program) if is_pdf => {
            let extracted = process::extract(program, bytes)?;
            Ok(Document::from_extracted(extracted, Format::Pdf, &parse))
        }
        _ => Document::parse_with(bytes, &parse).map_err(|error| error.to_string()),
    }));
    parsed.unwrap_or_else(|_| Err(FAULT.to_owned()))
}

/// Parses and cuts a document; `scores` is `Some` and empty when it is to be scored.
fn parse(name: &str, bytes: &[u8], options: &Options) -> Result<ReadDocument, String> {
    let document = parse_document(name, bytes, options)?;
    let sentences =
        catch_unwind(AssertUnwindSafe(|| sentences(&document))).map_err(|_| FAULT.to_owned())?;
    let is_readable = options.language.is_empty()
        || document.language().is_none_or(|language| language.code() == options.language);
    Ok(ReadDocument { document, sentences, scores: is_readable.then(Vec::new) })
}

/// How many sentences of a document wait to be scored.
fn to_score(processed: &Processed) -> usize {
    processed.result.as_ref().map_or(0, |r| if r.scores.is_some() { r.sentences.len() } else { 0 })
}

/// The first documents with at least `sentences` sentences together, or all of them.
fn take_chunk(waiting: &mut VecDeque<Processed>, sentences: usize) -> Vec<Processed> {
    let mut chunk = Vec::new();
    let mut count = 0;
    while count < sentences
        && let Some(next) = waiting.pop_front()
    {
        count += to_score(&next);
        chunk.push(next);
    }
    chunk
}

/// Scores all sentences of a chunk, at most `at_once` at a time.
fn score_chunk(
    chunk: &mut [Processed],
    at_once: usize,
    score: &Scorer<'_>,
    count: &mut dyn FnMut(usize),
) {
    let inputs: Vec<Input<'_>> = chunk
        .iter()
        .filter_map(|processed| processed.result.as_ref().ok())
        .filter(|read| read.scores.is_some())
        .flat_map(|read| read.sentences.iter().map(input_of))
        .collect();
    let all = score_all(&inputs, at_once, score, count);
    drop(inputs);
    match all {
        Ok(all) => {
            let mut all = all.into_iter();
            for read in chunk.iter_mut().filter_map(|processed| processed.result.as_mut().ok()) {
                if let Some(scores) = &mut read.scores {
                    scores.extend(all.by_ref().take(read.sentences.len()));
                }
            }
        }
        Err(error) if chunk.len() == 1 => chunk[0].result = Err(error),
        Err(_) => {
            for one in chunk.chunks_mut(1) {
                score_chunk(one, at_once, score, &mut |_| ());
            }
        }
    }
}

fn score_all(
    inputs: &[Input<'_>],
    at_once: usize,
    score: &Scorer<'_>,
    count: &mut dyn FnMut(usize),
) -> Result<Vec<Scores>, String> {
    let mut all = Vec::with_capacity(inputs.len());
    for part in inputs.chunks(at_once.max(1)) {
        let scores = score(part).map_err(|e| e.to_string())?;
        if scores.len() != part.len() {
            return Err("the model gave another number of scores than sentences".to_owned());
        }
        all.extend(scores);
        count(part.len());
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::Path;

    use super::*;

    fn files(folder: &Path, texts: &[&str]) -> Vec<Result<Source, Failure>> {
        let name = |i: usize| folder.join(format!("{i}.txt"));
        for (i, text) in texts.iter().enumerate() {
            std::fs::write(name(i), text).unwrap();
        }
        (0..texts.len()).map(|i| Ok(Source::File(name(i)))).collect()
    }

    /// Scores that tell a sentence by its length.
    fn lengths(inputs: &[Input<'_>]) -> Vec<Scores> {
        let score = |input: &Input<'_>| Scores {
            category: vec![input.text.len() as f32],
            denied: Vec::new(),
            windows: 1,
        };
        inputs.iter().map(score).collect()
    }

    fn by_lines(chunk_sentences: usize) -> Options {
        let parse = ParseOptions { lines: true, ..ParseOptions::default() };
        Options { parse, chunk_sentences, threads: 2, ..Options::default() }
    }

    #[test]
    fn documents_come_in_order_with_the_scores_of_their_own_sentences() {
        let folder = tempfile::tempdir().unwrap();
        let texts = ["a\nbb\n", "", "ccc\n", "dddd\ne\nff\nggg\nhh\n", "i\n"];
        for chunk in [1, 2, 3, 100] {
            let sizes = RefCell::new(Vec::new());
            let mut seen = Vec::new();
            let mut inputs = files(folder.path(), &texts);
            inputs.insert(2, Ok(Source::File("gone".into())));
            let score = |inputs: &[Input<'_>]| {
                sizes.borrow_mut().push(inputs.len());
                Ok(lengths(inputs))
            };
            let mut sink = |processed: Processed| {
                if let Ok(read) = &processed.result {
                    let scores = read.scores.as_ref().unwrap();
                    assert_eq!(scores.len(), read.sentences.len());
                    for (sentence, score) in read.sentences.iter().zip(scores) {
                        assert_eq!(score.category, [sentence.text.len() as f32]);
                    }
                }
                seen.push(processed.result.map(|read| read.sentences.len()).map_err(|_| ()));
                Ok::<(), std::io::Error>(())
            };
            run(inputs.into_iter(), &by_lines(chunk), &score, &mut sink, &|_| ()).unwrap();
            assert_eq!(seen, [Ok(2), Ok(0), Err(()), Ok(1), Ok(5), Ok(1)]);
            let sizes = sizes.into_inner();
            assert!(sizes.iter().all(|n| *n <= chunk.max(1)), "{chunk}: {sizes:?}");
            assert_eq!(sizes.iter().sum::<usize>(), 9);
        }
    }

    #[test]
    fn a_document_that_cannot_be_scored_fails_alone() {
        let folder = tempfile::tempdir().unwrap();
        let inputs = files(folder.path(), &["good\n", "poison\n", "fine\n"]);
        let score = |inputs: &[Input<'_>]| {
            if inputs.iter().any(|i| i.text == "poison") {
                return Err(ClassifyError::NotFinite);
            }
            Ok(lengths(inputs))
        };
        let mut seen = Vec::new();
        let mut sink = |processed: Processed| {
            seen.push(processed.result.is_ok());
            Ok::<(), std::io::Error>(())
        };
        run(inputs.into_iter(), &by_lines(100), &score, &mut sink, &|_| ()).unwrap();
        assert_eq!(seen, [true, false, true]);
    }

    #[test]
    fn failures_without_end_are_not_hoarded() {
        let taken = RefCell::new(0usize);
        let done = RefCell::new(0usize);
        let most = RefCell::new(0usize);
        let inputs = (0..5_000).map(|i| {
            *taken.borrow_mut() += 1;
            let waiting = *taken.borrow() - *done.borrow();
            let mut most = most.borrow_mut();
            *most = waiting.max(*most);
            Err(Failure { name: i.to_string(), reason: "gone".into() })
        });
        let mut sink = |_| {
            *done.borrow_mut() += 1;
            Ok::<(), std::io::Error>(())
        };
        run(inputs, &by_lines(100), &|i| Ok(lengths(i)), &mut sink, &|_| ()).unwrap();
        assert_eq!(*done.borrow(), 5_000);
        assert!(*most.borrow() <= WAITING_DOCUMENTS + 2 * WAVE_DOCUMENTS, "{most:?}");
    }

    #[test]
    fn an_error_of_the_sink_ends_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let inputs = files(folder.path(), &["a\n", "b\n"]);
        let mut sink = |_| Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        let error = run(inputs.into_iter(), &by_lines(1), &|i| Ok(lengths(i)), &mut sink, &|_| ());
        assert_eq!(error.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    }
}
