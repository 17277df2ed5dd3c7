"""Writes golden.json: what ONNX Runtime makes of golden.onnx.

    go test ./internal/model -run TestOnnxRuntimeAgrees -update     # writes golden.onnx
    pip install numpy==2.3.5 onnx==1.19.1 onnxruntime==1.23.2
    python internal/model/testdata/golden.py                        # writes golden.json beside it

The rows include the ends of the range: zeros, huge and tiny values of both signs, and values beyond the clip.
"""

import json
import pathlib

import numpy as np
import onnx
import onnxruntime

here = pathlib.Path(__file__).parent
model = onnx.load(here / "golden.onnx")
onnx.checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(str(here / "golden.onnx"), providers=["CPUExecutionProvider"])

random = np.random.default_rng(20261123)
x = random.normal(size=(400, 5)) * np.array([1.5, 1.5, 1, 1, 1]) + np.array([0, 0, 0, 3, 0])
x[:, 4] = np.exp(3 * random.normal(size=400)) * random.choice([1, 1, 1, -1], size=400)
extremes = [0, -0.0, 1e-30, -1e-30, 1e30, -1e30, 3e38, -3e38, 25691.16, 40]
x[:10] = np.array(extremes)[:, None]
for i, value in enumerate(extremes):
    x[10 + i, i % 5] = value
x = x.astype(np.float32)

probability, label = session.run(["probability", "label"], {"input": x})
assert probability.shape == label.shape == (400, 1) and probability.dtype == np.float32 and label.dtype == np.int64
text = json.dumps({
    "onnxruntime": onnxruntime.__version__,
    "x": [float(v) for v in x.ravel()],
    "probability": [float(v) for v in probability.ravel()],
    "label": [int(v) for v in label.ravel()],
})
(here / "golden.json").write_text(text + "\n")
