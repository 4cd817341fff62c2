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

/// Deepest folder of a git tree that is read.
pub const GIT_TREE_DEPTH: usize = 128;

/// Most files that one git revision is walked for: a tree of few objects can name any number.
pub const GIT_FILES: usize = 2_000_000;

/// Largest git tree, commit or tag object that is read, in bytes: 64 MiB.
pub const GIT_OBJECT_BYTES: u64 = 64 << 20;

/// Longest chain of symbolic references or tags that is followed.
pub const GIT_REFERENCE_DEPTH: usize = 8;

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
