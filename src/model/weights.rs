//! `model.safetensors`: named tensors, checked against the configuration, in floats or in int8.
//!
//! The int8 layout keeps a matrix `[rows, columns]` as `I8` under its own name and one `F32` scale
//! a row as `<name>.scale`; a value is `int8 · scale`. Vectors and the classification head stay
//! `F32`. Any tensor may be `F32`, `F16`, `BF16` or int8; all are floats once loaded. Pickled
//! formats are never read.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::names::{POSITION, RELATIVE, SEGMENT, WORD};
use super::{Family, ModelConfig, ModelError, Pooling};

const FILE: &str = "model.safetensors";
const SCALE: &str = ".scale";

/// How matrices are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats, which every engine reads.
    F32,
    /// Int8 with a scale a row; a quarter of the size.
    Int8,
}

/// The tensors of a model by canonical name, as 32-bit floats: BERT's, without the `bert.` prefix,
/// whatever its family calls them in a file.
#[derive(Debug, Clone)]
pub struct Weights {
    family: Family,
    tensors: BTreeMap<String, Tensor>,
}

fn invalid(reason: impl Into<String>) -> ModelError {
    ModelError::invalid(FILE, reason)
}

impl Weights {
    /// Wraps tensors that a trainer holds; [`Weights::check`] compares them with a configuration.
    pub fn new(tensors: BTreeMap<String, Tensor>) -> Self {
        Self { family: Family::Bert, tensors }
    }

    /// The same tensors as those of another family than BERT, which decides on their names in files.
    #[must_use]
    pub fn of_family(self, family: Family) -> Self {
        Self { family, ..self }
    }

    /// Reads a safetensors file and checks it against the configuration.
    ///
    /// Tensors that the configuration does not ask for are left out. A configuration without
    /// labels asks for no head.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] when the file is truncated or forged, a tensor is missing, of
    /// another shape or type, or holds values that are not finite.
    pub fn from_safetensors(
        bytes: &[u8],
        config: &ModelConfig,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let file = WeightFile::open(bytes, config)?;
        let mut tensors = BTreeMap::new();
        for (name, shape) in expected(config) {
            let values = file.floats(&name)?;
            tensors.insert(name, Tensor::from_vec(values, shape, device)?);
        }
        Ok(Self { family: config.encoder.family, tensors })
    }

    /// The mean of several models' weights, tensor by tensor.
    ///
    /// Runs that began at the same weights end near enough for their mean to be a model, and
    /// often a better one than each (Wortsman et al. 2022).
    ///
    /// # Errors
    /// [`ModelError::Invalid`] when there is none, or names or shapes differ.
    pub fn mean(models: &[Self]) -> Result<Self, ModelError> {
        let Some((first, others)) = models.split_first() else {
            return Err(invalid("there are no weights to average"));
        };
        if others.iter().any(|other| !other.tensors.keys().eq(first.tensors.keys())) {
            return Err(invalid("the models have different tensors: were layers dropped in one?"));
        }
        let mut tensors = BTreeMap::new();
        for (name, tensor) in &first.tensors {
            let mut sum = tensor.clone();
            for other in others {
                let theirs = other.get(name)?;
                if theirs.dims() != tensor.dims() {
                    return Err(invalid(format!(
                        "tensor `{name}` has shape {:?} in one model and {:?} in another",
                        tensor.dims(),
                        theirs.dims()
                    )));
                }
                sum = (sum + theirs)?;
            }
            tensors.insert(name.clone(), (sum / models.len() as f64)?);
        }
        Ok(Self { family: first.family, tensors })
    }

    /// The tensor of a canonical name such as `encoder.layer.0.output.dense.weight`.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] when it is absent.
    pub fn get(&self, name: &str) -> Result<&Tensor, ModelError> {
        self.tensors.get(name).ok_or_else(|| invalid(format!("tensor `{name}` is missing")))
    }

    /// All tensors by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.tensors.insert(name.into(), tensor);
    }

    /// Compares names and shapes with a configuration.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] naming the first tensor that differs.
    pub fn check(&self, config: &ModelConfig) -> Result<(), ModelError> {
        for (name, shape) in expected(config) {
            let tensor = self.get(&name)?;
            if tensor.dims() != shape {
                return Err(invalid(format!(
                    "tensor `{name}` has shape {:?}; config.json asks for {shape:?}",
                    tensor.dims()
                )));
            }
        }
        Ok(())
    }

    /// Writes a safetensors file; with a head, encoder names get the family's prefix (`bert.`) as
    /// in Hugging Face's classifiers.
    ///
    /// # Errors
    /// [`ModelError`] when a tensor cannot be read back from its device.
    pub fn to_safetensors(&self, precision: Precision) -> Result<Vec<u8>, ModelError> {
        let has_head = self.tensors.contains_key("classifier.weight");
        let has_pooler = self.tensors.contains_key("pooler.dense.weight");
        let mut parts: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for (name, tensor) in &self.tensors {
            // Small, and every logit or score goes through them.
            let stays = name.starts_with("classifier.") || name == RELATIVE;
            let full = self.family.file_name(name, has_head, has_pooler);
            let shape = tensor.dims().to_vec();
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            match (precision, tensor.dims()) {
                (Precision::Int8, &[rows, columns]) if !stays => {
                    let (ints, scales) = quantize_rows(&values, columns);
                    parts.push((full.clone(), Dtype::I8, shape, ints));
                    let scales = scales.iter().flat_map(|s| s.to_le_bytes()).collect();
                    parts.push((format!("{full}{SCALE}"), Dtype::F32, vec![rows], scales));
                }
                _ => {
                    let data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                    parts.push((full, Dtype::F32, shape, data));
                }
            }
        }
        let views = parts
            .iter()
            .map(|(name, dtype, shape, data)| {
                TensorView::new(*dtype, shape.clone(), data).map(|view| (name.clone(), view))
            })
            .collect::<Result<BTreeMap<_, _>, _>>()
            .map_err(|e| invalid(e.to_string()))?;
        written(views)
    }
}

/// A whole file from `part`, which leaves out tensors that it shares with the file `base`.
///
/// # Errors
/// [`ModelError::Invalid`] when one of them is no safetensors file.
#[cfg(any(feature = "embedded-model", test))]
pub(super) fn joined(base: &[u8], part: &[u8]) -> Result<Vec<u8>, ModelError> {
    let open = |bytes| SafeTensors::deserialize(bytes).map_err(|e| invalid(e.to_string()));
    let (base, part) = (open(base)?, open(part)?);
    let mut views: BTreeMap<String, TensorView<'_>> = part.iter().map(owned).collect();
    for (name, view) in base.iter().filter(|(name, _)| is_shared(name)) {
        views.entry(name.to_owned()).or_insert(view);
    }
    written(views)
}

/// The file `whole` without the tensors that it shares with the file `base`.
///
/// # Errors
/// [`ModelError::Invalid`] when one of them is no safetensors file, or embeddings differ.
pub fn part_of(base: &[u8], whole: &[u8]) -> Result<Vec<u8>, ModelError> {
    let open = |bytes| SafeTensors::deserialize(bytes).map_err(|e| invalid(e.to_string()));
    let (base, whole) = (open(base)?, open(whole)?);
    let (shared, own): (Vec<_>, Vec<_>) = whole.iter().partition(|(name, _)| is_shared(name));
    for (name, view) in shared {
        let same = base.tensor(name).is_ok_and(|other| is_same(&view, &other));
        if !same {
            return Err(invalid(format!(
                "tensor `{name}` is not the other model's: train with --freeze-embeddings from it"
            )));
        }
    }
    written(own.into_iter().map(owned).collect())
}

/// Whether a smaller model takes this tensor from the one that it was made of.
fn is_shared(name: &str) -> bool {
    name.split('.').any(|part| part == "embeddings")
}

/// Equal types, shapes and values; floats within what computing an int8 scale anew changes.
fn is_same(a: &TensorView<'_>, b: &TensorView<'_>) -> bool {
    if (a.dtype(), a.shape()) != (b.dtype(), b.shape()) || a.dtype() != Dtype::F32 {
        return (a.dtype(), a.shape(), a.data()) == (b.dtype(), b.shape(), b.data());
    }
    let (a, b) = (floats(a.data()), floats(b.data()));
    a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs())
}

fn owned<'a>((name, view): (&str, TensorView<'a>)) -> (String, TensorView<'a>) {
    (name.to_owned(), view)
}

fn written(views: BTreeMap<String, TensorView<'_>>) -> Result<Vec<u8>, ModelError> {
    let metadata = std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(|e| invalid(e.to_string()))
}

/// Symmetric int8 by row: values `round(x / scale)` in −127..=127 as bytes, and the scales.
pub(super) fn quantize_rows(values: &[f32], columns: usize) -> (Vec<u8>, Vec<f32>) {
    let mut ints = Vec::with_capacity(values.len());
    let mut scales = Vec::new();
    for row in values.chunks(columns.max(1)) {
        let peak = row.iter().fold(0f32, |m, v| m.max(v.abs()));
        let scale = if peak > 0.0 { peak / 127.0 } else { 1.0 };
        scales.push(scale);
        ints.extend(row.iter().map(|v| ((v / scale).round().clamp(-127.0, 127.0) as i8) as u8));
    }
    (ints, scales)
}

/// A safetensors file whose names and shapes fit a configuration.
pub(super) struct WeightFile<'a> {
    views: BTreeMap<String, TensorView<'a>>,
}

/// A matrix as it is on disk.
pub(super) enum Rows<'a> {
    /// Bytes of signed integers with a scale a row.
    Int8 { ints: &'a [u8], scales: Vec<f32>, columns: usize },
    /// Floats, row-major.
    Float { values: Vec<f32>, columns: usize },
}

impl Rows<'_> {
    /// The values, row-major.
    pub(super) fn into_floats(self) -> Vec<f32> {
        match self {
            Self::Float { values, .. } => values,
            Self::Int8 { ints, scales, columns } => {
                let mut values = Vec::with_capacity(ints.len());
                for (row, scale) in ints.chunks(columns.max(1)).zip(scales) {
                    values.extend(row.iter().map(|&b| f32::from(b as i8) * scale));
                }
                values
            }
        }
    }
}

impl<'a> WeightFile<'a> {
    /// Opens a file and compares its names and shapes with a configuration.
    pub(super) fn open(bytes: &'a [u8], config: &ModelConfig) -> Result<Self, ModelError> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| invalid(e.to_string()))?;
        let family = config.encoder.family;
        let mut views: BTreeMap<String, TensorView<'a>> = BTreeMap::new();
        for (name, view) in file.iter() {
            let canonical = family.canonical(name);
            // A classifier may keep its encoder's own pooler beside the layer of its head.
            if !views.contains_key(&canonical) || !name.contains("pooler") {
                views.insert(canonical, view);
            }
        }
        for (name, shape) in expected(config) {
            let view = views.get(&name).ok_or_else(|| {
                invalid(format!(
                    "tensor `{name}` is missing: is it a model of this config ({})?",
                    family.model_type()
                ))
            })?;
            if view.shape() != shape {
                return Err(invalid(format!(
                    "tensor `{name}` has shape {:?}; config.json asks for {shape:?}",
                    view.shape()
                )));
            }
        }
        Ok(Self { views })
    }

    fn view(&self, name: &str) -> Result<&TensorView<'a>, ModelError> {
        self.views.get(name).ok_or_else(|| invalid(format!("tensor `{name}` is missing")))
    }

    /// The values of a tensor of any supported type, all finite.
    pub(super) fn floats(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        let view = self.view(name)?;
        if view.dtype() == Dtype::I8 {
            return Ok(self.rows(name)?.into_floats());
        }
        let data = view.data();
        let halves = data.as_chunks::<2>().0.iter();
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => floats(data),
            Dtype::F16 => halves.map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
            Dtype::BF16 => halves.map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect(),
            other => {
                return Err(invalid(format!(
                    "tensor `{name}` is {other:?}; use F32, F16, BF16 or I8"
                )));
            }
        };
        finite(name, &values)?;
        Ok(values)
    }

    /// A matrix, int8 as it lies in the file.
    pub(super) fn rows(&self, name: &str) -> Result<Rows<'a>, ModelError> {
        let view = self.view(name)?;
        let &[rows, columns] = view.shape() else {
            return Err(invalid(format!("tensor `{name}` is not a matrix")));
        };
        if view.dtype() != Dtype::I8 {
            return Ok(Rows::Float { values: self.floats(name)?, columns });
        }
        let scale = format!("{name}{SCALE}");
        let scales = self
            .views
            .get(&scale)
            .filter(|s| s.dtype() == Dtype::F32 && s.shape() == [rows])
            .map(|s| floats(s.data()))
            .ok_or_else(|| {
                invalid(format!("int8 tensor `{name}` needs `{scale}`, F32 of [{rows}]"))
            })?;
        finite(&scale, &scales)?;
        Ok(Rows::Int8 { ints: view.data(), scales, columns })
    }
}

/// Fails unless all values are finite.
fn finite(name: &str, values: &[f32]) -> Result<(), ModelError> {
    if values.iter().all(|v| v.is_finite()) {
        Ok(())
    } else {
        Err(invalid(format!("tensor `{name}` has values that are not finite")))
    }
}

fn floats(data: &[u8]) -> Vec<f32> {
    data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// Names and shapes of every tensor that a configuration asks for.
pub(super) fn expected(config: &ModelConfig) -> Vec<(String, Vec<usize>)> {
    let e = &config.encoder;
    let (h, i) = (e.hidden_size, e.intermediate_size);
    let mut out = vec![
        (WORD.to_owned(), vec![e.vocab_size, h]),
        (POSITION.to_owned(), vec![e.max_position_embeddings, h]),
    ];
    if e.family.has_segments() {
        out.push((SEGMENT.to_owned(), vec![e.type_vocab_size, h]));
    }
    if e.family.has_relative_bias() {
        out.push((RELATIVE.to_owned(), vec![e.relative_buckets, e.num_attention_heads]));
    }
    let norm = |out: &mut Vec<_>, name: &str| {
        out.push((format!("{name}.weight"), vec![h]));
        out.push((format!("{name}.bias"), vec![h]));
    };
    let dense = |out: &mut Vec<_>, name: &str, rows: usize, columns: usize| {
        out.push((format!("{name}.weight"), vec![rows, columns]));
        out.push((format!("{name}.bias"), vec![rows]));
    };
    norm(&mut out, "embeddings.LayerNorm");
    for layer in 0..e.num_hidden_layers {
        let p = format!("encoder.layer.{layer}");
        for part in ["query", "key", "value"] {
            dense(&mut out, &format!("{p}.attention.self.{part}"), h, h);
        }
        dense(&mut out, &format!("{p}.attention.output.dense"), h, h);
        norm(&mut out, &format!("{p}.attention.output.LayerNorm"));
        dense(&mut out, &format!("{p}.intermediate.dense"), i, h);
        dense(&mut out, &format!("{p}.output.dense"), h, i);
        norm(&mut out, &format!("{p}.output.LayerNorm"));
    }
    if config.labels.is_some() {
        if config.pooling == Pooling::Cls {
            dense(&mut out, "pooler.dense", h, h);
        }
        dense(&mut out, "classifier", config.num_logits(), h);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ModelConfig {
        ModelConfig::from_json(
            br#"{"model_type":"bert","vocab_size":11,"hidden_size":8,"num_hidden_layers":1,
            "num_attention_heads":2,"intermediate_size":16,"max_position_embeddings":8,
            "id2label":{"0":"a","1":"!a"}}"#,
        )
        .unwrap()
    }

    fn sample() -> Weights {
        let mut weights = Weights::new(BTreeMap::new());
        for (n, (name, shape)) in expected(&config()).into_iter().enumerate() {
            let count: usize = shape.iter().product();
            let values: Vec<f32> =
                (0..count).map(|i| ((i * 37 + n * 11) % 97) as f32 / 97.0 - 0.5).collect();
            weights.insert(name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
        }
        weights
    }

    fn difference(a: &Weights, b: &Weights) -> f32 {
        a.iter()
            .map(|(name, t)| {
                let d = (t - b.get(name).unwrap()).unwrap().abs().unwrap();
                d.flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap()
            })
            .fold(0.0, f32::max)
    }

    #[test]
    fn floats_read_back_exactly_and_int8_within_half_a_step() {
        let weights = sample();
        weights.check(&config()).unwrap();
        for (precision, tolerance) in [(Precision::F32, 0.0), (Precision::Int8, 0.5 / 254.0 + 1e-6)]
        {
            let bytes = weights.to_safetensors(precision).unwrap();
            let again = Weights::from_safetensors(&bytes, &config(), &Device::Cpu).unwrap();
            let d = difference(&weights, &again);
            assert!(d <= tolerance, "{precision:?}: {d}");
        }
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let bytes = sample().to_safetensors(Precision::Int8).unwrap();
        for cut in (0..bytes.len()).step_by(7) {
            assert!(Weights::from_safetensors(&bytes[..cut], &config(), &Device::Cpu).is_err());
        }
        let mut huge = bytes.clone();
        huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(Weights::from_safetensors(&huge, &config(), &Device::Cpu).is_err());
    }

    #[test]
    fn missing_misshapen_and_infinite_tensors_are_named() {
        let read = |w: &Weights| {
            let bytes = w.to_safetensors(Precision::F32).unwrap();
            Weights::from_safetensors(&bytes, &config(), &Device::Cpu).unwrap_err().to_string()
        };
        let mut weights = sample();
        weights.tensors.remove("embeddings.LayerNorm.bias");
        assert!(read(&weights).contains("`embeddings.LayerNorm.bias` is missing"));
        let mut weights = sample();
        weights.insert(
            "classifier.bias",
            Tensor::zeros(3, candle_core::DType::F32, &Device::Cpu).unwrap(),
        );
        assert!(read(&weights).contains("`classifier.bias` has shape [3]"));
        let mut weights = sample();
        weights.insert("classifier.bias", Tensor::new(&[f32::NAN, 0.0], &Device::Cpu).unwrap());
        assert!(read(&weights).contains("not finite"));
    }

    #[test]
    fn a_part_joined_with_its_base_is_whole_again() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/fixture-model/model.safetensors");
        let whole = std::fs::read(path).unwrap();
        let part = part_of(&whole, &whole).unwrap();
        let names = |bytes: &[u8]| -> Vec<String> {
            let file = SafeTensors::deserialize(bytes).unwrap();
            let mut names: Vec<_> = file.names().into_iter().map(str::to_owned).collect();
            names.sort();
            names
        };
        assert!(names(&part).iter().all(|name| !name.contains("embeddings")));
        let again = joined(&whole, &part).unwrap();
        assert_eq!(names(&again), names(&whole));
        let (again, file) =
            (SafeTensors::deserialize(&again).unwrap(), SafeTensors::deserialize(&whole).unwrap());
        for (name, view) in file.iter() {
            assert_eq!(again.tensor(name).unwrap().data(), view.data(), "{name}");
        }
        let mut other = whole.clone();
        let at = file.tensor(&names(&whole)[0]).unwrap().data().as_ptr() as usize
            - whole.as_ptr() as usize;
        other[at + 3] ^= 0x40;
        assert!(names(&whole)[0].contains("embeddings"), "the test changes an embedding");
        let error = part_of(&other, &whole).unwrap_err().to_string();
        assert!(error.contains("--freeze-embeddings"), "{error}");
        assert!(joined(&whole, b"no file").is_err());
    }
}
