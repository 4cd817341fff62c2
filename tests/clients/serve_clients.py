#!/usr/bin/env python3
"""Official clients against `fineprint serve`: tritonclient, huggingface_hub and requests.

    python3 tests/clients/serve_clients.py [PROGRAM]

Makes itself a virtual environment (beside the temporary folder, kept for the next run), starts the
program (target/release/fineprint unless told otherwise) with the fixture model on a free port, and
compares what each client gets with what the command line says of the same sentences.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ["tritonclient[http]==2.73.0", "huggingface_hub==2.4.0", "requests==2.34.2"]
TEXTS = [
    "We never sell your personal information.",
    "We may use what you upload to train our models.",
    "Unsere Partner dürfen Ihre Daten für Werbung verwenden – außer Sie widersprechen.",
]
KEY = "a-key-for-this-test-only"


def enter_environment():
    """Runs this file again inside its environment."""
    home = pathlib.Path(tempfile.gettempdir()) / "fineprint-clients-venv"
    python = home / "bin" / "python"
    if pathlib.Path(sys.prefix) == home:
        return
    if not python.exists():
        venv.create(home, with_pip=True)
    if subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES]).returncode != 0:
        # Without the registry there is nothing to check with.
        print("SKIPPED: the clients cannot be installed here")
        raise SystemExit(0)
    os.execv(python, [python, *sys.argv])


enter_environment()

import numpy as np  # noqa: E402
import requests  # noqa: E402
import tritonclient.http as triton  # noqa: E402
from huggingface_hub import InferenceClient  # noqa: E402
from huggingface_hub.errors import HfHubHTTPError  # noqa: E402


class Server:
    """The program, serving until the end of a `with`."""

    def __init__(self, program, folder, *options):
        (folder / "keys").write_text(KEY + "\n")
        (folder / "keys").chmod(0o600)
        command = [program, "serve", "--listen", "127.0.0.1:0", "--keys", folder / "keys", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            entry = json.loads(line)
            if entry["message"] == "listening":
                self.address = entry["address"]
            if entry["message"] == "ready":
                return
        raise SystemExit("the server did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(30) == 0, "it did not stop in order"


def expected(program, folder):
    """Label → score of each text by the command line."""
    (folder / "texts.txt").write_text("\n".join(TEXTS))
    run = subprocess.run(
        [program, "classify", folder / "texts.txt", "--lines", "--any-language", "--all-sentences",
         "--probabilities", "--format", "jsonl"],
        check=True, capture_output=True, text=True,
    )
    scores = []
    for record in map(json.loads, run.stdout.splitlines()):
        if record["record"] == "sentence":
            labels = {}
            for name, p in record["probabilities"].items():
                labels[name] = p["category"] * (1 - p["denied"])
                labels["!" + name] = p["category"] * p["denied"]
            scores.append((labels, record["findings"]))
    return scores


def same(labels, given):
    assert given.keys() == labels.keys()
    # The records have six decimals.
    assert all(abs(given[name] - labels[name]) < 3e-6 for name in labels)


def check_triton(address, scores):
    client = triton.InferenceServerClient(address)
    headers = {"Authorization": f"Bearer {KEY}"}
    assert client.is_server_live(headers=headers) and client.is_server_ready(headers=headers)
    assert client.is_model_ready("fineprint", headers=headers)
    assert client.is_model_ready("fineprint", "1", headers=headers)
    assert "binary_tensor_data" in client.get_server_metadata(headers=headers)["extensions"]
    metadata = client.get_model_metadata("fineprint", headers=headers)
    assert [tensor["name"] for tensor in metadata["outputs"]] == ["scores", "labels", "findings"]
    texts = np.array([text.encode() for text in TEXTS], dtype=object)
    for is_binary in (True, False):
        for outputs in (None, [triton.InferRequestedOutput("scores", binary_data=is_binary),
                               triton.InferRequestedOutput("labels", binary_data=not is_binary)]):
            tensor = triton.InferInput("text", [len(TEXTS)], "BYTES")
            tensor.set_data_from_numpy(texts, binary_data=is_binary)
            # A copy: the client writes the length of this request's JSON into what it is given.
            result = client.infer(
                "fineprint", [tensor], outputs=outputs, request_id="r1", headers=dict(headers)
            )
            assert result.get_response()["id"] == "r1"
            names = [n.decode() if isinstance(n, bytes) else n for n in result.as_numpy("labels")]
            matrix = result.as_numpy("scores")
            assert matrix.dtype == np.float32 and matrix.shape == (len(TEXTS), len(names))
            for row, (labels, _) in zip(matrix, scores):
                same(labels, dict(zip(names, map(float, row))))
            if outputs is None:
                for found, (_, findings) in zip(result.as_numpy("findings"), scores):
                    assert json.loads(found) == findings
    try:
        client.infer("other", [tensor], headers=dict(headers))
        raise AssertionError("an unknown model was served")
    except triton.InferenceServerException as error:
        assert error.status() == "404" and "fineprint" in error.message()


def check_hub(address, scores):
    for path in ("", "/", "/predict"):
        client = InferenceClient(model=f"http://{address}{path}", token=KEY)
        for text, (labels, _) in zip(TEXTS, scores):
            same(labels, {e.label: e.score for e in client.text_classification(text, top_k=None)})
            best = client.text_classification(text, top_k=3)
            assert [e.score for e in best] == sorted((e.score for e in best), reverse=True)
            assert len(best) == 3 and abs(best[0].score - max(labels.values())) < 3e-6
    raw = client.text_classification(TEXTS[0], function_to_apply="none")
    assert any(e.score < 0 for e in raw)
    try:
        client.text_classification(TEXTS[0], function_to_apply="softmax")
        raise AssertionError("softmax was applied to independent labels")
    except HfHubHTTPError as error:
        assert error.response.status_code == 422


def check_requests(address, scores):
    session = requests.Session()
    url = f"http://{address}"
    assert session.get(url + "/v1/model").status_code == 401
    session.headers["Authorization"] = f"Bearer {KEY}"
    answer = session.post(url + "/v1/classify", json={"texts": TEXTS})
    answer.raise_for_status()
    assert [r["findings"] for r in answer.json()["results"]] == [f for _, f in scores]
    for text, (labels, _) in zip(TEXTS, scores):
        single = session.post(url + "/predict", json={"inputs": text}).json()
        same(labels, {e["label"]: e["score"] for e in single})
    files = {"a": ("a.md", "# Data\n\nWe sell it."), "b": ("b.html", "<p>We never sell it.")}
    answer = session.post(url + "/v1/documents", files=files).json()
    assert [d["format"] for d in answer["documents"]] == ["markdown", "html"]
    with session.post(
        url + "/v1/documents", params={"any_language": "true", "all_sentences": "true"},
        data="\n\n".join(TEXTS).encode(), stream=True,
        headers={"Content-Type": "text/plain", "Accept": "application/x-ndjson"},
    ) as answer:
        records = [json.loads(line) for line in answer.iter_lines()]
    assert [r["record"] for r in records] == ["run", "document"] + 3 * ["sentence"] + ["document"]


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else ROOT / "target" / "release" / "fineprint"
    os.environ["FINEPRINT_MODEL"] = str(ROOT / "tests" / "data" / "fixture-model")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        scores = expected(program, folder)
        with Server(program, folder) as server:
            for check in (check_triton, check_hub, check_requests):
                check(server.address, scores)
                print(f"{check.__name__}: right")


main()
