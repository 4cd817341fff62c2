#!/usr/bin/env python3
"""`fineprint convert` against transformers, on classifiers that this script makes.

    python3 tests/clients/convert.py [PROGRAM] [PYTHON]

PYTHON is an interpreter that has torch and transformers; without it a virtual environment is made
beside the temporary folder and kept for the next run. (That installs gigabytes, which is why this
script is not part of .ci/run; tests/it/families.rs holds the same with committed models.)

For each family a tiny classifier with labels of its own is made at random, saved as transformers saves
it, converted, and asked about sentences on each engine: the probabilities must be those of
transformers' own text-classification pipeline. What `fineprint export` makes of the converted model is
then loaded by transformers again.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ["torch==2.15.0", "transformers==5.24.0"]
TEXT = """# Your data

We never sell your personal information. You may opt out at any time in the settings of your account!
We keep server logs for 30 days, and invoices for ten years — as § 3 (1) lit. b asks us to.

- Children under 13 may not register.
- THE SERVICE IS PROVIDED AS IS.
"""


def enter_environment():
    """Runs this file again where torch and transformers are."""
    if os.environ.get("FINEPRINT_CONVERT_INSIDE"):
        return
    if len(sys.argv) > 2:
        python = pathlib.Path(sys.argv[2])
    else:
        home = pathlib.Path(tempfile.gettempdir()) / "fineprint-convert-venv"
        python = home / "bin" / "python"
        if not python.exists():
            venv.create(home, with_pip=True)
        if subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES]).returncode != 0:
            print("SKIPPED: transformers cannot be installed here")
            raise SystemExit(0)
    os.environ["FINEPRINT_CONVERT_INSIDE"] = "1"
    os.execv(python, [str(python), *sys.argv])


enter_environment()

import torch  # noqa: E402
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, BertConfig, CamembertConfig,  # noqa: E402
                          DistilBertConfig, MPNetConfig, PreTrainedTokenizerFast, RobertaConfig,
                          XLMRobertaConfig, pipeline)

from transformers.utils import logging  # noqa: E402

logging.disable_progress_bar()
PROGRAM = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/fineprint").resolve()
SIZES = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 80}
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def tokenizer(kind):
    """A tokenizer trained on the text: WordPiece, byte-level BPE, or Unigram."""
    special = BERT if kind == "wordpiece" else ROBERTA
    if kind == "bpe":
        raw = Tokenizer(models.BPE())
        raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False,
                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    elif kind == "unigram":
        raw = Tokenizer(models.Unigram())
        raw.normalizer = normalizers.NFKC()
        raw.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="<unk>",
                                          show_progress=False)
    else:
        raw = Tokenizer(models.WordPiece(unk_token=special[1] if special is BERT else "<unk>"))
        raw.normalizer = normalizers.BertNormalizer()
        raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    raw.train_from_iterator([TEXT], trainer)
    if special is BERT:
        ids = {t: raw.token_to_id(t) for t in special}
        raw.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
        roles = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], special))
    else:
        raw.post_processor = processors.RobertaProcessing(
            ("</s>", raw.token_to_id("</s>")), ("<s>", raw.token_to_id("<s>")), add_prefix_space=False)
        roles = dict(zip(["cls_token", "pad_token", "sep_token", "unk_token", "mask_token"], special))
    names = ["input_ids", "attention_mask"] + (["token_type_ids"] if special is BERT else [])
    return PreTrainedTokenizerFast(tokenizer_object=raw, model_input_names=names, **roles)


def configurations():
    offset = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    distilled = {"dim": 48, "n_layers": 3, "n_heads": 3, "hidden_dim": 80}
    yield "wordpiece", lambda n: BertConfig(vocab_size=n, max_position_embeddings=256, **SIZES)
    yield "wordpiece", lambda n: DistilBertConfig(vocab_size=n, max_position_embeddings=256, **distilled)
    yield "bpe", lambda n: RobertaConfig(vocab_size=n, max_position_embeddings=258, type_vocab_size=1,
                                         **offset, **SIZES)
    yield "unigram", lambda n: XLMRobertaConfig(vocab_size=n, max_position_embeddings=258, type_vocab_size=1,
                                                **offset, **SIZES)
    yield "unigram", lambda n: CamembertConfig(vocab_size=n, max_position_embeddings=258, type_vocab_size=1,
                                               **offset, **SIZES)
    yield "bpe", lambda n: MPNetConfig(vocab_size=n, max_position_embeddings=258, **offset, **SIZES)


def asked(classify, text):
    """The probability of every label."""
    found = classify(text)
    found = found[0] if isinstance(found[0], list) else found
    return {e["label"]: e["score"] for e in found}


def run(*arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def check(kind, make, problem, folder):
    tokens = tokenizer(kind)
    config = make(len(tokens))
    count = random.randint(2, 7)
    # Names as people choose them.
    names = random.sample(["Data sale", "spam", "LABEL_0", "très bien", "5 stars", "not/ok", "x, y", "neutral"], count)
    config.id2label = dict(enumerate(names))
    config.label2id = {n: i for i, n in enumerate(names)}
    config.problem_type = problem
    model = AutoModelForSequenceClassification.from_config(config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() == 2:
                p.copy_(torch.randn(p.shape) * (1.0 if "embeddings" in name or "relative" in name
                                                else 1.6 / p.shape[1] ** 0.5))
            elif name.endswith("bias"):
                p.copy_(torch.randn(p.shape) * 0.1)
    source, target, again = folder / "hf", folder / "ours", folder / "again"
    model.save_pretrained(source)
    tokens.save_pretrained(source)
    run("convert", source, "--to", target)
    classify = pipeline("text-classification", model=model, tokenizer=tokens, top_k=None)
    (folder / "terms.md").write_text(TEXT)
    worst = {}
    for engine, tolerance in [("candle", 1e-4), ("f32", 1e-4), ("int8", 0.08)]:
        lines = run("classify", folder / "terms.md", "--model", target, "--engine", engine,
                    "--format", "jsonl", "--probabilities", "--all-sentences", "--no-config").splitlines()
        sentences = [r for r in map(json.loads, lines) if r["record"] == "sentence"]
        assert len(sentences) >= 5
        for sentence in sentences:
            expected = asked(classify, sentence["text"])
            got = sentence["probabilities"]
            got = {n: p["category"] if isinstance(p, dict) else p for n, p in got.items()}
            assert got.keys() == expected.keys(), (got, expected)
            gap = max(abs(got[n] - expected[n]) for n in names)
            worst[engine] = max(gap, worst.get(engine, 0))
            assert gap < tolerance, (config.model_type, problem, engine, sentence["text"], got, expected)
    run("export", "--model", target, "--to", again)
    reread = pipeline("text-classification", model=AutoModelForSequenceClassification.from_pretrained(again),
                      tokenizer=AutoTokenizer.from_pretrained(again), top_k=None)
    for text in ("We never sell your personal information.", "Children under 13 may not register."):
        a, b = (asked(p, text) for p in (classify, reread))
        assert all(abs(a[n] - b[n]) < 1e-5 for n in names), (config.model_type, a, b)
    shown = "  ".join(f"{engine} {gap:.1e}" for engine, gap in worst.items())
    print(f"{config.model_type:12} {str(problem):28} {count} labels: {shown}", flush=True)


def main():
    random.seed(5)
    torch.manual_seed(5)
    problems = ["multi_label_classification", "single_label_classification", None]
    for number, (kind, make) in enumerate(configurations()):
        for problem in problems if number % 2 else problems[:2]:
            with tempfile.TemporaryDirectory() as folder:
                check(kind, make, problem, pathlib.Path(folder))


main()
