import pickle
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dagen.datasets.maps.teachers.onnx_file import OnnxMap
from dagen.datasets.maps.teachers.opening import open_map
from dagen.datasets.maps.teachers.preparation import Preparation
from dagen.errors import DagenError, DataError, UsageError
from tests.teachers import write_onnx


def _image(seed: int = 0, size: tuple[int, int] = (16, 16)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def test_the_map_is_the_files_output_as_bytes(tmp_path: Path) -> None:
    kind = open_map(str(write_onnx(tmp_path / "t.onnx")))
    image = _image()
    made = kind.checked(image, "x")
    wanted = np.round(image.astype(np.float64).mean(2))
    assert made.dtype == np.uint8 and np.abs(made - wanted).max() <= 1
    assert kind.checked(_image(size=(40, 90)), "x").shape == (16, 16)  # its own size


def test_several_channels_are_the_classes(tmp_path: Path) -> None:
    kind = open_map(str(write_onnx(tmp_path / "t.onnx", channels=3)))
    made = kind.checked(_image(), "x").astype(int)
    assert made.shape == (16, 16, 3) and np.abs(made.sum(2) - 255).max() <= 2


def test_the_digest_tells_files_and_preparations_apart(tmp_path: Path) -> None:
    one = write_onnx(tmp_path / "a.onnx")
    other = write_onnx(tmp_path / "b.onnx", scale=0.5)
    same = write_onnx(tmp_path / "c.onnx")
    a, b, c = (open_map(str(path)) for path in (one, other, same))
    assert a.digest == c.digest != b.digest
    assert open_map(str(one), {"size": [16, 16], "divide": "largest"}).digest != a.digest


def test_a_copy_in_another_process_opens_the_file_again(tmp_path: Path) -> None:
    kind = open_map(str(write_onnx(tmp_path / "t.onnx")))
    made = kind.make(_image(), "x")
    assert isinstance(kind, OnnxMap) and kind.open() is kind.open()
    copy = pickle.loads(pickle.dumps(kind))
    assert np.array_equal(copy.make(_image(), "x"), made)


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", bytes(range(256)) * 9, b"\x80\x04\x95cos\nsystem\n"]
)
def test_a_foreign_file_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    kind = OnnxMap(content, "t.onnx", Preparation())
    with pytest.raises(DataError, match=r"t\.onnx is damaged or no ONNX file") as error:
        kind.ready()
    assert "\n" not in str(error.value)


def test_a_cut_and_a_changed_file_give_one_line_or_a_map(tmp_path: Path) -> None:
    content = write_onnx(tmp_path / "t.onnx").read_bytes()
    draw = np.random.default_rng(0)
    failed = 0
    for _ in range(40):
        damaged = bytearray(content)
        if draw.random() < 0.5:
            damaged = damaged[: int(draw.integers(len(content)))]
        else:
            damaged[int(draw.integers(len(content)))] ^= 1 << int(draw.integers(8))
        try:
            OnnxMap(bytes(damaged), "t.onnx", Preparation(size=(16, 16))).make(_image(), "x")
        except DagenError as error:
            failed += 1
            assert "\n" not in str(error)
    assert failed > 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": (8, 8)}, r"does not take an input \(1, 3, 8, 8\)"),
        ({"output": 1}, "has 1 output"),
        ({"divide": 1.0}, r"lies in .* and not in 0 to 1; declare answer"),
    ],
)
def test_a_wrong_preparation_is_one_clear_line(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    content = write_onnx(tmp_path / "t.onnx").read_bytes()
    how = replace(Preparation(size=(16, 16)), **changes)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message) as error:
        OnnxMap(content, "t.onnx", how).make(_image(), "x")
    assert "\n" not in str(error.value) and "t.onnx" in str(error.value)


def test_an_answer_for_a_whole_image_is_no_map(tmp_path: Path) -> None:
    content = write_onnx(tmp_path / "t.onnx", side=1).read_bytes()
    with pytest.raises(DataError, match=r"answers \(1, 1, 1, 1\), one number for a whole image"):
        OnnxMap(content, "t.onnx", Preparation(size=(1, 1))).make(_image(), "x")


def test_without_onnx_runtime_the_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = open_map(str(write_onnx(tmp_path / "t.onnx")))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"pip install 'dagen\[onnx\]'"):
        kind.ready()
