"""Makes tests/data/fixture-model: a BERT classifier of two layers, 32 wide, with random weights.

    python3 tests/tools/fixture_model.py tests/data/fixture-model

Only the standard library is needed, and the bytes are the same on every machine: weights come from
SHA-256 of their names. The tokenizer is a real WordPiece one whose small vocabulary has every
letter, so that any English text is read without unknown tokens.
"""

import hashlib
import json
import math
import pathlib
import struct
import sys

HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 32, 2, 4, 64, 128
CATEGORIES = [c["id"] for c in json.loads(
    (pathlib.Path(__file__).parents[2] / "data/taxonomy.json").read_text())["categories"]]
WORDS = """a about access account address advertising age agree all an and any apply are as at
based be before by can change children choose collect collected company consent content contact
control cookies country court data delete device disclose do does email example for from give
has have he help how if improve in information into is it its keep law learn legal license limit
location may medical model models more must name necessary never new no not notice of on only
opt or other others our out party parties personal policy privacy process product protect provide
public purpose receive record request retain right rights safety secure sell sensitive server
service services share shared site so store such terms than that the their them then these they
third this time to track train transfer under unless update us use used user users using vendor
video we website what when where which who will with without would years you your""".split()


def vocabulary():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + [str(d) for d in range(10)]
    marks = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    rest = ["##" + x for x in letters] + ["##s", "##ing", "##ed", "##er", "##ly", "##tion"]
    seen = dict.fromkeys(special + letters + marks + rest + WORDS)
    return {token: i for i, token in enumerate(seen)}


def tokenizer(vocab):
    def special(token):
        return {"id": vocab[token], "content": token, "single_word": False, "lstrip": False,
                "rstrip": False, "normalized": False, "special": True}

    def part(kind, which, type_id):
        return {kind: {"id": which, "type_id": type_id}}

    cls, sep = part("SpecialToken", "[CLS]", 0), part("SpecialToken", "[SEP]", 0)
    a, b = part("Sequence", "A", 0), part("Sequence", "B", 1)
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [special(t) for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": [cls, a, sep],
            "pair": [cls, a, sep, b, part("SpecialToken", "[SEP]", 1)],
            "special_tokens": {t: {"id": t, "ids": [vocab[t]], "tokens": [t]}
                               for t in ("[CLS]", "[SEP]")},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocab},
    }


def noise(name, count):
    """Values of mean 0 and variance 1, uniform, from SHA-256 in counter mode."""
    out = []
    for block in range((count + 7) // 8):
        digest = hashlib.sha256(f"{name} {block}".encode()).digest()
        out += [struct.unpack_from("<I", digest, 4 * i)[0] for i in range(8)]
    return [(x / 2**31 - 1) * math.sqrt(3) for x in out[:count]]


def tensors(vocab_size):
    shapes = {
        "bert.embeddings.word_embeddings.weight": (vocab_size, HIDDEN),
        "bert.embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "bert.embeddings.token_type_embeddings.weight": (2, HIDDEN),
        "bert.embeddings.LayerNorm.weight": (HIDDEN,),
        "bert.embeddings.LayerNorm.bias": (HIDDEN,),
    }
    for layer in range(LAYERS):
        p = f"bert.encoder.layer.{layer}."
        for part in ("query", "key", "value"):
            shapes[f"{p}attention.self.{part}.weight"] = (HIDDEN, HIDDEN)
            shapes[f"{p}attention.self.{part}.bias"] = (HIDDEN,)
        for part, rows, columns in (("attention.output", HIDDEN, HIDDEN), ("intermediate", INNER, HIDDEN),
                                    ("output", HIDDEN, INNER)):
            shapes[f"{p}{part}.dense.weight"] = (rows, columns)
            shapes[f"{p}{part}.dense.bias"] = (rows,)
            if part != "intermediate":
                shapes[f"{p}{part}.LayerNorm.weight"] = (HIDDEN,)
                shapes[f"{p}{part}.LayerNorm.bias"] = (HIDDEN,)
    shapes["classifier.weight"] = (2 * len(CATEGORIES), HIDDEN)
    shapes["classifier.bias"] = (2 * len(CATEGORIES),)
    for name, shape in shapes.items():
        spread = 1.5 / math.sqrt(shape[-1]) if len(shape) == 2 and "embeddings" not in name else 0.3
        spread = 1.0 if name == "classifier.weight" else spread
        offset = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        count = math.prod(shape)
        yield name, shape, [offset + spread * x for x in noise(name, count)]


def safetensors(items):
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, shape, values in sorted(items):
        data = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": list(shape),
                        "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    vocab = vocabulary()
    names = CATEGORIES + ["!" + c for c in CATEGORIES]
    config = {
        "architectures": ["FineprintForSequenceClassification"], "model_type": "bert",
        "vocab_size": len(vocab), "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "intermediate_size": INNER,
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
        "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
        "classifier_pooling": "mean", "problem_type": "multi_label_classification",
        "id2label": {str(i): n for i, n in enumerate(names)},
        "label2id": {n: i for i, n in enumerate(names)},
    }
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (out / "tokenizer.json").write_text(json.dumps(tokenizer(vocab), separators=(",", ":")) + "\n")
    (out / "model.safetensors").write_bytes(safetensors(list(tensors(len(vocab)))))
    settings = {"format": 1, "language": "en", "context": "lead-in", "max_tokens": POSITIONS,
                "max_context_tokens": 24}
    (out / "fineprint.json").write_text(json.dumps(settings, indent=1) + "\n")


main()
