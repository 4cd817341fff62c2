//! Unpacking as one reads: gzip and zstd, told by their first bytes, with a bound on how much
//! they may grow.

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::limits::{EXPANSION_FREE_BYTES, EXPANSION_RATIO, ZSTD_WINDOW_BYTES};

/// What bytes are compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Gzip,
    Zstd,
}

impl Codec {
    fn of(head: &[u8]) -> Option<Self> {
        let skippable =
            |head: &[u8]| matches!(head, [low, 0x2a, 0x4d, 0x18, ..] if low & 0xf0 == 0x50);
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            head if skippable(head) => Some(Self::Zstd),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// A file's name without the extension of its compression.
pub(super) fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension))
            if ["gz", "zst"].iter().any(|e| extension.eq_ignore_ascii_case(e)) =>
        {
            stem
        }
        _ => name,
    }
}

/// What `reader` gives, unpacked if it is compressed.
///
/// # Errors
/// The reader's; [`io::ErrorKind::InvalidData`] with a message for people where data are damaged,
/// cut off, compressed twice or grow beyond [`EXPANSION_RATIO`].
pub(super) fn unpacked<'a>(mut reader: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let head = head_of(&mut reader)?;
    let codec = Codec::of(&head);
    let input = Cursor::new(head).chain(reader);
    let Some(codec) = codec else { return Ok(Box::new(input)) };
    let taken = Rc::new(Cell::new(0));
    let input = Counting { inner: input, taken: Rc::clone(&taken) };
    let inner: Box<dyn Read + 'a> = match codec {
        Codec::Gzip => Box::new(MultiGzDecoder::new(input)),
        Codec::Zstd => Box::new(ZstdFrames::new(input)),
    };
    let mut bounded = Bounded { inner, codec, taken, given: 0 };
    let head = head_of(&mut bounded)?;
    if let Some(inside) = Codec::of(&head) {
        return Err(invalid(format!(
            "it is compressed twice ({} inside {}): unpack it once",
            inside.name(),
            codec.name()
        )));
    }
    Ok(Box::new(Cursor::new(head).chain(bounded)))
}

/// The first four bytes, or all where there are fewer.
fn head_of(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(4);
    reader.by_ref().take(4).read_to_end(&mut head)?;
    Ok(head)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Counts what is read.
struct Counting<R> {
    inner: R,
    taken: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.taken.set(self.taken.get() + count as u64);
        Ok(count)
    }
}

/// Holds unpacked data to the bound, and puts errors into words.
struct Bounded<'a> {
    inner: Box<dyn Read + 'a>,
    codec: Codec,
    taken: Rc<Cell<u64>>,
    given: u64,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let name = self.codec.name();
        let count = self.inner.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                invalid(format!("its {name} data end too early: the file is cut off"))
            }
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                invalid(format!("its {name} data are damaged ({error})"))
            }
            _ => error,
        })?;
        self.given += count as u64;
        if self.given > EXPANSION_FREE_BYTES
            && self.given > self.taken.get().saturating_mul(EXPANSION_RATIO)
        {
            return Err(invalid(format!(
                "its {name} data grow to more than {EXPANSION_RATIO} times their size, more than \
                 any document does; unpack it yourself if that is right"
            )));
        }
        Ok(count)
    }
}

/// All frames of zstd data, one after another.
struct ZstdFrames<R> {
    source: R,
    decoder: FrameDecoder,
    is_open: bool,
}

impl<R: Read> ZstdFrames<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(ZSTD_WINDOW_BYTES);
        Self { source, decoder, is_open: false }
    }

    /// Starts the next frame; false at the end.
    fn open(&mut self) -> io::Result<bool> {
        loop {
            let head = head_of(&mut self.source)?;
            if head.is_empty() {
                return Ok(false);
            }
            let skipped = match self.decoder.reset(Cursor::new(head).chain(&mut self.source)) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => u64::from(length),
                Err(error) => return Err(in_words(&error)),
            };
            let passed = io::copy(&mut self.source.by_ref().take(skipped), &mut io::sink())?;
            if passed < skipped {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl<R: Read> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.is_open {
                self.is_open = self.open()?;
                if !self.is_open {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|error| in_words(&error))?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            if let (Some(told), Some(found)) =
                (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum())
                && told != found
            {
                return Err(invalid("the checksum does not fit".to_owned()));
            }
            self.is_open = false;
        }
    }
}

/// The decoder's error; an end of data shows by its cause.
fn in_words(error: &FrameDecoderError) -> io::Error {
    if let FrameDecoderError::WindowSizeTooBig { .. } = error {
        let mib = ZSTD_WINDOW_BYTES >> 20;
        return invalid(format!("its window is larger than {mib} MiB: pack it without --long"));
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::UnexpectedEof
        {
            return io::ErrorKind::UnexpectedEof.into();
        }
        cause = current.source();
    }
    // What the decoder says else is about its own works.
    let what = match error {
        FrameDecoderError::ReadFrameHeaderError(_) | FrameDecoderError::FrameHeaderError(_) => {
            "a frame's head cannot be read"
        }
        _ => "a block cannot be decoded",
    };
    invalid(what.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn read(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        unpacked(bytes)
            .and_then(|mut reader| reader.read_to_end(&mut out))
            .map(|_| out)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn both_kinds_unpack_in_one_piece_or_several() {
        assert_eq!(read(b"plain").unwrap(), b"plain");
        assert_eq!(read(b"x").unwrap(), b"x");
        assert_eq!(read(b"").unwrap(), b"");
        for pack in [gzip, zstd] {
            let (one, two) = (pack(b"We sell data. "), pack(b"We do not."));
            assert_eq!(read(&one).unwrap(), b"We sell data. ");
            assert_eq!(read(&[one, two].concat()).unwrap(), b"We sell data. We do not.");
            assert_eq!(read(&pack(b"")).unwrap(), b"");
        }
        let skippable =
            [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(b"text")].concat();
        assert_eq!(read(&skippable).unwrap(), b"text");
    }

    #[test]
    fn what_is_cut_off_damaged_or_packed_twice_is_said() {
        let text: Vec<u8> = (0..20_000u32).flat_map(|n| format!("{n} ").into_bytes()).collect();
        for (pack, name) in [(gzip as fn(&[u8]) -> Vec<u8>, "gzip"), (zstd, "zstd")] {
            let whole = pack(&text);
            assert_eq!(read(&whole).unwrap(), text);
            for cut in (4..whole.len()).step_by(whole.len() / 30) {
                let error = read(&whole[..cut]).unwrap_err();
                assert!(error.contains("cut off"), "{name} {cut}: {error}");
            }
            let mut damaged = whole.clone();
            for byte in &mut damaged[40..60] {
                *byte ^= 0x5a;
            }
            assert!(read(&damaged).is_err(), "{name}");
            let twice = read(&gzip(&whole)).unwrap_err();
            assert_eq!(
                twice,
                format!("it is compressed twice ({name} inside gzip): unpack it once")
            );
        }
    }

    #[test]
    fn a_bomb_is_stopped_long_before_its_end() {
        let bomb = gzip(&vec![b' '; 64 << 20]);
        let mut reader = unpacked(&bomb[..]).unwrap();
        let mut given = 0;
        let mut buffer = vec![0; 64 << 10];
        let error = loop {
            match reader.read(&mut buffer) {
                Ok(count) => given += count,
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("more than 256 times"), "{error}");
        assert!(given <= 20 << 20, "{given}");
    }

    #[test]
    fn names_lose_one_extension() {
        assert_eq!(stem("a/terms.html.gz"), "a/terms.html");
        assert_eq!(stem("terms.MD.ZST"), "terms.MD");
        assert_eq!(stem("terms.html"), "terms.html");
        assert_eq!(stem("gz"), "gz");
    }
}
