"""Parquet in pyarrow and polars, SARIF against its schema, JSON-LD in pyld.

Usage: formats.py PROGRAM SARIF_SCHEMA
"""

import json
import sys
import tempfile
from pathlib import Path

import jsonschema
import polars
import pyarrow
import pyarrow.parquet
from pyld import jsonld

from documents import POLICY, Program

DPV = "https://w3id.org/dpv#"
FILES = ["policy.md", "terms of mail.md", "french.md", "gone.md"]


def sentences_of(lines):
    records = [json.loads(line) for line in lines.splitlines()]
    return records[0], [r for r in records if r["record"] == "sentence"]


def parquet_row(sentence):
    """A JSON Lines record as the row that it should be."""
    row = {key: sentence.get(key) for key in (
        "document", "index", "text", "quote", "start_byte", "end_byte", "line", "column", "section", "lead_in", "kind",
    )}
    row["findings"] = sentence["findings"]
    row["probabilities"] = [
        {"category": name, "probability": p["category"], "denied": p.get("denied")}
        for name, p in sentence["probabilities"].items()
    ]
    return row


def close(a, b):
    """Equality, but for what 32-bit floats cannot hold."""
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) < 1e-6
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(close, a, b))
    return a == b


def check_parquet(program):
    options = ["--all-sentences", "--probabilities", "--explain"]
    run, sentences = sentences_of(program.run("classify", *FILES, "--format", "jsonl", *options))
    program.run("classify", *FILES, "--format", "parquet", *options, "-o", "out.parquet")
    path = program.folder / "out.parquet"
    table = pyarrow.parquet.read_table(path)
    expected = [parquet_row(sentence) for sentence in sentences]
    rows = table.to_pylist()
    assert len(rows) == len(expected) > 10
    for row, wanted in zip(rows, expected):
        assert close(row, wanted), (row, wanted)
    finding = table.schema.field("findings").type.value_type
    assert [finding.field(i).name for i in range(4)] == ["category", "stance", "probability", "evidence"], finding
    assert finding.field("probability").type == pyarrow.float32()
    assert any(f["evidence"] for row in rows for f in row["findings"])
    metadata = pyarrow.parquet.read_metadata(path).metadata
    assert json.loads(metadata[b"fineprint.run"]) == {k: v for k, v in run.items() if k != "record"}
    assert metadata[b"fineprint.model_digest"].decode() == run["model_digest"]

    frame = polars.read_parquet(path)
    assert frame.height == len(expected)
    for row, wanted in zip(frame.to_dicts(), expected):
        assert close(row, wanted), (row, wanted)
    counted = frame.explode("findings").unnest("findings")["stance"].drop_nulls().len()
    assert counted == sum(len(sentence["findings"]) for sentence in sentences)

    # The same file from saved results.
    (program.folder / "saved.jsonl").write_text(program.run("classify", *FILES, "--format", "jsonl", *options))
    program.run("report", "saved.jsonl", "--format", "parquet", "-o", "again.parquet")
    assert (program.folder / "again.parquet").read_bytes() == path.read_bytes()


def check_sarif(program, schema_path):
    schema = json.loads(Path(schema_path).read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    text = program.run("classify", *FILES, "--format", "sarif")
    log = json.loads(text)
    errors = [f"{'/'.join(map(str, e.path))}: {e.message[:200]}" for e in validator.iter_errors(log)]
    assert not errors, errors[:5]
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len(rules) == 21 and all(rule["helpUri"].startswith("https://w3id.org/dpv") for rule in rules)
    assert all(rule["help"]["text"] and rule["fullDescription"]["text"] for rule in rules)
    assert [a["location"]["uri"] for a in run["artifacts"]] == ["policy.md", "terms%20of%20mail.md", "french.md", "gone.md"]
    invocation = run["invocations"][0]
    assert not invocation["executionSuccessful"]
    assert [n["level"] for n in invocation["toolExecutionNotifications"]] == ["note", "error"]
    _, sentences = sentences_of(program.run("classify", *FILES, "--format", "jsonl"))
    assert len(run["results"]) == sum(len(s["findings"]) for s in sentences) > 5
    source, lines = POLICY.encode(), POLICY.split("\n")
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["properties"]["stance"] in ("asserted", "denied")
        place = result["locations"][0]["physicalLocation"]
        if place["artifactLocation"]["uri"] != "policy.md":
            continue
        region = place["region"]
        start, length = region["byteOffset"], region["byteLength"]
        assert source[start:start + length].decode() == region["snippet"]["text"]
        first = lines[region["startLine"] - 1][region["startColumn"] - 1:]
        if region["startLine"] == region["endLine"]:
            assert first[: region["endColumn"] - region["startColumn"]] == region["snippet"]["text"]

    def prints(name):
        runs = json.loads(program.run("classify", name, "--format", "sarif"))["runs"]
        return [r["partialFingerprints"]["sentence/v1"] for r in runs[0]["results"]]

    (program.folder / "moved.md").write_text("<!-- a\n\nb -->\n\n" + POLICY)
    assert prints("policy.md") == prints("moved.md")
    assert len(set(prints("policy.md"))) == len(prints("policy.md"))
    # Valid also when a document is given twice, and when nothing was classified.
    twice = json.loads(program.run("classify", "policy.md", "policy.md", "--format", "sarif"))
    assert not list(validator.iter_errors(twice)) and len(twice["runs"][0]["artifacts"]) == 1
    empty = json.loads(program.run("classify", "gone.md", "--format", "sarif"))
    assert not list(validator.iter_errors(empty)) and empty["runs"][0]["results"] == []


def check_jsonld(program):
    def offline(url, options):
        raise AssertionError(f"the context is not inline: {url}")

    text = program.run("classify", *FILES, "--format", "jsonld")
    expanded = jsonld.expand(json.loads(text), {"documentLoader": offline})
    _, sentences = sentences_of(program.run("classify", *FILES, "--format", "jsonl"))
    findings = [f for s in sentences for f in s["findings"]]
    typed = lambda iri: [n for n in expanded if iri in n.get("@type", [])]
    for stance, kind in ("asserted", "Permission"), ("denied", "Prohibition"):
        assert len(typed(DPV + kind)) == sum(f["stance"] == stance for f in findings) > 0
    concepts = typed("http://www.w3.org/2004/02/skos/core#Concept")
    assert len(concepts) == 21
    for concept in concepts:
        match = concept["http://www.w3.org/2004/02/skos/core#closeMatch"]
        assert match[0]["@id"].startswith("https://w3id.org/dpv")
    # No key is dropped: every key of every node has a meaning, and every reference is absolute.
    for node in json.loads(text)["@graph"]:
        alone = {"@context": json.loads(text)["@context"], **node}
        meant = jsonld.expand(alone, {"documentLoader": offline})[0]
        assert len(meant) == len(node), (node, meant)
    quads = jsonld.to_rdf(expanded, {"format": "application/n-quads"})
    assert f"<{DPV}hasRule>" in quads and "oa#DataPositionSelector" in quads
    assert len(typed("http://www.w3.org/ns/oa#Annotation")) == len(findings)
    assert quads.count("<http://www.w3.org/ns/oa#exact>") == len(findings)


def main():
    program, schema = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        made = Program(program, folder)
        check_parquet(made)
        print("ok: Parquet in pyarrow and polars")
        check_sarif(made, schema)
        print("ok: SARIF 2.1.0 against the published schema")
        check_jsonld(made)
        print("ok: JSON-LD expands offline")


main()
