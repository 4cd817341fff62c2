//! `fineprint convert`: a user's own Hugging Face classifier as a model of this program.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::average::WeightFormat;
use super::exit::Exit;
use super::export::{model_folder, write_model};
use super::printer::Printer;
use crate::classify::{Classifier, EngineKind, Options};
use crate::encode::Input;
use crate::model::{Link, ModelFiles, convert};

/// What both engines are tried on: their answers must be near each other for any classifier.
const PROBES: [&str; 6] = [
    "We may change these terms at any time.",
    "You can delete your account whenever you like.",
    "Yes.",
    "We keep server logs for 30 days and invoices for ten years.",
    "This was the best afternoon that I have had in years!",
    "THE SERVICE IS PROVIDED AS IS, WITHOUT WARRANTY OF ANY KIND.",
];

/// Arguments of `fineprint convert`.
#[derive(Debug, Clone, Args)]
#[command(
    after_long_help = "FOLDER is what transformers' save_pretrained writes of a model and its tokenizer:
config.json with id2label, model.safetensors, and tokenizer.json (or BERT's vocab.txt). Encoders of the
families BERT, DistilBERT, RoBERTa, XLM-RoBERTa, CamemBERT and MPNet run. With `problem_type`
multi_label_classification every label has a probability of its own; otherwise the labels share one,
as in transformers' text-classification pipeline.

The model reports a label from a probability of 0.5 on; `fineprint calibrate` fits thresholds to
labelled sentences, and fineprint.json in the new folder has them and the language.

Examples:
  fineprint convert ./my-classifier --to ./my-model
  fineprint convert ./my-classifier --to ./my-model --precision int8 --language de
  fineprint classify terms.md --model ./my-model"
)]
pub struct ConvertArgs {
    /// The Hugging Face folder.
    #[arg(value_name = "FOLDER")]
    from: PathBuf,
    /// The folder to write; it must not exist or be empty.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Replace a folder that is not empty.
    #[arg(long)]
    force: bool,
    /// How matrices are written.
    #[arg(long, value_enum, default_value_t = WeightFormat::F32, value_name = "PRECISION")]
    precision: WeightFormat,
    /// The language that the classifier reads, an ISO 639-1 code; any without it.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "CODE")]
    language: String,
}

/// Runs the verb.
pub(super) fn run(args: &ConvertArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let from = args.from.display();
    let to = args.to.display();
    let folder = model_folder(&args.to, args.force)?;
    let model = convert::read(&args.from).with_context(|| format!("cannot convert {from}"))?;
    let files = model.files(args.precision.into(), &args.language)?;
    let gap = gap(&files).with_context(|| format!("cannot convert {from}"))?;
    write_model(folder, &files, &args.to)?;
    let labels = model.config.labels.as_ref().map_or(0, crate::label::LabelSet::len);
    let link = match model.config.link {
        Link::Sigmoid => "a probability each",
        Link::Softmax => "one probability shared among them",
    };
    printer.note(format_args!(
        "wrote model {to}: {} of {labels} labels, {link}; on {} sentences the int8 engine's \
         probabilities are within {gap:.4} of those in 32-bit floats",
        model.config.encoder.family.model_type(),
        PROBES.len()
    ));
    Ok(Exit::Done)
}

/// How far the probabilities of the two engines are apart at most.
fn gap(files: &ModelFiles) -> anyhow::Result<f32> {
    let scores = |engine| -> anyhow::Result<Vec<f32>> {
        let options = Options { engine, threads: 1, ..Options::default() };
        let classifier = Classifier::from_files(files, &options)?;
        let inputs: Vec<Input<'_>> = PROBES.iter().map(|&text| text.into()).collect();
        let scores = classifier.scores(&inputs)?;
        Ok(scores.into_iter().flat_map(|s| s.category.into_iter().chain(s.denied)).collect())
    };
    let (floats, ints) = (scores(EngineKind::F32)?, scores(EngineKind::Int8)?);
    Ok(floats.iter().zip(ints).fold(0.0, |worst, (a, b)| (a - b).abs().max(worst)))
}
