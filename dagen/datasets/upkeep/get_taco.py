"""Downloads TACO: its annotation file and the photographs whose addresses that file gives.

The photographs are on Flickr, 1,500 files of some gigabytes, and connections break. So a file is
downloaded as ``NAME.part``, resumed where it stopped, and renamed only after it was decoded
completely and has the size that the annotations declare. Failures are listed at the end.

The annotation file is someone else's: what it names is downloaded from public hosts only, up to
limits of size, and stored only as an image ``batch_N/NAME``.

Originals that Flickr keeps as PNG are stored as JPEG (quality 95), to match their names in TACO;
TACO's own script does the same to every photograph, at Pillow's default quality of 75. A photograph
that is a JPEG already is kept unchanged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path, PurePosixPath

from dagen.datasets.reading.coco_entries import ImageEntry
from dagen.datasets.reading.coco_json import load
from dagen.datasets.reading.images import image_size, open_image, read_image
from dagen.datasets.reading.paths import SUFFIXES, inside
from dagen.datasets.upkeep.download import Failure, Progress, Summary, occupied
from dagen.datasets.upkeep.fetch import (
    BrokenError,
    Fetcher,
    LimitReached,
    Patience,
    RefusedError,
    Room,
)
from dagen.errors import DagenError, DataError, UsageError, quoted, short
from dagen.system.drafts import sweep
from dagen.system.files import make_folder, write_atomically

TACO_ANNOTATIONS = "https://raw.githubusercontent.com/pedropro/TACO/master/data/annotations.json"
"""The official annotation file: 1,500 photographs, 4,784 objects, 60 categories."""

_MB, _GB = 10**6, 10**9


def get_taco(
    folder: Path,
    *,
    workers: int = 8,
    max_mb: int = 100,
    max_total_gb: int = 20,
    patience: Patience | None = None,
    annotations: str = TACO_ANNOTATIONS,
    progress: Progress | None = None,
) -> Summary:
    """Download TACO into ``folder``; call it again to resume or repair.

    Args:
        folder: the data set's own folder, made if it is missing. An existing annotation file
            (``data/annotations.json``, or without ``data``) is used, not downloaded.
        workers: number of parallel downloads.
        max_mb: most megabytes of one file; 24 megapixels without any compression have 72.
        max_total_gb: most gigabytes that are downloaded in this call; all photographs have some.
        patience: limits of retries and of slowness; None is the default.
        annotations: address of the annotation file.
        progress: called after each photograph.

    Raises:
        UsageError: the package httpx is not installed, or ``workers`` is below 1.
        DataError: the annotation file cannot be downloaded or is damaged.
        DagenError: the folder cannot be made, or ``max_total_gb`` is reached.
    """
    if workers < 1:
        raise UsageError(f"{workers} download workers were asked for; at least 1 is needed.")
    room = Room(max_mb * _MB, max_total_gb * _GB)
    with occupied(folder), Fetcher(patience or Patience(), room) as fetcher:
        return _get(folder, fetcher, annotations, workers, progress)


def _get(
    folder: Path, fetcher: Fetcher, annotations: str, workers: int, progress: Progress | None
) -> Summary:
    data = folder if (folder / "annotations.json").is_file() else make_folder(folder / "data")
    file = data / "annotations.json"
    if not file.is_file():
        _get_annotations(fetcher, annotations, file)
    declared = load(file)
    summary = Summary(len(declared.images))
    for batch in data.glob("batch_*"):
        sweep(batch)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="download")
    jobs: dict[Future[bool], str] = {
        pool.submit(_get_photograph, fetcher, data, declared.path, entry): name
        for name, entry in declared.images.items()
    }
    try:
        for done, job in enumerate(as_completed(jobs), start=1):
            _count(summary, jobs[job], job)
            if progress:
                progress(done, summary.total)
    finally:  # also when interrupted: running downloads stop at their next block
        fetcher.stop.set()
        pool.shutdown(cancel_futures=True)
    summary.failures.sort(key=lambda failure: failure.file)
    return summary


def _count(summary: Summary, name: str, job: Future[bool]) -> None:
    try:
        if job.result():
            summary.fetched += 1
        else:
            summary.present += 1
    except LimitReached:
        raise
    except (RefusedError, BrokenError, DagenError) as error:
        summary.failures.append(Failure(short(name, 300), " ".join(str(error).split())))
    except OSError as error:
        summary.failures.append(Failure(short(name, 300), f"{error.strerror or error}".lower()))


def _get_annotations(fetcher: Fetcher, address: str, file: Path) -> None:
    part = file.with_name(file.name + ".part")
    try:
        fetcher.fetch(address, part, lambda: load(part))
    except (RefusedError, BrokenError) as error:
        raise DataError(
            f"the annotation file could not be downloaded from {address} ({error}); get it in "
            f"another way, put it at {file} and run again."
        ) from None
    os.replace(part, file)


def _get_photograph(fetcher: Fetcher, data: Path, source: Path, entry: ImageEntry) -> bool:
    """Get the photograph; returns whether it had to be downloaded.

    Raises:
        RefusedError: no address has it, or it is not the declared image.
        BrokenError: the connection kept breaking.
        DataError: its path leaves the folder.
        OSError: it cannot be written.
    """
    if not _is_photograph(entry.file_name):
        raise RefusedError(
            "the annotation file gives it a name that is not one of a photograph, such as "
            f"batch_1/000006.jpg: {quoted(entry.file_name)}"
        )
    path = inside(data, entry.file_name, str(source))
    size = (entry.height, entry.width)
    parts: dict[str, Path] = {}  # one for each address: they are different files
    if entry.flickr_url:
        parts[entry.flickr_url] = path.with_name(f"{path.name}.part")
    if entry.flickr_640_url:
        parts.setdefault(entry.flickr_640_url, path.with_name(f"{path.name}.640.part"))
    if path.is_file():
        try:
            _check_photograph(path, size)
            _drop(parts.values())
            return False
        except (RefusedError, DataError):
            pass  # damaged, or of the small edition: it is downloaded again and replaced
    if not parts:
        raise RefusedError("the annotation file gives no address")
    path.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    for address, part in parts.items():
        try:
            fetcher.fetch(address, part, partial(_check_photograph, part, size))
        except (RefusedError, BrokenError) as error:
            reasons.append(f"{short(address)}: {error}")
            if fetcher.stop.is_set():
                break
        else:
            _store(part, path)
            _drop(parts.values())
            return True
    raise RefusedError("; ".join(reasons))


def _is_photograph(name: str) -> bool:
    """Whether a name is one that photographs of TACO have, so that no other file is replaced."""
    path = PurePosixPath(name)
    return (
        name.isprintable()
        and len(path.parts) > 1
        and path.parts[0].startswith("batch_")
        and path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.parts)
    )


def _drop(parts: Iterable[Path]) -> None:
    for part in parts:
        part.unlink(missing_ok=True)


def _check_photograph(path: Path, size: tuple[int, int]) -> None:
    found = image_size(path)
    if found != size:
        raise RefusedError(
            f"it is {found[1]}x{found[0]} (W x H), not {size[1]}x{size[0]} as declared"
        )
    read_image(path)


def _store(part: Path, path: Path) -> None:
    with open_image(part) as image:
        if path.suffix.lower() in (".jpg", ".jpeg") and image.format not in ("JPEG", "MPO"):
            exif = image.getexif()  # EXIF of the file, with the tag that turns it upright
            flat = image.convert("RGB")
            write_atomically(path, lambda out: flat.save(out, "JPEG", quality=95, exif=exif))
            part.unlink()
            return
    os.replace(part, path)
