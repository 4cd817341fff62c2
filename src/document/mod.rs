//! Documents: from the bytes of a Markdown, HTML or plain text file to blocks of visible text that
//! know where they were written.
//!
//! Bad markup is no error: whatever can be read is read, in time that grows with the length alone,
//! and what had to be repaired is told as a [`Warning`]. This module reads no files and cuts no
//! sentences.

mod block;
mod encoding;
mod html;
mod language;
mod markdown;
mod outline;
mod position;
mod sniff;
mod text;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use memchr::memchr_iter;
use thiserror::Error;

pub use block::{Block, BlockKind};
use encoding::SourceMap;
pub use language::Language;
pub(crate) use outline::{
    enumeration_mark, is_bullet, is_capitals, is_roman, lead_in, starts_with_item_marker,
};
use position::{Unit, UnitIndex};

use crate::limits::DOCUMENT_BYTES;

/// How a document is marked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `CommonMark` with tables.
    Markdown,
    /// HTML as browsers read it.
    Html,
    /// No markup; structure shows by blank lines, indentation and marks.
    Text,
}

impl Format {
    /// The format that a file name's extension stands for.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "md" | "markdown" | "mdown" | "mkd" | "mdx" => Some(Self::Markdown),
            "html" | "htm" | "xhtml" | "xht" => Some(Self::Html),
            "txt" | "text" => Some(Self::Text),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Text => "text",
        })
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match name.to_ascii_lowercase().as_str() {
            "markdown" | "md" => Ok(Self::Markdown),
            "html" | "htm" => Ok(Self::Html),
            "text" | "txt" | "plain" => Ok(Self::Text),
            _ => Err(UnknownFormat { name: name.to_owned() }),
        }
    }
}

/// A name that stands for no format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown document format `{name}`: use markdown, html or text")]
pub struct UnknownFormat {
    /// The name as given.
    pub name: String,
}

/// How to read a document; the default finds everything out by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParseOptions {
    /// The format, if it is known.
    pub format: Option<Format>,
    /// The file's name: its extension decides the format where none is given; without a known
    /// extension the text's look decides.
    pub name: Option<String>,
    /// Every non-blank line is one ready-made sentence; no markup is read.
    pub lines: bool,
}

/// Why bytes are no document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The bytes are no text.
    #[error("this looks like {kind}, not text: {advice}")]
    NotText {
        /// What it seems to be.
        kind: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// The document is longer than fineprint reads.
    #[error(
        "the document has {bytes} bytes, more than the limit of {limit} (limits::DOCUMENT_BYTES): split it into parts"
    )]
    TooLarge {
        /// Its length in bytes.
        bytes: usize,
        /// The longest allowed.
        limit: usize,
    },
}

/// What had to be repaired while reading a document.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Bytes that stand for no character were replaced by U+FFFD.
    Malformed {
        /// The encoding that the document was read in.
        encoding: &'static str,
        /// How many places were replaced.
        count: usize,
        /// Offset of the first in the document's text.
        first: usize,
    },
    /// HTML markup was opened and never closed; reading went on behind it.
    Unclosed {
        /// What was opened (`comment`, `tag`, `title`, …).
        what: &'static str,
        /// Offset in the document's text.
        at: usize,
    },
    /// A script without an end hides the rest of the page, as in a browser.
    Hidden {
        /// Offset in the document's text.
        at: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { encoding, count, .. } => {
                write!(f, "{count} malformed byte sequence(s) were replaced (read as {encoding})")
            }
            Self::Unclosed { what, .. } => {
                write!(f, "an HTML {what} is opened and never closed; reading went on behind it")
            }
            Self::Hidden { .. } => {
                write!(
                    f,
                    "an HTML script is opened and never closed; it hides the rest of the page"
                )
            }
        }
    }
}

/// A document: its text and the blocks in it.
#[derive(Debug, Clone)]
pub struct Document {
    text: String,
    blocks: Vec<Block>,
    format: Format,
    encoding: &'static str,
    source: SourceMap,
    source_len: usize,
    lines: Vec<u32>,
    characters: UnitIndex,
    language: Option<Language>,
    warnings: Vec<Warning>,
}

impl Document {
    /// Reads a document of whatever format and encoding it seems to have.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        Self::parse_with(bytes, &ParseOptions::default())
    }

    /// Reads a document as `options` say.
    pub fn parse_with(bytes: &[u8], options: &ParseOptions) -> Result<Self, DocumentError> {
        if bytes.len() > DOCUMENT_BYTES {
            return Err(DocumentError::TooLarge { bytes: bytes.len(), limit: DOCUMENT_BYTES });
        }
        sniff::check_text(bytes)?;
        let decoded = encoding::decode(bytes);
        let mut warnings: Vec<Warning> = decoded.warning.into_iter().collect();
        let text = decoded.text;
        let extension = options.name.as_deref().and_then(|name| Some(name.rsplit_once('.')?.1));
        let format = match options.format.or_else(|| extension.and_then(Format::from_extension)) {
            _ if options.lines => Format::Text,
            Some(format) => format,
            None => sniff::format_of(&text),
        };
        let blocks = if options.lines {
            text::read_lines(&text)
        } else {
            match format {
                Format::Markdown => markdown::read(&text, &mut warnings),
                Format::Html => html::read(&text, &mut warnings),
                Format::Text => text::read(&text),
            }
        };
        Ok(Self {
            language: language::detect(&blocks),
            lines: memchr_iter(b'\n', text.as_bytes()).map(|at| at as u32 + 1).collect(),
            characters: UnitIndex::new(&text, Unit::Character),
            blocks,
            format,
            encoding: decoded.encoding.name(),
            source: decoded.source,
            source_len: bytes.len(),
            warnings,
            text,
        })
    }

    /// The decoded text, markup and all, without a byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The blocks in the order of the text.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// How the document was read.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The encoding that it was read in, by the name of the WHATWG standard (`UTF-8`).
    pub fn encoding(&self) -> &'static str {
        self.encoding
    }

    /// The language of the visible text; `None` where there is too little of it or none is clear.
    pub fn language(&self) -> Option<Language> {
        self.language
    }

    /// What had to be repaired.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The bytes of the original that `range` of [`text`](Self::text) was decoded from.
    ///
    /// Exact for UTF-8 (a byte order mark counted, malformed bytes included), UTF-16 and the
    /// encodings of one byte a character; `None` for the multi-byte legacy encodings.
    pub fn source_range(&self, range: Range<usize>) -> Option<Range<usize>> {
        self.source.map(&self.text, range, self.source_len)
    }

    /// Line and column of an offset in [`text`](Self::text), both counted from 1, the column in
    /// characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        let line = self.lines.partition_point(|start| *start as usize <= offset);
        let start =
            line.checked_sub(1).and_then(|at| self.lines.get(at)).map_or(0, |at| *at as usize);
        let before = |at| self.characters.before(&self.text, at);
        (line + 1, before(offset) - before(start) + 1)
    }
}
