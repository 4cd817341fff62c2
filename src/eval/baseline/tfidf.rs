//! TF-IDF with class-weighted logistic regression, one-vs-rest; the stance by a second regression
//! on the rows that have the category.
//!
//! Probabilities are those of a world where every class is as frequent as its absence, which suits a
//! threshold of one half; they are not calibrated.

use rayon::prelude::*;

use super::logistic::Logistic;
use super::text_of;
use super::vectorizer::Vectorizer;
use crate::eval::{Decision, EvalError, Example, Prediction, Predictor};
use crate::label::{LabelSet, Stance};

/// How the baseline is fitted; the defaults were the best of a few tried with scikit-learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TfIdfOptions {
    /// Inverse strength of the penalty.
    pub c: f64,
    /// A feature must occur in so many training sentences.
    pub min_documents: u32,
}

impl Default for TfIdfOptions {
    fn default() -> Self {
        Self { c: 4.0, min_documents: 2 }
    }
}

/// The fitted baseline.
#[derive(Debug, Clone)]
pub struct TfIdf {
    vectorizer: Vectorizer,
    categories: Vec<Logistic>,
    /// Empty in a label set without stances.
    stances: Vec<Logistic>,
}

impl TfIdf {
    /// Fits the baseline.
    ///
    /// # Errors
    /// [`EvalError::Unfit`] without examples or without any feature.
    pub fn fit(
        examples: &[Example],
        labels: &LabelSet,
        options: TfIdfOptions,
    ) -> Result<Self, EvalError> {
        let texts: Vec<String> = examples.iter().map(text_of).collect();
        let vectorizer = Vectorizer::fit(&texts, options.min_documents);
        if vectorizer.len() == 0 {
            let reason = "no word or character sequence occurs in two training sentences";
            return Err(EvalError::Unfit(reason.to_owned()));
        }
        let matrix = vectorizer.transform(&texts);
        let stance_of = |row: usize, column: usize| {
            let found = examples[row].labels.iter().find(|label| label.category == column);
            found.map(|label| label.stance)
        };
        let fit = |rows: &[usize], truth: &[bool]| {
            Logistic::fit(&matrix, vectorizer.len(), rows, truth, options.c)
        };
        let all: Vec<usize> = (0..examples.len()).collect();
        let category = |column: usize| {
            let truth: Vec<bool> =
                all.iter().map(|&row| stance_of(row, column).is_some()).collect();
            fit(&all, &truth)
        };
        let stance = |column: usize| {
            let rows: Vec<usize> =
                all.iter().copied().filter(|&row| stance_of(row, column).is_some()).collect();
            let denied = Some(Stance::Denied);
            let truth: Vec<bool> =
                rows.iter().map(|&row| stance_of(row, column) == denied).collect();
            fit(&rows, &truth)
        };
        let columns = || (0..labels.len()).into_par_iter();
        let categories: Vec<Logistic> = columns().map(category).collect();
        let stances: Vec<Logistic> =
            if labels.has_stance() { columns().map(stance).collect() } else { Vec::new() };
        Ok(Self { vectorizer, categories, stances })
    }
}

impl Predictor for TfIdf {
    fn predict(&self, examples: &[Example]) -> Result<Vec<Prediction>, EvalError> {
        let texts: Vec<String> = examples.iter().map(text_of).collect();
        let matrix = self.vectorizer.transform(&texts);
        let all = |models: &[Logistic], row: usize| -> Vec<f32> {
            models.iter().map(|model| model.probability(matrix.row(row))).collect()
        };
        let rule = vec![Decision::default(); self.categories.len()];
        let rows = (0..matrix.len()).into_par_iter();
        let predictions = rows.map(|row| {
            Prediction::decided(all(&self.categories, row), all(&self.stances, row), &rule)
        });
        Ok(predictions.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Label;

    #[test]
    fn words_and_negations_are_learned() {
        let set = LabelSet::new(&["sale", "logs"], true).unwrap();
        let mut examples = Vec::new();
        for i in 0..60 {
            let (text, category, stance) = match i % 4 {
                0 => ("we sell your records to brokers", Some(0), Stance::Asserted),
                1 => ("we never sell your records", Some(0), Stance::Denied),
                2 => ("our servers write logs of visits", Some(1), Stance::Asserted),
                _ => ("the weather is fine today", None, Stance::Asserted),
            };
            let labels = category.map(|category| Label { category, stance }).into_iter().collect();
            examples.push(Example { text: text.to_owned(), labels, ..Example::default() });
        }
        let fitted = TfIdf::fit(&examples, &set, TfIdfOptions::default()).unwrap();
        let said = fitted.predict(&examples[..4]).unwrap();
        for (prediction, example) in said.iter().zip(&examples) {
            assert_eq!(prediction.labels, example.labels, "{}", example.text);
        }
        let unseen = Example { text: "qqq".to_owned(), ..Example::default() };
        let prior = &fitted.predict(&[unseen]).unwrap()[0];
        assert!(prior.category.iter().all(|p| p.is_finite()));
        assert!(TfIdf::fit(&[], &set, TfIdfOptions::default()).is_err());
    }
}
