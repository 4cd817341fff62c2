//! The history as Markdown.

use std::fmt::Write;

use super::record::HistoryRecord;
use super::text::{short, summary};
use crate::compare::markdown_category;
use crate::report::markdown_escape;

/// Renders a history.
pub fn render(record: &HistoryRecord) -> String {
    let mut out = format!("# History of {}\n", markdown_escape(&record.repository));
    for document in &record.documents {
        let _ = write!(
            out,
            "\n## {}\n\n{}\n",
            markdown_escape(&document.document),
            markdown_escape(&summary(document))
        );
        for event in &document.events {
            let _ = write!(
                out,
                "\n### {} (commit {})\n\n{}\n",
                event.moment.date,
                short(&event.moment),
                markdown_escape(&event.verdict)
            );
            event.categories.iter().for_each(|one| markdown_category(&mut out, one, 4));
        }
        if !document.passed_over.is_empty() {
            out.push_str("\n### Versions passed over\n\n");
        }
        for one in &document.passed_over {
            let (date, commit) = (one.moment.date, short(&one.moment));
            let _ = writeln!(out, "- {date} ({commit}): {}", markdown_escape(&one.reason));
        }
    }
    let _ = write!(
        out,
        "\n<sub>Model {} ({}), fineprint {}. No legal advice.</sub>\n",
        markdown_escape(&record.tool.model),
        record.tool.model_digest.get(..12).unwrap_or_default(),
        record.tool.tool_version
    );
    out
}
