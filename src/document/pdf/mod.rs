//! PDF to text and its parts.
//!
//! A PDF places characters on pages and says little of words, and nothing of paragraphs. What is
//! shown is taken from the content streams ([`content`], through [`font`]s and their [`cmap`]s),
//! put into rows and columns ([`lines`]), rid of running headers and footers ([`running`]) and
//! joined to paragraphs ([`paragraphs`]). The object structure is `lopdf`'s business.

mod cmap;
mod content;
mod font;
mod lexer;
mod lines;
mod metrics;
mod paragraphs;
mod running;

use lopdf::{DecompressError, Dictionary, Document, Error, LoadOptions, Object, ObjectId};

use super::extracted::Extracted;
use super::{DocumentError, Format};
use crate::limits::{PDF_DEPTH, PDF_PAGES, PDF_STREAM_BYTES};
use content::{Budget, Interpreter};
use font::{dictionary, entry};

/// Reads a PDF; the places are numbers of pages.
pub(super) fn read(bytes: &[u8]) -> Result<Extracted, DocumentError> {
    let document = load(bytes)?;
    let mut budget = Budget::new();
    let mut pages = Vec::new();
    let mut heights = Vec::new();
    let mut with_images = 0;
    let (mut known, mut unknown) = (0usize, 0usize);
    for (number, page) in document.page_iter().enumerate() {
        if number >= PDF_PAGES {
            return Err(DocumentError::TooComplex {
                format: Format::Pdf,
                what: "pages",
                limit: PDF_PAGES,
            });
        }
        let shows = page_content(&document, page, &mut budget)?;
        with_images += usize::from(shows.images > 0);
        for c in shows.pieces.iter().flat_map(|piece| piece.text.chars()) {
            if c == '\u{fffd}' { unknown += 1 } else { known += 1 }
        }
        let turned = shows.pieces.iter().filter(|piece| matches!(piece.turn, Some(1 | 3))).count();
        heights.push(edges(&document, page, turned * 2 > shows.pieces.len()));
        pages.push(lines::rows(shows.pieces));
    }
    if unknown > known {
        return Err(DocumentError::Unmapped);
    }
    if known == 0 {
        return Err(match with_images {
            0 => DocumentError::Empty { format: Format::Pdf },
            pages => DocumentError::Scanned { pages },
        });
    }
    running::drop_running(&mut pages, &heights);
    let numbered: Vec<(u32, Vec<lines::Line>)> = pages
        .into_iter()
        .enumerate()
        .map(|(number, rows)| (number as u32 + 1, lines::lines(rows)))
        .collect();
    let extracted = paragraphs::assemble(&numbered);
    if extracted.is_empty() {
        return Err(DocumentError::Empty { format: Format::Pdf });
    }
    Ok(extracted)
}

fn load(bytes: &[u8]) -> Result<Document, DocumentError> {
    let options =
        LoadOptions { max_decompressed_size: Some(PDF_STREAM_BYTES), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(bytes, options).map_err(|error| {
        beyond_limit(&error).unwrap_or_else(|| match error {
            Error::InvalidPassword | Error::Decryption(_) => {
                DocumentError::Encrypted { format: Format::Pdf }
            }
            error => DocumentError::Damaged { format: Format::Pdf, reason: in_words(&error) },
        })
    })?;
    if document.trailer.has(b"Encrypt") {
        return Err(DocumentError::Encrypted { format: Format::Pdf });
    }
    Ok(document)
}

fn in_words(error: &Error) -> String {
    let text: String = error.to_string().chars().take(100).collect();
    format!(
        "its objects cannot be found, as when a download was cut off ({})",
        text.trim_end_matches('.').to_lowercase()
    )
}

/// The error of a stream that is larger than allowed.
fn beyond_limit(error: &Error) -> Option<DocumentError> {
    matches!(error, Error::Decompress(DecompressError::MemoryLimitExceeded { .. })).then_some(
        DocumentError::TooComplex {
            format: Format::Pdf,
            what: "unpacked bytes in one stream",
            limit: PDF_STREAM_BYTES,
        },
    )
}

fn page_content(
    document: &Document,
    page: ObjectId,
    budget: &mut Budget,
) -> Result<content::Shows, DocumentError> {
    let limit = budget.stream_bytes();
    let content = match document.get_page_content_with_limit(page, limit) {
        Ok(content) => content,
        Err(error) => match beyond_limit(&error) {
            Some(error) => return Err(error),
            None => Vec::new(),
        },
    };
    let resources = inherited(document, page, b"Resources").and_then(|resources| match resources {
        Object::Dictionary(dictionary) => Some(dictionary),
        _ => None,
    });
    let mut interpreter = Interpreter::new(document, budget);
    interpreter.run(&content, resources, 0)?;
    Ok(interpreter.finish())
}

/// An entry of a page, or of the nearest folder of the page tree above it that has it.
fn inherited<'a>(document: &'a Document, page: ObjectId, key: &[u8]) -> Option<&'a Object> {
    let mut node: &Dictionary = document.get_dictionary(page).ok()?;
    for _ in 0..PDF_DEPTH {
        if let Some(found) = entry(document, node, key) {
            return Some(found);
        }
        node = dictionary(document, node, b"Parent")?;
    }
    None
}

/// Lower and upper edge of a page, as its text runs.
fn edges(document: &Document, page: ObjectId, is_turned: bool) -> (f32, f32) {
    let frame =
        inherited(document, page, b"CropBox").or_else(|| inherited(document, page, b"MediaBox"));
    let numbers: Vec<f32> = frame
        .and_then(|frame| frame.as_array().ok())
        .map(|numbers| numbers.iter().filter_map(|number| number.as_float().ok()).collect())
        .unwrap_or_default();
    let [left, bottom, right, top] = numbers[..] else { return (0.0, 792.0) };
    if is_turned { (-right, -left) } else { (bottom.min(top), bottom.max(top)) }
}
