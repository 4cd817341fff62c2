//! The HTML report: one file that needs no network, and reads without scripts.
//!
//! [`page`] is the frame with styles, script and security policy; `article` a document with its
//! findings in place; `summary` its table; `overview` the table over a corpus. The script
//! (`report.js`) filters, jumps and copies, and can append records to a live page, with the same
//! markup. All text is escaped by `maud`.

mod article;
pub mod live;
mod overview;
pub mod page;
mod summary;

use std::io::{self, Read, Seek, Write};

use maud::{PreEscaped, html};

use super::record::Run;
use super::summary::{Scope, Summary};
use super::{DocumentReport, Report};

/// Where the documents go in the page; it cannot occur in one, since their `<` are escaped.
const PLACE: &str = "<!--documents-->";

/// Writes the HTML report.
///
/// Documents go to a spool as they come, since the overview stands before them; in memory stay
/// their names and counts.
#[derive(Debug)]
pub struct Html<W, S> {
    out: W,
    spool: S,
    view: Option<View>,
    rows: Vec<overview::Row>,
}

/// What all parts of a page need to know.
#[derive(Debug)]
pub(super) struct View {
    run: Run,
    scope: Scope,
}

impl<W: Write, S: Read + Write + Seek> Html<W, S> {
    /// Writes to `out`; `spool` is an empty place for the documents until the overview is known.
    pub fn new(out: W, spool: S) -> Self {
        Self { out, spool, view: None, rows: Vec::new() }
    }
}

impl<W: Write, S: Read + Write + Seek> Report for Html<W, S> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.view = Some(View { run: run.clone(), scope: Scope::of(run)? });
        Ok(())
    }

    fn document(&mut self, report: &DocumentReport) -> io::Result<()> {
        let Some(view) = &self.view else { return Err(super::not_begun()) };
        super::check_finite(report)?;
        let summary = Summary::of(report, view.scope.labels());
        let number = self.rows.len() + 1;
        let article = article::article(view, number, report, &summary);
        self.spool.write_all(article.into_string().as_bytes())?;
        self.rows.push(overview::Row::new(report, summary));
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(view) = &self.view else { return Err(super::not_begun()) };
        let title = match self.rows.as_slice() {
            [only] => format!("What {} says", file_name(&only.name)),
            rows => format!("What {} documents say", rows.len()),
        };
        let body = html! {
            (page::masthead("fineprint report", &title, (&view.run).into()))
            main id="report" {
                (page::legend(view))
                @if self.rows.len() > 1 { (overview::overview(view, &self.rows)) }
                (page::toolbar(view))
                div id="documents" { (PreEscaped(PLACE)) }
            }
            (page::foot((&view.run).into()))
        };
        let page = page::Page {
            title: &title,
            body: &body,
            styles: &[],
            scripts: &[],
            may_connect: false,
        };
        let page = page.render().into_string();
        let (before, after) = page.split_once(PLACE).unwrap_or((&page, ""));
        self.out.write_all(before.as_bytes())?;
        self.spool.rewind()?;
        io::copy(&mut self.spool, &mut self.out)?;
        self.out.write_all(after.as_bytes())?;
        self.out.flush()
    }
}

/// The last part of a path, or all of it where it has none.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(path)
}

/// The `id` of a document's article, and the prefix of the ids of its sentences: those of the
/// first document are `s0`, `s1`…, those of the second `d2-s0`…
pub(super) fn prefix(number: usize) -> String {
    if number <= 1 { String::new() } else { format!("d{number}-") }
}
