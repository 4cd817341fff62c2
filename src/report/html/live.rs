//! The page of a live classification: empty, filled by the script as records come.
//!
//! A page that serves this calls `fineprint.addRecord(record)` in its own script with each record
//! of [`crate::report::record`], in their order.

use std::io;

use maud::{Markup, html};

use super::{View, page};
use crate::report::record::Run;
use crate::report::summary::Scope;

/// The body of a page for the findings of `run`; `tools` stands above them, such as a form.
///
/// # Errors
/// As [`Scope::of`].
pub fn body(title: &str, run: &Run, tools: &Markup) -> io::Result<Markup> {
    let view = View { run: run.clone(), scope: Scope::of(run)? };
    Ok(html! {
        (page::masthead(title, run))
        main #report {
            (tools)
            (page::legend(&view))
            (page::toolbar(&view))
            div #documents {}
        }
        (page::foot(run))
    })
}
