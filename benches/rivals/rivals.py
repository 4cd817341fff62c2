"""Times encoders with the same weights over the same sentences and prints a Markdown table.

Every engine gets sentences as text: tokenisation is in its time. Each rival runs over the sentences
sorted by length, at its best batch size of those tried on a sample, and in natural order at batch
32, as most people call it; fineprint packs sentences without padding and runs in natural order.
The cosine is that of a sentence's hidden states, all its tokens in one vector, to PyTorch in f32.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

BATCHES = [8, 16, 32, 64]
NATURAL = 32
SAMPLE = 1000


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("sentences", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--fineprint", required=True)
    parser.add_argument("--stock-candle", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--limit", type=int, default=5000)
    parser.add_argument("--only", default="", help="names of rivals, with commas between")
    return parser.parse_args()


args = arguments()
for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = str(args.threads)
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import onnx
import onnxruntime
import torch
import transformers
from onnxruntime.quantization import QuantType, quantize_dynamic

torch.set_num_threads(args.threads)
transformers.logging.set_verbosity_error()


def log(message):
    print(message, file=sys.stderr, flush=True)


class Tokenizer:
    """The model's own tokenizer, with truncation at the length that fineprint reads at once."""

    def __init__(self, folder):
        self.inner = transformers.AutoTokenizer.from_pretrained(folder)
        settings = json.loads((folder / "fineprint.json").read_text())
        self.most = settings.get("max_tokens", 256)

    def __call__(self, texts):
        return self.inner(
            texts, padding=True, truncation=True, max_length=self.most, return_tensors="np"
        )


class Torch:
    def __init__(self, folder, kind):
        self.tokenizer = Tokenizer(folder)
        self.model = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False)
        self.model = self.model.eval().to(kind)

    def __call__(self, texts):
        batch = self.tokenizer(texts)
        with torch.inference_mode():
            states = self.model(**{k: torch.from_numpy(v) for k, v in batch.items()})
        return states.last_hidden_state.float().numpy(), batch["attention_mask"]


class Onnx:
    def __init__(self, folder, path):
        self.tokenizer = Tokenizer(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = args.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.names = {put.name for put in self.session.get_inputs()}

    def __call__(self, texts):
        batch = self.tokenizer(texts)
        feed = {k: v.astype(np.int64) for k, v in batch.items() if k in self.names}
        return self.session.run(None, feed)[0], batch["attention_mask"]


class States(torch.nn.Module):
    """The encoder with tensors in and one tensor out, as an exporter wants it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state


def export_onnx(folder, scratch):
    """Writes the graph in f32 and quantised per tensor and per channel; returns the three paths."""
    paths = [scratch / f"model-{name}.onnx" for name in ["f32", "per-tensor", "per-channel"]]
    model = transformers.BertModel.from_pretrained(
        folder, add_pooling_layer=False, attn_implementation="eager"
    )
    names = ["input_ids", "attention_mask", "token_type_ids"]
    example = tuple(torch.ones(2, 9, dtype=torch.int64) for _ in names)
    axes = {name: {0: "batch", 1: "tokens"} for name in [*names, "states"]}
    torch.onnx.export(
        States(model.eval()), example, str(paths[0]), input_names=names,
        output_names=["states"], dynamic_axes=axes, opset_version=17, dynamo=False,
    )
    for path, per_channel in [(paths[1], False), (paths[2], True)]:
        quantize_dynamic(paths[0], path, weight_type=QuantType.QInt8, per_channel=per_channel)
    return paths


def batches(texts, size, is_sorted):
    order = range(len(texts))
    if is_sorted:
        order = sorted(order, key=lambda i: -len(texts[i]))
    order = list(order)
    return [order[at : at + size] for at in range(0, len(order), size)]


def seconds(engine, texts, size, is_sorted):
    start = time.perf_counter()
    for batch in batches(texts, size, is_sorted):
        engine([texts[i] for i in batch])
    return time.perf_counter() - start


def states(engine, texts, size=16):
    """A vector of all tokens for each sentence."""
    found = [None] * len(texts)
    for batch in batches(texts, size, True):
        values, mask = engine([texts[i] for i in batch])
        for i, row, kept in zip(batch, values, mask):
            found[i] = row[: int(kept.sum())].ravel()
    return found


def cosines(found, reference):
    pairs = zip(found, reference)
    return np.array([a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in pairs], dtype=np.float64)


def rate(times, count):
    return count / statistics.median(times)


def measure(name, engine, texts, reference):
    log(f"{name} …")
    sample = texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE]
    seconds(engine, sample, 8, True)
    best = min(BATCHES, key=lambda size: seconds(engine, sample, size, True))
    fast = [seconds(engine, texts, best, True) for _ in range(args.repeat)]
    slow = [seconds(engine, texts, NATURAL, False)]
    own = cosines(states(engine, texts), reference)
    return {
        "name": name, "sorted": rate(fast, len(texts)), "batch": best,
        "natural": rate(slow, len(texts)), "mean": own.mean(), "least": own.min(),
    }


def stock_candle(texts, path, reference):
    """Candle with its own threading at batch 32, and workers of one thread each, its better way."""
    log("stock Candle …")

    def run(batch, workers, order, repeat, lines, out=None):
        command = [args.stock_candle, str(args.model), str(lines), str(batch), str(workers), order]
        command += [str(repeat)] + ([str(out)] if out else [])
        inner = args.threads if workers == 1 else 1
        env = {**os.environ, "RAYON_NUM_THREADS": str(inner)}
        return json.loads(subprocess.run(command, env=env, check=True, capture_output=True).stdout)

    sample = path.with_name("sample.txt")
    sample.write_text("\n".join(texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE]) + "\n")
    ways = [(batch, workers) for batch in BATCHES for workers in {1, args.threads}]
    best = min(ways, key=lambda way: run(*way, "sorted", 1, sample)["seconds"][0])
    out = path.with_name("candle.f32")
    fast = run(*best, "sorted", args.repeat, path, out)["seconds"]
    slow = run(NATURAL, best[1], "natural", 1, path)["seconds"]
    flat = np.fromfile(out, dtype=np.float32)
    ends = np.cumsum([len(row) for row in reference])
    if ends[-1] != len(flat):
        sys.exit(f"stock Candle gave {len(flat)} values and not {ends[-1]}")
    own = cosines(np.split(flat, ends[:-1]), reference)
    return {
        "name": "candle-transformers f32", "sorted": rate(fast, len(texts)), "batch": best[0],
        "natural": rate(slow, len(texts)), "mean": own.mean(), "least": own.min(),
    }


def fineprint(texts, path, numbers):
    log(f"fineprint {numbers} …")
    command = [args.fineprint, "bench", "--lines", str(path), "--engine", numbers]
    command += ["--threads", str(args.threads), "--repeat", str(args.repeat), "--format", "json"]
    command += ["--compare", "candle"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {
        "name": f"**fineprint {numbers}** ({found['kernel']})", "sorted": None, "batch": None,
        "natural": found["throughput"]["sentences_per_second"],
        "mean": found["comparison"]["cosine_mean"], "least": found["comparison"]["cosine_min"],
        "machine": found["machine"], "tokens": found["throughput"]["tokens"],
    }


def table(rows):
    ours = max(row["natural"] for row in rows if row["sorted"] is None)
    first = next(row for row in rows if row["sorted"] is None)
    versions = ", ".join(
        f"{module.__name__} {module.__version__}"
        for module in [torch, transformers, onnxruntime, onnx]
    )
    print(
        f"{first['machine']['processor']}, {args.threads} threads; {args.count} sentences, "
        f"{first['tokens'] / args.count:.1f} tokens each; {versions}.\n"
    )
    print("| engine | sentences/s, sorted at its best batch | natural order | times slower | "
          "cosine to f32, mean (least) |")
    print("|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: -max(row["sorted"] or 0, row["natural"])):
        best = f"{row['sorted']:.0f} (batch {row['batch']})" if row["sorted"] else "–"
        ratio = ours / max(row["sorted"] or 0, row["natural"])
        print(f"| {row['name']} | {best} | {row['natural']:.0f} | {ratio:.2f} | "
              f"{row['mean']:.4f} ({row['least']:.4f}) |")


def main():
    texts = [line.strip() for line in args.sentences.read_text().splitlines() if line.strip()]
    texts = texts[: args.limit]
    args.count = len(texts)
    path = args.scratch / "sentences.txt"
    path.write_text("\n".join(texts) + "\n")
    wanted = [name for name in args.only.split(",") if name]
    take = lambda name: not wanted or name in wanted

    torch_f32 = Torch(args.model, torch.float32)
    reference = states(torch_f32, texts)
    rows = [fineprint(texts, path, numbers) for numbers in ["int8", "f32"]]
    if take("torch"):
        rows.append(measure("PyTorch f32", torch_f32, texts, reference))
        bf16 = Torch(args.model, torch.bfloat16)
        rows.append(measure("PyTorch bf16", bf16, texts, reference))
    if take("onnx"):
        f32, per_tensor, per_channel = export_onnx(args.model, args.scratch)
        rows.append(measure("ONNX Runtime f32", Onnx(args.model, f32), texts, reference))
        ints = [
            measure(f"ONNX Runtime int8, dynamic, {kind}", Onnx(args.model, p), texts, reference)
            for kind, p in [("per tensor", per_tensor), ("per channel", per_channel)]
        ]
        rows.append(max(ints, key=lambda row: row["sorted"]))
    if take("candle"):
        rows.append(stock_candle(texts, path, reference))
    table(rows)


main()
