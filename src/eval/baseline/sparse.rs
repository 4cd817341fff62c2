//! Sparse rows of features, compressed.

/// A matrix of mostly zeros, row by row.
#[derive(Debug, Clone, Default)]
pub(super) struct SparseRows {
    /// Where each row begins in the two other vectors, and where the last ends.
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

/// One row: columns in rising order, with their values.
#[derive(Debug, Clone, Copy)]
pub(super) struct SparseRow<'a> {
    columns: &'a [u32],
    values: &'a [f32],
}

impl SparseRows {
    pub(super) fn push(&mut self, row: &[(u32, f32)]) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        self.columns.extend(row.iter().map(|(column, _)| column));
        self.values.extend(row.iter().map(|(_, value)| value));
        self.starts.push(self.columns.len());
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    pub(super) fn row(&self, index: usize) -> SparseRow<'_> {
        let range = self.starts[index]..self.starts[index + 1];
        SparseRow { columns: &self.columns[range.clone()], values: &self.values[range] }
    }
}

impl SparseRow<'_> {
    /// The sum over the row of value times weight.
    pub(super) fn dot(self, weights: &[f64]) -> f64 {
        let cells = self.columns.iter().zip(self.values);
        cells.map(|(&column, &value)| weights[column as usize] * f64::from(value)).sum()
    }

    /// Adds the row, times a factor, to a dense vector.
    pub(super) fn add_to(self, dense: &mut [f64], factor: f64) {
        for (&column, &value) in self.columns.iter().zip(self.values) {
            dense[column as usize] += factor * f64::from(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back() {
        let mut rows = SparseRows::default();
        assert_eq!(rows.len(), 0);
        rows.push(&[(1, 2.0), (3, 0.5)]);
        rows.push(&[]);
        assert_eq!(rows.len(), 2);
        assert!((rows.row(0).dot(&[1.0, 10.0, 100.0, 1000.0]) - 520.0).abs() < 1e-9);
        let mut dense = vec![0.0; 4];
        rows.row(0).add_to(&mut dense, 2.0);
        rows.row(1).add_to(&mut dense, 2.0);
        assert_eq!(dense, [0.0, 4.0, 0.0, 1.0]);
    }
}
