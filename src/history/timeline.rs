//! The versions of one document, compared one after the other.
//!
//! A version's sentences are aligned with those of the version before. What is the same keeps its
//! findings, so that only sentences that changed are classified, and a sentence whose
//! surroundings alone changed does not flicker.

use std::collections::VecDeque;

use super::record::{
    CategoryHistory, DocumentHistory, EventRecord, FirstRecord, Moment, PassedOver, Period,
};
use super::tracks::{Track, Version};
use crate::calendar::Day;
use crate::classify::{ClassifyError, Finding, input_of};
use crate::compare::record::{CategoryRecord, categories, paragraph, sentence_counts};
use crate::compare::{
    Alignment, ChangeKind, Expected, Lexicon, Standing, Statement, Tally, align_statements,
    compare, statements,
};
use crate::document::{Document, ParseOptions};
use crate::encode::Input;
use crate::git::Repository;
use crate::label::LabelSet;

/// A version that keeps a smaller share of the sentences may be a page that failed to load.
const KEPT: f64 = 0.5;
/// The share that a later version must have of the sentences before, for that to be so.
const RETURNED: f64 = 0.8;
/// How many versions may fail in a row.
const FAILURES: usize = 8;
/// A document of fewer sentences is too short to tell.
const FEWEST: usize = 8;

/// What classifies: the findings of each input, in order.
pub type Scorer<'a> = dyn Fn(&[Input<'_>]) -> Result<Vec<Vec<Finding>>, ClassifyError> + 'a;

/// Which versions and changes are looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// The first day; the last version before it is what the first one is compared with.
    pub since: Option<Day>,
    /// The last day.
    pub until: Option<Day>,
    /// Names of the categories; empty for all.
    pub categories: Vec<String>,
    /// The least probability, of the old or the new finding.
    pub min_probability: f32,
    /// Output versions too that only reword what is said.
    pub all: bool,
    /// ISO 639 code of the language to compare; empty for all.
    pub language: String,
}

/// A version that was read.
struct Edition<'a> {
    version: &'a Version,
    statements: Vec<Statement>,
}

impl Edition<'_> {
    fn moment(&self) -> Moment {
        moment(self.version)
    }

    fn first(&self) -> FirstRecord {
        FirstRecord { moment: self.moment(), sentence_count: self.statements.len() }
    }
}

fn moment(version: &Version) -> Moment {
    Moment { date: Day::of_seconds(version.seconds), commit: version.commit.to_string() }
}

/// Reads versions in order, a few ahead where asked to.
struct Reader<'a> {
    repository: &'a Repository,
    language: &'a str,
    versions: std::slice::Iter<'a, Version>,
    ahead: VecDeque<Edition<'a>>,
    passed_over: Vec<PassedOver>,
    tick: &'a dyn Fn(),
}

impl<'a> Reader<'a> {
    fn next(&mut self, lexicon: &mut Lexicon) -> Option<Edition<'a>> {
        self.ahead.pop_front().or_else(|| self.read(lexicon))
    }

    /// The edition that comes so many after the next one.
    fn peek(&mut self, at: usize, lexicon: &mut Lexicon) -> Option<&Edition<'a>> {
        while self.ahead.len() <= at {
            let read = self.read(lexicon)?;
            self.ahead.push_back(read);
        }
        self.ahead.get(at)
    }

    fn read(&mut self, lexicon: &mut Lexicon) -> Option<Edition<'a>> {
        loop {
            let version = self.versions.next()?;
            (self.tick)();
            match self.parse(version) {
                Ok(document) => {
                    let statements = statements(&document, lexicon);
                    return Some(Edition { version, statements });
                }
                Err(reason) => self.pass_over(version, reason),
            }
        }
    }

    fn parse(&self, version: &Version) -> Result<Document, String> {
        let blob = version.blob.ok_or("the document was deleted")?;
        let bytes = self.repository.blob(blob).map_err(|error| error.to_string())?;
        let options = ParseOptions { name: Some(version.path.clone()), ..ParseOptions::default() };
        let document = Document::parse_with(&bytes, &options).map_err(|e| e.to_string())?;
        match document.language() {
            Some(language) if !self.language.is_empty() && language.code() != self.language => {
                Err(format!("written in {}, which the model does not read", language.name()))
            }
            _ => Ok(document),
        }
    }

    fn pass_over(&mut self, version: &Version, reason: impl Into<String>) {
        self.passed_over.push(PassedOver { moment: moment(version), reason: reason.into() });
    }
}

/// Compares the versions of a document, oldest to newest.
///
/// `tick` is called once a version.
///
/// # Errors
/// The scorer's. A version that cannot be read is passed over.
pub fn timeline(
    repository: &Repository,
    track: &Track,
    labels: &LabelSet,
    options: &Options,
    score: &Scorer<'_>,
    tick: &dyn Fn(),
) -> Result<DocumentHistory, ClassifyError> {
    let window = Window::of(track, options);
    let versions = window.read;
    let mut lexicon = Lexicon::default();
    let mut reader = Reader {
        repository,
        language: &options.language,
        versions: versions.iter(),
        ahead: VecDeque::new(),
        passed_over: Vec::new(),
        tick,
    };
    let mut history = DocumentHistory {
        document: track.path().to_owned(),
        earlier_paths: track.earlier_paths().into_iter().map(str::to_owned).collect(),
        versions: window.count,
        changed_versions: 0,
        first: None,
        last: None,
        deleted: window.deleted,
        events: Vec::new(),
        passed_over: Vec::new(),
        categories: Vec::new(),
    };
    let mut periods = Periods::new(labels.len());
    if let Some(mut before) = reader.next(&mut lexicon).filter(|edition| !options.is_after(edition))
    {
        let all: Vec<usize> = (0..before.statements.len()).collect();
        classify(&mut before.statements, &all, score)?;
        periods.add(&before);
        history.first = Some(before.first());
        while let Some(mut after) = reader.next(&mut lexicon) {
            if options.is_after(&after) {
                break;
            }
            if pass_over_failures(&before, &after, &mut reader, &mut lexicon) {
                continue;
            }
            let alignment = align_statements(&before.statements, &after.statements);
            let changed = inherit(&alignment, &before.statements, &mut after.statements);
            if !changed.is_empty() || !alignment.removed.is_empty() {
                history.changed_versions += 1;
                classify(&mut after.statements, &changed, score)?;
                history.events.extend(event(alignment, &before, &after, labels, options));
            }
            if options.is_before(after.version) {
                // Read only to know what the first version of the time is compared with.
                (history.changed_versions, history.first) = (0, Some(after.first()));
                history.events.clear();
                periods = Periods::new(labels.len());
            }
            periods.add(&after);
            before = after;
        }
        history.last = Some(before.moment());
    }
    history.passed_over = reader.passed_over;
    history.passed_over.retain(|one| {
        let day = one.moment.date;
        options.since.is_none_or(|since| day >= since) && options.until.is_none_or(|end| day <= end)
    });
    history.passed_over.sort_by_key(|one| one.moment.date);
    history.categories = periods.records(labels, &options.categories);
    Ok(history)
}

impl Options {
    fn is_before(&self, version: &Version) -> bool {
        self.since.is_some_and(|since| Day::of_seconds(version.seconds) < since)
    }

    fn is_after(&self, edition: &Edition<'_>) -> bool {
        self.until.is_some_and(|until| Day::of_seconds(edition.version.seconds) > until)
    }
}

/// The versions of the time asked for.
struct Window<'a> {
    /// They, with some before and after, by which pages that failed to load are known.
    read: &'a [Version],
    /// How many are in the time, with the one that the first is compared with.
    count: usize,
    /// The commit in the time that deleted the document.
    deleted: Option<Moment>,
}

impl<'a> Window<'a> {
    fn of(track: &'a Track, options: &Options) -> Self {
        let day = |version: &Version| Day::of_seconds(version.seconds);
        let all = &track.versions[..];
        let is_over = |v: &Version| options.until.is_some_and(|until| day(v) > until);
        let deletion = all.last().filter(|version| version.blob.is_none());
        let all = if deletion.is_some() { &all[..all.len() - 1] } else { all };
        // Commits of one line need not be in the order of their dates.
        let end = all.iter().position(is_over).unwrap_or(all.len());
        let first = all.iter().position(|v| !options.is_before(v)).unwrap_or(all.len());
        let start = first.saturating_sub(1);
        let read = start.saturating_sub(FAILURES)..(end + FAILURES).min(all.len());
        Self {
            read: all.get(read).unwrap_or_default(),
            count: end.saturating_sub(start),
            deleted: deletion.filter(|version| !is_over(version)).map(moment),
        }
    }
}

/// The share of `before` that is in `after`, 0 to 1.
fn kept(before: &Edition<'_>, after: &Edition<'_>) -> f64 {
    let keys: std::collections::HashSet<_> =
        after.statements.iter().map(|statement| statement.form.key()).collect();
    let kept = before.statements.iter().filter(|s| keys.contains(&s.form.key())).count();
    kept as f64 / before.statements.len().max(1) as f64
}

/// Whether `after` is a page that failed to load: most sentences are gone and soon back. It and
/// those like it are passed over.
fn pass_over_failures<'a>(
    before: &Edition<'a>,
    after: &Edition<'a>,
    reader: &mut Reader<'a>,
    lexicon: &mut Lexicon,
) -> bool {
    if before.statements.len() < FEWEST || kept(before, after) >= KEPT {
        return false;
    }
    for at in 0..FAILURES {
        let Some(later) = reader.peek(at, lexicon) else { return false };
        if kept(before, later) < RETURNED {
            continue;
        }
        let back = Day::of_seconds(later.version.seconds);
        let reason = |edition: &Edition<'_>| {
            format!(
                "{} of {} sentences are missing, and back on {back}: taken as a page that failed to \
                 load",
                ((1.0 - kept(before, edition)) * before.statements.len() as f64).round(),
                before.statements.len()
            )
        };
        let own = reason(after);
        reader.pass_over(after.version, own);
        let failed: Vec<Edition<'_>> = reader.ahead.drain(..at).collect();
        for edition in failed {
            let own = reason(&edition);
            reader.pass_over(edition.version, own);
        }
        return true;
    }
    false
}

/// Gives sentences that are the same the findings that they had; the numbers of the others.
fn inherit(alignment: &Alignment, before: &[Statement], after: &mut [Statement]) -> Vec<usize> {
    let mut changed = alignment.added.clone();
    for link in &alignment.links {
        if !link.is_same {
            changed.extend(link.new.clone());
        } else if let Some(first) = after.get_mut(link.new.start) {
            // Of a sentence that is cut elsewhere the first part speaks for all.
            let old = before.get(link.old.clone()).unwrap_or_default();
            first.findings = old.iter().flat_map(|old| old.findings.iter().copied()).collect();
        }
    }
    changed.sort_unstable();
    changed
}

fn classify(
    statements: &mut [Statement],
    which: &[usize],
    score: &Scorer<'_>,
) -> Result<(), ClassifyError> {
    let inputs: Vec<Input<'_>> =
        which.iter().map(|at| input_of(&statements[*at].sentence)).collect();
    let findings = score(&inputs)?;
    for (at, findings) in which.iter().zip(findings) {
        statements[*at].findings = findings;
    }
    Ok(())
}

/// What changed between two versions, if that is worth telling.
fn event(
    alignment: Alignment,
    before: &Edition<'_>,
    after: &Edition<'_>,
    labels: &LabelSet,
    options: &Options,
) -> Option<EventRecord> {
    let comparison = compare(alignment, &before.statements, &after.statements);
    let sides = (&before.statements[..], &after.statements[..]);
    let least = options.min_probability;
    let mut records = categories(&comparison, sides, labels, least, &Expected::default());
    if !options.categories.is_empty() {
        records.retain(|record| options.categories.contains(&record.category));
    }
    let mut rewordings = 0;
    if !options.all {
        // Where the document as a whole turned, its rewordings are part of the story.
        for record in records.iter_mut().filter(|record| record.before == record.after) {
            let all = record.changes.len();
            record.changes.retain(|change| change.kind != ChangeKind::Reworded);
            rewordings += all - record.changes.len();
        }
        records.retain(|record: &CategoryRecord| !record.changes.is_empty());
    }
    (!records.is_empty()).then(|| EventRecord {
        moment: after.moment(),
        previous: before.moment(),
        path: after.version.path.clone(),
        sentences: sentence_counts(&comparison),
        verdict: paragraph(&records),
        rewordings,
        categories: records,
    })
}

/// Periods of each category.
struct Periods {
    periods: Vec<Vec<Period>>,
}

impl Periods {
    fn new(categories: usize) -> Self {
        Self { periods: vec![Vec::new(); categories] }
    }

    fn add(&mut self, edition: &Edition<'_>) {
        let from = Day::of_seconds(edition.version.seconds);
        let tallies = Tally::count(&edition.statements, self.periods.len());
        for (periods, count) in self.periods.iter_mut().zip(tallies) {
            if periods.last().is_none_or(|last| last.count != count) {
                periods.push(Period { from, standing: count.standing(), count });
            }
        }
    }

    fn records(self, labels: &LabelSet, wanted: &[String]) -> Vec<CategoryHistory> {
        let all = labels.categories().iter().zip(self.periods);
        all.filter(|(category, periods)| {
            periods.iter().any(|period| period.standing != Standing::Silent)
                && (wanted.is_empty() || wanted.contains(&category.id))
        })
        .map(|(category, periods)| CategoryHistory {
            category: category.id.clone(),
            title: category.title.clone(),
            periods,
        })
        .collect()
    }
}
