"""Where the store is, how long it is waited for, and how its pages are opened."""

import os
import sys
from pathlib import Path

import pytest

from dagen.errors import UsageError
from dagen.tracking.store import artifact_folder, patience, tracking_uri, ui_command


def test_the_store_is_in_the_folder_of_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert tracking_uri(Path("runs")) == f"sqlite:///{tmp_path.resolve()}/runs/mlflow.db"
    assert artifact_folder(tracking_uri(Path("runs"))) == tmp_path.resolve() / "runs/mlartifacts"


def test_the_environment_names_another_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert tracking_uri(Path("runs")) == "http://127.0.0.1:9"
    assert artifact_folder("http://127.0.0.1:9") is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert tracking_uri(Path("runs")).startswith("sqlite:///")


def test_patience_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")  # the user's own choice stays
    before = dict(os.environ)
    with patience(3):
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "120"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
    assert dict(os.environ) == before
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
    with patience(3):
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "3"
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def test_the_pages_are_served_on_this_machine_only(tmp_path: Path) -> None:
    uri = tracking_uri(tmp_path)
    assert ui_command(tmp_path, 5001) == [
        *(sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri),
        *("--artifacts-destination", (tmp_path.resolve() / "mlartifacts").as_uri()),
        *("--host", "127.0.0.1", "--port", "5001", "--workers", "1"),
    ]


def test_pages_of_a_server_or_of_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        ui_command(tmp_path / "nothing")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org")
    with pytest.raises(UsageError, match="open it in a browser"):
        ui_command(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://127.0.0.1/mlflow")
    assert "--artifacts-destination" not in ui_command(tmp_path)
