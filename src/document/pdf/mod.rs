//! PDF to text and its parts.
use super::{DocumentError, Format, extracted::Extracted};
pub(super) fn read(_: &[u8]) -> Result<Extracted, DocumentError> {
    Err(DocumentError::Empty { format: Format::Pdf })
}
