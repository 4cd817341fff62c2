//! Labelled sentences without their text: the files of `data/standoff`.
//!
//! `sources.tsv` names documents (collection, commit, path); a file a split has one sentence a
//! line: the id and number of its words, the start of a digest of its exact text, labels, sampling
//! stratum, the document's number, and where they exist its heading, lead-in and previous
//! sentence, each as the id and number of their words. Nothing here can be turned back into text
//! without the document.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, Write};
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::CorpusError;
use super::search::Wanted;
use crate::digest::hex;
use crate::eval::examples::{Source, for_each_line};
use crate::eval::{EvalError, Example};
use crate::label::{Label, LabelSet};
use crate::segment::words::{ID_BYTES, Underscore, Words, first_bytes, from_hex};

/// Longest sentence in words: it bounds the search, and nobody writes longer ones.
pub const MAX_WORDS: usize = 2_000;
/// How many characters of a heading the sentence files keep.
const HEADING_CHARS: usize = 160;
/// How many characters of a lead-in or previous sentence they keep.
const CONTEXT_CHARS: usize = 300;
/// Bytes of the digest of the exact text.
const CHECK_BYTES: usize = 4;

const SOURCES_HEADER: &str = "collection\tcommit\tpath";
const ROWS_HEADER: &str = "id\twords\tcheck\tlabels\tsampled\tsource\theading\tlead_in\tprevious";

/// A piece of a document by the hash of its words.
///
/// Written `id:words`, or `id:words+chars` when the piece goes on, cut off after so many
/// characters in all, perhaps in the middle of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reference {
    id: [u8; ID_BYTES],
    words: usize,
    chars: Option<usize>,
}

impl Reference {
    /// Refers to `text`, which was cut off if it is as long as `limit` (in characters); `None` for
    /// a text without a word.
    fn to(text: &str, limit: usize) -> Option<Self> {
        let words = Words::of(text, Underscore::InWord);
        let is_cut = text.chars().count() >= limit;
        // Where a cut went through a word, its head is in no document.
        let cut_word =
            is_cut && words.place(0..words.len()).is_some_and(|place| place.end == text.len());
        let count = words.len() - usize::from(cut_word);
        let reference = Self { id: words.id(count), words: count, chars: is_cut.then_some(limit) };
        (count > 0).then_some(reference)
    }

    /// What to search for.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted { id: self.id, words: self.words }
    }

    /// How many characters the piece has in all, if it was cut off there.
    pub(super) fn chars(&self) -> Option<usize> {
        self.chars
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", hex(self.id), self.words)?;
        self.chars.map_or(Ok(()), |chars| write!(f, "+{chars}"))
    }
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("`{text}` is no reference of the form id:words or id:words+chars");
        let (id, rest) = text.split_once(':').ok_or_else(expected)?;
        let (words, chars) = rest.split_once('+').map_or((rest, None), |(w, c)| (w, Some(c)));
        Ok(Self {
            id: from_hex(id).ok_or_else(expected)?,
            words: words_in(words).ok_or_else(expected)?,
            chars: match chars {
                Some(chars) => Some(chars.parse().map_err(|_| expected())?),
                None => None,
            },
        })
    }
}

fn words_in(text: &str) -> Option<usize> {
    text.parse().ok().filter(|words| (1..=MAX_WORDS).contains(words))
}

/// A labelled sentence without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The sentence.
    pub text: Reference,
    /// The start of SHA-256 over the exact text.
    pub check: [u8; CHECK_BYTES],
    /// Its labels in category order.
    pub labels: Vec<Label>,
    /// How it came into the file.
    pub sampled: String,
    /// Index of its document.
    pub source: usize,
    /// The nearest heading.
    pub heading: Option<Reference>,
    /// The sentence that introduces its list.
    pub lead_in: Option<Reference>,
    /// The sentence before.
    pub previous: Option<Reference>,
}

impl Row {
    /// The sentence's id.
    pub fn id(&self) -> String {
        hex(self.text.id)
    }

    /// Whether `text` is the exact text.
    pub(super) fn is_exactly(&self, text: &str) -> bool {
        check(text) == self.check
    }

    /// Heading, lead-in and previous sentence, as far as there are any.
    pub(super) fn context(&self) -> [Option<&Reference>; 3] {
        [self.heading.as_ref(), self.lead_in.as_ref(), self.previous.as_ref()]
    }
}

fn check(text: &str) -> [u8; CHECK_BYTES] {
    first_bytes(&Sha256::digest(text.as_bytes()))
}

/// Collects the documents of several files of sentences, so that all share one list.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    list: Vec<Source>,
    numbers: HashMap<Source, usize>,
}

impl Sources {
    /// The documents in the order of their numbers.
    pub fn list(&self) -> &[Source] {
        &self.list
    }

    fn number(&mut self, source: &Source) -> usize {
        *self.numbers.entry(source.clone()).or_insert_with(|| {
            self.list.push(source.clone());
            self.list.len() - 1
        })
    }
}

/// Takes the text out of examples; `file` names them in errors.
///
/// # Errors
/// [`CorpusError::File`] when an example has no source, an id that is not that of its text, no
/// word in its text, or a field that would break the file's form.
pub fn strip(
    examples: &[Example],
    file: &str,
    sources: &mut Sources,
) -> Result<Vec<Row>, CorpusError> {
    let mut rows = Vec::with_capacity(examples.len());
    for example in examples {
        let fail =
            |reason: &str| CorpusError::file(file, format!("sentence {}: {reason}", example.id));
        let source = example.source.as_ref().ok_or_else(|| fail("no source to find it in"))?;
        let fields = [&source.collection, &source.commit, &source.path, &example.sampled];
        if fields.iter().any(|field| field.contains(['\t', '\n', '\r'])) {
            return Err(fail("a tab or line break in its source or stratum"));
        }
        let text =
            Reference::to(&example.text, usize::MAX).ok_or_else(|| fail("no word in its text"))?;
        if hex(text.id) != example.id {
            return Err(fail("its id is not the hash of its words"));
        }
        if text.words > MAX_WORDS {
            return Err(fail(&format!("more than {MAX_WORDS} words")));
        }
        rows.push(Row {
            text,
            check: check(&example.text),
            labels: example.labels.clone(),
            sampled: example.sampled.clone(),
            source: sources.number(source),
            heading: Reference::to(&example.heading, HEADING_CHARS),
            lead_in: Reference::to(&example.lead_in, CONTEXT_CHARS),
            previous: Reference::to(&example.previous, CONTEXT_CHARS),
        });
    }
    Ok(rows)
}

/// Writes the list of documents.
///
/// # Errors
/// Those of the writer.
pub fn write_sources(mut writer: impl Write, sources: &[Source]) -> std::io::Result<()> {
    writeln!(writer, "{SOURCES_HEADER}")?;
    for source in sources {
        writeln!(writer, "{}\t{}\t{}", source.collection, source.commit, source.path)?;
    }
    writer.flush()
}

/// Writes one split.
///
/// # Errors
/// Those of the writer.
pub fn write_rows(mut writer: impl Write, rows: &[Row], labels: &LabelSet) -> std::io::Result<()> {
    writeln!(writer, "{ROWS_HEADER}")?;
    for row in rows {
        let names: Vec<String> = row.labels.iter().map(|&label| labels.format(label)).collect();
        let [heading, lead_in, previous] =
            row.context().map(|reference| reference.map(ToString::to_string).unwrap_or_default());
        writeln!(
            writer,
            "{}\t{}\t{}\t{}\t{}\t{}\t{heading}\t{lead_in}\t{previous}",
            row.id(),
            row.text.words,
            hex(row.check),
            names.join(","),
            row.sampled,
            row.source,
        )?;
    }
    writer.flush()
}

/// Reads the list of documents; `file` names it in errors.
///
/// # Errors
/// [`CorpusError::Line`] with the number of a malformed line.
pub fn read_sources(reader: impl BufRead, file: &str) -> Result<Vec<Source>, CorpusError> {
    lines(reader, file, SOURCES_HEADER, |[collection, commit, path]| {
        if commit.len() != 40 || !commit.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("`{commit}` is no commit id of 40 hexadecimal digits"));
        }
        Ok(Source {
            collection: collection.to_owned(),
            commit: commit.to_owned(),
            path: path.to_owned(),
        })
    })
}

/// Reads one split; `file` names it in errors, `sources` is the number of documents.
///
/// # Errors
/// [`CorpusError::Line`] with the number of a malformed line.
pub fn read_rows(
    reader: impl BufRead,
    file: &str,
    sources: usize,
    labels: &LabelSet,
) -> Result<Vec<Row>, CorpusError> {
    lines(reader, file, ROWS_HEADER, |fields: [&str; 9]| {
        let [id, words, check, names, sampled, source, heading, lead_in, previous] = fields;
        let context = |reference: &str| {
            (!reference.is_empty()).then(|| reference.parse::<Reference>()).transpose()
        };
        Ok(Row {
            text: Reference {
                id: from_hex(id)
                    .ok_or_else(|| format!("`{id}` is no id of 12 hexadecimal digits"))?,
                words: words_in(words)
                    .ok_or_else(|| format!("`{words}` is no number of words up to {MAX_WORDS}"))?,
                chars: None,
            },
            check: from_hex(check)
                .ok_or_else(|| format!("`{check}` is no digest of 8 hexadecimal digits"))?,
            labels: parse_labels(names, labels)?,
            sampled: sampled.to_owned(),
            source: source.parse().ok().filter(|number| *number < sources).ok_or_else(|| {
                format!("`{source}` is no document of sources.tsv ({sources} there)")
            })?,
            heading: context(heading)?,
            lead_in: context(lead_in)?,
            previous: context(previous)?,
        })
    })
}

/// Reads labels separated by commas, at most one stance a category.
fn parse_labels(names: &str, set: &LabelSet) -> Result<Vec<Label>, String> {
    let names = names.split(',').filter(|name| !name.is_empty());
    let labels = names.map(|name| set.parse(name).map_err(|error| error.to_string()));
    let mut labels: Vec<Label> = labels.collect::<Result<_, _>>()?;
    labels.sort_unstable();
    match labels.windows(2).find(|pair| pair[0].category == pair[1].category) {
        Some(pair) => {
            Err(format!("`{}` and `{}` together", set.format(pair[0]), set.format(pair[1])))
        }
        None => Ok(labels),
    }
}

/// Reads tab-separated lines of `N` fields below a header.
fn lines<const N: usize, T>(
    reader: impl BufRead,
    file: &str,
    header: &str,
    mut read: impl FnMut([&str; N]) -> Result<T, String>,
) -> Result<Vec<T>, CorpusError> {
    let mut values = Vec::new();
    let mut is_first = true;
    for_each_line(reader, file, |_, line| {
        let line = line.trim_end_matches(['\n', '\r']);
        if std::mem::take(&mut is_first) {
            let named = line == header;
            return named.then_some(()).ok_or_else(|| {
                format!("the first line must name the columns: {}", header.replace('\t', " "))
            });
        }
        let fields: Vec<&str> = line.split('\t').collect();
        let count = fields.len();
        let fields = <[&str; N]>::try_from(fields)
            .map_err(|_| format!("{count} fields where {N} are expected"))?;
        values.push(read(fields)?);
        Ok(())
    })
    .map_err(|error| match error {
        EvalError::Line { file, line, reason } => CorpusError::Line { file, line, reason },
        other => other.into(),
    })?;
    if values.is_empty() {
        return Err(CorpusError::file(file, "nothing below a header in this file"));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::sentence_id;

    fn example(text: &str) -> Example {
        Example {
            id: sentence_id(text),
            text: text.to_owned(),
            labels: vec![LabelSet::builtin().parse("!data-sale").unwrap()],
            heading: "Your data".to_owned(),
            lead_in: format!("{}:", "word ".repeat(70)).chars().take(CONTEXT_CHARS).collect(),
            previous: "…".to_owned(),
            sampled: "kw:data-sale".to_owned(),
            source: Some(Source {
                collection: "own".to_owned(),
                commit: "a".repeat(40),
                path: "Acme/Privacy Policy.md".to_owned(),
            }),
            ..Example::default()
        }
    }

    #[test]
    fn what_is_written_reads_back_and_holds_no_text() {
        let set = LabelSet::builtin();
        let mut sources = Sources::default();
        let rows =
            strip(&[example("We never sell it."), example("We sell.")], "t", &mut sources).unwrap();
        assert_eq!(sources.list().len(), 1);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        write_sources(&mut first, sources.list()).unwrap();
        write_rows(&mut second, &rows, &set).unwrap();
        assert_eq!(read_sources(&first[..], "s").unwrap(), sources.list());
        assert_eq!(read_rows(&second[..], "r", 1, &set).unwrap(), rows);
        let text = String::from_utf8(second).unwrap();
        assert!(!text.contains("sell it") && !text.contains("Your"), "{text}");
        assert!(rows[0].is_exactly("We never sell it.") && !rows[0].is_exactly("we never sell it"));
        assert_eq!(rows[0].previous, None);
    }

    #[test]
    fn of_a_text_that_was_cut_only_whole_words_count() {
        let cut = Reference::to("we may dis", 10).unwrap();
        assert_eq!((cut.words, cut.chars), (2, Some(10)));
        assert_eq!(cut.wanted(), Reference::to("We may", 99).unwrap().wanted());
        let after_a_word = Reference::to("we may do:", 10).unwrap();
        assert_eq!((after_a_word.words, after_a_word.chars), (3, Some(10)));
        assert_eq!(Reference::to("we may dis", 11).unwrap().words, 3);
        assert_eq!(Reference::to("abcdefghij", 10), None);
        assert_eq!(cut.to_string().parse::<Reference>(), Ok(cut));
    }

    #[test]
    fn sentences_that_could_not_be_found_again_are_refused() {
        let refused = |example: Example| {
            strip(&[example], "t", &mut Sources::default()).unwrap_err().to_string()
        };
        let good = example("We sell.");
        assert!(refused(Example { source: None, ..good.clone() }).contains("no source"));
        assert!(refused(Example { id: "0".repeat(12), ..good.clone() }).contains("not the hash"));
        assert!(refused(Example { text: "…".to_owned(), ..good.clone() }).contains("no word"));
        assert!(refused(Example { sampled: "a\tb".to_owned(), ..good }).contains("a tab"));
        assert!(refused(example(&"a ".repeat(MAX_WORDS + 1))).contains("more than"));
    }

    #[test]
    fn malformed_lines_are_named() {
        let good =
            "aaaaaaaaaaaa\t3\t00000000\tdata-sale\trandom\t0\tbbbbbbbbbbbb:2\t\tcccccccccccc:9+300";
        let read = |text: &str| read_rows(text.as_bytes(), "r.tsv", 1, &LabelSet::builtin());
        assert_eq!(read(&format!("{ROWS_HEADER}\r\n{good}\r\n")).unwrap().len(), 1);
        for (from, to, reason) in [
            ("aaaaaaaaaaaa", "aaa", "no id"),
            ("\t3\t", "\t0\t", "no number of words"),
            ("\t3\t", "\t99999999999999999999\t", "no number of words"),
            ("00000000", "0000000g", "no digest"),
            ("data-sale", "data-sael", "did you mean `data-sale`?"),
            ("data-sale", "data-sale,!data-sale", "together"),
            ("\t0\t", "\t1\t", "no document"),
            (":2\t", ":-2\t", "no reference"),
            ("+300", "+", "no reference"),
            ("\trandom", "", "8 fields where 9"),
        ] {
            let error =
                read(&format!("{ROWS_HEADER}\n{}\n", good.replacen(from, to, 1))).unwrap_err();
            let error = error.to_string();
            assert!(error.starts_with("r.tsv:2: ") && error.contains(reason), "{to}: {error}");
        }
        assert!(read(good).unwrap_err().to_string().starts_with("r.tsv:1: the first line"));
        assert!(read(ROWS_HEADER).unwrap_err().to_string().contains("nothing below a header"));
        let error =
            read_sources(&b"collection\tcommit\tpath\na\tmain\tb\n"[..], "s.tsv").unwrap_err();
        assert!(error.to_string().starts_with("s.tsv:2: `main` is no commit id"));
    }
}
