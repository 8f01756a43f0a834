"""What is made of a run after its end reaches its MLflow run, now or later."""

import logging
from pathlib import Path

import pytest

from dagen.runs.history import read_records
from dagen.runs.log import RunLog
from dagen.tracking.delivery import Delivery, pending
from dagen.tracking.later import add_to_run
from dagen.tracking.state import State
from dagen.tracking.store import connect, tracking_uri


def _finished(runs: Path) -> RunLog:
    log = RunLog.open(runs / "run")
    delivery = Delivery(log.folder, "experiment", "run", runs=runs)
    log.metrics({"loss": 1.0}, 5)
    log.finish()
    assert delivery.close()
    return log


def test_figures_and_files_join_a_finished_run(runs: Path, tmp_path: Path) -> None:
    log = _finished(runs)
    picture = tmp_path / "map.png"
    picture.write_bytes(b"picture")
    assert add_to_run(log.folder, {"map/a_distance": 0.5}, 5, [picture], "visualize")
    client = connect(tracking_uri(runs))
    run = client.get_run(State.load(log.folder).run_id)
    assert run.data.metrics == {"loss": 1.0, "map/a_distance": 0.5}
    assert run.info.status == "FINISHED"
    files = client.list_artifacts(run.info.run_id, "visualize")
    assert [file.path for file in files] == ["visualize/map.png"]


def test_out_of_reach_they_wait_in_the_log(
    runs: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = _finished(runs)
    (runs / "mlflow.db").unlink()
    (runs / "mlflow.db").mkdir()  # no store can be there
    with caplog.at_level(logging.WARNING):
        assert not add_to_run(log.folder, {"map/mmd": 0.1}, 5, [], "visualize")
    assert "dagen ui" in caplog.text and pending(log.folder)


def test_an_untracked_run_keeps_them_to_itself(tmp_path: Path) -> None:
    RunLog.open(tmp_path / "run").metrics({"loss": 1.0}, 1)
    assert not add_to_run(tmp_path / "run", {"map/mmd": 0.1}, 1, [], "visualize")
    assert read_records(tmp_path / "run")[-1]["values"] == {"map/mmd": 0.1}
