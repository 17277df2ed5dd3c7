"""The stream of pipeline creditcard by Quix Streams, as a careful user would write it: orjson, and NumPy on one thread, with all
networks of the model side by side. It reads the same messages, scores by the same model and writes the same predictions
as the worker.

Its task comes as JSON on standard input. It says "stream runs" on standard error when it has its partitions, or, where a topic is
drained, when the first message has been scored; and ends with 0 on SIGTERM. A message that it cannot read ends it.
"""

import datetime
import json
import math
import os
import sys
import threading
import time

for library in ("OPENBLAS", "OMP", "MKL"):  # before NumPy is loaded
    os.environ[library + "_NUM_THREADS"] = "1"

import numpy as np
import orjson
from quixstreams import Application, message_context

UTC = datetime.timezone.utc


def scorer(model):
    """Answers the function from value, key, timestamp and headers of a message to the prediction's JSON."""
    columns = {name: i for i, name in enumerate(model["features"])}
    signed = [i for i, log in enumerate(model["signedLog"]) if log]
    mean = np.array(model["mean"], dtype=np.float32)
    scale = np.array(model["scale"], dtype=np.float32)
    clip = np.float32(model["clip"])
    layers = []  # of all members side by side: weights [in, out], with zeros between them behind the first layer; bias [out]; output [out]
    for same in zip(*model["members"], strict=True):
        blocks = [np.array(layer["weights"], dtype=np.float32).reshape(layer["in"], layer["out"]) for layer in same]
        weights = np.hstack(blocks)
        if layers:
            weights = np.zeros((sum(len(b) for b in blocks), weights.shape[1]), dtype=np.float32)
            down, right = 0, 0
            for b in blocks:
                weights[down : down + b.shape[0], right : right + b.shape[1]] = b
                down, right = down + b.shape[0], right + b.shape[1]
        bias = np.concatenate([np.array(layer["bias"], dtype=np.float32) for layer in same])
        layers.append((weights, bias, np.empty(len(bias), dtype=np.float32)))
    (last, last_bias, logits), hidden = layers[-1], layers[:-1]
    order, wanted = None, None
    row = np.empty(len(columns), dtype=np.float32)
    fixed = {"threshold": model["threshold"], "model": model["name"], "model_version": model["version"]}
    threshold = model["threshold"]

    def score(value, key, timestamp, _headers):
        nonlocal order, wanted
        message = orjson.loads(value)
        if message["columns"] != wanted:
            wanted = message["columns"]
            order = np.array([columns[name] for name in wanted])
        row[order] = message["data"][0]
        for i in signed:
            row[i] = math.copysign(math.log1p(abs(row[i])), row[i])
        x = row
        np.subtract(x, mean, out=x)
        np.multiply(x, scale, out=x)
        np.minimum(x, clip, out=x)
        np.maximum(x, -clip, out=x)
        for weights, bias, out in hidden:
            x = np.dot(x, weights, out=out)
            np.add(x, bias, out=x)
            np.maximum(x, 0, out=x)
        np.dot(x, last, out=logits)
        np.add(logits, last_bias, out=logits)
        probability = sum(1 / (1 + math.exp(-z)) for z in logits.tolist()) / len(logits)
        place = message_context()
        return orjson.dumps({
            "id": key.decode(),
            "source_id": message["id"],
            "probability": probability,
            "decision": model["positive"] if probability >= threshold else model["negative"],
            **fixed,
            "topic": place.topic,
            "partition": place.partition,
            "offset": place.offset,
            "row": 0,
            "event_time": datetime.datetime.fromtimestamp(timestamp / 1000, UTC),
            "scored_at": datetime.datetime.fromtimestamp(time.time(), UTC),
        }, option=orjson.OPT_UTC_Z)

    return score


def main():
    task = json.load(sys.stdin)
    told = False

    def runs(*_):
        nonlocal told
        if not told:
            told = True
            print("stream runs", file=sys.stderr, flush=True)

    application = Application(
        broker_address=task["brokers"],
        consumer_group=task["name"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=task["commitMillis"] / 1000,
        auto_create_topics=False,
        loglevel="WARNING",
        state_dir=task["folder"],
        consumer_extra_config={k.removeprefix("consumer."): v for k, v in task["properties"].items() if k.startswith("consumer.")},
        producer_extra_config={k.removeprefix("producer."): v for k, v in task["properties"].items() if k.startswith("producer.")},
        on_message_processed=runs,
    )
    if not task["records"]:  # messages come later

        def wait():
            while not application._consumer.assignment():
                time.sleep(0.01)
            runs()

        threading.Thread(target=wait, daemon=True).start()
    source = application.topic(task["topic"], value_deserializer="bytes", key_deserializer="bytes")
    target = application.topic(task["output"], value_serializer="bytes", key_serializer="bytes")
    application.dataframe(source).apply(scorer(task["model"]), metadata=True).to_topic(target)
    application.run()


if __name__ == "__main__":
    main()
