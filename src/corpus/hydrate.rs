//! Real sentences with their text again, from the documents that they stand in.
//!
//! Each document is read from the user's clone at the recorded commit, its visible words are taken
//! in order, and every sentence and piece of context is searched for by the hash of its words. So
//! it depends neither on how sentences are split nor on punctuation or layout. Sentences that are
//! not in the visible words (their ids were made where markup had been read differently) are
//! looked for in the document as it is written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Range, RangeInclusive};

use rayon::prelude::*;
use serde::Serialize;

use super::archive::{Archive, Collection};
use super::search::{Wanted, find};
use super::standoff::{Reference, Row};
use crate::document::{Document, ParseOptions};
use crate::eval::examples::Source;
use crate::label::LabelSet;
use crate::segment::words::{Underscore, Words};

/// How many documents are held at once.
const DOCUMENTS_AT_ONCE: usize = 64;
/// How many characters that are no words may belong to a sentence at either end.
const EDGE_CHARS: usize = 12;
/// How many places of the same words are looked at for the exact text.
const MAX_PLACES: usize = 64;
/// How many places of a piece of context are looked at for one that is a block.
const MAX_CONTEXT_PLACES: usize = 1_024;
/// Most words between a sentence and the one before it (marks of list items, cut sentences).
const WORDS_BETWEEN: usize = 4;
/// As [`WORDS_BETWEEN`], where the sentence before was cut off.
const WORDS_CUT: usize = 400;

/// A labelled sentence with its text: a line of fineprint's training format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hydrated {
    /// The sentence's id.
    pub id: String,
    /// The sentence.
    pub text: String,
    /// Its labels, `!` before the denied ones.
    pub labels: Vec<String>,
    /// The nearest heading; empty for none.
    pub heading: String,
    /// The sentence that introduces its list; empty for none.
    pub lead_in: String,
    /// The sentence before; empty for none.
    pub previous: String,
    /// How the sentence was sampled.
    pub sampled: String,
    /// Where it stands.
    pub source: Source,
}

/// What was found in one document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Why the document could not be read, if it could not.
    pub failure: Option<String>,
    /// How many sentences were looked for.
    pub sentences: usize,
    /// How many were found.
    pub sentences_found: usize,
    /// How many have the same text to the last character.
    pub exact: usize,
    /// How many headings, lead-ins and previous sentences were looked for.
    pub context: usize,
    /// How many were found.
    pub context_found: usize,
}

impl Found {
    /// Whether something was not found.
    pub fn is_incomplete(&self) -> bool {
        self.sentences_found < self.sentences || self.context_found < self.context
    }

    /// Adds the counts of another document.
    pub fn add(&mut self, other: &Self) {
        self.sentences += other.sentences;
        self.sentences_found += other.sentences_found;
        self.exact += other.exact;
        self.context += other.context;
        self.context_found += other.context_found;
    }
}

/// Rebuilds sentences from an archive: for every row its text, if it was found, and for every
/// source what was found in it.
///
/// A row whose source is not among `sources` is not found.
pub fn hydrate(
    archive: &Archive,
    sources: &[Source],
    rows: &[Row],
    labels: &LabelSet,
) -> (Vec<Option<Hydrated>>, Vec<Found>) {
    let mut by_source: Vec<Vec<usize>> = vec![Vec::new(); sources.len()];
    for (number, row) in rows.iter().enumerate() {
        if let Some(own) = by_source.get_mut(row.source) {
            own.push(number);
        }
    }
    let mut collections: BTreeMap<&str, Result<Collection, String>> = BTreeMap::new();
    let mut sentences: Vec<Option<Hydrated>> = vec![None; rows.len()];
    let mut found = Vec::with_capacity(sources.len());
    let numbered: Vec<(&Source, Vec<usize>)> = sources.iter().zip(by_source).collect();
    for chunk in numbered.chunks(DOCUMENTS_AT_ONCE) {
        let files: Vec<Result<Vec<u8>, String>> = chunk
            .iter()
            .map(|(source, own)| {
                if own.is_empty() {
                    return Ok(Vec::new());
                }
                let name = source.collection.as_str();
                let clone = collections.entry(name).or_insert_with(|| archive.collection(name));
                clone.as_ref().map_err(Clone::clone)?.read(&source.commit, &source.path)
            })
            .collect();
        let rebuilt: Vec<(Vec<Option<Hydrated>>, Found)> = chunk
            .par_iter()
            .zip(files)
            .map(|((source, own), file)| {
                let own: Vec<&Row> = own.iter().filter_map(|&number| rows.get(number)).collect();
                in_document(file, source, &own, labels)
            })
            .collect();
        for ((_, own), (texts, of_document)) in chunk.iter().zip(rebuilt) {
            for (&number, text) in own.iter().zip(texts) {
                if let Some(slot) = sentences.get_mut(number) {
                    *slot = text;
                }
            }
            found.push(of_document);
        }
    }
    (sentences, found)
}

/// The sentences of one document.
fn in_document(
    file: Result<Vec<u8>, String>,
    source: &Source,
    rows: &[&Row],
    labels: &LabelSet,
) -> (Vec<Option<Hydrated>>, Found) {
    let mut found = Found {
        sentences: rows.len(),
        context: rows.iter().map(|row| row.context().iter().flatten().count()).sum(),
        ..Found::default()
    };
    if rows.is_empty() {
        return (Vec::new(), found);
    }
    let options = ParseOptions { name: Some(source.path.clone()), ..ParseOptions::default() };
    let document = file.and_then(|bytes| {
        Document::parse_with(&bytes, &options).map_err(|error| error.to_string())
    });
    let document = match document {
        Ok(document) => document,
        Err(reason) => {
            found.failure = Some(reason);
            return (vec![None; rows.len()], found);
        }
    };
    let (visible, blocks) = visible(&document);
    let written = single_spaced(document.text());
    let places = Places::search(
        [
            (&visible, Underscore::InWord),
            (&visible, Underscore::BetweenWords),
            (&written, Underscore::InWord),
            (&written, Underscore::BetweenWords),
        ],
        rows,
        blocks,
    );
    let sentences = rows.iter().map(|row| {
        let (text, at) = places.text(row)?;
        found.sentences_found += 1;
        found.exact += usize::from(row.is_exactly(&text));
        let [heading, lead_in, previous] = row.context().map(|reference| {
            let text = reference.and_then(|reference| places.context(reference, at));
            found.context_found += usize::from(text.is_some());
            text.unwrap_or_default()
        });
        Some(Hydrated {
            id: row.id(),
            text,
            labels: row.labels.iter().map(|&label| labels.format(label)).collect(),
            heading,
            lead_in,
            previous,
            sampled: row.sampled.clone(),
            source: source.clone(),
        })
    });
    let sentences = sentences.collect();
    (sentences, found)
}

/// The text that a reader sees, blocks joined by a space, and where each block begins.
fn visible(document: &Document) -> (String, HashSet<usize>) {
    let mut text = String::with_capacity(document.text().len());
    let mut begins = HashSet::new();
    for block in document.blocks() {
        if !text.is_empty() {
            text.push(' ');
        }
        begins.insert(text.len());
        text.push_str(&block.text);
    }
    (text, begins)
}

fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A place of words: in which reading of the document, and from which word on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    reading: usize,
    word: usize,
}

/// Where everything that is wanted stands in a document.
#[derive(Debug)]
struct Places<'a> {
    readings: Vec<Words<'a>>,
    /// Where blocks begin in the text of the first two readings.
    blocks: HashSet<usize>,
    found: HashMap<Wanted, (usize, Vec<usize>)>,
}

impl<'a> Places<'a> {
    /// Looks for the rows' sentences and context in each reading of a document in turn, for as
    /// long as something is missing.
    fn search(readings: [(&'a str, Underscore); 4], rows: &[&Row], blocks: HashSet<usize>) -> Self {
        let references = rows
            .iter()
            .flat_map(|row| std::iter::once(&row.text).chain(row.context().into_iter().flatten()));
        let mut missing: Vec<Wanted> = references.map(Reference::wanted).collect();
        let mut places = Self { readings: Vec::new(), blocks, found: HashMap::new() };
        for (number, (text, underscore)) in readings.into_iter().enumerate() {
            let words = Words::of(text, underscore);
            let found = find(&words, missing.iter().copied());
            places.readings.push(words);
            missing.retain(|wanted| !found.contains_key(wanted));
            places.found.extend(found.into_iter().map(|(wanted, at)| (wanted, (number, at))));
            if missing.is_empty() {
                break;
            }
        }
        places
    }

    /// A row's sentence: exactly as it was, if it stands so anywhere, else where it follows the
    /// sentence that it followed, else where it stands first.
    fn text(&self, row: &Row) -> Option<(String, Place)> {
        let (reading, starts) = self.found.get(&row.text.wanted())?;
        let words = self.readings.get(*reading)?;
        let place = |word: usize| Place { reading: *reading, word };
        let (mut after_previous, others): (Vec<usize>, Vec<usize>) =
            starts.iter().partition(|&&start| self.follows(row, place(start)));
        after_previous.extend(others);
        let count = row.text.wanted().words;
        for &start in after_previous.iter().take(MAX_PLACES) {
            if let Some(text) = exact(words, start, count, |text| row.is_exactly(text)) {
                return Some((text.to_owned(), place(start)));
            }
        }
        let start = *after_previous.first()?;
        let text = words.text.get(plain(words, start, count)?)?;
        Some((text.to_owned(), place(start)))
    }

    /// Whether the row's previous sentence ends right before `at`.
    fn follows(&self, row: &Row, at: Place) -> bool {
        let Some(previous) = &row.previous else { return false };
        let Some((reading, starts)) = self.found.get(&previous.wanted()) else { return false };
        let between = if previous.chars().is_some() { WORDS_CUT } else { WORDS_BETWEEN };
        let latest = starts.partition_point(|start| start + previous.wanted().words <= at.word);
        let end =
            latest.checked_sub(1).and_then(|i| starts.get(i)).map(|s| s + previous.wanted().words);
        *reading == at.reading && end.is_some_and(|end| at.word - end <= between)
    }

    /// A piece of context: where it stands last before the sentence, as a block of its own if it
    /// does so anywhere before it, else where it stands first.
    fn context(&self, reference: &Reference, sentence: Place) -> Option<String> {
        let (reading, starts) = self.found.get(&reference.wanted())?;
        let words = self.readings.get(*reading)?;
        let before = if *reading == sentence.reading {
            starts.partition_point(|&start| start < sentence.word)
        } else {
            0
        };
        let count = reference.wanted().words;
        let mut nearest_first = starts.iter().take(before).rev().take(MAX_CONTEXT_PLACES);
        let block = nearest_first.find(|&&start| self.is_block(*reading, words, start, count));
        let start = *block.or_else(|| starts.get(before.saturating_sub(1)))?;
        let place = plain(words, start, count)?;
        let Some(chars) = reference.chars() else {
            return words.text.get(place).map(str::to_owned);
        };
        Some(words.text.get(place.start..)?.chars().take(chars).collect())
    }

    /// Whether the words, with the marks around them, are all of a block.
    fn is_block(&self, reading: usize, words: &Words<'_>, start: usize, count: usize) -> bool {
        let previous = start.checked_sub(1).and_then(|last| words.place(last..start));
        let (Some(own), from) = (words.place(start..start + count), previous.map_or(0, |p| p.end))
        else {
            return false;
        };
        let next = words.place(start + count..start + count + 1);
        let to = next.map_or(words.text.len() + 1, |next| next.start);
        let begins =
            |mut range: RangeInclusive<usize>| range.any(|offset| self.blocks.contains(&offset));
        let ends = to > words.text.len() || begins(own.end + 1..=to);
        reading < 2 && begins(from..=own.start) && ends
    }
}

/// The words with that much of what stands around them that `is_exact`.
fn exact<'a>(
    words: &Words<'a>,
    start: usize,
    count: usize,
    is_exact: impl Fn(&str) -> bool,
) -> Option<&'a str> {
    let place = words.place(start..start + count)?;
    let (before, after) = (words.text.get(..place.start)?, words.text.get(place.end..)?);
    let no_word = |c: &char| !c.is_alphanumeric();
    let mut froms = vec![place.start];
    for c in before.chars().rev().take(EDGE_CHARS).take_while(no_word) {
        froms.push(froms.last()? - c.len_utf8());
    }
    let mut tos = vec![place.end];
    for c in after.chars().take(EDGE_CHARS).take_while(no_word) {
        tos.push(tos.last()? + c.len_utf8());
    }
    let edges = froms.iter().flat_map(|&from| tos.iter().map(move |&to| from..to));
    edges.filter_map(|edge| words.text.get(edge)).find(|text| is_exact(text))
}

/// Where the words stand with the opening marks before and the closing marks after them.
fn plain(words: &Words<'_>, start: usize, count: usize) -> Option<Range<usize>> {
    const OPENING: &str = "([{“‘\"'«#@$€£<¿¡";
    const CLOSING: &str = ".,;:!?)]}”’\"'»…%>";
    let place = words.place(start..start + count)?;
    let (before, after) = (words.text.get(..place.start)?, words.text.get(place.end..)?);
    let opening = before.chars().rev().take(EDGE_CHARS).take_while(|c| OPENING.contains(*c));
    let closing = after.chars().take(EDGE_CHARS).take_while(|c| CLOSING.contains(*c));
    let from = place.start - opening.map(char::len_utf8).sum::<usize>();
    let to = place.end + closing.map(char::len_utf8).sum::<usize>();
    Some(from..to)
}

#[cfg(test)]
mod tests {
    use super::super::standoff::{Sources, strip};
    use super::*;
    use crate::eval::Example;
    use crate::segment::sentence_id;

    const COMMIT: &str = "0123456789012345678901234567890123456789";

    fn source() -> Source {
        Source { collection: "own".into(), commit: COMMIT.into(), path: "Acme/Terms.md".into() }
    }

    fn example(text: &str, previous: &str, lead_in: &str) -> Example {
        Example {
            id: sentence_id(text),
            text: text.to_owned(),
            heading: "Your data".to_owned(),
            previous: previous.to_owned(),
            lead_in: lead_in.to_owned(),
            source: Some(source()),
            ..Example::default()
        }
    }

    fn rebuild(markdown: &str, examples: &[Example]) -> (Vec<Option<Hydrated>>, Found) {
        let rows = strip(examples, "t", &mut Sources::default()).unwrap();
        let rows: Vec<&Row> = rows.iter().collect();
        in_document(Ok(markdown.as_bytes().to_vec()), &source(), &rows, &LabelSet::builtin())
    }

    #[test]
    fn sentences_come_back_out_of_their_markup() {
        let long = format!("We {} cut off here.", "really ".repeat(60));
        let markdown = format!(
            "# Your data\n\nWe **ke**ep \"your [logs](https://acme.example/logs)\" (all). \
             {long} See help\\_me at [acme](https://acme.example).\n\n\
             What we share:\n\n* your e-mail *address*;\n* nothing\n  else.\n"
        );
        let examples = [
            example("We keep \"your logs\" (all).", "", ""),
            example("your e-mail address;", "What we share:", "What we share:"),
            example("nothing else", "your e-mail address;", "WHAT we share"),
            example("See help\\me at acme.", &long.chars().take(300).collect::<String>(), ""),
            example("It is gone.", "gone", ""),
        ];
        let (rebuilt, found) = rebuild(&markdown, &examples);
        for (number, example) in examples.iter().enumerate().take(2) {
            let rebuilt = rebuilt[number].as_ref().unwrap();
            assert_eq!(rebuilt.text, example.text);
            assert_eq!(rebuilt.previous, example.previous);
            assert_eq!(rebuilt.lead_in, example.lead_in);
            assert_eq!(rebuilt.heading, "Your data");
        }
        let third = rebuilt[2].as_ref().unwrap();
        assert_eq!(
            (third.text.as_str(), third.lead_in.as_str()),
            ("nothing else", "What we share:")
        );
        let fourth = rebuilt[3].as_ref().unwrap();
        assert_eq!(fourth.text, "See help_me at acme.");
        assert_eq!(fourth.previous, examples[3].previous);
        assert_eq!(rebuilt[4], None);
        assert_eq!(
            found,
            Found {
                failure: None,
                sentences: 5,
                sentences_found: 4,
                exact: 3,
                context: 11,
                context_found: 9,
            }
        );
    }

    #[test]
    fn of_two_places_that_count_which_fits() {
        let markdown =
            "# Your data\n\nWe sell it. We share it.\n\n# Your data!\n\nIt is so. WE SHARE IT.\n";
        let shouted = example("WE SHARE IT.", "", "");
        let (rebuilt, _) = rebuild(markdown, &[shouted]);
        let rebuilt = rebuilt[0].as_ref().unwrap();
        assert_eq!(
            (rebuilt.text.as_str(), rebuilt.heading.as_str()),
            ("WE SHARE IT.", "Your data!")
        );
        // The digest of the exact text fits neither place, so the sentence before decides.
        let (rebuilt, found) = rebuild(markdown, &[example("We share it!!", "It is so.", "")]);
        assert_eq!(rebuilt[0].as_ref().unwrap().text, "WE SHARE IT.");
        assert_eq!((found.sentences_found, found.exact), (1, 0));
    }

    #[test]
    fn a_heading_is_rather_a_block_than_words_in_a_sentence() {
        let markdown = "# YOUR DATA\n\nWe mind your data.\n\nWe sell it.\n";
        let (rebuilt, _) = rebuild(markdown, &[example("We sell it.", "We mind your data.", "")]);
        let rebuilt = rebuilt[0].as_ref().unwrap();
        assert_eq!(rebuilt.heading, "YOUR DATA");
        assert_eq!(rebuilt.previous, "We mind your data.");
    }

    #[test]
    fn a_document_that_cannot_be_read_says_why() {
        let rows = strip(&[example("We sell.", "", "")], "t", &mut Sources::default()).unwrap();
        let rows: Vec<&Row> = rows.iter().collect();
        let set = LabelSet::builtin();
        let (texts, found) = in_document(Err("it is gone".into()), &source(), &rows, &set);
        assert_eq!((texts, found.failure.as_deref()), (vec![None], Some("it is gone")));
        let (_, found) =
            in_document(Ok(b"\x7fELF\x02\x01\x01\0\0\0\x03\0>\0".to_vec()), &source(), &rows, &set);
        assert!(found.failure.unwrap().contains("not text"));
        assert_eq!((found.sentences, found.sentences_found, found.context), (1, 0, 1));
    }
}
