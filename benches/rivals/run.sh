#!/bin/sh
# Runs fineprint beside the engines that one would pick instead: the same weights, the same
# sentences, the same threads, one run. Writes the table to standard output.
#
#   benches/rivals/run.sh SENTENCES [--limit N] [--threads N] [--repeat N] [--only NAME,NAME]
#
# SENTENCES has one sentence a line. The first run installs PyTorch and ONNX Runtime from PyPI into
# $RIVALS_DIR (target/rivals: some 6 GB) and builds fineprint; $FINEPRINT and $STOCK_CANDLE name
# programs that are built already. Leave the machine idle meanwhile.
set -eu
cd "$(dirname "$0")/../.."
[ $# -ge 1 ] || { sed -n '2,10s/^# \{0,1\}//p' benches/rivals/run.sh; exit 2; }
dir=${RIVALS_DIR:-target/rivals}
mkdir -p "$dir"
if [ -z "${FINEPRINT:-}" ] || [ -z "${STOCK_CANDLE:-}" ]; then
    cargo build --release --locked --bin fineprint --example stock-candle
fi
FINEPRINT=${FINEPRINT:-target/release/fineprint}
STOCK_CANDLE=${STOCK_CANDLE:-target/release/examples/stock-candle}
if [ ! -e "$dir/venv/installed" ]; then
    python3 -m venv "$dir/venv"
    "$dir/venv/bin/pip" install --quiet --requirement benches/rivals/requirements.txt
    touch "$dir/venv/installed"
fi
"$FINEPRINT" --quiet export --force --to "$dir/model"
exec "$dir/venv/bin/python" benches/rivals/rivals.py --model "$dir/model" --scratch "$dir" \
    --fineprint "$FINEPRINT" --stock-candle "$STOCK_CANDLE" "$@"
