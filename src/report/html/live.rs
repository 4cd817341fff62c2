//! The page of a live classification: empty, filled by the script as records come.
//!
//! A page that serves this calls `fineprint.addRecord(record)` in its own script with each record
//! of [`crate::report::record`], in their order.

use std::io;

use maud::{Markup, html};

use super::{View, page};
use crate::report::record::Run;
use crate::report::summary::Scope;

/// The script that makes a document's summary, `fineprint.summary(sentences)`, once all of its
/// sentences are there.
pub const SUMMARY: &str = include_str!("summary.js");

/// The body of a page for the findings of `run`; `tools` stands above them, such as a form.
///
/// # Errors
/// As [`Scope::of`].
pub fn body(title: &str, run: &Run, tools: &Markup) -> io::Result<Markup> {
    let view = View { run: run.clone(), scope: Scope::of(run)? };
    Ok(html! {
        (page::masthead("fineprint report", title, run.into()))
        main #report {
            (tools)
            (page::legend(&view))
            (page::toolbar(&view))
            div #documents {}
        }
        (page::foot(run.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::page::Page;
    use crate::report::record::{RunOptions, SCHEMA};

    #[test]
    fn a_live_page_runs_its_own_script_and_may_ask_its_server() {
        let run = Run {
            schema: SCHEMA.to_owned(),
            tool: "fineprint".to_owned(),
            tool_version: "0".to_owned(),
            model: "/home/someone/model".to_owned(),
            model_digest: "d".repeat(64),
            engine: "int8".to_owned(),
            language: "en".to_owned(),
            categories: vec!["ai-training".to_owned(), "<own>".to_owned()],
            has_stance: true,
            options: RunOptions::default(),
        };
        let form = html! { p { "a form" } };
        let body = body("Read a text", &run, &form).unwrap();
        let scripts = ["fineprint.addRecord({})"];
        let page =
            Page { title: "Read", body: &body, styles: &[], scripts: &scripts, may_connect: true };
        let made = page.render().into_string();
        assert!(made.contains("connect-src 'self'; img-src data:; style-src 'sha256-"));
        // printf 'fineprint.addRecord({})' | openssl dgst -sha256 -binary | base64
        assert!(made.contains("'sha256-o6y+1L+6h6LeTWAK/fgid4rgEXpukwdS+T3Wx41Wg5c='"), "{made}");
        assert!(made.contains("<p>a form</p>") && made.contains("id=\"documents\"></div>"));
        assert!(made.contains("&lt;own&gt;") && !made.contains("<own>"));
        assert!(!made.contains("/home/someone"));
        let without = Page { scripts: &[], may_connect: false, ..page };
        assert!(!without.render().into_string().contains("connect-src"));
    }
}
