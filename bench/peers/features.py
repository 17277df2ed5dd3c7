"""The 15 features of the Fraud Detection Handbook, computed by polars: independently of this project, from the same file.

    features.py TRANSACTIONS.parquet RUNS [OUTPUT_DIRECTORY]

Prints a JSON object with the seconds of each run, from columns in memory to the features in memory. With a directory, it
also writes each feature there as raw little-endian float64 in the file's order of rows. The number of threads is polars'
own setting, POLARS_MAX_THREADS.

polars lets a window end with all rows of its last second, the handbook with the row itself. The few rows that share customer
and second with a later one are corrected afterwards, which is not part of the time taken.
"""

import array
import json
import pathlib
import sys
import time

import polars as pl

WINDOWS = (1, 7, 30)
DELAY = 7

TIME, CUSTOMER, TERMINAL = "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID"


def load(path):
    """The columns that features are made of, money as whole cents."""
    columns = ["TRANSACTION_ID", TIME, CUSTOMER, TERMINAL, "TX_AMOUNT", "TX_FRAUD"]
    return pl.read_parquet(path, columns=columns).with_columns(
        cents=(pl.col("TX_AMOUNT") * 100).round().cast(pl.Int64),
        fraud=pl.col("TX_FRAUD").cast(pl.Int64),
        one=pl.lit(1, dtype=pl.Int64),
        hundred=pl.col("TX_FRAUD").cast(pl.Int64) * 0 + 100,
    )


def within(column, days, key):
    return pl.col(column).rolling_sum_by(TIME, window_size=f"{days}d", closed="right").over(key)


def sums(data):
    """What lies in each window, as whole numbers."""
    wanted = {}
    for days in WINDOWS:
        wanted[f"customer_count_{days}"] = within("one", days, CUSTOMER)
        wanted[f"customer_cents_{days}"] = within("cents", days, CUSTOMER)
    for days in (0, *WINDOWS):
        wanted[f"terminal_count_{days}"] = within("one", DELAY + days, TERMINAL)
        wanted[f"terminal_fraud_{days}"] = within("fraud", DELAY + days, TERMINAL)
    return data.select(
        "cents",
        "hundred",
        weekend=(pl.col(TIME).dt.weekday() >= 6).cast(pl.Float64),
        night=(pl.col(TIME).dt.hour() <= 6).cast(pl.Float64),
        **wanted,
    )


def features(parts):
    """The features by the book's names: one division each."""
    wanted = {
        "TX_AMOUNT": pl.col("cents") / pl.col("hundred"),  # by a number, polars multiplies with its reciprocal
        "TX_DURING_WEEKEND": pl.col("weekend"),
        "TX_DURING_NIGHT": pl.col("night"),
    }
    for days in WINDOWS:
        count, cents = pl.col(f"customer_count_{days}"), pl.col(f"customer_cents_{days}")
        wanted[f"CUSTOMER_ID_NB_TX_{days}DAY_WINDOW"] = count.cast(pl.Float64)
        wanted[f"CUSTOMER_ID_AVG_AMOUNT_{days}DAY_WINDOW"] = cents / (count * 100)
        count = pl.col(f"terminal_count_{days}") - pl.col("terminal_count_0")
        fraud = pl.col(f"terminal_fraud_{days}") - pl.col("terminal_fraud_0")
        wanted[f"TERMINAL_ID_NB_TX_{days}DAY_WINDOW"] = count.cast(pl.Float64)
        wanted[f"TERMINAL_ID_RISK_{days}DAY_WINDOW"] = pl.when(count > 0).then(fraud / count).otherwise(0.0)
    return parts.select(**wanted)


def corrected(data, parts):
    """Takes out of the customers' windows what came later in the row's own second."""
    same = [CUSTOMER, TIME]
    later = data.select(
        count=pl.col("one").cum_sum(reverse=True).over(same) - 1,
        cents=pl.col("cents").cum_sum(reverse=True).over(same) - pl.col("cents"),
    )
    return parts.with_columns(
        **{f"customer_{what}_{days}": pl.col(f"customer_{what}_{days}") - later[what] for what in ("count", "cents") for days in WINDOWS}
    )


def main(path, runs, directory=None):
    data = load(path)
    seconds, cpu = [], []
    for _ in range(int(runs)):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        features(sums(data))
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - begin_cpu)
    print(json.dumps({"polars": pl.__version__, "threads": pl.thread_pool_size(), "rows": data.height, "seconds": seconds, "cpu_seconds": cpu}))
    if directory is not None:
        exact = features(corrected(data, sums(data)))
        for name in exact.columns:
            pathlib.Path(directory, name + ".f64").write_bytes(array.array("d", exact[name].to_list()).tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
