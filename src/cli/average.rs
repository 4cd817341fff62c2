//! `fineprint average`: the mean of several runs' weights as one model, in floats or in int8.

use std::path::PathBuf;

use anyhow::{Context, bail};
use candle_core::Device;
use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::export::write_model;
use super::printer::Printer;
use crate::batch::AtomicFolder;
use crate::model::{ModelConfig, ModelFiles, ModelSource, Precision, Weights, part_of};

/// Arguments of `fineprint average`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
The models must come from the same initial weights and know the same labels; the settings are those of
the first. Thresholds of a mean are its own: run `fineprint calibrate` afterwards. With one model, it is
only written anew, with --precision int8 in a quarter of the size.

Example:
  fineprint average run-1 run-2 run-3 --precision int8 --out model
  fineprint calibrate dev.jsonl --model model")]
pub struct AverageArgs {
    /// The models: folders, hf:owner/name@revision, or `embedded`.
    #[arg(required = true, value_name = "MODELS")]
    models: Vec<ModelSource>,
    /// The folder to write, which must not be there yet.
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// How matrices are written.
    #[arg(long, value_enum, default_value_t = WeightFormat::F32, value_name = "PRECISION")]
    precision: WeightFormat,
    /// Leave out the embeddings, which the model takes from this one (as `fast` does from
    /// `embedded`); an error when they differ.
    #[arg(long, value_name = "MODEL")]
    part_of: Option<ModelSource>,
}

/// How matrices are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum WeightFormat {
    /// 32-bit floats.
    F32,
    /// Int8 with a scale a row, as the embedded model is.
    Int8,
}

impl From<WeightFormat> for Precision {
    fn from(format: WeightFormat) -> Self {
        match format {
            WeightFormat::F32 => Self::F32,
            WeightFormat::Int8 => Self::Int8,
        }
    }
}

/// Runs the verb.
pub(super) fn run(args: &AverageArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let mut all = Vec::with_capacity(args.models.len());
    let mut first: Option<(ModelFiles, ModelConfig)> = None;
    for source in &args.models {
        let files = ModelFiles::read(source)?;
        let config = ModelConfig::from_json(&files.config).with_context(|| files.origin.clone())?;
        let weights = Weights::from_safetensors(&files.weights, &config, &Device::Cpu);
        all.push(weights.with_context(|| files.origin.clone())?);
        match &first {
            None => first = Some((files, config)),
            Some((other, known)) if known.labels != config.labels => {
                bail!("{} and {} have different labels", other.origin, files.origin)
            }
            Some((other, _)) if other.tokenizer != files.tokenizer => {
                bail!("{} and {} have different tokenizers", other.origin, files.origin)
            }
            Some(_) => {}
        }
    }
    let Some((files, config)) = first else { bail!("there are no models to average") };
    let mut weights = Weights::mean(&all)?.to_safetensors(args.precision.into())?;
    if let Some(source) = &args.part_of {
        weights = part_of(&ModelFiles::read(source)?.weights, &weights)?;
    }
    let to = args.out.display();
    let folder =
        AtomicFolder::create(&args.out, false).with_context(|| format!("cannot write {to}"))?;
    let config = config.to_json().into_bytes().into();
    write_model(folder, &ModelFiles { config, weights: weights.into(), ..files }, &args.out)?;
    printer.note(format_args!("wrote the mean of {} models to {to}", all.len()));
    Ok(Exit::Done)
}
