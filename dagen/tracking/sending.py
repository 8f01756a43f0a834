"""From log records to calls of MLflow, so that no point of a curve is sent twice."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dagen.errors import DagenError
from dagen.tracking.run import Record, read_with_ends
from dagen.tracking.serving import save_model

if TYPE_CHECKING:
    from mlflow import MlflowClient

_METRICS, _OTHERS = 1000, 100  # what MLflow takes in one call
_DIGEST = 36  # characters that MLflow takes as a data set's digest
_RECORD_TAG = "dagen.record"

logger = logging.getLogger("dagen.tracking")
_T = TypeVar("_T")


@dataclass
class State:
    """How far a log was delivered.

    Attributes:
        experiment: the MLflow experiment's name.
        run_name: what MLflow calls the run.
        parent: folder of the parent run, relative to this run's.
        token: what this run is found by in any store.
        uri: the store.
        run_id: the MLflow run's id there; empty before it was made.
        experiment_id: likewise of the experiment.
        position: bytes of the log that were delivered.
        reached: the last step that was sent, by metric.
        replayed: by metric, the step up to which a resumed run only repeats what was sent.
    """

    experiment: str
    run_name: str
    parent: str | None
    token: str
    uri: str
    run_id: str = ""
    experiment_id: str = ""
    position: int = 0
    reached: dict[str, int] = field(default_factory=dict)
    replayed: dict[str, int] = field(default_factory=dict)

    def at(self, uri: str) -> State:
        """This state, or a fresh one where ``uri`` is another store."""
        if uri == self.uri:
            return self
        return State(self.experiment, self.run_name, self.parent, self.token, uri)

    def rewind(self, step: int) -> None:
        """The run goes back to ``step``: what was sent of later steps will come again.

        MLflow cannot take a point back. On hardware where a resumed run is not bit-identical,
        its curves therefore show the first attempt's values of the steps that were repeated.
        """
        self.replayed = {name: last for name, last in self.reached.items() if last > step}

    def unsent(self, record: Record) -> dict[str, float]:
        """The values of a metrics record that MLflow has not got, noted as sent."""
        step: int = record["step"]
        new = {
            name: float(value)
            for name, value in record["values"].items()
            if step > self.replayed.get(name, -1)
        }
        for name in new:
            self.reached[name] = max(step, self.reached.get(name, -1))
        return new


def send(client: MlflowClient, folder: Path, state: State, save: Callable[[], None]) -> None:
    """Send what the log in ``folder`` holds from ``state.position`` on.

    Args:
        client: the store's; errors of its libraries pass.
        folder: the run's folder.
        state: moved on after each portion that was taken.
        save: called whenever it was moved.

    Raises:
        DagenError: the log is damaged, or a newer dagen wrote it.
    """
    batch = _Batch(client, state.run_id)
    for record, end in without_rewound(read_with_ends(folder, state.position)):
        kind = record["kind"]
        if kind in ("params", "tags", "metrics"):
            values = state.unsent(record) if kind == "metrics" else record["values"]
            batch.add(kind, values, record)
            full = batch.full
        else:
            batch.flush()
            _send_one(client, folder, state, record)
            full = True
        if full:
            batch.flush()
            state.position = end
            save()
        last = end
    if batch:
        batch.flush()
        state.position = last
        save()


def without_rewound(records: Sequence[tuple[Record, int]]) -> Iterator[tuple[Record, int]]:
    """The records, metrics that a later rewind among them takes back left empty."""
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
    """Parameters, tags and metrics on their way, in as few calls as MLflow's limits allow."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client, self._run_id = client, run_id
        self._clear()

    def _clear(self) -> None:
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._metrics: list[tuple[str, float, int, int]] = []
        self._used = False

    def __bool__(self) -> bool:
        return self._used

    @property
    def full(self) -> bool:
        return len(self._metrics) >= _METRICS

    def add(self, kind: str, values: dict[str, str] | dict[str, float], record: Record) -> None:
        self._used = True
        if kind == "metrics":
            self._metrics += [
                (name, float(value), record["time"], record["step"])
                for name, value in values.items()
            ]
        else:
            kept = self._params if kind == "params" else self._tags
            kept.update({name: str(value) for name, value in values.items()})

    def flush(self) -> None:
        from mlflow.entities import Metric, Param, RunTag

        for params in _portions(list(self._params.items()), _OTHERS):
            self._client.log_batch(self._run_id, params=[Param(*item) for item in params])
        for tags in _portions(list(self._tags.items()), _OTHERS):
            self._client.log_batch(self._run_id, tags=[RunTag(*item) for item in tags])
        for metrics in _portions(self._metrics, _METRICS):
            self._client.log_batch(self._run_id, metrics=[Metric(*item) for item in metrics])
        self._clear()


def _send_one(client: MlflowClient, folder: Path, state: State, record: Record) -> None:
    kind, run_id = record["kind"], state.run_id
    if kind == "rewind":
        state.rewind(record["step"])
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
            client.log_artifact(run_id, str(path), record["folder"] or None)
        else:
            _send_model(client, state, path, str(record["time"]))
    else:
        raise DagenError(f"{folder}: its log has a record '{kind}'; a newer dagen wrote it.")


def _send_dataset(client: MlflowClient, run_id: str, record: Record) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"name": record["name"], "sha256": record["fingerprint"]})
    dataset = Dataset(record["name"], record["fingerprint"][:_DIGEST], "dagen", source)
    tag = InputTag("mlflow.data.context", record["role"])
    client.log_inputs(run_id, datasets=[DatasetInput(dataset, [tag])])


def _send_model(client: MlflowClient, state: State, path: Path, mark: str) -> None:
    """Log a model called ``model``, so that it is ``runs:/<run id>/model``."""
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    # One whose upload was cut short is uploaded again instead of standing there twice.
    found = client.search_logged_models(
        [state.experiment_id],
        f"source_run_id = '{state.run_id}' AND tags.`{_RECORD_TAG}` = '{mark}'",
    )
    model = (
        found[0]
        if found
        else client.create_logged_model(
            state.experiment_id, "model", state.run_id, {_RECORD_TAG: mark}
        )
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        save_model(folder, path, Model(run_id=state.run_id, model_id=model.model_id))
        client.log_model_artifacts(model.model_id, str(folder))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(state.run_id, [LoggedModelOutput(model.model_id, step=0)])


def _portions(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
