"""The feature map as an image, with its numbers below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dagen.types import IGNORE
from dagen.visualization import captions, distance_table, style
from dagen.visualization.distances import FIGURES
from dagen.visualization.embedding import Floats
from dagen.visualization.survey import DOMAINS, Survey

_BELOW = ("a_distance", "mmd", "silhouette_domain", "silhouette_class", "knn_transfer")


def draw(survey: Survey, places: Floats, numbers: list[dict[str, float]], path: Path) -> list[Path]:
    """Write the map as PNG and SVG: a panel for each network, all with the same axes.

    Args:
        survey: the points.
        places: (K, P, 2), see :func:`dagen.visualization.embedding.joint_map`.
        numbers: each network's numbers from :func:`dagen.visualization.distances.measure`.
        path: path of the files without suffix.

    Returns:
        Both files.
    """
    caption = captions.of_map(survey)
    count = len(survey.checkpoints)
    columns = min(count, 3)
    bands = -(-count // columns)
    (left, right), (low, high) = _frame(places)
    aspect = (high - low) / (right - left)
    with style.figure(3.7 * columns + 0.4, (7.4 * aspect + 0.5) * bands + 0.5, caption) as drawn:
        axes = drawn.subplots(2 * bands, columns, squeeze=False, sharex=True, sharey=True)
        for ax in axes.ravel():
            ax.set_axis_off()  # until it has points
        for k, checkpoint in enumerate(survey.checkpoints):
            band, column = divmod(k, columns)
            above, below = axes[2 * band, column], axes[2 * band + 1, column]
            _points(above, survey, places[k], _class_colours(survey), aspect)
            _points(below, survey, places[k], _domain_colours(survey), aspect)
            above.set_title(checkpoint.title)
            below.set_xlabel(_told(numbers[k]), fontsize=7.5, linespacing=1.6)
        axes[0, 0].set_ylabel("by class")
        axes[1, 0].set_ylabel("by domain")
        axes[0, 0].set(xlim=(left, right), ylim=(low, high))
        beside = 7 if columns > 1 else 4 if survey.labelled else 3
        drawn.legend(
            handles=_legend(survey), loc="outside upper center", ncols=beside,
            fontsize=8.5, handletextpad=0.2, columnspacing=1.2,
        )  # fmt: skip
        return style.save(drawn, path, caption)


def _told(numbers: dict[str, float]) -> str:
    """The main numbers in two lines."""
    known = [name for name in _BELOW if name in numbers]
    parts = [f"{FIGURES[name].title} {distance_table.told(name, numbers[name])}" for name in known]
    return "  ·  ".join(parts[:3]) + "\n" + "  ·  ".join(parts[3:])


def _class_colours(survey: Survey) -> Any:
    colours = np.full(IGNORE + 1, style.NO_LABEL)
    colours[: len(survey.classes)] = style.class_colours(survey.task)
    return colours[survey.points.label]


def _domain_colours(survey: Survey) -> Any:
    return np.array(style.DOMAINS)[survey.points.domain]


def _points(ax: Any, survey: Survey, places: Floats, colours: Any, aspect: float) -> None:
    points = survey.points
    size = float(np.clip(40_000 / max(len(points), 1), 3, 26))
    # Shuffled, in portions of both domains in turn, so that no class or domain covers the others.
    order = np.random.default_rng(0).permutation(len(points))
    for portion in np.array_split(order, 16):
        for domain, marker in enumerate(style.MARKERS):
            chosen = portion[points.domain[portion] == domain]
            # Source filled, target open, so that they differ without colour too.
            fill = {"c": colours[chosen], "linewidths": 0} if domain == 0 else {
                "facecolors": "none", "edgecolors": colours[chosen], "linewidths": 0.6,
            }  # fmt: skip
            ax.scatter(*places[chosen].T, s=size, marker=marker, alpha=0.8, rasterized=True, **fill)
    ax.set_box_aspect(aspect)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_axis_on()
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color("#BBBBBB")


def _frame(places: Floats) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of both axes, with a margin; height over width is at least 0.6 and at most 1."""
    low, high = places.min((0, 1)), places.max((0, 1))
    middle, (width, height) = (low + high) / 2, 1.08 * (high - low).clip(1e-6)
    height = max(height, 0.6 * width)
    half = max(width, height) / 2, height / 2
    left, right, bottom, top = (
        float(middle[axis] + sign * half[axis]) for axis in (0, 1) for sign in (-1, 1)
    )
    return (left, right), (bottom, top)


def _legend(survey: Survey) -> list[Any]:
    from matplotlib.lines import Line2D

    shapes = [
        Line2D(
            [],
            [],
            ls="",
            marker=style.MARKERS[domain],
            color=style.DOMAINS[domain],
            fillstyle="none" if domain else "full",
            label=f"{side.name} ({DOMAINS[domain]})",
        )
        for domain, side in enumerate(survey.sides)
    ]
    colours = [
        Line2D([], [], ls="", marker="s", color=colour, label=name)
        for name, colour in zip(survey.classes, style.class_colours(survey.task), strict=True)
    ]
    if (survey.points.label == IGNORE).any():
        colours.append(Line2D([], [], ls="", marker="s", color=style.NO_LABEL, label="no label"))
    return [*colours, *shapes]
