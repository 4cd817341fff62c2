//! JSON-LD in the W3C Data Privacy Vocabulary (DPV 2.3), as Web Annotations on the documents.
//!
//! A finding is a `dpv:Permission` (asserted) or `dpv:Prohibition` (denied), and an `oa:Annotation`
//! whose bodies are the DPV concepts nearest to its category, and whose target is the sentence, by
//! its text and its bytes. A category is a `skos:Concept` that tells which concepts those are. The
//! context stands in the file, so that nothing has to be fetched to expand it.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::record::{FindingRecord, Run, SentenceRecord, Status, rounded};
use super::summary::Scope;
use super::{DocumentReport, Report, check_finite, not_begun};
use crate::label::{Category, Stance, Taxonomy};

/// Writes one JSON-LD document with one graph.
#[derive(Debug)]
pub struct JsonLd<W> {
    out: W,
    scope: Option<Scope>,
    documents: usize,
    has_nodes: bool,
}

impl<W: Write> JsonLd<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, scope: None, documents: 0, has_nodes: false }
    }

    fn node(&mut self, node: &Value) -> io::Result<()> {
        self.out.write_all(if self.has_nodes { b",\n" } else { b"\n" })?;
        self.has_nodes = true;
        serde_json::to_writer(&mut self.out, node)?;
        Ok(())
    }
}

impl<W: Write> Report for JsonLd<W> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        let scope = Scope::of(run)?;
        self.out.write_all(b"{\"@context\":")?;
        serde_json::to_writer(&mut self.out, &context())?;
        self.out.write_all(b",\n\"@graph\":[")?;
        self.node(&json!({
            "@id": "_:run",
            "@type": "prov:Activity",
            "title": format!("{} {}", run.tool, run.tool_version),
            "model": run.model,
            "modelDigest": run.model_digest,
        }))?;
        for category in scope.labels().categories() {
            self.node(&concept(category))?;
        }
        self.scope = Some(scope);
        self.out.flush()
    }

    fn document(&mut self, report: &DocumentReport) -> io::Result<()> {
        check_finite(report)?;
        let Some(scope) = self.scope.take() else { return Err(not_begun()) };
        self.documents += 1;
        let id = format!("_:d{}", self.documents);
        let record = &report.document;
        let mut node = json!({
            "@id": id,
            "@type": "dpv:Notice",
            "title": record.document,
            "status": record.status,
        });
        if record.status == Status::Classified {
            node["generatedBy"] = json!("_:run");
        }
        let facts = [
            ("format", &record.format),
            ("language", &record.language),
            ("comment", &record.notice),
        ];
        for (key, fact) in facts {
            if let Some(fact) = fact {
                node[key] = json!(fact);
            }
        }
        self.node(&node)?;
        for sentence in &report.sentences {
            for finding in &sentence.findings {
                self.node(&annotation(&scope, &id, sentence, finding))?;
            }
        }
        self.scope = Some(scope);
        self.out.flush()
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n]}\n")?;
        self.out.flush()
    }
}

/// The meaning of every key; DPV's prefixes are those that its own files use.
fn context() -> Value {
    let id = |iri: &str| json!({ "@id": iri, "@type": "@id" });
    let number = |iri: &str, of: &str| json!({ "@id": iri, "@type": format!("xsd:{of}") });
    json!({
        "@version": 1.1,
        "dpv": "https://w3id.org/dpv#",
        "ai": "https://w3id.org/dpv/ai#",
        "tech": "https://w3id.org/dpv/tech#",
        "oa": "http://www.w3.org/ns/oa#",
        "prov": "http://www.w3.org/ns/prov#",
        "skos": "http://www.w3.org/2004/02/skos/core#",
        "dct": "http://purl.org/dc/terms/",
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "fp": "urn:fineprint:",
        "title": "dct:title",
        "format": "dct:format",
        "language": "dct:language",
        "comment": "rdfs:comment",
        "notation": "skos:notation",
        "definition": "skos:definition",
        "label": { "@id": "skos:prefLabel", "@language": "en" },
        "closeMatch": id("skos:closeMatch"),
        "relatedMatch": id("skos:relatedMatch"),
        "generatedBy": id("prov:wasGeneratedBy"),
        "model": "fp:model",
        "modelDigest": "fp:modelDigest",
        "status": "fp:status",
        "ruleOf": { "@reverse": "dpv:hasRule", "@type": "@id" },
        "subject": id("dct:subject"),
        "body": id("oa:hasBody"),
        "motivation": id("oa:motivatedBy"),
        "target": "oa:hasTarget",
        "source": id("oa:hasSource"),
        "selector": "oa:hasSelector",
        "exact": "oa:exact",
        "start": number("oa:start", "nonNegativeInteger"),
        "end": number("oa:end", "nonNegativeInteger"),
        "probability": number("fp:probability", "double"),
        "line": number("fp:line", "positiveInteger"),
        "index": number("fp:index", "nonNegativeInteger"),
        "section": { "@id": "fp:section", "@container": "@list" },
        "leadIn": "fp:leadIn",
    })
}

/// The IRI of a category.
fn category_iri(id: &str) -> String {
    format!("urn:fineprint:category:{}", super::uri::of(id))
}

/// A category with the DPV concepts nearest to it: the first is close, the others are related.
fn concept(category: &Category) -> Value {
    let mut node = json!({
        "@id": category_iri(&category.id),
        "@type": "skos:Concept",
        "notation": category.id,
        "label": category.title,
    });
    if !category.asserted.is_empty() {
        node["definition"] = json!(category.asserted);
    }
    if let Some((close, related)) = category.dpv.split_first() {
        node["closeMatch"] = json!(close);
        if !related.is_empty() {
            node["relatedMatch"] = json!(related);
        }
    }
    node
}

fn annotation(
    scope: &Scope,
    document: &str,
    sentence: &SentenceRecord,
    finding: &FindingRecord,
) -> Value {
    let category = scope.labels().category(&finding.category).ok();
    let category = category.and_then(|index| scope.labels().categories().get(index));
    let mut types = BTreeSet::from(["oa:Annotation".to_owned()]);
    if scope.labels().has_stance() {
        types.insert(rule(finding.stance));
    }
    let mut selectors = vec![json!({ "@type": "oa:TextQuoteSelector", "exact": sentence.text })];
    if let (Some(start), Some(end)) = (sentence.start_byte, sentence.end_byte) {
        selectors.push(json!({ "@type": "oa:DataPositionSelector", "start": start, "end": end }));
    }
    let name = format!(
        "{document}-s{}-{}-{}",
        sentence.index,
        super::uri::of(&finding.category).replace(['%', '/'], "_"),
        finding.stance
    );
    let mut node = json!({
        "@id": name,
        "@type": types,
        "ruleOf": document,
        "motivation": "oa:classifying",
        "subject": category_iri(&finding.category),
        "probability": rounded(finding.probability),
        "line": sentence.line,
        "index": sentence.index,
        "section": sentence.section,
        "target": { "@type": "oa:SpecificResource", "source": document, "selector": selectors },
    });
    if let Some(category) = category.filter(|category| !category.dpv.is_empty()) {
        node["body"] = json!(category.dpv);
    }
    if let Some(lead_in) = &sentence.lead_in {
        node["leadIn"] = json!(lead_in);
    }
    node
}

/// The kind of rule that a stance is, from the taxonomy.
fn rule(stance: Stance) -> String {
    let entry = Taxonomy::builtin().stances.iter().find(|entry| entry.id == stance);
    entry.map_or_else(String::new, |entry| entry.dpv.clone())
}
