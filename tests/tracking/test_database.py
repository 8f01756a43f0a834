"""The SQLite store: whole or not at all, and moved with its folder."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from dagen.errors import DagenError, UsageError
from dagen.runs.log import RunLog
from dagen.tracking import database
from dagen.tracking.delivery import Delivery
from dagen.tracking.state import State
from dagen.tracking.store import full_address, kept_address, same_store, tracking_uri
from tests.tracking import made


def logged(folder: Path) -> None:
    log = RunLog.open(folder)
    log.metrics({"loss": 0.5}, 1)
    note = folder / "note.txt"
    note.write_text("kept")
    log.artifact(note, "notes")
    log.finish("FINISHED")


def test_a_kill_while_the_store_is_made_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(draft: Path, final: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(database.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        database.open_database(tmp_path / "mlflow.db")
    assert not (tmp_path / "mlflow.db").exists()
    assert list(tmp_path.glob(".mlflow.db.*.draft"))
    monkeypatch.undo()
    client = database.open_database(tmp_path / "mlflow.db")
    assert client.search_experiments()
    assert not list(tmp_path.glob(".mlflow.db.*.draft*"))


def test_what_a_kill_has_left_beside_a_whole_store_goes(tmp_path: Path) -> None:
    runs = made.with_store(tmp_path / "runs")
    (runs / ".mlflow.db.0123abcd.draft-journal").write_bytes(b"half")
    database.open_database(runs / "mlflow.db")
    assert not list(runs.glob(".mlflow.db.*"))


def test_a_store_that_another_process_is_making_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runs = made.with_store(tmp_path / "runs")
    held = FileLock(runs / "mlflow.db.lock")
    held.acquire()
    waits: list[float] = []
    real = FileLock.acquire

    def acquire(self: FileLock, timeout: float, **rest: float) -> object:
        waits.append(timeout)
        if len(waits) == 1:
            raise Timeout(self.lock_file)  # it has waited for some seconds
        held.release()  # the other process is done
        return real(self, timeout, **rest)

    monkeypatch.setattr(FileLock, "acquire", acquire)
    assert database.open_database(runs / "mlflow.db").search_experiments()
    assert waits == [3, 120]
    assert f"the store {runs / 'mlflow.db'} is in use by another process" in caplog.text


def test_a_half_made_store_without_runs_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE experiments (experiment_id INTEGER)")
    assert database.open_database(file).search_experiments()
    assert (tmp_path / "mlflow.db.incomplete-1").is_file()
    assert "was incomplete" in caplog.text


def test_a_damaged_store_with_runs_is_never_thrown_away(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    file.write_bytes(b"SQLite format 3\0" + b"garbage" * 100)
    with pytest.raises(DagenError, match=r"mlflow\.db is damaged \(.*\)\. Move it away"):
        database.open_database(file)
    assert file.is_file() and not list(tmp_path.glob("*.incomplete-*"))


def test_a_copied_folder_has_its_own_store_and_artifacts(tmp_path: Path) -> None:
    old, new = made.with_store(tmp_path / "old"), tmp_path / "new"
    logged(old / "run")
    Delivery(old / "run", "dagen", "a run").close()
    shutil.copytree(old, new)
    shutil.rmtree(old)
    again = RunLog.open(new / "run")
    again.tags({"later": "yes"})
    again.artifact(new / "run" / "note.txt", "more")
    # A process of its own: MLflow remembers where it has put the artifacts of a run.
    code = (
        "import sys; from pathlib import Path; from dagen.tracking.delivery import *\n"
        "folder = Path(sys.argv[1]); Delivery(folder, 'dagen', 'a run'); print(deliver(folder))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, new / "run"], capture_output=True, text=True, check=True
    )
    run_id = done.stdout.split()[-1]
    assert not old.exists()
    client = database.open_database(new / "mlflow.db")
    run = client.get_run(run_id)
    assert run.data.tags["later"] == "yes"
    assert run.info.artifact_uri.startswith((new / "mlartifacts").as_uri())
    assert [m.value for m in client.get_metric_history(run_id, "loss")] == [0.5]
    assert {a.path for a in client.list_artifacts(run_id)} >= {"notes", "more"}


def test_addresses_are_kept_without_places_and_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "runs" / "one"
    uri = f"sqlite:///{(tmp_path / 'runs' / 'mlflow.db').as_posix()}"
    kept = kept_address(uri, folder)
    assert kept == "sqlite:///../mlflow.db" and full_address(kept, folder) == uri
    assert same_store(uri, kept, folder), "version 0.1 kept the whole path"
    secret = "https://ann:secret@mlflow.example.org/x"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", secret)
    kept = kept_address(tracking_uri(tmp_path), folder)
    assert "secret" not in kept and full_address(kept, folder) == secret
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert full_address(kept, folder) == kept
    state = State("dagen", "name", None, "token", kept)
    folder.mkdir(parents=True)
    state.save(folder)
    assert "secret" not in (folder / "delivered.json").read_text()


@pytest.mark.parametrize("name", ["what?", "50%41"])
def test_a_path_that_mlflow_would_read_as_another_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot have: give another --runs"):
        tracking_uri(tmp_path / name)
