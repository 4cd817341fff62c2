//! Points of Terms of Service; Didn't Read, as its API and its dumps have them.
//!
//! A point puts a quotation of a document under a case ("You can delete your content from this
//! service"). It has `quote_text` (`quoteText` in older answers), `status`, and its case as an
//! object `case` with `title`, as `case_title`, or as `case_id`. Read are: a service's or a case's
//! answer (an object with `points`, for a case its own `title` names them all), an object with
//! `points` and `cases`, and lists or JSON lines of points; the answers of its versions 1 and 2 are
//! wrapped in `parameters`, version 3 has no quotations. Points that are not approved and points
//! without a quotation are dropped. A quotation is one text, however many sentences it has.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

use serde_json::Value;

use super::spans::plain;
use super::table::{self, Object, name_of};
use super::{Imported, Place, Sink, open};
use crate::corpus::CorpusError;

/// What a file says around its points.
#[derive(Default)]
struct Around {
    /// Titles of cases by their ids.
    cases: HashMap<String, String>,
    /// The title of the case that all points are of.
    case: String,
    /// The service that all points are of.
    service: String,
}

/// Reads a file.
///
/// # Errors
/// [`CorpusError`] with file and line (or row) for a point without a case.
pub fn read(path: &Path, sink: &mut Sink) -> Result<(), CorpusError> {
    if let Some(answer) = answer(path)? {
        let around = around(&answer);
        let Some(Value::Array(points)) = answer.get("points") else {
            return Err(CorpusError::file(&path.display().to_string(), "it has no list `points`"));
        };
        for (number, point) in (1..).zip(points) {
            let result = match point {
                Value::Object(point) => take(point, &around, sink),
                _ => Err("a point is no object".to_owned()),
            };
            if let Err(reason) = result {
                sink.bad(path, Place::Row(number), &reason)?;
            }
        }
        return Ok(());
    }
    let around = Around::default();
    table::for_each_row(path, sink, |point, sink| take(point, &around, sink))
}

/// The file as one object with points, if it is one; else it is a list or lines of points.
fn answer(path: &Path) -> Result<Option<Object>, CorpusError> {
    let mut reader = open(path)?;
    let io = |source| CorpusError::Io { path: path.to_owned(), source };
    if reader.fill_buf().map_err(io)?.trim_ascii_start().first() != Some(&b'{') {
        return Ok(None);
    }
    let whole: Result<Object, CorpusError> = table::whole(path);
    match whole {
        Ok(object) => {
            // Some versions of the API wrap what was asked for.
            let inner = ["parameters", "data", "service", "case"].into_iter().find_map(|name| {
                object
                    .get(name)
                    .and_then(Value::as_object)
                    .filter(|o| o.contains_key("points"))
                    .cloned()
            });
            let is_answer = object.contains_key("points") || inner.is_some();
            Ok(is_answer.then(|| inner.unwrap_or(object)))
        }
        // More than one object: lines, whose errors are told with their numbers.
        Err(_) => Ok(None),
    }
}

fn around(answer: &Object) -> Around {
    let mut around = Around::default();
    if let Some(Value::Array(cases)) = answer.get("cases") {
        for case in cases.iter().filter_map(Value::as_object) {
            around.cases.insert(name_of(case, "id"), name_of(case, "title"));
        }
    }
    // A case has a title and a score; a service has a name.
    if answer.contains_key("classification") || answer.contains_key("score") {
        around.case = name_of(answer, "title");
    }
    around.service = name_of(answer, "name");
    around
}

fn take(point: &Object, around: &Around, sink: &mut Sink) -> Result<(), String> {
    let status = name_of(point, "status");
    if !status.is_empty() && status != "approved" {
        sink.drop(format!("status {status}"));
        return Ok(());
    }
    let mut quote = name_of(point, "quote_text");
    if quote.is_empty() {
        quote = name_of(point, "quoteText");
    }
    if quote.trim().is_empty() {
        sink.drop("no quotation");
        return Ok(());
    }
    let inner = |field: &str, name: &str| {
        point.get(field).and_then(Value::as_object).map(|o| name_of(o, name)).unwrap_or_default()
    };
    let named = [
        inner("case", "title"),
        name_of(point, "case_title"),
        around.cases.get(&name_of(point, "case_id")).cloned().unwrap_or_default(),
        around.case.clone(),
        // The title of a point is its case's unless somebody has changed it.
        name_of(point, "title"),
    ];
    let Some(label) = named.into_iter().find(|name| !name.trim().is_empty()) else {
        return Err("the point has neither a case nor a title".to_owned());
    };
    // Case 235: "do not select this case, because points with this case will not show up".
    if label.trim() == "none" {
        sink.drop("of the case `none`");
        return Ok(());
    }
    let service = [inner("service", "name"), around.service.clone(), name_of(point, "service_id")];
    let mut made = Imported {
        id: name_of(point, "id"),
        text: plain(&quote)?,
        document: service.into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
        ..Imported::default()
    };
    made.add(label.trim());
    sink.take(made);
    Ok(())
}
