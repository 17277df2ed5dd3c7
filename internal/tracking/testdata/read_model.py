"""Reads a registered model back with MLflow's own client and predicts with it.

usage: read_model.py MODEL_URI < frame.json        frame.json: {"columns": [...], "data": [[...], ...]}
prints: {"probability": [...], "label": [...], "inputs": [names in the signature's order]}

The tracking server comes from MLFLOW_TRACKING_URI. Needs mlflow, pandas, onnx, onnxruntime and ml-dtypes.
"""

import json
import sys

import mlflow
import pandas

frame = json.load(sys.stdin)
model = mlflow.pyfunc.load_model(sys.argv[1])
# Reversed, because a caller's order must not matter: MLflow sorts columns by the signature.
answer = model.predict(pandas.DataFrame(frame["data"], columns=frame["columns"])[frame["columns"][::-1]])
json.dump(
    {
        "probability": [float(p) for p in answer["probability"]],
        "label": [int(l) for l in answer["label"]],
        "inputs": model.metadata.signature.inputs.input_names(),
    },
    sys.stdout,
)
