"""Makes foreign.parquet and nulls.parquet: files as another tool writes them.

    python -m venv venv && venv/bin/pip install pyarrow==21.0.0
    venv/bin/python foreign.py

Optional columns, snappy, dictionary pages, several row groups, and every physical type that ReadParquet takes. In every
column, row i holds i % 100 (i % 2 for the boolean), except text.
"""

from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

n = 1000
v = [i % 100 for i in range(n)]
table = pa.table({
    "text": pa.array([f"row {i}" for i in range(n)]),
    "bool": pa.array([i % 2 == 1 for i in range(n)]),
    "int8": pa.array(v, pa.int8()),
    "uint32": pa.array(v, pa.uint32()),
    "int64": pa.array(v, pa.int64()),
    "uint64": pa.array(v, pa.uint64()),
    "float": pa.array(v, pa.float32()),
    "double": pa.array([float(x) for x in v], pa.float64()),
    "decimal": pa.array([Decimal(x) for x in v], pa.decimal128(9, 2)),
    "time": pa.array(v, pa.timestamp("us")),
})
pq.write_table(table, "foreign.parquet", row_group_size=300, compression="snappy", store_decimal_as_integer=True)
pq.write_table(pa.table({"a": pa.array([1.0, 2.0, None])}), "nulls.parquet")
