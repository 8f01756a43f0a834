import math
from pathlib import Path

import numpy as np
import pytest
import torch

from dagen.datasets.base import Dataset
from dagen.datasets.loading.batches import Feed, Sampling, Steps, batches
from dagen.datasets.loading.cache import cached
from dagen.datasets.loading.rare_classes import RareClasses, class_pixels, rare_classes
from dagen.datasets.loading.transforms import Window
from dagen.datasets.loading.wrappers import Subset
from dagen.errors import DataError
from dagen.types import IGNORE, Task

SIZE = (32, 64)


class Litter(Dataset):
    """A row of 64x128 labels; image i has one object of the class and side that it is given."""

    def __init__(self, objects: list[tuple[int, int]], key: str | None = None) -> None:
        super().__init__(Path(), "train", Task.MATERIAL)
        self.objects = objects
        self.key = key
        self.opened = 0

    def __len__(self) -> int:
        return len(self.objects)

    def name(self, index: int) -> str:
        return str(index)

    def image(self, index: int) -> np.ndarray:
        return np.repeat(self._ids(index)[:, :, None], 3, 2) * 20

    def label(self, index: int) -> np.ndarray:
        self.opened += 1
        return self._ids(index)

    def _ids(self, index: int) -> np.ndarray:
        value, side = self.objects[index]
        label = np.zeros((64, 128), np.uint8)
        label[:4] = IGNORE
        label[50 - side : 50, 110 - side : 110] = value
        return label

    def image_key(self, index: int) -> str:
        return f"{self.key}|{index}"

    def label_key(self, index: int) -> str | None:
        return None if self.key is None else f"{self.key}|{index}"


COMMON = [(1, 40)] * 6 + [(2, 20)] * 3 + [(3, 10)]


def test_probabilities_are_those_of_the_paper() -> None:
    found = rare_classes(Litter(COMMON), 0.05, SIZE, "litter")
    pixels = [0.0] * 5
    for value, side in COMMON:
        pixels[value] += side * side
        pixels[0] += 60 * 128 - side * side
    frequency = [p / sum(pixels) for p in pixels]
    weight = [
        math.exp((1 - f) / 0.05) if p else 0.0 for f, p in zip(frequency, pixels, strict=True)
    ]
    assert found.probability == pytest.approx([w / sum(weight) for w in weight], rel=1e-9)
    assert [len(images) for images in found.images] == [10, 6, 3, 1, 0]


def test_enough_is_judged_at_the_scale_of_the_crop() -> None:
    found = rare_classes(Litter([(1, 3), (1, 4), (1, 6)]), 0.05, SIZE, "litter")
    assert found.enough == round(0.0015 * 32 * 64) == 3
    # Twice as large as the crop: a quarter of 9, 16 and 36 pixels.
    assert found.images[1].tolist() == [1, 2]


def test_labels_without_any_class_are_refused() -> None:
    class Ignored(Litter):
        def _ids(self, index: int) -> np.ndarray:
            return np.full((64, 128), IGNORE, np.uint8)

    with pytest.raises(DataError, match="litter: no label shows 3 pixels of any class"):
        rare_classes(Ignored([(1, 1)]), 0.05, SIZE, "litter")


def test_draws_follow_the_probabilities() -> None:
    found = RareClasses(
        np.array([0.0, 0.25, 0.75]), (np.array([]), np.array([4]), np.array([7, 9])), 3
    )
    draw = np.random.default_rng(0)
    drawn = [found.draw(draw) for _ in range(2000)]
    assert {pair for pair in drawn} == {(1, 4), (2, 7), (2, 9)}
    assert sum(c == 1 for c, _ in drawn) / 2000 == pytest.approx(0.25, abs=0.03)
    assert sum(i == 7 for _, i in drawn) / 2000 == pytest.approx(0.375, abs=0.03)


def _generators(attempt: int) -> np.random.Generator:
    return np.random.default_rng([5, attempt])


def test_crops_are_drawn_until_they_show_enough_or_the_fullest_is_taken() -> None:
    label, how = Litter([(3, 12)]).label(0), (SIZE, 4.0)
    windows = [Window.draw(label.shape, *how, _generators(a)) for a in range(10)]
    pixels = [int((window.label(label) == 3).sum()) for window in windows]
    assert pixels[0] == 0 < max(pixels)  # else there is nothing to choose
    for enough, wanted in (
        (1, next(p for p in pixels if p >= 1)),
        (max(pixels), max(pixels)),
        (10**9, max(pixels)),
    ):
        found = RareClasses(np.ones(5) / 5, (), enough)
        window, ids, _ = found.window(label, 3, how, _generators)
        assert (ids == 3).sum() == wanted
        assert window in windows and np.array_equal(window.label(label), ids)


def _steps(temperature: float | None, dataset: Dataset | None = None) -> Steps:
    data = dataset or Litter(COMMON)
    rare = None if temperature is None else rare_classes(data, temperature, SIZE, "litter")
    sampling = Sampling(SIZE, 4, 2.0, 0)
    return Steps({"source": Feed(data, True, rare)}, sampling, steps=12)


def _share(steps: Steps, value: int) -> float:
    labels = [batch.source.label for batch in batches(steps, 0, 0) if batch.source is not None]
    shown = [(label == value).flatten(1).sum(1) >= 3 for label in labels if label is not None]
    return float(torch.cat(shown).float().mean())


def test_the_rarest_class_is_shown_far_more_often() -> None:
    assert _share(_steps(None), 3) < 0.15
    assert _share(_steps(0.01), 3) > 0.25


def test_workers_and_resuming_change_nothing() -> None:
    def rows(steps: Steps, start: int, workers: int) -> list[torch.Tensor]:
        views = [batch.source for batch in batches(steps, start, workers)]
        return [torch.cat([v.image.flatten(), v.index.float()]) for v in views if v is not None]

    alone = rows(_steps(0.05), 0, 0)
    assert all(map(torch.equal, alone, rows(_steps(0.05), 0, 2)))
    assert all(map(torch.equal, alone[7:], rows(_steps(0.05), 7, 0)))


def test_labels_are_counted_once_and_kept_in_the_cache(tmp_path: Path) -> None:
    def count(objects: list[tuple[int, int]], key: str) -> tuple[np.ndarray, int]:
        data = Litter(objects, key)
        return class_pixels(cached(data, SIZE, tmp_path), SIZE), data.opened

    first, opened = count(COMMON, "a")
    again, reopened = count(COMMON, "a")
    assert opened == len(COMMON) and reopened == 0
    assert np.array_equal(first, again) and first.shape == (10, 5)
    assert first[:6, 1] == pytest.approx(40 * 40 / 4, rel=0.1)
    other, opened = count([(2, 8)] * 10, "b")
    assert opened == 10 and not other[:, 1].any()


def test_a_subset_counts_its_own_labels_only(tmp_path: Path) -> None:
    data = Litter(COMMON, "a")
    subset = Subset(cached(data, SIZE, tmp_path), [9, 0])
    found = class_pixels(subset, SIZE)
    assert data.opened == 2
    assert np.array_equal(found, class_pixels(cached(Litter(COMMON, "a"), SIZE), SIZE)[[9, 0]])
