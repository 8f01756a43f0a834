"""An empty MLflow store, made once: making one takes MLflow seconds."""

import shutil
from pathlib import Path

import pytest

from dagen.tracking.store import connect


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(f"sqlite:///{path}")
    return path


@pytest.fixture
def runs(tmp_path: Path, empty_store: Path) -> Path:
    """A folder of all runs, with an empty store in it."""
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    return folder
