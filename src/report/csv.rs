//! CSV: one row a finding, for spreadsheets and data frames.
//!
//! Columns: `document`, `model_digest` (first 12 digits), `index`, `line`, `column`, `start_byte`,
//! `end_byte`, `section` (headings joined by ` > `), `kind`, `category`, `stance`, `probability`,
//! `lead_in`, `text`, with evidence also `evidence` (deciding words joined by ` | `), and with
//! probabilities two columns for each category, `p(NAME)` and `p(denied|NAME)`. A sentence
//! without findings, where such are output, is one row with empty `category`, `stance` and
//! `probability`. Documents that were not classified have no row.

use std::io::{self, Write};

use super::record::{FindingRecord, Run, SentenceRecord, rounded};
use super::{DocumentReport, Report};

const COLUMNS: [&str; 14] = [
    "document",
    "model_digest",
    "index",
    "line",
    "column",
    "start_byte",
    "end_byte",
    "section",
    "kind",
    "category",
    "stance",
    "probability",
    "lead_in",
    "text",
];

/// Writes findings as rows.
#[derive(Debug)]
pub struct Csv<W: Write> {
    out: csv::Writer<W>,
    digest: String,
    has_evidence: bool,
    has_probabilities: bool,
    has_stance: bool,
}

impl<W: Write> Csv<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out: csv::Writer::from_writer(out),
            digest: String::new(),
            has_evidence: false,
            has_probabilities: false,
            has_stance: true,
        }
    }

    fn row(
        &mut self,
        sentence: &SentenceRecord,
        finding: Option<&FindingRecord>,
    ) -> io::Result<()> {
        let number = |n: Option<usize>| n.map_or_else(String::new, |n| n.to_string());
        let mut row = vec![
            sentence.document.clone(),
            self.digest.clone(),
            sentence.index.to_string(),
            sentence.line.to_string(),
            sentence.column.to_string(),
            number(sentence.start_byte),
            number(sentence.end_byte),
            sentence.section.join(" > "),
            sentence.kind.clone(),
            finding.map_or_else(String::new, |f| f.category.clone()),
            finding.map_or_else(String::new, |f| f.stance.to_string()),
            finding.map_or_else(|| Ok(String::new()), |f| decimal(f.probability))?,
            sentence.lead_in.clone().unwrap_or_default(),
            sentence.text.clone(),
        ];
        if self.has_evidence {
            let evidence = finding.and_then(|f| f.evidence.as_deref()).unwrap_or_default();
            let words: Vec<&str> = evidence.iter().map(|e| e.text.as_str()).collect();
            row.push(words.join(" | "));
        }
        if self.has_probabilities {
            for (_, p) in sentence.probabilities.iter().flat_map(|all| &all.0) {
                row.push(decimal(p.category)?);
                if self.has_stance {
                    row.push(p.denied.map_or_else(|| Ok(String::new()), decimal)?);
                }
            }
        }
        self.out.write_record(&row).map_err(io_error)
    }
}

impl<W: Write> Report for Csv<W> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.digest = run.model_digest.chars().take(12).collect();
        self.has_evidence = run.options.explain;
        self.has_probabilities = run.options.probabilities;
        self.has_stance = run.has_stance;
        let mut header: Vec<String> = COLUMNS.map(str::to_owned).to_vec();
        if self.has_evidence {
            header.push("evidence".to_owned());
        }
        if self.has_probabilities {
            for name in &run.categories {
                header.push(format!("p({name})"));
                if self.has_stance {
                    header.push(format!("p(denied|{name})"));
                }
            }
        }
        self.out.write_record(&header).map_err(io_error)?;
        self.out.flush()
    }

    fn document(&mut self, report: &DocumentReport) -> io::Result<()> {
        for sentence in &report.sentences {
            for finding in &sentence.findings {
                self.row(sentence, Some(finding))?;
            }
            if sentence.findings.is_empty() {
                self.row(sentence, None)?;
            }
        }
        self.out.flush()
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A probability as the records write it.
fn decimal(value: f32) -> io::Result<String> {
    if value.is_finite() {
        Ok(rounded(value).to_string())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "a probability is not finite"))
    }
}

/// The writer's own error, so that a closed pipe is still told from others.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("cannot write CSV: {other:?}")),
    }
}
