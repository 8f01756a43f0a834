"""What runs leave in their folder, in a form in which two folders can be compared."""

import hashlib
import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from dagen.runs.history import LOG, history, read_records
from dagen.runs.results import FILE
from dagen.system.sealing import SEAL


def traces(folder: Path, without: str = "/") -> dict[str, Any]:
    """By file, what must be the same however often a run was interrupted.

    Files are compared to the bit. Results are compared without the time of training, logs by their
    curves and their last status, MLflow's store by its runs, points, artifacts and models, tables
    by their records. Locks are left out, and so is what a kill leaves in the cache. Everything else
    counts: a leftover temporary file is a difference.

    Args:
        folder: the folder of all runs, or one around it.
        without: end of the names of files that are not compared.
    """
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or _left_out(name) or name.endswith(without):
            continue
        if path.name == FILE:
            found[name] = {**json.loads(path.read_text()), "seconds": None, SEAL: None}
        elif path.name == LOG:
            found[name] = _log(path.parent)
        elif path.name == "mlflow.db":
            found[name] = stored(path, path.with_name("mlartifacts"))
        elif path.name == "delivered.json":
            state = json.loads(path.read_text())
            found[name] = state["position"] - (path.parent / LOG).stat().st_size
        elif path.suffix == ".jsonl":
            found[name] = [{**json.loads(row), "seconds": None} for row in path.open()]
        elif path.suffix == ".csv":
            found[name] = [row for row in path.read_text().splitlines() if ",s," not in row]
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _left_out(name: str) -> bool:
    """Locks, drafts in the cache, MLflow's artifacts, and tables, which print times of training."""
    in_cache = name.startswith("cache/") and name.endswith(".tmp")
    ends = (".lock", ".md", ".tex")
    return name.endswith(ends) or name.startswith(("runs/mlartifacts/", "start/")) or in_cache


def _log(folder: Path) -> dict[str, Any]:
    curves = {name: curve for name, curve in history(folder).items() if not _timed(name)}
    statuses = [each["status"] for each in read_records(folder) if each["kind"] == "status"]
    return {"curves": curves, "status": statuses[-1] if statuses else None}


def _timed(name: str) -> bool:
    return name.rpartition("/")[2] == "seconds"


_RUNS = "runs r JOIN experiments e USING (experiment_id)"
_QUERIES = {
    "runs": f"SELECT r.name, r.status, r.lifecycle_stage FROM {_RUNS} WHERE {{}}1",
    "points": "SELECT r.name, m.key, m.step, m.value, m.is_nan FROM metrics m JOIN "
    f"({_RUNS}) USING (run_uuid) WHERE {{}}m.key NOT LIKE '%seconds'",
    "parameters": f"SELECT r.name, p.key, p.value FROM params p JOIN ({_RUNS}) USING (run_uuid) "
    "WHERE {}1",
    "inputs": f"SELECT r.name, d.name, d.digest FROM inputs i JOIN ({_RUNS}) ON r.run_uuid = "
    "i.destination_id JOIN datasets d ON d.dataset_uuid = i.source_id WHERE {}1",
    "models": f"SELECT r.name, l.name, l.status FROM logged_models l JOIN ({_RUNS}) ON "
    "r.run_uuid = l.source_run_id WHERE {}1",
    "versions": f"SELECT v.name, r.name FROM model_versions v JOIN ({_RUNS}) ON r.run_uuid = "
    "v.run_id WHERE {}1",
}
"""What is compared, without what differs between two equal runs: ids, times, addresses."""


def stored(database: Path, artifacts: Path, experiment: str | None = None) -> dict[str, Any]:
    """What MLflow's store has, in all experiments or in one."""
    found: dict[str, Any] = {}
    chosen = "" if experiment is None else f"e.name = '{experiment}' AND "
    with closing(sqlite3.connect(database)) as connection:
        for what, query in _QUERIES.items():
            rows = connection.execute(query.format(chosen)).fetchall()
            found[what] = sorted(map(repr, rows))
        query = f"SELECT r.run_uuid, r.name FROM {_RUNS} WHERE {chosen}1"
        names = dict(connection.execute(query).fetchall())
    found["artifacts"] = sorted(
        f"{names[part]}: {path.as_posix().partition(part)[2]}"
        for path in artifacts.rglob("*")
        for part in path.parts
        if path.is_file() and part in names
    )
    return found


def difference(found: object, expected: object) -> str:
    """In which parts two values differ."""
    if isinstance(found, dict) and isinstance(expected, dict):
        names = sorted(found.keys() | expected.keys())
        wrong = [name for name in names if found.get(name) != expected.get(name)]
        return "; ".join(
            f"{name}: {difference(found.get(name), expected.get(name))}" for name in wrong[:4]
        )
    if isinstance(found, list) and isinstance(expected, list):
        more, less = Counter(map(str, found)), Counter(map(str, expected))
        return f"more {str([*(more - less)])[:400]}, less {str([*(less - more)])[:400]}"
    return f"{str(found)[:300]} instead of {str(expected)[:300]}"
