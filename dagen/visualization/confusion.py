"""Confusion matrices of every network on every domain, as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dagen.visualization import captions, style
from dagen.visualization.survey import DOMAINS, Survey


def draw(survey: Survey, path: Path) -> list[Path]:
    """Write the matrices as PNG and SVG; rows are the truth and add up to 100 %."""
    what = "Share of each true class (row) that is predicted as each class (column), per cent."
    caption = captions.of_figure(what, survey)
    count, size = len(survey.checkpoints), len(survey.classes)
    side = 0.55 * size + 0.55
    with style.figure(side * count + 1.9, 2 * side + 0.9, caption) as drawn:
        axes = drawn.subplots(2, count, squeeze=False, sharex=True, sharey=True)
        for domain, row in enumerate(axes):
            for k, ax in enumerate(row):
                image = _matrix(ax, shares(survey, k, domain))
                if domain == 0:
                    ax.set_title(survey.checkpoints[k].title)
                else:
                    ax.set_xticks(range(size), survey.classes, rotation=40, ha="right")
            row[0].set_yticks(range(size), survey.classes)
            row[0].set_ylabel(f"{survey.sides[domain].name} ({DOMAINS[domain]})")
        drawn.colorbar(image, ax=axes, shrink=0.5, label="%", pad=0.02)
        return style.save(drawn, path, caption)


def shares(survey: Survey, network: int, domain: int) -> NDArray[np.float64]:
    """(C, C) per cent: row i is how the pixels of class i were predicted, NaN if there are none."""
    counts = survey.scores(network, domain).confusion.numpy().astype(np.float64)
    total = counts.sum(1, keepdims=True)
    found = np.full_like(counts, np.nan)
    np.divide(100 * counts, total, out=found, where=total > 0)
    return found


def _matrix(ax: Any, values: NDArray[np.float64]) -> Any:
    image = ax.imshow(np.nan_to_num(values), cmap=style.SHADES, vmin=0, vmax=100)
    for (row, column), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else f"{value:.0f}"
        ax.text(column, row, text, ha="center", va="center", fontsize=8,
                color="black" if value > 55 else "white")  # fmt: skip
        if row == column:
            ax.add_patch(_frame(row))
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0)
    return image


def _frame(row: int) -> Any:
    """A thin frame around the diagonal, the correct predictions."""
    from matplotlib.patches import Rectangle

    return Rectangle((row - 0.47, row - 0.47), 0.94, 0.94, fill=False, ec="white", lw=1.1)
