"""MLflow that is out of reach costs a warning, not the ladder."""

import logging
from pathlib import Path

import pytest

from dagen.tracking.compressed import Entry, log_compressed
from dagen.tracking.store import connect, tracking_uri


def test_runs_with_their_figures_and_files(runs: Path, tmp_path: Path) -> None:
    table = tmp_path / "compression.md"
    table.write_text("| a |\n")
    entries = [Entry(f"net {k}", {"precision": "int8"}, {"bytes": k}) for k in range(2)]
    assert log_compressed(runs, "small", "run-1", entries, [table])
    client = connect(tracking_uri(runs))
    (experiment,) = [e for e in client.search_experiments() if e.name == "small"]
    found = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(found) == {"net 0", "net 1"}
    assert found["net 1"].data.metrics == {"bytes": 1}
    assert found["net 0"].data.tags["dagen.compressed"] == "run-1"
    files = client.list_artifacts(found["net 0"].info.run_id, "compress")
    assert [file.path for file in files] == ["compress/compression.md"]
    assert log_compressed(runs, "small", "run-2", entries, [])  # the experiment is there now


def test_out_of_reach(
    runs: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with caplog.at_level(logging.WARNING):
        assert not log_compressed(runs, "small", "run-1", [Entry("net", {}, {})], [])
    assert "MLflow has no runs of this ladder" in caplog.text
