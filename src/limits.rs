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

/// Most connections that `fineprint serve` holds open at once: 1,024.
///
/// One costs some 20 KiB while it reads a request's head. Slow clients take places until their
/// time is over, so there are more places than requests are worked on.
pub const SERVE_CONNECTIONS: usize = 1024;

/// Most headers of a request.
pub const SERVE_HEADERS: usize = 64;

/// Longest head of a request in bytes: 64 KiB.
pub const SERVE_HEAD_BYTES: usize = 64 << 10;

/// How long a client may take for a request's head, in milliseconds; also how long a connection
/// may be idle between requests.
pub const SERVE_HEAD_MS: u64 = 5_000;

/// How long a client may take for a request's body, in milliseconds, from its first byte to its
/// last: a trickle of bytes does not extend it.
pub const SERVE_BODY_MS: u64 = 10_000;

/// How long a client may leave an answer unread, in milliseconds.
pub const SERVE_UNREAD_MS: u64 = 30_000;

/// Longest body of a request that is no document, in bytes: 2 MiB.
pub const SERVE_BODY_BYTES: usize = 2 << 20;

/// Bytes of bodies that are held at once over all requests: 256 MiB.
pub const SERVE_BODIES_BYTES: usize = 256 << 20;

/// Most texts in a request.
pub const SERVE_TEXTS: usize = 256;

/// Longest single text in bytes: 32 KiB.
///
/// It is read as one sentence, in windows; a document belongs to `/v1/documents`.
pub const SERVE_TEXT_BYTES: usize = 32 << 10;

/// Most documents in a request.
pub const SERVE_DOCUMENTS: usize = 16;

/// Most tokens of a request: 262,144, about 1 MiB of text.
pub const SERVE_REQUEST_TOKENS: usize = 1 << 18;

/// Most tokens that wait at once over all requests: 1,048,576.
///
/// They take some 16 MiB. How long they may make anybody wait is bounded by [`SERVE_WAIT_MS`].
pub const SERVE_QUEUE_TOKENS: usize = 1 << 20;

/// Longest wait for its first results that a request is let in with, in milliseconds.
pub const SERVE_WAIT_MS: u64 = 2_000;

/// Most requests that are worked on at once.
pub const SERVE_REQUESTS: usize = 512;

/// Time in which a request must be answered, in milliseconds.
pub const SERVE_DEADLINE_MS: u64 = 60_000;

/// Time that a server which was told to stop gives accepted requests, in milliseconds.
pub const SERVE_GRACE_MS: u64 = 20_000;

/// How long a worker waits for a batch to fill, in microseconds.
pub const SERVE_FILL_US: u64 = 200;

/// Most keys in a `--keys` file, and the shortest key in characters.
pub const SERVE_KEYS: (usize, usize) = (1_000, 16);

/// Longest message of an error in bytes.
pub const SERVE_MESSAGE_BYTES: usize = 256;
