"""What runs leave in their folder, in a form in which two folders can be compared."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from dagen.runs.history import LOG, history, read_records
from dagen.runs.results import FILE


def traces(folder: Path) -> dict[str, Any]:
    """By file, what must be the same however often a run was interrupted.

    Files are compared to the bit. Results are compared without the time of training, logs by their
    curves and their last status, MLflow's store by its runs, points, artifacts and models. Locks
    are left out, and so is what a kill leaves in the cache, which says so. Everything else counts:
    a leftover temporary file is a difference.
    """
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or _left_out(name):
            continue
        if path.name == FILE:
            found[name] = {**json.loads(path.read_text()), "seconds": None}
        elif path.name == LOG:
            found[name] = _log(path.parent)
        elif path.name == "mlflow.db":
            found[name] = _store(path)
        elif path.name == "delivered.json":
            state = json.loads(path.read_text())
            found[name] = state["position"] - (path.parent / LOG).stat().st_size
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _left_out(name: str) -> bool:
    in_cache = name.startswith("cache/") and name.endswith(".tmp")
    return name.endswith(".lock") or name.startswith(("runs/mlartifacts/", "start/")) or in_cache


def _log(folder: Path) -> dict[str, Any]:
    curves = {name: curve for name, curve in history(folder).items() if not _timed(name)}
    statuses = [each["status"] for each in read_records(folder) if each["kind"] == "status"]
    return {"curves": curves, "status": statuses[-1] if statuses else None}


def _timed(name: str) -> bool:
    return name.rpartition("/")[2] == "seconds"


_QUERIES = {
    "runs": "SELECT name, status, lifecycle_stage FROM runs",
    "points": "SELECT r.name, m.key, m.step, m.value, m.is_nan FROM metrics m JOIN runs r USING "
    "(run_uuid) WHERE m.key NOT LIKE '%seconds'",
    "parameters": "SELECT r.name, p.key, p.value FROM params p JOIN runs r USING (run_uuid)",
    "inputs": "SELECT r.name, d.name, d.digest FROM inputs i JOIN runs r ON r.run_uuid = "
    "i.destination_id JOIN datasets d ON d.dataset_uuid = i.source_id",
    "models": "SELECT r.name, l.name, l.status FROM logged_models l JOIN runs r ON r.run_uuid = "
    "l.source_run_id",
    "versions": "SELECT name, version FROM model_versions",
}


def _store(database: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with closing(sqlite3.connect(database)) as connection:
        for what, query in _QUERIES.items():
            found[what] = sorted(map(repr, connection.execute(query).fetchall()))
        places = connection.execute("SELECT name, artifact_uri FROM runs").fetchall()
    found["artifacts"] = sorted(
        f"{name}: {path.relative_to(place)}"
        for name, uri in places
        for place in [Path(uri.removeprefix("file://"))]
        for path in place.rglob("*")
        if path.is_file()
    )
    return found
