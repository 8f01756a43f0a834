from pathlib import Path

import cv2
import numpy as np
import pytest

from dagen.datasets.maps.base import Map
from dagen.datasets.maps.salience import Salience
from dagen.datasets.maps.teachers.folder import FolderMap
from dagen.datasets.maps.teachers.mirrored import MirroredMap
from dagen.datasets.maps.teachers.opening import open_map
from dagen.errors import UsageError
from dagen.scoring.naming.named import NamedMap
from dagen.types import Image, Pixels, Task
from tests.teachers import write_onnx


class Left(Map):
    """How bright a pixel is, but only in the left half: as blind as a network may be."""

    digest = "left/1"
    whole = True

    def make(self, image: Image, name: str) -> Pixels:
        made = np.asarray(image.mean(2), np.uint8)
        made[:, made.shape[1] // 2 :] = 0
        return made


def picture() -> Image:
    draw = np.random.default_rng(0)
    return draw.integers(0, 256, (6, 10, 3), dtype=np.uint8)


def test_it_is_the_mirrored_images_map_mirrored_back() -> None:
    image = picture()
    plain, other = Left().make(image, "a"), MirroredMap(Left()).checked(image, "a")
    bright = np.asarray(image.mean(2), np.uint8)
    assert np.array_equal(plain[:, :5], bright[:, :5]) and not plain[:, 5:].any()
    assert np.array_equal(other[:, 5:], bright[:, 5:]) and not other[:, :5].any()
    assert other.flags.c_contiguous


def test_a_teacher_that_does_not_care_answers_the_same(tmp_path: Path) -> None:
    kind = open_map(str(write_onnx(tmp_path / "t.onnx", side=16)))
    image = cv2.resize(picture(), (16, 16), interpolation=cv2.INTER_LINEAR)
    assert np.abs(
        MirroredMap(kind).make(image, "a").astype(int) - kind.make(image, "a").astype(int)
    ).max() <= 1  # fmt: skip


def test_it_is_another_kind_by_its_digest_and_made_alike() -> None:
    for kind in (Left(), Salience()):
        mirrored = MirroredMap(kind)
        assert mirrored.digest == f"mirrored/1 {kind.digest}" != kind.digest
        assert (mirrored.whole, mirrored.resized) == (kind.whole, kind.resized)


def test_maps_of_a_folder_cannot_be_asked_again(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4), np.uint8))
    with pytest.raises(UsageError, match=r"made already, .*set teacher\.mirrored to false"):
        MirroredMap(FolderMap(tmp_path))
    with pytest.raises(UsageError, match="made already"):  # its names would be of other regions
        MirroredMap(NamedMap(FolderMap(tmp_path), Task.MATERIAL))
