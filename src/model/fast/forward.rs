//! The forward pass over a packed batch.

use std::cell::RefCell;
use std::ops::Range;

use super::attention::{Heads, Shape, attention};
use super::linear::Room;
use super::vector::Finish;
use super::{FastEngine, Layer, Numbers, PANEL};
use crate::encode::Batch;
use crate::model::ModelError;

/// Tokens that go through the feed-forward layers at a time: their states stay in the cache.
const BLOCK: usize = 4 * PANEL;
/// Tokens that go through the encoder at a time, but for a sequence that is longer.
const GROUP: usize = 512;

/// Buffers that a thread keeps between batches.
#[derive(Debug, Default)]
struct Buffers {
    tokens: Vec<[usize; 3]>,
    sequences: Vec<Range<usize>>,
    /// [tokens, hidden].
    states: Vec<f32>,
    /// [tokens, 3·hidden].
    qkv: Vec<f32>,
    /// [tokens, hidden].
    context: Vec<f32>,
    /// [[`BLOCK`], intermediate].
    middle: Vec<f32>,
    heads: Heads,
    room: Room,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// The first `n` floats of a buffer that grows and is not cleared.
fn first(buffer: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if buffer.len() < n {
        buffer.resize(n, 0.0);
    }
    &mut buffer[..n]
}

impl FastEngine {
    /// Hands the states of the last layer, [tokens, hidden], to `sink` with the sequences that
    /// they are of, group by group.
    pub(super) fn forward(
        &self,
        batch: &Batch,
        mut sink: impl FnMut(&[f32], &[Range<usize>]),
    ) -> Result<(), ModelError> {
        let sound = batch.cu_seqlens.first() == Some(&0)
            && batch.cu_seqlens.is_sorted()
            && batch.cu_seqlens.last().map(|&n| n as usize) == Some(batch.tokens())
            && batch.token_type_ids.len() == batch.tokens()
            && batch.tokens() > 0;
        if !sound {
            return Err(ModelError::Inference(format!(
                "a batch of {} ids, {} segments and lengths {:?}",
                batch.tokens(),
                batch.token_type_ids.len(),
                batch.cu_seqlens
            )));
        }
        BUFFERS.with_borrow_mut(|buffers| {
            let mut sequence = 0;
            while sequence < batch.len() {
                let start = batch.cu_seqlens[sequence] as usize;
                let mut end = sequence + 1;
                while end < batch.len() && batch.cu_seqlens[end + 1] as usize - start <= GROUP {
                    end += 1;
                }
                self.gather(batch, sequence..end, buffers)?;
                self.group(buffers);
                let tokens = buffers.tokens.len() * self.config.hidden_size;
                sink(&buffers.states[..tokens], &buffers.sequences);
                sequence = end;
            }
            Ok(())
        })
    }

    /// Lists the tokens of some sequences of a batch and checks them against the tables.
    fn gather(
        &self,
        batch: &Batch,
        which: Range<usize>,
        buffers: &mut Buffers,
    ) -> Result<(), ModelError> {
        buffers.tokens.clear();
        buffers.sequences.clear();
        let first = self.config.first_position;
        let reads_segments = self.config.family.reads_segments();
        for bounds in batch.cu_seqlens[which.start..=which.end].windows(2) {
            let range = bounds[0] as usize..bounds[1] as usize;
            let begin = buffers.tokens.len();
            for (position, at) in range.enumerate() {
                let segment = if reads_segments { batch.token_type_ids[at] as usize } else { 0 };
                let token = [batch.input_ids[at] as usize, first + position, segment];
                let sizes = [
                    self.config.vocab_size,
                    self.config.max_position_embeddings,
                    self.config.type_vocab_size,
                ];
                if token.iter().zip(sizes).any(|(&index, size)| index >= size) {
                    return Err(ModelError::Inference(format!(
                        "token, position and segment {token:?} in tables of {sizes:?} rows"
                    )));
                }
                buffers.tokens.push(token);
            }
            buffers.sequences.push(begin..buffers.tokens.len());
        }
        Ok(())
    }

    /// The whole encoder over the tokens in `buffers`.
    fn group(&self, buffers: &mut Buffers) {
        let Buffers { tokens, sequences, states, qkv, context, middle, heads, room } = buffers;
        let hidden = self.config.hidden_size;
        let shape = Shape { heads: self.config.num_attention_heads, hidden };
        let states = first(states, tokens.len() * hidden);
        let qkv = first(qkv, tokens.len() * 3 * hidden);
        let context = first(context, tokens.len() * hidden);
        let middle = first(middle, BLOCK * self.config.intermediate_size);
        self.embedding.apply(self.level, tokens, states);
        for layer in &self.layers {
            let blocks = states.chunks(BLOCK * hidden).zip(qkv.chunks_mut(BLOCK * 3 * hidden));
            for (row, (x, out)) in (0..).step_by(BLOCK).zip(blocks) {
                layer.qkv.apply_keeping(self.level, (x, row), Finish::Store, room, out);
            }
            // Here precision counts: all tokens attend to the first one, whose states lie far out.
            layer.qkv.settle(self.level, room, qkv);
            attention(self.level, shape, qkv, self.distances.as_ref(), sequences, heads, context);
            let blocks = states.chunks_mut(BLOCK * hidden).zip(context.chunks(BLOCK * hidden));
            for (row, (states, context)) in (0..).step_by(BLOCK).zip(blocks) {
                self.feed(layer, context, (states, row), middle, room);
            }
            // And here it may be that one neuron out of all that are active drowns the others.
            layer.down.settle(self.level, room, states);
            layer.down_norm.apply(self.level, states);
        }
    }

    /// What follows attention in a layer up to the last sum, for a block of tokens from `row`.
    fn feed(
        &self,
        layer: &Layer,
        context: &[f32],
        (states, row): (&mut [f32], usize),
        middle: &mut [f32],
        room: &mut Room,
    ) {
        let rows = states.len() / self.config.hidden_size;
        let middle = &mut middle[..rows * self.config.intermediate_size];
        let activate = Finish::of(self.config.hidden_act, self.numbers == Numbers::Int8);
        layer.out.apply(self.level, context, Finish::Add, room, states);
        layer.out_norm.apply(self.level, states);
        layer.up.apply(self.level, states, activate, room, middle);
        layer.down.apply_keeping(self.level, (middle, row), Finish::Add, room, states);
    }
}
