"""The SQLite store in the folder of all runs: made whole or not at all, and moved with its folder.

MLflow makes the tables of a new store in several seconds. A process that is killed meanwhile would
leave a database that MLflow refuses for good. So the tables are made in a draft beside it, which is
renamed when they are complete.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.errors import DagenError
from dagen.system.locks import exclusive

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"
ARTIFACTS = "mlartifacts"
_PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
"""The columns in which MLflow keeps absolute addresses of artifacts, by table."""

logger = logging.getLogger("dagen.tracking")


def open_database(database: Path) -> MlflowClient:
    """A client of a SQLite store, which is made if it is missing.

    A store that is incomplete and has no run is moved aside and made again; the logs of the runs
    are then delivered from their beginning. In a folder that was moved or copied, the addresses of
    the artifacts follow.

    Args:
        database: its file; its folder exists.

    Raises:
        DagenError: the store is damaged, and runs could be lost with it; another process has been
            making it for minutes; or the folder cannot be written to.
    """
    from mlflow import MlflowClient

    lock = database.with_name(f"{database.name}.lock")
    # One process at a time makes a store, which takes seconds.
    with exclusive(lock, f"the store {database}", tell_after=3, give_up_after=120):
        for leftover in database.parent.glob(f".{database.name}.*.draft*"):
            leftover.unlink()
        if database.exists() and (problem := _problem(database)):
            if _has_runs(database):
                raise DagenError(
                    f"{database} is damaged ({problem}). Move it away, and a new store is made "
                    "from the logs of the runs."
                )
            aside = _aside(database)
            logger.warning("%s was incomplete; it is now %s.", database, aside.name)
        if not database.exists():
            _make(database)
        _follow(database)
        return MlflowClient(f"{SQLITE}{database.as_posix()}")


def has_no_run(database: Path) -> bool:
    """Whether a store is missing, new or half-made, so that logs must be delivered to it again."""
    return not database.exists() or not _has_runs(database)


def _make(database: Path) -> None:
    from mlflow import MlflowClient

    # A name of its own: MLflow keeps what it has opened, by address, as long as the process lives.
    draft = database.with_name(f".{database.name}.{secrets.token_hex(4)}.draft")
    MlflowClient(f"{SQLITE}{draft.as_posix()}").search_experiments(max_results=1)
    os.replace(draft, database)


def _problem(database: Path) -> str | None:
    """Why the file is not a whole store; None if it is one, of whatever version."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in names.fetchall()}
            if missing := {"alembic_version", *_PLACES} - {"logged_models"} - tables:
                return f"it has no table {sorted(missing)[0]}"
            if not connection.execute("SELECT version_num FROM alembic_version").fetchall():
                return "it says no version"
            state = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            return None if state == "ok" else str(state)[:200]
    except sqlite3.DatabaseError as error:
        return str(error)


def _aside(database: Path) -> Path:
    number = 1
    while (aside := database.with_name(f"{database.name}.incomplete-{number}")).exists():
        number += 1
    os.replace(database, aside)
    return aside


def _has_runs(database: Path) -> bool:
    """Whether a run can be lost with the file; True if it is not a database at all."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
            if ("runs",) not in tables:
                return False
            found = connection.execute("SELECT COUNT(*) FROM runs").fetchone()
            return bool(found[0])
    except sqlite3.DatabaseError:
        return database.stat().st_size > 0


def _follow(database: Path) -> None:
    """Give artifacts the address that they have in the database's folder."""
    here = database.with_name(ARTIFACTS).as_uri()
    with closing(sqlite3.connect(database)) as connection, connection:
        columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for table in _PLACES
        }
        if "artifact_location" not in columns["experiments"]:
            return
        known = connection.execute("SELECT DISTINCT artifact_location FROM experiments")
        moved = [
            old
            for (old,) in known.fetchall()
            if old and old.startswith("file:") and old.endswith(f"/{ARTIFACTS}") and old != here
        ]
        for old in moved:
            for table, names in _PLACES.items():
                for name in set(names) & set(columns[table]):
                    connection.execute(
                        f"UPDATE {table} SET {name} = ? || substr({name}, ?) "
                        f"WHERE substr({name}, 1, ?) = ?",
                        (here, len(old) + 1, len(old), old),
                    )
