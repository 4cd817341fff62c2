//! Documents over time: from the versions that a git repository recorded to a dated timeline of
//! what changed in what they say.
//!
//! [`tracks`] follows documents through the commits, renames included; [`timeline`] compares each
//! version with the one before it and classifies only sentences that changed; [`record`] is what
//! the output formats show. Nothing here decides where output goes.

mod html;
mod markdown;
pub mod record;
mod svg;
mod text;
mod timeline;
mod tracks;

pub use html::page as html;
pub use markdown::render as markdown;
pub use text::render as text;
pub use timeline::{Options, Scorer, timeline};
pub use tracks::{Selection, Track, Tracks, Version, tracks};
