"""The table, the figure and the JSON document of a ladder."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from dagen.deploy.compression.rungs import Tried

_COLOURS = {"float32": "#555555", "fp16": "#0072B2", "int8": "#D55E00"}
_MARKERS = {"onnx": "o", "openvino": "s"}

COLUMNS = [
    "network", "input", "format", "precision", "bytes", "MACs (M)", "loss", "ms", "p95",
]  # fmt: skip
TEXTS = ("network", "input", "format", "precision")
"""The columns that hold no numbers."""


def rows(
    tried: Sequence[Tried], front: Collection[Tried], score: str | None
) -> tuple[list[str], list[list[str]]]:
    """The heads of the columns and the cells of the rows, as text.

    The first column, the network, is left out if there is only one.

    Args:
        tried: at least one.
        front: those of them that no other one beats.
        score: name of the figure on a data set; None without one.
    """
    heads = [*COLUMNS, *([score] if score else []), "front"]
    cells = [[*_cells(each), "yes" if each in front else ""] for each in tried]
    if any(each.rung.network for each in tried):
        return heads, cells
    return heads[1:], [row[1:] for row in cells]


def _cells(each: Tried) -> list[str]:
    height, width = each.rung.size
    row = [
        each.rung.network or "whole", f"{height}x{width}", each.rung.format, each.rung.precision,
        f"{each.bytes:,}", f"{each.macs / 1e6:,.1f}", f"{each.loss:.2f}",
        f"{each.latency_ms:.2f}", f"{each.p95_ms:.2f}",
    ]  # fmt: skip
    return row if each.score is None else [*row, f"{each.score:.2f}"]


def markdown(
    tried: Sequence[Tried], front: Collection[Tried], notes: Sequence[str], score: str | None
) -> str:
    """The table, with the Pareto front marked, and notes below it; see :func:`rows`."""
    heads, cells = rows(tried, front, score)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join([*lines, "", *notes]) + "\n"


def document(
    tried: Sequence[Tried], front: Collection[Tried], chosen: Tried | None, **more: Any
) -> dict[str, Any]:
    """All figures as plain values."""
    rows = [
        {**asdict(each), "file": each.file.name, "front": each in front, "chosen": each is chosen}
        for each in tried
    ]
    return {**more, "tried": rows}


def figure(
    tried: Sequence[Tried], front: Collection[Tried], cap: int, max_drop: float, title: str
) -> bytes:
    """The front as a PNG file: loss against bytes, and loss against latency.

    Args:
        tried: at least one.
        front: those of them that no other one beats; they are filled.
        cap: most bytes, drawn as a line.
        max_drop: most points of agreement lost, drawn as a line.
        title: what was compressed, and where it was measured.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(9, 4.2), layout="constrained")
    FigureCanvasAgg(picture)
    left, right = picture.subplots(1, 2, sharey=True)
    for each in tried:
        colour = _COLOURS[each.rung.precision]
        style = {
            "marker": _MARKERS[each.rung.format], "color": colour, "markersize": 7,
            "linestyle": "none", "markerfacecolor": colour if each in front else "none",
        }  # fmt: skip
        left.plot(each.bytes / 1e6, each.loss, **style)
        right.plot(each.latency_ms, each.loss, **style)
        if each in front:
            name = " ".join([each.rung.network, "x".join(map(str, each.rung.size))]).strip()
            right.annotate(
                name, (each.latency_ms, each.loss), xytext=(5, 4), textcoords="offset points",
                fontsize=7,
            )  # fmt: skip
    left.axvline(cap / 1e6, color="#999999", linewidth=0.8, linestyle="--")
    for axes, name in ((left, "megabytes on disk"), (right, "median milliseconds an image")):
        axes.axhline(max_drop, color="#999999", linewidth=0.8, linestyle="--")
        axes.set_xlabel(name)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=-1)
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylabel("points of agreement lost")
    for precision in dict.fromkeys(each.rung.precision for each in tried):
        right.plot([], [], "o", color=_COLOURS[precision], label=precision)
    for format in dict.fromkeys(each.rung.format for each in tried):
        right.plot([], [], _MARKERS[format], color="black", markerfacecolor="none", label=format)
    right.legend(frameon=False, fontsize=8)
    picture.suptitle(f"{title}\nfilled: no other file is better in all; dashed: limits", fontsize=9)
    file = io.BytesIO()
    picture.savefig(file, format="png", dpi=130, metadata={"Software": None})
    return file.getvalue()
