"""Best and worst images by IoU, and the images and pixels on which two networks differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagen.runs import figures
from dagen.scoring.metrics import Scores
from dagen.types import IGNORE, Pixels
from dagen.visualization.survey import Picture, Survey

SAME, BETTER, WORSE, OTHERWISE = range(4)
"""The kinds of change at a pixel; see :func:`changes`."""


@dataclass(frozen=True)
class Cases:
    """Some images of one kind.

    Attributes:
        name: part of file names, such as ``worst``.
        title: title in captions.
        pictures: images, the clearest cases first.
    """

    name: str
    title: str
    pictures: list[Picture]


def quality(scores: Scores) -> tuple[float, float]:
    """Foreground mIoU of one image, then its waste IoU, which breaks ties.

    The first is the headline of every task. The background is left out; otherwise predicting
    nothing would give a good score.
    """
    return scores.foreground_miou, scores.waste_iou


def cases(survey: Survey, count: int) -> list[Cases]:
    """The target's worst and best images, and those that changed most between two networks.

    Images whose labels contain no waste are left out.

    Args:
        survey: images and predictions.
        count: largest number of images of each kind.

    Returns:
        Worst and best by :func:`quality` of the last network, gained and lost by its difference
        from the first; kinds without an image are left out.
    """
    names = [c.title for c in survey.checkpoints]
    first = survey.task.foreground.start
    pictures = [
        p for p in survey.pictures if p.domain == 1 and int(p.scores[0].confusion[first:].sum())
    ]
    known = [p.scores[0].to_dict() for p in pictures]
    figure = figures.title(figures.headline(survey.task.name, known), survey.task.name)
    rank = sorted(pictures, key=lambda p: (*quality(p.scores[-1]), p.index))
    # No image is in both lists: with few images the lists are short.
    half = min(count, max(1, len(rank) // 2))
    found = [
        Cases("worst", f"The lowest {figure} of {names[-1]}.", rank[:half]),
        Cases("best", f"The highest {figure} of {names[-1]}.", rank[half:][::-1][:half]),
    ]
    if len(names) > 1:
        by_gain = sorted(pictures, key=lambda p: (gain(p), p.index))
        up = [p for p in by_gain[::-1] if gain(p) > (0, 0)][:count]
        down = [p for p in by_gain if gain(p) < (0, 0)][:count]
        between = f"of {figure} from {names[0]} to {names[-1]}"
        found += [
            Cases("gained", f"The largest gains {between}.", up),
            Cases("lost", f"The largest losses {between}.", down),
        ]
    return [each for each in found if each.pictures]


def gain(picture: Picture) -> tuple[float, float]:
    """:func:`quality` of the last network on one image minus that of the first."""
    before, after = quality(picture.scores[0]), quality(picture.scores[-1])
    return after[0] - before[0], after[1] - before[1]


def changes(truth: Pixels, before: Pixels, after: Pixels) -> Pixels:
    """Where two networks disagree, and who is right.

    Args:
        truth: (H, W) uint8; ignored pixels count as :data:`OTHERWISE`, since their class is
            unknown.
        before: (H, W) uint8 prediction of one network.
        after: (H, W) uint8 prediction of the other.

    Returns:
        (H, W) uint8: SAME prediction, BETTER (only ``after`` is right), WORSE (only ``before`` is),
        OTHERWISE (both are wrong, in different ways).
    """
    changed = np.full(truth.shape, OTHERWISE, np.uint8)
    known = truth != IGNORE
    changed[known & (after == truth)] = BETTER
    changed[known & (before == truth)] = WORSE
    changed[before == after] = SAME
    return changed


def errors(truth: Pixels, answer: Pixels) -> Pixels:
    """The pixels that one network gets wrong as WORSE, all others as SAME."""
    return np.where((truth != answer) & (truth != IGNORE), WORSE, SAME).astype(np.uint8)
