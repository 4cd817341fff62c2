//! The files of a benchmark as splits of labelled texts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Benchmark, BenchmarkError};
use crate::corpus::import::{Imported, Sink, claudette, files_of, lexglue, polisis};
use crate::eval::Example;
use crate::eval::examples::Source;
use crate::label::{Label, LabelSet, Stance};
use crate::segment::sentence_id;

/// The published numbers of texts by benchmark: training, validation, test.
const PUBLISHED: [(Benchmark, [usize; 3]); 2] =
    [(Benchmark::Opp115, [2185, 550, 697]), (Benchmark::UnfairTos, [5532, 2275, 1607])];

/// Of this many documents one is held out of a fold's training documents to fit thresholds.
const HELD_OUT: usize = 8;

/// One division of a benchmark's texts.
#[derive(Debug, Clone, Default)]
pub struct Split {
    /// Empty for a benchmark with one split, else `fold-0` and so on, or `all`.
    pub name: String,
    /// What is learnt from.
    pub train: Vec<Example>,
    /// What chooses epochs and thresholds.
    pub validation: Vec<Example>,
    /// What is measured; empty in the split `all`.
    pub test: Vec<Example>,
}

/// A benchmark's data.
#[derive(Debug, Clone)]
pub struct Data {
    /// Which benchmark.
    pub benchmark: Benchmark,
    /// Its categories, without stance.
    pub labels: LabelSet,
    /// Its splits.
    pub splits: Vec<Split>,
    /// Things to know, such as counts that are not the published ones.
    pub notes: Vec<String>,
}

impl Data {
    /// Reads a benchmark from its folder (or, for CLAUDETTE, its file).
    ///
    /// With `all`, CLAUDETTE gets a further split that learns from all documents and tests none.
    ///
    /// # Errors
    /// [`BenchmarkError`] naming the file, and the line that is at fault.
    pub fn read(benchmark: Benchmark, from: &Path, all: bool) -> Result<Self, BenchmarkError> {
        let labels = LabelSet::new(&benchmark.labels(), false)?;
        let mut data = Self { benchmark, labels, splits: Vec::new(), notes: Vec::new() };
        if benchmark == Benchmark::Claudette {
            let path = if from.is_dir() { from.join("en.jsonl") } else { from.to_owned() };
            let mut sink = Sink::new(false);
            claudette::read(&path, &mut sink)?;
            data.fold(&sink.taken, all);
            if data.splits.len() < 2 {
                return Err(BenchmarkError::folder(&path, "its documents are all of one fold"));
            }
            return Ok(data);
        }
        let parts = match benchmark {
            Benchmark::UnfairTos => lexglue_parts(from)?,
            _ => polisis_parts(from)?,
        };
        let [train, validation, test] = parts.map(|rows| data.examples(&rows));
        let counts = [train.len(), validation.len(), test.len()];
        if let Some((name, _)) =
            ["training", "validation", "test"].iter().zip(counts).find(|(_, n)| *n == 0)
        {
            return Err(BenchmarkError::folder(from, format!("there is no {name} text in it")));
        }
        if let Some((_, published)) = PUBLISHED.iter().find(|(b, _)| *b == benchmark)
            && *published != counts
        {
            data.notes.push(format!(
                "{} / {} / {} texts, where the published splits have {} / {} / {}",
                counts[0], counts[1], counts[2], published[0], published[1], published[2]
            ));
        }
        data.splits.push(Split { name: String::new(), train, validation, test });
        Ok(data)
    }

    /// Keeps the splits of the given folds alone, and `all`.
    ///
    /// # Errors
    /// A fold that the data does not have.
    pub fn keep_folds(&mut self, folds: &[usize]) -> Result<(), String> {
        let name = |fold: &usize| format!("fold-{fold}");
        if let Some(fold) = folds.iter().find(|f| !self.splits.iter().any(|s| s.name == name(f))) {
            return Err(format!("there is no fold {fold}"));
        }
        self.splits.retain(|s| s.name == "all" || folds.iter().any(|f| name(f) == s.name));
        Ok(())
    }

    fn examples(&self, rows: &[Imported]) -> Vec<Example> {
        rows.iter().map(|row| self.example(row)).collect()
    }

    fn example(&self, row: &Imported) -> Example {
        let mut labels: Vec<Label> = row
            .labels
            .iter()
            .filter_map(|name| self.labels.category(name).ok())
            .map(|category| Label { category, stance: Stance::Asserted })
            .collect();
        labels.sort_unstable();
        let source = (!row.document.is_empty()).then(|| Source {
            collection: self.benchmark.as_str().to_owned(),
            commit: String::new(),
            path: row.document.clone(),
        });
        let id = sentence_id(&row.text);
        Example { id, text: row.text.clone(), labels, source, ..Example::default() }
    }

    /// The five folds: a fold's documents are tested, and of the others an eighth are held out.
    fn fold(&mut self, rows: &[Imported], all: bool) {
        let mut documents: BTreeMap<&str, Vec<&Imported>> = BTreeMap::new();
        for row in rows {
            documents.entry(&row.document).or_default().push(row);
        }
        let mut folds: Vec<&str> = rows.iter().map(|row| row.part.as_str()).collect();
        folds.sort_unstable();
        folds.dedup();
        let mut names: Vec<(String, Option<&str>)> =
            folds.iter().map(|fold| (format!("fold-{fold}"), Some(*fold))).collect();
        if all {
            names.push(("all".to_owned(), None));
        }
        for (name, fold) in names {
            let is_test = |rows: &[&Imported]| rows.iter().any(|row| Some(&*row.part) == fold);
            let mut others: Vec<&Vec<&Imported>> =
                documents.values().filter(|rows| !is_test(rows)).collect();
            // In the order of their length, so that what is held out is short and long alike. The
            // sort is stable, and the map is in the order of names.
            others.sort_by_key(|rows| rows.len());
            let mut split = Split { name, ..Split::default() };
            for (i, rows) in others.iter().enumerate() {
                let part = if i % HELD_OUT == HELD_OUT / 2 {
                    &mut split.validation
                } else {
                    &mut split.train
                };
                part.extend(rows.iter().map(|row| self.example(row)));
            }
            for rows in documents.values().filter(|rows| is_test(rows)) {
                split.test.extend(rows.iter().map(|row| self.example(row)));
            }
            self.splits.push(split);
        }
    }
}

fn polisis_parts(from: &Path) -> Result<[Vec<Imported>; 3], BenchmarkError> {
    let read = |name: &str| -> Result<Vec<Imported>, BenchmarkError> {
        // PrivacyGLUE and the Polisis benchmark call them train_dataset.csv and so on.
        let names = [format!("{name}.csv"), format!("{name}_dataset.csv")];
        let path = first_of(from, &names)?;
        let mut sink = Sink::new(false);
        polisis::read(&path, true, &mut sink)?;
        Ok(sink.taken)
    };
    Ok([read("train")?, read("validation")?, read("test")?])
}

fn lexglue_parts(from: &Path) -> Result<[Vec<Imported>; 3], BenchmarkError> {
    let mut parts: [Vec<Imported>; 3] = Default::default();
    let files =
        if from.is_dir() { files_of(from, &["jsonl", "parquet"])? } else { vec![from.to_owned()] };
    let mut sink = Sink::new(false);
    for path in &files {
        lexglue::read(path, &mut sink)?;
    }
    for row in sink.taken {
        match row.part.as_str() {
            "train" => parts[0].push(row),
            "validation" => parts[1].push(row),
            "test" => parts[2].push(row),
            _ => {
                return Err(BenchmarkError::folder(
                    from,
                    "a row is of no split: name the files train, validation and test (.jsonl or \
                     .parquet), or give rows a `data_type`",
                ));
            }
        }
    }
    Ok(parts)
}

/// The first of some names that is a file of the folder.
fn first_of(folder: &Path, names: &[String]) -> Result<PathBuf, BenchmarkError> {
    let paths = names.iter().map(|name| folder.join(name));
    paths.clone().find(|path| path.is_file()).ok_or_else(|| {
        BenchmarkError::folder(folder, format!("there is no {} in it", names.join(" or ")))
    })
}
