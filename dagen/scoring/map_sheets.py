"""Sheets of photographs with their teachers' maps, and a table of them as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dagen.datasets.base import Dataset
from dagen.datasets.maps.base import Array, Map
from dagen.scoring.map_report import Look, Plane, unit
from dagen.scoring.sheets import grid
from dagen.system.files import make_folder, write_atomically
from dagen.types import Image, Task

TABLE = "maps.csv"
_ROWS = 12
_TINT = np.array([255, 40, 140], np.float32)


def write(
    dataset: Dataset,
    maps: Mapping[str, Map],
    looks: Sequence[Look],
    out: Path,
    on_image: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Write ``maps.csv`` and sheets of all photographs, the doubtful ones first.

    Args:
        dataset: the photographs.
        maps: teachers by name.
        looks: what :func:`dagen.scoring.map_report.look` found.
        out: folder to write to; made if missing.
        on_image: called after each photograph.

    Returns:
        The files.

    Raises:
        DagenError: a file cannot be written.
    """
    make_folder(out)
    ordered = sorted(looks, key=lambda one: one.order)
    written = [out / TABLE]
    write_atomically(written[0], _table(ordered, list(maps)).encode())
    for first in range(0, len(ordered), _ROWS):
        some = ordered[first : first + _ROWS]
        rows = []
        for one in some:
            image = dataset.image(one.index)
            made = [dataset.map_of(one.index, kind) for kind in maps.values()]
            shown = [unit(each) for each in made]
            tinted = [
                _tinted(image, plane, _colours(each, dataset.task))
                for plane, each in zip(shown, made, strict=True)
            ]
            joined = [_tinted(image, np.mean(shown, axis=0))] if len(shown) > 1 else []
            rows.append([image, *tinted, *joined])
            on_image()
        titles = ["photograph", *maps, *(["mean"] if len(maps) > 1 else [])]
        lines = "\n".join(_line(one) for one in some)
        page = out / f"maps-{first // _ROWS + 1:02d}.png"
        picture = grid(rows, titles, lines)
        write_atomically(page, lambda file, drawn=picture: drawn.save(file, "png"))  # type: ignore[misc]
        written.append(page)
    return written


def _line(one: Look) -> str:
    covered = ", ".join(f"{100 * share:.1f} %" for share in one.coverage.values())
    doubt = f"; {one.doubt}" if one.doubt else ""
    agreed = "" if one.agreement is None else f", agreement {100 * one.agreement:.0f} %"
    return f"{one.name}: covers {covered}{agreed}{doubt}"


def _table(looks: Sequence[Look], teachers: Sequence[str]) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["name", *(f"coverage {t}" for t in teachers), "agreement", "doubt"])
    for one in looks:
        shares = [f"{one.coverage[t]:.4f}" for t in teachers]
        agreed = "" if one.agreement is None else f"{one.agreement:.4f}"
        table.writerow([one.name, *shares, agreed, one.doubt])
    return text.getvalue()


def _colours(made: Array, task: Task) -> NDArray[np.float32]:
    """(H, W, 3) the colour of each pixel's likeliest class of objects, or pink without classes."""
    if made.ndim == 2 or made.shape[2] != task.num_classes:
        return _TINT
    found = np.array(task.colours, np.float32)[1 + made[..., 1:].argmax(2)]
    return np.asarray(found, np.float32)


def _tinted(image: Image, plane: Plane, colours: NDArray[np.float32] = _TINT) -> Image:
    """A grey picture in which the map is coloured."""
    grey = np.repeat(image.astype(np.float32).mean(2, keepdims=True), 3, 2)
    alpha = 0.7 * plane[..., None]
    return np.asarray(np.round((1 - alpha) * grey + alpha * colours), np.uint8)
