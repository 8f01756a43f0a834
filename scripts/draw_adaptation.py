"""Draw docs/pictures/adaptation.webp: an animation of synthetic litter before and after adaptation.

Run ``python scripts/draw_adaptation.py [RUNS]`` from a checkout. RUNS is the folder of the runs of
``make demo`` (``demo``); missing runs are trained here. ``adaptation.png`` beside it is the same
without movement, for readers who prefer that.
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dagen import plugins
from dagen.datasets.base import Dataset
from dagen.engine.run import run_pair
from dagen.runs.reading import load
from dagen.runs.runtime import Runtime
from dagen.scoring.overlay import legend
from dagen.scoring.predictor import mask
from dagen.scoring.sheets import laid_out
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.files import make_folder, write_atomically
from dagen.types import Pixels, Task

HERE = Path(__file__).resolve().parents[1]
TASK = Task.MATERIAL
CELL, GAP, HEAD = 336, 8, 40  # pixels
WIPE = 9  # frames from one state to the next
FRAME, HOLD = 55, 1900  # milliseconds


def chosen(dataset: Dataset) -> list[int]:
    """Four wide images, evenly spaced over the split, so that nobody picks the best."""
    wide = [i for i in range(len(dataset)) if dataset.image(i).shape[0] < dataset.image(i).shape[1]]
    return [wide[(2 * k + 1) * len(wide) // 8] for k in range(4)]


def states(runs: Path) -> dict[str, list[Pixels]]:
    """The four images alone, with each network's prediction, and with their labels."""
    config = load(HERE / "benchmarks" / "demo.toml")
    pair = run_pair(config, Runtime(runs=runs, experiment="demo"))
    dataset = plugins.get("datasets", "taco-synth")(Path(), "val", Task.MATERIAL)
    places = chosen(dataset)
    images = [dataset.image(i) for i in places]
    found: dict[str, list[Pixels]] = {
        "synthetic photographs, no labels": [laid_out(image, [], TASK, CELL)[0] for image in images]
    }
    for title, run in (
        ("learned on the belt alone", pair.baseline),
        (f"adapted to unlabelled litter: {' and '.join(config.method)}", pair.adapted),
    ):
        predictor = TorchPredictor.load(run.model)
        marks = [mask(predictor(image)) for image in images]
        found[title] = [laid_out(i, [m], TASK, CELL)[1] for i, m in zip(images, marks, strict=True)]
    found["truth"] = [
        laid_out(image, [dataset.label(i)], TASK, CELL)[1]
        for image, i in zip(images, places, strict=True)
    ]
    return found


def board(pictures: list[Pixels], title: str) -> Image.Image:
    """Two by two images under a title."""
    height, width = pictures[0].shape[:2]
    page = Image.new("RGB", (2 * width + GAP, HEAD + 2 * height + GAP), "white")
    for k, picture in enumerate(pictures):
        place = ((k % 2) * (width + GAP), HEAD + (k // 2) * (height + GAP))
        page.paste(Image.fromarray(picture), place)
    font = ImageFont.load_default(size=21)
    ImageDraw.Draw(page).text((2, HEAD // 2 - 2), title, "#222222", font, anchor="lm")
    return page


def wiped(before: Image.Image, after: Image.Image, share: float) -> Image.Image:
    """``after`` to the left of a line that moves right over every image, ``before`` beyond it."""
    page = before.copy()
    page.paste(after.crop((0, 0, after.width, HEAD)), (0, 0))
    width = (page.width - GAP) // 2
    edge = round(share * width)
    for left in (0, width + GAP):
        page.paste(after.crop((left, HEAD, left + edge, page.height)), (left, HEAD))
        ImageDraw.Draw(page).line(
            (left + edge, HEAD, left + edge, page.height), fill="white", width=3
        )
    return page


def finished(page: Image.Image) -> Image.Image:
    """The page with the legend below."""
    key = legend(TASK, page.width, ignored=True, size=15)
    whole = Image.new("RGB", (page.width, page.height + GAP + key.height), "white")
    whole.paste(page, (0, 0))
    whole.paste(key, (0, page.height + GAP))
    return whole


def main(runs: Path, folder: Path) -> None:
    """Write both images."""
    boards = [board(pictures, title) for title, pictures in states(runs).items()]
    frames: list[Image.Image] = []
    lengths: list[int] = []
    for before, after in zip(boards, boards[1:] + boards[:1], strict=True):
        shares = [(k + 1) / (WIPE + 1) for k in range(WIPE)]
        frames += [before, *(wiped(before, after, share) for share in shares)]
        lengths += [HOLD, *([FRAME] * WIPE)]
    frames = [finished(frame) for frame in frames]
    make_folder(folder)
    moving = {"save_all": True, "append_images": frames[1:], "duration": lengths, "loop": 0}
    write_atomically(
        folder / "adaptation.webp",
        lambda file: frames[0].save(file, "webp", quality=62, method=6, **moving),
    )
    still = Image.new("RGB", (boards[1].width, 2 * boards[1].height + 2 * GAP), "white")
    still.paste(boards[1], (0, 0))
    still.paste(boards[2], (0, boards[1].height + 2 * GAP))
    small = finished(still).quantize(256, Image.Quantize.MEDIANCUT, kmeans=2)
    write_atomically(folder / "adaptation.png", lambda file: small.save(file, "png", optimize=True))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"), HERE / "docs" / "pictures")
