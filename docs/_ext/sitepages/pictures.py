"""Pictures of data sets, drawn when the site is built.

The twins are always there. Photographs are drawn only where ``$DAGEN_DATA`` names their folder,
with attribution; without it the page of a photographed data set shows its twin and says so.
"""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from dagen import plugins
from dagen.datasets.base import Dataset
from dagen.datasets.loading.opening import VARIABLE
from dagen.scoring.sheets import grid, laid_out
from dagen.types import Task

_CELL = 232
_COUNT = 4
_TWINS = {"resortit": "resortit-synth", "taco": "taco-synth"}
_SOURCES = {
    "resortit": (
        "Pictures: the resortit folder named by DAGEN_DATA; Koskinopoulou et al., ReSORT-IT (BSD)."
    ),
    "taco": (
        "Photographs: TACO, Pedro F. Proença and Pedro Simões (2020, tacodataset.org), CC BY 4.0 "
        "unless the data set says otherwise of an image; resized, polygons drawn in."
    ),
}


@dataclass(frozen=True)
class Drawn:
    """A picture with its alternative text and caption."""

    png: bytes
    alt: str
    caption: str


def draw(name: str) -> Drawn | None:
    """Four training images of a data set above their labels; None where there is nothing."""
    if name in _SOURCES and (photographs := _real(name)) is not None:
        names = [photographs.name(i) for i in _spread(photographs)]
        caption = f"{_SOURCES[name]} Shown: {_credits(photographs.root, names)}."
        return Drawn(_png(photographs), f"Four images of {name} above their labels.", caption)
    twin = _TWINS.get(name, name)
    found = plugins.get("datasets", twin)
    if found.on_disk:
        return None
    caption = f"Four images of {twin} and their labels. Every pixel is made by code."
    if twin != name:
        caption = (
            f"The procedural twin, {twin}, made by code: photographs of {name} are not in this "
            f"site. Built beside the data ({VARIABLE} set), this page shows real ones."
        )
    picture = _png(found(Path(), "train", Task.MATERIAL))
    return Drawn(picture, f"Four images of {twin} above their labels.", caption)


def _real(name: str) -> Dataset | None:
    base = os.environ.get(VARIABLE)
    if not base or not (Path(base) / name).is_dir():
        return None
    dataset: Dataset = plugins.get("datasets", name)(Path(base) / name, "train", Task.MATERIAL)
    return dataset if dataset.has_labels and len(dataset) >= _COUNT else None


def _spread(dataset: Dataset) -> list[int]:
    """Images evenly spaced over the split (over its first hundred where it has no end)."""
    count = min(len(dataset), 100)
    return [(2 * i + 1) * count // (2 * _COUNT) for i in range(_COUNT)]


def _credits(root: Path, names: list[str]) -> str:
    """File names, with the photographs' addresses and licences where the annotations tell them."""
    told: dict[str, str] = {}
    for file in (root / "data" / "annotations.json", root / "annotations.json"):
        if file.is_file():
            document = json.loads(file.read_text(encoding="utf-8"))
            told = {
                i["file_name"]: ", ".join(filter(None, (i.get("flickr_url"), i.get("license"))))
                for i in document["images"]
            }
            break

    def one(name: str) -> str:
        address = told.get(name.removeprefix("data/"), "")
        return f"{name} ({address})" if address else name

    return ", ".join(map(one, names))


def _png(dataset: Dataset) -> bytes:
    chosen = _spread(dataset)
    pairs = [laid_out(dataset.image(i), [dataset.label(i)], dataset.task, _CELL) for i in chosen]
    rows = [[image for image, _ in pairs], [marked for _, marked in pairs]]
    sheet = grid(rows, [""] * len(chosen), "", legend_of=(dataset.task, True), cell=_CELL)
    small = sheet.quantize(256, Image.Quantize.MEDIANCUT, kmeans=2)
    file = io.BytesIO()
    small.save(file, "png", optimize=True)
    return file.getvalue()
