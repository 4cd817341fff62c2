//! Which words decide a finding, by leaving them out.
//!
//! Occlusion (Zeiler and Fergus 2014, for text Li, Monroe and Jurafsky 2016): the sentence is
//! scored again without each span of one to four words, and a word's weight is the mean fall of
//! the finding's log-odds over the spans that cover it, per word left out.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::{Classifier, ClassifyError, Finding, Scores};
use crate::encode::Input;

/// Longest span of words that is left out at once.
const MAX_SPAN: usize = 4;
/// Words beyond this many are not looked at: a sentence that long is not one.
const MAX_WORDS: usize = 400;

/// A stretch of the sentence that speaks for the finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Bytes in the input's text.
    pub range: Range<usize>,
    /// Mean fall of the log-odds per word, in nats.
    pub weight: f32,
}

/// What scores inputs: as many scores as inputs, in their order.
pub type ScoreWith<'a, E> = dyn Fn(&[Input<'_>]) -> Result<Vec<Scores>, E> + 'a;

impl Classifier {
    /// The deciding words of a finding, in the order of the text.
    ///
    /// Empty when no word speaks for it by itself.
    ///
    /// # Errors
    /// As [`Classifier::scores`].
    pub fn explain(
        &self,
        input: &Input<'_>,
        finding: &Finding,
    ) -> Result<Vec<Span>, ClassifyError> {
        Self::explain_with(input, finding, &|inputs| self.scores(inputs))
    }

    /// As [`Classifier::explain`], with scores from elsewhere: as many as inputs, in their order.
    ///
    /// # Errors
    /// Those of `score`.
    pub fn explain_with<E>(
        input: &Input<'_>,
        finding: &Finding,
        score: &ScoreWith<'_, E>,
    ) -> Result<Vec<Span>, E> {
        let words: Vec<Range<usize>> = input
            .text
            .unicode_word_indices()
            .take(MAX_WORDS)
            .map(|(start, word)| start..start + word.len())
            .collect();
        let mut spans = Vec::new();
        for length in 1..=MAX_SPAN.min(words.len()) {
            // Half-overlapping spans halve the work of the long ones.
            for start in (0..=words.len() - length).step_by(length.div_ceil(2)) {
                spans.push(start..start + length);
            }
        }
        let texts: Vec<String> = spans
            .iter()
            .map(|span| {
                let (from, to) = (words[span.start].start, words[span.end - 1].end);
                format!("{}{}", &input.text[..from], &input.text[to..])
            })
            .collect();
        let mut inputs = vec![*input];
        inputs.extend(texts.iter().map(|text| Input { text, ..*input }));
        let scores = score(&inputs)?;
        let log_odds: Vec<f32> = scores
            .iter()
            .map(|s| {
                let p = s.probability(finding.category, finding.stance).clamp(1e-6, 1.0 - 1e-6);
                (p / (1.0 - p)).ln()
            })
            .collect();
        let Some((whole, without)) = log_odds.split_first() else { return Ok(Vec::new()) };
        let mut sum = vec![0f32; words.len()];
        let mut count = vec![0f32; words.len()];
        for (span, rest) in spans.iter().zip(without) {
            for word in span.clone() {
                sum[word] += (whole - rest) / span.len() as f32;
                count[word] += 1.0;
            }
        }
        let weights: Vec<f32> = sum.iter().zip(&count).map(|(s, n)| s / n.max(1.0)).collect();
        Ok(select(&words, &weights))
    }
}

/// Joins words of at least half the largest weight; one light word between two of them is kept.
fn select(words: &[Range<usize>], weights: &[f32]) -> Vec<Span> {
    let peak = weights.iter().copied().fold(0f32, f32::max);
    if peak <= 0.0 {
        return Vec::new();
    }
    let mut spans: Vec<(Span, usize)> = Vec::new();
    for (i, (word, &weight)) in words.iter().zip(weights).enumerate() {
        if weight < peak / 2.0 {
            continue;
        }
        match spans.last_mut() {
            Some((span, last)) if i - *last <= 2 => {
                span.range.end = word.end;
                span.weight = span.weight.max(weight);
                *last = i;
            }
            _ => spans.push((Span { range: word.clone(), weight }, i)),
        }
    }
    spans.into_iter().map(|(span, _)| span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_words_are_joined_over_one_light_word() {
        let words = [0..2, 3..6, 7..9, 10..14, 15..20, 21..22];
        let spans = select(&words, &[0.1, 2.0, 0.3, 1.5, 0.0, 0.0]);
        assert_eq!(spans, [Span { range: 3..14, weight: 2.0 }]);
        let spans = select(&words, &[1.0, 0.0, 0.0, 0.9, 0.0, 0.0]);
        assert_eq!(spans.len(), 2);
        assert!(select(&words, &[-1.0; 6]).is_empty());
        assert!(select(&[], &[]).is_empty());
    }
}
