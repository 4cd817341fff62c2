"""Times a training step of fineprint beside PyTorch's: same encoder, same sentences, same threads.

    RIVALS/venv/bin/python benches/rivals/training.py ENCODER LABELLED.jsonl --fineprint PROGRAM

ENCODER is a BERT folder (all-MiniLM-L6-v2), RIVALS what benches/rivals/run.sh installs. Both train
the whole encoder and a head of 42 outputs in 32-bit floats with AdamW and dropout, 16 sentences a
step, forward, backward and update in the time. PyTorch gets the sentences tokenised already, in
two orders: shuffled, as one trains, and sorted by length, which wastes least on padding but is not
how one trains. Leave the machine idle meanwhile.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

BATCH = 16
OUTPUTS = 42


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("encoder", type=Path)
    parser.add_argument("labelled", type=Path)
    parser.add_argument("--fineprint", required=True)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


args = arguments()
for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = str(args.threads)

import torch
import transformers

torch.set_num_threads(args.threads)
torch.manual_seed(1)
transformers.logging.set_verbosity_error()


def steps(batches):
    """Seconds of one step a batch, after two that are not counted."""
    encoder = transformers.AutoModel.from_pretrained(args.encoder, add_pooling_layer=False)
    encoder.train()
    head = torch.nn.Linear(encoder.config.hidden_size, OUTPUTS)
    optimizer = torch.optim.AdamW(
        [{"params": encoder.parameters()}, {"params": head.parameters(), "lr": 1e-3}], lr=1e-4
    )
    loss_of = torch.nn.BCEWithLogitsLoss()
    begun = 0.0
    for i, batch in enumerate(batches[:2] + batches):
        if i == 2:
            begun = time.perf_counter()
        states = encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        logits = head((states * mask).sum(1) / mask.sum(1))
        loss_of(logits, torch.zeros_like(logits)).backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 20.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - begun


def fineprint(lines):
    """Seconds of the same number of steps, from the run's manifest."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "train.jsonl")
        data.write_text("".join(lines), encoding="utf-8")
        out = Path(folder, "run")
        subprocess.run(
            [args.fineprint, "--quiet", "train", str(data), "--init", str(args.encoder), "--out", str(out)]
            + ["--epochs", "1", "--batch-size", str(BATCH), "--threads", str(args.threads)]
            + ["--checkpoint-every", "0", "--no-config"],
            check=True,
        )
        return json.loads(Path(out, "training.json").read_text())["seconds"]


with args.labelled.open(encoding="utf-8") as file:
    lines = [line for line, _ in zip(file, range(args.steps * BATCH))]
tokenizer = transformers.AutoTokenizer.from_pretrained(args.encoder)
examples = [json.loads(line) for line in lines]
# Context and sentence as a pair, as fineprint reads them.
contexts = [e.get("lead_in") or e.get("heading") or "" for e in examples]
encoded = [
    tokenizer(context, e["text"], truncation="only_second", max_length=256)
    if context
    else tokenizer(e["text"], truncation=True, max_length=256)
    for context, e in zip(contexts, examples)
]
tokens = sum(len(e["input_ids"]) for e in encoded)


def batches(order):
    chunks = (order[i : i + BATCH] for i in range(0, len(order), BATCH))
    return [tokenizer.pad([encoded[i] for i in chunk], return_tensors="pt") for chunk in chunks]


shuffled = torch.randperm(len(encoded)).tolist()
by_length = sorted(range(len(encoded)), key=lambda i: len(encoded[i]["input_ids"]))
rows = [
    ("fineprint", fineprint(lines)),
    ("PyTorch, shuffled", steps(batches(shuffled))),
    ("PyTorch, sorted by length", steps(batches(by_length))),
    ("fineprint again", fineprint(lines)),
]
print(f"{len(encoded)} sentences, {tokens} tokens, {BATCH} a step, {args.threads} threads, f32\n")
print("| engine | tokens/s | seconds a step |\n|---|---|---|")
for name, seconds in rows:
    print(f"| {name} | {tokens / seconds:,.0f} | {seconds * BATCH / len(encoded):.3f} |")
