"""Fits scikit-learn's models on the rows, in the split and with the weights that our own model was given.

    python ulb.py DIR

DIR holds meta.json ({"features": F, "signed_log": [columns], "seeds": N}) and, for each of the parts train, validation and test, the files
PART.x, PART.y and PART.w: little-endian float32, features row by row, labels, weights. For every model a line of JSON goes
to standard output as soon as it is fitted, and its probabilities go to DIR/NAME.PART.p as float64. What the models are
good for is computed twice: here with scikit-learn's own metrics, and from the probabilities by the caller.

Everything is standardised by the training part. Amount goes in as its signed logarithm, as our network takes it, except to
the logistic regressions, which do better without. The weights go into every fit, since without them the genuine rows would
count a thirteenth of what they stand for.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

PARTS = ("train", "validation", "test")


def models(seeds):
    """Name, settings in words, whether Amount is a logarithm, and the estimator itself."""
    yield "LogisticRegression", "max_iter=1000", False, LogisticRegression(max_iter=1000)
    yield (
        "LogisticRegression/balanced",
        "max_iter=1000, class_weight=balanced",
        False,
        LogisticRegression(max_iter=1000, class_weight="balanced"),
    )
    yield (
        "RandomForestClassifier",
        "n_estimators=300, random_state=0",
        True,
        RandomForestClassifier(n_estimators=300, n_jobs=-1, random_state=0),
    )
    for seed in range(seeds):
        yield (
            f"MLPClassifier/{seed}",
            f"hidden=(64, 64), max_iter=60, random_state={seed}",
            True,
            MLPClassifier((64, 64), max_iter=60, random_state=seed),
        )


def load(folder, part, features):
    x = np.fromfile(folder / f"{part}.x", "<f4").reshape(-1, features).astype(np.float64)
    y = np.fromfile(folder / f"{part}.y", "<f4")
    w = np.fromfile(folder / f"{part}.w", "<f4").astype(np.float64)
    return x, y, w


def prepare(parts, signed_log):
    def shape(x):
        x = x.copy()
        x[:, signed_log] = np.sign(x[:, signed_log]) * np.log1p(np.abs(x[:, signed_log]))
        return x

    scaler = StandardScaler().fit(shape(parts["train"][0]))
    return {name: (scaler.transform(shape(x)), y, w) for name, (x, y, w) in parts.items()}


def main():
    folder = Path(sys.argv[1])
    meta = json.loads((folder / "meta.json").read_text())
    raw = {p: load(folder, p, meta["features"]) for p in PARTS}
    shaped = {True: prepare(raw, meta["signed_log"]), False: prepare(raw, [])}
    for name, words, logarithm, model in models(meta["seeds"]):
        parts = shaped[logarithm]
        x, y, w = parts["train"]
        begin = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, y, sample_weight=w)
        answer = {"model": name, "words": words, "fit_seconds": time.perf_counter() - begin, "sklearn": sklearn.__version__}
        for part in PARTS[1:]:
            px, py, pw = parts[part]
            p = model.predict_proba(px)[:, 1]
            p.astype("<f8").tofile(folder / f"{name.replace('/', '-')}.{part}.p")
            answer[part] = {
                "average_precision": average_precision_score(py, p, sample_weight=pw),
                "auc": roc_auc_score(py, p, sample_weight=pw),
            }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
