"""The small benchmark of real images, against the counts that its README gives."""

import csv
from pathlib import Path

import pytest

from dagen import data_check
from dagen.datasets._taco_classes import MATERIAL_OF
from dagen.types import Task

pytestmark = pytest.mark.real

# Images, instances, and per cent of pixels: background, the four materials, ignore.
COUNTS = {
    ("resortit", "train"): (480, None, (85.29, 1.80, 4.42, 5.46, 3.02, 0)),
    ("resortit", "val"): (120, None, (84.13, 2.17, 5.19, 5.52, 2.99, 0)),
    ("taco", "train"): (105, 295, (92.79, 1.27, 1.96, 1.25, 1.16, 1.56)),
    ("taco", "val"): (70, 196, (93.52, 1.30, 1.84, 0.85, 1.33, 1.16)),
}


@pytest.mark.parametrize("name", ["resortit", "taco"])
def test_counts(name: str, shared_data: Path) -> None:
    report = data_check.check(name, Task.MATERIAL, shared_data)
    assert report.ok, report.defects
    for split, summary in report.splits.items():
        images, instances, shares = COUNTS[name, split]
        assert (summary.images, summary.labelled) == (images, images)
        assert summary.instances == instances
        assert [100 * share for share in summary.share.values()] == pytest.approx(shares, abs=0.02)


def test_the_mapping(shared_data: Path) -> None:
    with (shared_data / "taco_to_resortit.csv").open(newline="") as file:
        rows = [(row["taco_name"], row["resortit_class"]) for row in csv.DictReader(file)]
    assert rows == [(name, material or "ignore") for name, material in MATERIAL_OF.items()]
