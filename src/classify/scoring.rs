//! From inputs to scores: lots, workers, batches, windows.

use std::collections::HashMap;
use std::ops::Range;

use rayon::ThreadPoolBuilder;

use super::seen::Row;
use super::{Classifier, ClassifyError, Scores};
use crate::encode::{Batch, Encoded, Input, Windows};
use crate::model::Logits;

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
            let windows = self.encode(&inputs[i])?.windows;
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
            let windows = self.encode(input)?.windows;
            counts.push(windows.len());
            sequences.extend(windows);
        }
        let rows = self.rows(&sequences)?;
        let mut rest = rows.as_slice();
        counts
            .into_iter()
            .map(|count| {
                let (own, after) = rest.split_at_checked(count).ok_or(ClassifyError::NotFinite)?;
                rest = after;
                self.merge(own)
            })
            .collect()
    }

    /// The sequences that the model reads of an input: one, or windows of a long one.
    ///
    /// # Errors
    /// [`ClassifyError::Tokenizer`] when the text cannot be tokenised.
    pub fn encode(&self, input: &Input<'_>) -> Result<Windows, ClassifyError> {
        Ok(self.tokenizer.encode(input.text, &self.settings.context.compose(input))?)
    }

    /// As [`Classifier::encode`], but a text over the model's limit is cut: only its first tokens
    /// are read, or its last ones with `keep_end`.
    ///
    /// # Errors
    /// [`ClassifyError::Tokenizer`] when the text cannot be tokenised.
    pub fn encode_cut(&self, input: &Input<'_>, keep_end: bool) -> Result<Encoded, ClassifyError> {
        let context = self.settings.context.compose(input);
        Ok(self.tokenizer.encode_cut(input.text, &context, keep_end)?)
    }

    /// Runs `job` on the calling thread, on which whatever it does in parallel stays too.
    ///
    /// For threads that live as long as the program, each of which computes by itself: a pool of
    /// one thread is made of the calling one and never given back.
    ///
    /// # Errors
    /// [`ClassifyError::Threads`] when the thread belongs to another pool.
    pub fn on_this_thread<T: Send>(job: impl FnOnce() -> T + Send) -> Result<T, ClassifyError> {
        let pool = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        let pool = pool.map_err(|e| ClassifyError::Threads(e.to_string()))?;
        Ok(pool.install(job))
    }

    /// Logits of each sequence, on the calling thread: remembered, stored, or computed once for all
    /// that are alike. They do not depend on which sequences are given together.
    ///
    /// # Errors
    /// [`ClassifyError`] when the computation fails or gives values that are not finite.
    pub fn rows(&self, sequences: &[Encoded]) -> Result<Vec<Row>, ClassifyError> {
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

    /// The scores of an input from the logits of its windows.
    ///
    /// # Errors
    /// [`ClassifyError::NotFinite`] when there is no window, or the logits are of another model.
    pub fn merge(&self, windows: &[Row]) -> Result<Scores, ClassifyError> {
        let logits = self.decisive(windows)?;
        let mut scores = Scores {
            category: Vec::with_capacity(logits.category.len()),
            denied: Vec::with_capacity(logits.denied.len()),
            windows: windows.len(),
        };
        for (c, settings) in self.categories.iter().enumerate() {
            let about = logits.category.get(c).ok_or(ClassifyError::NotFinite)?;
            scores.category.push(settings.category_probability(*about));
            if let Some(logit) = logits.denied.get(c) {
                scores.denied.push(settings.denied_probability(*logit));
            }
        }
        Ok(scores)
    }

    /// For each category the logits of the window in which it is most probable.
    ///
    /// # Errors
    /// As [`Classifier::merge`].
    pub fn decisive(&self, windows: &[Row]) -> Result<Logits, ClassifyError> {
        let count = self.labels.len();
        let mut windows = windows.iter().map(|row| row.split_at_checked(count));
        let (category, denied) = windows.next().flatten().ok_or(ClassifyError::NotFinite)?;
        let mut logits = Logits { category: category.to_vec(), denied: denied.to_vec() };
        for window in windows {
            let (category, denied) = window.ok_or(ClassifyError::NotFinite)?;
            for (c, settings) in self.categories.iter().enumerate() {
                let about = settings.category_probability(category[c]);
                // Probabilities are compared, not logits: what decides is what is told.
                if about > settings.category_probability(logits.category[c]) {
                    logits.category[c] = category[c];
                    if let (Some(slot), Some(logit)) = (logits.denied.get_mut(c), denied.get(c)) {
                        *slot = *logit;
                    }
                }
            }
        }
        Ok(logits)
    }
}
