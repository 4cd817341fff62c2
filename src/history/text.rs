//! The history as text for terminals.

use std::io::{self, Write};

use super::record::{DocumentHistory, EventRecord, HistoryRecord, Moment};
use crate::compare::{Style, text_category, text_paragraph};
use crate::report::terminal::{paint, printable};

/// Digits of a commit's id that are shown.
const ID_DIGITS: usize = 12;

/// Writes a history.
///
/// # Errors
/// The writer's.
pub fn render(out: &mut impl Write, record: &HistoryRecord, style: &Style) -> io::Result<()> {
    for document in &record.documents {
        self::document(out, document, style)?;
    }
    let events: usize = record.documents.iter().map(|document| document.events.len()).sum();
    let versions: usize = record.documents.iter().map(|document| document.versions).sum();
    writeln!(
        out,
        "{} documents, {versions} versions, {events} of them changed what is said.",
        record.documents.len()
    )
}

/// A commit's id as it is shown.
pub(super) fn short(moment: &Moment) -> &str {
    moment.commit.get(..ID_DIGITS).unwrap_or(&moment.commit)
}

fn document(out: &mut impl Write, record: &DocumentHistory, style: &Style) -> io::Result<()> {
    let palette = &style.palette;
    writeln!(out, "{}", paint(palette.title, &printable(&record.document)))?;
    for path in &record.earlier_paths {
        text_paragraph(out, &format!("earlier {path}"), 0, style)?;
    }
    text_paragraph(out, &summary(record), 0, style)?;
    for event in &record.events {
        writeln!(out)?;
        self::event(out, event, style)?;
    }
    if !record.passed_over.is_empty() {
        writeln!(out, "\n{}", paint(palette.group, "Versions passed over"))?;
        for one in &record.passed_over {
            let line = format!("{} {}: {}", one.moment.date, short(&one.moment), one.reason);
            text_paragraph(out, &line, 2, style)?;
        }
    }
    writeln!(out)
}

/// How many versions there are and what became of them, in a sentence.
pub(super) fn summary(record: &DocumentHistory) -> String {
    let Some((first, last)) = record.first.as_ref().zip(record.last.as_ref()) else {
        return "No version could be read.".to_owned();
    };
    let deleted = record.deleted.as_ref().map(|moment| format!(", deleted on {}", moment.date));
    format!(
        "{} versions from {} to {}{}: sentences changed in {}, what they say in {}, {} were passed \
         over.",
        record.versions,
        first.moment.date,
        last.date,
        deleted.unwrap_or_default(),
        record.changed_versions,
        record.events.len(),
        record.passed_over.len()
    )
}

fn event(out: &mut impl Write, record: &EventRecord, style: &Style) -> io::Result<()> {
    let palette = &style.palette;
    let date = record.moment.date.to_string();
    let counts = &record.sentences;
    let rest = format!(
        "{}, after {}: {} sentences reworded, {} added, {} removed",
        short(&record.moment),
        record.previous.date,
        counts.reworded,
        counts.added,
        counts.removed
    );
    writeln!(out, "{}  {}", paint(palette.title, &date), paint(palette.dim, &rest))?;
    for category in &record.categories {
        text_category(out, category, style)?;
    }
    if record.rewordings > 0 {
        let line = format!("  {} findings were only reworded (--all)", record.rewordings);
        writeln!(out, "{}", paint(palette.dim, &line))?;
    }
    Ok(())
}
