"""Makes cards.json: card precision top-k by pandas, in the steps in which the Fraud Detection Handbook describes it (chapter 4).

    python -m venv venv && venv/bin/pip install pandas==3.1.1 numpy==2.3.4
    venv/bin/python cards.py > cards.json
"""

import json

import numpy as np
import pandas as pd


def card_precision(rows, top):
    found, precision = [], []
    for _, day in rows.groupby("day"):
        day = day[~day.card.isin(found)]
        cards = day.groupby("card").max().sort_values("p", ascending=False, kind="stable").head(top)
        hits = cards.index[cards.y == 1].tolist()
        precision.append(len(hits) / top)
        found += hits
    return precision


def case(name, r, n, cards, days, top, digits):
    y = (r.random(n) < 0.05).astype(int)
    p = 1 / (1 + np.exp(-(3.0 * y - 2 + 1.5 * r.normal(size=n))))
    rows = pd.DataFrame({"p": np.round(p, digits), "y": y, "card": r.integers(0, cards, n), "day": 17_000 + r.integers(0, days, n)})
    return {"name": name, "top": top, "probability": rows.p.tolist(), "label": [bool(v) for v in y], "card": rows.card.tolist(),
            "day": rows.day.tolist(), "want": card_precision(rows, top)}


r = np.random.default_rng(7)
print(json.dumps({"cases": [
    case("many cards", r, 600, 150, 7, 10, 9),
    case("ties", r, 600, 150, 7, 10, 1),
    case("fewer cards than top", r, 120, 8, 5, 20, 9),
    case("one day", r, 80, 40, 1, 5, 9),
]}, separators=(",", ":")))
