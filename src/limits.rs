//! The bounds of what fineprint reads, in one place, with the reason for each.
//!
//! A bound exists where an input could otherwise make memory or time grow without measure.
//! Every error that a bound causes names the bound. Bounds of the model (tokens a sentence) belong
//! to the model folder, not here.

/// Largest document in bytes, whatever its format: 16 MiB.
///
/// The longest terms of service at hand have 0.2 MB; a saved web page with inlined images can
/// have several. Offsets inside a document fit 32 bits because of this bound.
pub const DOCUMENT_BYTES: usize = 16 << 20;

/// Deepest nesting of HTML elements that is tracked: 512, as in browsers.
///
/// Elements below are read as if they were not nested; their text is kept.
pub const HTML_DEPTH: usize = 512;

/// How often reading resumes after markup that was opened and never closed.
///
/// Each resumption reads the rest of the page anew, so the number keeps the time linear.
pub const HTML_RESUMPTIONS: usize = 8;

/// Longest section title that is kept, in bytes; longer ones are cut at a word.
///
/// Every block below a heading carries its path, so an endless heading must not be multiplied.
pub const SECTION_TITLE_BYTES: usize = 240;

/// Longest lead-in that is kept, in bytes; of a longer one its beginning and end are kept.
pub const LEAD_IN_BYTES: usize = 300;

/// How much of a document's visible text the language detection reads, in bytes (at most twice
/// as much, where its paragraphs are long).
pub const LANGUAGE_SAMPLE_BYTES: usize = 4 << 10;

/// How much of a file the search for its format and declared encoding reads, in bytes.
pub const SNIFF_BYTES: usize = 4 << 10;

/// Longest bracketed or quoted span, in bytes, inside which no sentence ends.
pub const PROTECTED_SPAN_BYTES: usize = 300;

/// Bytes that a cache file (`--cache`) may have unless told otherwise: 256 MiB, room for the
/// logits of 200,000 to 400,000 sentences of the shipped model.
pub const CACHE_BYTES: u64 = 256 << 20;

/// Memory for pages of the cache file: 8 MiB. The operating system keeps the others.
pub const CACHE_PAGES_BYTES: usize = 8 << 20;
