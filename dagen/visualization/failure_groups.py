"""Scores by scene, object size and class, which show where a network fails."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dagen.runs import figures
from dagen.scoring.found_objects import by_size as grouped
from dagen.scoring.metrics import Scores
from dagen.visualization import captions, style
from dagen.visualization.survey import Picture, Survey, pooled

_MOST_SCENES = 8


@dataclass(frozen=True)
class Group:
    """A part of the target and the networks' scores on it.

    Attributes:
        name: name of the part.
        count: number of images or objects in it.
        values: a value from 0 to 1 for each network, NaN if it is not defined.
        marks: a second value for each network, by a stricter or laxer criterion.
    """

    name: str
    count: int
    values: list[float]
    marks: list[float]


def by_scene(survey: Survey) -> list[Group]:
    """Headline score (marks: waste IoU) of the images of each scene, the most frequent first.

    Images without a tag form one group; a data set without any tag has no groups.
    """
    scenes: defaultdict[str, list[Picture]] = defaultdict(list)
    for picture in survey.pictures:
        if picture.domain == 1:
            scenes[picture.scene or "no tag"].append(picture)
    if set(scenes) <= {"no tag"}:
        return []
    ordered = sorted(scenes.items(), key=lambda item: (-len(item[1]), item[0]))[:_MOST_SCENES]
    groups = []
    for name, pictures in ordered:
        totals = [
            pooled([p.scores[k] for p in pictures], survey.task)
            for k in range(len(survey.checkpoints))
        ]
        groups.append(
            Group(
                name,
                len(pictures),
                [t.foreground_miou for t in totals],
                [t.waste_iou for t in totals],
            )
        )
    return groups


def by_size(survey: Survey) -> list[Group]:
    """Mean share of an object's pixels predicted as waste (marks: as its class), by object size."""
    objects = [each for picture in survey.pictures for each in picture.objects]
    return [
        Group(
            name,
            len(inside),
            np.array([each.found for each in inside]).mean(0).tolist(),
            np.array([each.right for each in inside]).mean(0).tolist(),
        )
        for name, inside in grouped(objects).items()
    ]


def by_class(survey: Survey) -> list[Group]:
    """IoU (marks: recall) of each foreground class over all target images."""
    totals = [survey.scores(k, 1) for k in range(len(survey.checkpoints))]
    pictures = [p for p in survey.pictures if p.domain == 1]
    return [
        Group(
            name,
            sum(int(p.scores[0].confusion[i].sum()) > 0 for p in pictures),
            [t.iou[i] for t in totals],
            [_recall(t, i) for t in totals],
        )
        for i, name in enumerate(survey.classes)
        if i in survey.task.foreground
    ]


def _recall(scores: Scores, class_: int) -> float:
    there = int(scores.confusion[class_].sum())
    return int(scores.confusion[class_, class_]) / there if there else math.nan


def draw(survey: Survey, path: Path) -> list[Path]:
    """Write the figure as PNG and SVG: a panel for each way of grouping the target's images."""
    task = survey.task.name
    headline = figures.headline(task, [survey.scores(0, 1).to_dict()])
    kinds = [
        ("by scene (images)", f"{figures.title(headline, task)}, %",
         figures.title("waste_iou", task), by_scene(survey)),
        ("by object size (objects)", "pixels found as foreground, %", "of the right class",
         by_size(survey)),
        ("by class (images)", "IoU, %", "recall", by_class(survey)),
    ]  # fmt: skip
    shown = [kind for kind in kinds if kind[3]]
    what = "Failure groups; bars show the axis, diamonds the quantity in brackets."
    if not kinds[0][3]:
        what += f" {survey.sides[1].name} has no scene tags."
    caption = captions.of_figure(what, survey, [survey.sides[1]])
    rows = max(len(kind[3]) for kind in shown) * (len(survey.checkpoints) + 0.6)
    with style.figure(4.0 * len(shown), max(2.2, 0.19 * rows + 1.2), caption) as drawn:
        for ax, (title, axis, mark, groups) in zip(
            style.panels(drawn, len(shown)), shown, strict=True
        ):
            _bars(ax, groups, len(survey.checkpoints))
            ax.set_title(title, loc="left")
            ax.set_xlabel(f"{axis}  (◇ {mark})")
        drawn.legend(
            handles=_legend(survey), loc="outside upper left", ncols=min(4, len(survey.checkpoints))
        )
        return style.save(drawn, path, caption)


def _bars(ax: Any, groups: list[Group], networks: int) -> None:
    height = 0.82 / networks
    bars = 100 * np.nan_to_num(np.array([group.values for group in groups]))
    marks = 100 * np.array([group.marks for group in groups])
    room = 0.09 * max(1.0, bars.max(), np.nan_to_num(marks).max())  # that a printed number takes
    for k in range(networks):
        y = np.arange(len(groups)) + (k - (networks - 1) / 2) * height
        ax.barh(y, bars[:, k], height * 0.9, **style.run_style(k))
        ax.plot(marks[:, k], y, "D", color="black", ms=3.2, mew=0.8, mfc="white", clip_on=False)
        for where, end, mark, group in zip(y, bars[:, k], marks[:, k], groups, strict=True):
            hidden = end < mark < end + room  # the diamond is where the number would be
            ax.annotate(
                figures.percent(group.values[k]), (mark if hidden else end, where), (5, 0),
                fontsize=7, textcoords="offset points", va="center",
            )  # fmt: skip
    ax.set_yticks(range(len(groups)), [f"{group.name} ({group.count})" for group in groups])
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    ax.margins(x=0.12)
    ax.set_xlim(left=0)


def _legend(survey: Survey) -> list[Any]:
    from matplotlib.patches import Patch

    return [Patch(label=c.title, **style.run_style(k)) for k, c in enumerate(survey.checkpoints)]
