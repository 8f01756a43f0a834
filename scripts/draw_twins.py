"""Draw docs/pictures/twins.png: the procedural twins with their labels.

Run ``python scripts/draw_twins.py [FILE]`` from a checkout; it takes a few seconds.
"""

import sys
from pathlib import Path

from PIL import Image

from dagen import plugins
from dagen.files import make_folder, write_atomically
from dagen.overlay import overlay
from dagen.sheets import Pixels, grid
from dagen.types import Task

HERE = Path(__file__).resolve().parents[1]
CHOSEN = {"resortit-synth": (1, 27, 26, 7, 13), "taco-synth": (1, 31, 32, 6, 26)}
CELL = 176


def pair_of_rows(name: str, chosen: tuple[int, ...]) -> list[list[Pixels]]:
    """A row of images and a row of the same images with their labels."""
    twin = plugins.get("datasets", name)(Path(), "train", Task.MATERIAL)
    images = [twin.image(index) for index in chosen]
    classes = Task.MATERIAL.classes
    labels = [twin.label(index) for index in chosen]
    marked = [overlay(image, label, classes) for image, label in zip(images, labels, strict=True)]
    return [images, marked]


def main(path: Path) -> None:
    """Write the picture as a PNG of 256 colours, a third of the size of a full one."""
    rows = [row for name, chosen in CHOSEN.items() for row in pair_of_rows(name, chosen)]
    caption = (
        "Above: resortit-synth, the source. Below: taco-synth, the target. Every pixel is code."
    )
    titles = [""] * len(rows[0])
    page = grid(rows, titles, caption, legend_of=(Task.MATERIAL.classes, True), cell=CELL)
    small = page.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    make_folder(path.parent)
    write_atomically(path, lambda file: small.save(file, "png", optimize=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "docs" / "pictures" / "twins.png")
