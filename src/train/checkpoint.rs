//! The state of a run on disk, so that a killed run goes on as if it had not been.
//!
//! One safetensors file holds weights and both moments of every parameter; its metadata hold the
//! position as JSON. All random choices follow from the seed and the position. The file is
//! written under another name, synced and renamed, so a kill leaves the old one or the new one.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::TrainError;
use super::optimizer::{AdamW, Moments, Update};
use super::trainer::Evaluation;
use crate::model::ops::with_floats;

/// Its name in a run's folder.
pub const FILE: &str = "checkpoint.safetensors";

/// Where a run stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Digest of options, data and initial model; a checkpoint of another run is refused.
    pub run: String,
    /// Epochs that are done.
    pub epoch: usize,
    /// Batches of the current epoch that are done.
    pub batch: usize,
    /// Optimiser steps taken.
    pub steps: u64,
    /// Sum of the sentences' losses in the current epoch.
    pub loss: f64,
    /// Sentences behind that sum.
    pub seen: usize,
    /// Evaluations so far.
    pub history: Vec<Evaluation>,
    /// Of pre-training, an epoch each: loss in training and on held-out sentences.
    #[serde(default)]
    pub losses: Vec<[f64; 2]>,
    /// Which evaluation wrote the model.
    pub best: Option<usize>,
    /// Seconds that the run took so far.
    pub seconds: f64,
}

const STATE: &str = "fineprint-position";

/// Writes a file so that a crash leaves the old contents or the new ones.
///
/// # Errors
/// [`TrainError::Io`].
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let io = |e| TrainError::io(path, e);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    // The rename itself must reach the disk; folders cannot be synced on every system.
    if let Ok(folder) = std::fs::File::open(folder) {
        folder.sync_all().ok();
    }
    Ok(())
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Saves a run's state.
///
/// # Errors
/// [`TrainError::Io`] when the file cannot be written.
pub fn save(path: &Path, optimizer: &AdamW, position: &Position) -> Result<(), TrainError> {
    let mut parts: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (parameter, moments) in optimizer.parameters().iter().zip(optimizer.moments()) {
        let dims = parameter.tensor.dims().to_vec();
        let weights = with_floats("checkpoint", [&parameter.tensor], |[w]| Ok(bytes_of(w)))?;
        for (kind, data) in [
            ("weight", weights),
            ("first", bytes_of(&moments.first)),
            ("second", bytes_of(&moments.second)),
        ] {
            parts.push((format!("{kind}.{}", parameter.name), dims.clone(), data));
        }
    }
    let fail = |reason: String| TrainError::Resume { path: path.to_owned(), reason };
    let views = parts
        .iter()
        .map(|(name, dims, data)| {
            TensorView::new(Dtype::F32, dims.clone(), data).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| fail(e.to_string()))?;
    let state = serde_json::to_string(position).map_err(|e| fail(e.to_string()))?;
    let metadata = HashMap::from([(STATE.to_owned(), state)]);
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| fail(e.to_string()))?;
    write_atomically(path, &bytes)
}

/// Loads a run's state into the optimiser and its parameters.
///
/// # Errors
/// [`TrainError::Resume`] when the file is damaged or of another run.
pub fn load(path: &Path, optimizer: &mut AdamW, run: &str) -> Result<Position, TrainError> {
    let fail =
        |reason: &str| TrainError::Resume { path: path.to_owned(), reason: reason.to_owned() };
    let bytes = std::fs::read(path).map_err(|e| TrainError::io(path, e))?;
    let damaged = |_| fail("the file is damaged; delete it to begin anew");
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    let state = metadata.metadata().as_ref().and_then(|m| m.get(STATE));
    let position: Position = state
        .and_then(|s| serde_json::from_str(s).ok())
        .ok_or_else(|| fail("it is no checkpoint of this version; delete it to begin anew"))?;
    if position.run != run {
        return Err(fail(
            "it is of a run with other options, data, model or number of threads; give the same \
             arguments, or another --out",
        ));
    }
    let file = SafeTensors::deserialize(&bytes).map_err(damaged)?;
    let mut all = Vec::new();
    for parameter in optimizer.parameters() {
        let read = |kind: &str| -> Result<Vec<f32>, TrainError> {
            let view = file
                .tensor(&format!("{kind}.{}", parameter.name))
                .ok()
                .filter(|v| v.dtype() == Dtype::F32 && v.shape() == parameter.tensor.dims())
                .ok_or_else(|| fail("it lacks a tensor of this model; delete it to begin anew"))?;
            Ok(view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
        };
        let weights = read("weight")?;
        Update::new(&parameter.tensor, |target: &mut [f32]| {
            target.copy_from_slice(&weights);
            Ok(())
        })
        .run()?;
        all.push(Moments { first: read("first")?, second: read("second")? });
    }
    optimizer.restore(all, position.steps)?;
    Ok(position)
}
