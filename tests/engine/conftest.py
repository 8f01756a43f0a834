"""Tiny data sets, and how runs are executed on them."""

from pathlib import Path

import pytest

from dagen.runs.runtime import Runtime
from tests import tiny


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    tiny.make_resortit(root, train=4, val=2)
    tiny.make_taco(root, train=4, val=2)
    return root


@pytest.fixture
def runtime(tmp_path: Path, data: Path) -> Runtime:
    return Runtime(
        runs=tmp_path / "runs", data_root=data, device="cpu", workers=0, track=False, quiet=True
    )
