"""Two tiny networks, looked at once for all tests."""

from pathlib import Path

import numpy as np
import pytest

from dagen.visualization import distances
from dagen.visualization.embedding import Floats
from dagen.visualization.survey import Side, Survey
from tests.visualization.tiny_survey import make_files, make_sides, make_survey


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("visualize")


@pytest.fixture(scope="session")
def sides(root: Path) -> tuple[Side, Side]:
    return make_sides(root / "data")


@pytest.fixture(scope="session")
def files(root: Path) -> list[Path]:
    return make_files(root / "runs")


@pytest.fixture(scope="session")
def seen(files: list[Path], sides: tuple[Side, Side]) -> Survey:
    return make_survey(files, sides)


@pytest.fixture(scope="session")
def places(seen: Survey) -> Floats:
    """A map that is as good as any for drawing, without UMAP's seconds."""
    return np.stack([each[:, :2] for each in seen.features])


@pytest.fixture(scope="session")
def numbers(seen: Survey) -> list[dict[str, float]]:
    return [distances.measure(x, seen.points, seen.classes, 0) for x in seen.features]
