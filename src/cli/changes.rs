//! What `diff` and `history` have in common: which changes they output, in which format, and where.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::args::probability;
use super::output::{Output, cannot_write, shown_findings};
use super::printer::Printer;
use crate::compare::Style;

/// Which changes are output.
#[derive(Debug, Clone, Args)]
pub struct ChosenArgs {
    /// Output only changes of these categories; `fineprint labels` lists them.
    #[arg(long, value_name = "CATEGORY,…", value_delimiter = ',')]
    pub category: Vec<String>,
    /// Output only changes of which the old or the new finding has at least this probability.
    #[arg(long, value_name = "P", value_parser = probability)]
    pub min_probability: Option<f32>,
}

/// Where changes go.
#[derive(Debug, Clone, Args)]
pub struct ChangeOutputArgs {
    /// The output's format.
    #[arg(long, value_enum, default_value_t = ChangeFormat::Text, value_name = "FORMAT")]
    pub format: ChangeFormat,
    /// Write to FILE, which is replaced only once the output is complete.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The format of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChangeFormat {
    /// A report for people; quotes stand side by side on a terminal of 100 columns.
    Text,
    /// One JSON object.
    Json,
    /// Markdown, for a comment on a pull request.
    Markdown,
    /// One HTML page without anything from elsewhere.
    Html,
}

/// A record of changes, in the formats that are no JSON.
pub(super) trait Changes: Serialize {
    /// For people at a terminal.
    fn text(&self, out: &mut dyn Write, style: &Style) -> io::Result<()>;
    /// Markdown.
    fn markdown(&self) -> String;
    /// A page.
    fn html(&self) -> String;
}

impl ChangeOutputArgs {
    /// Opens the output, before anything that takes time.
    pub(super) fn open(&self, printer: &Printer) -> anyhow::Result<Output> {
        Output::open(self.output.as_deref(), printer)
    }

    /// Writes a record to the output, all changes of it or the most telling of each category.
    pub(super) fn write(
        &self,
        mut output: Output,
        record: &impl Changes,
        all: bool,
        printer: &Printer,
    ) -> anyhow::Result<()> {
        let out = &mut output;
        let written = match self.format {
            ChangeFormat::Text => {
                let (palette, width) = out.look(printer);
                let style = Style { palette, width, limit: shown_findings(all) };
                record.text(out, &style)
            }
            ChangeFormat::Json => serde_json::to_writer_pretty(&mut *out, record)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out)),
            ChangeFormat::Markdown => out.write_all(record.markdown().as_bytes()),
            ChangeFormat::Html => out.write_all(record.html().as_bytes()),
        };
        written.and_then(|()| output.commit()).with_context(|| cannot_write(self.output.as_deref()))
    }
}
