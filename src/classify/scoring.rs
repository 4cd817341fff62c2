//! From inputs to scores: lots, workers, batches, windows.

use std::collections::HashMap;
use std::ops::Range;

use super::seen::Row;
use super::{Classifier, ClassifyError, Scores};
use crate::encode::{Batch, Encoded, Input};

/// About how many bytes of text make a token.
const BYTES_A_TOKEN: usize = 4;
/// Into how many lots a worker's share is cut at least, so that all end at about the same time.
const LOTS_A_WORKER: usize = 8;

/// Hidden states of one input.
#[derive(Debug, Clone, PartialEq)]
pub struct States {
    /// Size of one token's state.
    pub width: usize,
    /// States of all tokens, those of several windows one after the other, row-major.
    pub values: Vec<f32>,
}

impl Classifier {
    /// Probabilities of every input, in their order.
    ///
    /// An input over the model's limit is read in overlapping windows; for each category the
    /// window in which it is most probable counts.
    ///
    /// # Errors
    /// [`ClassifyError`] when a text cannot be tokenised, the computation fails, or the model
    /// gives values that are not finite.
    pub fn scores(&self, inputs: &[Input<'_>]) -> Result<Vec<Scores>, ClassifyError> {
        let lots = self.lots(inputs);
        let scores = self.workers.map(lots.len(), |i| self.lot(&inputs[lots[i].clone()]))?;
        Ok(scores.into_iter().flatten().collect())
    }

    /// Hidden states of the last layer for every input, in their order.
    ///
    /// # Errors
    /// As [`Classifier::scores`].
    pub fn states(&self, inputs: &[Input<'_>]) -> Result<Vec<States>, ClassifyError> {
        self.workers.map(inputs.len(), |i| {
            let context = self.settings.context.compose(&inputs[i]);
            let windows = self.tokenizer.encode(inputs[i].text, &context)?.windows;
            let batch = Batch::pack(&windows);
            let values = self.engine.hidden_states(&batch)?;
            Ok(States { width: values.len() / batch.tokens().max(1), values })
        })
    }

    /// Cuts inputs into runs of about a batch each, or less where there are few.
    fn lots(&self, inputs: &[Input<'_>]) -> Vec<Range<usize>> {
        let size = |input: &Input<'_>| input.text.len() + input.lead_in.len() + 8;
        let all: usize = inputs.iter().map(size).sum();
        let share = all / (self.workers.count() * LOTS_A_WORKER).max(1);
        let most = share.min(self.token_budget.saturating_mul(BYTES_A_TOKEN));
        let mut lots = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (i, input) in inputs.iter().enumerate() {
            bytes += size(input);
            if bytes >= most {
                lots.push(start..i + 1);
                (start, bytes) = (i + 1, 0);
            }
        }
        if start < inputs.len() {
            lots.push(start..inputs.len());
        }
        lots
    }

    /// Scores of some inputs, on the calling thread.
    fn lot(&self, inputs: &[Input<'_>]) -> Result<Vec<Scores>, ClassifyError> {
        let mut counts = Vec::with_capacity(inputs.len());
        let mut sequences = Vec::with_capacity(inputs.len());
        for input in inputs {
            let context = self.settings.context.compose(input);
            let windows = self.tokenizer.encode(input.text, &context)?.windows;
            counts.push(windows.len());
            sequences.extend(windows);
        }
        let rows = self.rows(&sequences)?;
        let mut rows = rows.iter();
        counts
            .into_iter()
            .map(|count| {
                let mut scores = Scores { category: Vec::new(), denied: Vec::new(), windows: 0 };
                for row in rows.by_ref().take(count) {
                    self.merge(&mut scores, row)?;
                }
                Ok(scores)
            })
            .collect()
    }

    /// Logits of each sequence: remembered, stored, or computed once for all that are alike.
    fn rows(&self, sequences: &[Encoded]) -> Result<Vec<Row>, ClassifyError> {
        let keys: Vec<_> = sequences.iter().map(|s| self.seen.key(s)).collect();
        let mut rows = self.seen.get(&keys);
        let mut firsts = HashMap::new();
        // Without a memory the engine does all the work, for that is what is measured then.
        let owners: Vec<usize> = (0..keys.len())
            .map(|i| if self.seen.is_on() { *firsts.entry(keys[i]).or_insert(i) } else { i })
            .collect();
        let fresh: Vec<usize> =
            (0..keys.len()).filter(|&i| owners[i] == i && rows[i].is_none()).collect();
        let mut wanted = fresh.clone();
        let mut store_keys = Vec::new();
        if let Some(stored) = &self.stored {
            let found = stored.get(fresh.iter().map(|&i| &sequences[i]), self.row_width());
            wanted.clear();
            for (&i, (key, row)) in fresh.iter().zip(found) {
                if row.is_none() {
                    wanted.push(i);
                    store_keys.push(key);
                }
                rows[i] = row;
            }
        }
        self.counters.add(keys.len(), wanted.len(), fresh.len() - wanted.len());
        self.compute_all(sequences, &wanted, &mut rows)?;
        let row_of = |i: usize| Some(Row::clone(rows[i].as_ref()?));
        self.seen.insert(fresh.iter().filter_map(|&i| Some((keys[i], row_of(i)?))));
        if let Some(stored) = self.stored.as_ref().filter(|_| !wanted.is_empty()) {
            let computed = store_keys.into_iter().zip(&wanted);
            stored.put(computed.filter_map(|(key, &i)| Some((key, row_of(i)?))).collect());
        }
        owners.iter().map(|&i| rows[i].clone().ok_or(ClassifyError::NotFinite)).collect()
    }

    /// Fills in the logits of the sequences that `wanted` names, in batches under the budget.
    fn compute_all(
        &self,
        sequences: &[Encoded],
        wanted: &[usize],
        rows: &mut [Option<Row>],
    ) -> Result<(), ClassifyError> {
        let mut at = 0;
        while at < wanted.len() {
            let mut tokens = sequences[wanted[at]].ids.len();
            let mut end = at + 1;
            while end < wanted.len()
                && tokens + sequences[wanted[end]].ids.len() <= self.token_budget
            {
                tokens += sequences[wanted[end]].ids.len();
                end += 1;
            }
            let batch = &wanted[at..end];
            for (&i, row) in batch.iter().zip(self.compute(batch.iter().map(|&i| &sequences[i]))?) {
                rows[i] = Some(row);
            }
            at = end;
        }
        Ok(())
    }

    /// Number of logits of a sequence.
    fn row_width(&self) -> usize {
        self.labels.len() * if self.labels.has_stance() { 2 } else { 1 }
    }

    /// Logits of the sequences of one batch.
    fn compute<'a>(
        &self,
        sequences: impl Iterator<Item = &'a Encoded>,
    ) -> Result<Vec<Row>, ClassifyError> {
        let batch = Batch::pack(sequences);
        let logits = self.engine.logits(&batch)?;
        let count = self.labels.len();
        let denied = if self.labels.has_stance() { count } else { 0 };
        (0..batch.len())
            .map(|row| {
                let category = logits.category.get(row * count..(row + 1) * count);
                let denied = logits.denied.get(row * denied..(row + 1) * denied);
                let (Some(category), Some(denied)) = (category, denied) else {
                    return Err(ClassifyError::NotFinite);
                };
                let row: Row = category.iter().chain(denied).copied().collect();
                if row.iter().all(|l| l.is_finite()) {
                    Ok(row)
                } else {
                    Err(ClassifyError::NotFinite)
                }
            })
            .collect()
    }

    /// Adds one window's logits to the scores of its input.
    fn merge(&self, scores: &mut Scores, row: &[f32]) -> Result<(), ClassifyError> {
        let count = self.labels.len();
        let (category, denied) = row.split_at_checked(count).ok_or(ClassifyError::NotFinite)?;
        let is_first = scores.windows == 0;
        scores.windows += 1;
        if is_first {
            scores.category = vec![-1.0; count];
            scores.denied = vec![0.0; denied.len()];
        }
        for (c, settings) in self.categories.iter().enumerate() {
            let about = settings.category_probability(category[c]);
            if about > scores.category[c] {
                scores.category[c] = about;
                if let (Some(slot), Some(logit)) = (scores.denied.get_mut(c), denied.get(c)) {
                    *slot = settings.denied_probability(*logit);
                }
            }
        }
        Ok(())
    }
}
