//! SARIF 2.1.0 (OASIS), for code scanning and editors: rules are categories, results are findings.
//!
//! A result has its stance in `properties`, and a fingerprint that stays when the sentence moves.
//! Documents that could not be read are notifications of the invocation.

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::record::{FindingRecord, Run, SentenceRecord, Status, rounded};
use super::summary::Scope;
use super::{DocumentReport, Report, check_finite, not_begun, uri};
use crate::digest::hex;
use crate::label::{Category, Taxonomy};

/// Where the schema is published.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Writes one SARIF log with one run.
///
/// In memory stay the names and notices of documents, since SARIF lists them once.
#[derive(Debug)]
pub struct Sarif<W> {
    out: W,
    scope: Option<Scope>,
    artifacts: Vec<Value>,
    /// Places in `artifacts` by URI.
    indices: HashMap<String, usize>,
    notifications: Vec<Value>,
    has_results: bool,
    has_failures: bool,
}

impl<W: Write> Sarif<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            scope: None,
            artifacts: Vec::new(),
            indices: HashMap::new(),
            notifications: Vec::new(),
            has_results: false,
            has_failures: false,
        }
    }
}

impl<W: Write> Report for Sarif<W> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        let scope = Scope::of(run)?;
        let rules: Vec<Value> = scope.labels().categories().iter().map(rule).collect();
        let driver = json!({
            "name": run.tool,
            "version": run.tool_version,
            "rules": rules,
        });
        write!(self.out, "{{\"$schema\":\"{SCHEMA}\",\"version\":\"2.1.0\",\"runs\":[{{\"tool\":")?;
        serde_json::to_writer(&mut self.out, &json!({ "driver": driver }))?;
        self.out.write_all(b",\n\"columnKind\":\"unicodeCodePoints\",\"properties\":")?;
        serde_json::to_writer(&mut self.out, &json!({ "run": run }))?;
        self.out.write_all(b",\n\"results\":[")?;
        self.scope = Some(scope);
        self.out.flush()
    }

    fn document(&mut self, report: &DocumentReport) -> io::Result<()> {
        check_finite(report)?;
        let Some(scope) = &self.scope else { return Err(not_begun()) };
        let record = &report.document;
        let uri = uri::of(&record.document);
        let next = self.artifacts.len();
        // Artifacts are unique, but a document may be given twice.
        let index = *self.indices.entry(uri.clone()).or_insert(next);
        if index == next {
            let mut artifact = json!({ "location": { "uri": uri } });
            if let Some(encoding) = &record.encoding {
                artifact["encoding"] = json!(encoding);
            }
            self.artifacts.push(artifact);
        }
        let location = json!({ "uri": uri, "index": index });
        if record.status != Status::Classified {
            let is_failure = record.status == Status::Failed;
            self.has_failures |= is_failure;
            let notice = record.notice.as_deref().unwrap_or("not classified");
            self.notifications.push(json!({
                "level": if is_failure { "error" } else { "note" },
                "message": { "text": format!("{}: {notice}", record.document) },
                "locations": [{ "physicalLocation": { "artifactLocation": location } }],
            }));
        }
        let mut seen = HashMap::new();
        for sentence in &report.sentences {
            for finding in &sentence.findings {
                let result = result(scope, sentence, finding, &location, &mut seen);
                self.out.write_all(if self.has_results { b",\n" } else { b"\n" })?;
                self.has_results = true;
                serde_json::to_writer(&mut self.out, &result)?;
            }
        }
        self.out.flush()
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"],\n\"artifacts\":")?;
        serde_json::to_writer(&mut self.out, &self.artifacts)?;
        let invocation = json!({
            "executionSuccessful": !self.has_failures,
            "toolExecutionNotifications": self.notifications,
        });
        self.out.write_all(b",\n\"invocations\":")?;
        serde_json::to_writer(&mut self.out, &[invocation])?;
        self.out.write_all(b"}]}\n")?;
        self.out.flush()
    }
}

/// A category as a rule; of a foreign one only the name is known.
fn rule(category: &Category) -> Value {
    let name: String = category.title.split_whitespace().collect::<Vec<_>>().join("");
    let mut rule = json!({
        "id": category.id,
        "name": name,
        "shortDescription": { "text": category.title },
        "defaultConfiguration": { "level": "note" },
    });
    if !category.asserted.is_empty() {
        rule["fullDescription"] = json!({ "text": category.asserted });
        let group = Taxonomy::builtin().groups.iter().find(|g| g.id == category.group);
        let group = group.map_or(String::new(), |g| format!("{}: ", g.title));
        rule["help"] = json!({
            "text": format!(
                "{group}{}\n\nAsserted: {}\n\nDenied: {}",
                category.title, category.asserted, category.denied
            ),
            "markdown": format!(
                "{group}**{}**\n\n- *asserted*: {}\n- *denied*: {}",
                category.title, category.asserted, category.denied
            ),
        });
        rule["properties"] = json!({
            "group": category.group,
            "dpv": category.dpv,
            "opp115": category.opp115,
        });
    }
    if let Some(concept) = category.dpv.first() {
        rule["helpUri"] = json!(concept);
    }
    rule
}

fn result(
    scope: &Scope,
    sentence: &SentenceRecord,
    finding: &FindingRecord,
    location: &Value,
    seen: &mut HashMap<[u8; 32], usize>,
) -> Value {
    let stance =
        if scope.labels().has_stance() { format!(", {}", finding.stance) } else { String::new() };
    let title = scope.title_of(&finding.category);
    let mut result = json!({
        "ruleId": finding.category,
        "level": "note",
        "rank": (rounded(finding.probability) * 100.0).clamp(0.0, 100.0),
        "message": { "text": format!("{title}{stance}: “{}”", sentence.text) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": location,
            "region": region(sentence),
        } }],
        "partialFingerprints": { "sentence/v1": fingerprint(sentence, finding, seen) },
        "properties": {
            "category": finding.category,
            "stance": finding.stance,
            "probability": rounded(finding.probability),
            "index": sentence.index,
            "kind": sentence.kind,
            "section": sentence.section,
        },
    });
    if let Ok(index) = scope.labels().category(&finding.category) {
        result["ruleIndex"] = json!(index);
    }
    if let Some(lead_in) = &sentence.lead_in {
        result["properties"]["lead_in"] = json!(lead_in);
    }
    result
}

/// Where a sentence begins and ends: lines and columns, and bytes where they can be told.
fn region(sentence: &SentenceRecord) -> Value {
    let source = sentence.quote.as_deref().unwrap_or(&sentence.text);
    let breaks = source.matches('\n').count();
    let last = source.rsplit('\n').next().unwrap_or(source).chars().count();
    let end_column = if breaks == 0 { sentence.column + last } else { 1 + last };
    let mut region = json!({
        "startLine": sentence.line,
        "startColumn": sentence.column,
        "endLine": sentence.line + breaks,
        "endColumn": end_column,
        "snippet": { "text": source },
    });
    if let (Some(start), Some(end)) = (sentence.start_byte, sentence.end_byte) {
        region["byteOffset"] = json!(start);
        region["byteLength"] = json!(end.saturating_sub(start));
    }
    region
}

/// A digest of what a finding says, but not of where: category, stance, lead-in and text, and the
/// how-manieth of its like in the document it is.
fn fingerprint(
    sentence: &SentenceRecord,
    finding: &FindingRecord,
    seen: &mut HashMap<[u8; 32], usize>,
) -> String {
    let mut hash = Sha256::new();
    let lead_in = sentence.lead_in.as_deref().unwrap_or_default();
    for part in [&finding.category, finding.stance.as_str(), lead_in, &sentence.text] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let occurrence = seen.entry(digest).or_insert(0);
    *occurrence += 1;
    format!("{}:{occurrence}", hex(&digest[..16]))
}
