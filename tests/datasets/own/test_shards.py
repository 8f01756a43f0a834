"""Data sets in shards: the rules of a folder of masks, for the files of a tar file."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.base import Dataset
from dagen.datasets.loading import cache, opening
from dagen.datasets.loading.batches import Feed, Sampling, Steps, batches
from dagen.datasets.loading.cache import cached
from dagen.datasets.loading.order import OPEN
from dagen.datasets.upkeep.check import check
from dagen.errors import DagenError, DataError
from dagen.types import Batch, Task
from tests.datasets.shards.making import TOML, encoded, files_of, make_shards, sample, write_tar
from tests.own import image_and_mask
from tests.server import serving


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("webdataset", reason="shards need the extra dagen[shards]")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


def _declare(root: Path, shards: str, more: str = "") -> Path:
    root.mkdir(exist_ok=True)
    (root / "dagen.toml").write_text(f'{TOML}shards = "{shards}"\n{more}')
    return root


def _open(root: Path, split: str = "train", task: str = "classes") -> Dataset:
    name = str(root)
    own = opening.declared(name)
    assert own is not None
    return opening.open_dataset(name, split, own if task == "classes" else Task.BINARY)


def _local(root: Path, shards: int = 3, each: int = 4) -> Path:
    make_shards(root, shards, each)
    make_shards(root, 1, 2, "val", 900)
    words = f'splits = {{train = "train-{{000..{shards - 1:03}}}", val = "val-000"}}\n'
    return _declare(root, "{split}.tar", words)


def test_samples_are_in_the_order_of_shards_and_files(tmp_path: Path) -> None:
    dataset = _open(_local(tmp_path / "a"))
    names = [dataset.name(k) for k in range(len(dataset))]
    assert names == [f"train-{k // 4:03}.tar/{k * 7 % 1000:03}-{k}.png" for k in range(12)]
    assert list(dataset.labelled) == list(range(12)) and dataset.has_labels
    for k in (0, 5, 11):
        image, mask = image_and_mask(k, [1, 2])
        assert np.array_equal(dataset.image(k), np.asarray(image))
        assert np.array_equal(dataset.label(k), np.asarray(mask))
    keys = {dataset.image_key(k) for k in range(12)}
    assert len(keys) == len({dataset.label_key(k) for k in range(12)}) == 12
    again = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(again.image(5), dataset.image(5))
    binary = _open(tmp_path / "a", task="binary")
    assert np.array_equal(binary.label(0), (dataset.label(0) > 0).astype(np.uint8))


def test_a_check_finds_nothing_wrong(tmp_path: Path) -> None:
    report = check(str(_local(tmp_path / "a")), Task.BINARY)
    assert report.ok and not report.warnings
    assert {name: found.images for name, found in report.splits.items()} == {"train": 12, "val": 2}


def _told(root: Path) -> list[str]:
    return [each.problem for each in check(str(root), Task.BINARY).defects if each.split == "train"]


def test_each_fault_is_one_line(tmp_path: Path) -> None:
    root = _local(tmp_path / "a")
    path = root / "train-001.tar"
    path.write_bytes(path.read_bytes()[:3000])
    (root / "train-002.tar").unlink()
    write_tar(root / "train-000.tar", [
        *files_of({"a": sample(1), "b": sample(2)}),
        *files_of({"a": sample(3), "x": {"mask.png": sample(4)["mask.png"]}}),
    ])  # fmt: skip
    found = _told(root)
    expected = [
        r"dagen\.toml names shards that are missing \(train-002\.tar\): restore them",
        r"the shard .*train-000\.tar has two samples of one key \(a\): keep one of each\.",
        r"the shard .*train-000\.tar has masks without an image \(x\): add the images\.",
        r"the shard .*train-001\.tar is damaged or truncated",
    ]
    assert len(found) == len(expected)
    for line in expected:
        assert sum(bool(re.search(line, each)) for each in found) == 1, line
    with pytest.raises(DataError, match=r"train-001\.tar is damaged or truncated"):
        _open(root)


def test_a_sample_without_a_mask(tmp_path: Path) -> None:
    root = _declare(tmp_path / "a", "train.tar")
    write_tar(root / "train.tar", files_of({"a": sample(1), "b": sample(2, mask=False)}))
    dataset = _open(root)
    assert list(dataset.labelled) == [0]
    with pytest.raises(DataError, match=r"the mask .*a/train\.tar/b\.mask\.png is missing"):
        dataset.label(1)
    with pytest.raises(DataError, match=r"1 of the 2 images .* no label \(train\.tar/b\.png\)"):
        opening.require_labels(dataset, "a")
    warned = check(str(root), Task.BINARY).warnings
    assert any("1 of 2 images have no label" in each.problem for each in warned)


def test_masks_obey_the_rules_of_a_folder(tmp_path: Path) -> None:
    root = _declare(tmp_path / "a", "train.tar")
    image, mask = image_and_mask(1, [1, 7])
    small = mask.resize((10, 10))
    write_tar(root / "train.tar", files_of({
        "a": {"png": encoded(image, "png"), "mask.png": encoded(mask, "png")},
        "b": {"png": encoded(image, "png"), "mask.png": encoded(small, "png")},
        "c": {"png": encoded(image, "png"), "mask.png": encoded(mask, "jpeg")},
        "d": {"png": encoded(image, "png")[:99], "mask.png": encoded(mask, "png")},
        "e": {"png": b"GIF89a, not a picture", "mask.png": b""},
    }))  # fmt: skip
    found = _told(root)
    where = r"mask \S*train\.tar"
    assert re.search(rf"{where}/a\.mask\.png holds the unknown id 7; allowed: 0, 1, 2", found[0])
    assert re.search(rf"{where}/b\.mask\.png is 10x10 \(W x H\), but its image is 64x48", found[1])
    assert re.search(rf"{where}/c\.mask\.png is a JPEG file, which changes ids", found[2])
    assert re.search(r"the image \S*train\.tar/d\.png is damaged or truncated", found[3])
    assert re.search(r"train\.tar/e\.png is a GIF file, which is not read", found[4])
    assert len(found) == 5


def test_own_endings_and_colours(tmp_path: Path) -> None:
    more = 'images = "rgb.jpg"\nmasks = "col.png"\n'
    colours = 'colours = {background = "#000000", can = "#FF0000"}\n'
    root = tmp_path / "a"
    image, mask = image_and_mask(1, [1])
    coloured = np.zeros((*np.asarray(mask).shape, 3), np.uint8)
    coloured[np.asarray(mask) == 1] = (255, 0, 0)

    files = {
        "rgb.jpg": encoded(image, "jpeg"),
        "col.png": encoded(Image.fromarray(coloured), "png"),
    }
    write_tar(root / "s" / "train.tar", files_of({"deep/a": files | {"json": b"{}"}}))
    (root / "dagen.toml").write_text(f'kind = "shards"\nshards = "s/train.tar"\n{more}{colours}')
    dataset = _open(root)
    assert dataset.name(0) == "s/train.tar/deep/a.rgb.jpg"
    assert np.array_equal(dataset.label(0), np.asarray(mask))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('shards = "pipe:cat a.tar"', "neither a path nor an address of http, https, s3"),
        ('shards = "file:///etc/a.tar"', "neither a path nor an address of http, https, s3"),
        ('shards = "https:///a.tar"', "is no valid address"),
        ('shards = "../a.tar"', "is no path below the folder of dagen.toml"),
        ('shards = "/data/a.tar"', "is no path below the folder of dagen.toml"),
        ('shards = "a.tar.gz"', "does not end with .tar"),
        ('shards = "a-{0..3.tar"', "cannot be read: Unbalanced braces"),
        ('shards = "a-{0..99999999}.tar"', "stands for more than 100,000 shards"),
        ('shards = "a-{0,0}.tar"', "names a shard twice"),
        (
            'shards = "a.tar"\nsplits = {val = 0.2}',
            "must be a word for {split} in shards",
        ),
        ('shards = "a.tar"\nsplits = {val = "b"}', "which is not in shards: write it there"),
        ("", "go together"),
    ],
)
def test_what_a_declaration_may_not_say(line: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "dagen.toml").write_text(f"{TOML}{line}\n")
    with pytest.raises(DagenError, match=re.escape(told)):
        opening.open_dataset(f"{tmp_path}/", "train", Task.BINARY)


def test_shards_belong_to_their_kind(tmp_path: Path) -> None:
    (tmp_path / "dagen.toml").write_text('kind = "folder"\nshards = "a.tar"\n')
    with pytest.raises(DataError, match="go together"):
        opening.open_dataset(f"{tmp_path}/", "train", Task.BINARY)


def test_a_split_without_shards(tmp_path: Path) -> None:
    root = _declare(tmp_path / "a", "train.tar")
    write_tar(root / "train.tar", files_of({"a": sample(1, mask=False)}))
    assert len(opening.open_scored(str(root), Task.BINARY)) == 1
    with pytest.raises(DataError, match=r"split 'val' .* has no image: .* its shards are train"):
        _open(root, "val")


def test_what_is_known_of_the_data(tmp_path: Path) -> None:
    one, same = _open(_local(tmp_path / "a")), _open(_local(tmp_path / "b"))
    assert one.fingerprint() == same.fingerprint()
    assert one.label_digest() == same.label_digest() != ""
    assert one.signature(True) == same.signature(True) != one.signature(False)
    write_tar(
        tmp_path / "b" / "train-001.tar", files_of({"a": sample(1), "b": sample(2, mask=False)})
    )
    other = _open(tmp_path / "b")
    assert other.fingerprint() != one.fingerprint()
    assert other.signature(False) != one.signature(False)


def _steps(dataset: Dataset, folder: Path) -> Steps:
    feed = Feed(cached(dataset, (32, 32), folder), labelled=True)
    return Steps({"source": feed}, Sampling((32, 32), 3, 2.0, seed=1), steps=30)


def _same(one: Batch, other: Batch) -> bool:
    a, b = one.source, other.source
    assert a is not None and b is not None and a.label is not None and b.label is not None
    return bool((a.index == b.index).all() and (a.image == b.image).all()) and bool(
        (a.label == b.label).all()
    )


def test_a_run_resumes_in_the_middle_of_a_shard(tmp_path: Path) -> None:
    root = _local(tmp_path / "a", shards=9, each=5)
    whole = [*batches(_steps(_open(root), tmp_path / "one"), 0, 0)]
    for start in (1, 7, 16, 29):
        # Another process with an empty cache, and with workers.
        rest = [*batches(_steps(_open(root), tmp_path / f"from-{start}"), start, start % 3)]
        assert len(rest) == 30 - start
        assert all(_same(a, b) for a, b in zip(whole[start:], rest, strict=True))


def test_few_shards_are_open_at_a_time(tmp_path: Path) -> None:
    dataset = _open(_local(tmp_path / "a", shards=9, each=5))
    steps = _steps(dataset, tmp_path / "one")
    drawn = [
        i for batch in batches(steps, 0, 0) if batch.source for i in batch.source.index.tolist()
    ]
    assert sorted(drawn[:45]) == sorted(drawn[45:]) == list(range(45))
    for start in range(0, 45, 5 * OPEN):
        assert len({k // 5 for k in drawn[start : min(start + 5 * OPEN, 45)]}) <= OPEN
    assert drawn[:45] != drawn[45:] and drawn[:45] != sorted(drawn[:45])


def test_shards_at_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = _open(_local(tmp_path / "a", shards=6, each=5))
    expected = [*batches(_steps(local, tmp_path / "one"), 0, 0)]
    size = (tmp_path / "a" / "train-000.tar").stat().st_size
    # Room for seven of the shards, no more: four are drawn together, and two lots may meet.
    monkeypatch.setenv("DAGEN_CACHE_LIMIT", f"{7 * size}")
    with serving(monkeypatch) as server:
        for path in (tmp_path / "a").glob("*.tar"):
            server.files[f"/data/{path.name}"] = path.read_bytes()
        address = server.address("/data/{split}.tar")
        words = 'splits = {train = "train-{000..005}", val = "val-000"}\n'
        root = _declare(tmp_path / "far", address, words)
        far = _open(root)
        assert [far.name(k) for k in range(30)] == [local.name(k) for k in range(30)]
        assert far.fingerprint() == local.fingerprint()
        assert server.requests.total() == 6  # each once, to index it
        steps = _steps(far, tmp_path / "two")
        first = [*batches(steps, 0, 0)][:13]
        rest = [*batches(_steps(_open(root), tmp_path / "three"), 13, 2)]
        assert all(_same(a, b) for a, b in zip(expected, [*first, *rest], strict=True))
        assert check(str(root), Task.BINARY).ok
        del server.files["/data/val-000.tar"]
        cache_folder = Path(tmp_path / "cache")
        for file in cache_folder.glob("*/*.*"):
            file.unlink()
        with pytest.raises(DataError, match=r"val-000\.tar cannot be read: the server refused it"):
            _open(root, "val")
