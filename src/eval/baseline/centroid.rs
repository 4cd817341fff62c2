//! Nearest centroid on frozen embeddings: what an encoder knows without training.
//!
//! A category's score is the cosine to the mean of its sentences minus the cosine to the mean of
//! the others; a one-dimensional logistic regression turns it into a probability. The stance is
//! told the same way among the sentences that have the category. Where embeddings come from is the
//! caller's affair ([`Embedder`]).

use ndarray::{Array1, Array2, ArrayView1};
use rayon::prelude::*;

use crate::eval::lbfgs::{self, Stop};
use crate::eval::threshold::{self, Goal};
use crate::eval::{Decision, EvalError, Example, Outcomes, Prediction, Predictor};
use crate::label::{LabelSet, Stance};

/// Gives a fixed-size vector for each sentence.
pub trait Embedder {
    /// One row an example, in their order; all rows of the same length.
    ///
    /// # Errors
    /// [`EvalError::Predictor`] when the encoder fails.
    fn embed(&self, examples: &[Example]) -> Result<Array2<f32>, EvalError>;
}

/// The fitted baseline with the encoder that it reads through.
#[derive(Debug)]
pub struct Centroids<E> {
    embedder: E,
    categories: Vec<Axis>,
    /// Empty in a label set without stances.
    stances: Vec<Axis>,
    rule: Vec<Decision>,
}

/// A direction from the others towards a class, and how to read a probability off it.
#[derive(Debug, Clone)]
struct Axis {
    towards: Array1<f32>,
    slope: f64,
    offset: f64,
}

impl<E: Embedder> Centroids<E> {
    /// Fits centroids, probabilities, and thresholds for the best F1 on the training examples.
    ///
    /// # Errors
    /// Those of the embedder; [`EvalError::Unfit`] when it gives another number of rows.
    pub fn fit(embedder: E, examples: &[Example], labels: &LabelSet) -> Result<Self, EvalError> {
        let states = unit_rows(embedder.embed(examples)?, examples.len())?;
        let stance_of = |row: usize, column: usize| {
            let found = examples[row].labels.iter().find(|label| label.category == column);
            found.map(|label| label.stance)
        };
        let category = |column: usize| {
            let cells = (0..examples.len()).map(|row| (row, stance_of(row, column).is_some()));
            Axis::fit(&states, &cells.collect::<Vec<_>>())
        };
        let stance = |column: usize| {
            let cells = (0..examples.len())
                .filter_map(|row| Some((row, stance_of(row, column)? == Stance::Denied)));
            Axis::fit(&states, &cells.collect::<Vec<_>>())
        };
        let columns = || (0..labels.len()).into_par_iter();
        let categories: Vec<Axis> = columns().map(category).collect();
        let stances: Vec<Axis> =
            if labels.has_stance() { columns().map(stance).collect() } else { Vec::new() };
        let mut fitted = Self { embedder, categories, stances, rule: Vec::new() };
        let mut table = Outcomes::new(labels.len());
        for (example, state) in examples.iter().zip(states.rows()) {
            let (category, denied) = fitted.probabilities(&state);
            table.push(&example.labels, &category, &denied);
        }
        let rows: Vec<usize> = (0..table.rows()).collect();
        fitted.rule = threshold::fit(&table, &rows, Goal::BestF1);
        Ok(fitted)
    }

    fn probabilities(&self, state: &ArrayView1<'_, f32>) -> (Vec<f32>, Vec<f32>) {
        let all = |axes: &[Axis]| axes.iter().map(|axis| axis.probability(state)).collect();
        (all(&self.categories), all(&self.stances))
    }
}

impl<E: Embedder> Predictor for Centroids<E> {
    fn predict(&self, examples: &[Example]) -> Result<Vec<Prediction>, EvalError> {
        let states = unit_rows(self.embedder.embed(examples)?, examples.len())?;
        let predictions = states.rows().into_iter().map(|state| {
            let (category, denied) = self.probabilities(&state);
            Prediction::decided(category, denied, &self.rule)
        });
        Ok(predictions.collect())
    }
}

impl Axis {
    /// Cells of row and truth; without both classes the axis says what there is.
    fn fit(states: &Array2<f32>, cells: &[(usize, bool)]) -> Self {
        let mean = |class: bool| -> Option<Array1<f32>> {
            let mut sum = Array1::<f32>::zeros(states.ncols());
            let rows = cells.iter().filter(|(_, truth)| *truth == class);
            rows.for_each(|(row, _)| sum += &states.row(*row));
            unit(sum)
        };
        let (Some(with), Some(without)) = (mean(true), mean(false)) else {
            let is_always = cells.first().is_some_and(|(_, truth)| *truth);
            let offset = if is_always { 20.0 } else { -20.0 };
            return Self { towards: Array1::zeros(states.ncols()), slope: 0.0, offset };
        };
        let towards = with - without;
        let scores: Vec<(f64, bool)> = cells
            .iter()
            .map(|(row, truth)| (f64::from(states.row(*row).dot(&towards)), *truth))
            .collect();
        let [slope, offset] = platt(&scores);
        Self { towards, slope, offset }
    }

    fn probability(&self, state: &ArrayView1<'_, f32>) -> f32 {
        let x = self.slope * f64::from(state.dot(&self.towards)) + self.offset;
        (1.0 / (1.0 + (-x).exp())) as f32
    }
}

/// Slope and offset of the log-odds over a score (Platt 1999), barely penalised.
fn platt(scores: &[(f64, bool)]) -> [f64; 2] {
    let count = scores.len() as f64;
    let objective = |point: &[f64], gradient: &mut [f64]| {
        let mut loss = 1e-6 * point[0] * point[0] / 2.0;
        gradient[0] = 1e-6 * point[0];
        gradient[1] = 0.0;
        for &(score, truth) in scores {
            let sign = if truth { 1.0 } else { -1.0 };
            let margin = sign * (point[0] * score + point[1]);
            let small = (-margin.abs()).exp();
            loss += (small.ln_1p() + (-margin).max(0.0)) / count;
            let share = if margin >= 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) };
            gradient[0] -= sign * share * score / count;
            gradient[1] -= sign * share / count;
        }
        loss
    };
    let stop = Stop { gradient: 1e-7, steps: 200 };
    let found = lbfgs::minimise(vec![0.0; 2], stop, objective);
    [found[0], found[1]]
}

/// Rows scaled to unit length; zero rows stay.
fn unit_rows(mut states: Array2<f32>, expected: usize) -> Result<Array2<f32>, EvalError> {
    if states.nrows() != expected {
        let found = states.nrows();
        return Err(EvalError::Unfit(format!("{found} embeddings for {expected} sentences")));
    }
    for mut row in states.rows_mut() {
        let length = row.dot(&row).sqrt();
        if length > 0.0 {
            row /= length;
        }
    }
    Ok(states)
}

/// A vector of unit length; none of a zero vector.
fn unit(vector: Array1<f32>) -> Option<Array1<f32>> {
    let length = vector.dot(&vector).sqrt();
    (length > 0.0).then(|| vector / length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Label;

    /// The text is the vector.
    struct Written;

    impl Embedder for Written {
        fn embed(&self, examples: &[Example]) -> Result<Array2<f32>, EvalError> {
            let values: Vec<f32> = examples
                .iter()
                .flat_map(|e| e.text.split(' ').map(|n| n.parse().unwrap()))
                .collect();
            let columns = values.len() / examples.len().max(1);
            Ok(Array2::from_shape_vec((examples.len(), columns), values).unwrap())
        }
    }

    #[test]
    fn clusters_are_told_apart() {
        let set = LabelSet::new(&["sale", "never-seen"], true).unwrap();
        let mut examples = Vec::new();
        for i in 0..90 {
            let noise = f64::from(i) / 300.0;
            let (text, stance) = match i % 3 {
                0 => (format!("1 {noise} 0"), Some(Stance::Asserted)),
                1 => (format!("1 {noise} 1"), Some(Stance::Denied)),
                _ => (format!("0 1 {noise}"), None),
            };
            let labels = stance.map(|stance| Label { category: 0, stance }).into_iter().collect();
            examples.push(Example { text, labels, ..Example::default() });
        }
        let fitted = Centroids::fit(Written, &examples, &set).unwrap();
        let said = fitted.predict(&examples).unwrap();
        let right = said.iter().zip(&examples).filter(|(p, e)| p.labels == e.labels).count();
        assert!(right >= 85, "{right} of 90");
        assert!(said.iter().all(|p| p.category[1] < 1e-6));
    }

    #[test]
    fn a_wrong_number_of_rows_is_refused() {
        assert!(unit_rows(Array2::zeros((2, 3)), 1).is_err());
        assert_eq!(unit_rows(Array2::zeros((1, 3)), 1).unwrap(), Array2::<f32>::zeros((1, 3)));
    }
}
