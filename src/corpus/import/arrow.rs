//! Rows of Arrow's IPC streams, as `datasets` writes them with `save_to_disk`, as JSON objects.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_json::LineDelimitedWriter;
use serde_json::Value;

use super::Place;
use crate::corpus::CorpusError;
use crate::guard::guarded;

const DAMAGED: &str = "it is no Arrow stream, or a damaged one";

/// Bytes that are read at a time.
const CHUNK: u64 = 1 << 20;

/// A file on its way through the decoder.
struct Stream<'a> {
    path: &'a Path,
    file: File,
    /// What was read and not decoded yet.
    buffer: Buffer,
    decoder: StreamDecoder,
}

impl<'a> Stream<'a> {
    fn open(path: &'a Path) -> Result<Self, CorpusError> {
        let io = |source| CorpusError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        Ok(Self { path, file, buffer: Buffer::default(), decoder: StreamDecoder::new() })
    }

    fn error(&self, reason: impl Into<String>) -> CorpusError {
        CorpusError::file(&self.path.display().to_string(), reason)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, CorpusError> {
        loop {
            if self.buffer.is_empty() {
                let mut chunk = Vec::new();
                let read = (&mut self.file).take(CHUNK).read_to_end(&mut chunk);
                read.map_err(|source| CorpusError::Io { path: self.path.to_owned(), source })?;
                self.buffer = chunk.into();
            }
            let Self { buffer, decoder, .. } = &mut *self;
            let is_over = buffer.is_empty();
            let decoded = guarded(|| {
                if is_over { decoder.finish().map(|()| None) } else { decoder.decode(buffer) }
            });
            match decoded {
                Some(Ok(None)) if !is_over => {}
                Some(Ok(batch)) => return Ok(batch),
                Some(Err(error)) => return Err(self.error(format!("{DAMAGED} ({error})"))),
                None => return Err(self.error(DAMAGED)),
            }
        }
    }
}

/// The value of a key in the metadata of a file's schema, which stands before its rows.
pub(super) fn metadata(path: &Path, key: &str) -> Result<Option<String>, CorpusError> {
    let mut stream = Stream::open(path)?;
    stream.next()?;
    let schema = stream.decoder.schema();
    Ok(schema.and_then(|schema| schema.metadata().get(key).cloned()))
}

/// Calls `each` with every row and its number from 1.
pub(super) fn rows(
    path: &Path,
    mut each: impl FnMut(Place, Result<Value, String>) -> Result<(), CorpusError>,
) -> Result<(), CorpusError> {
    let mut stream = Stream::open(path)?;
    let mut number = 0;
    while let Some(batch) = stream.next()? {
        let lines = guarded(|| {
            let mut writer = LineDelimitedWriter::new(Vec::new());
            writer.write(&batch)?;
            writer.finish().map(|()| writer.into_inner())
        });
        let lines = match lines {
            Some(Ok(lines)) => lines,
            Some(Err(error)) => return Err(stream.error(error.to_string())),
            None => return Err(stream.error(DAMAGED)),
        };
        for line in lines.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
            number += 1;
            each(Place::Row(number), serde_json::from_slice(line).map_err(|e| e.to_string()))?;
        }
    }
    Ok(())
}
