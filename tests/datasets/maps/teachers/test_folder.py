from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.maps.teachers.folder import FolderMap
from dagen.datasets.maps.teachers.opening import open_map
from dagen.errors import DataError

IMAGE = np.zeros((20, 30, 3), np.uint8)


def _save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def _plane(value: int, size: tuple[int, int] = (20, 30)) -> np.ndarray:
    plane = np.zeros(size, np.uint8)
    plane[: size[0] // 2] = value
    return plane


def test_soft_maps_stay_and_masks_become_sure(tmp_path: Path) -> None:
    _save(tmp_path / "soft" / "a.png", _plane(200))
    _save(tmp_path / "soft" / "b.png", _plane(1))  # hardly anything, beside a soft map
    _save(tmp_path / "masks" / "a.png", _plane(1))
    soft, masks = FolderMap(tmp_path / "soft"), FolderMap(tmp_path / "masks")
    assert soft.checked(IMAGE, "a.jpg").max() == 200
    assert soft.checked(IMAGE, "b.jpg").max() == 1
    assert masks.checked(IMAGE, "a.jpg").max() == 255
    assert np.array_equal(masks.checked(IMAGE, "a.jpg") > 0, _plane(1) > 0)


def test_class_ids_are_no_probabilities(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", _plane(4))
    with pytest.raises(DataError, match=r"largest value .* is 4; masks hold 0 and 1"):
        FolderMap(tmp_path).checked(IMAGE, "a.jpg")


def test_images_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    _save(tmp_path / "batch_1" / "1.png", _plane(200))
    _save(tmp_path / "batch_2" / "1.png", _plane(100))
    _save(tmp_path / "batch_2" / "2.png", _plane(255))
    kind = FolderMap(tmp_path)
    assert kind.checked(IMAGE, "data/batch_1/1.jpg").max() == 200
    assert kind.checked(IMAGE, "data/batch_2/1.jpg").max() == 100
    assert kind.checked(IMAGE, "2.jpg").max() == 255
    with pytest.raises(DataError, match=r"2 maps for 1\.jpg"):
        kind.checked(IMAGE, "1.jpg")
    with pytest.raises(DataError, match=r"no map for data/batch_1/3\.jpg"):
        kind.checked(IMAGE, "data/batch_1/3.jpg")


def test_a_map_is_scaled_to_its_image_but_not_squeezed(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", _plane(255, (40, 60)))
    _save(tmp_path / "b.png", _plane(255, (30, 20)))
    kind = FolderMap(tmp_path)
    made = kind.checked(IMAGE, "a.jpg")
    assert made.shape == (20, 30) and made[0].min() == 255 and made[-1].max() == 0
    with pytest.raises(DataError, match=r"30x20 .* aspect 20x30"):
        kind.checked(IMAGE, "b.jpg")


def test_the_digest_follows_names_and_contents(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", _plane(255))
    first = FolderMap(tmp_path).digest
    assert FolderMap(tmp_path).digest == first
    _save(tmp_path / "a.png", _plane(254))
    second = FolderMap(tmp_path).digest
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    assert len({first, second, FolderMap(tmp_path).digest}) == 3


@pytest.mark.parametrize("values", [np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30), np.uint16)])
def test_colours_and_16_bits_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    _save(tmp_path / "a.png", values)
    with pytest.raises(DataError, match="save it grey with 8 bits"):
        FolderMap(tmp_path).checked(IMAGE, "a.jpg")


def test_damage_and_emptiness_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no map"):
        open_map(str(tmp_path))
    (tmp_path / "a.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(DataError, match=r"a\.png cannot be read as an image"):
        open_map(str(tmp_path)).checked(IMAGE, "a.jpg")
    with pytest.raises(DataError, match="neither a folder of maps nor an ONNX file"):
        open_map(str(tmp_path / "nothing"))


def test_one_file_is_not_the_map_of_two_images(tmp_path: Path) -> None:
    _save(tmp_path / "1.png", _plane(200))
    _save(tmp_path / "2.png", _plane(200))
    kind = FolderMap(tmp_path)
    kind.require({"a": "batch_1/1.jpg", "b": "batch_1/2.jpg"})
    with pytest.raises(DataError, match=r"1\.png would be the map of batch_1/1\.jpg and of batch_"):
        kind.require({"a": "batch_1/1.jpg", "b": "batch_2/1.jpg"})
    with pytest.raises(DataError, match=r"2\.png .* two images that are called 2\.jpg"):
        kind.require({"site/2.jpg": "2.jpg", "more/2.jpg": "2.jpg"})


def test_all_missing_maps_are_named_at_once(tmp_path: Path) -> None:
    _save(tmp_path / "1.png", _plane(200))
    kind = FolderMap(tmp_path)
    with pytest.raises(DataError, match=r"no map for 2 of 3 images: b/2\.jpg, b/3\.jpg; "):
        kind.require({"a": "b/1.jpg", "b": "b/2.jpg", "c": "b/3.jpg"})
    with pytest.raises(DataError, match=r"no map for 2\.jpg: it would be 2\.png"):
        kind.require({"a": "1.jpg", "b": "2.jpg"})
