//! The loop that fine-tuning and pre-training share: shuffled steps, progress, checkpoints.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::TrainError;
use super::checkpoint::{self, Position};
use super::optimizer::AdamW;
use super::trainer::{Observer, Progress};
use crate::model::ops::mix;

/// What one optimiser step gave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Sum of the losses in nats.
    pub(super) loss: f64,
    /// How many terms (sentences, masked tokens) that sum has.
    pub(super) terms: usize,
    /// Length of the gradient before clipping.
    pub(super) norm: f64,
}

/// Something that learns from sentences, known by their numbers.
pub(super) trait Task {
    /// Tokens of every sentence; there are as many sentences as entries.
    fn lengths(&self) -> &[usize];
    /// One optimiser step on the sentences `members`.
    fn step(&mut self, members: &[usize], at: At) -> Result<Step, TrainError>;
    /// The optimiser, whose state a checkpoint holds.
    fn optimizer(&self) -> &AdamW;
    /// Measures what an epoch gave, with `position.epoch` already counted up.
    fn evaluate(
        &mut self,
        position: &mut Position,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError>;
}

/// Where a step stands in its run.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// The epoch, from 0.
    pub(super) epoch: usize,
    /// Steps before this one.
    pub(super) step: u64,
    /// Steps of the whole run.
    pub(super) total: u64,
}

/// How a run is cut into steps.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    pub(super) epochs: usize,
    pub(super) batch_size: usize,
    /// Steps between checkpoints; 0 for one an epoch.
    pub(super) checkpoint_every: u64,
    pub(super) checkpoint: PathBuf,
    begun: Instant,
    /// Seconds that the run took before this process.
    before: f64,
}

impl Schedule {
    /// A schedule whose clock starts now.
    pub(super) fn new(
        seed: u64,
        (epochs, batch_size): (usize, usize),
        checkpoint_every: u64,
        checkpoint: PathBuf,
    ) -> Self {
        let begun = Instant::now();
        Self { seed, epochs, batch_size, checkpoint_every, checkpoint, begun, before: 0.0 }
    }

    /// A run's beginning, or its checkpoint's place where there is one and `resume` asks for it.
    pub(super) fn start(
        &mut self,
        optimizer: &mut AdamW,
        digest: &str,
        resume: bool,
        observer: &mut dyn Observer,
    ) -> Result<Position, TrainError> {
        if !(resume && self.checkpoint.exists()) {
            return Ok(Position { run: digest.to_owned(), ..Position::default() });
        }
        let position = checkpoint::load(&self.checkpoint, optimizer, digest)?;
        self.before = position.seconds;
        observer.note(&format!("resumed after {} steps", position.steps));
        Ok(position)
    }

    /// Seconds that the run took so far, those before a kill included.
    pub(super) fn seconds(&self) -> f64 {
        self.before + self.begun.elapsed().as_secs_f64()
    }

    /// The remaining steps of the current epoch, its evaluation, and a checkpoint.
    pub(super) fn epoch(
        &self,
        task: &mut impl Task,
        position: &mut Position,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let count = task.lengths().len();
        let order = permutation(count, mix(self.seed) ^ position.epoch as u64);
        let total = (count.div_ceil(self.batch_size) * self.epochs) as u64;
        let (begun, first) = (Instant::now(), position.steps);
        let mut tokens = 0usize;
        for members in order.chunks(self.batch_size).skip(position.batch) {
            let at = At { epoch: position.epoch, step: position.steps, total };
            let step = task.step(members, at)?;
            position.steps += 1;
            position.batch += 1;
            position.loss += step.loss;
            position.seen += step.terms;
            tokens += members.iter().map(|&i| task.lengths()[i]).sum::<usize>();
            let elapsed = begun.elapsed().as_secs_f64();
            let left = elapsed / (position.steps - first) as f64 * (total - position.steps) as f64;
            observer.step(&Progress {
                epoch: position.epoch,
                epochs: self.epochs,
                step: position.steps,
                steps: total,
                loss: position.loss / position.seen.max(1) as f64,
                norm: step.norm,
                tokens_per_second: tokens as f64 / elapsed.max(1e-9),
                remaining: Duration::from_secs_f64(left.clamp(0.0, 1e9)),
            });
            if self.checkpoint_every > 0 && position.steps.is_multiple_of(self.checkpoint_every) {
                self.save(task, position)?;
            }
        }
        position.epoch += 1;
        task.evaluate(position, observer)?;
        (position.batch, position.loss, position.seen) = (0, 0.0, 0);
        self.save(task, position)
    }

    fn save(&self, task: &impl Task, position: &mut Position) -> Result<(), TrainError> {
        position.seconds = self.seconds();
        checkpoint::save(&self.checkpoint, task.optimizer(), position)
    }
}

/// A shuffled order that follows from its key alone.
pub(super) fn permutation(n: usize, key: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    let mut state = mix(key);
    for i in (1..n).rev() {
        state = mix(state);
        // The high half of a 64-bit product: without modulo bias worth speaking of.
        let j = ((u128::from(state) * (i as u128 + 1)) >> 64) as usize;
        order.swap(i, j);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permutations_are_whole_and_differ() {
        let (a, b) = (permutation(1_000, 1), permutation(1_000, 2));
        assert_eq!(a, permutation(1_000, 1));
        assert_ne!(a, b);
        let mut sorted = a.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(i, &x)| i == x));
        let kept = a.iter().enumerate().filter(|(i, x)| i == *x).count();
        assert!(kept < 10, "{kept} stayed in place");
    }
}
