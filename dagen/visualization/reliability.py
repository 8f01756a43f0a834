"""Reliability diagrams: how well a network's confidence matches its accuracy.

DeGroot and Fienberg (1983); the expected calibration error as in Guo et al., "On Calibration of
Modern Neural Networks" (ICML 2017), with the bins of :mod:`dagen.scoring.metrics`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dagen.runs import figures
from dagen.scoring.metrics import BINS
from dagen.visualization import captions, style
from dagen.visualization.survey import DOMAINS, Survey

_SHAPES = ("o", "^", "s", "D", "v", "P")


def draw(survey: Survey, path: Path) -> list[Path]:
    """Write the diagrams as PNG and SVG: one for each domain, a line for each network."""
    what = (
        f"Reliability in {BINS} bins of equal width: how often the pixels of one confidence are "
        "right (above), and how many there are (below). On the diagonal confidence equals accuracy."
    )
    caption = captions.of_figure(what, survey)
    with style.figure(8.2, 4.9 + 0.2 * len(survey.checkpoints), caption) as drawn:
        axes = drawn.subplots(2, 2, sharex=True, sharey="row", height_ratios=[3, 1])
        for domain, side in enumerate(survey.sides):
            above, below = axes[:, domain]
            above.plot([0, 1], [0, 1], color="#AAAAAA", lw=1, zorder=0)
            for k, c in enumerate(survey.checkpoints):
                scores = survey.scores(k, domain)
                pixels, confidence, correct = scores.calibration.numpy()
                there = pixels > 0
                look = {
                    "color": style.RUNS[k % len(style.RUNS)],
                    "ls": style.LINES[k % len(style.LINES)],
                }
                above.plot(
                    confidence[there] / pixels[there], correct[there] / pixels[there],
                    marker=_SHAPES[k % len(_SHAPES)], ms=4.5, lw=1.5,
                    label=f"{c.title}, ECE {figures.percent(scores.ece)} %", **look,
                )  # fmt: skip
                edges = np.linspace(0, 1, BINS + 1)
                below.stairs(100 * pixels / max(pixels.sum(), 1), edges, lw=1.5, **look)
            above.set_box_aspect(0.8)
            # Above the plot, because a curve may pass through any corner.
            above.legend(
                loc="lower left", bbox_to_anchor=(-0.03, 0.99), fontsize=8, alignment="left",
                title=f"{side.name} ({DOMAINS[domain]})", title_fontproperties={"weight": "bold"},
            )  # fmt: skip
            above.grid()
            below.set_xlabel("confidence")
        axes[0, 0].set_ylabel("share that is right")
        axes[1, 0].set_ylabel("pixels, %")
        axes[0, 0].set_xlim(0, 1)
        axes[0, 0].set_ylim(0, 1)
        return style.save(drawn, path, caption)
