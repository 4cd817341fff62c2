//! The ZIP archive around a DOCX file's parts.

use std::io::{Cursor, Read};

use memchr::memmem;
use zip::ZipArchive;
use zip::result::ZipError;

use super::super::{DocumentError, Format, encoding};
use super::{damaged, xml};
use crate::limits::{DOCX_ENTRIES, DOCX_PART_BYTES};

/// The part that nearly every file has its document in.
pub(super) const DOCUMENT: &str = "word/document.xml";

pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Package<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, DocumentError> {
        // Entries are counted before anything is made of them.
        let entries = memmem::find_iter(bytes, b"PK\x01\x02").take(DOCX_ENTRIES + 1).count();
        if entries > DOCX_ENTRIES {
            return Err(DocumentError::TooComplex {
                format: Format::Docx,
                what: "files",
                limit: DOCX_ENTRIES,
            });
        }
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| {
            damaged("its list of files cannot be read, as when a download was cut off")
        })?;
        Ok(Self { archive })
    }

    /// The part with the document, as the relations of the package name it.
    pub(super) fn document_name(&mut self) -> String {
        let relations = self.part("_rels/.rels").ok().flatten();
        let target = relations.and_then(|part| xml::document_target(&part));
        target.map_or_else(|| DOCUMENT.to_owned(), |t| t.trim_start_matches('/').to_owned())
    }

    /// The text of a part; nothing when there is none of that name.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<String>, DocumentError> {
        let file = match self.archive.by_name(name) {
            Ok(file) => file,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
                return Err(DocumentError::Encrypted { format: Format::Docx });
            }
            Err(_) => return Err(damaged(format!("its part {name} cannot be unpacked"))),
        };
        if file.encrypted() {
            return Err(DocumentError::Encrypted { format: Format::Docx });
        }
        let mut bytes = Vec::new();
        file.take(DOCX_PART_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|_| damaged(format!("its part {name} cannot be unpacked")))?;
        if bytes.len() as u64 > DOCX_PART_BYTES {
            return Err(DocumentError::TooComplex {
                format: Format::Docx,
                what: "unpacked bytes in one part",
                limit: DOCX_PART_BYTES as usize,
            });
        }
        Ok(Some(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => encoding::decode(error.as_bytes()).text,
        }))
    }
}
