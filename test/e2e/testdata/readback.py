"""Reads back with MLflow's own client what a training run left, and prints it as JSON.

usage: readback.py MODEL ROWS.json, with MLFLOW_TRACKING_URI in the environment.
ROWS.json holds {"columns": [...], "data": [[...]], "probabilities": [...]}: rows and what
the stream made of them.
"""

import json
import sys

import mlflow
import pandas as pd
from mlflow.tracking import MlflowClient

name, path = sys.argv[1:]
with open(path) as f:
    rows = json.load(f)

model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
frame = pd.DataFrame(rows["data"], columns=rows["columns"]).astype("float64")
# Other orders of the columns must not matter: the signature has names.
answer = model.predict(frame[frame.columns[::-1]])
gap = max(abs(float(p) - q) for p, q in zip(answer["probability"], rows["probabilities"]))

client = MlflowClient()
version = client.get_model_version_by_alias(name, "champion")
run = client.get_run(version.run_id)


def walk(at=""):
    for item in client.list_artifacts(run.info.run_id, at):
        if item.is_dir:
            yield from walk(item.path)
        else:
            yield item.path


json.dump(
    {
        "gap": gap,
        "labels": sorted(int(label) for label in set(answer["label"])),
        "version": version.version,
        "version_tags": version.tags,
        "status": run.info.status,
        "tags": run.data.tags,
        "params": run.data.params,
        "metrics": run.data.metrics,
        "losses": len(client.get_metric_history(run.info.run_id, "member_1/validation_loss")),
        "inputs": [i.dataset.digest for i in run.inputs.dataset_inputs],
        "artifacts": sorted(walk()),
        "runs": len(client.search_runs([run.info.experiment_id], "tags.`temporal.workflow_id` LIKE 'train-%'")),
        "versions": len(client.search_model_versions(f"name = '{name}'")),
        "inputs_of_model": [c.name for c in model.metadata.get_input_schema()],
    },
    sys.stdout,
)
