#!/usr/bin/env python3
"""The parts of serve_fuzz.sh that a generator of whole requests does not do.

    serve_statuses.py URL KEY OPENAPI   slow bodies and compressed ones, answers checked by schema
    serve_statuses.py --log OPENAPI     counts an access log against the documented statuses
"""

import collections
import json
import socket
import sys

import jsonschema_rs

MODEL_ROUTES = {"/v1/classify", "/v1/documents", "/predict", "/", "/tokenize",
                "/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"}
OURS = {"500", "424"}  # faults of the server itself: documented, and never to be seen


def ask(address, key, path, headers, body=b""):
    """The status and body of an answer to bytes after which the client stays silent."""
    head = [f"POST {path} HTTP/1.1", "Host: t", "Connection: close", *headers]
    if key:
        head.append(f"Authorization: Bearer {key}")
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall("\r\n".join(head + ["", ""]).encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split()[1].decode(), json.loads(body)


def provoke(url, key, api):
    host, port = url.removeprefix("http://").split(":")
    address = (host, int(port))
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
            schema = item["post"]["responses"][status]["content"]["application/json"]["schema"]
            jsonschema_rs.Draft202012Validator({**schema, "components": api["components"]}).validate(body)
    print("slow, long, compressed and keyless requests: answered after the schema")


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
    provoke(sys.argv[1], sys.argv[2], json.load(open(sys.argv[3])))
