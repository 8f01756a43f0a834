"""The common style of all figures: colours that everyone can distinguish, shapes for print."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagen.system.files import write_atomically
from dagen.types import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RUNS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Colours of networks, "before" first (Okabe and Ito, 2008)."""
HATCHES = ("", "////", "....", "xxxx", "----", "++++")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
MARKERS = ("o", "^")
"""Markers of the source and of the target."""
DOMAINS = ("#0072B2", "#D55E00")
"""Colours of the source and of the target, in figures where classes have none."""
SHADES = "cividis"
"""Colour map of amounts, with even lightness, for print too."""
NO_LABEL = "#B8B8B8"
"""Colour of pixels without a label, in figures of classes."""
_GROUND = "#999999"  # background points: black would make them too prominent

_LETTERS_AN_INCH = 17  # in the typeface of captions
_SETTINGS: Any = {  # matplotlib has a type for every setting's name
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.grid": False,
    "grid.color": "#DDDDDD",
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "dagen",  # so that equal figures give equal files
}


def class_colours(task: Task) -> list[str]:
    """The colour of each class as ``#RRGGBB``, as in overlays, with background in grey."""
    found = ["#{:02X}{:02X}{:02X}".format(*colour) for colour in task.colours]
    return [_GROUND, *found[1:]] if task.background else found


def run_style(k: int) -> dict[str, Any]:
    """Colour and hatch of the bars of network ``k``."""
    return {
        "facecolor": RUNS[k % len(RUNS)],
        "hatch": HATCHES[k % len(HATCHES)],
        "edgecolor": "white",
        "linewidth": 0,
    }


@contextmanager
def figure(width: float, height: float, caption: str) -> Iterator[Figure]:
    """A figure with its caption below it; matplotlib's global state stays untouched.

    Args:
        width: width in inches.
        height: height in inches, without the caption.
        caption: what was run, on which data, with which seed; it is broken into lines here.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    lines = textwrap.wrap(caption, round(width * _LETTERS_AN_INCH))
    with rc_context(_SETTINGS):
        drawn = Figure((width, height + 0.16 * len(lines) + 0.1), layout="constrained")
        drawn.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7.5, color="#444444")
        yield drawn


def save(drawn: Figure, path: Path, caption: str) -> list[Path]:
    """Write a figure as PNG (200 dots an inch) and SVG beside one another.

    Args:
        drawn: the figure.
        path: path without suffix; its folder exists.
        caption: description stored in the files, for readers that cannot see them.

    Returns:
        Both files.
    """
    files = {
        path.with_name(f"{path.name}.png"): {"Title": path.name, "Description": caption},
        path.with_name(f"{path.name}.svg"): {
            "Title": path.name,
            "Description": caption,
            "Date": None,
        },
    }
    for file, metadata in files.items():
        how = partial(drawn.savefig, format=file.suffix[1:], dpi=200, metadata=metadata)
        write_atomically(file, how)
    return list(files)


def panels(drawn: Figure, count: int, most: int = 3, **shared: Any) -> Sequence[Any]:
    """``count`` axes in rows of at most ``most``; remaining places are empty."""
    columns = min(count, most)
    rows = -(-count // columns)
    axes = drawn.subplots(rows, columns, squeeze=False, **shared).ravel()
    for unused in axes[count:]:
        unused.set_axis_off()
    return list(axes[:count])
