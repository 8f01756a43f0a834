"""Bringing a run's log to MLflow: now and then, as often as it takes, each line once.

How far the delivery has come stands in ``delivered.json`` beside the log. So a run that is
killed and resumed continues its MLflow run, a store that was out of reach gets what it has
missed, and another store gets the whole log.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.errors import DagenError, UsageError
from dagen.files import make_folder, write_atomically
from dagen.tracking.run import LOG, read_records
from dagen.tracking.sending import State, send
from dagen.tracking.store import artifact_folder, connect, patience, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

STATE = "delivered.json"
_RUN_TAG = "dagen.run"
_PROBE_SECONDS = 3  # whether MLflow answers at all; training waits for it
_SEND_SECONDS = 60  # it has answered: an upload may take its time
_LOCK_SECONDS = 5

logger = logging.getLogger("dagen.tracking")


class DeliveryError(DagenError):
    """MLflow did not take the log; the log stays where it is."""


class Delivery:
    """The delivery of one run's log.

    Args:
        folder: the run's folder, with its log.
        experiment: the MLflow experiment, made where it is missing.
        run_name: what MLflow calls the run.
        parent: folder of the run that this one belongs to; that run must have a delivery, too.
        runs: folder of all runs, where the store lies unless ``$MLFLOW_TRACKING_URI`` names
            another one; None is the folder above ``folder``.
        every: seconds between two deliveries by :meth:`poll`.
        clock: seconds that only grow.

    Raises:
        UsageError: the run was begun under another name or experiment.
        DagenError: the folder cannot be written to.
    """

    def __init__(
        self,
        folder: Path,
        experiment: str,
        run_name: str,
        *,
        parent: Path | None = None,
        runs: Path | None = None,
        every: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = make_folder(folder)
        uri = tracking_uri(folder.parent if runs is None else runs)
        # Relative, so that a folder of runs can be moved.
        above = os.path.relpath(parent, folder) if parent is not None else None
        with self._locked():
            state = self._load() if (folder / STATE).exists() else None
            if state is None:
                state = State(experiment, run_name, above, secrets.token_hex(8), uri)
            elif (state.experiment, state.run_name) != (experiment, run_name):
                raise UsageError(
                    f"{folder} holds run '{state.run_name}' of experiment '{state.experiment}', "
                    f"not '{run_name}' of '{experiment}'; name it as before or begin a new run."
                )
            self._save(replace(state.at(uri), parent=above))
        self._client: MlflowClient | None = None
        self._every, self._clock = every, clock
        self._wait, self._due = every, clock() + every
        self._warned = False

    @classmethod
    def reopen(cls, folder: Path) -> Delivery:
        """The delivery that was begun for ``folder``, to the store it was meant for.

        Raises:
            DagenError: there was none.
        """
        self = cls.__new__(cls)
        self.folder = folder
        self._load()
        self._client = None
        self._every, self._clock = 30.0, time.monotonic
        self._wait, self._due = self._every, self._clock()
        self._warned = False
        return self

    @property
    def pending(self) -> bool:
        """Whether the log has lines that were not delivered."""
        log = self.folder / LOG
        return log.exists() and log.stat().st_size > self._load().position

    def poll(self) -> None:
        """Deliver what is new if it is time to; cheap enough for every step.

        Where that fails, one warning is logged, and the wait until the next attempt doubles: a
        training of ten hours spends half a minute on a store that never answers.
        """
        if self._clock() < self._due:
            return
        try:
            if self.pending:
                self.deliver()
            self._wait = self._every
        except DagenError as error:
            self._wait *= 2
            if not self._warned:
                self._warned = True
                logger.warning("%s The run goes on, and delivery is tried again.", error)
        self._due = self._clock() + self._wait

    def close(self) -> bool:
        """Deliver the rest. Where that fails a warning says so.

        Returns:
            Whether MLflow has the whole log.
        """
        try:
            self.deliver()
        except DagenError as error:
            logger.warning("%s `dagen ui` delivers it when MLflow answers again.", error)
            return False
        return True

    def deliver(self) -> str:
        """Deliver what is new.

        Returns:
            The id of the MLflow run.

        Raises:
            DeliveryError: MLflow did not take it; what it took before is not sent again.
            DagenError: the log is damaged.
        """
        with self._locked():
            state = self._load()
            with self._explained(state):
                with patience(_PROBE_SECONDS):
                    client = self._client = self._client or connect(state.uri)
                    self._open_run(client, state)
                with patience(_SEND_SECONDS):
                    send(client, self.folder, state, lambda: self._save(state))
            return state.run_id

    def _open_run(self, client: MlflowClient, state: State) -> None:
        """Fill ``state.run_id`` and ``state.experiment_id``."""
        from mlflow.entities import ViewType

        if state.run_id:
            if client.get_run(state.run_id).info.lifecycle_stage != "active":
                raise DeliveryError(
                    f"MLflow run {state.run_id} of {self.folder} was deleted; restore it there "
                    f"(mlflow runs restore), or remove {self.folder / STATE} to log a new one."
                )
            return
        state.experiment_id = _experiment(client, state)
        # A run that was killed right after it had made its MLflow run finds it by the tag.
        found = client.search_runs(
            [state.experiment_id], f"tags.`{_RUN_TAG}` = '{state.token}'", ViewType.ALL, 1
        )
        if found:
            state.run_id = found[0].info.run_id
        else:
            tags = {_RUN_TAG: state.token, "mlflow.source.name": "dagen"}
            if state.parent is not None:
                tags["mlflow.parentRunId"] = self._parent_id(client, state)
            first = next((r["time"] for r in read_records(self.folder)), None)
            run = client.create_run(state.experiment_id, first, tags, state.run_name)
            state.run_id = run.info.run_id
        self._save(state)

    def _parent_id(self, client: MlflowClient, state: State) -> str:
        parent = Delivery.reopen(self.folder / str(state.parent))
        with parent._locked():
            above = parent._load().at(state.uri)
            parent._open_run(client, above)
            return above.run_id

    def _load(self) -> State:
        path = self.folder / STATE
        try:
            return State(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise DagenError(f"{self.folder} was never meant for MLflow: no {STATE}.") from None
        except (OSError, ValueError, TypeError) as error:
            raise DagenError(
                f"{path} is damaged ({error}); remove it to log the run to MLflow anew."
            ) from error

    def _save(self, state: State) -> None:
        text = json.dumps(asdict(state), indent=1)
        write_atomically(self.folder / STATE, text.encode() + b"\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two processes may not deliver one run at a time."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / f"{STATE}.lock", timeout=_LOCK_SECONDS)
        try:
            lock.acquire()
        except Timeout:
            raise DeliveryError(f"another process is delivering {self.folder}.") from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _explained(self, state: State) -> Iterator[None]:
        """Stores fail with errors of many libraries (HTTP, SQL, clouds); each becomes a line."""
        try:
            yield
        except DagenError:
            raise
        except Exception as error:
            reason = str(error).strip().split("\n")[0][:300] or type(error).__name__
            text = f"MLflow at {state.uri} did not take the log of {self.folder.name}: {reason}"
            text = re.sub(r"//[^/@\s]*@", "//", text)  # passwords stay out of log files
            raise DeliveryError(
                f"{text.rstrip('.')}. Nothing is lost: {self.folder / LOG} holds it all."
            ) from error


def deliver_pending(runs: Path) -> list[Path]:
    """Deliver every log below ``runs`` that MLflow has not got whole.

    What fails is logged as a warning, and the others are delivered all the same.

    Returns:
        The folders of the runs that were delivered.
    """
    done: list[Path] = []
    for path in sorted(runs.rglob(STATE)):
        try:
            delivery = Delivery.reopen(path.parent)
            if delivery.pending:
                delivery.deliver()
                done.append(path.parent)
        except DagenError as error:
            logger.warning("%s", error)
    return done


def _experiment(client: MlflowClient, state: State) -> str:
    """The id of the experiment, which is made where it is missing."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(state.experiment)
    if found is None:
        artifacts = artifact_folder(state.uri)
        where = artifacts.as_uri() if artifacts is not None else None
        try:
            return client.create_experiment(state.experiment, where)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(state.experiment)  # another run was faster
    if found is None or found.lifecycle_stage != "active":
        raise DeliveryError(
            f"the MLflow experiment '{state.experiment}' was deleted; restore it there, or give "
            "--experiment another name."
        )
    return str(found.experiment_id)
