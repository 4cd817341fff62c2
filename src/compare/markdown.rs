//! The comparison as Markdown, for a comment on a pull request.

use std::fmt::Write;

use super::record::{CategoryRecord, ChangeRecord, DiffRecord, QuoteRecord};
use crate::report::markdown_escape as escape;

/// Renders a comparison.
pub fn render(record: &DiffRecord) -> String {
    let mut out = format!(
        "## What changed from {} to {}\n\n{}\n",
        escape(&record.old.document),
        escape(&record.new.document),
        escape(&record.verdict)
    );
    for one in &record.categories {
        category(&mut out, one, 3);
    }
    let counts = &record.sentences;
    let _ = write!(
        out,
        "\n<sub>{} sentences unchanged, {} reworded, {} added, {} removed. Model {} ({}), fineprint \
         {}. No legal advice.</sub>\n",
        counts.unchanged,
        counts.reworded,
        counts.added,
        counts.removed,
        escape(&record.tool.model),
        record.tool.model_digest.get(..12).unwrap_or_default(),
        record.tool.tool_version
    );
    out
}

/// Renders what changed about one category, under a heading of that level.
pub(crate) fn category(out: &mut String, record: &CategoryRecord, level: usize) {
    let standing = if record.before == record.after {
        record.after.to_string()
    } else {
        format!("{} → {}", record.before, record.after)
    };
    let _ = write!(
        out,
        "\n{} {} ({standing})\n\n{}\n\n",
        "#".repeat(level),
        escape(&record.title),
        escape(&record.verdict)
    );
    if let Some(choice) = &record.choice {
        let _ = write!(out, "Choice nearby: “{}”\n\n", escape(choice));
    }
    record.changes.iter().for_each(|one| change(out, one));
}

fn change(out: &mut String, record: &ChangeRecord) {
    let _ = write!(out, "- **{}**", record.kind);
    if let Some((stance, probability)) = record.finding() {
        let _ = write!(out, ", {stance} {probability:.2}");
    }
    if record.moved {
        out.push_str(", moved");
    }
    if let Some(expectation) = record.expectation() {
        let _ = write!(out, ", _{}_", escape(&expectation));
    }
    let _ = writeln!(out, " (`{}`)", record.fingerprint);
    for (quote, sign, mark) in [(&record.old, "−", "~~"), (&record.new, "+", "**")] {
        if let Some(quote) = quote {
            let _ = writeln!(out, "  > {sign} “{}” ({})  ", marked(quote, mark), place(quote));
        }
    }
}

fn place(quote: &QuoteRecord) -> String {
    let section = quote.section.last().map(|title| format!(", {}", escape(title)));
    format!("line {}{}", quote.line, section.unwrap_or_default())
}

fn marked(quote: &QuoteRecord, mark: &str) -> String {
    let piece = |(text, is_marked): (&str, bool)| {
        let text = escape(text);
        if is_marked { format!("{mark}{text}{mark}") } else { text }
    };
    quote.pieces().into_iter().map(piece).collect()
}
