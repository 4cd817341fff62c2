//! Parquet: one row a sentence, for data frames and query engines.
//!
//! Columns: `document`, `index`, `text`, `quote` (as in the records: null where it equals `text`),
//! `start_byte`, `end_byte`, `line`, `column`, `section` (list of headings), `lead_in`, `kind`,
//! `findings` (list of `category`, `stance`, `probability`, and with evidence `evidence`, a list of
//! `text`, `start`, `end`, `weight`), and with probabilities `probabilities` (list of `category`,
//! `probability`, `denied`). The file's key-value metadata has `fineprint.schema`,
//! `fineprint.model_digest` and, as JSON, `fineprint.run`. Documents that were not classified have
//! no row.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::builder::{
    Float32Builder, Int64Builder, ListBuilder, StringBuilder, StructBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::record::{EvidenceRecord, FindingRecord, Probabilities, Run, SentenceRecord, rounded};
use super::{DocumentReport, Report, check_finite, not_begun};

/// Rows that are handed to the encoder at once.
const BATCH_ROWS: usize = 4096;
/// Most rows of a row group.
const GROUP_ROWS: usize = 64 << 10;
/// About the most bytes of a row group, all of which are in memory while it is written.
const GROUP_BYTES: usize = 16 << 20;

/// Writes a Parquet file.
///
/// A row group is in memory until it is full, so that memory does not depend on the number of
/// rows. The output must be a file: what is written before [`Report::end`] is not readable.
pub struct Parquet<W: Write + Send> {
    out: Option<W>,
    open: Option<Open<W>>,
}

/// A file whose header is written.
struct Open<W: Write + Send> {
    writer: ArrowWriter<W>,
    columns: Columns,
}

impl<W: Write + Send> std::fmt::Debug for Parquet<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parquet").field("is_open", &self.open.is_some()).finish_non_exhaustive()
    }
}

impl<W: Write + Send> Parquet<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out: Some(out), open: None }
    }
}

impl<W: Write + Send> Report for Parquet<W> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        let Some(out) = self.out.take() else { return Err(not_begun()) };
        let columns = Columns::new(run);
        let entry = |key: &str, value: String| KeyValue::new(format!("fineprint.{key}"), value);
        let properties = WriterProperties::builder()
            .set_created_by(format!("{} {}", run.tool, run.tool_version))
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            .set_key_value_metadata(Some(vec![
                entry("schema", run.schema.clone()),
                entry("model_digest", run.model_digest.clone()),
                entry("run", serde_json::to_string(run)?),
            ]))
            .build();
        let schema = Arc::clone(&columns.schema);
        let writer = ArrowWriter::try_new(out, schema, Some(properties)).map_err(io_error)?;
        self.open = Some(Open { writer, columns });
        Ok(())
    }

    fn document(&mut self, report: &DocumentReport) -> io::Result<()> {
        check_finite(report)?;
        let Some(Open { writer, columns }) = &mut self.open else { return Err(not_begun()) };
        for sentences in report.sentences.chunks(BATCH_ROWS) {
            for sentence in sentences {
                columns.append(sentence)?;
            }
            let batch = columns.finish().map_err(io::Error::other)?;
            writer.write(&batch).map_err(io_error)?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(mut open) = self.open.take() else { return Err(not_begun()) };
        open.writer.finish().map_err(io_error)?;
        open.writer.inner_mut().flush()
    }
}

/// Lists of structures, in the builders of Arrow.
type Structs = ListBuilder<StructBuilder>;

/// The columns of the rows that are being gathered.
struct Columns {
    schema: Arc<Schema>,
    document: StringBuilder,
    index: Int64Builder,
    text: StringBuilder,
    quote: StringBuilder,
    start_byte: Int64Builder,
    end_byte: Int64Builder,
    line: Int64Builder,
    column: Int64Builder,
    section: ListBuilder<StringBuilder>,
    lead_in: StringBuilder,
    kind: StringBuilder,
    findings: Structs,
    has_evidence: bool,
    probabilities: Option<Structs>,
}

/// A field of text or numbers.
fn field(name: &str, data_type: DataType, is_nullable: bool) -> Field {
    Field::new(name, data_type, is_nullable)
}

/// A list of what is never null, as a type.
fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, false)))
}

/// A builder of lists of structures without nulls.
fn structs(fields: &Fields, builders: StructBuilder) -> Structs {
    ListBuilder::new(builders).with_field(Field::new(
        "item",
        DataType::Struct(fields.clone()),
        false,
    ))
}

fn evidence_fields() -> Fields {
    Fields::from(vec![
        field("text", DataType::Utf8, false),
        field("start", DataType::Int64, false),
        field("end", DataType::Int64, false),
        field("weight", DataType::Float32, false),
    ])
}

fn finding_fields(has_evidence: bool) -> Fields {
    let mut fields = vec![
        field("category", DataType::Utf8, false),
        field("stance", DataType::Utf8, false),
        field("probability", DataType::Float32, false),
    ];
    if has_evidence {
        fields.push(field("evidence", list(DataType::Struct(evidence_fields())), false));
    }
    Fields::from(fields)
}

fn probability_fields() -> Fields {
    Fields::from(vec![
        field("category", DataType::Utf8, false),
        field("probability", DataType::Float32, false),
        field("denied", DataType::Float32, true),
    ])
}

impl Columns {
    fn new(run: &Run) -> Self {
        let has_evidence = run.options.explain;
        let findings = finding_fields(has_evidence);
        let mut builders: Vec<Box<dyn arrow_array::builder::ArrayBuilder>> = vec![
            Box::new(StringBuilder::new()),
            Box::new(StringBuilder::new()),
            Box::new(Float32Builder::new()),
        ];
        if has_evidence {
            let fields = evidence_fields();
            let inner = StructBuilder::from_fields(fields.clone(), 0);
            builders.push(Box::new(structs(&fields, inner)));
        }
        let mut fields = vec![
            field("document", DataType::Utf8, false),
            field("index", DataType::Int64, false),
            field("text", DataType::Utf8, false),
            field("quote", DataType::Utf8, true),
            field("start_byte", DataType::Int64, true),
            field("end_byte", DataType::Int64, true),
            field("line", DataType::Int64, false),
            field("column", DataType::Int64, false),
            field("section", list(DataType::Utf8), false),
            field("lead_in", DataType::Utf8, true),
            field("kind", DataType::Utf8, false),
            field("findings", list(DataType::Struct(findings.clone())), false),
        ];
        let probabilities = run.options.probabilities.then(|| {
            let inner = probability_fields();
            fields.push(field("probabilities", list(DataType::Struct(inner.clone())), false));
            structs(&inner, StructBuilder::from_fields(inner.clone(), 0))
        });
        Self {
            schema: Arc::new(Schema::new(fields)),
            document: StringBuilder::new(),
            index: Int64Builder::new(),
            text: StringBuilder::new(),
            quote: StringBuilder::new(),
            start_byte: Int64Builder::new(),
            end_byte: Int64Builder::new(),
            line: Int64Builder::new(),
            column: Int64Builder::new(),
            section: ListBuilder::new(StringBuilder::new()).with_field(Field::new(
                "item",
                DataType::Utf8,
                false,
            )),
            lead_in: StringBuilder::new(),
            kind: StringBuilder::new(),
            findings: structs(&findings, StructBuilder::new(findings.clone(), builders)),
            has_evidence,
            probabilities,
        }
    }

    fn append(&mut self, sentence: &SentenceRecord) -> io::Result<()> {
        self.document.append_value(&sentence.document);
        self.index.append_value(whole(sentence.index)?);
        self.text.append_value(&sentence.text);
        self.quote.append_option(sentence.quote.as_deref());
        self.start_byte.append_option(sentence.start_byte.map(whole).transpose()?);
        self.end_byte.append_option(sentence.end_byte.map(whole).transpose()?);
        self.line.append_value(whole(sentence.line)?);
        self.column.append_value(whole(sentence.column)?);
        for title in &sentence.section {
            self.section.values().append_value(title);
        }
        self.section.append(true);
        self.lead_in.append_option(sentence.lead_in.as_deref());
        self.kind.append_value(&sentence.kind);
        for finding in &sentence.findings {
            append_finding(self.findings.values(), finding, self.has_evidence)?;
        }
        self.findings.append(true);
        if let Some(column) = &mut self.probabilities {
            let none = Probabilities::default();
            for (name, p) in &sentence.probabilities.as_ref().unwrap_or(&none).0 {
                let row = column.values();
                builder::<StringBuilder>(row, 0)?.append_value(name);
                builder::<Float32Builder>(row, 1)?.append_value(number(p.category));
                builder::<Float32Builder>(row, 2)?.append_option(p.denied.map(number));
                row.append(true);
            }
            column.append(true);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.document.finish()),
            Arc::new(self.index.finish()),
            Arc::new(self.text.finish()),
            Arc::new(self.quote.finish()),
            Arc::new(self.start_byte.finish()),
            Arc::new(self.end_byte.finish()),
            Arc::new(self.line.finish()),
            Arc::new(self.column.finish()),
            Arc::new(self.section.finish()),
            Arc::new(self.lead_in.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.findings.finish()),
        ];
        if let Some(probabilities) = &mut self.probabilities {
            columns.push(Arc::new(probabilities.finish()));
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

fn append_finding(
    row: &mut StructBuilder,
    finding: &FindingRecord,
    has_evidence: bool,
) -> io::Result<()> {
    builder::<StringBuilder>(row, 0)?.append_value(&finding.category);
    builder::<StringBuilder>(row, 1)?.append_value(finding.stance.as_str());
    builder::<Float32Builder>(row, 2)?.append_value(number(finding.probability));
    if has_evidence {
        let evidence = builder::<Structs>(row, 3)?;
        for EvidenceRecord { text, start, end, weight } in
            finding.evidence.as_deref().unwrap_or_default()
        {
            let row = evidence.values();
            builder::<StringBuilder>(row, 0)?.append_value(text);
            builder::<Int64Builder>(row, 1)?.append_value(whole(*start)?);
            builder::<Int64Builder>(row, 2)?.append_value(whole(*end)?);
            builder::<Float32Builder>(row, 3)?.append_value(number(*weight));
            row.append(true);
        }
        evidence.append(true);
    }
    row.append(true);
    Ok(())
}

/// The builder of a field, which is of that type by construction.
fn builder<B: arrow_array::builder::ArrayBuilder>(
    row: &mut StructBuilder,
    field: usize,
) -> io::Result<&mut B> {
    row.field_builder(field).ok_or_else(|| io::Error::other("a column has another type"))
}

/// A probability as the records write it, so that saved results give the same file.
fn number(value: f32) -> f32 {
    rounded(value) as f32
}

/// An offset or count; Parquet's integers have a sign.
fn whole(value: usize) -> io::Result<i64> {
    i64::try_from(value).map_err(io::Error::other)
}

/// The writer's own error, so that a full disk is told as such.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(cause) => io::Error::other(cause),
        },
        other => io::Error::other(other),
    }
}
