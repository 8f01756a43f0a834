"""Makers of shards."""

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.own import image_and_mask

TOML = 'kind = "shards"\nclasses = ["background", "can", "bag"]\n'


def encoded(image: Any, form: str) -> bytes:
    """A picture as the bytes of a file."""
    content = io.BytesIO()
    image.save(content, form)
    return content.getvalue()


def sample(seed: int, *, form: str = "png", mask: bool = True) -> dict[str, bytes]:
    """The files of one sample by their endings."""
    image, ids = image_and_mask(seed, [1, 2])
    found = {form: encoded(image, "jpeg" if form == "jpg" else form)}
    return found | ({"mask.png": encoded(ids, "png")} if mask else {})


def write_tar(path: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """A tar file of these files, in their order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def files_of(samples: Mapping[str, Mapping[str, bytes]]) -> list[tuple[str, bytes]]:
    """The files of samples by key, in their order."""
    return [(f"{k}.{e}", content) for k, found in samples.items() for e, content in found.items()]


def make_shards(root: Path, shards: int, each: int, split: str = "train", first: int = 0) -> Path:
    """``SPLIT-000.tar`` and so on; the keys say how the samples are numbered over all of them."""
    for shard in range(shards):
        numbers = range(first + shard * each, first + (shard + 1) * each)
        # Keys that are not sorted: the order of the file counts.
        samples = {f"{(k * 7) % 1000:03}-{k}": sample(k) for k in numbers}
        write_tar(root / f"{split}-{shard:03}.tar", files_of(samples))
    return root
