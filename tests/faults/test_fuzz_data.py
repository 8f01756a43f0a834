"""Files of data sets that are nearly right: a label, a picture, or one line."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from dagen.datasets.base import Dataset
from dagen.datasets.loading.opening import kind, open_dataset
from dagen.datasets.own.declaration import FILE
from dagen.datasets.reading.images import image_size, read_image
from dagen.datasets.reading.masks import read_mask
from dagen.errors import DagenError
from dagen.types import Task
from tests import own, tiny
from tests.datasets.shards.making import TOML, make_shards
from tests.faults.fuzzing import damaged, fuzz, mutated, texts, toml
from tests.faults.ledger import Ledger

SIZE = (24, 32)


@pytest.fixture
def count(whole: bool) -> int:
    return 1400 if whole else 25


def everything(dataset: Dataset) -> None:
    """Read all that a data set can be asked for; each part may raise an error of its own."""
    parts: list[Callable[[int], object]] = [
        dataset.image, dataset.label, dataset.instances, dataset.scene, dataset.label_key,
    ]  # fmt: skip
    refused: DagenError | None = None
    for index in range(len(dataset)):
        for part in parts:
            try:
                found = part(index)
            except DagenError as error:
                refused = error
                continue
            if part == dataset.label:
                assert isinstance(found, np.ndarray) and found.dtype == np.uint8
                known = {*range(len(dataset.task.classes)), 255}
                assert {*np.unique(found).tolist()} <= known, np.unique(found)
    for problem in audit(dataset):
        assert all(isinstance(part, str) for part in problem)
    dataset.fingerprint()
    if refused:
        raise refused


def audit(dataset: Dataset) -> Iterator[tuple[str, str]]:
    yield from getattr(dataset, "audit", lambda: ())()


def with_runs(document: dict[str, Any]) -> dict[str, Any]:
    """A COCO document that also has run lengths, in both forms, and an object without outline."""
    first, second, third, *_ = document["annotations"]
    height, width = SIZE
    first["segmentation"] = {"size": [height, width], "counts": [5, 40, height * width - 45]}
    second["segmentation"] = {"size": [height, width], "counts": "\\9b1R="}
    third["segmentation"] = []
    return document


def test_coco(tmp_path: Path, ledger: Ledger, count: int) -> None:
    root = tiny.make_coco(tmp_path, train=2, val=1, size=SIZE)
    file = root / "annotations" / "instances_train.json"
    document = with_runs(json.loads(file.read_text()))

    def read(content: bytes) -> None:
        file.write_bytes(content)
        for task in (Task.MATERIAL, Task.BINARY):
            everything(open_dataset("coco", "train", task, tmp_path))

    fuzz(ledger, "COCO annotations", texts(document), read, count)

    def declared(content: bytes) -> None:
        file.write_bytes(content)
        task = kind("coco", tmp_path).declares(root)
        assert task is not None
        everything(open_dataset("coco", "train", task, tmp_path))

    fuzz(ledger, "COCO annotations, own classes", texts(document), declared, count // 2)


def test_taco(tmp_path: Path, ledger: Ledger, count: int) -> None:
    root = tiny.make_taco(tmp_path, train=2, val=1, size=SIZE)
    file, splits = root / "data" / "annotations.json", root / "splits.json"
    document, chosen = json.loads(file.read_text()), json.loads(splits.read_text())
    document["categories"] = [each for each in document["categories"] if each["id"] < 60]

    def read(content: bytes) -> None:
        file.write_bytes(content)
        everything(open_dataset("taco", "train", Task.MATERIAL, tmp_path))

    fuzz(ledger, "TACO annotations", texts(document), read, count)
    file.write_text(json.dumps(document))

    def split(content: bytes) -> None:
        splits.write_bytes(content)
        for name in ("train", "val"):
            everything(open_dataset("taco", name, Task.BINARY, tmp_path))

    fuzz(ledger, "TACO splits", texts(chosen), split, count)


def test_own_folders(tmp_path: Path, ledger: Ledger, count: int) -> None:
    root = own.make_masks(tmp_path / "mine", "", count=4)
    (root / "names.txt").write_text("p1.jpg\n")
    values = {
        "kind": "folder", "images": "photos", "masks": "drawn",
        "ids": {"0": "background", "128": "can", "255": "bag"}, "ignore": [7], "map": {"bag": "x"},
        "splits": {"val": 0.4, "test": "names.txt", "seed": 3}, "colours": {"can": "#D55E00"},
    }  # fmt: skip
    names = st.one_of(
        mutated(values).filter(lambda found: isinstance(found, dict)).map(toml),
        damaged([toml(values)]),
    )

    def read(content: bytes) -> None:
        (root / FILE).write_bytes(content)
        task = kind("mine", tmp_path).declares(root) or Task.BINARY
        for split in ("train", "val", "test"):
            everything(open_dataset("mine", split, task, tmp_path))

    fuzz(ledger, "dagen.toml and its folder", names, read, count // 2)
    (root / FILE).write_bytes(toml(values))

    def listed(content: bytes) -> None:
        (root / "names.txt").write_bytes(content)
        task = kind("mine", tmp_path).declares(root)
        assert task is not None
        for split in ("train", "test"):
            everything(open_dataset("mine", split, task, tmp_path))

    fuzz(ledger, "split file", damaged([b"p1.jpg\np2.jpg\n", b"p0\n\np3\n"]), listed, count // 2)


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def pictures() -> list[bytes]:
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(0, 256, (*SIZE, 3), np.uint8))
    deep = Image.fromarray(rng.integers(0, 65_536, SIZE, np.uint16))
    turned = Image.Exif()
    turned[0x0112] = 6
    return [
        encoded(colours, "JPEG", exif=turned), encoded(colours, "JPEG", progressive=True),
        encoded(colours.convert("CMYK"), "JPEG"), encoded(colours, "PNG"), encoded(deep, "PNG"),
        encoded(colours.convert("RGBA"), "PNG"), encoded(colours.convert("P"), "PNG", exif=turned),
        encoded(colours, "BMP"), encoded(colours, "TIFF"), encoded(deep, "TIFF"),
        encoded(colours, "TIFF", compression="tiff_lzw"), encoded(colours, "WEBP"),
    ]  # fmt: skip


def test_images(tmp_path: Path, ledger: Ledger, count: int) -> None:
    path = tmp_path / "picture.png"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        size = image_size(path)
        found = read_image(path)
        assert found.dtype == np.uint8 and found.shape == (*size, 3)

    fuzz(ledger, "image", damaged(pictures()), read, 2 * count)


def test_masks(tmp_path: Path, ledger: Ledger, count: int) -> None:
    path, rng = tmp_path / "mask.png", np.random.default_rng(0)
    ids = Image.fromarray(rng.integers(0, 5, SIZE, np.uint8))
    palette = ids.copy()
    palette.putpalette([7] * 768)
    contents = [
        encoded(ids, "PNG"), encoded(palette, "PNG"), encoded(ids, "BMP"), encoded(ids, "TIFF"),
        encoded(Image.fromarray(np.asarray(ids).astype(np.uint16)), "PNG"),
        encoded(ids.point(lambda value: 255 * (value > 2)).convert("1"), "PNG"),
        encoded(Image.fromarray(np.asarray(ids).astype(np.int32)), "TIFF"),
    ]  # fmt: skip

    def read(content: bytes) -> None:
        path.write_bytes(content)
        found = read_mask(path, range(5), SIZE)
        assert found.dtype == np.uint8 and found.shape == SIZE
        assert {*np.unique(found).tolist()} <= {*range(5), 255}

    fuzz(ledger, "mask", damaged(contents), read, 2 * count)


def test_shards(
    tmp_path: Path, ledger: Ledger, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("webdataset", reason="shards need the extra dagen[shards]")
    monkeypatch.setenv("DAGEN_CACHE", str(tmp_path / "cache"))
    root = make_shards(tmp_path / "shards", 1, 2)
    (root / FILE).write_text(f'{TOML}shards = "train-000.tar"\n')
    shard = root / "train-000.tar"

    def read(content: bytes) -> None:
        shard.unlink()  # a new file: an index is known by size and time
        shard.write_bytes(content)
        for index in (tmp_path / "cache").glob("*/*.npz"):
            index.unlink()
        everything(open_dataset(str(root), "train", Task.BINARY))

    fuzz(ledger, "shards", damaged([shard.read_bytes()]), read, count)
