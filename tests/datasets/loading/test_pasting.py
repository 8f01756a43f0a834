from pathlib import Path

import numpy as np
import pytest

from dagen.datasets.base import Dataset
from dagen.datasets.loading.pasting import Paster, Piece, blank, lay, moved
from dagen.datasets.maps.base import Map
from dagen.types import Task

SIZE = (48, 48)


class Bright(Map):
    """The first channel: 255 in things, 0 elsewhere."""

    digest = "bright/1"

    def make(self, image: np.ndarray, name: str) -> np.ndarray:
        return np.where(image[..., 0] > 127, 255, 0).astype(np.uint8)


class Grounds(Dataset):
    """Black photographs with squares of the given sides; the picture's number is its blue."""

    def __init__(self, *sides: tuple[int, ...]) -> None:
        super().__init__(Path(), "train", Task.BINARY)
        self.sides = sides

    def __len__(self) -> int:
        return len(self.sides)

    def name(self, index: int) -> str:
        return f"photograph {index}"

    def image(self, index: int) -> np.ndarray:
        image = np.zeros((*SIZE, 3), np.uint8)
        image[..., 2] = index
        for k, side in enumerate(self.sides[index]):
            image[1 + 24 * k : 1 + 24 * k + side, 2 : 2 + side, 0] = 200
        return image

    def label(self, index: int) -> np.ndarray:
        raise AssertionError("a label was opened")


def _paster(*sides: tuple[int, ...], **more: object) -> Paster:
    images = Grounds(*sides)
    given = {"share": 1.0, **more}
    return Paster(images, range(len(images)), {"bright": Bright()}, **given)  # type: ignore[arg-type]


def _draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_pieces_are_the_two_largest_objects_of_a_fitting_size() -> None:
    sizes = set()
    for seed in range(20):
        piece = _paster((20, 12)).piece(0, SIZE, _draw(seed))
        assert piece is not None
        sizes.add(int((piece.alpha > 0.5).sum()))
        assert np.all(piece.image[piece.alpha > 0.9][:, 0] == 200)
        assert np.all(piece.maps["bright"][piece.alpha > 0.9] == 1)
    assert len(sizes) == 2
    for sides in ((7,), (30,), ()):  # 49 pixels; more than 35 % of the picture; nothing
        assert _paster(sides).piece(0, SIZE, _draw()) is None


def test_outlines_are_soft() -> None:
    piece = _paster((20,)).piece(0, SIZE, _draw())
    assert piece is not None
    assert piece.alpha.max() == pytest.approx(1, abs=1e-3)
    assert ((piece.alpha > 0.05) & (piece.alpha < 0.95)).any() and piece.alpha.min() < 0.02


def test_moved_pieces_keep_image_map_and_outline_together() -> None:
    piece = _paster((20,)).piece(0, SIZE, _draw())
    assert piece is not None
    scales, brightness = [], []
    for seed in range(60):
        other = moved(piece, _draw(seed))
        inside = other.alpha > 0.9
        assert other.image.shape[:2] == other.alpha.shape == other.maps["bright"].shape
        assert other.maps["bright"][inside].min() > 0.9
        scales.append(np.sqrt((other.alpha > 0.5).sum() / (piece.alpha > 0.5).sum()))
        brightness.append(other.image[inside][:, 0].mean() / 200)
    assert 0.35 < min(scales) < 0.5 and 1.2 < max(scales) < 1.35
    assert 0.69 < min(brightness) < 0.75 and 1.15 < max(brightness) <= 1.26


def test_a_laid_piece_changes_image_and_maps_where_it_covers_them() -> None:
    alpha = np.zeros((9, 9), np.float32)
    alpha[2:7, 2:7] = 1
    classes = np.zeros((9, 9, 3), np.float32)
    classes[..., 2] = 1
    piece = Piece(np.full((9, 9, 3), 90, np.uint8), {"one": alpha, "all": classes}, alpha)
    ground = np.full((20, 20, 3), 10, np.uint8)
    maps = {"one": np.zeros((20, 20), np.uint8), "all": blank(classes, (20, 20))}
    covered = 0
    for seed in range(30):
        image, found = lay(piece, ground, maps, _draw(seed))
        shown = image[..., 0] == 90
        assert set(np.unique(image)) <= {10, 90}
        assert np.array_equal(found["one"] == 255, shown)
        assert np.array_equal(found["all"][..., 2] == 255, shown)
        assert np.array_equal(found["all"][..., 0] == 255, ~shown)
        covered = max(covered, int(shown.sum()))
    assert covered == 25 and ground.max() == 10 and not maps["one"].any()  # inputs stay


def test_a_share_of_the_samples_gets_pieces_and_never_its_own() -> None:
    paster = _paster((20,), (20,), (), share=0.6)
    base = np.zeros((*SIZE, 3), np.uint8)
    empty = {"bright": np.zeros(SIZE, np.uint8)}
    changed = []
    for seed in range(200):
        image, maps = paster.paste(base, empty, 0, _draw(seed))
        changed.append(bool(maps["bright"].any()))
        assert set(np.unique(image[..., 2])) <= {0, 1}  # blue tells which photograph gave it
        assert not (image[..., 0] > 150).any() or (image[..., 2] == 1).any()
    # 0.6 of the samples draw 1.5 pieces from 3 photographs, of which one may give one
    assert 0.15 < np.mean(changed) < 0.45
    assert not any(_paster((20,), share=0.0).paste(base, empty, 0, _draw(s))[1]["bright"].any()
                   for s in range(9))  # fmt: skip


def test_a_share_of_the_samples_are_empty_scenes() -> None:
    paster = _paster((20,), (20,), empty=Grounds((), (), ()), empty_share=0.25)
    scenes = [paster.scene(_draw(seed)) for seed in range(400)]
    found = [scene.index for scene in scenes if scene is not None]
    assert 0.18 < len(found) / 400 < 0.32 and set(found) == {2, 3, 4}
    assert all(not scene.image[..., 0].any() for scene in scenes if scene is not None)
    assert all(_paster((20,)).scene(_draw(seed)) is None for seed in range(20))


def test_blank_maps_are_background() -> None:
    assert not blank(np.ones((4, 4), np.uint8), (2, 3)).any()
    made = blank(np.ones((4, 4, 5), np.uint8), (2, 3))
    assert made.shape == (2, 3, 5) and made[..., 0].min() == 255 and not made[..., 1:].any()
