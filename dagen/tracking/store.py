"""Where MLflow keeps runs: ``$MLFLOW_TRACKING_URI``, or a SQLite file in the folder of all runs."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.errors import UsageError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"
_REMOTE = ("http://", "https://", "databricks")


def tracking_uri(runs: Path) -> str:
    """``$MLFLOW_TRACKING_URI`` where it is set, else ``mlflow.db`` in the folder of all runs."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    return given or f"{_SQLITE}{(runs / 'mlflow.db').resolve().as_posix()}"


def artifact_folder(uri: str) -> Path | None:
    """Where artifacts lie: ``mlartifacts`` beside a SQLite file; None where a server decides."""
    if not uri.startswith(_SQLITE):
        return None
    return Path(uri.removeprefix(_SQLITE)).resolve().with_name("mlartifacts")


def connect(uri: str) -> MlflowClient:
    """A client of the store at ``uri``; a SQLite store is made where it is missing.

    The first call imports mlflow, which takes seconds, as does making a store.
    """
    # Read when mlflow is imported; whoever wants to send usage figures can set it to false.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from filelock import FileLock
    from mlflow import MlflowClient

    if "MLFLOW_LOGGING_LEVEL" not in os.environ:
        logging.getLogger("mlflow").setLevel(logging.WARNING)
    if (artifacts := artifact_folder(uri)) is None:
        return MlflowClient(uri)
    database = Path(uri.removeprefix(_SQLITE)).resolve()
    artifacts.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(database.with_name(f"{database.name}.lock"), timeout=120):
        return MlflowClient(uri)  # two processes may not make one store at a time


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    """Requests to MLflow fail after ``seconds`` without an answer, and are not repeated.

    MLflow's own patience is two minutes, seven times over: too long for a training loop. What
    the user has set in the environment is left alone.
    """
    values = {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(seconds),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def ui_command(runs: Path, port: int = 5000) -> list[str]:
    """The command that serves MLflow's pages for the store of ``runs`` on this machine.

    Raises:
        UsageError: the folder does not exist, or the store is a server with pages of its own.
    """
    uri = tracking_uri(runs)
    if uri.startswith(_REMOTE):
        raise UsageError(
            f"MLFLOW_TRACKING_URI is {uri}, a server of its own: open it in a browser, or unset "
            f"the variable to see the runs in {runs}."
        )
    if "MLFLOW_TRACKING_URI" not in os.environ and not runs.is_dir():
        raise UsageError(f"{runs} is no folder; give the folder of the runs, or train first.")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    if (artifacts := artifact_folder(uri)) is not None:
        command += ["--artifacts-destination", artifacts.as_uri()]
    return [*command, "--host", "127.0.0.1", "--port", str(port)]
