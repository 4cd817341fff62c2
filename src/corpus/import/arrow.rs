//! Rows of Arrow's IPC streams, as `datasets` writes them with `save_to_disk`, as JSON objects.

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamDecoder;
use arrow_json::LineDelimitedWriter;
use serde_json::Value;

use super::Place;
use crate::corpus::CorpusError;
use crate::guard::guarded;

const DAMAGED: &str = "it is no Arrow stream, or a damaged one";

/// A whole file.
///
/// Decoded from memory: the crate's reader of files trusts the lengths that a file declares and
/// allocates them before it looks.
struct Stream {
    buffer: arrow_buffer::Buffer,
    decoder: StreamDecoder,
    file: String,
}

impl Stream {
    fn open(path: &Path) -> Result<Self, CorpusError> {
        let bytes = std::fs::read(path)
            .map_err(|source| CorpusError::Io { path: path.to_owned(), source })?;
        let (buffer, decoder) = (bytes.into(), StreamDecoder::new());
        Ok(Self { buffer, decoder, file: path.display().to_string() })
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, CorpusError> {
        let Self { buffer, decoder, file } = self;
        let decoded = guarded(|| match decoder.decode(buffer)? {
            None => decoder.finish().map(|()| None),
            batch => Ok(batch),
        });
        match decoded {
            Some(Ok(batch)) => Ok(batch),
            Some(Err(error)) => Err(CorpusError::file(file, format!("{DAMAGED} ({error})"))),
            None => Err(CorpusError::file(file, DAMAGED)),
        }
    }
}

/// The value of a key in the metadata of a file's schema.
pub(super) fn metadata(path: &Path, key: &str) -> Result<Option<String>, CorpusError> {
    let mut stream = Stream::open(path)?;
    let batch = stream.next()?;
    let schema = batch.map(|batch| batch.schema());
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
            Some(Err(error)) => return Err(CorpusError::file(&stream.file, error.to_string())),
            None => return Err(CorpusError::file(&stream.file, DAMAGED)),
        };
        for line in lines.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
            number += 1;
            each(Place::Row(number), serde_json::from_slice(line).map_err(|e| e.to_string()))?;
        }
    }
    Ok(())
}
