//! The comparison as text for terminals: quotes side by side where there is room.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::Range;

use anstyle::{AnsiColor, Style as Paint};
use unicode_width::UnicodeWidthStr;

use super::change::ChangeKind;
use super::record::{CategoryRecord, ChangeRecord, ChangeStatus, DiffRecord, QuoteRecord};
use crate::label::Stance;
use crate::report::terminal::{Palette, paint, printable, wrap};

/// Narrowest width at which two quotes stand side by side, in columns.
const SIDE_BY_SIDE: usize = 100;
/// Columns before a quote.
const INDENT: usize = 4;

/// How it looks.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// The colours.
    pub palette: Palette,
    /// The width to wrap to, in columns.
    pub width: usize,
    /// Most changes of a category that are shown; the most telling ones are.
    pub limit: usize,
}

impl Style {
    fn removed(&self) -> Paint {
        self.coloured(AnsiColor::Red)
    }

    fn added(&self) -> Paint {
        self.coloured(AnsiColor::Green)
    }

    fn coloured(&self, colour: AnsiColor) -> Paint {
        let paint = Paint::new().fg_color(Some(colour.into())).bold();
        if self.palette.is_coloured { paint } else { Paint::new() }
    }
}

/// Writes a comparison.
///
/// # Errors
/// The writer's.
pub fn render(out: &mut impl Write, record: &DiffRecord, style: &Style) -> io::Result<()> {
    let title =
        format!("{} → {}", printable(&record.old.document), printable(&record.new.document));
    writeln!(out, "{}", paint(style.palette.title, &title))?;
    let counts = &record.sentences;
    let summary = format!(
        "{} sentences unchanged ({} moved), {} reworded, {} added, {} removed",
        counts.unchanged, counts.moved, counts.reworded, counts.added, counts.removed
    );
    writeln!(out, "{}\n", paint(style.palette.dim, &summary))?;
    paragraph(out, &record.verdict, 0, style)?;
    for category in &record.categories {
        writeln!(out)?;
        self::category(out, category, style)?;
    }
    let expected = [(ChangeStatus::Accepted, "accepted"), (ChangeStatus::Suppressed, "suppressed")];
    let expected: Vec<String> = expected
        .into_iter()
        .map(|(status, word)| (record.count(status), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let kinds: Vec<String> = ChangeKind::ALL
        .into_iter()
        .map(|kind| (record.open(kind), kind))
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| format!("{count} {kind}"))
        .chain(expected)
        .collect();
    if !kinds.is_empty() {
        writeln!(out, "\nFindings: {}.", kinds.join(", "))?;
    }
    Ok(())
}

/// Writes what changed about one category.
///
/// # Errors
/// The writer's.
pub(crate) fn category(
    out: &mut impl Write,
    record: &CategoryRecord,
    style: &Style,
) -> io::Result<()> {
    let palette = &style.palette;
    let standing = if record.before == record.after {
        record.after.to_string()
    } else {
        format!("{} → {}", record.before, record.after)
    };
    writeln!(
        out,
        "{}  {}",
        paint(palette.category, &printable(&record.title)),
        paint(palette.dim, &standing)
    )?;
    paragraph(out, &record.verdict, 2, style)?;
    if let Some(choice) = &record.choice {
        paragraph(out, &format!("Choice nearby: “{choice}”"), 2, style)?;
    }
    let mut order: Vec<usize> = (0..record.changes.len()).collect();
    order.sort_by(|a, b| telling(&record.changes[*a]).total_cmp(&telling(&record.changes[*b])));
    order.truncate(style.limit);
    order.sort_unstable();
    for at in &order {
        change(out, &record.changes[*at], style)?;
    }
    let hidden = record.changes.len() - order.len();
    if hidden > 0 {
        let line = format!("  and {hidden} more (--all)");
        writeln!(out, "{}", paint(palette.dim, &line))?;
    }
    Ok(())
}

/// How little a change tells: what was expected and what was only reworded go last, the most
/// probable first.
fn telling(record: &ChangeRecord) -> f64 {
    let last = f64::from(u8::from(record.status != ChangeStatus::Open)) * 4.0
        + f64::from(u8::from(record.kind == ChangeKind::Reworded)) * 2.0;
    last - record.finding().map_or(0.0, |(_, probability)| probability)
}

fn change(out: &mut impl Write, record: &ChangeRecord, style: &Style) -> io::Result<()> {
    let palette = &style.palette;
    let mut head = format!("  {}", paint(palette.group, record.kind.as_str()));
    if let Some((stance, probability)) = record.finding() {
        let paint_of = match stance {
            Stance::Asserted => palette.asserted,
            Stance::Denied => palette.denied,
        };
        let _ = write!(head, "  {} {probability:.2}", paint(paint_of, stance.as_str()));
    }
    if record.moved {
        head.push_str("  moved");
    }
    if let Some(expectation) = record.expectation() {
        let _ = write!(head, "  {}", paint(palette.note, &printable(&expectation)));
    }
    writeln!(out, "{head}  {}", paint(palette.dim, &record.fingerprint))?;
    match (&record.old, &record.new) {
        (Some(old), Some(new)) if style.width >= SIDE_BY_SIDE => beside(out, old, new, style),
        (old, new) => {
            if let Some(old) = old {
                stacked(out, "-", old, style, style.removed())?;
            }
            new.as_ref().map_or(Ok(()), |new| stacked(out, "+", new, style, style.added()))
        }
    }
}

fn stacked(
    out: &mut impl Write,
    sign: &str,
    quote: &QuoteRecord,
    style: &Style,
    marked: Paint,
) -> io::Result<()> {
    let width = style.width.saturating_sub(INDENT + 2);
    for (i, (line, _)) in lines(quote, sign, width, style, marked).into_iter().enumerate() {
        let sign = if i == 0 { paint(marked, sign) } else { " ".to_owned() };
        writeln!(out, "{:INDENT$}{sign} {line}", "")?;
    }
    Ok(())
}

fn beside(
    out: &mut impl Write,
    old: &QuoteRecord,
    new: &QuoteRecord,
    style: &Style,
) -> io::Result<()> {
    let width = (style.width - INDENT - 7) / 2;
    let left = lines(old, "-", width, style, style.removed());
    let right = lines(new, "+", width, style, style.added());
    for row in 0..left.len().max(right.len()) {
        let (text, columns) = left.get(row).map_or(("", 0), |(text, n)| (text, *n));
        let other = right.get(row).map_or("", |(text, _)| text);
        let sign = |sign: &str, paint_of| {
            if row == 0 { paint(paint_of, sign) } else { " ".to_owned() }
        };
        let gap = " ".repeat(width.saturating_sub(columns));
        let (minus, plus) = (sign("-", style.removed()), sign("+", style.added()));
        let line = format!("{:INDENT$}{minus} {text}{gap} │ {plus} {other}", "");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The lines of a quote and its place, each with its width in columns.
fn lines(
    quote: &QuoteRecord,
    sign: &str,
    width: usize,
    style: &Style,
    marked: Paint,
) -> Vec<(String, usize)> {
    let (mut text, mut marks): (String, Vec<Range<usize>>) = (String::from("“"), Vec::new());
    for (piece, is_marked) in quote.pieces() {
        let start = text.len();
        let piece = printable(piece);
        if is_marked && !style.palette.is_coloured {
            let _ = write!(text, "[{sign}{piece}{sign}]");
        } else {
            text.push_str(&piece);
        }
        if is_marked {
            marks.push(start..text.len());
        }
    }
    text.push('”');
    let mut lines: Vec<(String, usize)> = Vec::new();
    for range in wrap(&text, width) {
        let line = text.get(range.clone()).unwrap_or_default();
        lines.push((painted(&text, range, &marks, marked), line.width()));
    }
    let section = quote.section.last().map(|title| format!(", {title}")).unwrap_or_default();
    let place = format!("line {}{section}", quote.line);
    let place = printable(&place);
    for range in wrap(&place, width) {
        let line = place.get(range).unwrap_or_default();
        lines.push((paint(style.palette.dim, line), line.width()));
    }
    lines
}

/// A line of a text with its marked words painted.
fn painted(text: &str, line: Range<usize>, marks: &[Range<usize>], marked: Paint) -> String {
    let mut out = String::new();
    let mut read = line.start;
    for mark in marks {
        let (start, end) = (mark.start.max(read), mark.end.min(line.end));
        if start < end {
            out.push_str(text.get(read..start).unwrap_or_default());
            out.push_str(&paint(marked, text.get(start..end).unwrap_or_default()));
            read = end;
        }
    }
    out.push_str(text.get(read..line.end).unwrap_or_default());
    out
}

/// Writes wrapped words.
///
/// # Errors
/// The writer's.
pub(crate) fn paragraph(
    out: &mut impl Write,
    text: &str,
    indent: usize,
    style: &Style,
) -> io::Result<()> {
    let text = printable(text);
    for line in wrap(&text, style.width.saturating_sub(indent)) {
        writeln!(out, "{:indent$}{}", "", text.get(line).unwrap_or_default())?;
    }
    Ok(())
}
