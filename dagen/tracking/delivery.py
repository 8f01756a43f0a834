"""Sends a run's log to MLflow: at intervals, with retries, each line once.

``delivered.json`` beside the log holds how far it was sent. So a run that is killed and resumed
continues its MLflow run, a store that was out of reach gets what it missed, and another store gets
the whole log.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dagen.errors import DagenError, UsageError
from dagen.runs.history import LOG
from dagen.system.files import make_folder
from dagen.tracking.database import SQLITE, has_no_run
from dagen.tracking.sending import send
from dagen.tracking.state import STATE, DeliveryError, State, locked
from dagen.tracking.store import (
    connect,
    full_address,
    kept_address,
    open_run,
    patience,
    same_store,
    tracking_uri,
)

_PROBE_SECONDS = 3  # whether MLflow answers at all; training waits for it
_SEND_SECONDS = 60  # MLflow has answered: an upload may take longer

logger = logging.getLogger("dagen.tracking")


class Delivery:
    """The delivery of one run's log; for a resumed run, it is continued.

    Making one neither imports MLflow nor contacts it.

    Args:
        folder: the run's folder.
        experiment: the MLflow experiment, made if it is missing.
        run_name: the run's name in MLflow when it is made there; later the name stays.
        parent: folder of the parent run, which needs its own delivery.
        runs: folder of all runs, which holds the store unless ``$MLFLOW_TRACKING_URI`` names
            another one; None is the folder above ``folder``.
        every: seconds between two deliveries by :meth:`poll`.
        clock: a monotonic clock, in seconds.

    Raises:
        UsageError: the run was started in another experiment.
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
        runs = folder.parent if runs is None else runs
        uri = kept_address(tracking_uri(runs), folder)
        # Relative, so that the folder of all runs can be moved.
        above = None if parent is None else os.path.relpath(parent, folder)
        with locked(folder):
            if (folder / STATE).exists():
                state = State.load(folder)
                if state.experiment != experiment:
                    raise UsageError(
                        f"{folder} holds a run of the MLflow experiment '{state.experiment}', not "
                        f"of '{experiment}'; give --experiment {state.experiment} as before, or "
                        "start a new run with --fresh."
                    )
                if not same_store(state.uri, uri, folder):
                    state.restart(uri)
                state.uri = uri
            else:
                state = State(experiment, run_name, above, secrets.token_hex(8), uri)
            state.save(folder)
        self._clock, self._every = clock, every
        self._wait, self._due = every, clock() + every
        self._warned = False

    def poll(self) -> None:
        """Deliver new records if the interval is over; cheap enough for every step.

        If that fails, one warning is logged and the wait until the next attempt doubles: ten hours
        of training spend half a minute on a store that never answers.
        """
        if self._clock() < self._due:
            return
        try:
            if pending(self.folder):
                deliver(self.folder)
            self._wait, self._warned = self._every, False
        except DagenError as error:
            self._wait *= 2
            if not self._warned:
                self._warned = True
                logger.warning("%s The run goes on, and delivery is tried again.", error)
        self._due = self._clock() + self._wait

    def close(self) -> bool:
        """Deliver the rest. If that fails, a warning is logged.

        Returns:
            Whether MLflow has the whole log.
        """
        try:
            deliver(self.folder)
        except DagenError as error:
            logger.warning("%s `dagen ui` delivers it when MLflow answers again.", error)
            return False
        return True


def pending(folder: Path) -> bool:
    """Whether the log in ``folder`` has lines that were not delivered.

    Raises:
        DagenError: the log has no delivery, or was cut since.
    """
    log = folder / LOG
    return log.exists() and _size(log, State.load(folder)) > 0


def _size(log: Path, state: State) -> int:
    """The number of bytes of a log that were not delivered."""
    left = log.stat().st_size - state.position if log.exists() else 0
    if left < 0:
        raise DagenError(
            f"{log} is shorter than when it was delivered to MLflow, so it was damaged or "
            "replaced. MLflow keeps what it has; to deliver what the log has now, remove "
            f"{log.parent / STATE}."
        )
    return left


def deliver(folder: Path) -> str:
    """Deliver the new records of the log in ``folder``.

    Returns:
        The id of the MLflow run.

    Raises:
        DeliveryError: MLflow did not take them; earlier records are not sent again.
        DagenError: the log is damaged, or has no delivery.
    """
    with locked(folder):
        state = State.load(folder)
        _size(folder / LOG, state)
        with _explained(folder, state.uri):
            with patience(_PROBE_SECONDS):
                client = connect(full_address(state.uri, folder))
                open_run(client, folder, state)
            with patience(_SEND_SECONDS):
                send(client, folder, state)
        return state.run_id


def deliver_pending(runs: Path) -> list[Path]:
    """Deliver every log below ``runs`` that MLflow does not have completely.

    If the store in ``runs`` was lost or incomplete, these are all logs that it had. A failure is
    logged as a warning, and the other logs are still delivered.

    Returns:
        The folders of the runs that were delivered.
    """
    done: list[Path] = []
    store = tracking_uri(runs)
    lost = store.startswith(SQLITE) and has_no_run(Path(store.removeprefix(SQLITE)))
    for path in sorted(runs.rglob(STATE)):
        try:
            if pending(path.parent) or (lost and _was_in(store, path.parent)):
                deliver(path.parent)
                done.append(path.parent)
        except DagenError as error:
            logger.warning("%s", error)
    return done


def _was_in(store: str, folder: Path) -> bool:
    """Whether the log in ``folder`` was delivered to a store."""
    state = State.load(folder)
    return bool(state.run_id) and same_store(state.uri, kept_address(store, folder), folder)


@contextmanager
def _explained(folder: Path, uri: str) -> Iterator[None]:
    """Turn errors of the store's many libraries (HTTP, SQL, clouds) into one line each."""
    try:
        yield
    except DagenError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0][:300] or type(error).__name__
        text = f"MLflow at {uri} did not take the log of {folder.name}: {reason}"
        text = re.sub(r"//[^/@\s]*@", "//", text)  # passwords stay out of log files
        raise DeliveryError(
            f"{text.rstrip('.')}. Nothing is lost: {folder / LOG} has all of it."
        ) from error
