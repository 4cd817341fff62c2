//! `fineprint labels`: the categories of a model, with definitions and crosswalks.

use std::io::Write;

use anyhow::Context;

use super::args::{LabelsArgs, PlainFormat};
use super::exit::Exit;
use super::printer::Printer;
use crate::label::{Category, LabelSet, Stance};
use crate::model::{ModelConfig, ModelFiles};
use crate::report::LabelsRecord;
use crate::report::terminal::{Palette, paint, printable, width, wrap};

/// Runs the verb.
pub(super) fn run(args: &LabelsArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let files = ModelFiles::read(&args.model.source())?;
    let labels = ModelConfig::from_json(&files.config)?
        .labels
        .with_context(|| format!("model {} has no labels: it is a bare encoder", files.origin))?;
    let mut out = printer.stdout();
    match args.format {
        PlainFormat::Json => {
            let record = LabelsRecord::new(&labels, &files.origin, &files.digest());
            serde_json::to_writer_pretty(&mut out, &record).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        PlainFormat::Text => {
            let palette = Palette::new(printer.colours_stdout());
            text(&mut out, &labels, &palette, width(printer.columns()))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn text(
    out: &mut impl Write,
    labels: &LabelSet,
    palette: &Palette,
    width: usize,
) -> std::io::Result<()> {
    let groups = labels.groups();
    for group in &groups {
        writeln!(out, "{}", paint(palette.group, &group.title))?;
        writeln!(out)?;
        for category in labels.categories().iter().filter(|c| c.group == group.id) {
            one(out, category, labels.has_stance(), palette, width)?;
        }
    }
    let is_foreign = |c: &&Category| !groups.iter().any(|g| g.id == c.group);
    for category in labels.categories().iter().filter(is_foreign) {
        one(out, category, labels.has_stance(), palette, width)?;
    }
    let stances = if labels.has_stance() { "asserted and denied" } else { "without stances" };
    writeln!(out, "{} categories, {stances}.", labels.len())
}

fn one(
    out: &mut impl Write,
    category: &Category,
    has_stance: bool,
    palette: &Palette,
    width: usize,
) -> std::io::Result<()> {
    const LABEL: usize = 10;
    let id = paint(palette.category, &printable(&category.id));
    if category.title == category.id {
        writeln!(out, "  {id}")?;
    } else {
        writeln!(out, "  {id}  {}", category.title)?;
    }
    let mut row = |label: &str, style, value: &str| {
        let indent = 4 + LABEL;
        for (i, line) in wrap(value, width.saturating_sub(indent)).into_iter().enumerate() {
            let label = if i == 0 { label } else { "" };
            let value = value.get(line).unwrap_or_default();
            writeln!(out, "    {}{value}", paint(style, &format!("{label:LABEL$}")))?;
        }
        Ok::<(), std::io::Error>(())
    };
    row(Stance::Asserted.as_str(), palette.asserted, &category.asserted)?;
    if has_stance {
        row(Stance::Denied.as_str(), palette.denied, &category.denied)?;
    }
    row("DPV", palette.dim, &category.dpv.join(" "))?;
    row("OPP-115", palette.dim, &category.opp115.join("; "))?;
    writeln!(out)
}
