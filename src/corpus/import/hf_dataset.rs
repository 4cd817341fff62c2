//! A data set of Hugging Face `datasets`: a folder of Parquet (or JSON lines) files, or one that
//! `save_to_disk` wrote, of Arrow files in a folder a split.
//!
//! Labels are names, or numbers of a `ClassLabel` feature; its names are looked for in the
//! file's own metadata (key `huggingface`), in `dataset_info.json` and in the block `dataset_info`
//! of `README.md`. A column of one label and one of a list of labels are both read. The split is
//! what a file's name begins with (`train-00000-of-00001.parquet`), or its folder's name.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::table::{self, Object, name_of, text_of};
use super::{Imported, Options, Sink, files_of, read_text};
use crate::corpus::CorpusError;

/// Where data files are in a data set's folder.
const FOLDERS: [&str; 2] = ["", "data"];

/// Reads a folder, or one of its files.
///
/// # Errors
/// [`CorpusError`] for a folder without data, and with the row for a malformed one.
pub fn read(path: &Path, options: &Options, sink: &mut Sink) -> Result<(), CorpusError> {
    let mut files: Vec<PathBuf> = Vec::new();
    if path.is_dir() {
        let splits = splits_of(path)?;
        let folders = FOLDERS.into_iter().chain(splits.iter().map(String::as_str));
        for folder in folders.map(|name| path.join(name)).filter(|f| f.is_dir()) {
            for extension in ["parquet", "jsonl", "arrow"] {
                files.extend(files_of(&folder, &[extension])?);
            }
        }
        if files.is_empty() {
            return Err(CorpusError::file(
                &path.display().to_string(),
                "there is no .parquet, .jsonl or .arrow file in it, nor in its folder data, nor in \
                 folders that its dataset_dict.json names",
            ));
        }
    } else {
        files.push(path.to_owned());
    }
    for file in &files {
        one(file, options, sink)?;
    }
    Ok(())
}

/// The splits of a folder that `save_to_disk` wrote, which are folders in it.
fn splits_of(folder: &Path) -> Result<Vec<String>, CorpusError> {
    let path = folder.join("dataset_dict.json");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let dict: Object = table::whole(&path)?;
    let names = dict.get("splits").and_then(Value::as_array).into_iter().flatten();
    // A name, and no way out of the folder.
    let is_name = |name: &&str| !name.is_empty() && !name.contains(['/', '\\', '.']);
    Ok(names.filter_map(Value::as_str).filter(is_name).map(str::to_owned).collect())
}

fn one(file: &Path, options: &Options, sink: &mut Sink) -> Result<(), CorpusError> {
    let part = table::split_of(file);
    let text_field = options.text_field.as_deref().unwrap_or("text");
    // Names are looked up when the first number is met: columns of text need none.
    let mut names: Option<Result<Vec<String>, String>> = None;
    table::for_each_row(file, sink, |row, sink| {
        let field = match &options.label_field {
            Some(field) => field.as_str(),
            None if row.contains_key("labels") => "labels",
            None => "label",
        };
        let known = |e: String| {
            let columns: Vec<&str> = row.keys().map(String::as_str).collect();
            format!("{e}; the columns are {}", columns.join(", "))
        };
        let text = text_of(row, text_field).map_err(known)?;
        let mut made = Imported {
            id: name_of(row, "id"),
            text,
            part: part.clone(),
            document: name_of(row, "document"),
            ..Imported::default()
        };
        let value = row.get(field).ok_or_else(|| known(format!("missing field `{field}`")))?;
        let labels: Vec<&Value> = match value {
            Value::Array(labels) => labels.iter().collect(),
            Value::Null => Vec::new(),
            one => vec![one],
        };
        for label in labels {
            match label {
                Value::String(name) => made.add(name.as_str()),
                Value::Number(number) => {
                    let names = names
                        .get_or_insert_with(|| class_names(file, field))
                        .as_ref()
                        .map_err(String::clone)?;
                    // ClassLabel writes -1 where a text has no label.
                    if number.as_i64() == Some(-1) {
                        continue;
                    }
                    let index = number.as_u64().and_then(|n| usize::try_from(n).ok());
                    let name = index.and_then(|i| names.get(i)).ok_or_else(|| {
                        format!("`{field}` is {number}, but there are {} names", names.len())
                    })?;
                    made.add(name.as_str());
                }
                other => return Err(format!("`{field}` holds {other:.40}, which is no label")),
            }
        }
        sink.take(made);
        Ok(())
    })
}

/// The names of a `ClassLabel` column, wherever the data set says them.
fn class_names(file: &Path, field: &str) -> Result<Vec<String>, String> {
    let found = table::metadata(file, "huggingface").map_err(|e| e.to_string())?;
    let info = found.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    if let Some(names) = info.and_then(|info| names_in(&info["info"]["features"][field])) {
        return Ok(names);
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    for folder in [Some(folder), folder.parent()].into_iter().flatten() {
        let path = folder.join("dataset_info.json");
        if path.is_file() {
            let info: Object = table::whole(&path).map_err(|e| e.to_string())?;
            // Of several configurations, older files have a key each.
            let all = std::iter::once(&info).chain(info.values().filter_map(Value::as_object));
            let mut features = all.filter_map(|config| config.get("features"));
            if let Some(names) = features.find_map(|features| names_in(&features[field])) {
                return Ok(names);
            }
        }
        let path = folder.join("README.md");
        if path.is_file() {
            let text = read_text(&path).map_err(|e| e.to_string())?;
            if let Some(names) = names_in_readme(&text, field) {
                return Ok(names);
            }
        }
    }
    Err(format!(
        "`{field}` is a number and no names are known: neither the file, nor dataset_info.json, nor \
         README.md has a ClassLabel feature `{field}`"
    ))
}

/// The names of a feature: a `ClassLabel`, or a list of them.
fn names_in(feature: &Value) -> Option<Vec<String>> {
    let inner = match feature {
        // Older versions write a list as a list of its one feature.
        Value::Array(list) => list.first()?,
        Value::Object(object) if object.contains_key("feature") => &object["feature"],
        other => other,
    };
    let names = inner.get("names")?.as_array()?;
    names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

/// The names in the `dataset_info` of a data card: below `- name: FIELD`, the first `names:` before
/// the next feature, each as `'0': name`.
fn names_in_readme(text: &str, field: &str) -> Option<Vec<String>> {
    let front = text.strip_prefix("---")?.split("\n---").next()?;
    let mut lines = front.lines().skip_while(|line| {
        line.trim_start().strip_prefix("- name:").is_none_or(|name| unquoted(name) != field)
    });
    let feature = indent(lines.next()?);
    let mut lines = lines.take_while(|line| indent(line) > feature || line.trim().is_empty());
    let names = lines.by_ref().find(|line| line.trim() == "names:").map(indent)?;
    let mut found: Vec<String> = Vec::new();
    for line in lines.take_while(|line| indent(line) > names) {
        let (number, name) = line.split_once(':')?;
        // In order and without a gap, or it is something else.
        if unquoted(number).parse::<usize>().ok()? != found.len() {
            return None;
        }
        found.push(unquoted(name).to_owned());
    }
    (!found.is_empty()).then_some(found)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let quoted = ['\'', '"'].into_iter().find_map(|q| text.strip_prefix(q)?.strip_suffix(q));
    quoted.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_data_cards() {
        let card = "---\nlicense: mit\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - \
                    name: label\n    sequence:\n      class_label:\n        names:\n          '0': We \
                    sell: yes\n          '1': \"logs\"\n  splits:\n  - name: train\n---\n# Card\n";
        let names = names_in_readme(card, "label").unwrap();
        assert_eq!(names, ["We sell: yes", "logs"]);
        assert_eq!(names_in_readme(card, "text"), None);
        assert_eq!(names_in_readme("# no front matter", "label"), None);
    }

    #[test]
    fn names_are_found_in_features() {
        for feature in [
            serde_json::json!({"names": ["a", "b"], "_type": "ClassLabel"}),
            serde_json::json!({"feature": {"names": ["a", "b"], "_type": "ClassLabel"}, "_type": "List"}),
            serde_json::json!([{"names": ["a", "b"], "_type": "ClassLabel"}]),
        ] {
            assert_eq!(names_in(&feature).unwrap(), ["a", "b"]);
        }
        assert_eq!(names_in(&serde_json::json!({"dtype": "int64", "_type": "Value"})), None);
    }
}
