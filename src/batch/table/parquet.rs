//! Parquet, by row groups: only columns with plain values are decoded.

use std::fs::File;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use serde_json::Value;

use super::{Columns, Maker, keep, pages};
use crate::batch::read::{Failure, Source, describe};
use crate::guard::guarded;
use crate::limits::{PARQUET_BATCH_ROWS, PARQUET_CHUNK_BYTES, ROW_COLUMNS};

// What the crate says of a file is about its own works.
const DAMAGED: &str =
    "it is no Parquet file, or a damaged one; write it anew with the program that made it";

/// The rows of a file; a row's number counts them from 1.
pub(super) fn rows(file: File, maker: Maker) -> Result<super::Rows, String> {
    guarded(|| open(file, maker)).unwrap_or_else(|| Err(DAMAGED.to_owned()))
}

fn open(file: File, maker: Maker) -> Result<super::Rows, String> {
    let mut again = file.try_clone().map_err(|error| describe(&error))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|_| DAMAGED.to_owned())?;
    let schema = builder.schema().clone();
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    let Some(text) = names().position(|name| name == maker.text_column) else {
        return Err(maker.no_column(names()));
    };
    let kind = schema.field(text).data_type();
    if !is_text(kind) {
        return Err(format!("its column `{}` has {kind} and no text", maker.text_column));
    }
    let mut chosen = vec![text];
    let plain = schema
        .fields()
        .iter()
        .enumerate()
        .filter(|(i, field)| *i != text && is_plain(field.data_type()));
    chosen.extend(plain.map(|(i, _)| i).take(ROW_COLUMNS));
    let mask = ProjectionMask::roots(builder.parquet_schema(), chosen);
    let leaves = builder.parquet_schema().num_columns();
    for group in builder.metadata().row_groups() {
        for leaf in (0..leaves.min(group.num_columns())).filter(|leaf| mask.leaf_included(*leaf)) {
            let column = group.column(leaf);
            check_codec(column.compression())?;
            if column.uncompressed_size() > PARQUET_CHUNK_BYTES {
                let mib = PARQUET_CHUNK_BYTES >> 20;
                return Err(format!(
                    "a row group has more than {mib} MiB in one column: write smaller ones"
                ));
            }
            // Where the crate would panic.
            let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
            if start < 0 || column.compressed_size() < 0 {
                return Err(DAMAGED.to_owned());
            }
            let (start, length) = column.byte_range();
            pages::check(&mut again, start, length)?;
        }
    }
    let reader = builder
        .with_batch_size(PARQUET_BATCH_ROWS)
        .with_projection(mask)
        .build()
        .map_err(|_| DAMAGED.to_owned())?;
    Ok(Box::new(Rows { reader, maker, batch: None, next: 0, number: 0, is_done: false }))
}

fn check_codec(codec: Compression) -> Result<(), String> {
    match codec {
        Compression::UNCOMPRESSED
        | Compression::SNAPPY
        | Compression::GZIP(_)
        | Compression::LZ4
        | Compression::LZ4_RAW => Ok(()),
        other => {
            let name = other.to_string().to_lowercase();
            let name = name.split('(').next().unwrap_or_default().to_owned();
            Err(format!(
                "it is compressed with {name}, which fineprint cannot read: write it with snappy, \
                 gzip or lz4, for example by pyarrow's `write_table(…, compression=\"snappy\")`"
            ))
        }
    }
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Whether values of this type are passed on.
fn is_plain(kind: &DataType) -> bool {
    is_text(kind)
        || kind.is_integer()
        || matches!(
            kind,
            DataType::Boolean
                | DataType::Float32
                | DataType::Float64
                | DataType::Date32
                | DataType::Timestamp(..)
        )
}

struct Rows {
    reader: ParquetRecordBatchReader,
    maker: Maker,
    batch: Option<RecordBatch>,
    next: usize,
    number: usize,
    is_done: bool,
}

impl Iterator for Rows {
    type Item = Result<Source, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = &self.batch
                && self.next < batch.num_rows()
            {
                self.next += 1;
                self.number += 1;
                return Some(self.row(batch, self.next - 1));
            }
            if self.is_done {
                return None;
            }
            let reader = &mut self.reader;
            let reason = match guarded(|| reader.next()) {
                Some(Some(Ok(batch))) => {
                    self.batch = Some(batch);
                    self.next = 0;
                    continue;
                }
                Some(None) => {
                    self.is_done = true;
                    return None;
                }
                Some(Some(Err(_))) | None => "the file is damaged from here on".to_owned(),
            };
            self.is_done = true;
            return Some(Err(self.maker.failure(self.number + 1, reason)));
        }
    }
}

impl Rows {
    fn row(&self, batch: &RecordBatch, at: usize) -> Result<Source, Failure> {
        let mut text = None;
        let mut columns = Columns::new();
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let value = value(array.as_ref(), at);
            if *field.name() == self.maker.text_column {
                text = text.or(Some(value));
            } else {
                keep(&mut columns, field.name(), value);
            }
        }
        match text {
            Some(Value::String(text)) => {
                Ok(self.maker.row(self.number, text.into_bytes(), columns))
            }
            _ => Err(self.maker.failure(
                self.number,
                format!("row {}: `{}` is null", self.number, self.maker.text_column),
            )),
        }
    }
}

/// A value as JSON has it; dates and times as ISO 8601 writes them.
fn value(array: &dyn Array, at: usize) -> Value {
    macro_rules! number {
        ($kind:ty) => {
            Value::from(array.as_primitive::<$kind>().value(at))
        };
    }
    macro_rules! time {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value_as_datetime(at).map_or(Value::Null, |time| {
                Value::from(time.format("%Y-%m-%dT%H:%M:%S%.f").to_string())
            })
        };
    }
    if array.is_null(at) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => Value::from(array.as_string::<i32>().value(at)),
        DataType::LargeUtf8 => Value::from(array.as_string::<i64>().value(at)),
        DataType::Utf8View => Value::from(array.as_string_view().value(at)),
        DataType::Boolean => Value::from(array.as_boolean().value(at)),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Date32 => array
            .as_primitive::<Date32Type>()
            .value_as_date(at)
            .map_or(Value::Null, |date| Value::from(date.to_string())),
        DataType::Timestamp(TimeUnit::Second, _) => time!(TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => time!(TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => time!(TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => time!(TimestampNanosecondType),
        DataType::Dictionary(key, _) => match key.as_ref() {
            DataType::Int8 => entry::<Int8Type>(array, at),
            DataType::Int16 => entry::<Int16Type>(array, at),
            DataType::Int32 => entry::<Int32Type>(array, at),
            DataType::Int64 => entry::<Int64Type>(array, at),
            DataType::UInt8 => entry::<UInt8Type>(array, at),
            DataType::UInt16 => entry::<UInt16Type>(array, at),
            DataType::UInt32 => entry::<UInt32Type>(array, at),
            DataType::UInt64 => entry::<UInt64Type>(array, at),
            _ => Value::Null,
        },
        _ => Value::Null,
    }
}

/// A value of a dictionary.
fn entry<K: ArrowDictionaryKeyType>(array: &dyn Array, at: usize) -> Value {
    let dictionary = array.as_dictionary::<K>();
    match dictionary.key(at) {
        Some(key) if key < dictionary.values().len() => value(dictionary.values().as_ref(), key),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    #[test]
    fn a_codec_that_is_not_built_in_says_what_to_do() {
        let refused = check_codec(Compression::ZSTD(parquet::basic::ZstdLevel::default()));
        let reason = refused.unwrap_err();
        assert!(
            reason.starts_with("it is compressed with zstd, which fineprint cannot read: write")
        );
        assert!(check_codec(Compression::BROTLI(parquet::basic::BrotliLevel::default())).is_err());
        assert_eq!(check_codec(Compression::SNAPPY), Ok(()));
    }

    #[test]
    fn what_is_no_parquet_is_refused() {
        for bytes in
            [&b""[..], b"PAR1", b"PAR1PAR1", b"PAR1\xff\xff\xff\x7fPAR1", b"text,id\n1,2\n"]
        {
            let rows = read("t.parquet", bytes, ("text", false));
            assert!(rows.len() == 1 && rows[0].1.contains("no Parquet file"), "{rows:?}");
        }
    }
}
