//! The report for people: findings by category, quoted, and tables at the end.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::Range;

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use crate::label::{LabelSet, Stance};

use super::record::{EvidenceRecord, FindingRecord, Run, SentenceRecord, Status};
use super::summary::{NO_ADVICE, facts};
use super::terminal::{Palette, ending, pad, paint, printable, wrap};
use super::{DocumentReport, Report};

/// Columns before a quoted sentence.
const QUOTE_INDENT: usize = 6;
/// Columns of the category titles in tables.
const TABLE_TITLE: usize = 34;
/// Columns of a number in tables.
const NUMBER: usize = 10;

/// How the report looks.
#[derive(Debug, Clone)]
pub struct TextOptions {
    /// Colours and emphasis.
    pub palette: Palette,
    /// Columns to wrap to.
    pub width: usize,
    /// Most findings to show of a category in a document.
    pub limit: usize,
    /// Indices of the categories to report on; empty for all.
    pub categories: Vec<usize>,
    /// The stance to report on; `None` for both.
    pub stance: Option<Stance>,
}

/// Writes the text report.
#[derive(Debug)]
pub struct Text<W> {
    out: W,
    labels: LabelSet,
    options: TextOptions,
    totals: Totals,
    made_by: String,
}

/// What the summary over several documents needs; its size does not depend on their number.
#[derive(Debug, Default)]
struct Totals {
    classified: usize,
    other_language: usize,
    failed: usize,
    sentences: usize,
    /// By category: documents and findings.
    rows: Vec<Row>,
}

/// Counts of one category.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    asserted: usize,
    denied: usize,
    documents_asserted: usize,
    documents_denied: usize,
    documents_silent: usize,
}

impl Row {
    fn add(&mut self, document: Row) {
        self.asserted += document.asserted;
        self.denied += document.denied;
        self.documents_asserted += usize::from(document.asserted > 0);
        self.documents_denied += usize::from(document.denied > 0);
        self.documents_silent += usize::from(document.asserted + document.denied == 0);
    }
}

/// A finding with the sentence that it is in.
type Shown<'a> = (&'a SentenceRecord, &'a FindingRecord);

impl<W: Write> Text<W> {
    /// Writes to `out`, about the categories of `labels`.
    pub fn new(out: W, labels: LabelSet, options: TextOptions) -> Self {
        let totals = Totals { rows: vec![Row::default(); labels.len()], ..Totals::default() };
        Self { out, labels, options, totals, made_by: String::new() }
    }

    /// The reported categories by the title of their group, in the taxonomy's order; categories
    /// without a group come last, under no title.
    fn groups(&self) -> Vec<(&'static str, Vec<usize>)> {
        let is_reported =
            |i: &usize| self.options.categories.is_empty() || self.options.categories.contains(i);
        let mut groups = self.labels.grouped();
        groups.iter_mut().for_each(|(_, categories)| categories.retain(is_reported));
        groups.retain(|(_, categories)| !categories.is_empty());
        groups
    }

    fn title(&self, category: usize) -> String {
        self.labels.categories().get(category).map_or(String::new(), |c| printable(&c.title).into())
    }

    fn findings(&mut self, report: &DocumentReport) -> io::Result<Vec<Row>> {
        let mut by_category: Vec<Vec<Shown<'_>>> = vec![Vec::new(); self.labels.len()];
        for sentence in &report.sentences {
            for finding in &sentence.findings {
                if let Ok(category) = self.labels.category(&finding.category) {
                    by_category[category].push((sentence, finding));
                }
            }
        }
        for (group, categories) in self.groups() {
            if !group.is_empty() && categories.iter().any(|&c| !by_category[c].is_empty()) {
                writeln!(self.out, "\n{}", paint(self.options.palette.group, group))?;
            }
            for category in categories {
                let shown = &mut by_category[category];
                // Most telling first; equals keep the document's order.
                shown.sort_by(|(_, a), (_, b)| b.probability.total_cmp(&a.probability));
                self.category(category, shown)?;
            }
        }
        let count = |shown: &Vec<Shown<'_>>, stance| {
            shown.iter().filter(|(_, f)| f.stance == stance).count()
        };
        Ok(by_category
            .iter()
            .map(|shown| Row {
                asserted: count(shown, Stance::Asserted),
                denied: count(shown, Stance::Denied),
                ..Row::default()
            })
            .collect())
    }

    fn category(&mut self, category: usize, shown: &[Shown<'_>]) -> io::Result<()> {
        if shown.is_empty() {
            return Ok(());
        }
        let title = paint(self.options.palette.category, &self.title(category));
        writeln!(self.out, "\n  {title}")?;
        for (sentence, finding) in shown.iter().take(self.options.limit) {
            self.finding(sentence, finding)?;
        }
        let more = shown.len().saturating_sub(self.options.limit);
        if more > 0 {
            let more = format!("… {more} more (--all)");
            writeln!(self.out, "    {}", paint(self.options.palette.dim, &more))?;
        }
        Ok(())
    }

    /// `asserted  0.97  line 12  Data › Sharing`, and below it the sentence.
    fn finding(&mut self, sentence: &SentenceRecord, finding: &FindingRecord) -> io::Result<()> {
        if !finding.probability.is_finite() {
            let message = "a probability is not finite";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let palette = self.options.palette;
        let stance = if self.labels.has_stance() {
            let style = match finding.stance {
                Stance::Asserted => palette.asserted,
                Stance::Denied => palette.denied,
            };
            paint(style, &pad(finding.stance.as_str(), 10))
        } else {
            String::new()
        };
        let mut place = format!("{:.2}  line {}", finding.probability, sentence.line);
        if !sentence.section.is_empty() {
            let section = sentence.section.join(" › ");
            let room = self.options.width.saturating_sub(16 + place.width());
            place = format!("{place}  {}", ending(&printable(&section), room));
        }
        writeln!(self.out, "    {stance}{}", paint(palette.dim, &place))?;
        let room = self.options.width.saturating_sub(QUOTE_INDENT);
        let indent = " ".repeat(QUOTE_INDENT);
        if let Some(lead_in) = &sentence.lead_in {
            let under = format!("under “{}”", ending(&printable(lead_in), room.saturating_sub(8)));
            writeln!(self.out, "{indent}{}", paint(palette.dim, &under))?;
        }
        let evidence = finding.evidence.as_deref().unwrap_or_default();
        for line in quoted(&sentence.text, evidence, &palette, room) {
            writeln!(self.out, "{indent}{line}")?;
        }
        Ok(())
    }

    /// Categories × stances of one document.
    fn table(&mut self, rows: &[Row]) -> io::Result<()> {
        let palette = self.options.palette;
        let columns: Vec<Column> = self.columns();
        let mut head = pad("Summary", TABLE_TITLE);
        for column in &columns {
            let _ = write!(head, "{:>NUMBER$}", column.name);
        }
        writeln!(self.out, "\n{}", paint(palette.group, &head))?;
        let silent =
            if self.options.stance.is_none() { "no statement found" } else { "none found" };
        for (group, categories) in self.groups() {
            if !group.is_empty() {
                writeln!(self.out, "  {}", paint(palette.dim, group))?;
            }
            for category in categories {
                let row = rows.get(category).copied().unwrap_or_default();
                let title = pad(&self.title(category), TABLE_TITLE - 4);
                write!(self.out, "    {title}")?;
                if columns.iter().all(|c| (c.count)(&row) == 0) {
                    write!(self.out, "{}", paint(palette.dim, &format!("  {silent}")))?;
                } else {
                    self.numbers(&columns, &row)?;
                }
                writeln!(self.out)?;
            }
        }
        Ok(())
    }

    fn numbers(&mut self, columns: &[Column], row: &Row) -> io::Result<()> {
        for column in columns {
            let count = (column.count)(row);
            let style = if count == 0 { self.options.palette.dim } else { column.style };
            write!(self.out, "{}", paint(style, &format!("{count:>NUMBER$}")))?;
        }
        Ok(())
    }

    /// The columns of a document's table: one a stance that is reported on.
    fn columns(&self) -> Vec<Column> {
        let Palette { asserted, denied, .. } = self.options.palette;
        if !self.labels.has_stance() {
            let count = |r: &Row| r.asserted;
            return vec![Column { name: "findings", count, style: Style::new() }];
        }
        let mut columns = Vec::new();
        if self.options.stance != Some(Stance::Denied) {
            columns.push(Column { name: "asserted", count: |r| r.asserted, style: asserted });
        }
        if self.options.stance != Some(Stance::Asserted) {
            columns.push(Column { name: "denied", count: |r| r.denied, style: denied });
        }
        columns
    }

    /// Categories × stances over all documents: how many say so, how often, how many are silent.
    fn corpus_table(&mut self) -> io::Result<()> {
        let palette = self.options.palette;
        let Palette { asserted, denied, dim, .. } = palette;
        let totals = &self.totals;
        let documents = totals.classified + totals.other_language + totals.failed;
        let head = format!(
            "All {documents} documents: {} classified, {} in another language, {} not read; {} sentences",
            totals.classified, totals.other_language, totals.failed, totals.sentences
        );
        writeln!(self.out, "\n{}\n", paint(palette.title, &head))?;
        let mut columns: Vec<Column> = Vec::new();
        let has_stance = self.labels.has_stance();
        if !has_stance || self.options.stance != Some(Stance::Denied) {
            let name = if has_stance { "asserted" } else { "found" };
            columns.push(Column { name, count: |r| r.documents_asserted, style: asserted });
            columns.push(Column { name: "times", count: |r| r.asserted, style: dim });
        }
        if has_stance && self.options.stance != Some(Stance::Asserted) {
            columns.push(Column { name: "denied", count: |r| r.documents_denied, style: denied });
            columns.push(Column { name: "times", count: |r| r.denied, style: dim });
        }
        columns.push(Column { name: "silent", count: |r| r.documents_silent, style: Style::new() });
        let mut head = pad("Documents by category", TABLE_TITLE);
        for column in &columns {
            let _ = write!(head, "{:>NUMBER$}", column.name);
        }
        writeln!(self.out, "{}", paint(palette.group, &head))?;
        for (group, categories) in self.groups() {
            if !group.is_empty() {
                writeln!(self.out, "  {}", paint(palette.dim, group))?;
            }
            for category in categories {
                let row = self.totals.rows.get(category).copied().unwrap_or_default();
                write!(self.out, "    {}", pad(&self.title(category), TABLE_TITLE - 4))?;
                self.numbers(&columns, &row)?;
                writeln!(self.out)?;
            }
        }
        Ok(())
    }
}

impl<W: Write> Report for Text<W> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        let digest: String = run.model_digest.chars().take(12).collect();
        let model = printable(&run.model).into_owned();
        self.made_by = format!("{} {}, model {model} ({digest})", run.tool, run.tool_version);
        Ok(())
    }

    fn document(&mut self, report: &DocumentReport) -> io::Result<()> {
        let palette = self.options.palette;
        let record = &report.document;
        if self.totals.classified + self.totals.other_language + self.totals.failed > 0 {
            writeln!(self.out)?;
        }
        writeln!(self.out, "{}", paint(palette.title, &printable(&record.document)))?;
        let notice = printable(record.notice.as_deref().unwrap_or_default()).into_owned();
        match record.status {
            Status::Failed => {
                self.totals.failed += 1;
                writeln!(self.out, "not read: {notice}")?;
            }
            Status::OtherLanguage => {
                self.totals.other_language += 1;
                writeln!(self.out, "not classified: {notice}")?;
            }
            Status::Classified => {
                self.totals.classified += 1;
                self.totals.sentences += record.sentence_count;
                writeln!(self.out, "{}", paint(palette.dim, &facts(report).join(" · ")))?;
                if !notice.is_empty() {
                    writeln!(self.out, "{}", paint(palette.dim, &notice))?;
                }
                let rows = self.findings(report)?;
                self.table(&rows)?;
                for (total, row) in self.totals.rows.iter_mut().zip(rows) {
                    total.add(row);
                }
            }
        }
        self.out.flush()
    }

    fn end(&mut self) -> io::Result<()> {
        let documents = self.totals.classified + self.totals.other_language + self.totals.failed;
        if documents > 1 {
            self.corpus_table()?;
        }
        if documents > 0 {
            writeln!(self.out, "\n{}", paint(self.options.palette.dim, &self.made_by))?;
            writeln!(self.out, "{NO_ADVICE}")?;
        }
        self.out.flush()
    }
}

/// A column of numbers.
struct Column {
    name: &'static str,
    count: fn(&Row) -> usize,
    style: Style,
}

/// A sentence in quotation marks, wrapped, with its deciding words underlined, or in brackets
/// where there are no styles.
fn quoted(text: &str, evidence: &[EvidenceRecord], palette: &Palette, width: usize) -> Vec<String> {
    let (open, close) = if palette.is_coloured { ("", "") } else { ("[", "]") };
    let mut shown = String::from("“");
    let mut marked: Vec<Range<usize>> = Vec::new();
    let mut done = 0;
    for span in evidence {
        let (Some(before), Some(words)) =
            (text.get(done..span.start), text.get(span.start..span.end))
        else {
            continue;
        };
        shown.push_str(&printable(before));
        let start = shown.len();
        shown.push_str(open);
        shown.push_str(&printable(words));
        shown.push_str(close);
        marked.push(start..shown.len());
        done = span.end;
    }
    shown.push_str(&printable(text.get(done..).unwrap_or_default()));
    shown.push('”');
    let paint_line = |line: Range<usize>| {
        let mut out = String::new();
        let mut at = line.start;
        for mark in &marked {
            let (start, end) = (mark.start.max(at), mark.end.min(line.end));
            if start < end {
                out.push_str(shown.get(at..start).unwrap_or_default());
                out.push_str(&paint(palette.evidence, shown.get(start..end).unwrap_or_default()));
                at = end;
            }
        }
        out.push_str(shown.get(at..line.end).unwrap_or_default());
        out
    };
    wrap(&shown, width).into_iter().map(paint_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(text: &str, range: Range<usize>) -> EvidenceRecord {
        let words = text[range.clone()].to_owned();
        EvidenceRecord { text: words, start: range.start, end: range.end, weight: 1.0 }
    }

    #[test]
    fn deciding_words_are_bracketed_or_styled_across_lines() {
        let text = "we may sell your data to them";
        let marks = [evidence(text, 3..11), evidence(text, 17..21)];
        let plain = quoted(text, &marks, &Palette::new(false), 80);
        assert_eq!(plain, ["“we [may sell] your [data] to them”"]);
        let palette = Palette::new(true);
        let styled = quoted(text, &marks, &palette, 8);
        let mark = |words: &str| paint(palette.evidence, words);
        let expected = [
            format!("“we {}", mark("may")),
            mark("sell"),
            "your".to_owned(),
            format!("{} to", mark("data")),
            "them”".to_owned(),
        ];
        let joined = styled.join("\n");
        assert_eq!(joined, expected.join("\n"));
    }

    #[test]
    fn marks_that_do_not_fit_the_text_are_left_out() {
        let text = "näh";
        let mark = EvidenceRecord { text: "?".into(), start: 2, end: 99, weight: 1.0 };
        assert_eq!(quoted(text, &[mark], &Palette::new(false), 80), ["“näh”"]);
    }
}
