//! Two editions of a document: which sentences belong together, and what changed in what they say.
//!
//! Sentences are aligned by their words and not by line ([`align`]), so that renumbering, dates,
//! link targets and reflow are no change. From the alignment and the findings of both editions
//! follow changes by category ([`compare`]), their records ([`record`]) and the output formats.
//! Nothing here reads files or runs the model.

mod align;
mod change;
mod exact;
mod expected;
mod fail_on;
mod form;
mod html;
mod markdown;
mod marks;
pub mod record;
mod similar;
mod text;
mod verdict;

pub use align::{Alignment, Link, align};
pub use change::{
    Change, ChangeKind, Comparison, Place, Standing, Statement, Tally, align_statements, compare,
    statements,
};
pub use expected::{Baseline, Expected, Suppression};
pub use fail_on::FailOn;
pub use form::{Form, Lexicon};
pub use html::{STYLE, page as html};
pub(crate) use html::{
    category as html_category, frame as html_frame, key as html_key, tools as html_tools,
};
pub(crate) use markdown::category as markdown_category;
pub use markdown::render as markdown;
pub use marks::marks;
pub use text::{Style, render as text};
pub(crate) use text::{category as text_category, paragraph as text_paragraph};
pub use verdict::wording;
