from pathlib import Path

import numpy as np
import pytest

from dagen.api import networks
from dagen.errors import DagenError, DataError, UsageError
from dagen.scoring.teachers import is_teacher, teacher_predictor
from dagen.types import Task
from tests import tiny
from tests.teachers import write_onnx


def test_a_teacher_predicts_background_and_waste(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "t.onnx", side=32)
    predictor = teacher_predictor(str(path))
    assert predictor.task == Task.BINARY and predictor.bytes == path.stat().st_size
    image = np.zeros((32, 64, 3), np.uint8)
    image[:, 32:] = 230
    p = predictor(image)
    assert p.shape == (2, 32, 64) and p.dtype == np.float32 and np.allclose(p.sum(0), 1)
    assert np.allclose(p[1, :, :30], 0, atol=0.03) and np.allclose(
        p[1, :, 34:], 230 / 255, atol=0.03
    )


def test_evaluate_and_load_take_a_teacher(tmp_path: Path) -> None:
    tiny.make_resortit(tmp_path / "data", train=1, val=3)
    path = write_onnx(tmp_path / "t.onnx", side=64)
    scores = networks.evaluate(path, data="resortit", data_root=tmp_path / "data")
    assert scores["waste_iou"] > 0.5  # bright things on a dark belt
    with pytest.raises(UsageError, match="is a teacher; it has its own size"):
        networks.load(path, size="32x32")


def test_several_channels_have_no_names(tmp_path: Path) -> None:
    predictor = teacher_predictor(str(write_onnx(tmp_path / "t.onnx", channels=3)))
    with pytest.raises(DataError, match="answers 3 channels"):
        predictor(np.zeros((16, 16, 3), np.uint8))


def test_names_and_files_of_teachers_are_told_from_networks(tmp_path: Path) -> None:
    assert is_teacher("u2netp") and is_teacher("A.ONNX") and not is_teacher("model.safetensors")
    (tmp_path / "t.onnx").write_bytes(b"")
    (tmp_path / "t.toml").write_text("")
    with pytest.raises(DagenError, match="damaged or no ONNX file"):
        networks.load(tmp_path / "t.onnx")
