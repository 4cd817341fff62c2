//! What a document says of each category: counts by stance, and which sentences to quote.
//!
//! The Markdown and HTML reports show these; which sentences are findings was decided before.

use std::io;

use crate::label::{LabelSet, Stance};

use super::DocumentReport;
use super::record::{Run, SentenceRecord};

/// The sentence that every report for people ends with.
pub(super) const NO_ADVICE: &str = "This is a machine's reading of the text, not legal advice.";

/// A count with its noun: `1 sentence`, `2 sentences`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Longest quote in a summary, in characters.
const QUOTE_CHARS: usize = 240;

/// The two stances in the order in which they are shown.
const STANCES: [Stance; 2] = [Stance::Asserted, Stance::Denied];

/// What a run looked for: only of that can be said that nothing was found.
#[derive(Debug, Clone)]
pub struct Scope {
    labels: LabelSet,
    groups: Vec<(&'static str, Vec<usize>)>,
    stance: Option<Stance>,
}

impl Scope {
    /// The scope of a run.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when the run's categories cannot be those of a model.
    pub fn of(run: &Run) -> io::Result<Self> {
        let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidData, message);
        let labels = LabelSet::new(&run.categories, run.has_stance)
            .map_err(|e| invalid(format!("the run's categories: {e}")))?;
        let asked: Result<Vec<usize>, _> =
            run.options.category.iter().map(|name| labels.category(name)).collect();
        let asked = asked.map_err(|e| invalid(format!("the run's options: {e}")))?;
        let mut groups = labels.grouped();
        for (_, categories) in &mut groups {
            categories.retain(|category| asked.is_empty() || asked.contains(category));
        }
        groups.retain(|(_, categories)| !categories.is_empty());
        Ok(Self { labels, groups, stance: run.options.stance })
    }

    /// All categories of the model.
    pub fn labels(&self) -> &LabelSet {
        &self.labels
    }

    /// The categories looked for under the titles of their groups; the last may have no title.
    pub fn groups(&self) -> &[(&'static str, Vec<usize>)] {
        &self.groups
    }

    /// The categories looked for, in the order in which they are shown.
    pub fn categories(&self) -> impl Iterator<Item = usize> {
        self.groups.iter().flat_map(|(_, categories)| categories.iter().copied())
    }

    /// The title of a category.
    pub fn title(&self, category: usize) -> &str {
        self.labels.categories().get(category).map_or("", |c| c.title.as_str())
    }

    /// The name of a category.
    pub fn id(&self, category: usize) -> &str {
        self.labels.categories().get(category).map_or("", |c| c.id.as_str())
    }

    /// The title of a category by its name, or the name where the model does not have it.
    pub fn title_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.labels.category(name).map_or(name, |category| self.title(category))
    }

    /// The stances looked for.
    pub fn stances(&self) -> impl Iterator<Item = Stance> {
        let (only, has_stance) = (self.stance, self.labels.has_stance());
        STANCES.into_iter().filter(move |stance| {
            only.is_none_or(|only| only == *stance) && (has_stance || *stance == Stance::Asserted)
        })
    }

    /// The word over the counts of a stance.
    pub fn stance_title(&self, stance: Stance) -> &'static str {
        if self.labels.has_stance() { stance.as_str() } else { "found" }
    }
}

/// The findings of one category and stance in a document.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cell {
    /// How many there are.
    pub count: usize,
    /// Position in [`DocumentReport::sentences`] of the most probable one, the first of equals.
    pub best: usize,
    /// Its probability.
    pub probability: f32,
    /// Number in the document of the first sentence.
    pub first: usize,
}

/// The findings of a document by category and stance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    cells: Vec<[Cell; 2]>,
}

impl Summary {
    /// Counts the findings of a report; those of categories that `labels` does not have are left out.
    pub fn of(report: &DocumentReport, labels: &LabelSet) -> Self {
        let mut cells = vec![[Cell::default(); 2]; labels.len()];
        for (position, sentence) in report.sentences.iter().enumerate() {
            for finding in &sentence.findings {
                let Ok(category) = labels.category(&finding.category) else { continue };
                let Some(cell) = cells.get_mut(category) else { continue };
                let [asserted, denied] = cell;
                let cell = if finding.stance == Stance::Asserted { asserted } else { denied };
                if cell.count == 0 {
                    cell.first = sentence.index;
                }
                if cell.count == 0 || finding.probability > cell.probability {
                    cell.best = position;
                    cell.probability = finding.probability;
                }
                cell.count += 1;
            }
        }
        Self { cells }
    }

    /// The findings of a category and stance.
    pub fn cell(&self, category: usize, stance: Stance) -> Cell {
        let [asserted, denied] = self.cells.get(category).copied().unwrap_or_default();
        if stance == Stance::Asserted { asserted } else { denied }
    }

    /// Whether there is no finding of a category.
    pub fn is_silent(&self, category: usize) -> bool {
        STANCES.into_iter().all(|stance| self.cell(category, stance).count == 0)
    }
}

/// The place of a sentence in words: `Data › Sharing, line 12`.
pub fn place(sentence: &SentenceRecord) -> String {
    let line = format!("line {}", sentence.line);
    if sentence.section.is_empty() {
        line
    } else {
        format!("{}, {line}", sentence.section.join(" › "))
    }
}

/// The facts of a classified document in a line: format, language, sentences, findings.
pub fn facts(report: &DocumentReport) -> Vec<String> {
    let record = &report.document;
    vec![
        record.format.clone().unwrap_or_default(),
        record.language.clone().unwrap_or_else(|| "language unclear".to_owned()),
        plural(record.sentence_count, "sentence"),
        plural(record.finding_count, "finding"),
    ]
}

/// A sentence as a summary quotes it: what introduces it first, and cut when it is long.
pub fn quote(sentence: &SentenceRecord) -> String {
    let text = shortened(&sentence.text);
    sentence
        .lead_in
        .as_deref()
        .map_or_else(|| text.clone(), |lead_in| format!("{lead_in} […] {text}"))
}

/// A text cut at a word.
fn shortened(text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(QUOTE_CHARS) else { return text.to_owned() };
    let kept = text.get(..end).unwrap_or(text);
    let at_word = kept.rfind(' ').filter(|&at| at > end / 2).unwrap_or(end);
    format!("{}…", kept.get(..at_word).unwrap_or(kept).trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_cut_at_a_word() {
        assert_eq!(shortened("short"), "short");
        let long = shortened(&"word ".repeat(100));
        assert!(long.ends_with("word…") && long.chars().count() <= QUOTE_CHARS + 1, "{long}");
        let unbroken = shortened(&"ü".repeat(500));
        assert_eq!(unbroken.chars().count(), QUOTE_CHARS + 1);
    }
}
