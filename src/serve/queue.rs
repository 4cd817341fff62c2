//! What waits to be computed: sequences of many requests, taken in turns.
//!
//! Every request has a line of its own. A worker fills the first half of its batch with one
//! sequence of each line in turn, so that a sentence is not kept waiting by a document of thousands,
//! and the second half from the oldest line, so that a document is done in a time that was known
//! when it was let in, however many sentences come after it. Bounded in tokens, in the wait for
//! first results that a new request must expect, and in the time that all the work takes; what
//! nobody waits for any more is dropped.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::classify::Row;
use crate::encode::Encoded;

/// A wait is told for the first so many tokens of a request.
const FIRST_TOKENS: usize = 256;
/// A batch is not made smaller than this for the sake of idle workers.
const LEAST_BATCH: usize = 128;

/// Why a sequence has no logits; the details are logged where it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The computation panicked.
    Panicked,
    /// The computation failed or gave values that are not finite.
    Failed,
}

/// What became of a sequence.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its number in the request.
    pub(super) index: usize,
    pub(super) row: Result<Row, Fault>,
}

/// A sequence that a worker took.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) index: usize,
    pub(super) sequence: Encoded,
    /// When it was submitted.
    pub(super) since: Instant,
    pub(super) reply: mpsc::UnboundedSender<Answer>,
}

/// Why a request was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It would wait, or there is no room, for at least so long.
    Full(Duration),
    /// The server is stopping.
    Closed,
}

/// How the queue is bounded and its work cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) tokens: usize,
    /// The longest wait for first results.
    pub(super) wait: Duration,
    /// The longest time for all that waits, at full speed.
    pub(super) work: Duration,
    pub(super) batch_tokens: usize,
    pub(super) fill: Duration,
    pub(super) workers: usize,
}

/// The line of one request.
#[derive(Debug)]
struct Line {
    id: u64,
    sequences: VecDeque<(usize, Encoded)>,
    tokens: usize,
    since: Instant,
    reply: mpsc::UnboundedSender<Answer>,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Line>,
    tokens: usize,
    next_id: u64,
    idle: usize,
    is_closed: bool,
    /// Tokens computed and the time that it took one worker, older work counting less.
    done: (f64, f64),
    dropped: u64,
}

impl State {
    /// Tokens a second of all workers.
    fn rate(&self, workers: usize) -> f64 {
        let (tokens, seconds) = self.done;
        if seconds > 0.0 { (tokens / seconds * workers as f64).max(1.0) } else { 1e4 }
    }

    fn seconds(&self, tokens: usize, workers: usize) -> Duration {
        Duration::from_secs_f64((tokens as f64 / self.rate(workers)).min(3600.0))
    }

    /// Takes sequences of `share` tokens at most, but one at least: half in turns, half of the
    /// oldest lines.
    fn batch(&mut self, share: usize) -> Vec<Taken> {
        let mut batch = Vec::new();
        let mut used = 0;
        loop {
            let is_turn = 2 * used < share;
            let at = if is_turn { 0 } else { self.oldest() };
            let Some(mut line) = self.lines.remove(at) else { break };
            let Some((index, sequence)) = line.sequences.pop_front() else { continue };
            let tokens = sequence.ids.len();
            if used > 0 && used + tokens > share {
                line.sequences.push_front((index, sequence));
                self.lines.insert(at, line);
                break;
            }
            used += tokens;
            line.tokens -= tokens;
            self.tokens -= tokens;
            let (since, reply) = (line.since, line.reply.clone());
            batch.push(Taken { index, sequence, since, reply });
            if !line.sequences.is_empty() {
                let to = if is_turn { self.lines.len() } else { at };
                self.lines.insert(to, line);
            }
        }
        batch
    }

    /// Where the line is that came first.
    fn oldest(&self) -> usize {
        let lines = self.lines.iter().enumerate();
        lines.min_by_key(|(_, line)| line.id).map_or(0, |(at, _)| at)
    }
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    bounds: Bounds,
    state: Mutex<State>,
    ready: Condvar,
}

impl Queue {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, state: Mutex::default(), ready: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request of some tokens would be let in now.
    pub(super) fn check(&self, tokens: usize) -> Result<(), Refused> {
        self.room(&self.lock(), tokens)
    }

    fn room(&self, state: &State, tokens: usize) -> Result<(), Refused> {
        if state.is_closed {
            return Err(Refused::Closed);
        }
        let workers = self.bounds.workers;
        let first = tokens.min(FIRST_TOKENS);
        // In turns, nobody waits for more of another's line than the own one is long, and turns
        // have half of every batch.
        let ahead: usize = state.lines.iter().map(|line| line.tokens.min(first)).sum();
        let wait = state.seconds(state.tokens.min(2 * ahead), workers);
        let all = state.tokens + tokens;
        let is_full = state.tokens > 0
            && (all > self.bounds.tokens || state.seconds(all, workers) > self.bounds.work);
        if is_full || wait > self.bounds.wait {
            return Err(Refused::Full(state.seconds(state.tokens, workers).max(wait)));
        }
        Ok(())
    }

    /// Lets a request in, or says why not.
    pub(super) fn submit(self: &Arc<Self>, sequences: Vec<Encoded>) -> Result<Ticket, Refused> {
        let (reply, answers) = mpsc::unbounded_channel();
        let count = sequences.len();
        let tokens: usize = sequences.iter().map(|s| s.ids.len()).sum();
        let mut state = self.lock();
        self.room(&state, tokens)?;
        let id = state.next_id;
        state.next_id += 1;
        if count > 0 {
            state.tokens += tokens;
            let sequences = sequences.into_iter().enumerate().collect();
            let line = Line { id, sequences, tokens, since: Instant::now(), reply };
            state.lines.push_back(line);
        }
        drop(state);
        self.ready.notify_all();
        Ok(Ticket { queue: Arc::clone(self), id, answers, count })
    }

    /// The next batch, once there is one; `None` once the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Taken>> {
        let mut state = self.lock();
        state.idle += 1;
        loop {
            while state.lines.is_empty() && !state.is_closed {
                state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state = self.filled(state);
            if !state.lines.is_empty() || state.is_closed {
                break;
            }
        }
        let share = state.tokens.div_ceil(state.idle.max(1));
        let budget = self.bounds.batch_tokens.max(1);
        let share = share.clamp(LEAST_BATCH.min(budget), budget);
        state.idle -= 1;
        let batch = state.batch(share);
        (!batch.is_empty()).then_some(batch)
    }

    /// Waits a moment for more, where there is less than a batch.
    fn filled<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let until = Instant::now() + self.bounds.fill;
        while !state.is_closed && (1..self.bounds.batch_tokens).contains(&state.tokens) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.ready.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    /// Says how long one worker took for some tokens.
    pub(super) fn finished(&self, tokens: usize, time: Duration) {
        let mut state = self.lock();
        let (done, seconds) = state.done;
        // About the last hundred batches.
        state.done = (done * 0.99 + tokens as f64, seconds * 0.99 + time.as_secs_f64());
    }

    /// Tokens that wait.
    pub(super) fn tokens(&self) -> usize {
        self.lock().tokens
    }

    /// Sequences that were dropped because nobody waited for them.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Lets nobody in any more; workers end once it is empty.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.ready.notify_all();
    }

    fn cancel(&self, id: u64) {
        let mut state = self.lock();
        if let Some(at) = state.lines.iter().position(|line| line.id == id)
            && let Some(line) = state.lines.remove(at)
        {
            state.tokens -= line.tokens;
            state.dropped += line.sequences.len() as u64;
        }
    }
}

/// A request's place in the queue; dropping it takes its sequences out.
#[derive(Debug)]
pub(super) struct Ticket {
    queue: Arc<Queue>,
    id: u64,
    answers: mpsc::UnboundedReceiver<Answer>,
    count: usize,
}

impl Ticket {
    /// The next answer, in no order; `None` when no more will come.
    pub(super) async fn next(&mut self) -> Option<Answer> {
        self.answers.recv().await
    }

    /// An answer that is there already.
    pub(super) fn ready(&mut self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// All answers in the order of the sequences.
    pub(super) async fn all(mut self) -> Result<Vec<Row>, Fault> {
        let mut rows: Vec<Option<Row>> = vec![None; self.count];
        while let Some(answer) = self.answers.recv().await {
            if let Some(slot) = rows.get_mut(answer.index) {
                *slot = Some(answer.row?);
            }
        }
        rows.into_iter().map(|row| row.ok_or(Fault::Failed)).collect()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.queue.cancel(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        tokens: 100,
        wait: Duration::from_secs(2),
        work: Duration::from_mins(1),
        batch_tokens: 40,
        fill: Duration::ZERO,
        workers: 1,
    };

    fn sequences(count: usize, length: usize) -> Vec<Encoded> {
        vec![Encoded { ids: vec![7; length], type_ids: vec![0; length] }; count]
    }

    fn queue(bounds: Bounds) -> Arc<Queue> {
        Arc::new(Queue::new(bounds))
    }

    #[test]
    fn a_sentence_is_not_kept_waiting_by_a_document() {
        let queue = queue(BOUNDS);
        let document = queue.submit(sequences(8, 10)).unwrap();
        let sentence = queue.submit(sequences(1, 10)).unwrap();
        let first = queue.take().unwrap();
        assert!(first[0].reply.same_channel(&first[2].reply));
        assert!(!first[0].reply.same_channel(&first[1].reply), "one of each");
        // Then the older one goes on.
        assert_eq!(first.iter().map(|t| t.index).collect::<Vec<_>>(), [0, 0, 1, 2]);
        let second = queue.take().unwrap();
        assert_eq!(second.iter().map(|t| t.index).collect::<Vec<_>>(), [3, 4, 5, 6]);
        drop((document, sentence));
    }

    #[test]
    fn a_document_is_done_in_time_whatever_comes_after_it() {
        let queue = queue(Bounds { tokens: 1_000_000, ..BOUNDS });
        let documents = [0, 1].map(|_| queue.submit(sequences(100, 10)).unwrap());
        let mut sentences = Vec::new();
        let mut batches = 0;
        while queue.lock().lines.iter().any(|line| line.id < 2) {
            // More than can be done.
            sentences.extend((0..8).map(|_| queue.submit(sequences(1, 10)).unwrap()));
            assert_eq!(queue.take().unwrap().len(), 4);
            batches += 1;
        }
        // 2,000 tokens at half of 40 a batch; less what came of their own turns.
        assert!((80..=100).contains(&batches), "{batches}");
        assert!(queue.tokens() > 4_000, "sentences wait");
        drop(documents);
    }

    #[test]
    fn it_is_bounded_in_tokens_but_a_lone_request_may_be_larger() {
        let queue = queue(BOUNDS);
        let large = queue.submit(sequences(20, 10)).unwrap();
        assert!(matches!(queue.submit(sequences(1, 1)), Err(Refused::Full(_))));
        drop(large);
        assert_eq!(queue.tokens(), 0);
        assert_eq!(queue.dropped(), 20);
        let _first = queue.submit(sequences(9, 10)).unwrap();
        let _second = queue.submit(sequences(1, 10)).unwrap();
        assert!(matches!(queue.check(1), Err(Refused::Full(_))));
    }

    #[test]
    fn it_is_bounded_in_the_wait_that_must_be_expected() {
        let queue = queue(Bounds { tokens: 1_000_000, ..BOUNDS });
        queue.finished(100, Duration::from_secs(1));
        let _document = queue.submit(sequences(100, 10)).unwrap();
        // One turn behind the document: a sentence need not wait long.
        let mut waiting = vec![queue.submit(sequences(10, 10)).unwrap()];
        while let Ok(ticket) = queue.submit(sequences(10, 10)) {
            waiting.push(ticket);
            assert!(waiting.len() < 10);
        }
        // 100 tokens a second, half of them in turns, two seconds: the document is ahead.
        assert_eq!(waiting.len(), 1);
        assert!(queue.submit(sequences(1, 10)).is_ok(), "a short one is still let in");
    }

    #[test]
    fn it_is_bounded_in_the_time_that_all_work_takes() {
        let wait = Duration::from_mins(1);
        let queue = queue(Bounds { tokens: 1_000_000, wait, ..BOUNDS });
        queue.finished(100, Duration::from_secs(1));
        let lone = queue.submit(sequences(1_000, 10)).unwrap();
        assert!(matches!(queue.submit(sequences(1, 10)), Err(Refused::Full(_))));
        drop(lone);
        let _document = queue.submit(sequences(400, 10)).unwrap();
        assert!(matches!(queue.submit(sequences(300, 10)), Err(Refused::Full(_))));
        assert!(queue.submit(sequences(10, 10)).is_ok());
    }

    #[test]
    fn workers_share_what_waits_and_end_when_it_is_closed() {
        let queue = queue(Bounds { batch_tokens: 4096, tokens: 10_000, ..BOUNDS });
        queue.lock().idle = 1;
        let _ticket = queue.submit(sequences(100, 10)).unwrap();
        // Half for the other one, who is idle.
        assert_eq!(queue.take().unwrap().len(), 50);
        queue.close();
        assert!(matches!(queue.submit(sequences(1, 1)), Err(Refused::Closed)));
        let mut left = 0;
        while let Some(batch) = queue.take() {
            left += batch.len();
        }
        assert_eq!(left, 50);
    }

    #[test]
    fn answers_come_in_the_order_of_the_sequences() {
        let queue = queue(BOUNDS);
        let ticket = queue.submit(sequences(3, 5)).unwrap();
        let mut batch = queue.take().unwrap();
        batch.reverse();
        for taken in batch {
            let row = Ok(Row::from([taken.index as f32]));
            taken.reply.send(Answer { index: taken.index, row }).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let rows = runtime.block_on(ticket.all()).unwrap();
        assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), [0.0, 1.0, 2.0]);
    }
}
