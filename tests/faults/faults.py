"""Faults of the operating system, one at a time, during a run over a corpus.

Usage: faults.py PROGRAM [--every K] [--keep]

strace makes the N-th call of each kind that writes, syncs, renames, cuts or makes something fail (ENOSPC,
EIO, EINTR) or kills the program at it, for every N until a run has no N-th call; limits on the size of
files make real short writes, and so does a library that halves every write; a tmpfs of 1 MB is really
full. After every fault: an error that names the place and the reason, or none and the full result;
nothing already written lost; and --resume ends in the bytes of an undisturbed run, with no other file
left. With --every K only each K-th fault is tried, for CI. The model is the fixture.
"""

import argparse
import collections
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODEL = HERE.parent / "data/fixture-model"
# What fails, and how it may fail on a real machine. EINTR asks to try again.
CALLS = {
    "write": ["ENOSPC", "EIO", "EINTR"],
    "fdatasync": ["EIO", "ENOSPC", "EINTR"],
    "fsync": ["EIO", "ENOSPC", "EINTR"],
    "renameat": ["EIO", "ENOSPC"],
    "rename": ["EIO", "ENOSPC"],
    "ftruncate": ["EIO", "EINTR"],
    "mkdir": ["ENOSPC"],
    "unlinkat": ["EIO"],
    "unlink": ["EIO"],
}
REASONS = {"ENOSPC": "no space left", "EIO": "input/output error", "EINTR": "interrupted"}
# A library that writes half of what it is asked to, as a full pipe or disk may.
HALVES = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
ssize_t write(int fd, const void *bytes, size_t count) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  return real(fd, bytes, count > 1 ? count / 2 : count);
}
"""


class Mode:
    """A way to write results: the command's arguments, what it makes, and whether it can be resumed."""

    def __init__(self, name, arguments, makes, resumes):
        self.name, self.arguments, self.makes, self.resumes = name, arguments, makes, resumes


MODES = [
    Mode("folder", ["--output-dir", "out"], ["out/records.jsonl", "out/index.jsonl", "out/errors.jsonl"], True),
    Mode("jsonl", ["--format", "jsonl", "-o", "out.jsonl"], ["out.jsonl"], True),
    Mode("parquet", ["--format", "parquet", "-o", "out.parquet"], ["out.parquet"], True),
    Mode("csv", ["--format", "csv", "-o", "out.csv"], ["out.csv"], False),
    Mode("html", ["--format", "html", "-o", "out.html"], ["out.html"], False),
]


class Bench:
    def __init__(self, program, folder, every):
        self.program, self.folder, self.every = program, Path(folder), every
        self.environment = {"FINEPRINT_MODEL": str(MODEL), "PATH": "/usr/bin:/bin"}
        self.tried = collections.Counter()
        self.ends = collections.Counter()
        self.slowest = 0.0
        self.failures = []
        self.corpus()

    def corpus(self):
        whom = ["partners", "advertisers", "nobody", "affiliates", "the courts", "our auditors"]
        what = ["photos", "messages", "location", "invoices", "contacts", "voice recordings"]
        (self.folder / "corpus").mkdir()
        for document in range(150):
            lines = [f"# Terms of service number {document}\n"]
            for i in range(40):
                about, to = what[(document * 7 + i) % 6], whom[(document + i) % 6]
                lines.append(f"We share your {about} of day {i} with {to} in case {document}.\n")
            (self.folder / f"corpus/{document:04}.md").write_text("\n".join(lines))
        for number in 1, 77:
            (self.folder / f"corpus/{number:04}-bad.txt").write_bytes(b"\x7fELF\2\1\1\0\0\0\0\0\0\0\0\0")

    def command(self, mode, *more):
        base = [self.program, "classify", "corpus", "--all-sentences", "--threads", "1", "--no-config"]
        return base + mode.arguments + list(more)

    def run(self, command, limit=None, preload=None, where=None):
        def confine():
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        environment = dict(self.environment)
        if preload:
            environment["LD_PRELOAD"] = str(preload)
        start = time.monotonic()
        done = subprocess.run(command, cwd=where or self.folder, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, preexec_fn=confine, timeout=120)
        self.slowest = max(self.slowest, time.monotonic() - start)
        return done.returncode, done.stderr.decode(errors="replace")

    def names(self, where=None):
        return sorted(str(p.relative_to(where or self.folder)) for p in (where or self.folder).rglob("*")
                      if p.is_file() and not p.parts[len((where or self.folder).parts)] .startswith("corpus"))

    def clean(self, where=None):
        for path in (where or self.folder).iterdir():
            if path.name.startswith("corpus"):
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def wholes(self, mode):
        """The bytes and names of an undisturbed run."""
        self.clean()
        code, said = self.run(self.command(mode))
        assert code == 3, said
        self.whole = {name: (self.folder / name).read_bytes() for name in mode.makes}
        self.whole_names = self.names()

    def is_whole(self, mode, where=None):
        where = where or self.folder
        return all((where / name).exists() and (where / name).read_bytes() == self.whole[name] for name in mode.makes)

    def counts(self, mode):
        """How often the main thread makes each call in an undisturbed run."""
        self.clean()
        log = self.folder / "corpus-log"
        code, said = self.run(["strace", "-f", "-qq", "-o", log, "-e", "trace=" + ",".join(CALLS), *self.command(mode)])
        assert code == 3, said
        found = collections.Counter()
        for line in log.read_text(errors="replace").splitlines():
            if match := re.match(r"(\d+) +(\w+)\(", line):
                found[match[1], match[2]] += 1
        log.unlink()
        most = collections.Counter()
        for (_, call), count in found.items():
            most[call] = max(most[call], count)
        return most

    def check(self, mode, fault, *more):
        """Notes what does not hold after a fault."""
        try:
            self.hold(mode, fault, *more)
        except AssertionError as failure:
            self.failures.append(str(failure))
            print(f"FAILED: {failure}", flush=True)

    def hold(self, mode, fault, code, said, reason, where=None):
        """What must hold after a fault, and after going on."""
        where = where or self.folder
        assert "panicked" not in said, f"{fault}: {said}"
        if code == 3:
            assert self.is_whole(mode, where), f"{fault}: it claims success with other bytes"
            self.ends["unharmed"] += 1
        elif code is not None and code < 0:
            self.ends["killed"] += 1
        else:
            assert code == 2, f"{fault}: exit {code}: {said}"
            last = said.strip().splitlines()[-1] if said.strip() else ""
            # Where the error itself could not be written there is none.
            if last or "write" not in fault:
                assert reason is None or reason in said.lower(), f"{fault}: {said}"
                assert "out" in said, f"{fault} does not say where: {said}"
            self.ends["told"] += 1
        for name in mode.makes:
            # A file that is replaced is the old one or the whole new one.
            if not mode.name == "folder" and (where / name).exists():
                content = (where / name).read_bytes()
                assert content in (b"old", self.whole[name]), f"{fault}: {name} is torn"
        again = ["--resume"] if mode.resumes else []
        code, said = self.run(self.command(mode, *again), where=where)
        assert code == 3, f"{fault}: cannot go on: {said}"
        assert self.is_whole(mode, where), f"{fault}: other bytes after going on"
        names = self.names(where)
        # A format that cannot be resumed leaves its temporary file where it is killed.
        if mode.resumes or "KILL" not in fault:
            assert names == self.whole_names, f"{fault}: {names} and not {self.whole_names}"

    def injected(self, mode):
        for call, most in sorted(self.counts(mode).items()):
            for kind in CALLS[call] + ["KILL"]:
                for number in range(1, most + 1, self.every):
                    self.clean()
                    if mode.name not in ("folder",):
                        (self.folder / mode.makes[0]).write_bytes(b"old")
                    what = "signal=KILL" if kind == "KILL" else f"error={kind}"
                    trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e"]
                    trace.append(f"inject={call}:{what}:when={number}")
                    code, said = self.run(trace + self.command(mode))
                    fault = f"{call} {kind} number {number} in {mode.name}"
                    code = -9 if kind == "KILL" and code in (137, -9) else code
                    self.check(mode, fault, code, said, REASONS.get(kind))
                    self.tried[f"{mode.name} {call} {kind}"] += 1

    def short_writes(self, mode, library):
        largest = max(len(content) for content in self.whole.values())
        steps = max(2, 40 // self.every)
        for step in range(steps):
            self.clean()
            limit = largest * step // steps + step * 37
            code, said = self.run(self.command(mode), limit=limit)
            self.check(mode, f"limit of {limit} bytes in {mode.name}", code, said, "file too large")
            self.tried[f"{mode.name} short write, then EFBIG"] += 1
        if library:
            self.clean()
            code, said = self.run(self.command(mode), preload=library)
            assert code == 3 and self.is_whole(mode), f"halved writes in {mode.name}: {said}"
            self.tried[f"{mode.name} every write halved"] += 1

    def full_disk(self, mode):
        """A file system of 1 MB, which the results do not fit on; then more room."""
        with tempfile.TemporaryDirectory() as small:
            options = ["-t", "tmpfs", "-o", "size=1m", "none", small]
            if subprocess.run(["mount", *options], capture_output=True).returncode != 0:
                print("SKIPPED: a full tmpfs, since nothing can be mounted here")
                return
            try:
                (Path(small) / "corpus").symlink_to(self.folder / "corpus")
                code, said = self.run(self.command(mode), where=Path(small))
                assert code == 2 and "no space left" in said.lower(), said
                subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
                self.check(mode, f"disk full in {mode.name}", code, said, "no space left", Path(small))
                self.tried[f"{mode.name} disk really full"] += 1
            finally:
                subprocess.run(["umount", small], check=True)

    def streams(self):
        """Standard output that is full, or that nobody reads to the end."""
        for form in "text", "json", "jsonl", "csv", "markdown", "html", "sarif", "jsonld":
            command = [self.program, "classify", "corpus", "--no-config", "--quiet", "--format", form]
            with open("/dev/full", "w") as full:
                done = subprocess.run(command, cwd=self.folder, env=self.environment, stdout=full,
                                      stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
            said = done.stderr.decode()
            assert done.returncode == 2 and "standard output" in said and "No space left" in said, (form, said)
            child = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
            child.stdout.readline()
            child.stdout.close()
            said = [line for line in child.stderr.read().decode().splitlines() if "ELF" not in line]
            assert child.wait() in (0, 3) and said == [], (form, said)
            self.tried["standard output full or closed"] += 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--mode", action="append")
    arguments = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(str(Path(arguments.program).resolve()), folder, arguments.every)
        library = Path(folder) / "corpus-halves.so"
        source = Path(folder) / "corpus-halves.c"
        source.write_text(HALVES)
        if subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], capture_output=True).returncode != 0:
            print("SKIPPED: halved writes, since there is no C compiler")
            library = None
        for mode in MODES:
            if arguments.mode and mode.name not in arguments.mode:
                continue
            bench.wholes(mode)
            bench.injected(mode)
            bench.short_writes(mode, library)
            bench.full_disk(mode)
            print(f"ok: {mode.name}, {sum(bench.tried.values())} faults so far, {time.monotonic() - start:.0f} s", flush=True)
        bench.clean()
        bench.streams()
    if bench.failures:
        return f"{len(bench.failures)} of {sum(bench.tried.values())} faults did harm"
    print(json.dumps({"faults": sum(bench.tried.values()), "ends": bench.ends, "slowest run s": round(bench.slowest, 2),
                      "seconds": round(time.monotonic() - start), "by kind": bench.tried}, indent=1))


if __name__ == "__main__":
    sys.exit(main())
