"""Runs that others start from."""

from pathlib import Path

import pytest

from dagen.errors import DagenError
from dagen.runs.results import RunResult, located


def test_init_is_a_path_or_names_a_finished_run(tmp_path: Path) -> None:
    assert located(None, tmp_path) is None
    assert located("some/model.safetensors", tmp_path) == "some/model.safetensors"
    with pytest.raises(DagenError, match="run:first: there is no finished run"):
        located("run:first", tmp_path)
    (tmp_path / "first").mkdir()
    RunResult("first", tmp_path / "first", {}, {}, {}, 1.0).save()
    assert located("run:first", tmp_path) == str(tmp_path / "first" / "model.safetensors")
