"""Downloads TACO: its annotation file and the photographs whose addresses that file gives.

The photographs are on Flickr, 1,500 files of some gigabytes, and connections break. So a file is
downloaded as ``NAME.part``, resumed where it stopped, and renamed only after it was decoded
completely and has the size that the annotations declare. Failures are listed at the end.

Originals that Flickr keeps as PNG are stored as JPEG (quality 95), to match their names in TACO;
TACO's own script does the same to every photograph, at Pillow's default quality of 75. A photograph
that is a JPEG already is kept unchanged.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from dagen.datasets.reading.coco_entries import ImageEntry
from dagen.datasets.reading.coco_json import load
from dagen.datasets.reading.images import image_size, open_image, read_image
from dagen.datasets.reading.paths import inside
from dagen.datasets.upkeep.download import Failure, Progress, Summary
from dagen.datasets.upkeep.fetch import BrokenError, Fetcher, Patience, RefusedError
from dagen.errors import DagenError, DataError, UsageError
from dagen.system.files import make_folder, write_atomically

TACO_ANNOTATIONS = "https://raw.githubusercontent.com/pedropro/TACO/master/data/annotations.json"
"""The official annotation file: 1,500 photographs, 4,784 objects, 60 categories."""


def get_taco(
    folder: Path,
    *,
    workers: int = 8,
    patience: Patience | None = None,
    annotations: str = TACO_ANNOTATIONS,
    progress: Progress | None = None,
) -> Summary:
    """Download TACO into ``folder``; call it again to resume or repair.

    Args:
        folder: the data set's own folder, made if it is missing. An existing annotation file
            (``data/annotations.json``, or without ``data``) is used, not downloaded.
        workers: number of parallel downloads.
        patience: limits of retries; None is the default.
        annotations: address of the annotation file.
        progress: called after each photograph.

    Raises:
        UsageError: the package httpx is not installed, or ``workers`` is below 1.
        DataError: the annotation file cannot be downloaded or is damaged.
        DagenError: the folder cannot be made.
    """
    if workers < 1:
        raise UsageError(f"{workers} download workers were asked for; at least 1 is needed.")
    data = folder if (folder / "annotations.json").is_file() else make_folder(folder / "data")
    with Fetcher(patience or Patience()) as fetcher:
        file = data / "annotations.json"
        if not file.is_file():
            _get_annotations(fetcher, annotations, file)
        declared = load(file)
        summary = Summary(len(declared.images))
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
    except (RefusedError, BrokenError, DagenError, OSError) as error:
        summary.failures.append(Failure(name, " ".join(str(error).split())))


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
    path = inside(data, entry.file_name, str(source))
    size = (entry.height, entry.width)
    if path.is_file():
        try:
            _check_photograph(path, size)
            return False
        except (RefusedError, DataError):
            pass  # damaged, or of the small edition: it is downloaded again and replaced
    addresses = [url for url in (entry.flickr_url, entry.flickr_640_url) if url]
    if not addresses:
        raise RefusedError("the annotation file gives no address")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    reasons = []
    for address in dict.fromkeys(addresses):
        try:
            fetcher.fetch(address, part, lambda: _check_photograph(part, size))
        except RefusedError as error:
            part.unlink(missing_ok=True)
            reasons.append(f"{address}: {error}")
        else:
            _store(part, path)
            return True
    raise RefusedError("; ".join(reasons))


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
