"""The small benchmark of real images, against the counts that its README gives."""

import csv
from pathlib import Path

import numpy as np
import pytest

from dagen.datasets.loading.empty import open_empty
from dagen.datasets.loading.opening import open_dataset
from dagen.datasets.reading.taco_classes import MATERIAL_OF
from dagen.datasets.upkeep.check import check
from dagen.types import Task

pytestmark = pytest.mark.real

# Per cent of pixels: background, aluminium, paper, bottle, nylon, ignore. The README drew TACO's
# polygons half a pixel larger on each side than COCO's rule, which counts here.
SHARES = {
    ("resortit", "train"): (85.29, 1.80, 4.42, 5.46, 3.02, 0),
    ("resortit", "val"): (84.13, 2.17, 5.19, 5.52, 2.99, 0),
    ("taco", "train"): (92.90, 1.25, 1.94, 1.23, 1.14, 1.53),
    ("taco", "val"): (93.65, 1.28, 1.82, 0.84, 1.30, 1.12),
}
COUNTS = {
    ("resortit", "train"): (480, None),
    ("resortit", "val"): (120, None),
    ("taco", "train"): (105, 295),
    ("taco", "val"): (70, 196),
}


@pytest.mark.parametrize(("name", "split"), [*SHARES])
def test_pixel_shares(name: str, split: str, shared_data: Path) -> None:
    dataset = open_dataset(name, split, Task.MATERIAL, shared_data)
    pixels = np.zeros(256, dtype=np.int64)
    instances: list[int | None] = []
    for index in range(len(dataset)):
        pixels += np.bincount(dataset.label(index).ravel(), minlength=256)
        instances.append(dataset.instances(index))
    assert 100 * pixels[[0, 1, 2, 3, 4, 255]] / pixels.sum() == pytest.approx(
        SHARES[name, split], abs=0.02
    )
    images, objects = COUNTS[name, split]
    assert len(dataset) == images
    assert objects is None or sum(count or 0 for count in instances) == objects


def test_the_photographs_are_sound(shared_data: Path) -> None:
    report = check("taco", Task.BINARY, shared_data)
    assert report.ok, report.defects


def test_the_mapping(shared_data: Path) -> None:
    with (shared_data / "taco_to_resortit.csv").open(newline="") as file:
        rows = [(row["taco_name"], row["resortit_class"]) for row in csv.DictReader(file)]
    assert rows == [(name, material or "ignore") for name, material in MATERIAL_OF.items()]


@pytest.mark.parametrize(
    ("name", "count"), [("taco_unlabelled", 19), ("litter_unlabelled", 31), ("empty_scenes", 32)]
)
def test_plain_folders_are_targets(name: str, count: int, shared_data: Path) -> None:
    dataset = open_dataset(name, "train", Task.MATERIAL, shared_data)
    assert len(dataset) == count and not dataset.has_labels
    assert dataset.image(0).shape[2] == 3


def test_half_of_the_empty_scenes_are_kept_to_count_false_alarms(shared_data: Path) -> None:
    halves = [
        open_empty("empty_scenes", "train", Task.BINARY, shared_data),
        open_empty("empty_scenes", "val", Task.BINARY, shared_data),
    ]
    assert [len(half) for half in halves] == [16, 16]
    names = [{half.name(i) for i in range(len(half))} for half in halves]
    assert not names[0] & names[1]
