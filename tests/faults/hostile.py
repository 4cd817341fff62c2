"""One run over good documents among malformed and mutated ones, and each bad file by itself.

Usage: hostile.py PROGRAM FOLDER [DOCUMENTS]

FOLDER is what `FINEPRINT_MUTATIONS=10000 FINEPRINT_HOSTILE=FOLDER cargo test --release --test it one_run_over`
wrote; DOCUMENTS another folder of good documents. The run uses the program's own model; then every malformed and
mutated file is classified in a process of its own with the fixture model (so that its time and memory are seen).
"""

import collections
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODEL = Path(__file__).resolve().parent.parent / "data/fixture-model"
INNER = ["internal error", "panicked", "Err(", "unwrap", "::", "os error", "{ "]
# What a bad file may take: the demand is 10 s and 300 MB.
SECONDS, KILOBYTES = 10, 300_000


def measured(command, **options):
    """Exit code, standard error, seconds, and the peak memory in kB of the process or its largest child."""
    with tempfile.TemporaryFile() as err:
        start = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, **options)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - start
        err.seek(0)
        return os.waitstatus_to_exitcode(status), err.read().decode(errors="replace"), seconds, usage.ru_maxrss


def shape(reason):
    """A reason without what is different in each file."""
    return re.sub(r"`[^`]*`", "`…`", re.sub(r"\d+", "N", reason))[:160]


def is_understood(reason):
    return 10 <= len(reason) <= 400 and not any(word in reason for word in INNER) and reason.isprintable()


def one_run(program, folder, documents):
    with tempfile.TemporaryDirectory() as out:
        inputs = [f"{folder}/good", f"{folder}/malformed", f"{folder}/mutated", *documents]
        command = [program, "classify", "--no-config", "--output-dir", f"{out}/run", *inputs]
        code, said, seconds, peak = measured(command)
        assert code == 3, (code, said[-2000:])
        assert "panicked" not in said
        lines = lambda name: [json.loads(line) for line in Path(f"{out}/run/{name}").read_text().splitlines()]
        index, errors = lines("index.jsonl"), lines("errors.jsonl")
        manifest = json.loads(Path(f"{out}/run/manifest.json").read_text())
    under = lambda name, parts: any(name.startswith(f"{part}/") for part in parts)
    failed = {error["document"]: error["reason"] for error in errors}
    good = [e for e in index if under(e["document"], [f"{folder}/good", *documents])]
    not_good = [e for e in good if e["status"] != "classified" or e["sentences"] == 0]
    assert not not_good, not_good[:5]
    reasons = json.loads(Path(f"{folder}/reasons.json").read_text())
    for name, words in reasons.items():
        found = [r for d, r in failed.items() if d.split("#")[0] == f"{folder}/malformed/{name}"]
        assert found and all(words in reason for reason in found), (name, words, found)
    odd = {d: r for d, r in failed.items() if not is_understood(r)}
    assert not odd, list(odd.items())[:10]
    mutated = [e for e in index if under(e["document"], [f"{folder}/mutated"])]
    states = collections.Counter(e["status"] for e in mutated)
    print(f"one run: exit {code}, {len(index)} documents and rows in {seconds:.1f} s, peak {peak / 1000:.0f} MB")
    print(f"  good: {len(good)}, all classified; malformed files: {len(reasons)}, all in errors.jsonl with their reason")
    print(f"  mutated files: {len({e['document'].split('#')[0] for e in mutated})}, documents and rows {dict(states)}")
    print(f"  counts: {manifest['counts']}")
    print("  reasons of mutated files, by shape:")
    shapes = collections.Counter(shape(r) for d, r in failed.items() if under(d, [f"{folder}/mutated"]))
    for text, count in shapes.most_common():
        print(f"    {count:6} {text}")


def each(program, folder):
    """Every bad file in a process of its own."""
    environment = {"FINEPRINT_MODEL": str(MODEL), "PATH": "/usr/bin:/bin"}
    empty = Path(folder) / "reasons.txt"
    empty.write_text("We sell data.\n")
    _, _, _, least = measured([program, "classify", "--no-config", empty], env=environment)
    empty.unlink()
    found = []
    files = [*sorted(Path(f"{folder}/malformed").iterdir()), *sorted(Path(f"{folder}/mutated").iterdir())]
    for file in files:
        command = [program, "classify", "--no-config", "--any-language", "--quiet", file]
        code, said, seconds, peak = measured(command, env=environment)
        assert code in (0, 3) and "panicked" not in said, (file, code, said)
        assert file.parent.name != "malformed" or code == 3, (file, code)
        assert seconds <= SECONDS and peak <= KILOBYTES, (file, seconds, peak)
        found.append((seconds, peak, file.name, said.strip().splitlines()[-1:] or ["classified"]))
    print(f"each by itself: {len(found)} files; a file of one sentence takes {least / 1000:.0f} MB")
    for what, key in ("slowest", 0), ("largest", 1):
        for one in sorted(found, key=lambda one: one[key], reverse=True)[:4]:
            print(f"  {what}: {one[0]:.2f} s, {one[1] / 1000:.0f} MB, {one[2]}: {one[3][0][:150]}")


def main():
    program, folder, *documents = sys.argv[1:]
    program, folder = str(Path(program).resolve()), str(Path(folder))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    one_run(program, folder, documents)
    each(program, folder)


main()
