import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.loading import opening
from dagen.datasets.taco import Taco
from dagen.datasets.upkeep import check
from dagen.types import Task
from tests import tiny


@pytest.mark.parametrize("name", sorted(tiny.MAKERS))
def test_made_sets_are_sound(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tiny.MAKERS[name](tmp_path) == tmp_path / name
    monkeypatch.setenv("DAGEN_DATA", str(tmp_path))
    assert opening.root(name) == tmp_path / name
    found = opening.kind(name)
    own = found.declares(tmp_path / name)
    task = Task.MATERIAL if Task.MATERIAL in found.tasks else own
    assert task is not None
    report = check.check(name, task)
    assert report.ok, report.defects
    assert report.splits["train"].images == 4
    share = report.splits["train"].share
    assert sum(share[name] > 0.01 for name in task.classes) >= min(5, task.num_classes)


def test_seeds(tmp_path: Path) -> None:
    made = [tiny.make_taco(tmp_path / str(i), seed=i // 2) for i in range(3)]
    prints = [Taco(folder, "train", Task.BINARY).fingerprint() for folder in made]
    assert prints[0] == prints[1] != prints[2]


def test_one_photograph_lies_on_its_side(tmp_path: Path) -> None:
    folder = tiny.make_taco(tmp_path, size=(48, 64))
    dataset = Taco(folder, "train", Task.MATERIAL)
    with Image.open(folder / dataset.name(0)) as stored:
        assert stored.size == (48, 64)
    assert dataset.image(0).shape == (48, 64, 3)
    assert dataset.image(1).shape == (64, 48, 3)
    # Upright, the brighter pixels are where the label says that waste is.
    brightness = dataset.image(0).astype(float).mean(axis=2)
    label = dataset.label(0)
    assert brightness[label > 0].mean() > brightness[label == 0].mean() + 40


def test_without_labels(tmp_path: Path) -> None:
    folder = tiny.make_taco(tmp_path, labels=False)
    assert not (folder / "data" / "annotations.json").exists()
    assert sorted(json.loads((folder / "splits.json").read_text())) == ["train", "val"]


def test_polygons_and_masks_agree(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    _, mask, polygons = tiny._scene(rng, (48, 64), [1, 2], tiny.GROUND)
    assert np.unique(np.array(mask)).tolist() == [0, 1, 2]
    assert len(polygons) == 2
