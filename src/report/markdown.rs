//! Markdown: a summary of each document, for issues, notes and pull requests.
//!
//! A table of category × stance with the most telling sentence, and what is not said. Whatever
//! comes from a document is escaped, so that it can neither format nor link.

use std::io::{self, Write};

use super::record::{Run, Status};
use super::summary::{NO_ADVICE, Scope, Summary, facts, place, plural, quote};
use super::{DocumentReport, Report, check_finite, not_begun};

/// Writes the Markdown summary.
#[derive(Debug)]
pub struct Markdown<W> {
    out: W,
    scope: Option<Scope>,
    made_by: String,
    documents: usize,
    failed: usize,
}

impl<W: Write> Markdown<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, scope: None, made_by: String::new(), documents: 0, failed: 0 }
    }
}

impl<W: Write> Report for Markdown<W> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        let digest: String = run.model_digest.chars().take(12).collect();
        self.made_by =
            format!("{} {}, model {} ({digest})", run.tool, run.tool_version, escape(&run.model));
        self.scope = Some(Scope::of(run)?);
        writeln!(self.out, "# What the documents say")?;
        let options = &run.options;
        if options.stance.is_some()
            || options.min_probability.is_some()
            || !options.category.is_empty()
        {
            let stance = options.stance.map_or("both".to_owned(), |stance| stance.to_string());
            let least = options.min_probability.unwrap_or(0.0);
            let categories = match options.category.as_slice() {
                [] => "all".to_owned(),
                some => escape(&some.join(", ")),
            };
            let chosen = format!(
                "categories: {categories}; stance: {stance}; probability: at least {least}"
            );
            writeln!(self.out, "\nOnly findings of this choice are shown: {chosen}.")?;
        }
        self.out.flush()
    }

    fn document(&mut self, report: &DocumentReport) -> io::Result<()> {
        check_finite(report)?;
        let Some(scope) = &self.scope else { return Err(not_begun()) };
        let record = &report.document;
        self.documents += 1;
        writeln!(self.out, "\n## {}", escape(&record.document))?;
        let notice = escape(record.notice.as_deref().unwrap_or_default());
        match record.status {
            Status::Failed => {
                self.failed += 1;
                writeln!(self.out, "\nNot read: {notice}")?;
            }
            Status::OtherLanguage => writeln!(self.out, "\nNot classified: {notice}")?,
            Status::Classified => {
                writeln!(self.out, "\n{}", escape(&facts(report).join(" · ")))?;
                if !notice.is_empty() {
                    writeln!(self.out, "\n{notice}")?;
                }
                classified(&mut self.out, scope, report)?;
            }
        }
        self.out.flush()
    }

    fn end(&mut self) -> io::Result<()> {
        writeln!(self.out, "\n---\n")?;
        let documents = plural(self.documents, "document");
        writeln!(self.out, "{documents}, {} not read. {}. {NO_ADVICE}", self.failed, self.made_by)?;
        self.out.flush()
    }
}

/// The table of a document, and what it does not speak of.
fn classified(out: &mut impl Write, scope: &Scope, report: &DocumentReport) -> io::Result<()> {
    let summary = Summary::of(report, scope.labels());
    let said: Vec<usize> = scope.categories().filter(|&c| !summary.is_silent(c)).collect();
    if !said.is_empty() {
        write!(out, "\n| category |")?;
        for stance in scope.stances() {
            write!(out, " {} |", scope.stance_title(stance))?;
        }
        write!(out, " most telling sentence |\n|---|")?;
        scope.stances().try_for_each(|_| write!(out, "--:|"))?;
        writeln!(out, "---|")?;
    }
    for category in said {
        write!(out, "| {} |", escape(scope.title(category)))?;
        for stance in scope.stances() {
            write!(out, " {} |", summary.cell(category, stance).count)?;
        }
        let mut quotes = Vec::new();
        for stance in scope.stances() {
            let cell = summary.cell(category, stance);
            let Some(sentence) = report.sentences.get(cell.best).filter(|_| cell.count > 0) else {
                continue;
            };
            let label =
                if scope.labels().has_stance() { format!("*{stance}* ") } else { String::new() };
            let (quote, place) = (quote(sentence), place(sentence));
            quotes.push(format!(
                "{label}{:.2}: “{}” ({})",
                cell.probability,
                escape(&quote),
                escape(&place)
            ));
        }
        writeln!(out, " {} |", quotes.join("<br>"))?;
    }
    let silent: Vec<String> = scope
        .categories()
        .filter(|&c| summary.is_silent(c))
        .map(|c| escape(scope.title(c)))
        .collect();
    if !silent.is_empty() {
        writeln!(out, "\n**Not said** (no statement found): {}.", silent.join(", "))?;
    }
    Ok(())
}

/// Text in which no character has a meaning in Markdown, HTML, a table or a template, on one line,
/// and which neither links, nor mentions people or issues.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // Renderers make links of `https:`, `name@host`, `@name` and `#1` without further marks.
            ':' => safe.push_str("&#58;"),
            '@' => safe.push_str("&#64;"),
            '#' => safe.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '!' | '|' | '~' | '$' => {
                safe.extend(['\\', c]);
            }
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    // So they do of addresses.
    safe.replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_cannot_format_link_or_mention() {
        let text = "[a](https://x) <img> **b** `c` | d\n# e a@b {{f}} #1 @team www.e.example";
        assert_eq!(
            escape(text),
            "\\[a\\](https&#58;//x) &lt;img&gt; \\*\\*b\\*\\* \\`c\\` \\| d &#35; e a&#64;b \\{\\{f\\}\\} \
             &#35;1 &#64;team www&#46;e.example"
        );
    }
}
