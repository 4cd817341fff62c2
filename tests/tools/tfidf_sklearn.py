"""The TF-IDF baseline in scikit-learn, to compare `fineprint eval --baseline tfidf` with.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn
    /tmp/venv/bin/python tests/tools/tfidf_sklearn.py ../shared/data/ota/train.jsonl ../shared/data/ota/dev.jsonl

Words 1-2 and characters 3-5 within word boundaries, sublinear tf, each block of unit length;
one-vs-rest logistic regression with balanced class weights; the stance by a second one-vs-rest on
the rows that have the category. Thresholds 0.5, and for comparison each category's best on the
evaluated file itself (an upper bound, not a figure to report).
"""

import argparse
import json
import time

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve
from sklearn.pipeline import FeatureUnion


def read(path, context):
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    texts = [(r.get("lead_in", "") + " " + r["text"]).strip() if context else r["text"] for r in rows]
    return texts, [r["labels"] for r in rows]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--c", type=float, default=2.0)
    parser.add_argument("--min-df", type=int, default=2)
    parser.add_argument("--no-context", action="store_true", help="without the lead-in")
    parser.add_argument("--solver", default="lbfgs")
    args = parser.parse_args()

    texts, train = read(args.train, not args.no_context)
    test_texts, test = read(args.test, not args.no_context)
    names = sorted({label.lstrip("!") for labels in train for label in labels})
    started = time.time()
    features = FeatureUnion(
        [
            ("words", TfidfVectorizer(ngram_range=(1, 2), min_df=args.min_df, sublinear_tf=True)),
            ("chars", TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=args.min_df, sublinear_tf=True)),
        ]
    )
    x, z = features.fit_transform(texts), features.transform(test_texts)
    print(f"{x.shape[1]} features, {x.nnz} non-zero, {time.time() - started:.1f} s")

    def model():
        return LogisticRegression(C=args.c, class_weight="balanced", solver=args.solver, max_iter=1000)

    gold = np.zeros((len(test), 2 * len(names)), int)
    found = np.zeros_like(gold)
    p = np.zeros((len(test), len(names)))
    for i, name in enumerate(names):
        has = np.array([name in labels or "!" + name in labels for labels in train])
        p[:, i] = model().fit(x, has).predict_proba(z)[:, 1]
        denied = np.array(["!" + name in labels for labels in train])[has]
        d = np.zeros(len(test)) if not denied.any() else model().fit(x[has], denied).predict_proba(z)[:, 1]
        gold[:, 2 * i] = [name in labels for labels in test]
        gold[:, 2 * i + 1] = ["!" + name in labels for labels in test]
        found[:, 2 * i] = (p[:, i] >= 0.5) & (d < 0.5)
        found[:, 2 * i + 1] = (p[:, i] >= 0.5) & (d >= 0.5)

    def categories(m):
        return m[:, 0::2] | m[:, 1::2]

    g, f = categories(gold), categories(found)
    used = gold.sum(0) > 0
    best = []
    for i in range(len(names)):
        precision, recall, _ = precision_recall_curve(g[:, i], p[:, i])
        best.append(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-9)))
    both = (g == 1) & (f == 1)
    opposite = both & ((gold[:, 1::2] == 1) != (found[:, 1::2] == 1))
    print(
        f"micro-F1 {f1_score(g, f, average='micro'):.4f}  macro-F1 {f1_score(g, f, average='macro'):.4f}  "
        f"with stance: micro {f1_score(gold, found, average='micro'):.4f} "
        f"macro {f1_score(gold[:, used], found[:, used], average='macro', zero_division=0):.4f}  "
        f"mAP {average_precision_score(g, p, average='macro'):.4f}  opposite {opposite.sum() / both.sum():.4f}  "
        f"macro-F1 at best thresholds {np.mean(best):.4f}  {time.time() - started:.1f} s"
    )


main()
