"""Packed entries of annotation files are the entries that were packed."""

import json
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagen.datasets.reading import coco_json
from dagen.datasets.reading.coco_entries import ImageEntry, Instance
from dagen.datasets.reading.coco_packed import Images, Instances

NUMBER = st.floats(allow_nan=False, allow_infinity=False)
POLYGONS = st.lists(st.lists(NUMBER, min_size=1, max_size=8), max_size=3)
RUNS = st.fixed_dictionaries({
    "size": st.tuples(st.integers(1, 9), st.integers(1, 9)),
    "counts": st.lists(st.integers(0, 99)) | st.text(max_size=8),
})  # fmt: skip
INSTANCES = st.fixed_dictionaries(
    {"image_id": st.integers(-3, 3) | st.just(2**80), "category_id": st.integers(0, 3)},
    optional={
        "segmentation": st.none() | POLYGONS | RUNS,
        "bbox": st.none() | st.lists(NUMBER, min_size=4, max_size=4),
    },
)


@settings(deadline=None)
@given(st.lists(INSTANCES, max_size=12))
def test_instances(found: list[dict[str, Any]]) -> None:
    entries = [Instance.model_validate(each) for each in found]
    known: dict[int, list[Instance]] = {}
    for entry in entries:
        known.setdefault(entry.image_id, []).append(entry)
    packed = pickle.loads(pickle.dumps(Instances(iter(entries))))
    assert len(packed) == len(known) and {*packed} == {*known}
    for image in {*known, 0, 7}:
        again = packed.get(image, [])
        assert again == known.get(image, [])  # to the bit: JSON keeps each digit of a number
        assert [one.has_outline for one in again] == [o.has_outline for o in known.get(image, [])]
    assert packed.categories == {entry.category_id for entry in entries}


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a.jpg", "a.JPG", "b/é.jpg", "\0", "\ud800", "plumless", ""])))
def test_images(names: list[str]) -> None:
    entries = [
        ImageEntry.model_construct(
            id=k, file_name=name, width=k, height=2**70, flickr_url=None, flickr_640_url=f"{k}"
        )
        for k, name in enumerate(names)
    ]
    known, packed = {entry.file_name: entry for entry in entries}, Images(entries)
    assert list(packed.items()) == list(known.items()) and len(packed) == len(known)
    for name in ("a.jpg", "buckeroo", "c"):
        assert packed.get(name) == known.get(name) and (name in packed) == (name in known)
    if known:
        assert packed.last(sorted(known)) == list(known)[-1]


def test_of_two_spellings_the_last_counts(tmp_path: Path) -> None:
    images = [{"id": k, "file_name": f"a.{s}", "width": 9, "height": 9} for k, s in enumerate(
        ("Jpg", "JPG", "jPG"))]  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps({"images": images}))
    found = coco_json.read(tmp_path / "a.json")
    assert found.entry("a.JPG").id == 1 and found.entry("a.jpg").id == 2


@pytest.mark.parametrize("objects", [0, 1, 3])
def test_no_object_is_held_for_each_image(objects: int, tmp_path: Path) -> None:
    count = 2_000
    document = {
        "categories": [{"id": 1, "name": "can"}],
        "images": [
            {"id": k, "file_name": f"camera-{k % 7}/photo-{k:08}.jpg", "width": 400, "height": 300}
            for k in range(count)
        ],
        "annotations": [
            {"image_id": k, "category_id": 1, "bbox": [1, 1, 9, 9],
             "segmentation": [[1.5, 1, 9, 1, 9, 9, 1, 9]]}
            for k in range(count)
            for _ in range(objects)
        ],
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(document))
    tracemalloc.start()
    try:
        found = coco_json.read(tmp_path / "a.json")
        ours = tracemalloc.Filter(True, "*/dagen/datasets/*")
        held = tracemalloc.take_snapshot().filter_traces([ours]).statistics("filename")
    finally:
        tracemalloc.stop()
    assert len(found.images) == count and len(found.instances) == (count if objects else 0)
    # As objects an image takes over 700 bytes, and an annotation over 1,000.
    assert sum(each.size for each in held) / count < 150 + 150 * objects
