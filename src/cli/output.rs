//! Where results go: a file or standard output, in one of the formats.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use tempfile::SpooledTempFile;

use super::args::OutputFormat;
use super::printer::Printer;
use crate::batch::AtomicFile;
use crate::label::LabelSet;
use crate::report::record::Run;
use crate::report::terminal::{Palette, width};
use crate::report::{
    Csv, Html, Json, JsonLd, JsonLines, Markdown, Parquet, Report, Sarif, Text, TextOptions,
};

/// Findings of a category that the text report shows of a document unless told `--all`.
const SHOWN_FINDINGS: usize = 5;
/// Bytes of an HTML report that are held in memory; the rest waits in a temporary file.
const SPOOL_BYTES: usize = 8 << 20;

/// How many findings of a category the text report shows of a document.
pub(super) fn shown_findings(all: bool) -> usize {
    if all { usize::MAX } else { SHOWN_FINDINGS }
}

impl OutputFormat {
    /// Refuses an output that the format cannot be written to.
    pub(super) fn check_output(self, path: Option<&Path>) -> anyhow::Result<()> {
        if self == Self::Parquet && path.is_none_or(|path| path == Path::new("-")) {
            bail!("Parquet cannot be written to standard output: name a file with --output");
        }
        Ok(())
    }

    /// What a report in a run's folder ends with; none for those that the folder's records are.
    pub(super) fn extension(self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Jsonl => None,
            Self::Json => Some("json"),
            Self::Csv => Some("csv"),
            Self::Parquet => Some("parquet"),
            Self::Sarif => Some("sarif"),
            Self::Jsonld => Some("jsonld"),
            Self::Markdown => Some("md"),
            Self::Html => Some("html"),
        }
    }

    /// Whether sentences without findings are output: HTML shows findings in their text.
    pub(super) fn shows_all_sentences(self, asked: bool) -> bool {
        match self {
            Self::Html => true,
            // They show findings only, so the records would be made in vain.
            Self::Text | Self::Markdown | Self::Sarif | Self::Jsonld => false,
            Self::Json | Self::Jsonl | Self::Csv | Self::Parquet => asked,
        }
    }

    /// The writer of the format for a run's results.
    ///
    /// `limit` is how many findings of a category the text report shows of a document.
    pub(super) fn writer<'a>(
        self,
        output: &'a mut Output,
        run: &Run,
        limit: usize,
        printer: &Printer,
    ) -> anyhow::Result<Box<dyn Report + 'a>> {
        Ok(match self {
            Self::Json => Box::new(Json::new(output)),
            Self::Jsonl => Box::new(JsonLines::new(output)),
            Self::Csv => Box::new(Csv::new(output)),
            Self::Parquet => Box::new(Parquet::new(output)),
            Self::Sarif => Box::new(Sarif::new(output)),
            Self::Jsonld => Box::new(JsonLd::new(output)),
            Self::Markdown => Box::new(Markdown::new(output)),
            Self::Html => {
                let spool = output.spool();
                Box::new(Html::new(output, spool))
            }
            Self::Text => {
                let labels = LabelSet::new(&run.categories, run.has_stance)?;
                let (palette, width) = output.look(printer);
                let categories: Result<Vec<usize>, _> =
                    run.options.category.iter().map(|name| labels.category(name)).collect();
                let options = TextOptions {
                    palette,
                    width,
                    limit,
                    categories: categories?,
                    stance: run.options.stance,
                };
                Box::new(Text::new(output, labels, options))
            }
        })
    }
}

/// Where the report goes.
pub(super) enum Output {
    Stdout(Box<dyn Write + Send>),
    File(BufWriter<AtomicFile>),
}

impl Output {
    /// Opens standard output, or the file that will be replaced on [`commit`](Self::commit).
    pub(super) fn open(path: Option<&Path>, printer: &Printer) -> anyhow::Result<Self> {
        match path {
            Some(path) if path != Path::new("-") => {
                let file = AtomicFile::create(path).with_context(|| cannot_write(Some(path)))?;
                Ok(Self::File(BufWriter::with_capacity(64 << 10, file)))
            }
            _ => Ok(Self::Stdout(Box::new(printer.stdout()))),
        }
    }

    /// The colours and the width of text that is written there.
    pub(super) fn look(&self, printer: &Printer) -> (Palette, usize) {
        let to_stdout = matches!(self, Self::Stdout(_));
        let is_coloured =
            if to_stdout { printer.colours_stdout() } else { printer.colours_files() };
        (Palette::new(is_coloured), width(if to_stdout { printer.columns() } else { None }))
    }

    /// A place for what cannot be written yet; beside the file, so that its disk is the same.
    fn spool(&self) -> SpooledTempFile {
        match self {
            Self::Stdout(_) => tempfile::spooled_tempfile(SPOOL_BYTES),
            Self::File(out) => tempfile::spooled_tempfile_in(SPOOL_BYTES, out.get_ref().folder()),
        }
    }

    /// Writes what is buffered, and gives a file its name.
    pub(super) fn commit(self) -> io::Result<()> {
        match self {
            Self::Stdout(mut out) => out.flush(),
            Self::File(out) => out.into_inner().map_err(io::IntoInnerError::into_error)?.commit(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::File(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            // Nobody reads the file before it is complete.
            Self::File(_) => Ok(()),
        }
    }
}

/// What an error of writing says first.
pub(super) fn cannot_write(path: Option<&Path>) -> String {
    match path {
        Some(path) if path != Path::new("-") => format!("cannot write {}", path.display()),
        _ => "cannot write to standard output".to_owned(),
    }
}
