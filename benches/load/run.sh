#!/usr/bin/env bash
# Load on `fineprint serve`, generator and server on this machine: what issue 7 and section 3 of the
# reliability notes promise, as figures.
#
#   benches/load/run.sh [PART…]     of: throughput half overload slow stop memory (default: all but memory)
#
# Needs sentences (JSON lines with `text`, perhaps gzipped) and a folder of Markdown documents:
#   SENTENCES  (../shared/data/ota/unlabelled.jsonl.gz)   COUNT      how many, drawn at random (12000)
#   DOCUMENTS  (../shared/data/documents)                 DOCUMENT_COUNT       likewise (40)
#   FINEPRINT, LOAD: programs that are built already; MINUTES of the part memory (10)
# Nothing is remembered between requests (`--remember 0`), nor by the batch engine it is compared
# with, and every sentence is sent once. `half` and `overload` load by what `throughput` measured;
# without it, by REQUESTS a second.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- throughput half overload slow stop
if [ -z "${FINEPRINT:-}" ] || [ -z "${LOAD:-}" ]; then
  cargo build --release --locked --bin fineprint --example load
fi
program=${FINEPRINT:-target/release/fineprint}
load=${LOAD:-target/release/examples/load}
sentences=${SENTENCES:-../shared/data/ota/unlabelled.jsonl.gz}
documents=${DOCUMENTS:-../shared/data/documents}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -r "$work"' EXIT

# The same choice in every run.
draw() { shuf --random-source=<(yes) -n "$1"; }
zcat -f "$sentences" | sort -u | draw "${COUNT:-12000}" > "$work/sentences.jsonl"
mkdir "$work/documents"
i=0
while IFS= read -r path; do
  i=$((i + 1))
  cp "$path" "$work/documents/$i.md"
done < <(find "$documents" -name '*.md' | LC_ALL=C sort | draw "${DOCUMENT_COUNT:-40}")

start() { # options…
  "$program" serve --listen 127.0.0.1:0 --remember 0 "$@" 2> "$work/log" &
  server=$!
  for _ in $(seq 400); do grep -q '"ready"' "$work/log" && break; sleep 0.05; done
  address=$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$work/log")
}
stop() { kill "$server"; wait "$server"; server=; }
metric() { curl -s "http://$address/metrics" | sed -n "s/^$1 //p"; }
input=(--sentences "$work/sentences.jsonl" --documents "$work/documents")
field() { python3 -c 'import json, sys; print(eval(sys.argv[1], json.load(open(sys.argv[2]))))' "$1" "$2"; }

batch() { # the same documents and sentences through `fineprint bench`
  "$program" bench "$work/documents" --repeat 1 --format json > "$work/a.json"
  "$program" bench --lines "$work/sentences.jsonl" --repeat 1 --format json > "$work/b.json"
  python3 - "$work" <<'PY'
import json, sys
parts = [json.load(open(f"{sys.argv[1]}/{name}.json"))["throughput"] for name in "ab"]
sentences, tokens, seconds = (sum(f(p) for p in parts) for f in
    (lambda p: p["sentences"], lambda p: p["tokens"], lambda p: p["seconds"][0]))
print(f"batch engine: {sentences} sentences, {tokens} tokens in {seconds:.1f} s: {sentences / seconds:.1f} sentences/s, {tokens / seconds:.0f} tokens/s")
PY
}

for part; do
  echo "== $part"
  case $part in
    throughput)
      batch
      start
      "$load" closed "$address" --pid "$server" "${input[@]}" --clients 64 | tee "$work/closed.json"
      tokens=$(metric fineprint_tokens_total)
      # By tokens, for the generator also counts sentences in other languages, which are not computed.
      echo "server: $tokens tokens, $(field "round($tokens / seconds)" "$work/closed.json") tokens/s"
      stop
      batch
      REQUESTS=$(field "sum(a['count'] for k in (singles, documents) for a in k['answers'].values()) / seconds" "$work/closed.json")
      echo "requests/s: $REQUESTS"
      ;;
    half)
      start
      "$load" open "$address" --pid "$server" "${input[@]}" --seconds "${SECONDS_HALF:-60}" \
        --rate "$(python3 -c "print($REQUESTS / 2)")"
      stop
      ;;
    overload)
      start
      "$load" open "$address" --pid "$server" "${input[@]}" --seconds "${SECONDS_OVERLOAD:-60}" \
        --rate "$(python3 -c "print($REQUESTS * 4)")"
      echo "at once afterwards:"
      "$load" open "$address" --pid "$server" --sentences "$work/sentences.jsonl" --seconds 3 --rate 20
      stop
      ;;
    slow)
      start
      "$load" open "$address" --pid "$server" "${input[@]}" --seconds 20 --rate 40 --slow 500
      stop
      ;;
    stop)
      start
      "$load" stop "$address" --pid "$server" "${input[@]}" --clients 64 --after 5 | tee "$work/stop.json"
      status=0
      wait "$server" || status=$?
      server=
      python3 - "$work" "$status" <<'PY'
import collections, json, sys
answered = collections.Counter()
left = 0
for line in open(f"{sys.argv[1]}/log"):
    entry = json.loads(line)
    answered[str(entry.get("status"))] += entry["message"] == "answered"
    left += entry["message"] == "the client left"
got = collections.Counter()
figures = json.load(open(f"{sys.argv[1]}/stop.json"))
for kind in "singles", "documents":
    for status, answers in figures[kind]["answers"].items():
        got[status] += answers["count"]
answered = {k: v for k, v in answered.items() if v}
print(f"exit {sys.argv[2]}; the server's log says {answered} answered, {left} left; the clients got {dict(got)}")
assert sys.argv[2] == "0" and answered == dict(got) and left == 0, "a request was lost"
PY
      ;;
    memory)
      start
      "$load" open "$address" --pid "$server" "${input[@]}" --watch 15 \
        --seconds "$((${MINUTES:-10} * 60))" --rate "${REQUESTS:-100}"
      stop
      ;;
    *) echo "no such part: $part" >&2; exit 2 ;;
  esac
done
