//! Where the records of a long run are kept while it goes on: `--output-dir`, or a folder beside
//! the file of `-o` that becomes the file at the end.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::args::{ClassifyArgs, OutputFormat};
use super::output::{self, shown_findings};
use super::printer::Printer;
use super::report;
use crate::batch::{
    Entry, Existing, Ledger, Manifest, RECORDS, Remaining, RunFolder, Shard, hand_over, now,
    remove_complete, remove_handed_over,
};
use crate::report::record::{Run, Status};
use crate::report::{DocumentReport, JsonLines, Report};

/// What is behind the name of a file whose records are not complete yet.
const PART: &str = ".part";

/// A run whose records are kept as they come.
#[derive(Debug)]
pub(super) struct Kept {
    folder: RunFolder,
    /// The file that the records become; none for `--output-dir`.
    file: Option<PathBuf>,
    shard: Option<Shard>,
    ledger: Ledger,
    started: String,
}

impl Kept {
    /// Opens the folder.
    pub(super) fn open(args: &ClassifyArgs, place: Place, run: &Run) -> anyhow::Result<Self> {
        let existing = match (args.resume, args.restart) {
            (true, _) => Existing::Resume,
            (_, true) => Existing::Restart,
            _ => Existing::Refuse,
        };
        let described = serde_json::to_value(run).context("cannot describe the run")?;
        let Place { folder: path, file } = place;
        let mut folder = RunFolder::open(&path, &described, existing)?;
        if folder.is_new() {
            JsonLines::new(folder.records())
                .begin(run)
                .with_context(|| output::cannot_write(Some(&path)))?;
            folder.begun()?;
        }
        Ok(Self { folder, file, shard: args.shard, ledger: Ledger::default(), started: now() })
    }

    /// The documents that were done before this process.
    pub(super) fn done(&self) -> &[Entry] {
        self.folder.done()
    }

    /// What is left of the inputs.
    pub(super) fn remaining<I>(&mut self, inputs: I) -> Remaining<I> {
        let (remaining, ledger) = Remaining::new(inputs, self.shard, self.folder.done());
        self.ledger = ledger;
        remaining
    }

    /// Writes a document's records.
    pub(super) fn document(
        &mut self,
        report: &DocumentReport,
        bytes: u64,
        sha256: Option<&str>,
        categories: &[String],
    ) -> anyhow::Result<()> {
        let path = self.folder.path().to_owned();
        let written = JsonLines::new(self.folder.records()).document(report);
        written.with_context(|| output::cannot_write(Some(&path)))?;
        let record = &report.document;
        let named = categories.iter().zip(&report.asserted).filter(|(_, count)| **count > 0);
        let entry = Entry {
            number: self.ledger.finished(&record.document, sha256),
            document: record.document.clone(),
            sha256: sha256.map(str::to_owned),
            status: record.status,
            reason: record.notice.clone().filter(|_| record.status == Status::Failed),
            source_bytes: bytes,
            sentences: record.sentence_count,
            findings: record.finding_count,
            asserted: named.map(|(name, _)| name.clone()).collect(),
            record_bytes: 0,
        };
        Ok(self.folder.document(entry)?)
    }

    /// Says that an input is not what it was when it was done, if one is.
    pub(super) fn check_inputs(&self) -> anyhow::Result<()> {
        match self.ledger.changed() {
            Some(changed) => {
                bail!("cannot go on: {changed} since it was classified; start over with --restart")
            }
            None => Ok(()),
        }
    }

    /// Makes what is written so far safe, for a run that stops.
    pub(super) fn checkpoint(&mut self) -> anyhow::Result<()> {
        Ok(self.folder.checkpoint()?)
    }

    /// Ends the run: its manifest appears, and the report or file in the format asked for.
    pub(super) fn finish(self, args: &ClassifyArgs, printer: &Printer) -> anyhow::Result<()> {
        let folder = self.folder.path().to_owned();
        let inputs = self.ledger.inputs();
        Manifest::seal(self.folder, self.shard, inputs, self.started)?;
        let records = folder.join(RECORDS);
        let render = |to: &Path| {
            let limit = shown_findings(args.all);
            report::write(std::slice::from_ref(&records), args.format, limit, Some(to), printer)
        };
        let Some(file) = self.file else {
            if let Some(extension) = args.format.extension() {
                render(&folder.join(format!("report.{extension}")))?;
            }
            return Ok(());
        };
        if args.format == OutputFormat::Jsonl {
            hand_over(&folder, &file).with_context(|| output::cannot_write(Some(&file)))?;
        } else {
            render(&file)?;
        }
        if let Err(error) = remove_complete(&folder) {
            let (file, folder) = (file.display(), folder.display());
            printer.warning(format_args!(
                "{file} is complete; {folder} is not needed any more and cannot be removed ({error})"
            ));
        }
        Ok(())
    }
}

/// Where records are kept.
pub(super) struct Place {
    folder: PathBuf,
    /// The file that they become; none for `--output-dir`.
    file: Option<PathBuf>,
}

/// Where the arguments ask for records to be kept; none where results go elsewhere.
pub(super) fn place(args: &ClassifyArgs) -> anyhow::Result<Option<Place>> {
    let reads_stdin = args.paths.is_empty() && args.files_from.is_none()
        || args.paths.iter().any(|path| path == Path::new("-"));
    if let Some(folder) = &args.output_dir {
        if reads_stdin {
            bail!("--output-dir: standard input cannot be read again; name files or folders");
        }
        return Ok(Some(Place { folder: folder.clone(), file: None }));
    }
    let file = args.output.as_ref().filter(|file| *file != Path::new("-"));
    // A device or a pipe is written to as it is.
    let file =
        file.filter(|file| std::fs::metadata(file).map_or(true, |metadata| metadata.is_file()));
    match file {
        Some(file) if is_for_long_runs(args.format) && !reads_stdin => {
            // A link keeps pointing to its file, which is what gets replaced.
            let file = std::fs::canonicalize(file).unwrap_or_else(|_| file.clone());
            let folder = part_of(&file);
            remove_handed_over(&folder)?;
            match std::fs::create_dir(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    Err(error).with_context(|| output::cannot_write(Some(&file)))
                }
                _ => Ok(Some(Place { folder, file: Some(file) })),
            }
        }
        _ if args.resume || args.restart => bail!(
            "--resume and --restart need files to read, and to write to --output-dir, or \
             `--format jsonl` or parquet with `-o FILE`"
        ),
        _ => Ok(None),
    }
}

/// Formats in which a corpus is kept; the others are made to be read, and soon made again.
fn is_for_long_runs(format: OutputFormat) -> bool {
    matches!(format, OutputFormat::Jsonl | OutputFormat::Parquet)
}

/// The folder in which the records of a file grow.
pub(super) fn part_of(file: &Path) -> PathBuf {
    let mut folder = file.as_os_str().to_owned();
    folder.push(PART);
    folder.into()
}
