"""The 88 features of transactions-rich, computed by plain Python: independently of this project, from the same file.

    rich.py TRANSACTIONS.parquet EVERY OUTPUT_DIRECTORY

Takes all transactions of each customer whose number EVERY divides, as if there were no others, and writes each feature as raw
little-endian float64 in the file's order of rows. Prints a JSON object with the number of rows. polars only reads the file.

Every window is looked up in the sorted times of a key, and what lies in it is the difference of two running sums.
"""

import array
import bisect
import json
import math
import pathlib
import statistics
import sys

import polars as pl

DAY = 86400
DELAY = 7 * DAY
LIMIT = 2.5  # times the median, above which an amount is unusual


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


def deviation(n, total, squares):
    return math.sqrt((n * squares - total * total) / (float(n) * float(n - 1))) if n > 1 else 0.0


def share(frauds, n, smoothing=0.0):
    return frauds / (n + smoothing) if n else 0.0


def since(times, t, low, empty, first=False):
    """Seconds since the last (or the first) of the times after low that is not after the end of the list."""
    at = bisect.bisect_right(times, low)
    if at == len(times):
        return float(empty)
    return float(t - (times[at] if first else times[-1]))


def customer_features(f, key, t, cents):
    """What the customer's history says; also whether the amount is unusual."""
    c, n = key.sums_, len(key.sums_.times)  # the records before this one
    recent = key.cents[-50:]
    median = statistics.median(recent) / 100 if len(recent) >= 5 else 0.0
    to_median = ratio(cents / 100, median)
    unusual = to_median > LIMIT
    lows = {days: c.before(t - days * DAY) for days in (1, 3, 7, 14, 30)}
    for days in (1, 7, 30):
        low = lows[days]
        f[f"AMOUNT_TO_EARLIER_{days}D"] = against_mean(cents, n - low, c.of("cents", low, n))
    total, squares = c.of("cents", 0, n), c.of("squares", 0, n)
    spread = deviation(n, total, squares)
    f["AMOUNT_ZSCORE"] = (cents - total / n) / spread if spread > 0 else 0.0
    f["CUSTOMER_MEDIAN_50"] = median
    f["AMOUNT_TO_MEDIAN"] = to_median
    f["AMOUNT_TO_USUAL"] = against_mean(cents, c.of("usual", 0, n), c.of("usual_cents", 0, n))
    f["PREVIOUS_TO_MEDIAN"] = key.previous
    f["CUSTOMER_SINCE_LAST"] = since(c.times, t, t - 30 * DAY, 30 * DAY)
    f["CUSTOMER_SINCE_UNUSUAL"] = since(key.unusual, t, t - 30 * DAY, 30 * DAY)
    c.add(t, cents=cents, squares=cents * cents, usual=not unusual, usual_cents=0 if unusual else cents)
    key.cents.append(cents)
    key.previous = to_median
    if unusual:
        key.unusual.append(t)
    n += 1
    for days in (1, 7, 30):
        count, total = n - lows[days], c.of("cents", lows[days], n)
        f[f"CUSTOMER_ID_NB_TX_{days}DAY_WINDOW"] = float(count)
        f[f"CUSTOMER_ID_AVG_AMOUNT_{days}DAY_WINDOW"] = total / (count * 100.0)
        f[f"AMOUNT_TO_AVG_{days}D"] = ratio(cents / 100, f[f"CUSTOMER_ID_AVG_AMOUNT_{days}DAY_WINDOW"])
        if days > 1:
            f[f"CUSTOMER_STD_{days}D"] = deviation(count, total, c.of("squares", lows[days], n)) / 100
    f["CUSTOMER_NB_1D_TO_7D"] = ratio(f["CUSTOMER_ID_NB_TX_1DAY_WINDOW"], f["CUSTOMER_ID_NB_TX_7DAY_WINDOW"])
    f["CUSTOMER_NB_7D_TO_30D"] = ratio(f["CUSTOMER_ID_NB_TX_7DAY_WINDOW"], f["CUSTOMER_ID_NB_TX_30DAY_WINDOW"])
    for days, low in lows.items():
        f[f"CUSTOMER_UNUSUAL_{days}D"] = float(n - low - c.of("usual", low, n))
    f["CUSTOMER_FIRST_UNUSUAL"] = since(key.unusual, t, t - 14 * DAY, 14 * DAY, first=True)
    return unusual


def known_frauds(f, key, t, fraud):
    c = key.sums_
    c.sums.setdefault("fraud", [0]).append(c.sums.get("fraud", [0])[-1] + fraud)
    high = c.before(t - DELAY)
    for days in (1, 3, 7, 14):
        f[f"CUSTOMER_FRAUDS_{days}D"] = float(c.of("fraud", c.before(t - DELAY - days * DAY), high))


def terminal_features(f, key, t, cents, unusual, fraud):
    s, n = key.sums_, len(key.sums_.times)
    for days in (7, 30):
        low = s.before(t - days * DAY)
        f[f"AMOUNT_TO_TERMINAL_{days}D"] = against_mean(cents, n - low, s.of("cents", low, n))
    f["TERMINAL_SINCE_LAST"] = since(s.times, t, t - 30 * DAY, 30 * DAY)
    s.add(t, cents=cents, usual=not unusual, fraud=fraud, usual_fraud=fraud and not unusual)
    key.frauds.append(fraud)
    n += 1
    for days in (1, 7):
        low = s.before(t - days * DAY)
        f[f"TERMINAL_NB_{days}D"] = float(n - low)
        f[f"TERMINAL_UNUSUAL_{days}D"] = float(n - low - s.of("usual", low, n))
    high = s.before(t - DELAY)
    for days in (1, 7, 30):
        low = s.before(t - DELAY - days * DAY)
        f[f"TERMINAL_ID_NB_TX_{days}DAY_WINDOW"] = float(high - low)
        f[f"TERMINAL_ID_RISK_{days}DAY_WINDOW"] = share(s.of("fraud", low, high), high - low)
    for days in (1, 3, 7, 14, 21, 28, None):
        low = 0 if days is None else s.before(t - DELAY - days * DAY)
        frauds, usual, usual_frauds = s.of("fraud", low, high), s.of("usual", low, high), s.of("usual_fraud", low, high)
        window = "all" if days is None else f"{days}d"
        f[f"TERMINAL_RISK_{window}"] = share(frauds, high - low, 2.0)
        f[f"TERMINAL_USUAL_RISK_{window}"] = share(usual_frauds, usual, 2.0)
        if days is not None:
            f[f"TERMINAL_FRAUDS_{days}D"] = float(frauds)
            f[f"TERMINAL_GENUINE_{days}D"] = float(high - low - frauds)
            f[f"TERMINAL_USUAL_FRAUDS_{days}D"] = float(usual_frauds)
    low = s.before(t - DELAY - 60 * DAY)
    first = high
    while first > low and key.frauds[first - 1]:
        first -= 1
    f["TERMINAL_RUN"] = float(high - first)
    f["TERMINAL_RUN_AGE"] = float(t - s.times[first]) if first < high else 0.0
    for name, wanted in (("FRAUD", 1), ("GENUINE", 0)):
        last = high - 1
        while last >= low and key.frauds[last] != wanted:
            last -= 1
        f[f"TERMINAL_SINCE_{name}"] = float(t - s.times[last] if last >= low else 67 * DAY)
    low = max(0, high - 3)
    f["TERMINAL_RISK_LAST_3"] = share(s.of("fraud", low, high), high - low)
    f["TERMINAL_RISK_RISES"] = f["TERMINAL_RISK_7d"] - f["TERMINAL_RISK_28d"]
    f["RISK_TIMES_AMOUNT"] = f["TERMINAL_RISK_28d"] * f["AMOUNT_TO_MEDIAN"]


class Key:
    def __init__(self):
        self.sums_ = Sums()
        self.cents, self.unusual, self.frauds, self.previous = [], [], [], 0.0


def main(path, every, directory):
    columns = ["TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD"]
    data = pl.read_parquet(path, columns=columns).filter(pl.col("CUSTOMER_ID") % int(every) == 0)
    moments = data["TX_DATETIME"].dt.epoch("s").to_list()
    customers, terminals, wanted = {}, {}, {}
    rows = zip(moments, data["CUSTOMER_ID"].to_list(), data["TERMINAL_ID"].to_list(), data["TX_AMOUNT"].to_list(), data["TX_FRAUD"].to_list())
    for t, customer, terminal, amount, fraud in rows:
        cents = round(amount * 100)
        f = {
            "TX_AMOUNT": cents / 100,
            "TX_DURING_WEEKEND": float((t // DAY + 3) % 7 >= 5),  # 1970-01-01 was a Thursday
            "TX_DURING_NIGHT": float(t % DAY // 3600 <= 6),
        }
        holder = customers.setdefault(customer, Key())
        unusual = customer_features(f, holder, t, cents)
        known_frauds(f, holder, t, fraud)
        terminal_features(f, terminals.setdefault(terminal, Key()), t, cents, unusual, fraud)
        for name, v in f.items():
            wanted.setdefault(name, array.array("d")).append(v)
    for name, values in wanted.items():
        pathlib.Path(directory, name + ".f64").write_bytes(values.tobytes())
    print(json.dumps({"rows": data.height}))


if __name__ == "__main__":
    main(*sys.argv[1:])
