//! `fineprint read-pdf`: the other end of [`crate::batch`]'s process for PDFs; not for people.

use std::io::{self, Read, Write};

use super::exit::Exit;
use super::printer::Printer;
use crate::batch::{Answer, confine};
use crate::document::{Format, extract};
use crate::limits::DOCUMENT_BYTES;

/// Runs the verb.
pub(super) fn run(printer: &Printer) -> anyhow::Result<Exit> {
    confine()?;
    let mut bytes = Vec::new();
    io::stdin().lock().take(DOCUMENT_BYTES as u64).read_to_end(&mut bytes)?;
    let answer: Answer = extract(&bytes, Format::Pdf).map_err(|error| error.to_string());
    let mut out = printer.stdout();
    serde_json::to_writer(&mut out, &answer)?;
    out.flush()?;
    Ok(Exit::Done)
}
