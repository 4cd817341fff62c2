#!/usr/bin/env python3
"""The parts of serve_fuzz.sh that a generator of whole requests does not do.

    serve_statuses.py URL KEY OPENAPI       slow bodies, compressed ones, and too many at once; streams
    serve_statuses.py URL KEY OPENAPI PID   ends the server and asks on, for that it is stopping
    serve_statuses.py --log OPENAPI         counts an access log against the documented statuses

Answers are checked by the schema.
"""

import collections
import json
import os
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import jsonschema_rs

MODEL_ROUTES = {"/v1/classify", "/v1/documents", "/predict", "/", "/tokenize",
                "/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"}
OURS = {"500", "424"}  # faults of the server itself: documented, and never to be seen


def ask(address, key, path, headers, body=b""):
    """The status and JSON body of an answer to bytes after which the client stays silent."""
    status, body = ask_bytes(address, key, path, headers, body)
    return status, json.loads(body)


def ask_bytes(*request):
    return exchange(*request)[:2]


def dechunked(body):
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        size = int(size, 16)
        whole, body = whole + body[:size], body[size + 2:]
    return whole


def exchange(address, key, path, headers, body=b""):
    head = [f"POST {path} HTTP/1.1", "Host: t", "Connection: close", *headers]
    if key:
        head.append(f"Authorization: Bearer {key}")
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall("\r\n".join(head + ["", ""]).encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines)
    return status.split()[1], body, fields


def bodies(api):
    """A right request to each path that takes one."""
    text = "We never sell your data."
    json_of = {"/v1/classify": {"texts": text}, "/v1/diff": {"old": {"text": text}, "new": {"text": "We sell it."}}}
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [text]}
    for path, item in api["paths"].items():
        if "post" not in item:
            continue
        real = path.replace("{name}", "fineprint").replace("{version}", "1")
        other = {"inputs": [tensor]} if path.startswith("/v2") else {"inputs": text}
        body = text if path == "/v1/documents" else json.dumps(json_of.get(path, other))
        kind = "text/plain" if path == "/v1/documents" else "application/json"
        yield path, real, [f"Content-Type: {kind}", f"Content-Length: {len(body)}"], body.encode()


def check(api, path, status, body):
    schema = api["paths"][path]["post"]["responses"][status]["content"]["application/json"]["schema"]
    jsonschema_rs.Draft202012Validator({**schema, "components": api["components"]}).validate(body)


def crowd(address, key, api):
    """Asks from many sides at once until one is refused for that, on each path."""
    for path, real, head, body in bodies(api):
        seen, end = False, time.monotonic() + 30
        with ThreadPoolExecutor(16) as pool:
            while not seen and time.monotonic() < end:
                for status, given in pool.map(lambda _: ask(address, key, real, head, body), range(64)):
                    assert status in ("200", "429"), (path, status, given)
                    check(api, path, status, given)
                    seen |= status == "429"
        assert seen, f"POST {path}: never 429"
    print("too many at once: answered after the schema")


def end(address, key, api, server):
    """A server that was told to stop says so to whoever still comes, for a moment."""
    asked = list(bodies(api))
    with ThreadPoolExecutor(len(asked)) as pool:
        os.kill(server, signal.SIGTERM)
        answers = pool.map(lambda one: (one[0], *ask(address, key, *one[1:])), asked)
        for path, status, given in answers:
            assert status == "503", (path, status, given)
            check(api, path, status, given)
    print("while stopping: answered after the schema")


def provoke(address, key, api):
    kind = "Content-Type: application/json"
    for path, item in api["paths"].items():
        if "post" not in item:
            continue
        real = path.replace("{name}", "fineprint").replace("{version}", "1")
        cases = {
            "401": ask(address, "", real, [kind, "Content-Length: 2"], b"{}"),
            "408": ask(address, key, real, [kind, "Content-Length: 9"], b"{"),
            "413": ask(address, key, real, [kind, "Content-Length: 400"], b" " * 400),
            "415": ask(address, key, real, [kind, "Content-Encoding: gzip", "Content-Length: 2"], b"{}"),
        }
        if "{name}" in path:
            other = path.replace("{name}", "other").replace("{version}", "1")
            cases["404"] = ask(address, key, other, [kind, "Content-Length: 2"], b"{}")
        for status, (given, body) in cases.items():
            assert given == status, (path, status, given, body)
            check(api, path, status, body)
    print("slow, long, compressed and keyless requests: answered after the schema")
    # What Schemathesis cannot read: a line a record, and JSON before bytes.
    answers = api["paths"]["/v1/documents"]["post"]["responses"]["200"]["content"]
    line = jsonschema_rs.Draft202012Validator(
        {**answers["application/x-ndjson"]["schema"], "components": api["components"]})
    text = "# Data\n\nWe never sell your data. We share it with partners."
    document = ["Content-Type: text/markdown", "Accept: application/x-ndjson", f"Content-Length: {len(text)}"]
    lines = 0
    for options in "", "?all_sentences=true", "?explain=true&probabilities=true", "?any_language=true&lines=true":
        status, body = ask_bytes(address, key, "/v1/documents" + options, document, text.encode())
        assert status == "200", (options, body)
        for record in dechunked(body).decode().splitlines():
            line.validate(json.loads(record))
            lines += 1
    body = json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["We sell data."]}],
                       "outputs": [{"name": "scores", "parameters": {"binary_data": True}}]}).encode()
    infer = "/v2/models/{name}/infer"
    head = ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    status, given, headers = exchange(address, key, infer.replace("{name}", "fineprint"), head, body)
    assert status == "200", given
    length = int(headers["inference-header-content-length"])
    told = json.loads(given[:length])
    check(api, infer, "200", told)
    assert len(given) - length == told["outputs"][0]["parameters"]["binary_data_size"]
    print(f"streams and binary tensors: {lines} lines and a head after the schema")


def count(api, log):
    seen = collections.defaultdict(collections.Counter)
    for line in log:
        entry = json.loads(line)
        if entry["message"] == "answered":
            seen[(entry["route"], entry["method"])][str(entry["status"])] += 1
    total = sum(sum(statuses.values()) for statuses in seen.values())
    model = sum(n["200"] for (route, method), n in seen.items() if route in MODEL_ROUTES and method == "POST")
    statuses = sum(seen.values(), collections.Counter())
    print(f"{total} requests, {model} answered by the model; by status: {dict(sorted(statuses.items()))}")
    missing = []
    for path, item in api["paths"].items():
        for status in item.get("post", {"responses": {}})["responses"]:
            if status not in OURS and not seen[(path, "POST")][status]:
                missing.append(f"POST {path} {status}")
    assert not any(statuses[fault] for fault in OURS), "a fault of the server"
    assert total >= 2000, "too few requests"
    assert 2 * model >= total, "fewer than half reached the model"
    assert not missing, f"never seen: {missing}"


if sys.argv[1] == "--log":
    count(json.load(open(sys.argv[2])), sys.stdin)
else:
    host, port = sys.argv[1].removeprefix("http://").split(":")
    target = (host, int(port)), sys.argv[2], json.load(open(sys.argv[3]))
    if sys.argv[4:]:
        end(*target, int(sys.argv[4]))
    else:
        provoke(*target)
        crowd(*target)
