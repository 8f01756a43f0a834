"""Downloads ReSORT-IT: an archive on Google Drive, unpacked into the layout that dagen reads.

The authors (github.com/kskmar/ReSORT-IT, BSD licence) publish three archives; the addresses below
come from their README. An archive may contain index masks (``train``, ``val``, ``labels``), which
are used unchanged, or ``train`` and ``val`` with COCO-like annotation files (categories Alu,
Carton, Bottle, Nylon), from which the masks are drawn. Nothing is written outside the data set's
folder, and that folder appears only after complete success.
"""

from __future__ import annotations

import glob
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from PIL import Image as Pil

from dagen.datasets.reading import coco_json
from dagen.datasets.reading.images import image_size
from dagen.datasets.reading.paths import inside, list_images
from dagen.datasets.upkeep.download import Summary, occupied
from dagen.errors import DataError, UsageError, unknown
from dagen.system.files import make_folder

ARCHIVES = {
    "basic": "1UVJ3XHo0a7VB648uNIAIMqWt99R7Yhcg",
    "synthetic-single": "16g5A-Hxh4qNATRWb0c1UdiBecLhfmIxN",
    "synthetic-complex": "18EeXpoLuDhgnUoVXEiw4lhYWZxrTmZRa",
}
"""Google Drive's ids of the three archives, from the authors' README."""

_PAGE = "https://drive.google.com/file/d/{}/view"
_IDS = {"background": 0, "alu": 1, "carton": 2, "bottle": 3, "nylon": 4}
_SPLITS = ("train", "val")
_UNPACKING = ".unpacking"


def get_resortit(
    folder: Path, *, edition: str = "synthetic-single", archive: Path | None = None
) -> Summary:
    """Download and unpack ReSORT-IT.

    Args:
        folder: the data set's own folder; it must not exist yet, or be empty.
        edition: name of the archive, one of ``ARCHIVES``.
        archive: a zip or tar file that was downloaded by hand, to use instead.

    Returns:
        The number of images; all of them were downloaded now.

    Raises:
        UsageError: an unknown edition, or the package gdown is not installed.
        DataError: the folder is not empty, or the archive cannot be downloaded, is damaged, has
            other content, or is larger than the disk's free space.
    """
    if edition not in ARCHIVES:
        raise unknown("edition of ReSORT-IT", edition, ARCHIVES)
    with occupied(folder):
        return _get(folder, edition, archive)


def _get(folder: Path, edition: str, archive: Path | None) -> Summary:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} exists already: move it away to get the data again.")
    fetched = folder.with_name(f"{folder.name}-{edition}.archive")
    if archive is None:
        _download(edition, fetched)
    for leftover in folder.parent.glob(f".{glob.escape(folder.name)}-????????{_UNPACKING}"):
        shutil.rmtree(leftover, ignore_errors=True)  # of a call that was killed
    # Beside its final path, so that the last step is a rename.
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=f".{folder.name}-", suffix=_UNPACKING
    ) as temporary:
        unpacked = make_folder(Path(temporary) / "content")  # with the usual permissions
        unpack(archive or fetched, unpacked)
        top = _top(unpacked)
        if not (top / "labels").is_dir():
            for split in _SPLITS:
                _draw_masks(top, split, _annotation_file(unpacked, split))
        if folder.is_dir():
            folder.rmdir()
        os.replace(top, folder)
    if archive is None:
        fetched.unlink()
    images = sum(len(list_images(folder / split)) for split in _SPLITS)
    return Summary(total=images, fetched=images)


def _download(edition: str, target: Path) -> None:
    try:
        import gdown
    except ImportError:
        raise UsageError(
            "downloading from Google Drive needs the package gdown: pip install "
            f"'dagen[download]'. {_by_hand(edition)}"
        ) from None
    try:
        gdown.download(id=ARCHIVES[edition], output=os.fspath(target), resume=True)
    # gdown raises its own errors, those of requests, and the system's.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"Google Drive did not give the archive ({reason}). {_by_hand(edition)}"
        ) from error


def _by_hand(edition: str) -> str:
    return (
        f"By hand: save {_PAGE.format(ARCHIVES[edition])} (linked from "
        "github.com/kskmar/ReSORT-IT) and run `dagen data get resortit --archive FILE`."
    )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar file without links and other special members.

    Raises:
        DataError: the file is missing, damaged or of another format, a member would be written
            outside ``folder``, or the disk has not enough space.
    """
    if not archive.is_file():
        raise DataError(f"there is no archive {archive}.")
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                entries = [entry for entry in opened.infolist() if not entry.is_dir()]
                _check_room(folder, sum(entry.file_size for entry in entries))
                for entry in entries:
                    with opened.open(entry) as content:
                        _write(content, inside(folder, entry.filename, str(archive)))
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                members = [member for member in tar.getmembers() if member.isfile()]
                _check_room(folder, sum(member.size for member in members))
                for member in members:
                    if stream := tar.extractfile(member):
                        _write(stream, inside(folder, member.name, str(archive)))
        else:
            raise DataError(f"{archive} is neither a zip nor a tar file: get the archive again.")
    # zlib.error for a damaged block; RuntimeError for encryption or unknown compression.
    except (OSError, EOFError, zlib.error, RuntimeError, zipfile.BadZipFile, tarfile.TarError) as e:
        raise DataError(f"the archive {archive} cannot be unpacked ({e}): get it again.") from None


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"unpacking needs {needed / 1e9:.1f} GB, {folder.parent} has {free / 1e9:.1f} GB "
            "free: make space."
        )


def _write(content: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(content, file)


def _top(folder: Path) -> Path:
    """The outermost folder below ``folder`` that has images in ``train`` and ``val``."""
    candidates = [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]
    # "labels" has folders of these names too.
    for top in sorted(candidates, key=lambda path: (path.name == "labels", len(path.parts))):
        if all(list_images(top / split) for split in _SPLITS):
            return top
    found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
    raise DataError(
        f"the archive has no folder with images in train/ and val/ (it has: {found}); "
        "expected are train/, val/ and labels/train/, labels/val/ or annotation files."
    )


def _annotation_file(folder: Path, split: str) -> Path:
    files = [path for path in folder.rglob("*.json") if split in path.stem.lower()]
    if len(files) != 1:
        names = ", ".join(sorted(path.name for path in files)) or "none"
        raise DataError(
            f"the archive has no labels/ and not exactly one annotation file for '{split}' "
            f"(found: {names}); expected is one .json with '{split}' in its name."
        )
    return files[0]


def _draw_masks(top: Path, split: str, file: Path) -> None:
    """Write ``labels/SPLIT/STEM.png`` for every image of the split."""
    drawn = coco_json.load(file)
    labels = top / "labels" / split
    labels.mkdir(parents=True)
    for name in list_images(top / split):
        target = (labels / name).with_suffix(".png")
        if target.exists():
            raise DataError(f"two images of '{split}' share the name {target.name}: rename one.")
        label = drawn.draw(drawn.entry(name), image_size(top / split / name), _value(file))
        target.parent.mkdir(parents=True, exist_ok=True)
        Pil.fromarray(label).save(target)


def _value(file: Path) -> Callable[[str], int]:
    def value(category: str) -> int:
        if category.casefold() not in _IDS:
            raise DataError(
                f"{file} has the unknown category '{category}'; known: {', '.join(_IDS)}."
            )
        return _IDS[category.casefold()]

    return value
