"""What lies where in a shard."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagen.datasets.shards.index import Kinds, ShardIndex, load
from dagen.datasets.shards.index import make as make_from
from dagen.errors import DataError
from tests.datasets.shards.making import write_tar

KEYS = st.text("abc/é-_ 0", min_size=1, max_size=150).filter(
    lambda k: not k.startswith("/") and not k.endswith("/") and "//" not in k
)
ENDINGS = st.lists(
    st.sampled_from(["jpg", "JPG", "png", "mask.png", "Mask.PNG", "json", "webp", "cls"]),
    max_size=4,
    unique_by=str.lower,
)


def make(path: Path, kinds: Kinds, shown: str) -> ShardIndex:
    """The index of a file."""
    with path.open("rb") as file:
        return make_from(file, kinds, shown)


SAMPLES = st.lists(st.tuples(KEYS, ENDINGS), unique_by=lambda s: s[0], max_size=8)


@settings(deadline=None)
@given(SAMPLES)
def test_every_file_is_found_where_it_lies(
    tmp_path_factory: pytest.TempPathFactory, samples: list[tuple[str, list[str]]]
) -> None:
    folder = tmp_path_factory.mktemp("shard")
    files = [
        (f"{key}.{ending}", f"{key}|{ending}".encode() * (7 * k % 300))
        for k, (key, endings) in enumerate(samples)
        for ending in endings
    ]
    path = write_tar(folder / "a.tar", files)
    found, content = make(path, Kinds(), "a.tar"), path.read_bytes()
    images, masks = _expected(samples)
    twice = [key for key, names in images.items() if len(names) > 1]
    bare = [key for key in masks if key not in images]
    assert len(found.faults) == bool(twice) + bool(bare)
    assert list(found.names) == [names[0] for names in images.values()]
    stored = dict(files)
    for name, (start, count), mask in zip(found.names, found.images, found.masks, strict=True):
        assert content[start : start + count] == stored[name]
        known = masks.get(name.partition(".")[0])
        assert (mask[0] < 0) == (known is None)
        if known is not None:
            assert content[mask[0] : mask[0] + mask[1]] == stored[known]
    with (folder / "a.npz").open("wb") as file:
        found.write(file)
    again = load(folder / "a.npz")
    assert again is not None and _same(again, found)


def _expected(
    samples: list[tuple[str, list[str]]],
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Names of images and of masks by key, found in a slow way."""
    images: dict[str, list[str]] = {}
    masks: dict[str, str] = {}
    for key, endings in samples:
        for ending in endings:
            name = f"{key}.{ending}"
            if ending.lower() == "mask.png":
                masks[key] = name
            elif ending.lower() in ("jpg", "png", "webp"):
                images.setdefault(key, []).append(name)
    return images, masks


def _same(one: ShardIndex, other: ShardIndex) -> bool:
    return (
        list(one.names) == list(other.names)
        and one.images.tolist() == other.images.tolist()
        and one.masks.tolist() == other.masks.tolist()
        and one.size == other.size
        and (one.image_digest, one.mask_digest) == (other.image_digest, other.mask_digest)
        and one.faults == other.faults
    )


FILES = [("a.jpg", b"1" * 700), ("a.mask.png", b"2" * 90), ("b.jpg", b"3" * 512)]


def test_a_truncated_shard_is_one_line_wherever_it_was_cut(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", FILES)
    whole = path.read_bytes()
    end = 7 * 512  # three headers, and contents of two, one and one block
    assert make(path, Kinds(), "x").size == len(whole)
    for cut in range(0, end + 512, 128):
        path.write_bytes(whole[:cut])
        with pytest.raises(DataError, match=r"^the shard a\.tar is damaged or truncated.*again\.$"):
            make(path, Kinds(), "a.tar")
    path.write_bytes(whole[: end + 512])
    assert len(make(path, Kinds(), "a.tar")) == 2


def test_damage_in_the_middle_is_not_the_end(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", FILES)
    content = bytearray(path.read_bytes())
    content[1536 + 20] ^= 255  # in the second header
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged or truncated after 1,536 bytes: make it again"):
        make(path, Kinds(), "a.tar")


@pytest.mark.parametrize("mode", ["w:gz", "w:xz"])
def test_a_compressed_shard_is_one_line(mode: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", mode) as tar:  # type: ignore[call-overload]
        tar.addfile(tarfile.TarInfo("a.jpg"), io.BytesIO())
    with pytest.raises(DataError, match="no tar file without compression"):
        make(tmp_path / "a.tar", Kinds(), "a.tar")


def test_digests_tell_images_from_masks(tmp_path: Path) -> None:
    found = [
        make(write_tar(tmp_path / "a.tar", [("a.jpg", image), ("a.mask.png", mask)]), Kinds(), "x")
        for image, mask in ((b"1", b"1"), (b"2", b"1"), (b"1", b"2"))
    ]
    assert found[0].image_digest == found[2].image_digest != found[1].image_digest
    assert found[0].mask_digest == found[1].mask_digest != found[2].mask_digest


def test_a_damaged_index_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    index = make(write_tar(tmp_path / "a.tar", FILES), Kinds(), "x")
    with path.open("wb") as file:
        index.write(file)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 97):
        path.write_bytes(whole[:cut])
        assert load(path) is None
    refused = 0
    end = len(whole) - 400  # of the list of its parts, whose bytes mean many things
    for place, change in [(p, 255) for p in range(0, len(whole), 41)] + [
        (p, 1 << bit) for p in range(end, len(whole)) for bit in range(8)
    ]:
        spoilt = bytearray(whole)
        spoilt[place] ^= change
        path.write_bytes(spoilt)
        found = load(path)
        refused += found is None
        assert found is None or _same(found, index)  # some bytes mean nothing, such as a date
    assert refused > 10
    assert load(tmp_path / "missing.npz") is None


def test_own_endings(tmp_path: Path) -> None:
    path = write_tar(
        tmp_path / "a.tar", [("a.rgb.jpg", b"1"), ("a.ids.bmp", b"22"), ("a.jpg", b"")]
    )
    found = make(path, Kinds("rgb.jpg", "ids.bmp"), "a.tar")
    assert list(found.names) == ["a.rgb.jpg"]
    assert (found.images[0, 1], found.masks[0, 1]) == (1, 2)
