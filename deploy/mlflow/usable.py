"""Exits 0 when the tracking API answers a search: /health is green even where the API refuses its callers."""

import json
import urllib.request

request = urllib.request.Request(
    "http://localhost:5000/api/2.0/mlflow/experiments/search",
    data=json.dumps({"max_results": 1}).encode(),
    headers={"Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=8) as answer:
    json.load(answer)
