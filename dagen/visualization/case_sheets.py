"""Sheets of single images: image, truth, before, after, entropy, disagreement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dagen.datasets.loading import transforms
from dagen.losses import self_information
from dagen.runs import figures
from dagen.scoring.overlay import legend
from dagen.scoring.predictor import mask
from dagen.scoring.sheets import grid, laid_out
from dagen.system.files import write_atomically
from dagen.types import IGNORE, Pixels
from dagen.visualization import captions
from dagen.visualization.cases import BETTER, OTHERWISE, WORSE, Cases, changes, errors
from dagen.visualization.survey import Picture, Survey

_CELL = 230  # long side of an image in pixels
# Colours of Okabe and Ito, too, that no class of the material task has.
_MARKS = {BETTER: (0, 114, 178), WORSE: (213, 94, 0), OTHERWISE: (240, 228, 66)}
_TEXT = 15


def draw(
    survey: Survey, cases: Cases, path: Path, on_image: Callable[[], None] = lambda: None
) -> Path:
    """Write the sheet of some images as a PNG.

    Columns: the image, its truth, what each network predicts, the last network's entropy (dark is
    certain, bright is uncertain) and the disagreement of the first and the last. With one network
    the last column shows its errors instead.

    Args:
        survey: source of the images.
        cases: the images to show.
        path: the PNG file; its folder exists.
        on_image: called after each image.

    Returns:
        ``path``.
    """
    names = [c.title for c in survey.checkpoints]
    titles = ["image", "truth", *names, "entropy", "disagreement" if len(names) > 1 else "errors"]
    pages: list[Image.Image] = []
    ignored = False
    for picture in cases.pictures:
        cells, hatched = _row(survey, picture)
        ignored |= hatched
        row = [_boxed(cell) for cell in cells]
        pages.append(grid([row], titles if not pages else [""] * len(row), _told(survey, picture),
                          cell=_CELL))  # fmt: skip
        on_image()
    inner = pages[0].width - 32  # the sheet's margins
    key = _joined([legend(survey.task, inner, ignored=ignored), _key(names, inner)])
    caption = captions.of_figure(cases.title, survey, [survey.sides[1]])
    foot = grid([[np.asarray(key)]], [""], caption, cell=inner)
    page = _joined([*pages, foot])
    write_atomically(path, lambda file: page.save(file, "png", optimize=True))
    return path


@torch.inference_mode()
def _row(survey: Survey, picture: Picture) -> tuple[list[Pixels], bool]:
    dataset = survey.sides[1].dataset
    image, truth = dataset.image(picture.index), dataset.label(picture.index)
    answers = []
    for c in survey.checkpoints:
        p = c.predictor(image)
        answers.append(mask(p))
    # Entropy of the last network over log C: 0 is certain, 1 is undecided.
    entropy = 255 * self_information(torch.from_numpy(p)[None]).sum(1)[0].clamp(0, 1).numpy()
    change = (
        changes(truth, answers[0], answers[-1]) if len(answers) > 1 else errors(truth, answers[0])
    )
    cells = laid_out(image, [truth, *answers], survey.task, _CELL)
    height, width = cells[0].shape[:2]
    heat = _heat(cv2.resize(entropy, (width, height), interpolation=cv2.INTER_AREA))
    marks = transforms.resize_label(change, (height, width))
    return [*cells, heat, marked(cells[0], marks)], bool((truth == IGNORE).any())


def marked(image: Pixels, change: Pixels) -> Pixels:
    """The image in pale grey, with changed pixels in colour.

    Args:
        image: (H, W, 3) uint8 RGB.
        change: (H, W) uint8, see :func:`dagen.visualization.cases.changes`.
    """
    grey = image.mean(2, keepdims=True)
    pale = np.repeat(0.55 * grey + 0.45 * 255, 3, axis=2).astype(np.uint8)
    for value, colour in _MARKS.items():
        pale[change == value] = np.rint(0.25 * pale[change == value] + 0.75 * np.array(colour))
    return pale


def _told(survey: Survey, picture: Picture) -> str:
    parts = [picture.name, *([picture.scene] if picture.scene else [])]
    scores = []
    for checkpoint, found in zip(survey.checkpoints, picture.scores, strict=True):
        known = found.to_dict()
        values = (
            f"{figures.title(figure, survey.task.name)} {figures.percent(known.get(figure))} %"
            for figure in figures.of_foreground(survey.task.name, [known])
        )
        scores.append(f"{checkpoint.title}: {', '.join(values)}")
    return " · ".join(parts + scores)


def _boxed(picture: Pixels) -> Pixels:
    """Padded with white to the width of a column, so that the columns of all rows align."""
    missing = max(0, _CELL - picture.shape[1])
    sides = missing // 2, missing - missing // 2
    return np.pad(picture, ((0, 0), sides, (0, 0)), constant_values=255)


def _key(names: Sequence[str], width: int) -> Image.Image:
    """The legend of the last two columns' colours."""
    said: list[tuple[Pixels, str]] = [
        (_heat(np.linspace(0, 255, 6 * _TEXT)[None].repeat(_TEXT, 0)), "entropy from 0 to 1")
    ]
    texts = {WORSE: "wrong"}
    if len(names) > 1:
        texts = {
            BETTER: f"only {names[-1]} is right",
            WORSE: f"only {names[0]} is right",
            OTHERWISE: "they differ; neither is right, or the truth is unknown",
        }
    said += [(np.full((_TEXT, _TEXT, 3), _MARKS[value], np.uint8), t) for value, t in texts.items()]
    font = ImageFont.load_default(size=_TEXT)
    line = round(1.6 * _TEXT)
    strip = Image.new("RGB", (width, line * len(said)), "white")
    pen = ImageDraw.Draw(strip)
    for k, (swatch, text) in enumerate(said):
        strip.paste(Image.fromarray(swatch), (0, k * line + (line - _TEXT) // 2))
        pen.text((swatch.shape[1] + _TEXT // 2, k * line + line // 2), text, "black", font,
                 anchor="lm")  # fmt: skip
    return strip


def _heat(amount: NDArray[Any]) -> Pixels:
    """Amounts (H, W) from 0 to 255 as colours with even lightness."""
    bgr = cv2.applyColorMap(np.rint(amount).astype(np.uint8), cv2.COLORMAP_CIVIDIS)
    return np.ascontiguousarray(bgr[..., ::-1], dtype=np.uint8)


def _joined(parts: Sequence[Image.Image]) -> Image.Image:
    """Images below one another, aligned left."""
    page = Image.new("RGB", (max(p.width for p in parts), sum(p.height for p in parts)), "white")
    top = 0
    for part in parts:
        page.paste(part, (0, top))
        top += part.height
    return page
