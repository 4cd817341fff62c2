//! What the pages of a Parquet file claim to unpack to, looked at before anything is unpacked: the
//! reader makes room for whatever a page claims.
//!
//! A page's header is a struct of Thrift's compact protocol, whose second and third fields are the
//! page's size unpacked and packed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use crate::limits::PARQUET_PAGE_BYTES;

/// How much is read of a page to find its header, in bytes: statistics can make it long.
const HEADERS: [u64; 2] = [4 << 10, 1 << 20];
/// The type that ends a struct.
const STOP: u8 = 0;
/// Deepest nesting of structs in a header; real ones have three.
const DEPTH: usize = 8;

/// Walks the pages of a column chunk of `length` bytes from `start`.
///
/// # Errors
/// A message when a page claims more than the limit, or its header makes no sense.
pub(super) fn check(file: &mut File, start: u64, length: u64) -> Result<(), String> {
    let end = start.saturating_add(length);
    let mut at = start;
    while at < end {
        let header = HEADERS.iter().find_map(|size| {
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(at)).ok()?;
            Read::by_ref(file).take((*size).min(end - at)).read_to_end(&mut bytes).ok()?;
            Header::read(&bytes)
        });
        let Some(header) = header else {
            return Err(format!("it is a damaged Parquet file (no page at byte {at})"));
        };
        if header.unpacked > PARQUET_PAGE_BYTES {
            let mib = PARQUET_PAGE_BYTES >> 20;
            return Err(format!("a page of it unpacks to more than {mib} MiB: write smaller ones"));
        }
        at = at.saturating_add(header.length + header.packed);
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Header {
    unpacked: u64,
    packed: u64,
    /// Its own length.
    length: u64,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Compact { bytes, at: 0 };
        let (mut unpacked, mut packed) = (None, None);
        let mut field = 0;
        loop {
            let kind = reader.field(&mut field)?;
            match (field, kind) {
                (_, STOP) => break,
                (2, 5) => unpacked = Some(u64::try_from(reader.integer()?).ok()?),
                (3, 5) => packed = Some(u64::try_from(reader.integer()?).ok()?),
                (_, kind) => reader.skip(kind, DEPTH)?,
            }
        }
        Some(Self { unpacked: unpacked?, packed: packed?, length: reader.at as u64 })
    }
}

/// Reads values of the compact protocol.
struct Compact<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Compact<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The type of the next field, whose number goes into `field`; [`STOP`] behind the last.
    fn field(&mut self, field: &mut i64) -> Option<u8> {
        let byte = self.byte()?;
        if byte == STOP {
            return Some(STOP);
        }
        *field = match byte >> 4 {
            0 => self.integer()?,
            step => *field + i64::from(step),
        };
        Some(byte & 0x0f)
    }

    fn pass(&mut self, count: u64) -> Option<()> {
        let left = (self.bytes.len() - self.at) as u64;
        (count <= left).then(|| self.at += count as usize)
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // Booleans of fields are in the type.
            1 | 2 => Some(()),
            3 => self.pass(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.pass(8),
            8 => {
                let length = self.varint()?;
                self.pass(length)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.varint()?,
                    few => u64::from(few),
                };
                for _ in 0..count {
                    // A boolean in a list takes a byte.
                    self.skip(if head & 0x0f <= 2 { 3 } else { head & 0x0f }, depth)?;
                }
                Some(())
            }
            12 => {
                let mut field = 0;
                loop {
                    match self.field(&mut field)? {
                        STOP => return Some(()),
                        kind => self.skip(kind, depth)?,
                    }
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A header of a data page with sizes below 64, statistics and a flag.
    const PAGE: [u8; 15] =
        [0x15, 0, 0x15, 20, 0x15, 6, 0x2c, 0x15, 4, 0x18, 2, b'a', b'b', 0x11, 0];

    #[test]
    fn headers_are_read_through_whatever_else_they_have() {
        let header = [&PAGE[..], &[0]].concat();
        let expected = Header { unpacked: 10, packed: 3, length: header.len() as u64 };
        assert_eq!(Header::read(&header), Some(expected));
        for cut in 0..header.len() {
            assert_eq!(Header::read(&header[..cut]), None, "{cut}");
        }
        assert_eq!(Header::read(&[0x15, 1, 0x15, 1, 0x15, 1, 0]), None, "negative sizes");
        assert_eq!(Header::read(&[0x1c; 100]), None, "deep structs");
    }

    #[test]
    fn a_page_that_claims_much_is_refused() {
        let page = [&PAGE[..], &[0], b"xyz"].concat();
        // 2^31 - 2 bytes, zigzag.
        let large = [0x15, 0, 0x15, 0xfc, 0xff, 0xff, 0xff, 0x0f, 0x15, 6, 0];
        let check = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            check(&mut file, 0, bytes.len() as u64)
        };
        assert_eq!(check(&[&page[..], &page].concat()), Ok(()));
        assert!(check(&[&page[..], &large].concat()).unwrap_err().contains("more than 64 MiB"));
        assert!(check(&page[..7]).unwrap_err().contains("no page at byte 0"));
    }
}
