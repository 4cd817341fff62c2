//! The fast engine against Candle, in either precision, on every kernel of this machine.

use std::path::Path;

use candle_core::Device;
use fineprint::encode::{Batch, Context, Encoded, Input, Tokenizer};
use fineprint::model::{
    CandleEngine, Engine, FastEngine, Kernel, ModelConfig, ModelFiles, ModelSource, Numbers,
};

/// Sentences written for this test, of many lengths.
const SENTENCES: [&str; 14] = [
    "",
    "Yes.",
    "We never sell your personal information.",
    "By using the service you agree that we may share usage data with our advertising partners.",
    "You may opt out of the use of your content for training machine learning models at any time in \
     the settings of your account; content that was used before stays in the models trained on it.",
    "14.2",
    "We keep server logs for 30 days, invoices for ten years, and backups for as long as the law of \
     the country in which you live asks us to, after which they are deleted or made anonymous.",
    "Children under 13 may not register.",
    "§ 3 (1) lit. b GDPR — naïve façade, 数据, \u{1F512}",
    "If we are bought by or merged with another company, your data may be among what is handed over.",
    "We do not read your messages, unless you report one of them to our moderators.",
    "We transfer data to the United States under the standard contractual clauses of the European \
     Commission, and to no other country outside of the European Economic Area.",
    "THE SERVICE IS PROVIDED AS IS, WITHOUT WARRANTY OF ANY KIND.",
    "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a",
];

struct Model {
    files: ModelFiles,
    config: ModelConfig,
    candle: CandleEngine,
    sequences: Vec<Encoded>,
}

impl Model {
    fn read(source: &ModelSource) -> Self {
        let files = ModelFiles::read(source).unwrap();
        let config = ModelConfig::from_json(&files.config).unwrap();
        let candle = CandleEngine::load(&config, &files.weights, &Device::Cpu).unwrap();
        let most = config.encoder.max_position_embeddings;
        let tokenizer =
            Tokenizer::from_json(&files.tokenizer, config.encoder.vocab_size, most, 16).unwrap();
        let mut sequences = Vec::new();
        for (i, text) in SENTENCES.iter().enumerate() {
            let input = Input { text, lead_in: SENTENCES[i * 5 % 3], heading: "" };
            let context = if i % 4 == 0 { Context::LeadIn } else { Context::None };
            sequences.extend(tokenizer.encode(text, &context.compose(&input)).unwrap().windows);
        }
        // One token, and as many as the model has positions.
        let long = sequences.iter().flat_map(|s| s.ids.clone()).cycle().take(most).collect();
        sequences.push(Encoded { ids: sequences[1].ids[..1].to_vec(), type_ids: vec![1] });
        sequences.push(Encoded { ids: long, type_ids: vec![0; most] });
        Self { files, config, candle, sequences }
    }

    fn fixture() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fixture-model");
        Self::read(&ModelSource::Folder(folder))
    }

    fn engine(&self, numbers: Numbers, kernel: Kernel) -> FastEngine {
        FastEngine::load(&self.config, &self.files.weights, numbers, kernel).unwrap()
    }

    /// Hidden states of every sequence in one batch.
    fn states(&self, engine: &dyn Engine) -> Vec<Vec<f32>> {
        let batch = Batch::pack(&self.sequences);
        let all = engine.hidden_states(&batch).unwrap();
        assert!(all.iter().all(|x| x.is_finite()));
        let h = self.config.encoder.hidden_size;
        let bounds = batch.cu_seqlens.windows(2);
        bounds.map(|w| all[w[0] as usize * h..w[1] as usize * h].to_vec()).collect()
    }
}

/// Kernels to test: the portable one takes a minute for `MiniLM` and is tested on the fixture.
fn kernels(with_generic: bool) -> impl Iterator<Item = Kernel> {
    Kernel::available().filter(move |&k| with_generic || k != Kernel::Generic)
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |m, (x, y)| m.max((x - y).abs()))
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn check(model: &Model, with_generic: bool) {
    let reference = model.states(&model.candle);
    let mut int8: Option<Vec<Vec<f32>>> = None;
    for kernel in kernels(with_generic) {
        let floats = model.states(&model.engine(Numbers::F32, kernel));
        let worst = floats.iter().zip(&reference).map(|(a, b)| distance(a, b)).fold(0.0, f32::max);
        let ints = model.states(&model.engine(Numbers::Int8, kernel));
        let least = ints.iter().zip(&reference).map(|(a, b)| cosine(a, b)).fold(1.0, f64::min);
        println!("{kernel}: f32 differs by {worst:e}, int8 has a cosine of {least:.5}");
        assert!(worst <= 1e-4, "{kernel}: f32 {worst}");
        assert!(least >= 0.99, "{kernel}: int8 {least}");
        // The integers are exact, so kernels differ by floats rounded to the neighbouring integer.
        let best = int8.get_or_insert_with(|| ints.clone());
        let agreement = ints.iter().zip(best).map(|(a, b)| cosine(a, b)).fold(1.0, f64::min);
        assert!(agreement >= 0.999, "{kernel}: int8 against the best kernel {agreement}");
    }
}

#[test]
fn the_fixture_gives_the_states_that_candle_gives() {
    check(&Model::fixture(), true);
}

#[test]
fn the_shipped_model_gives_the_states_that_candle_gives() {
    check(&Model::read(&ModelSource::Embedded), false);
}

#[test]
fn a_sequence_has_the_same_states_in_any_company_to_the_bit() {
    let model = Model::read(&ModelSource::Embedded);
    for kernel in kernels(false) {
        for numbers in [Numbers::Int8, Numbers::F32] {
            let engine = model.engine(numbers, kernel);
            let together = model.states(&engine);
            for (sequence, expected) in model.sequences.iter().zip(&together) {
                let alone = engine.hidden_states(&Batch::pack([sequence])).unwrap();
                assert!(alone == *expected, "{kernel} {numbers:?} {}", sequence.ids.len());
            }
        }
    }
}

#[test]
fn logits_and_sentence_states_are_those_of_candle() {
    for model in [Model::fixture(), Model::read(&ModelSource::Embedded)] {
        let batch = Batch::pack(&model.sequences);
        let expected = model.candle.logits(&batch).unwrap();
        let pooled = model.candle.sentence_states(&batch).unwrap();
        let engine = model.engine(Numbers::F32, Kernel::best());
        let got = engine.logits(&batch).unwrap();
        assert!(distance(&got.category, &expected.category) < 1e-4);
        assert!(distance(&got.denied, &expected.denied) < 1e-4);
        assert!(distance(&engine.sentence_states(&batch).unwrap(), &pooled) < 1e-4);
    }
}

#[test]
fn a_cls_pooler_is_the_same_too() {
    let mut model = Model::fixture();
    let mut config: serde_json::Value = serde_json::from_slice(&model.files.config).unwrap();
    config["classifier_pooling"] = "cls".into();
    model.config = ModelConfig::from_json(&serde_json::to_vec(&config).unwrap()).unwrap();
    let device = candle_core::Device::Cpu;
    let plain = ModelConfig::from_json(&model.files.config).unwrap();
    let mut weights =
        fineprint::model::Weights::from_safetensors(&model.files.weights, &plain, &device).unwrap();
    let size = model.config.encoder.hidden_size;
    let noise = |n: usize| (0..n).map(|i| ((i * 37 % 101) as f32 - 50.0) / 200.0).collect();
    let tensor =
        |v: Vec<f32>, dims: &[usize]| candle_core::Tensor::from_vec(v, dims, &device).unwrap();
    weights.insert("pooler.dense.weight", tensor(noise(size * size), &[size, size]));
    weights.insert("pooler.dense.bias", tensor(noise(size), &[size]));
    let bytes = weights.to_safetensors(fineprint::model::Precision::F32).unwrap();
    model.candle = CandleEngine::load(&model.config, &bytes, &Device::Cpu).unwrap();
    model.files.weights = bytes.into();
    let batch = Batch::pack(&model.sequences);
    let expected = model.candle.logits(&batch).unwrap();
    let got = model.engine(Numbers::F32, Kernel::best()).logits(&batch).unwrap();
    assert!(distance(&got.category, &expected.category) < 1e-4);
}

#[test]
fn batches_that_do_not_fit_the_model_are_errors() {
    let model = Model::fixture();
    let engine = model.engine(Numbers::Int8, Kernel::best());
    let sound = Batch::pack(&model.sequences[1..4]);
    assert!(engine.logits(&sound).is_ok());
    let broken: [fn(&mut Batch); 6] = [
        |b| b.input_ids[1] = u32::MAX,
        |b| b.token_type_ids[0] = 2,
        |b| b.token_type_ids.truncate(1),
        |b| b.cu_seqlens[1] = 10_000,
        |b| b.cu_seqlens.truncate(2),
        |b| *b = Batch::pack(std::iter::empty()),
    ];
    for (i, damage) in broken.into_iter().enumerate() {
        let mut batch = sound.clone();
        damage(&mut batch);
        assert!(engine.logits(&batch).is_err(), "{i}");
        assert!(engine.hidden_states(&batch).is_err(), "{i}");
    }
    let mut long = sound;
    long.input_ids = vec![5; model.config.encoder.max_position_embeddings + 1];
    long.token_type_ids = vec![0; long.input_ids.len()];
    long.cu_seqlens = vec![0, long.input_ids.len() as u32];
    assert!(engine.logits(&long).unwrap_err().to_string().contains("position"));
    assert!(engine.logits(&Batch::pack(&model.sequences)).is_ok(), "it still works");
}

#[test]
fn an_empty_sequence_among_others_gives_what_candle_gives() {
    let model = Model::fixture();
    let empty = Encoded::default();
    let batch = Batch::pack([&model.sequences[1], &empty, &model.sequences[2]]);
    let expected = model.candle.logits(&batch).unwrap();
    let got = model.engine(Numbers::F32, Kernel::best()).logits(&batch).unwrap();
    assert!(distance(&got.category, &expected.category) < 1e-4);
}

#[test]
fn kernels_have_names_and_a_foreign_one_is_refused() {
    for kernel in [Kernel::Generic, Kernel::Neon, Kernel::Avx2, Kernel::Avx512] {
        assert_eq!(kernel.to_string().parse(), Ok(kernel));
    }
    assert!("sse9".parse::<Kernel>().unwrap_err().contains("avx512"));
    let model = Model::fixture();
    let foreign = if cfg!(target_arch = "aarch64") { Kernel::Avx2 } else { Kernel::Neon };
    let refused =
        FastEngine::load(&model.config, &model.files.weights, Numbers::Int8, foreign).unwrap_err();
    assert!(refused.to_string().contains("cannot run"), "{refused}");
}
