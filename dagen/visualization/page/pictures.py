"""The images in the folders of runs, embedded in the page itself."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from dagen.errors import DataError
from dagen.runs import describe
from dagen.runs.results import GIVEN, sheet_of
from dagen.visualization.page.subjects import Subject

_WIDEST = 2000  # pixels, enough for a screen
_QUALITY = 85
logger = logging.getLogger("dagen")

_DRAWN = {
    "map": "Feature space: UMAP of both domains",
    "confusion": "Confusion matrices",
    "reliability": "Reliability",
    "failure-groups": "Where it fails",
    "cases-*": "Cases",
}
"""The files of ``dagen visualize`` in ``visualize/``, in the order of the page."""


@dataclass(frozen=True)
class Picture:
    """One image.

    Attributes:
        title: title above it.
        caption: what was run, on which data, with which seed.
        address: the image itself, as a ``data:`` address.
        width: width in pixels.
        height: height in pixels.
    """

    title: str
    caption: str
    address: str
    width: int
    height: int


def sheets(subjects: Sequence[Subject]) -> list[Picture]:
    """The prediction sheets of the requested runs, the target's first."""
    found = []
    for subject in subjects:
        result = subject.result
        for name, _ in describe.by_role(result.config, result.scores):
            path = sheet_of(result.folder, name)
            if subject.added:
                continue
            if path.is_file():
                caption = f"Images of {name} val with their truth and predictions. {subject.told}."
                found.append(_picture(path, f"{subject.title} on {name}", caption))
            elif not result.name.startswith(GIVEN):
                logger.warning("%s is missing; the page does without it.", path)
    return found


def drawn(subjects: Sequence[Subject]) -> list[Picture]:
    """The figures of ``dagen visualize`` in the folders of the requested runs."""
    return [
        _picture(path, title, f"{subject.told}.")
        for subject in subjects
        if not subject.added
        for title, path in _drawn(subject.result.folder / "visualize")
    ]


def _drawn(folder: Path) -> Iterator[tuple[str, Path]]:
    for pattern, title in _DRAWN.items():
        for path in sorted(folder.glob(f"{pattern}.png")):
            kind = path.stem.removeprefix("cases-").replace("-", " ")
            yield (f"{title}: {kind}" if pattern == "cases-*" else title), path


def _picture(path: Path, title: str, caption: str) -> Picture:
    """An image file as WebP, with its own caption if it carries one."""
    try:
        with Image.open(path) as opened:
            told = opened.info.get("Description", caption)
            image = opened.convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(
            f"{path} is not a readable image ({error}); remove it, or draw it again."
        ) from None
    if image.width > _WIDEST:
        height = round(image.height * _WIDEST / image.width)
        image = image.resize((_WIDEST, height), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "webp", quality=_QUALITY, method=4)
    content = base64.b64encode(file.getvalue()).decode()
    address = f"data:image/webp;base64,{content}"
    return Picture(title, str(told), address, image.width, image.height)
