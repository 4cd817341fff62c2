#!/usr/bin/env bash
# Schemathesis against `fineprint serve`: generated requests after the server's own OpenAPI document.
#
#   tests/clients/serve_fuzz.sh [PROGRAM]
#
# Makes itself a virtual environment in the temporary folder. Fails when an answer is outside the
# documented schema or a 5xx other than 503, when fewer than 2,000 requests were generated or fewer
# than half of them reached the model, or when a documented status was never seen (500 and 424 mean
# a fault of ours and must not be seen).
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${1:-target/release/fineprint}
export FINEPRINT_MODEL=tests/data/fixture-model
home=${TMPDIR:-/tmp}/fineprint-fuzz-venv
[ -x "$home/bin/schemathesis" ] || { python3 -m venv "$home"; "$home/bin/pip" install -q schemathesis; }
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -r "$work"' EXIT
key=a-key-for-this-test-only
echo "$key" > "$work/keys"
chmod 600 "$work/keys"

start() { # log, options…
  local log=$1; shift
  "$program" serve --listen 127.0.0.1:0 --keys "$work/keys" "$@" 2> "$log" &
  server=$!
  for _ in $(seq 200); do grep -qs '"ready"' "$log" && break; sleep 0.05; done
  url=http://$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$log")
}

stop() { kill "$server"; wait "$server"; server=; }

# Every refusal of a header that the schema names is a 401, for each request carries the key.
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
checks=$checks,response_schema_conformance,unsupported_method,missing_required_header,ignored_auth

fuzz() { # options…
  curl -s -H "Authorization: Bearer $key" "$url/openapi.json" > "$work/openapi.json"
  "$home/bin/schemathesis" run "$work/openapi.json" --url "$url" -H "Authorization: Bearer $key" \
    --checks "$checks" --continue-on-failure --seed 7 --no-color "$@" > "$work/out" 2>&1 \
    || { cat "$work/out"; exit 1; }
  grep -E '^ *[0-9]+ generated' "$work/out"
}

echo "== everything, right and wrong"
start "$work/all.log"
fuzz --phases examples,coverage,fuzzing -n 30
echo "== what the model answers"
fuzz --phases fuzzing --mode positive -n 700 --workers 2 --include-method POST --exclude-path-regex '^/v2'
stop
echo "== with hardly any room"
start "$work/tight.log" --max-body 300 --max-document 300 --max-requests 1 --max-wait 0.001 --threads 1 \
  --remember 0 --body-timeout 0.3
fuzz --phases examples,fuzzing -n 40 --workers 8 --include-method POST
"$home/bin/python" tests/clients/serve_statuses.py "$url" "$key" "$work/openapi.json"
stop
echo "== with hardly any time"
start "$work/late.log" --deadline 0.000001
# Here the documented 503 is what is asked for; any other 5xx is outside the schema, or found below.
checks=${checks#not_a_server_error,}
fuzz --phases examples,fuzzing -n 10 --include-method POST
"$home/bin/python" tests/clients/serve_statuses.py "$url" "$key" "$work/openapi.json" "$server"
wait "$server"
server=
cat "$work"/*.log | "$home/bin/python" tests/clients/serve_statuses.py --log "$work/openapi.json"
