"""ONNX Runtime scores the rows of a folder with the model in it, on one thread.

    score.py FOLDER SECONDS BATCH...

FOLDER holds model.onnx and rows.f32, little-endian float32 [1024, features]. Prints a JSON object: records per second of processor
time by batch, the better of two ways to call it, and the probabilities of all rows. Only the probability is asked for.
"""

import json
import pathlib
import sys
import time

import numpy as np
import onnxruntime as ort


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def plain(model, name, output, batches):
    def call(i):
        model.run([output], {name: batches[i]})

    return call


def bound(model, name, output, batches):
    """Inputs and outputs are bound once, so that a call copies nothing."""
    bindings = []
    for rows in batches:
        binding = model.io_binding()
        binding.bind_cpu_input(name, rows)
        binding.bind_output(output)
        bindings.append(binding)

    def call(i):
        model.run_with_iobinding(bindings[i])

    return call


def rate(call, batches, batch, seconds):
    for i in range(len(batches)):
        call(i)
    records, begin = 0, time.process_time()
    while time.process_time() - begin < seconds:
        for k in range(max(len(batches), 1 + 5_000 // batch)):
            call(k % len(batches))
            records += batch
    return records / (time.process_time() - begin)


def main(folder, seconds, *sizes):
    folder = pathlib.Path(folder)
    model = session(str(folder / "model.onnx"))
    name, output = model.get_inputs()[0].name, model.get_outputs()[0].name
    outputs = [o.name for o in model.get_outputs()]
    output = next((o for o in outputs if "prob" in o.lower()), output)
    rows = np.fromfile(folder / "rows.f32", dtype="<f4").reshape(1024, -1)
    rates = {}
    for batch in map(int, sizes):
        batches = [np.ascontiguousarray(rows[i : i + batch]) for i in range(0, 1024 - batch + 1, batch)]
        rates[batch] = max(rate(way(model, name, output, batches), batches, batch, float(seconds)) for way in (plain, bound))
    probabilities = model.run([output], {name: rows})[0].reshape(1024, -1)[:, -1]
    print(json.dumps({"onnxruntime": ort.__version__, "rates": rates, "probabilities": [float(p) for p in probabilities]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
