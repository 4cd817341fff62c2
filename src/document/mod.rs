//! Documents: from the bytes of a Markdown, HTML, plain text, DOCX or PDF file to blocks of visible
//! text that know where they were written.
//!
//! Bad markup is no error: whatever can be read is read, in time that grows with the length alone,
//! and what had to be repaired is told as a [`Warning`]. This module reads no files and cuts no
//! sentences.

mod block;
mod docx;
mod encoding;
mod extracted;
mod html;
mod language;
mod markdown;
mod outline;
mod pdf;
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
pub use extracted::Extracted;
use extracted::Places;
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
    /// Office Open XML, as word processors write it.
    Docx,
    /// Pages of placed letters.
    Pdf,
}

impl Format {
    /// The format that a file name's extension stands for.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "md" | "markdown" | "mdown" | "mkd" | "mdx" => Some(Self::Markdown),
            "html" | "htm" | "xhtml" | "xht" => Some(Self::Html),
            "txt" | "text" => Some(Self::Text),
            "docx" | "docm" | "dotx" => Some(Self::Docx),
            "pdf" => Some(Self::Pdf),
            _ => None,
        }
    }

    /// The format that bytes are in, where they are no text but a document all the same.
    pub fn of_binary(bytes: &[u8]) -> Option<Self> {
        sniff::binary_format(bytes)
    }

    /// Whether documents of this format are text, with places in bytes, lines and columns.
    pub fn is_text(self) -> bool {
        !matches!(self, Self::Docx | Self::Pdf)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Text => "text",
            Self::Docx => "docx",
            Self::Pdf => "pdf",
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
            "docx" => Ok(Self::Docx),
            "pdf" => Ok(Self::Pdf),
            _ => Err(UnknownFormat { name: name.to_owned() }),
        }
    }
}

/// A name that stands for no format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown document format `{name}`: use markdown, html, text, docx or pdf")]
pub struct UnknownFormat {
    /// The name as given.
    pub name: String,
}

/// How to read a document; the default finds everything out by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParseOptions {
    /// The format, if it is known.
    pub format: Option<Format>,
    /// The file's name: its extension decides the format of a text where none is given; without
    /// a known extension the text's look decides. DOCX and PDF are told by their bytes.
    pub name: Option<String>,
    /// Every non-blank line (of DOCX and PDF every paragraph) is one ready-made sentence; no
    /// markup is read.
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
    /// The bytes are not of the format that was asked for.
    #[error("this is no {} file, as --input-format says: leave that option out", .format.to_string().to_uppercase())]
    OtherFormat {
        /// The format asked for.
        format: Format,
    },
    /// The file does not hold together.
    #[error(
        "this {} file is damaged: {reason}; save it anew with the program that made it",
        .format.to_string().to_uppercase()
    )]
    Damaged {
        /// Its format.
        format: Format,
        /// What is wrong.
        reason: String,
    },
    /// The file opens only with a password.
    #[error(
        "this {} file is encrypted and opens only with a password: save a copy without one",
        .format.to_string().to_uppercase()
    )]
    Encrypted {
        /// Its format.
        format: Format,
    },
    /// There is no text in the file.
    #[error("this {} file has no text", .format.to_string().to_uppercase())]
    Empty {
        /// Its format.
        format: Format,
    },
    /// The pages of a PDF are pictures.
    #[error(
        "this PDF file has {pages} page(s) of images and no text, as a scan does: recognise its \
         text first, for example with `ocrmypdf`"
    )]
    Scanned {
        /// How many pages have images.
        pages: usize,
    },
    /// The letters of a PDF cannot be told.
    #[error(
        "this PDF file does not say which letters its fonts show: print or save it anew as PDF, \
         or recognise its text, for example with `ocrmypdf --force-ocr`"
    )]
    Unmapped,
    /// The file has more of something than fineprint reads.
    #[error(
        "this {} file has too many {what}, more than the limit of {limit}",
        .format.to_string().to_uppercase()
    )]
    TooComplex {
        /// Its format.
        format: Format,
        /// Of what.
        what: &'static str,
        /// The most allowed.
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
    encoding: Option<&'static str>,
    source: SourceMap,
    source_len: usize,
    lines: Vec<u32>,
    characters: UnitIndex,
    places: Places,
    language: Option<Language>,
    warnings: Vec<Warning>,
}

/// Where in a document without lines something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On a page of a PDF, from 1.
    Page(usize),
    /// In a paragraph of a DOCX file, from 1; those without text are not counted.
    Paragraph(usize),
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
        if let Some(format) = Format::of_binary(bytes)
            && options.format.is_none_or(|asked| asked == format)
        {
            return Ok(Self::from_extracted(extract(bytes, format)?, format, options));
        }
        if let Some(format) = options.format.filter(|format| !format.is_text()) {
            return Err(DocumentError::OtherFormat { format });
        }
        sniff::check_text(bytes)?;
        let decoded = encoding::decode(bytes);
        sniff::check_decoded(&decoded)?;
        let mut warnings: Vec<Warning> = decoded.warning.into_iter().collect();
        let text = decoded.text;
        let extension = options.name.as_deref().and_then(|name| Some(name.rsplit_once('.')?.1));
        let named = || extension.and_then(Format::from_extension).filter(|f| f.is_text());
        let format = match options.format.or_else(named) {
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
                Format::Text | Format::Docx | Format::Pdf => text::read(&text),
            }
        };
        Ok(Self {
            encoding: Some(decoded.encoding.name()),
            source: decoded.source,
            source_len: bytes.len(),
            warnings,
            ..Self::of_text(text, blocks, format)
        })
    }

    /// A document of text that was taken out of a file of that format, which may have been done
    /// elsewhere; `options` matter but for the format.
    pub fn from_extracted(extracted: Extracted, format: Format, options: &ParseOptions) -> Self {
        let blocks = extracted.blocks(options.lines);
        let (text, places) = extracted.into_text();
        Self { places, ..Self::of_text(text, blocks, format) }
    }

    fn of_text(text: String, blocks: Vec<Block>, format: Format) -> Self {
        Self {
            language: language::detect(&blocks),
            lines: memchr_iter(b'\n', text.as_bytes()).map(|at| at as u32 + 1).collect(),
            characters: UnitIndex::new(&text, Unit::Character),
            blocks,
            format,
            encoding: None,
            source: SourceMap::Unknown,
            source_len: 0,
            places: Places::default(),
            warnings: Vec::new(),
            text,
        }
    }

    /// The decoded text, markup and all, without a byte order mark; of DOCX and PDF the text
    /// taken out of them.
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

    /// The encoding that it was read in, by the name of the WHATWG standard (`UTF-8`); none for
    /// DOCX and PDF.
    pub fn encoding(&self) -> Option<&'static str> {
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
    /// encodings of one byte a character; `None` for the multi-byte legacy encodings, DOCX and PDF.
    pub fn source_range(&self, range: Range<usize>) -> Option<Range<usize>> {
        self.source.map(&self.text, range, self.source_len)
    }

    /// The characters before and up to the end of `range` of [`text`](Self::text): the range
    /// counted in characters.
    pub fn character_range(&self, range: Range<usize>) -> Range<usize> {
        let before = |at| self.characters.before(&self.text, at);
        before(range.start)..before(range.end)
    }

    /// The page or paragraph of an offset in [`text`](Self::text), in formats that have them.
    pub fn place(&self, offset: usize) -> Option<Place> {
        let number = self.places.at(offset)?;
        Some(match self.format {
            Format::Pdf => Place::Page(number),
            _ => Place::Paragraph(number),
        })
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

/// Refuses the beginning of a file that is no text.
///
/// # Errors
/// [`DocumentError::NotText`].
pub(crate) fn check_text(head: &[u8]) -> Result<(), DocumentError> {
    sniff::check_text(head)
}

/// Takes the text out of a DOCX or PDF file.
///
/// In-process: a PDF that is made to exhaust its reader is bounded in memory and steps, but a
/// program that reads those of strangers does better to call this in a process of its own.
///
/// # Errors
/// [`DocumentError`] when the file is damaged, encrypted, without text, or beyond a bound.
pub fn extract(bytes: &[u8], format: Format) -> Result<Extracted, DocumentError> {
    match format {
        Format::Docx => docx::read(bytes),
        Format::Pdf => pdf::read(bytes),
        Format::Markdown | Format::Html | Format::Text => {
            Err(DocumentError::OtherFormat { format })
        }
    }
}
