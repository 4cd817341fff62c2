//! Inputs that hold many documents, replaced by what they hold: tables by their rows.

use super::read::{Failure, Source};
use super::run::Options;
use super::table::{self, Rows, TableFormat};

/// Inputs with the rows of tables in the place of the tables.
pub struct Expand<'a, I> {
    inputs: I,
    options: &'a Options,
    rows: Option<Rows>,
}

impl<I> std::fmt::Debug for Expand<'_, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expand").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'a, I> Expand<'a, I> {
    /// Reads `inputs` as `options` say.
    pub fn new(inputs: I, options: &'a Options) -> Self {
        Self { inputs, options, rows: None }
    }

    /// The format of an input that is a table: as forced, or by its extension.
    fn table(&self, source: &Source) -> Option<TableFormat> {
        if matches!(source, Source::Row { .. }) || self.options.parse.format.is_some() {
            return None;
        }
        let named = || {
            let name = source.name();
            let (_, extension) = super::compression::stem(&name).rsplit_once('.')?;
            TableFormat::from_extension(extension)
        };
        self.options.tables.format.or_else(named)
    }
}

impl<I: Iterator<Item = Result<Source, Failure>>> Iterator for Expand<'_, I> {
    type Item = Result<Source, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.rows.as_mut().and_then(Iterator::next) {
                return Some(row);
            }
            self.rows = None;
            let source = match self.inputs.next()? {
                Ok(source) => source,
                Err(failure) => return Some(Err(failure)),
            };
            let Some(format) = self.table(&source) else { return Some(Ok(source)) };
            let column = &self.options.tables.text_column;
            match table::rows(&source, format, column, self.options.parse.lines) {
                Ok(rows) => self.rows = Some(rows),
                Err(failure) => return Some(Err(failure)),
            }
        }
    }
}
