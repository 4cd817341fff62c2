//! From a classified document to its records: which findings are shown, and with what.

use crate::classify::{Classifier, ClassifyError, Finding, ScoreWith, Scores, input_of};
use crate::document::{BlockKind, Document, Place};
use crate::encode::Input;
use crate::label::{LabelSet, Stance};
use crate::segment::Sentence;

use super::DocumentReport;
use super::record::{
    CategoryProbability, DocumentRecord, EvidenceRecord, FindingRecord, Probabilities, Run,
    RunOptions, SCHEMA, SentenceRecord, Status, rounded,
};

/// Which findings and sentences are output.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Indices of the categories to output; empty for all.
    pub categories: Vec<usize>,
    /// The stance to output; `None` for both.
    pub stance: Option<Stance>,
    /// The least probability to output.
    pub min_probability: f32,
    /// Output sentences without findings too.
    pub all_sentences: bool,
}

impl Filter {
    fn shows(&self, finding: &Finding) -> bool {
        (self.categories.is_empty() || self.categories.contains(&finding.category))
            && self.stance.is_none_or(|stance| stance == finding.stance)
    }
}

/// Which findings get their deciding words, which cost several dozen scorings each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explain {
    /// None.
    Nothing,
    /// The most probable ones of each category in a document.
    Top(usize),
    /// All that are output.
    Everything,
}

/// Consecutive sentences of a document with their scores.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// What the document is called.
    pub name: &'a str,
    /// The document.
    pub document: &'a Document,
    /// The sentences.
    pub sentences: &'a [Sentence],
    /// Number of the first of them in the document.
    pub first: usize,
    /// Their scores.
    pub scores: &'a [Scores],
}

/// Makes records.
#[derive(Debug, Clone)]
pub struct Recorder<'a> {
    /// The model that gave the scores.
    pub classifier: &'a Classifier,
    /// What is output.
    pub filter: Filter,
    /// Which findings get their deciding words.
    pub explain: Explain,
    /// Whether sentences carry the probabilities of all categories.
    pub probabilities: bool,
}

impl Recorder<'_> {
    /// The report of a document that was read but, for its language, not classified.
    pub fn other_language(name: &str, document: &Document, sentences: usize) -> DocumentReport {
        let language = document.language().map_or("another language", |l| l.name());
        let mut record = describe(name, document, sentences);
        record.status = Status::OtherLanguage;
        record.notice = Some(format!("written in {language}, which the model does not read"));
        DocumentReport { document: record, sentences: Vec::new(), asserted: Vec::new() }
    }

    /// The report of a classified document; `scores` are those of `sentences`.
    ///
    /// # Errors
    /// [`ClassifyError`] when deciding words are asked for and scoring fails.
    pub fn classified(
        &self,
        name: &str,
        document: &Document,
        sentences: &[Sentence],
        scores: &[Scores],
    ) -> Result<DocumentReport, ClassifyError> {
        let score = |inputs: &[Input<'_>]| self.classifier.scores(inputs);
        let part = Part { name, document, sentences, first: 0, scores };
        let (records, asserted) = self.part(&part, &score)?;
        let mut described = describe(name, document, sentences.len());
        described.finding_count = records.iter().map(|record| record.findings.len()).sum();
        Ok(DocumentReport { document: described, sentences: records, asserted })
    }

    /// The record of a document whose sentences are told apart from it, with no finding counted.
    pub fn announced(name: &str, document: &Document, sentences: usize) -> DocumentRecord {
        describe(name, document, sentences)
    }

    /// The records of consecutive sentences, and how often each category is asserted in them.
    ///
    /// `score` gives the scores that deciding words need: as many as inputs, in their order.
    ///
    /// # Errors
    /// Those of `score`.
    pub fn part<E>(
        &self,
        part: &Part<'_>,
        score: &ScoreWith<'_, E>,
    ) -> Result<(Vec<SentenceRecord>, Vec<usize>), E> {
        let labels = self.classifier.labels();
        let mut asserted = vec![0; labels.len()];
        let mut shown: Vec<(usize, Vec<Finding>)> = Vec::new();
        for (index, (_, scores)) in part.sentences.iter().zip(part.scores).enumerate() {
            let mut findings = self.classifier.findings(scores);
            findings.retain(|f| f.probability >= self.filter.min_probability);
            for finding in findings.iter().filter(|f| f.stance == Stance::Asserted) {
                asserted[finding.category] += 1;
            }
            findings.retain(|f| self.filter.shows(f));
            if self.filter.all_sentences || !findings.is_empty() {
                shown.push((index, findings));
            }
        }
        let explained = self.explained(&shown);
        let mut records = Vec::with_capacity(shown.len());
        for (index, findings) in &shown {
            let (sentence, scores) = (&part.sentences[*index], &part.scores[*index]);
            let mut record = locate(part.name, part.first + index, part.document, sentence);
            record.windows = scores.windows.max(1);
            if self.probabilities {
                record.probabilities = Some(probabilities(labels, scores));
            }
            for finding in findings {
                let evidence = if explained(*index, finding) {
                    Some(evidence(&input_of(sentence), finding, score)?)
                } else {
                    None
                };
                record.findings.push(finding_record(labels, finding, evidence));
            }
            records.push(record);
        }
        Ok((records, asserted))
    }

    /// What is output of a text that stands by itself: its findings and, on demand, the
    /// probabilities of all categories.
    ///
    /// # Errors
    /// Those of `score`, as in [`Recorder::part`].
    pub fn text<E>(
        &self,
        input: &Input<'_>,
        scores: &Scores,
        score: &ScoreWith<'_, E>,
    ) -> Result<(Vec<FindingRecord>, Option<Probabilities>), E> {
        let labels = self.classifier.labels();
        let mut records = Vec::new();
        for finding in self.classifier.findings(scores) {
            if finding.probability < self.filter.min_probability || !self.filter.shows(&finding) {
                continue;
            }
            let evidence = match self.explain {
                Explain::Nothing => None,
                _ => Some(evidence(input, &finding, score)?),
            };
            records.push(finding_record(labels, &finding, evidence));
        }
        Ok((records, self.probabilities.then(|| probabilities(labels, scores))))
    }

    /// Tells which findings get their deciding words.
    fn explained(
        &self,
        shown: &[(usize, Vec<Finding>)],
    ) -> impl Fn(usize, &Finding) -> bool + use<> {
        let mut chosen = std::collections::HashSet::new();
        let explain = self.explain;
        if let Explain::Top(limit) = explain {
            let mut all: Vec<(usize, &Finding)> = shown
                .iter()
                .flat_map(|(i, findings)| findings.iter().map(move |f| (*i, f)))
                .collect();
            all.sort_by(|(i, a), (j, b)| b.probability.total_cmp(&a.probability).then(i.cmp(j)));
            let mut counts = vec![0; self.classifier.labels().len()];
            for (index, finding) in all {
                counts[finding.category] += 1;
                if counts[finding.category] <= limit {
                    chosen.insert((index, finding.category));
                }
            }
        }
        move |index, finding| match explain {
            Explain::Nothing => false,
            Explain::Everything => true,
            Explain::Top(_) => chosen.contains(&(index, finding.category)),
        }
    }
}

/// The deciding words of a finding.
fn evidence<E>(
    input: &Input<'_>,
    finding: &Finding,
    score: &ScoreWith<'_, E>,
) -> Result<Vec<EvidenceRecord>, E> {
    let spans = Classifier::explain_with(input, finding, score)?;
    Ok(spans
        .into_iter()
        .map(|span| EvidenceRecord {
            text: input.text.get(span.range.clone()).unwrap_or_default().to_owned(),
            start: span.range.start,
            end: span.range.end,
            weight: span.weight,
        })
        .collect())
}

fn finding_record(
    labels: &LabelSet,
    finding: &Finding,
    evidence: Option<Vec<EvidenceRecord>>,
) -> FindingRecord {
    FindingRecord {
        category: labels.categories()[finding.category].id.clone(),
        stance: finding.stance,
        // As records are written, so that saved results give the same reports.
        probability: rounded(finding.probability) as f32,
        evidence,
    }
}

impl Run {
    /// The record of a run of a model with some options.
    pub fn new(classifier: &Classifier, options: RunOptions) -> Self {
        let labels = classifier.labels();
        Self {
            schema: SCHEMA.to_owned(),
            tool: "fineprint".to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            model: classifier.origin().to_owned(),
            model_digest: classifier.digest().to_owned(),
            engine: classifier.engine_kind().to_string(),
            language: classifier.settings().language.clone(),
            categories: labels.names().map(str::to_owned).collect(),
            has_stance: labels.has_stance(),
            options,
        }
    }
}

/// A document's record without findings.
fn describe(name: &str, document: &Document, sentence_count: usize) -> DocumentRecord {
    let mut notices: Vec<String> = document.warnings().iter().map(ToString::to_string).collect();
    if sentence_count == 0 {
        notices.push("no sentence was found in it".to_owned());
    }
    DocumentRecord {
        document: name.to_owned(),
        status: Status::Classified,
        format: Some(document.format().to_string()),
        encoding: document.encoding().map(str::to_owned),
        language: document.language().map(|l| l.code().to_owned()),
        notice: (!notices.is_empty()).then(|| notices.join("; ")),
        sentence_count,
        finding_count: 0,
        columns: None,
    }
}

/// A sentence's record without findings.
fn locate(name: &str, index: usize, document: &Document, sentence: &Sentence) -> SentenceRecord {
    let quote = document.text().get(sentence.range.clone()).unwrap_or_default();
    // Offsets in UTF-16 are of no use to what does not decode it.
    let is_utf16 = document.encoding().is_some_and(|name| name.starts_with("UTF-16"));
    let bytes = document.source_range(sentence.range.clone()).filter(|_| !is_utf16);
    let characters = bytes.is_none().then(|| document.character_range(sentence.range.clone()));
    let place = document.place(sentence.range.start);
    SentenceRecord {
        document: name.to_owned(),
        index,
        text: sentence.text.clone(),
        quote: (quote != sentence.text).then(|| quote.to_owned()),
        start_byte: bytes.as_ref().map(|b| b.start),
        end_byte: bytes.as_ref().map(|b| b.end),
        page: place.and_then(|place| match place {
            Place::Page(number) => Some(number),
            Place::Paragraph(_) => None,
        }),
        paragraph: place.and_then(|place| match place {
            Place::Page(_) => None,
            Place::Paragraph(number) => Some(number),
        }),
        start_char: characters.as_ref().map(|c| c.start),
        end_char: characters.as_ref().map(|c| c.end),
        line: sentence.line,
        column: sentence.column,
        section: sentence.section.to_vec(),
        block: Some(sentence.block),
        lead_in: sentence.lead_in.as_deref().map(str::to_owned),
        kind: kind_name(sentence.kind).to_owned(),
        windows: 1,
        findings: Vec::new(),
        probabilities: None,
    }
}

fn kind_name(kind: BlockKind) -> &'static str {
    match kind {
        BlockKind::Heading { .. } => "heading",
        BlockKind::Paragraph => "paragraph",
        BlockKind::ListItem { .. } => "list-item",
        BlockKind::TableCell => "table-cell",
    }
}

fn probabilities(labels: &LabelSet, scores: &Scores) -> Probabilities {
    let of = |(i, name): (usize, &str)| {
        let category = scores.category.get(i).copied()?;
        let denied = scores.denied.get(i).copied();
        Some((name.to_owned(), CategoryProbability { category, denied }))
    };
    Probabilities(labels.names().enumerate().filter_map(of).collect())
}
