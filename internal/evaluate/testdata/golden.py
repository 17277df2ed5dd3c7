"""Makes golden.json: what scikit-learn says about scores with ties, weights and rare positives.

    python -m venv venv && venv/bin/pip install scikit-learn==1.7.2 numpy==2.3.4
    venv/bin/python golden.py > golden.json

Every case holds its scores, so that the test reads nothing else. Calibration bins are computed here by a second,
independent method (cumulative weights on unique probabilities), since scikit-learn has no weighted equal-frequency bins.
"""

import json

import numpy as np
import sklearn
from sklearn import metrics

BINS = 10


def calibration(p, y, w):
    keep = w > 0
    p, y, w = p[keep], y[keep], w[keep]
    unique, place = np.unique(p, return_inverse=True)
    mass = np.bincount(place, w)
    middle = np.cumsum(mass) - mass / 2
    group_bin = np.minimum((middle / mass.sum() * BINS).astype(int), BINS - 1)
    row_bin = group_bin[place]
    bins, ece = [], 0.0
    for k in np.unique(row_bin):
        m = row_bin == k
        predicted = np.average(p[m], weights=w[m])
        observed = np.average(y[m], weights=w[m])
        bins.append({"low": p[m].min(), "high": p[m].max(), "rows": int(m.sum()), "weight": w[m].sum(),
                     "predicted": predicted, "observed": observed})
        ece += w[m].sum() / w.sum() * abs(observed - predicted)
    return bins, ece


def case(name, p, y, w, threshold):
    sw = w if w is not None else np.ones(len(p))
    said = (p >= threshold).astype(int)
    tn, fp, fn, tp = metrics.confusion_matrix(y, said, sample_weight=sw).ravel()
    bins, ece = calibration(p, y, sw)
    precision, recall, thresholds = metrics.precision_recall_curve(y, p, sample_weight=sw)
    with np.errstate(invalid="ignore"):
        f1 = np.nan_to_num(2 * precision * recall / (precision + recall))[:-1]
    return {
        "name": name,
        "probability": p.tolist(),
        "label": [bool(v) for v in y],
        "weight": None if w is None else w.tolist(),
        "threshold": threshold,
        "want": {
            "roc_auc": metrics.roc_auc_score(y, p, sample_weight=sw),
            "average_precision": metrics.average_precision_score(y, p, sample_weight=sw),
            "brier_score": metrics.brier_score_loss(y, p, sample_weight=sw),
            "log_loss": metrics.log_loss(y, p, sample_weight=sw),
            "precision": metrics.precision_score(y, said, sample_weight=sw, zero_division=0),
            "recall": metrics.recall_score(y, said, sample_weight=sw),
            "f1_score": metrics.f1_score(y, said, sample_weight=sw, zero_division=0),
            "accuracy": metrics.accuracy_score(y, said, sample_weight=sw),
            "prevalence": np.average(y, weights=sw),
            "true_positives": tp, "false_positives": fp, "false_negatives": fn, "true_negatives": tn,
            "expected_calibration_error": ece,
        },
        "calibration": bins,
        "best_f1": f1.max(),
    }


def main():
    r = np.random.default_rng(20)
    cases = []

    n = 300
    y = (r.random(n) < 0.3).astype(int)
    p = 1 / (1 + np.exp(-(2.0 * y - 1 + r.normal(size=n))))
    cases.append(case("plain", p, y, None, 0.5))

    p = np.round(p, 1)  # many ties across classes, and probabilities of exactly 0 and 1
    cases.append(case("ties", p, y, None, 0.5))
    cases.append(case("ties and weights", p, y, r.choice([0.25, 1, 3.5], n), 0.5))

    n = 600
    y = np.zeros(n, int)
    y[r.choice(n, 12, replace=False)] = 1
    p = 1 / (1 + np.exp(-(6.0 * y - 7 + 1.5 * r.normal(size=n))))
    p = p.astype(np.float32).astype(np.float64)
    w = np.where(y == 1, 1.0, 12.83)
    cases.append(case("rare and weighted like a sample", p, y, w, 0.1))
    w[r.choice(n, 60, replace=False)] = 0
    w[y == 1] = 1.0
    cases.append(case("some weights are zero", p, y, w, 0.1))
    cases.append(case("threshold above all", p, y, w, 1.0))

    cases.append(case("constant score", np.full(50, 0.25), np.arange(50) % 5 // 4, None, 0.25))
    cases.append(case("certain and wrong", np.array([0.0, 1.0, 0.0, 1.0, 0.5]), np.array([1, 0, 0, 1, 1]), None, 0.5))
    cases.append(case("perfect", np.array([0.1, 0.2, 0.3, 0.8, 0.9]), np.array([0, 0, 0, 1, 1]), np.array([1, 2, 3, 4, 5.0]), 0.8))

    print(json.dumps({"scikit-learn": sklearn.__version__, "numpy": np.__version__, "cases": cases},
                     default=lambda v: v.item(), separators=(",", ":")))


main()
