import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dagen.datasets.reading.taco_classes import MATERIAL_OF
from dagen.datasets.reading.taco_splits import split_of
from dagen.datasets.taco import Taco
from dagen.errors import DataError
from dagen.types import Task
from tests.tiny import make_taco


def _edit(folder: Path, change: Any) -> None:
    path = folder / "data" / "annotations.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_the_table_has_tacos_categories() -> None:
    assert len(MATERIAL_OF) == 60
    assert {*MATERIAL_OF.values()} == {*Task.MATERIAL.classes[1:], None}
    counts = Counter(MATERIAL_OF.values())
    assert counts == {"aluminium": 8, "paper": 15, "bottle": 2, "nylon": 7, None: 28}


def test_categories_without_a_material_are_ignored_or_waste(tmp_path: Path) -> None:
    folder = make_taco(tmp_path)
    material = Taco(folder, "train", Task.MATERIAL).label(0)
    binary = Taco(folder, "train", Task.BINARY).label(0)
    assert {*np.unique(material).tolist()} == {0, 1, 2, 3, 255}
    assert np.array_equal(binary, material != 0)

    def rename(document: Any) -> None:
        document["categories"][12]["name"] = "Something new"

    _edit(folder, rename)
    assert {*np.unique(Taco(folder, "train", Task.MATERIAL).label(0)).tolist()} == {0, 2, 3, 255}
    assert np.array_equal(Taco(folder, "train", Task.BINARY).label(0), binary)


def test_categories_go_by_name_not_by_id(tmp_path: Path) -> None:
    folder = make_taco(tmp_path)
    before = Taco(folder, "val", Task.MATERIAL).label(0)

    def renumber(document: Any) -> None:
        for entry in document["categories"]:
            entry["id"] = 100 - entry["id"]
        for entry in document["annotations"]:
            entry["category_id"] = 100 - entry["category_id"]

    _edit(folder, renumber)
    assert np.array_equal(Taco(folder, "val", Task.MATERIAL).label(0), before)


@pytest.mark.parametrize("place", ["data", "."])
def test_own_splits_are_beside_or_above_the_annotations(tmp_path: Path, place: str) -> None:
    folder = make_taco(tmp_path)
    splits = json.loads((folder / "splits.json").read_text())
    (folder / "splits.json").unlink()
    swapped = {"train": splits["val"], "test": splits["train"]}
    (folder / place / "splits.json").write_text(json.dumps(swapped))
    assert len(Taco(folder, "train", Task.BINARY)) == 2
    test = Taco(folder, "test", Task.BINARY)
    assert [test.name(i) for i in range(4)] == [f"data/batch_1/{i:06}.jpg" for i in range(4)]
    with pytest.raises(DataError, match=r"splits\.json has no split 'val'; it has: train, test"):
        Taco(folder, "val", Task.BINARY)


def test_annotations_directly_in_the_root(tmp_path: Path) -> None:
    folder = make_taco(tmp_path)
    expected = Taco(folder, "train", Task.BINARY).label(1)
    for path in (folder / "data").iterdir():
        path.rename(folder / path.name)
    (folder / "data").rmdir()
    dataset = Taco(folder, "train", Task.BINARY)
    assert dataset.name(1) == "batch_1/000001.jpg"
    assert dataset.has_labels
    assert np.array_equal(dataset.label(1), expected)


def test_the_fixed_split_is_pinned() -> None:
    # Whoever changes the rule changes every published number: these must stay.
    pinned = {
        "batch_1/000006.jpg": "train",
        "batch_1/000047.jpg": "test",
        "batch_2/000000.JPG": "train",
        "batch_15/000099.jpg": "val",
    }
    assert {name: split_of(name) for name in pinned} == pinned


def test_the_fixed_split_parts_60_20_20_in_blocks() -> None:
    names = [f"batch_{batch}/{i:06}.jpg" for batch in range(1, 51) for i in range(100)]
    counts: Counter[str] = Counter(map(split_of, names))
    for split, share in {"train": 0.6, "val": 0.2, "test": 0.2}.items():
        assert counts[split] / len(names) == pytest.approx(share, abs=0.05)
    assert len({split_of(f"batch_3/00012{digit}.jpg") for digit in range(10)}) == 1
    assert split_of("batch_3/000120.JPG") == split_of("batch_3/000120.jpeg")


def test_without_own_splits_every_photograph_is_in_one(tmp_path: Path) -> None:
    folder = make_taco(tmp_path, train=120, val=2, size=(8, 8))
    (folder / "splits.json").unlink()
    (folder / "data" / "batch_1" / "notes.txt").touch()
    names = []
    for split in Taco.splits:
        dataset = Taco(folder, split, Task.BINARY)
        listed = [dataset.name(i) for i in range(len(dataset))]
        assert listed == sorted(listed)
        assert {split_of(name.removeprefix("data/")) for name in listed} == {split}
        names += listed
    assert len(names) == len({*names}) == 122


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a readable JSON"),
        ("[" * 100_000, "not a readable JSON"),
        ("[]", "must hold"),
        ('{"train": "batch_1/000000.jpg"}', "must hold"),
        ('{"train": [3]}', "must hold"),
        ('{"train": []}', "has no image"),
        ('{"train": ["batch_1/0.jpg", "batch_1/0.jpg"]}', "1 file.* more than once"),
        (
            '{"train": ["../../../secret.jpg", "/x.jpg"]}',
            r"splits\.json names 2 file.*nothing outside",
        ),
    ],
)
def test_damaged_splits(tmp_path: Path, content: str, message: str) -> None:
    folder = make_taco(tmp_path)
    (folder / "splits.json").write_text(content)
    with pytest.raises(DataError, match=message):
        Taco(folder, "train", Task.BINARY)


def test_a_split_cannot_follow_links_out(tmp_path: Path) -> None:
    folder = make_taco(tmp_path / "sets")
    outside = tmp_path / "outside.jpg"
    (folder / "data" / "batch_1" / "000000.jpg").rename(outside)
    (folder / "data" / "batch_1" / "000000.jpg").symlink_to(outside)
    dataset = Taco(folder, "train", Task.BINARY)
    for read in (dataset.image, dataset.label, dataset.image_key):
        with pytest.raises(DataError, match=r"000000.jpg', which a symbolic link leads out"):
            read(0)
    dataset.image(1)


def test_annotations_cannot_name_outside_files(tmp_path: Path) -> None:
    folder = make_taco(tmp_path)

    def leave(document: Any) -> None:
        document["images"][3]["file_name"] = "../../x.jpg"

    _edit(folder, leave)
    with pytest.raises(DataError, match=r"annotations\.json names 1 file.*'\.\./\.\./x\.jpg'"):
        Taco(folder, "train", Task.BINARY).label(0)


def test_another_size_than_declared(tmp_path: Path) -> None:
    folder = make_taco(tmp_path, size=(48, 64))

    def swap(document: Any) -> None:
        for entry in document["images"]:
            entry.update(width=entry["height"], height=entry["width"])

    _edit(folder, swap)
    # The sideways photograph has the declared size in the file, and another one upright.
    with pytest.raises(DataError, match=r"000000.jpg' as 48x64 .*upright image is 64x48"):
        Taco(folder, "train", Task.BINARY).label(0)


def test_truncated_photograph(tmp_path: Path) -> None:
    folder = make_taco(tmp_path)
    path = folder / "data" / "batch_1" / "000002.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"000002\.jpg is damaged or truncated"):
        Taco(folder, "train", Task.BINARY).image(2)


def test_scenes_and_instances(tmp_path: Path) -> None:
    dataset = Taco(make_taco(tmp_path), "train", Task.BINARY)
    assert [dataset.scene(i) for i in range(3)] == ["Clean", "Indoor, Man-made", "Pavement"]
    assert [dataset.instances(i) for i in range(4)] == [4, 4, 4, 4]
    bare = Taco(make_taco(tmp_path / "bare", labels=False), "train", Task.BINARY)
    assert bare.scene(0) is None


def test_a_scene_is_the_first_tag_that_has_a_name(tmp_path: Path) -> None:
    folder = make_taco(tmp_path)

    def tagged(document: dict[str, Any]) -> None:
        for entry, tags in zip(
            document["scene_annotations"], ([99, 2, 1], [99], [], [1, 99]), strict=False
        ):
            entry["background_ids"] = tags

    _edit(folder, tagged)
    dataset = Taco(folder, "train", Task.BINARY)
    found = ["Pavement", None, None, "Indoor, Man-made"]
    assert [dataset.scene(i) for i in range(4)] == found


def test_label_keys_follow_the_annotations(tmp_path: Path) -> None:
    folder = make_taco(tmp_path)
    dataset = Taco(folder, "train", Task.BINARY)
    first = dataset.label_key(0)
    assert dataset.label_key(1) != first != Taco(folder, "train", Task.MATERIAL).label_key(0)
    _edit(folder, lambda document: document["annotations"].pop())
    assert dataset.label_key(0) != first
