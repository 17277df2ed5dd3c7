"""The 28 features of transactions-rich, computed by plain Python: independently of this project, from the same file.

    rich.py TRANSACTIONS.parquet EVERY OUTPUT_DIRECTORY

Takes all transactions of each customer whose number EVERY divides, as if there were no others, and writes each feature as raw
little-endian float64 in the file's order of rows. Prints a JSON object with the number of rows. polars only reads the file.

Every window is looked up in the sorted times of a key, and what lies in it is the difference of two running sums.
"""

import array
import bisect
import json
import pathlib
import statistics
import sys

import polars as pl

DAY = 86400
DELAY = 7 * DAY
UNUSUAL, EXTREME = 2.5, 3.5  # times what is usual for a card


class Sums:
    """Running sums of a key's records, in the order in which they come."""

    def __init__(self):
        self.times = []
        self.sums = {}

    def before(self, t):
        """How many records happened at t or before."""
        return bisect.bisect_right(self.times, t)

    def add(self, t, **values):
        self.times.append(t)
        for name, v in values.items():
            sums = self.sums.setdefault(name, [0])
            sums.append(sums[-1] + v)

    def of(self, name, low, high):
        sums = self.sums.get(name)
        return sums[high] - sums[low] if sums else 0


def ratio(a, b):
    return a / b if b else 0.0


def against_mean(own, n, total):
    return float(own) * float(n) / float(total) if total else 0.0


def share(frauds, n, smoothing=0.0):
    return frauds / (n + smoothing) if n else 0.0


def since(times, t, low, empty, first=False):
    """Seconds since the last (or the first) of the times after low that is not after the end of the list."""
    at = bisect.bisect_right(times, low)
    if at == len(times):
        return float(empty)
    return float(t - (times[at] if first else times[-1]))


def customer_features(f, key, t, cents):
    """What the customer's history says; also whether the amount counts as usual."""
    c, n = key.sums_, len(key.sums_.times)  # the records before this one
    recent = key.cents[-50:]
    median = statistics.median(recent) / 100 if len(recent) >= 5 else 0.0
    to_median = ratio(cents / 100, median)
    usual = to_median <= UNUSUAL
    to_usual = against_mean(cents, c.of("usual", 0, n), c.of("usual_cents", 0, n))
    f["CUSTOMER_MEDIAN_50"] = median
    f["AMOUNT_TO_MEDIAN"] = to_median
    f["AMOUNT_TO_USUAL"] = to_usual
    for name, times in (("UNUSUAL", key.unusual), ("EXTREME", key.extreme)):
        f[f"CUSTOMER_SINCE_{name}"] = since(times, t, t - 30 * DAY, 30 * DAY)
    c.add(t, usual=usual, usual_cents=cents if usual else 0)
    key.cents.append(cents)
    for name, times, limit, windows in (("UNUSUAL", key.unusual, UNUSUAL, (1, 3, 7, 14, 30)), ("EXTREME", key.extreme, EXTREME, (3, 7, 14, 30))):
        if to_usual > limit:
            times.append(t)
        for days in windows:
            f[f"CUSTOMER_{name}_{days}D"] = float(len(times) - bisect.bisect_right(times, t - days * DAY))
        f[f"CUSTOMER_FIRST_{name}"] = since(times, t, t - 14 * DAY, 14 * DAY, first=True)
    return usual


def known_frauds(f, key, t, fraud):
    c = key.sums_
    c.sums.setdefault("fraud", [0]).append(c.sums.get("fraud", [0])[-1] + fraud)
    high = c.before(t - DELAY)
    for days in (7, 14):
        f[f"CUSTOMER_FRAUDS_{days}D"] = float(c.of("fraud", c.before(t - DELAY - days * DAY), high))


def terminal_features(f, key, t, usual, fraud):
    s = key.sums_
    s.add(t, fraud=fraud, usual=usual, usual_fraud=fraud and usual)
    key.frauds.append(fraud)
    high = s.before(t - DELAY)
    for days in (3, 7, 14, 28):
        low = s.before(t - DELAY - days * DAY)
        f[f"TERMINAL_USUAL_RISK_{days}d"] = share(s.of("usual_fraud", low, high), s.of("usual", low, high), 2.0)
    low = s.before(t - DELAY - 60 * DAY)
    first = high
    while first > low and key.frauds[first - 1]:
        first -= 1
    f["TERMINAL_RUN"] = float(high - first)
    f["TERMINAL_RUN_AGE"] = float(t - s.times[first]) if first < high else 0.0
    last = high - 1
    while last >= low and key.frauds[last]:
        last -= 1
    f["TERMINAL_SINCE_GENUINE"] = float(t - s.times[last] if last >= low else 67 * DAY)
    low = max(0, high - 3)
    f["TERMINAL_RISK_LAST_3"] = share(s.of("fraud", low, high), high - low)
    f["RISK_TIMES_AMOUNT"] = f["TERMINAL_USUAL_RISK_28d"] * f["AMOUNT_TO_MEDIAN"]


class Key:
    def __init__(self):
        self.sums_ = Sums()
        self.cents, self.unusual, self.extreme, self.frauds = [], [], [], []


def main(path, every, directory):
    columns = ["TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD"]
    data = pl.read_parquet(path, columns=columns).filter(pl.col("CUSTOMER_ID") % int(every) == 0)
    moments = data["TX_DATETIME"].dt.epoch("s").to_list()
    customers, terminals, wanted = {}, {}, {}
    rows = zip(moments, data["CUSTOMER_ID"].to_list(), data["TERMINAL_ID"].to_list(), data["TX_AMOUNT"].to_list(), data["TX_FRAUD"].to_list())
    for t, customer, terminal, amount, fraud in rows:
        cents = round(amount * 100)
        f = {"TX_AMOUNT": cents / 100}
        holder = customers.setdefault(customer, Key())
        usual = customer_features(f, holder, t, cents)
        known_frauds(f, holder, t, fraud)
        terminal_features(f, terminals.setdefault(terminal, Key()), t, usual, fraud)
        for name, v in f.items():
            wanted.setdefault(name, array.array("d")).append(v)
    for name, values in wanted.items():
        pathlib.Path(directory, name + ".f64").write_bytes(values.tobytes())
    print(json.dumps({"rows": data.height}))


if __name__ == "__main__":
    main(*sys.argv[1:])
