//! OPP-115 as its authors released it (Wilson et al. 2016): `OPP-115/`, version 1.0.
//!
//! `annotations/` has a CSV file a policy, without a header: annotation id, batch, annotator, policy
//! id, segment number from 0, category, attributes as JSON, date, URL. `sanitized_policies/` has the
//! policy as HTML, cut into segments by `|||`. `consolidation/…/` has files of the same form in
//! which practices that two or three annotators found are one, with a `C` before its id.
//!
//! A segment has a label when enough annotators of the three gave it; category `Other` stands for
//! the value of its attribute `Other Type`, as in the benchmarks made of the corpus.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::spans::plain;
use super::{Imported, Sink, files_of, read_text, table};
use crate::corpus::CorpusError;

/// What separates segments.
const SEPARATOR: &str = "|||";
/// Votes that a consolidated practice counts as: two or three annotators had found it.
const CONSOLIDATED: usize = 2;

/// Who gave a segment a label.
#[derive(Default)]
struct Votes {
    annotators: BTreeSet<String>,
    is_consolidated: bool,
}

impl Votes {
    fn count(&self) -> usize {
        let floor = if self.is_consolidated { CONSOLIDATED } else { 0 };
        self.annotators.len().max(floor)
    }
}

/// Reads the release, or a folder of it that holds annotations.
///
/// # Errors
/// [`CorpusError`] for a missing folder, and with file and line for a malformed row.
pub fn read(folder: &Path, agree: usize, sink: &mut Sink) -> Result<(), CorpusError> {
    let inner = folder.join("annotations");
    let annotations = if inner.is_dir() { inner } else { folder.to_owned() };
    let policies = policies_of(folder).ok_or_else(|| {
        let reason = "there is no folder sanitized_policies in it or above it: give the folder \
                      OPP-115 of the release";
        CorpusError::file(&folder.display().to_string(), reason)
    })?;
    let files = files_of(&annotations, &["csv"])?;
    if files.is_empty() {
        return Err(CorpusError::file(
            &annotations.display().to_string(),
            "there is no CSV file in it",
        ));
    }
    for file in files {
        policy(&file, &policies, agree, sink)?;
    }
    Ok(())
}

/// The folder of the segments, beside the annotations or above them.
fn policies_of(folder: &Path) -> Option<PathBuf> {
    let absolute = std::fs::canonicalize(folder).ok()?;
    let mut above = absolute.ancestors().take(4).map(|f| f.join("sanitized_policies"));
    above.find(|path| path.is_dir())
}

fn policy(file: &Path, policies: &Path, agree: usize, sink: &mut Sink) -> Result<(), CorpusError> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let html = read_text(&policies.join(format!("{stem}.html")))?;
    let segments: Vec<&str> = html.split(SEPARATOR).collect();
    let mut votes: BTreeMap<usize, BTreeMap<String, Votes>> = BTreeMap::new();
    table::for_each_record(file, sink, |record, _| {
        let Some((segment, category)) = row(record, segments.len())? else { return Ok(()) };
        let votes = votes.entry(segment).or_default().entry(category).or_default();
        votes.is_consolidated |= record.get(0).is_some_and(|id| id.starts_with('C'));
        votes.annotators.insert(record.get(2).unwrap_or_default().to_owned());
        Ok(())
    })?;
    for (number, html) in segments.iter().enumerate() {
        let Some(votes) = votes.get(&number) else {
            sink.drop("no annotator gave the segment a category");
            continue;
        };
        let labels: Vec<String> = votes
            .iter()
            .filter(|(_, votes)| votes.count() >= agree)
            .map(|(label, _)| label.clone())
            .collect();
        if labels.is_empty() {
            sink.drop(format!("no category that {agree} annotators agree on"));
            continue;
        }
        let text = plain(html)
            .map_err(|reason| CorpusError::file(&stem, format!("segment {number}: {reason}")))?;
        sink.take(Imported {
            id: format!("{stem}/{number}"),
            text,
            labels,
            document: stem.clone(),
            ..Imported::default()
        });
    }
    Ok(())
}

/// The segment and the category of a row; nothing where it is none of the twelve.
fn row(record: &csv::StringRecord, segments: usize) -> Result<Option<(usize, String)>, String> {
    if record.len() < 7 {
        return Err(format!("{} fields where an annotation has nine", record.len()));
    }
    let number = record.get(4).unwrap_or_default().trim();
    let segment: usize =
        number.parse().map_err(|_| format!("`{number}` in field 5 is no segment number"))?;
    if segment >= segments {
        return Err(format!("segment {segment}, but the policy has {segments}"));
    }
    let category = record.get(5).unwrap_or_default().trim();
    if category != "Other" {
        return if super::polisis::LABELS.contains(&category) {
            Ok(Some((segment, category.to_owned())))
        } else {
            Err(format!("unknown OPP-115 category `{category}`"))
        };
    }
    let attributes: Value =
        serde_json::from_str(record.get(6).unwrap_or_default()).map_err(|error| {
            format!("the attributes are {}", crate::eval::examples::describe(&error))
        })?;
    match attributes["Other Type"]["value"].as_str() {
        // Neither introduction, nor contact, nor a practice: the benchmarks leave it out.
        Some("Other") => Ok(None),
        Some(kind) => Ok(Some((segment, kind.to_owned()))),
        None => Err("category Other without a value of `Other Type`".to_owned()),
    }
}
