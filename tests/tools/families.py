"""Makes tests/data/families: a tiny classifier of each encoder family, as transformers saves it, with
what PyTorch makes of it.

    pip install torch transformers
    python3 tests/tools/families.py tests/data/families [MPNET_FOLDER]

For each family a folder (`config.json`, `model.safetensors`, and `tokenizer.json` or `vocab.txt`) with
random weights, and in `expected.json` states and logits of token ids and probabilities of texts,
computed one sequence at a time; with MPNET_FOLDER, a bare MPNetModel (all-mpnet-base-v2), also states of
that. (The figures in the repository are of torch 2.15.0 and transformers 5.24.0.)
"""

import json
import pathlib
import shutil
import sys

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (AutoModel, AutoModelForSequenceClassification, BertConfig, DistilBertConfig, MPNetConfig,
                          PreTrainedTokenizerFast, RobertaConfig)

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
TEXTS = [
    "We never sell your personal information.",
    "You may opt out of the use of your content at any time in the settings of your account.",
    "Yes.",
    "We keep server logs for 30 days, invoices for ten years: § 3 (1) lit. b — naïve façade.",
    "THE SERVICE IS PROVIDED AS IS, WITHOUT WARRANTY OF ANY KIND.",
]
PAIRS = [("We may use your data to:", "train our models"), ("Your rights", "You can delete it.")]
WORDS = """a about account all and any are as at be by can content data days delete for from in is it
keep may never not of opt or out our party personal policy right rights sell service settings share
such that the their these this time to train under use we with without years you your""".split()


def word_piece(special, unknown):
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + [str(d) for d in range(10)]
    marks = list("!\"#$%&'()*+,-./:;<=>?@[]_|§—")
    rest = ["##" + x for x in letters] + ["##s", "##ing", "##ed", "##er", "##ly", "##tion"]
    vocabulary = {t: i for i, t in enumerate(dict.fromkeys(special + letters + marks + rest + WORDS))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(special)
    return tokenizer


def bert():
    tokenizer = word_piece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "[UNK]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer, {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]",
                       "sep_token": "[SEP]", "mask_token": "[MASK]"}


def mpnet():
    tokenizer = word_piece(["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"], "[UNK]")
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer, {"pad_token": "<pad>", "unk_token": "[UNK]", "cls_token": "<s>",
                       "sep_token": "</s>", "mask_token": "<mask>"}


def roberta():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=special, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(TEXTS + [a + " " + b for a, b in PAIRS], trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer, {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>",
                       "sep_token": "</s>", "mask_token": "<mask>"}


def families():
    """Name, tokenizer, its special tokens, configuration."""
    labels = lambda *names: {"id2label": dict(enumerate(names)), "label2id": {n: i for i, n in enumerate(names)}}
    tokenizer, special = bert()
    yield "bert", tokenizer, special, BertConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=128, hidden_act="gelu_new",
        problem_type="multi_label_classification", **SIZES, **labels("Data sale", "Logs", "Rights", "Other"))
    # No problem type, as most published classifiers: a softmax, says transformers' pipeline.
    tokenizer, special = bert()
    yield "distilbert", tokenizer, special, DistilBertConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=128, dim=32, n_layers=2, n_heads=4,
        hidden_dim=64, **labels("NEGATIVE", "POSITIVE"))
    tokenizer, special = roberta()
    yield "roberta", tokenizer, special, RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=130, type_vocab_size=1,
        layer_norm_eps=1e-5, problem_type="multi_label_classification", pad_token_id=1, bos_token_id=0,
        eos_token_id=2, **SIZES, **labels("a", "b", "c", "d", "e"))
    tokenizer, special = mpnet()
    yield "mpnet", tokenizer, special, MPNetConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=130, layer_norm_eps=1e-5,
        problem_type="single_label_classification", **SIZES, **labels("minor", "blocker", "good"))


def model_of(config):
    model = AutoModelForSequenceClassification.from_config(config)
    torch.manual_seed(7)
    with torch.no_grad():
        for name, p in model.named_parameters():
            # Wide enough for states to differ by token and logits by sentence.
            spread = 0.1
            if "embeddings" in name or "relative" in name:
                spread = 1.0
            elif p.dim() == 2:
                is_score = any(part in name for part in ("query", "key", ".q.", ".k.", "q_lin", "k_lin"))
                spread = (2.5 if is_score else 1.5) / p.shape[1] ** 0.5
            p.copy_(spread * torch.randn(p.shape))
            if ("LayerNorm" in name or "layer_norm" in name) and name.endswith("weight"):
                p.add_(1.0)
    return model.eval()


def draws():
    state = 12345
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield state >> 33


def rounded(values):
    return [round(v.item(), 6) for v in values]


def ids_cases(model, config):
    draw = draws()
    for number in range(16):
        length = 3 + (number * 25) % 126
        ids = [5 + next(draw) % (config.vocab_size - 5) for _ in range(length)]
        with torch.no_grad():
            states = model.base_model(input_ids=torch.tensor([ids])).last_hidden_state[0]
            logits = model(input_ids=torch.tensor([ids])).logits[0]
        rows, columns = [0, length // 2, length - 1], [0, 11, 31]
        yield {"ids": ids, "rows": rows, "columns": columns,
               "values": [rounded(states[r, columns]) for r in rows], "logits": rounded(logits)}


def text_cases(model, config, tokenizer):
    for context, text in [("", t) for t in TEXTS] + PAIRS:
        # A bare PreTrainedTokenizerFast gives no segments unless asked, BertTokenizerFast does.
        is_bert = config.model_type == "bert"
        pair = (context, text) if context else (text,)
        inputs = tokenizer(*pair, return_tensors="pt", return_token_type_ids=is_bert)
        with torch.no_grad():
            logits = model(**inputs).logits[0]
        many = config.problem_type == "multi_label_classification"
        probabilities = logits.sigmoid() if many else logits.softmax(0)
        yield {"context": context, "text": text, "ids": inputs["input_ids"][0].tolist(),
               "probabilities": rounded(probabilities)}


def real_cases(folder):
    """States of some of our own clauses."""
    model = AutoModel.from_pretrained(folder).eval()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json")
    clauses = pathlib.Path(__file__).parents[2] / "data/clauses/dev.jsonl"
    for line in clauses.read_text().splitlines()[:20]:
        clause = json.loads(line)
        text = [clause["lead_in"], clause["text"]] if clause["lead_in"] else [clause["text"]]
        ids = tokenizer(*text)["input_ids"]
        with torch.no_grad():
            states = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        rows, columns = [0, len(ids) // 2, len(ids) - 1], list(range(0, states.shape[1], 64))
        yield {"ids": ids, "rows": rows, "columns": columns,
               "values": [rounded(states[r, columns]) for r in rows], "logits": []}


def main():
    out = pathlib.Path(sys.argv[1])
    expected = {}
    for name, raw, special, config in families():
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        model = model_of(config)
        model.save_pretrained(folder)
        (folder / "model.safetensors").chmod(0o644)
        if name == "distilbert":
            # As folders from before tokenizer.json are.
            vocabulary = raw.get_vocab()
            (folder / "vocab.txt").write_text("".join(t + "\n" for t in sorted(vocabulary, key=vocabulary.get)))
            (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}\n')
        else:
            raw.save(str(folder / "tokenizer.json"), pretty=False)
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, **special)
        expected[name] = {"ids": list(ids_cases(model, config)), "texts": list(text_cases(model, config, tokenizer))}
    if len(sys.argv) > 2:
        expected["all-mpnet-base-v2"] = {"ids": list(real_cases(sys.argv[2])), "texts": []}
    lines = []
    for name, kinds in expected.items():
        parts = [f'"{kind}": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]"
                 for kind, cases in kinds.items()]
        lines.append(f'"{name}": {{' + ",\n".join(parts) + "}")
    (out / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
