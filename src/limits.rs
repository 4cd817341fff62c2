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

/// Longest of git's own small files that is read (`.git`, a ref, `config`), in bytes.
pub const GIT_FILE_BYTES: u64 = 64 << 10;

/// Most files that are listed of one commit of a git repository, or that one commit changes.
///
/// The whole of Open Terms Archive's largest collection has some 10,000.
pub const GIT_FILES: usize = 200_000;

/// Deepest nesting of folders in a git repository.
pub const GIT_FOLDER_DEPTH: usize = 64;
/// Longest line of saved results, in bytes: 64 MiB, the longest document as one sentence, twice.
pub const RECORD_BYTES: usize = 64 << 20;

/// Most bytes of saved sentences of one document: 1 GiB, for the longest document in the shortest
/// sentences with all their probabilities.
pub const RECORD_DOCUMENT_BYTES: usize = 1 << 30;
/// How many times its size a compressed file may unpack to: 256.
///
/// Terms compress to a quarter or a fifth, tables of much repetition to a fiftieth; what grows
/// more is made to exhaust its reader.
pub const EXPANSION_RATIO: u64 = 256;

/// Unpacked bytes that are allowed whatever the ratio: 4 MiB.
pub const EXPANSION_FREE_BYTES: u64 = 4 << 20;

/// Largest window of zstd data, in bytes: 32 MiB, as much as `zstd` uses unless told `--long`.
pub const ZSTD_WINDOW_BYTES: u64 = 32 << 20;

/// Longest row of a table as it is written, in bytes: a text of the largest size and its escapes.
pub const ROW_BYTES: usize = 2 * DOCUMENT_BYTES;

/// Most columns of a row that are passed on into its record.
pub const ROW_COLUMNS: usize = 64;

/// Longest value of a column that is passed on, in bytes; longer ones are cut.
pub const ROW_VALUE_BYTES: usize = 1024;

/// Rows of a Parquet file that are decoded at once.
pub const PARQUET_BATCH_ROWS: usize = 64;

/// Largest page of a Parquet file when unpacked, in bytes: 64 MiB; writers aim at one.
pub const PARQUET_PAGE_BYTES: u64 = 64 << 20;

/// Largest column chunk of a Parquet file's row group when unpacked, in bytes: 1 GiB.
pub const PARQUET_CHUNK_BYTES: i64 = 1 << 30;

/// Most entries of a DOCX file: Word writes two dozen, and one for each image.
pub const DOCX_ENTRIES: usize = 10_000;

/// Largest part of a DOCX file when unpacked, in bytes: 64 MiB, some forty times the text in it.
pub const DOCX_PART_BYTES: u64 = 64 << 20;

/// Deepest nesting of elements in a DOCX file.
pub const DOCX_DEPTH: usize = 256;

/// Most pages of a PDF that are read.
pub const PDF_PAGES: usize = 20_000;

/// Largest stream of a PDF when unpacked, in bytes: 16 MiB.
pub const PDF_STREAM_BYTES: usize = 16 << 20;

/// Unpacked bytes of all content of a PDF together: 128 MiB.
pub const PDF_CONTENT_BYTES: usize = 128 << 20;

/// Pieces of text that a PDF shows, over all pages; a long contract has some ten thousand.
pub const PDF_PIECES: usize = 1 << 20;

/// Deepest nesting of forms in a PDF's pages, and of folders in its page tree.
pub const PDF_DEPTH: usize = 16;

/// How long the child process that reads a PDF may take, in seconds.
pub const PDF_SECONDS: u64 = 10;

/// Address space of the child process that reads a PDF, in bytes: 300 MiB, the program included.
pub const PDF_PROCESS_BYTES: u64 = 300 << 20;

/// Largest answer of that process, in bytes: the text, and a few numbers a paragraph.
pub const PDF_ANSWER_BYTES: u64 = 64 << 20;
/// Bytes that a cache file (`--cache`) may have unless told otherwise: 256 MiB, room for the
/// logits of 200,000 to 400,000 sentences of the shipped model.
pub const CACHE_BYTES: u64 = 256 << 20;

/// Memory for pages of the cache file: 8 MiB. The operating system keeps the others.
pub const CACHE_PAGES_BYTES: usize = 8 << 20;
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

/// Most texts in a request: a third of a second of work for two cores.
///
/// Their bytes and tokens are bounded apart, and in the queue they take turns with others.
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
/// A bound on memory: they take some 16 MiB. In time, what waits is bounded by [`SERVE_WAIT_MS`]
/// and [`SERVE_DEADLINE_MS`], as fits a machine of any speed; a bound of a few thousand tokens would
/// refuse every longer document while anything else waits.
pub const SERVE_QUEUE_TOKENS: usize = 1 << 20;

/// Longest wait for its first results that a request is let in with, in milliseconds.
pub const SERVE_WAIT_MS: u64 = 2_000;

/// Most requests that are worked on at once.
pub const SERVE_REQUESTS: usize = 512;

/// Time in which a request must be answered, in milliseconds.
///
/// Work that takes a third of it may wait; more is refused at once.
pub const SERVE_DEADLINE_MS: u64 = 30_000;

/// Time that a server which was told to stop gives accepted requests, in milliseconds.
pub const SERVE_GRACE_MS: u64 = 20_000;

/// How long a worker waits for a batch to fill, in microseconds.
pub const SERVE_FILL_US: u64 = 200;

/// Most keys in a `--keys` file, and the shortest key in characters.
pub const SERVE_KEYS: (usize, usize) = (1_000, 16);

/// Longest message of an error in bytes.
pub const SERVE_MESSAGE_BYTES: usize = 256;
