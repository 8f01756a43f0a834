"""Empty scenes: those to train with and those to measure on are different, and no label is read."""

from pathlib import Path

import pytest

from dagen.datasets.loading.empty import open_empty
from dagen.datasets.own.masks import OwnFolder
from dagen.engine.feeds import open_feeds
from dagen.runs.config import from_mapping
from dagen.runs.plan import plan_run
from dagen.types import Task
from tests import own, tiny


def _names(name: str, split: str, root: Path) -> set[str]:
    data = open_empty(name, split, Task.BINARY, root)  # type: ignore[arg-type]
    return {data.name(i) for i in range(len(data))}


def test_scenes_without_splits_are_halved_by_their_names(tmp_path: Path) -> None:
    own.make_photos(tmp_path / "beach", 9)
    own.make_photos(tmp_path / "elsewhere" / "beach", 9)
    train, val = (_names("beach", split, tmp_path) for split in ("train", "val"))
    assert len(train) == 4 and len(val) == 5 and not train & val
    assert _names("beach", "val", tmp_path / "elsewhere") == val


def test_declared_splits_are_kept_and_no_label_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = 'ids = {"0" = "ground", "1" = "can"}\nsplits = {val = ["p1", "p3"], train = ["p0"]}\n'
    own.make_masks(tmp_path / "quay", toml, [1])
    monkeypatch.delattr(OwnFolder, "label")
    assert _names("quay", "val", tmp_path) == {"photos/p1.jpg", "photos/p3.jpg"}
    scenes = open_empty("quay", "train", Task.BINARY, tmp_path)
    assert len(scenes) == 1 and scenes.has_labels
    assert scenes.label(0).shape == scenes.image(0).shape[:2] and not scenes.label(0).any()


def test_a_teachers_scenes_are_never_those_that_are_measured(tmp_path: Path) -> None:
    tiny.make_resortit(tmp_path, train=2, val=1)
    tiny.make_taco(tmp_path, train=2, val=1)
    own.make_photos(tmp_path / "beach", 8)
    config = from_mapping({
        "src": "resortit", "tgt": "taco", "method": "teacher", "size": [32, 32], "empty": "beach",
        "parts": {"teacher": {"maps": "salience", "empty": "beach", "empty_share": 0.5}},
    })  # fmt: skip
    paster = open_feeds(plan_run(config), tmp_path)["target"].paster
    assert paster is not None and paster.empty is not None
    learnt = {paster.empty.name(i) for i in range(len(paster.empty))}
    assert learnt == _names("beach", "train", tmp_path)
    assert not learnt & _names("beach", "val", tmp_path)
