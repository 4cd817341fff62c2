//! `fineprint labels`: the categories of a model, with definitions and crosswalks.

use std::io::Write;

use anyhow::Context;
use serde::Serialize;

use super::args::{LabelsArgs, PlainFormat};
use super::exit::Exit;
use super::printer::Printer;
use crate::label::{Category, Group, LabelSet, Stance, StanceEntry, Taxonomy};
use crate::model::{ModelConfig, ModelFiles};
use crate::report::terminal::{Palette, paint, printable, width, wrap};

/// Version of the JSON that this verb prints.
const SCHEMA: &str = "fineprint-labels/1";

/// The JSON output.
#[derive(Serialize)]
struct LabelsRecord<'a> {
    schema: &'static str,
    /// Where the model came from.
    model: &'a str,
    /// SHA-256 over the model's files.
    model_digest: &'a str,
    /// The stances that the model tells, with their IRIs; empty for a model without stances.
    stances: &'a [StanceEntry],
    /// The groups that the categories belong to, in display order.
    groups: Vec<&'a Group>,
    /// The categories in logit order.
    categories: &'a [Category],
}

/// Runs the verb.
pub(super) fn run(args: &LabelsArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let files = ModelFiles::read(&args.model.model)?;
    let labels = ModelConfig::from_json(&files.config)?
        .labels
        .with_context(|| format!("model {} has no labels: it is a bare encoder", files.origin))?;
    let mut out = printer.stdout();
    match args.format {
        PlainFormat::Json => {
            let taxonomy = Taxonomy::builtin();
            let record = LabelsRecord {
                schema: SCHEMA,
                model: &files.origin,
                model_digest: &files.digest(),
                stances: if labels.has_stance() { &taxonomy.stances } else { &[] },
                groups: groups(&labels),
                categories: labels.categories(),
            };
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

/// The taxonomy's groups that have a category in the label set.
fn groups(labels: &LabelSet) -> Vec<&'static Group> {
    let is_used = |group: &&Group| labels.categories().iter().any(|c| c.group == group.id);
    Taxonomy::builtin().groups.iter().filter(is_used).collect()
}

fn text(
    out: &mut impl Write,
    labels: &LabelSet,
    palette: &Palette,
    width: usize,
) -> std::io::Result<()> {
    let groups = groups(labels);
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
