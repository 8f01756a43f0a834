import os
import pickle
import subprocess
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dagen.datasets.base import Dataset
from dagen.datasets.loading.cache import DecodeCache, cached, cover
from dagen.datasets.loading.wrappers import Subset
from dagen.datasets.maps.base import Map
from dagen.datasets.resortit import ReSortIt
from dagen.datasets.taco import Taco
from dagen.errors import DataError
from dagen.types import Task
from tests.fuzz import FUZZ
from tests.tiny import make_resortit, make_taco


class Counted(Dataset):
    """A data set that counts how often it is read."""

    def __init__(self, label_key: str | None = "L") -> None:
        super().__init__(Path(), "train", Task.BINARY)
        self.images = self.labels = 0
        self.version = 0
        self._label_key = label_key
        self.pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)

    def __len__(self) -> int:
        return 1

    def name(self, index: int) -> str:
        return "x"

    def image(self, index: int) -> np.ndarray:
        self.images += 1
        return self.pixels

    def label(self, index: int) -> np.ndarray:
        self.labels += 1
        return self.pixels[..., 0]

    def image_key(self, index: int) -> str:
        return f"I{self.version}"

    def label_key(self, index: int) -> str | None:
        return self._label_key

    def fingerprint(self) -> str:
        return "print"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@FUZZ
@given(*[st.integers(1, 5000)] * 4)
def test_cover_is_the_smallest_that_covers(height: int, width: int, low: int, narrow: int) -> None:
    got = cover((height, width), (low, narrow))
    if height < low or width < narrow:
        assert got == (height, width)
        return
    assert got[0] >= low and got[1] >= narrow
    assert got[0] <= height and got[1] <= width
    assert got[0] == low or got[1] == narrow
    assert abs(got[0] / height - got[1] / width) <= 0.5001 / min(height, width) + 1e-9


def test_images_are_averaged_down_and_labels_taken_from_their_middle(tmp_path: Path) -> None:
    data = Counted()
    data.pixels = np.repeat(np.repeat(data.pixels[:8, :12], 5, axis=0), 5, axis=1)
    small = cached(data, (8, 10), tmp_path)
    assert np.array_equal(small.image(0), data.pixels[::5, ::5])
    assert np.array_equal(small.label(0), data.pixels[::5, ::5, 0])


def test_small_images_stay_as_they_are(tmp_path: Path) -> None:
    data = Counted()
    same = cached(data, (41, 10), tmp_path)
    assert np.array_equal(same.image(0), data.pixels)
    assert data.pixels.flags.writeable  # the data set's own array is left alone


def test_each_image_is_decoded_once(tmp_path: Path) -> None:
    data = Counted()
    first = cached(data, (20, 20), tmp_path)
    image = first.image(0)
    assert image.shape == (20, 30, 3)
    assert np.array_equal(first.image(0), image)
    assert np.array_equal(cached(data, (20, 20), tmp_path).image(0), image)
    assert data.images == 1
    assert isinstance(cached(data, (20, 20), tmp_path).image(0).base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0


def test_another_content_or_setting_is_another_entry(tmp_path: Path) -> None:
    data = Counted()
    cached(data, (20, 20), tmp_path).image(0)
    cached(data, (21, 20), tmp_path).image(0)
    assert data.images == 2
    data.version = 1
    data.pixels = 255 - data.pixels
    changed = cached(data, (20, 20), tmp_path).image(0)
    assert data.images == 3
    assert np.array_equal(changed, cached(data, (20, 20), tmp_path / "fresh").image(0))


def test_images_never_open_labels(tmp_path: Path) -> None:
    data = Counted()
    dataset = cached(data, (20, 20), tmp_path)
    dataset.image(0)
    assert data.labels == 0
    assert len(_files(tmp_path)) == 1
    dataset.label(0)
    dataset.label(0)
    assert data.labels == 1
    assert len(_files(tmp_path)) == 2


class Brightness(Map):
    """The mean of the channels; counts how often it is made."""

    def __init__(self, kind: str, version: int = 1) -> None:
        self.digest = f"brightness/{version}/{kind}"
        self.kind = kind
        self.made = 0

    def make(self, image: np.ndarray, name: str) -> np.ndarray:
        assert name == "x"
        self.made += 1
        return image.mean(2).astype(self.kind)


@pytest.mark.parametrize("kind", ["uint8", "float16", "float32"])
def test_a_map_is_kept_in_its_own_type_and_opens_no_label(tmp_path: Path, kind: str) -> None:
    data, brightness = Counted(), Brightness(kind)
    dataset = Subset(cached(data, (20, 20), tmp_path), [0])
    expected = np.array(dataset.image(0)).mean(2).astype(kind)
    for _ in range(2):
        found = dataset.map_of(0, brightness)
        assert found.dtype == kind and np.array_equal(found, expected)
    assert isinstance(found.base, np.memmap)
    assert (data.images, data.labels, brightness.made) == (1, 0, 1)
    later = Brightness(kind, version=2)
    dataset.map_of(0, later)
    data.version = 1
    dataset.map_of(0, later)
    assert later.made == 2  # another way of making it, and another image


def test_labels_that_cannot_tell_their_age_are_not_kept(tmp_path: Path) -> None:
    data = Counted(label_key=None)
    dataset = cached(data, (20, 20), tmp_path)
    for _ in range(2):
        assert dataset.label(0).shape == (20, 30)
    assert data.labels == 2
    assert _files(tmp_path) == []


def _cut(content: bytes) -> bytes:
    return content[:-1]


def _flip(content: bytes) -> bytes:
    return content[:200] + bytes([content[200] ^ 1]) + content[201:]


def _empty(content: bytes) -> bytes:
    return b""


def _lengthen(content: bytes) -> bytes:
    return content + b"\0"


@pytest.mark.parametrize("damage", [_cut, _flip, _empty, _lengthen])
def test_a_damaged_entry_is_made_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    data = Counted()
    image = np.array(cached(data, (20, 20), tmp_path).image(0))
    (path,) = _files(tmp_path)
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    assert np.array_equal(cached(data, (20, 20), tmp_path).image(0), image)
    assert data.images == 2
    assert [path.read_bytes() for path in _files(tmp_path)] == [sound]


def test_no_pickled_object_is_read(tmp_path: Path) -> None:
    data = Counted()
    image = np.array(cached(data, (20, 20), tmp_path).image(0))
    (path,) = _files(tmp_path)
    trap = np.array([{"a": 1}], dtype=object)
    with path.open("wb") as file:
        np.save(file, trap, allow_pickle=True)
    content = path.read_bytes()
    path.write_bytes(content + zlib.crc32(content).to_bytes(4, "little"))
    assert np.array_equal(cached(data, (20, 20), tmp_path).image(0), image)


def test_without_a_writable_folder_it_says_so_in_one_line_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    data = Counted()
    dataset = cached(data, (20, 20), tmp_path / "file")
    images = [dataset.image(0) for _ in range(3)]
    [told] = caplog.messages
    assert "decoded every time" in told and "DAGEN_CACHE" in told and "\n" not in told
    assert data.images == 3
    assert np.array_equal(images[0], images[2])


def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    data = Counted()
    dataset = cached(data, (20, 20), tmp_path)
    assert dataset.image(0).shape == (20, 30, 3)
    assert "no space left" in caplog.text
    assert _files(tmp_path) == []


def test_many_at_once_make_one_sound_file(tmp_path: Path) -> None:
    data = Counted()

    def read(_: int) -> np.ndarray:
        return cached(data, (20, 20), tmp_path).image(0)

    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(read, range(16)))
    assert all(np.array_equal(image, images[0]) for image in images)
    assert len(_files(tmp_path)) == 1


def test_what_the_maker_raises_goes_through(tmp_path: Path) -> None:
    def fail() -> np.ndarray:
        raise DataError("no such image")

    with pytest.raises(DataError, match="no such image"):
        DecodeCache(tmp_path).get("key", fail)


def test_all_else_is_the_data_sets_own(tmp_path: Path) -> None:
    data = Taco(make_taco(tmp_path), "train", Task.MATERIAL)
    dataset = cached(data, (24, 24), tmp_path / "cache")
    assert len(dataset) == len(data)
    for method in ("name", "image_key", "label_key", "scene", "instances"):
        assert getattr(dataset, method)(1) == getattr(data, method)(1)
    assert dataset.fingerprint() == data.fingerprint()
    assert (dataset.root, dataset.split, dataset.task) == (data.root, "train", Task.MATERIAL)
    assert dataset.has_labels
    assert dataset.image(1).shape == (32, 24, 3)
    assert dataset.label(1).shape == (32, 24)
    again = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(again.image(0), dataset.image(0))


def test_changed_files_are_read_anew(tmp_path: Path) -> None:
    folder = make_resortit(tmp_path)
    dataset = cached(ReSortIt(folder, "train", Task.MATERIAL), (48, 64), tmp_path / "cache")
    before, label = np.array(dataset.image(0)), np.array(dataset.label(0))
    for path in (folder / "train" / "00000.png", folder / "labels" / "train" / "00000.png"):
        turned = Image.open(path).transpose(Image.Transpose.ROTATE_180)
        turned.save(path)
        os.utime(path, ns=(1, 1))  # whatever the clock's resolution
    assert np.array_equal(dataset.image(0), before[::-1, ::-1])
    assert np.array_equal(dataset.label(0), label[::-1, ::-1])


def test_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGEN_CACHE", str(tmp_path / "here"))
    assert DecodeCache().folder == tmp_path / "here"
    monkeypatch.delenv("DAGEN_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert DecodeCache().folder == tmp_path / ".cache" / "dagen"
    assert not (tmp_path / ".cache").exists()  # nothing is made before something is stored


def test_sound_entries_warn_of_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cached(Counted(), (20, 20), tmp_path).image(0)
    assert not caplog.messages


def test_what_a_killed_process_has_left_goes_when_the_cache_is_opened(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    kept = DecodeCache(folder).get("a key", lambda: np.arange(3))
    inner = next(folder.iterdir())
    (inner / ".0123.npy.0123abcd.tmp").write_bytes(b"half")
    code = "import sys; from pathlib import Path; from dagen.datasets.loading.cache import *;"
    code += "DecodeCache(Path(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=Path(__file__).parents[3], check=True
    )
    assert [path.suffix for path in inner.iterdir()] == [".npy"]
    assert np.array_equal(kept, np.arange(3))


class Slow(Map):
    """A map that is made once for all sizes, and counts how often."""

    digest = "slow/1"
    whole = True

    def __init__(self) -> None:
        self.made: list[tuple[int, ...]] = []

    def make(self, image: np.ndarray, name: str) -> np.ndarray:
        self.made.append(image.shape)
        return np.full((4, 6), 9, np.uint8)


def test_a_whole_map_is_made_once_for_all_sizes(tmp_path: Path) -> None:
    kind, images = Slow(), Counted()
    for limit in ((10, 15), (20, 30), (10, 15)):
        found = cached(images, limit, tmp_path).map_of(0, kind)
        assert found.shape == limit and (found == 9).all()
    assert kind.made == [(40, 60, 3)]  # from the stored image


def test_a_whole_map_stays_in_memory_where_nothing_can_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    kind, dataset = Slow(), cached(Counted(), (10, 15), tmp_path / "file")
    first = dataset.map_of(0, kind)
    assert "cache does not work" in caplog.text
    assert np.array_equal(dataset.map_of(0, kind), first) and len(kind.made) == 1
