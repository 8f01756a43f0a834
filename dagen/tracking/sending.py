"""Turns log records into calls of MLflow, and sends no point of a curve twice."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse
from urllib.request import url2pathname

from dagen.errors import DagenError
from dagen.runs.history import Record, read_with_ends
from dagen.tracking.registry import register
from dagen.tracking.serving import save_model
from dagen.tracking.state import State

if TYPE_CHECKING:
    from mlflow import MlflowClient

_METRICS = 1000  # most that MLflow takes in one request
_DIGEST = 36  # most characters that MLflow takes as a data set's digest
_DIGEST_TAG = "dagen.sha256"
_HALF_COPIED = ".artifact.uploading.*"

logger = logging.getLogger("dagen.tracking")


def send(client: MlflowClient, folder: Path, state: State) -> None:
    """Send the log in ``folder`` from ``state.position`` on.

    Args:
        client: the store's client; errors of its libraries are not caught.
        folder: the run's folder.
        state: advanced and saved after each portion that MLflow took.

    Raises:
        DagenError: the log is damaged, or a newer dagen wrote it.
    """
    batch = _Batch(client, state.run_id)
    end = state.position
    for record, end in without_rewound(read_with_ends(folder, state.position)):
        if record["kind"] in ("params", "tags", "metrics"):
            batch.add(record, state)
            if not batch.full:
                continue
            batch.flush()
        else:
            batch.flush()
            _send_one(client, folder, state, record)
        state.position = end
        state.save(folder)
    if end > state.position:
        batch.flush()
        state.position = end
        state.save(folder)


def without_rewound(records: Sequence[tuple[Record, int]]) -> Iterator[tuple[Record, int]]:
    """The records; metrics that a later rewind among them takes back are emptied."""
    kept: list[tuple[Record, int]] = []
    limit: int | None = None
    for record, end in reversed(records):
        if record["kind"] == "rewind":
            limit = record["step"] if limit is None else min(limit, record["step"])
        elif record["kind"] == "metrics" and limit is not None and record["step"] > limit:
            record = {**record, "values": {}}
        kept.append((record, end))
    return reversed(kept)


class _Batch:
    """Parameters, tags and metrics waiting to be sent in as few requests as possible."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client, self._run_id = client, run_id
        self._clear()

    def _clear(self) -> None:
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._metrics: list[tuple[str, float, int, int]] = []

    @property
    def full(self) -> bool:
        return len(self._metrics) >= _METRICS

    def add(self, record: Record, state: State) -> None:
        if record["kind"] == "metrics":
            self._metrics += [
                (name, value, record["time"], record["step"])
                for name, value in state.unsent(record).items()
            ]
        else:
            (self._params if record["kind"] == "params" else self._tags).update(record["values"])

    def flush(self) -> None:
        from mlflow.entities import Metric, Param, RunTag

        # The client itself splits requests at MLflow's limits.
        self._client.log_batch(
            self._run_id,
            [Metric(*item) for item in self._metrics],
            [Param(*item) for item in self._params.items()],
            [RunTag(*item) for item in self._tags.items()],
        )
        self._clear()


def _send_one(client: MlflowClient, folder: Path, state: State, record: Record) -> None:
    kind, run_id = record["kind"], state.run_id
    if kind == "rewind":
        state.rewind()
        client.update_run(run_id, "RUNNING")
    elif kind == "status" and record["status"] == "RUNNING":
        client.update_run(run_id, "RUNNING")
    elif kind == "status":
        client.set_terminated(run_id, record["status"], record["time"])
    elif kind == "dataset":
        _send_dataset(client, run_id, record)
    elif kind in ("artifact", "model"):
        path = folder / record["path"]
        if not path.exists():
            logger.warning("%s is gone before it could be delivered to MLflow.", path)
        elif kind == "artifact":
            _sweep(client.get_run(run_id).info.artifact_uri)
            client.log_artifact(run_id, str(path), record["folder"] or None)
        else:
            _send_model(client, state, path, record)
    else:
        raise DagenError(f"{folder}: its log has a record '{kind}'; a newer dagen wrote it.")


def _sweep(place: str) -> None:
    """Remove the half-copied files that MLflow leaves among a run's artifacts if it is killed."""
    if place.startswith("file:"):
        for leftover in Path(url2pathname(urlparse(place).path)).rglob(_HALF_COPIED):
            leftover.unlink(missing_ok=True)


def _send_dataset(client: MlflowClient, run_id: str, record: Record) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"name": record["name"], "sha256": record["fingerprint"]})
    profile = json.dumps({"images": record["images"]}) if "images" in record else None
    digest = record["fingerprint"][:_DIGEST]
    dataset = Dataset(record["name"], digest, "dagen", source, profile=profile)
    tag = InputTag("mlflow.data.context", record["role"])
    client.log_inputs(run_id, datasets=[DatasetInput(dataset, [tag])])


def _is_output(client: MlflowClient, run_id: str, model_id: str) -> bool:
    """Whether a run has a model as its output already; MLflow's store refuses it twice for good."""
    outputs = client.get_run(run_id).outputs
    return outputs is not None and model_id in {each.model_id for each in outputs.model_outputs}


def _send_model(client: MlflowClient, state: State, path: Path, record: Record) -> None:
    """Log a model called ``model``, so that it is ``runs:/<run id>/model``; register it."""
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.models import Model

    # Found by its content, because a run that was killed at its end logs the same file again.
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    found = client.search_logged_models(
        [state.experiment_id],
        f"source_run_id = '{state.run_id}' AND tags.`{_DIGEST_TAG}` = '{digest}'",
    )
    if found and found[0].status == LoggedModelStatus.READY:
        model = found[0]
    else:
        model = (
            found[0]
            if found
            else client.create_logged_model(
                state.experiment_id, "model", state.run_id, {_DIGEST_TAG: digest}
            )
        )
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            save_model(folder, path, Model(run_id=state.run_id, model_id=model.model_id))
            client.log_model_artifacts(model.model_id, str(folder))
        if not _is_output(client, state.run_id, model.model_id):
            client.log_outputs(state.run_id, [LoggedModelOutput(model.model_id, step=0)])
        client.finalize_logged_model(model.model_id, "READY")
    if "registered" in record:
        register(client, state.run_id, model, record)
