//! Gradients of one optimiser step, computed by workers of one thread each.
//!
//! A batch is dealt to the workers so that each gets about as many tokens; every worker runs
//! forward and backward over its part with single-threaded matrix products, which two cores do
//! faster than one pass with two threads inside. Parts are added in the order of the workers, so
//! the sums are the same in every run with that number of them.

use candle_core::{Device, Tensor};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::TrainError;
use super::data::Prepared;
use super::loss::{Loss, Target};
use super::optimizer::Gradient;
use crate::encode::{Batch, Encoded};
use crate::model::ops::{Dropout, mix, with_floats};
use crate::model::{BertEncoder, EncoderGrads, Head, Logits, ModelError, Tape};

/// Tokens that one forward and backward pass holds at most; a bound on memory.
const MICRO_TOKENS: usize = 2_048;

/// A fixed set of one-thread pools.
#[derive(Debug)]
pub(super) struct Workers {
    pools: Vec<ThreadPool>,
}

impl Workers {
    /// Starts `threads` workers, or one a core for 0.
    pub(super) fn new(threads: usize) -> Result<Self, TrainError> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let count = if threads == 0 { cores() } else { threads.min(256) };
        let pool = |_| ThreadPoolBuilder::new().num_threads(1).build();
        let pools = (0..count).map(pool).collect::<Result<_, _>>();
        Ok(Self { pools: pools.map_err(|e| TrainError::Threads(e.to_string()))? })
    }

    pub(super) fn count(&self) -> usize {
        self.pools.len()
    }

    /// One job for each worker, at the same time; results in their order.
    pub(super) fn each<J: Sync, T: Send>(
        &self,
        jobs: &[J],
        work: impl Fn(&J) -> Result<T, TrainError> + Sync,
    ) -> Result<Vec<T>, TrainError> {
        let work = &work;
        std::thread::scope(|scope| {
            let handles: Vec<_> = self
                .pools
                .iter()
                .zip(jobs)
                .map(|(pool, job)| scope.spawn(move || pool.install(|| work(job))))
                .collect();
            handles
                .into_iter()
                .map(|h| {
                    let gone = |_| TrainError::Threads("a worker panicked".to_owned());
                    h.join().map_err(gone).and_then(|result| result)
                })
                .collect()
        })
    }
}

/// What one pass over a part of a batch gave.
pub(super) struct Part {
    pub(super) loss: f64,
    pub(super) encoder: EncoderGrads,
    pub(super) head: Vec<Tensor>,
}

/// Loss and gradients of a step.
pub(super) struct StepGrads {
    /// Sum of the sentences' losses.
    pub(super) loss: f64,
    /// In the order of the encoder's and then the head's parameters.
    pub(super) gradients: Vec<Gradient>,
}

/// A model in training.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) encoder: BertEncoder,
    pub(super) head: Head,
}

/// Dropout of a step: probabilities of hidden states and of attention, and the step's key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    pub(super) hidden: f64,
    pub(super) attention: f64,
    pub(super) key: u64,
}

/// Gradients of the sentences `members` of `data`.
pub(super) fn gradients(
    model: &Model,
    data: &Prepared,
    members: &[usize],
    loss: &Loss,
    noise: Noise,
    workers: &Workers,
) -> Result<StepGrads, TrainError> {
    let lengths: Vec<usize> = members.iter().map(|&i| data.sequences[i].ids.len()).collect();
    let columns = data.targets.len() / data.len().max(1);
    let scale = 1.0 / members.len().max(1) as f32;
    let hidden = model.encoder.config().hidden_size;
    over_parts(&lengths, workers, noise, hidden, |chunk, dropout| {
        let own: Vec<usize> = chunk.iter().map(|&i| members[i]).collect();
        let batch = Batch::pack(own.iter().map(|&i| &data.sequences[i]));
        let targets: Vec<Target> = own
            .iter()
            .flat_map(|&i| &data.targets[i * columns..(i + 1) * columns])
            .copied()
            .collect();
        part(model, &batch, &targets, loss, dropout, scale)
    })
}

/// Deals sequences of these lengths to the workers, runs `work` on parts that fit into memory,
/// each with dropout of its own, and adds what they gave.
pub(super) fn over_parts(
    lengths: &[usize],
    workers: &Workers,
    noise: Noise,
    hidden: usize,
    work: impl Fn(&[usize], Dropout) -> Result<Part, TrainError> + Sync,
) -> Result<StepGrads, TrainError> {
    let jobs: Vec<(usize, Vec<usize>)> =
        deal(lengths, workers.count()).into_iter().enumerate().collect();
    let parts = workers.each(&jobs, |(worker, own)| {
        let mut parts = Vec::new();
        for (m, chunk) in chunks(own, lengths).iter().enumerate() {
            let key = mix(noise.key ^ mix((*worker as u64) << 32 | m as u64));
            parts.push(work(chunk, Dropout::new(key, noise.hidden, noise.attention))?);
        }
        Ok(parts)
    })?;
    join(parts.into_iter().flatten().collect(), hidden)
}

fn part(
    model: &Model,
    batch: &Batch,
    targets: &[Target],
    loss: &Loss,
    mut dropout: Dropout,
    scale: f32,
) -> Result<Part, TrainError> {
    let mut tape = Tape::default();
    let states = model.encoder.forward_taped(batch, Some(&mut dropout), &mut tape)?;
    let (logits, head_tape) = model.head.forward_taped(&states, batch, Some(&mut dropout))?;
    let (loss, grad) = loss.of(&logits, targets, scale);
    let width = grad.len() / batch.len().max(1);
    let grad = Tensor::from_vec(grad, (batch.len(), width), &Device::Cpu)?;
    let head = model.head.backward(batch, &head_tape, &grad)?;
    let encoder = model.encoder.backward(batch, tape, head.states)?;
    Ok(Part { loss, encoder, head: head.dense })
}

/// Gradients of the head alone, from sentence states computed before.
pub(super) fn head_gradients(
    model: &Model,
    data: &Prepared,
    states: &[Vec<f32>],
    members: &[usize],
    loss: &Loss,
    noise: Noise,
) -> Result<StepGrads, TrainError> {
    let columns = data.targets.len() / data.len().max(1);
    let targets: Vec<Target> = members
        .iter()
        .flat_map(|&i| &data.targets[i * columns..(i + 1) * columns])
        .copied()
        .collect();
    let rows: Vec<f32> = members.iter().flat_map(|&i| &states[i]).copied().collect();
    let width = rows.len() / members.len().max(1);
    let pooled = Tensor::from_vec(rows, (members.len(), width), &Device::Cpu)?;
    let mut dropout = Dropout::new(noise.key, noise.hidden, noise.attention);
    let (logits, tape) = model.head.classify_taped(&pooled, Some(&mut dropout))?;
    let (loss, grad) = loss.of(&logits, &targets, 1.0 / members.len().max(1) as f32);
    let width = grad.len() / members.len().max(1);
    let grad = Tensor::from_vec(grad, (members.len(), width), &Device::Cpu)?;
    let (_, dense) = model.head.classify_backward(&tape, &grad)?;
    let gradients = dense.into_iter().map(|tensor| Gradient::Dense(vec![tensor])).collect();
    Ok(StepGrads { loss, gradients })
}

/// Logits of sentence states computed before.
pub(super) fn head_logits(model: &Model, states: &[Vec<f32>]) -> Result<Vec<Logits>, TrainError> {
    let mut out = Vec::with_capacity(states.len());
    for row in states {
        let pooled = Tensor::from_slice(row, (1, row.len()), &Device::Cpu)?;
        out.push(model.head.logits(&pooled)?);
    }
    Ok(out)
}

/// Adds the parts: a gradient for each parameter.
fn join(parts: Vec<Part>, hidden: usize) -> Result<StepGrads, TrainError> {
    let loss = parts.iter().map(|p| p.loss).sum();
    let mut tokens: Vec<(&EncoderGrads, Vec<f32>)> = Vec::new();
    for part in &parts {
        let Some(values) = &part.encoder.tokens else { continue };
        let values = with_floats("embedding gradient", [values], |[t]| Ok(t.to_vec()))?;
        tokens.push((&part.encoder, values));
    }
    let tables = parts.first().map_or(0, |p| p.encoder.rows.len());
    let mut gradients: Vec<Gradient> = (0..tables)
        .map(|table| {
            let parts: Vec<(&[u32], &[f32])> = tokens
                .iter()
                .map(|(grads, values)| (grads.rows[table].as_slice(), values.as_slice()))
                .collect();
            Gradient::rows(&parts, hidden)
        })
        .collect();
    let count = parts.first().map_or(0, |p| p.encoder.dense.len() + p.head.len());
    let mut dense: Vec<Vec<Tensor>> = (0..count).map(|_| Vec::with_capacity(parts.len())).collect();
    for part in parts {
        let tensors = part.encoder.dense.into_iter().chain(part.head);
        for (slot, tensor) in dense.iter_mut().zip(tensors) {
            slot.push(tensor);
        }
    }
    gradients.extend(dense.into_iter().map(Gradient::Dense));
    Ok(StepGrads { loss, gradients })
}

/// Deals sequences to workers: longest first, each to the one with the fewest tokens so far.
pub(super) fn deal(lengths: &[usize], workers: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lengths[i]), i));
    let mut hands = vec![(0usize, Vec::new()); workers.max(1)];
    for i in order {
        if let Some(hand) = hands.iter_mut().min_by_key(|hand| hand.0) {
            hand.0 += lengths[i];
            hand.1.push(i);
        }
    }
    hands.into_iter().map(|hand| hand.1).filter(|hand| !hand.is_empty()).collect()
}

/// Cuts a worker's share into passes of at most [`MICRO_TOKENS`].
pub(super) fn chunks(own: &[usize], lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut out: Vec<Vec<usize>> = Vec::new();
    let mut used = usize::MAX;
    for &i in own {
        if used.saturating_add(lengths[i]) > MICRO_TOKENS {
            out.push(Vec::new());
            used = 0;
        }
        used += lengths[i];
        if let Some(last) = out.last_mut() {
            last.push(i);
        }
    }
    out
}

/// Runs `work` over batches of sequences on all workers; results in the order of the sequences.
fn over_batches<T: Send + Clone>(
    sequences: &[&Encoded],
    workers: &Workers,
    work: impl Fn(&Batch) -> Result<Vec<T>, TrainError> + Sync,
) -> Result<Vec<Option<T>>, TrainError> {
    let lengths: Vec<usize> = sequences.iter().map(|s| s.ids.len()).collect();
    let hands = deal(&lengths, workers.count());
    let done = workers.each(&hands, |own| {
        let mut out = Vec::with_capacity(own.len());
        let own_lengths: Vec<usize> = own.iter().map(|&i| lengths[i]).collect();
        for members in crate::encode::plan(&own_lengths, 512) {
            let batch = Batch::pack(members.iter().map(|&m| sequences[own[m]]));
            let rows = work(&batch)?;
            out.extend(members.iter().map(|&m| own[m]).zip(rows));
        }
        Ok(out)
    })?;
    let mut results = vec![None; sequences.len()];
    for (i, row) in done.into_iter().flatten() {
        results[i] = Some(row);
    }
    Ok(results)
}

/// Logits of every sequence, without dropout.
pub(super) fn logits(
    model: &Model,
    sequences: &[&Encoded],
    workers: &Workers,
) -> Result<Vec<Logits>, TrainError> {
    let columns = model.head.categories();
    let rows = over_batches(sequences, workers, |batch| {
        let states = model.encoder.forward(batch, None)?;
        let all = model.head.logits(&model.head.pool(&states, batch)?)?;
        Ok((0..batch.len())
            .map(|i| Logits {
                category: all.category[i * columns..(i + 1) * columns].to_vec(),
                denied: all
                    .denied
                    .get(i * columns..(i + 1) * columns)
                    .map(<[f32]>::to_vec)
                    .unwrap_or_default(),
            })
            .collect())
    })?;
    complete(rows)
}

/// Sentence states under the head of every sequence, without dropout.
pub(super) fn states(
    model: &Model,
    sequences: &[&Encoded],
    workers: &Workers,
) -> Result<Vec<Vec<f32>>, TrainError> {
    let rows = over_batches(sequences, workers, |batch| {
        let states = model.encoder.forward(batch, None)?;
        Ok(model.head.pool(&states, batch)?.to_vec2::<f32>()?)
    })?;
    complete(rows)
}

fn complete<T>(rows: Vec<Option<T>>) -> Result<Vec<T>, TrainError> {
    let missing = || ModelError::Inference("a sequence got no result".to_owned());
    rows.into_iter().map(|row| row.ok_or_else(|| missing().into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_even_and_whole() {
        let lengths = [9, 1, 5, 5, 8, 2];
        let hands = deal(&lengths, 2);
        let sums: Vec<usize> = hands.iter().map(|h| h.iter().map(|&i| lengths[i]).sum()).collect();
        assert_eq!(sums, [15, 15]);
        assert_eq!(deal(&[3], 2), [vec![0]]);
        let long = vec![1_500; 3];
        assert_eq!(chunks(&[0, 1, 2], &long).len(), 3);
        assert_eq!(chunks(&[0, 1], &[5, 6]), [vec![0, 1]]);
    }

    /// Where a tiny model is.
    fn data(name: &str) -> std::path::PathBuf {
        std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data")).join(name)
    }

    /// A tiny model, under a head of other weights if its own has other labels, with four sentences
    /// of known labels.
    fn fixture(folder: &str) -> (Model, Prepared, Loss) {
        use crate::encode::{Context, Tokenizer};
        use crate::eval::Example;
        use crate::label::LabelSet;
        use crate::model::ops::testing::tensor;
        use crate::model::{ModelConfig, Weights};
        let read = |name: &str| std::fs::read(data(folder).join(name)).unwrap();
        let config = ModelConfig::from_json(&read("config.json")).unwrap();
        let mut weights =
            Weights::from_safetensors(&read("model.safetensors"), &config, &Device::Cpu).unwrap();
        let config = config.with_head(LabelSet::builtin(), config.pooling);
        if weights.check(&config).is_err() {
            let (rows, hidden) = (config.num_logits(), config.encoder.hidden_size);
            // Wide enough to be felt, not so wide that differences over a step meet the curve.
            let weight = (tensor(&[rows, hidden], 71) * 0.25).unwrap();
            weights.insert("classifier.weight", weight);
            weights.insert("classifier.bias", tensor(&[rows], 72));
        }
        let model = Model {
            encoder: BertEncoder::load(&config, &weights).unwrap(),
            head: Head::load(&config, &weights).unwrap(),
        };
        let vocabulary = config.encoder.vocab_size;
        // The fixture of DistilBERT has the vocabulary of BERT's, as a list.
        let folder = if folder.ends_with("distilbert") { "families/bert" } else { folder };
        let tokenizer = std::fs::read(data(folder).join("tokenizer.json")).unwrap();
        let tokenizer = Tokenizer::from_json(&tokenizer, vocabulary, 64, 16).unwrap();
        let labels = LabelSet::builtin();
        let example = |text: &str, lead_in: &str, names: &[&str]| Example {
            text: text.to_owned(),
            lead_in: lead_in.to_owned(),
            labels: names.iter().map(|name| labels.parse(name).unwrap()).collect(),
            ..Example::default()
        };
        let examples = [
            example("We sell your data.", "", &["data-sale"]),
            example("train our models", "We may use your data to:", &["ai-training"]),
            example(
                "We never sell or share your data.",
                "",
                &["!data-sale", "!third-party-sharing"],
            ),
            example("Hello.", "", &[]),
        ];
        let mut data = Prepared::default();
        data.add(&examples, None, 0.0, &labels, Context::LeadIn, &tokenizer).unwrap();
        let loss = Loss::fit(&super::super::loss::LossOptions::default(), &data.targets, 21, true);
        (model, data, loss)
    }

    /// Central differences through encoder, dropout, pooling, head and loss, in every parameter.
    #[test]
    fn every_parameter_has_the_gradient_of_the_loss() {
        every_parameter("fixture-model");
    }

    #[test]
    fn every_parameter_of_the_other_families_has_it_too() {
        for family in ["roberta", "mpnet", "distilbert"] {
            every_parameter(&format!("families/{family}"));
        }
    }

    fn every_parameter(folder: &str) {
        use super::super::optimizer::Update;
        let (model, data, loss) = fixture(folder);
        let workers = Workers::new(2).unwrap();
        let noise = Noise { hidden: 0.1, attention: 0.1, key: 5 };
        let members = [0, 1, 2, 3];
        let run = || gradients(&model, &data, &members, &loss, noise, &workers).unwrap();
        let parameters = [model.encoder.parameters(), model.head.parameters()].concat();
        let found = run().gradients;
        assert_eq!(found.len(), parameters.len());
        for (parameter, gradient) in parameters.iter().zip(found) {
            let dims = parameter.tensor.dims2().unwrap_or((1, parameter.tensor.elem_count()));
            let mut analytic = vec![0f64; parameter.tensor.elem_count()];
            for part in gradient.into_dense(dims).unwrap() {
                let values = part.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                analytic.iter_mut().zip(values).for_each(|(sum, v)| *sum += f64::from(v));
            }
            // An odd stride, so that all columns of a matrix are met.
            let stride = (analytic.len() / 150) | 1;
            let (mut dot, mut ours, mut theirs) = (0.0, 0.0, 0.0);
            for i in (0..analytic.len()).step_by(stride) {
                let shifted = |by: f32| {
                    let shift = |by: f32| {
                        let change = |w: &mut [f32]| {
                            w[i] += by;
                            Ok(())
                        };
                        Update::new(&parameter.tensor, change).run().unwrap();
                    };
                    shift(by);
                    let loss = run().loss / members.len() as f64;
                    shift(-by);
                    loss
                };
                let step = 4e-3f32;
                let expected = (shifted(step) - shifted(-step)) / (2.0 * f64::from(step));
                assert!(
                    (expected - analytic[i]).abs() < 4e-3 * (1.0 + expected.abs()),
                    "{folder} {} entry {i}: gradient {}, difference quotient {expected}",
                    parameter.name,
                    analytic[i]
                );
                dot += expected * analytic[i];
                ours += analytic[i] * analytic[i];
                theirs += expected * expected;
            }
            // Small gradients would pass above whatever they are; their direction would not.
            let cosine = dot / (ours * theirs).sqrt();
            assert!(ours > 0.0 && cosine > 0.995, "{folder} {}: cosine {cosine}", parameter.name);
        }
    }

    #[test]
    fn gradients_in_bfloat16_point_the_same_way() {
        use crate::model::ops::Products;
        let (mut model, data, loss) = fixture("fixture-model");
        let workers = Workers::new(1).unwrap();
        let noise = Noise { hidden: 0.1, attention: 0.1, key: 5 };
        let all = |model: &Model| {
            let step = gradients(model, &data, &[0, 1, 2, 3], &loss, noise, &workers).unwrap();
            let parameters = [model.encoder.parameters(), model.head.parameters()].concat();
            let mut values = Vec::new();
            for (parameter, gradient) in parameters.iter().zip(step.gradients) {
                let dims = parameter.tensor.dims2().unwrap_or((1, parameter.tensor.elem_count()));
                for part in gradient.into_dense(dims).unwrap() {
                    values.extend(part.flatten_all().unwrap().to_vec1::<f32>().unwrap());
                }
            }
            values
        };
        let exact = all(&model);
        model.encoder = model.encoder.with_products(Products::Bf16);
        let rounded = all(&model);
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        let lengths = (dot(&exact, &exact) * dot(&rounded, &rounded)).sqrt();
        let cosine = dot(&exact, &rounded) / lengths;
        assert!(cosine > 0.999 && exact != rounded, "{cosine}");
    }
}
