"""MLflow's store of runs: ``$MLFLOW_TRACKING_URI``, or a SQLite file in the folder of all runs."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.errors import UsageError
from dagen.runs.history import read_records
from dagen.tracking.database import ARTIFACTS, SQLITE, open_database
from dagen.tracking.state import STATE, DeliveryError, State, locked

if TYPE_CHECKING:
    from mlflow import MlflowClient

_RUN_TAG = "dagen.run"
_REMOTE = ("http://", "https://", "databricks")


def tracking_uri(runs: Path) -> str:
    """``$MLFLOW_TRACKING_URI`` if it is set, else ``mlflow.db`` in the folder of all runs.

    Raises:
        UsageError: MLflow cannot hold the folder's path in an address.
    """
    if given := os.environ.get("MLFLOW_TRACKING_URI"):
        return given
    path = (runs / "mlflow.db").resolve().as_posix()
    if bad := sorted({"?", "%"} & set(path)):
        raise UsageError(
            f"the path of the runs, {runs.resolve()}, has {' and '.join(bad)} in it, which the "
            "address of MLflow's store cannot have: give another --runs, set "
            "MLFLOW_TRACKING_URI, or give --no-track."
        )
    return f"{SQLITE}{path}"


def kept_address(uri: str, folder: Path) -> str:
    """An address as ``delivered.json`` keeps it.

    A SQLite file is named by its path from the run's folder, so that both can be moved together.
    A password is left out.
    """
    if uri.startswith(SQLITE):
        path = os.path.relpath(uri.removeprefix(SQLITE), folder.resolve())
        return f"{SQLITE}{Path(path).as_posix()}"
    return re.sub(r"//[^/@\s]*@", "//", uri)


def full_address(kept: str, folder: Path) -> str:
    """The opposite of :func:`kept_address`; passwords come from ``$MLFLOW_TRACKING_URI``."""
    if kept.startswith(SQLITE):
        path = Path(os.path.normpath(folder.resolve() / kept.removeprefix(SQLITE)))
        return f"{SQLITE}{path.as_posix()}"
    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    return given if kept_address(given, folder) == kept else kept


def same_store(kept: str, wanted: str, folder: Path) -> bool:
    """Whether an address in ``delivered.json`` means the store that is wanted now.

    Version 0.1 kept absolute paths: one that leads nowhere is of a folder that was moved.
    """
    if kept == wanted or full_address(kept, folder) == full_address(wanted, folder):
        return True
    both_local = kept.startswith(SQLITE) and wanted.startswith(SQLITE)
    absolute = both_local and Path(kept.removeprefix(SQLITE)).is_absolute()
    return absolute and not Path(kept.removeprefix(SQLITE)).exists()


def artifact_folder(uri: str) -> Path | None:
    """The folder of artifacts: ``mlartifacts`` beside a SQLite file; None if a server decides."""
    if not uri.startswith(SQLITE):
        return None
    return Path(uri.removeprefix(SQLITE)).resolve().with_name(ARTIFACTS)


def connect(uri: str) -> MlflowClient:
    """A client of the store at ``uri``; a missing SQLite store is made.

    The first call imports mlflow, which takes seconds, as does making a store.
    """
    # Read when mlflow is imported; set it to false to send usage figures.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    if "MLFLOW_LOGGING_LEVEL" not in os.environ:
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        # It logs errors of the database with a traceback, and raises them as well.
        logging.getLogger("mlflow.store").setLevel(logging.CRITICAL)
    if (artifacts := artifact_folder(uri)) is None:
        return MlflowClient(uri)
    artifacts.parent.mkdir(parents=True, exist_ok=True)
    return open_database(Path(uri.removeprefix(SQLITE)).resolve())


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    """Let requests to MLflow fail after ``seconds`` without an answer, without retries.

    By default MLflow waits two minutes, seven times: too long for a training loop. Variables that
    the user has set in the environment are left alone.
    """
    values = {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(seconds),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_UV_AUTO_DETECT": "false",  # else models would include files of the working folder
    }
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def open_run(client: MlflowClient, folder: Path, state: State) -> None:
    """Find or make the MLflow run of ``folder`` and fill in its ids.

    Raises:
        DeliveryError: the run or its experiment was deleted in MLflow.
    """
    from mlflow.entities import ViewType

    if state.run_id and _knows(client, folder, state):
        return
    state.experiment_id = _experiment(client, state, full_address(state.uri, folder))
    # A run that was killed right after making its MLflow run finds it by the tag.
    mark = f"tags.`{_RUN_TAG}` = '{state.token}'"
    found = client.search_runs([state.experiment_id], mark, ViewType.ALL, 1)
    if found:
        state.run_id = found[0].info.run_id
    else:
        tags = {_RUN_TAG: state.token, "mlflow.source.name": "dagen"}
        if state.parent is not None:
            tags["mlflow.parentRunId"] = _parent_id(
                client, folder / state.parent, full_address(state.uri, folder)
            )
        began = next((record["time"] for record in read_records(folder)), None)
        run = client.create_run(state.experiment_id, began, tags, state.run_name)
        state.run_id = run.info.run_id
    state.save(folder)


def _knows(client: MlflowClient, folder: Path, state: State) -> bool:
    """Whether the store knows the run; a new store gets the whole log again."""
    from mlflow.exceptions import MlflowException

    try:
        stage = client.get_run(state.run_id).info.lifecycle_stage
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        state.restart(state.uri)
        return False
    if stage != "active":
        raise DeliveryError(
            f"MLflow run {state.run_id} of {folder} was deleted; restore it there (mlflow runs "
            f"restore), or remove {folder / STATE} to stop its delivery."
        )
    return True


def _parent_id(client: MlflowClient, folder: Path, uri: str) -> str:
    """The id of the parent's MLflow run, which is made if it is missing."""
    with locked(folder):
        state = State.load(folder)
        kept = kept_address(uri, folder)
        if not same_store(state.uri, kept, folder):
            state.restart(kept)
        state.uri = kept
        open_run(client, folder, state)
        return state.run_id


def _experiment(client: MlflowClient, state: State, uri: str) -> str:
    """The id of the experiment, which is made if it is missing."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(state.experiment)
    if found is None:
        artifacts = artifact_folder(uri)
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


def ui_command(runs: Path, port: int = 5000) -> list[str]:
    """The command that serves MLflow's pages for the store of ``runs`` on this machine.

    Raises:
        UsageError: the folder does not exist, or the store is a server with pages of its own.
    """
    uri = tracking_uri(runs)
    if uri.startswith(_REMOTE):
        raise UsageError(
            f"MLFLOW_TRACKING_URI is {uri}, which has its own pages: open it in a browser, or "
            f"unset the variable to see the runs in {runs}."
        )
    if "MLFLOW_TRACKING_URI" not in os.environ and not runs.is_dir():
        raise UsageError(f"{runs} is not a folder; give the folder of the runs, or train first.")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    if (artifacts := artifact_folder(uri)) is not None:
        command += ["--artifacts-destination", artifacts.as_uri()]
    # One worker is enough for one user, and starts in a quarter of the time of four.
    return [*command, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]


def ui_environment() -> dict[str, str]:
    """The environment of :func:`ui_command`: quiet, without features that dagen does not use."""
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # extra processes that judge chats
        "UVICORN_LOG_LEVEL": "warning",
        "PYTHONWARNINGS": "ignore",
    }
    return {**quiet, **os.environ}
