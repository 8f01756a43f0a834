"""An empty MLflow store, copied from one that is made once: making one takes MLflow seconds."""

from pathlib import Path

import pytest

from tests.tracking import made


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.with_store(tmp_path_factory.mktemp("store")) / "mlflow.db"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of all runs, with an empty store in it."""
    return made.with_store(tmp_path / "runs")
