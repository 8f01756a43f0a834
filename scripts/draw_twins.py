"""Draw docs/pictures/twins.png: the procedural twins with their labels.

Run ``python scripts/draw_twins.py [FILE]`` from a checkout; it takes a few seconds.
"""

import sys
from pathlib import Path

from PIL import Image

from dagen import plugins
from dagen.scoring.sheets import grid, laid_out
from dagen.system.files import make_folder, write_atomically
from dagen.types import Pixels, Task

HERE = Path(__file__).resolve().parents[1]
TASK = Task.MATERIAL
CHOSEN = {"resortit-synth": (40, 59, 54, 57, 42), "taco-synth": (41, 44, 48, 53, 58)}
CAPTION = (
    "The procedural twins. Above, resortit-synth: the source, with its labels. Below, taco-synth: "
    "the target; its labels only score. Every pixel is made by code."
)
CELL = 176  # long side of an image, pixels


def two_rows(name: str, chosen: tuple[int, ...]) -> list[list[Pixels]]:
    """A row of images above a row of the same images with their labels."""
    twin = plugins.get("datasets", name)(Path(), "train", Task.MATERIAL)
    pairs = [laid_out(twin.image(i), [twin.label(i)], TASK, CELL) for i in chosen]
    return [[image for image, _ in pairs], [marked for _, marked in pairs]]


def main(path: Path) -> None:
    """Write the image in 256 colours, a third of the bytes of full colour."""
    rows = [row for name, chosen in CHOSEN.items() for row in two_rows(name, chosen)]
    page = grid(rows, [""] * len(rows[0]), CAPTION, legend_of=(TASK, True), cell=CELL)
    # Without the refinement by k-means, the rare colours of the labels shift visibly.
    small = page.quantize(256, Image.Quantize.MEDIANCUT, kmeans=2)
    make_folder(path.parent)
    write_atomically(path, lambda file: small.save(file, "png", optimize=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "docs" / "pictures" / "twins.png")
