//! The form above the report: what to read or compare, how it goes on, and where changes go.

use maud::{Markup, html};

/// What a file may be, for the browser's dialog.
const FILES: &str = ".pdf,.docx,.html,.htm,.xhtml,.md,.markdown,.txt,.text";

/// The form, the progress of what runs, and the place of a comparison.
pub(super) fn form() -> Markup {
    html! {
        noscript { p.notice { "This page needs scripts. Without them, use the command line." } }
        form #ask .js autocomplete="off" {
            fieldset.modes {
                legend { "What to do" }
                label { input type="radio" name="mode" value="read" checked; " Read one document" }
                label { input type="radio" name="mode" value="compare"; " Compare two editions" }
            }
            p #where .facts {
                "Paste a text, or choose or drop a file: PDF, Word (DOCX), HTML, Markdown or plain \
                 text. It goes to this server and nowhere else."
            }
            div.sources {
                (source("document", "Document", "read"))
                (source("old", "Old edition", "compare"))
                (source("new", "New edition", "compare"))
            }
            div #key-row .row hidden {
                label for="key" { "Key of this server" }
                input #key type="password" autocomplete="off" spellcheck="false";
            }
            div.row {
                button #run .tool .main type="submit" { "Read" }
                button #cancel .tool type="button" hidden { "Cancel" }
                label.check {
                    input #any-language type="checkbox";
                    " Read other languages than the model's too"
                }
            }
        }
        div #running .js {
            progress #bar aria-labelledby="told" hidden {}
            p #told role="status" aria-live="polite" {}
            p #wrong role="alert" {}
        }
        section #comparison aria-label="What changed" {}
    }
}

/// A document to be pasted, chosen or dropped; shown in one of the modes.
fn source(name: &str, title: &str, mode: &str) -> Markup {
    let (text, file) = (format!("{name}-text"), format!("{name}-file"));
    html! {
        div.source data-source=(name) data-mode=(mode) hidden[mode != "read"] {
            label for=(text) { (title) }
            textarea id=(text) rows="9" spellcheck="false" aria-describedby="where" {}
            div.row {
                input id=(file) type="file" accept=(FILES) aria-label={ (title) ", as a file" };
                button.tool.remove type="button" hidden { "Remove the file" }
            }
        }
    }
}
