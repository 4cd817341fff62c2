"""Writes tests/data/metrics.json: random predictions and what scikit-learn says of them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn
    /tmp/venv/bin/python tests/tools/metrics_sklearn.py > tests/data/metrics.json

Probabilities are hundredths, so that there are many ties. Gold is 0 for nothing, 1 for asserted, 2
for denied. One category has no gold label and one has no denial.
"""

import json
import sys

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    hamming_loss,
    precision_score,
    recall_score,
)

ROWS, COLUMNS = 150, 4
rng = np.random.default_rng(20240607)
gold = rng.choice([0, 1, 2], p=[0.6, 0.25, 0.15], size=(ROWS, COLUMNS))
gold[:, 2][gold[:, 2] == 2] = 1
gold[:, 3] = 0
noise = rng.normal(0, 0.28, size=(2, ROWS, COLUMNS))
hundredths = np.clip(np.rint(100 * (0.25 + 0.45 * (gold > 0) + noise[0])), 0, 100).astype(int)
denied_hundredths = np.clip(np.rint(100 * (0.3 + 0.4 * (gold == 2) + noise[1])), 0, 100).astype(int)

# As fineprint holds them: 32 bits, widened before they are multiplied.
p = (hundredths.astype(np.float32) / np.float32(100)).astype(np.float64)
d = (denied_hundredths.astype(np.float32) / np.float32(100)).astype(np.float64)
found = p >= 0.5
denied = d >= 0.5


def interleave(asserted, denied):
    return np.stack([asserted, denied], axis=2).reshape(ROWS, 2 * COLUMNS)


gold_labels = interleave(gold == 1, gold == 2)
found_labels = interleave(found & ~denied, found & denied)
label_scores = interleave(p * (1 - d), p * d)


def averages(g, f, scores):
    present = g.any(axis=0)
    kinds = {"precision": precision_score, "recall": recall_score, "f1": f1_score}
    each = [
        {
            **{name: float(kind(g[:, i], f[:, i], zero_division=0)) for name, kind in kinds.items()},
            "average_precision": float(average_precision_score(g[:, i], scores[:, i])) if present[i] else None,
            "support": int(g[:, i].sum()),
        }
        for i in range(g.shape[1])
    ]
    return {
        "each": each,
        "micro": {name: float(kind(g, f, average="micro")) for name, kind in kinds.items()},
        "macro": {
            name: float(kind(g[:, present], f[:, present], average="macro", zero_division=0))
            for name, kind in kinds.items()
        },
        "exact_match": float(accuracy_score(g, f)),
        "hamming_loss": float(hamming_loss(g, f)),
    }


asked = (p >= np.float32(0.1)) | (gold > 0)
truth = (gold > 0)[asked]
brier = float(brier_score_loss(truth, p[asked]))
both = (gold > 0) & found
opposite = both & ((gold == 2) != denied)

json.dump(
    {
        "gold": gold.tolist(),
        "hundredths": hundredths.tolist(),
        "denied_hundredths": denied_hundredths.tolist(),
        "categories": averages(gold > 0, found, p),
        "labels": averages(gold_labels, found_labels, label_scores),
        "cells_in_question": int(asked.sum()),
        "brier": brier,
        "opposite": [int(opposite.sum()), int(both.sum())],
    },
    sys.stdout,
)
print()
