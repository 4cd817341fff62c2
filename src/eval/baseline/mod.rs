//! Systems that a model has to beat, measured in the same table.
//!
//! [`KeywordRules`] is what a person writes in an afternoon, [`TfIdf`] what a statistician of 2010
//! would do (and hard to beat), [`Centroids`] what a frozen encoder gives without training. None is
//! meant for use; each is meant to be as strong as its kind can be.

mod centroid;
mod keywords;
mod logistic;
mod sparse;
mod tfidf;
mod vectorizer;

pub use centroid::{Centroids, Embedder};
pub use keywords::KeywordRules;
pub use tfidf::{TfIdf, TfIdfOptions};

use super::Example;

/// What a baseline reads of an example: the lead-in and the sentence.
fn text_of(example: &Example) -> String {
    if example.lead_in.is_empty() {
        example.text.clone()
    } else {
        format!("{} {}", example.lead_in, example.text)
    }
}
