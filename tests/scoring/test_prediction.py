from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.reading.images import find_images, read_image
from dagen.errors import DagenError, UsageError


def _save(path: Path, orientation: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path


def test_images_are_found_below_a_folder_in_order(tmp_path: Path) -> None:
    paths = [_save(tmp_path / name) for name in ("b.png", "a/c.jpg", "a/D.PNG")]
    (tmp_path / "notes.txt").write_text("x")
    assert find_images(tmp_path) == sorted(paths)
    assert find_images(paths[0]) == [paths[0]]


def test_nothing_to_predict_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no image"):
        find_images(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        find_images(tmp_path / "none")


def test_images_stand_upright(tmp_path: Path) -> None:
    plain = read_image(_save(tmp_path / "plain.png"))
    turned = read_image(_save(tmp_path / "turned.png", orientation=3))
    np.testing.assert_array_equal(turned, plain[::-1, ::-1])


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"nothing")
    with pytest.raises(DagenError, match=r"x\.png cannot be read"):
        read_image(path)


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    from dagen.models.base import create_network
    from dagen.scoring.prediction import predict_files
    from dagen.scoring.torch_predictor import TorchPredictor
    from dagen.types import Task

    _save(tmp_path / "in" / "x.png")
    _save(tmp_path / "in" / "x.jpg")
    network = create_network("enet", Task.BINARY, 0.25, {})
    predictor = TorchPredictor(network, Task.BINARY, (32, 32))
    with pytest.raises(UsageError, match="would both become"):
        predict_files(predictor, tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()
