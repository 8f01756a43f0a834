from pathlib import Path

import pytest

from dagen.datasets.maps.salience import Salience
from dagen.datasets.maps.teachers.onnx_file import OnnxMap
from dagen.datasets.maps.teachers.opening import open_map
from dagen.datasets.maps.teachers.preparation import Preparation
from dagen.errors import DataError, UsageError
from tests.teachers import write_onnx


def test_a_kind_of_map_needs_no_file() -> None:
    assert isinstance(open_map("salience"), Salience)


def test_an_onnx_file_needs_a_declaration_and_settings_replace_it(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "t.onnx")
    kind = open_map(str(path))
    assert isinstance(kind, OnnxMap) and kind.preparation == Preparation(size=(16, 16))
    kind = open_map(str(path), {"size": [16, 16], "divide": "largest"})
    assert isinstance(kind, OnnxMap) and kind.preparation.divide == "largest"
    path.with_suffix(".toml").unlink()
    with pytest.raises(UsageError, match=r"t\.toml beside it .*or give teacher\.input"):
        open_map(str(path))
    with pytest.raises(UsageError, match=r"unknown teacher\.input parameter 'wide'"):
        open_map(str(path), {"wide": 3})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.onnx cannot be read"):
        open_map(str(tmp_path / "no.onnx"))
