//! Gold labels and predictions of the same sentences as aligned matrices.
//!
//! Every figure is a function of [`Outcomes`]. How a probability becomes a decision ([`Decision`])
//! lives here too; where the thresholds come from does not.

use crate::label::{Label, Stance};

/// The decision rule of one category.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// The sentence is about the category when P(category) reaches this.
    pub threshold: f32,
    /// The stance is denied when P(denied | category) reaches this.
    pub stance_threshold: f32,
}

impl Default for Decision {
    fn default() -> Self {
        Self { threshold: 0.5, stance_threshold: 0.5 }
    }
}

impl Decision {
    /// What the rule says of one cell.
    pub fn decide(self, category: f32, denied: f32) -> Option<Stance> {
        (category >= self.threshold).then_some(if denied >= self.stance_threshold {
            Stance::Denied
        } else {
            Stance::Asserted
        })
    }
}

/// Gold labels, decisions and probabilities; one row an example, one column a category.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcomes {
    columns: usize,
    gold: Vec<Option<Stance>>,
    decided: Vec<Option<Stance>>,
    category: Vec<f32>,
    denied: Vec<f32>,
}

impl Outcomes {
    /// An empty table of so many categories.
    pub fn new(columns: usize) -> Self {
        Self {
            columns,
            gold: Vec::new(),
            decided: Vec::new(),
            category: Vec::new(),
            denied: Vec::new(),
        }
    }

    /// Adds an example with P(category) and P(denied | category) per category, decided at 0.5.
    ///
    /// Slices shorter than the number of categories are filled with 0, longer ones are cut, and
    /// labels beyond it are left out, so that the matrices stay aligned whatever comes in.
    pub fn push(&mut self, gold: &[Label], category: &[f32], denied: &[f32]) {
        let start = self.gold.len();
        self.gold.resize(start + self.columns, None);
        for label in gold.iter().filter(|l| l.category < self.columns) {
            self.gold[start + label.category] = Some(label.stance);
        }
        for column in 0..self.columns {
            let category = category.get(column).copied().unwrap_or(0.0);
            let denied = denied.get(column).copied().unwrap_or(0.0);
            self.category.push(category);
            self.denied.push(denied);
            self.decided.push(Decision::default().decide(category, denied));
        }
    }

    /// Replaces the decisions of the row added last by labels that were decided elsewhere.
    pub fn decide_last(&mut self, labels: &[Label]) {
        let start = self.decided.len().saturating_sub(self.columns);
        self.decided[start..].fill(None);
        for label in labels.iter().filter(|l| l.category < self.columns) {
            self.decided[start + label.category] = Some(label.stance);
        }
    }

    /// Decides every cell anew; a category beyond `rule` keeps its decisions.
    pub fn decide(&mut self, rule: &[Decision]) {
        for row in 0..self.rows() {
            for (column, decision) in rule.iter().enumerate().take(self.columns) {
                let cell = row * self.columns + column;
                self.decided[cell] = decision.decide(self.category[cell], self.denied[cell]);
            }
        }
    }

    /// Decides the cells of some rows anew, as cross-fitting needs it.
    pub fn decide_rows(&mut self, rows: &[usize], rule: &[Decision]) {
        for &row in rows {
            for (column, decision) in rule.iter().enumerate().take(self.columns) {
                let cell = row * self.columns + column;
                self.decided[cell] = decision.decide(self.category[cell], self.denied[cell]);
            }
        }
    }

    /// Replaces P(category) and P(denied | category) of one cell; decisions stay as they are.
    pub fn change(&mut self, row: usize, column: usize, by: impl FnOnce(f32, f32) -> (f32, f32)) {
        let cell = row * self.columns + column;
        (self.category[cell], self.denied[cell]) = by(self.category[cell], self.denied[cell]);
    }

    /// How many examples there are.
    pub fn rows(&self) -> usize {
        self.gold.len().checked_div(self.columns).unwrap_or(0)
    }

    /// How many categories there are.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The gold stances of an example, by category.
    pub fn gold(&self, row: usize) -> &[Option<Stance>] {
        &self.gold[self.range(row)]
    }

    /// The decided stances of an example, by category.
    pub fn decided(&self, row: usize) -> &[Option<Stance>] {
        &self.decided[self.range(row)]
    }

    /// P(category) of an example, by category.
    pub fn category(&self, row: usize) -> &[f32] {
        &self.category[self.range(row)]
    }

    /// P(denied | category) of an example, by category.
    pub fn denied(&self, row: usize) -> &[f32] {
        &self.denied[self.range(row)]
    }

    /// P(category) · P(stance | category) of one cell.
    pub fn joint(&self, row: usize, column: usize, stance: Stance) -> f64 {
        let cell = row * self.columns + column;
        let denied = f64::from(self.denied[cell]);
        let given = if stance == Stance::Denied { denied } else { 1.0 - denied };
        f64::from(self.category[cell]) * given
    }

    /// Every cell of one category: gold stance and P(category).
    pub fn column(&self, column: usize) -> impl Iterator<Item = (Option<Stance>, f32)> + '_ {
        let cells = (0..self.rows()).map(move |row| row * self.columns + column);
        cells.map(|cell| (self.gold[cell], self.category[cell]))
    }

    /// The same table with only some rows, in the given order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut table = Self::new(self.columns);
        for &row in rows {
            table.gold.extend_from_slice(self.gold(row));
            table.decided.extend_from_slice(self.decided(row));
            table.category.extend_from_slice(self.category(row));
            table.denied.extend_from_slice(self.denied(row));
        }
        table
    }

    /// The decided labels of an example in category order.
    pub fn decided_labels(&self, row: usize) -> Vec<Label> {
        labels(self.decided(row))
    }

    /// The gold labels of an example in category order.
    pub fn gold_labels(&self, row: usize) -> Vec<Label> {
        labels(self.gold(row))
    }

    /// Whether the decided labels, stance included, are exactly the gold ones.
    pub fn is_exact(&self, row: usize) -> bool {
        self.gold(row) == self.decided(row)
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        row * self.columns..(row + 1) * self.columns
    }
}

fn labels(cells: &[Option<Stance>]) -> Vec<Label> {
    let cells = cells.iter().enumerate();
    cells.filter_map(|(category, s)| s.map(|stance| Label { category, stance })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(category: usize, stance: Stance) -> Label {
        Label { category, stance }
    }

    #[test]
    fn rows_stay_aligned_whatever_comes_in() {
        let mut table = Outcomes::new(2);
        table.push(
            &[label(1, Stance::Denied), label(9, Stance::Asserted)],
            &[0.9],
            &[0.1, 0.2, 0.3],
        );
        table.push(&[], &[0.1, 0.7, 0.8], &[0.0, 0.9]);
        assert_eq!((table.rows(), table.columns()), (2, 2));
        assert_eq!(table.gold(0), [None, Some(Stance::Denied)]);
        assert_eq!(table.decided(0), [Some(Stance::Asserted), None]);
        assert_eq!(table.decided_labels(1), [label(1, Stance::Denied)]);
        assert_eq!(table.select(&[1]).category(0), [0.1, 0.7]);
    }

    #[test]
    fn decisions_are_replaced() {
        let mut table = Outcomes::new(1);
        table.push(&[label(0, Stance::Denied)], &[0.4], &[0.4]);
        assert!(!table.is_exact(0));
        table.decide(&[Decision { threshold: 0.4, stance_threshold: 0.3 }]);
        assert!(table.is_exact(0));
        table.decide_last(&[]);
        assert_eq!(table.decided_labels(0), []);
    }
}
