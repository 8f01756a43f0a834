from pathlib import Path

import numpy as np
import pytest
import torch

from dagen.datasets.loading.opening import open_dataset
from dagen.errors import DataError
from dagen.runs.config import Config, from_mapping
from dagen.runs.plan import plan_run
from dagen.types import Task
from dagen.validators.choice.probes import IMAGES, open_probes, pictures
from tests import tiny

SIZE = (16, 32)


def config(**values: object) -> Config:
    return from_mapping({"tgt": "taco", "size": list(SIZE), "method": "minent", **values})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    tiny.make_resortit(tmp_path, train=2, val=3)
    tiny.make_taco(tmp_path, train=5, val=2)
    return tmp_path


def test_both_domains_at_training_size(data: Path) -> None:
    probes = open_probes(plan_run(config()), data)
    assert probes.target is not None and probes.source is not None
    assert probes.target.shape == (5, 3, *SIZE) and probes.target.dtype == torch.float32
    assert 0 <= probes.target.min() < probes.target.max() <= 1
    assert probes.source.image.shape == (3, 3, *SIZE)
    assert probes.source.label is not None and probes.source.label.shape == (3, *SIZE)
    assert set(probes.source.label.unique().tolist()) <= {0, 1, 2, 3, 4, 255}
    again = open_probes(plan_run(config()), data)
    assert again.target is not None and torch.equal(again.target, probes.target)
    other = open_probes(plan_run(config(seed=1)), data)
    assert other.target is not None and not torch.equal(other.target, probes.target)


def test_labels_of_the_target_are_never_opened(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagen.datasets.taco import Taco

    def refuse(self: Taco, index: int) -> None:
        raise AssertionError("a target label was opened")

    monkeypatch.setattr(Taco, "label", refuse)
    assert open_probes(plan_run(config()), data).domains == {"source", "target"}


def test_each_run_sees_no_more_than_it_may(data: Path) -> None:
    assert open_probes(plan_run(config(tgt=None, method="supervised")), data).domains == {"source"}
    (data / "resortit" / "val" / "00000.png").unlink()
    for path in (data / "resortit" / "val").iterdir():
        path.unlink()
    with pytest.raises(DataError):
        open_probes(plan_run(config()), data)
    assert open_probes(plan_run(config(method="shot", init="run:x")), data).domains == {"target"}


def test_images_and_labels_are_cropped_alike_and_at_most_so_many(tmp_path: Path) -> None:
    root = tmp_path / "folder"
    (root / "images" / "val").mkdir(parents=True)
    (root / "masks" / "val").mkdir(parents=True)
    from PIL import Image

    for k in range(IMAGES + 3):
        mask = np.zeros((24, 24), np.uint8)
        mask[k % 20 : k % 20 + 4, 3 : 3 + k % 19] = 1
        name = f"{k:02}.png"
        Image.fromarray(mask).save(root / "masks" / "val" / name)
        Image.fromarray(np.stack([mask * 255] * 3, -1)).save(root / "images" / "val" / name)
    dataset = open_dataset("folder", "val", Task.BINARY, tmp_path)
    view = pictures(dataset, (12, 24), 0, 0, labelled=True)
    assert len(view.image) == IMAGES and len(set(view.index.tolist())) == IMAGES
    assert view.label is not None
    assert torch.equal((view.image[:, 0] > 0.5).long(), view.label)
    assert pictures(dataset, (12, 24), 0, 0).label is None
