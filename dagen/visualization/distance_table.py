"""The distances of all networks as one table, for the terminal, the page and a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dagen.visualization.distances import FIGURES

_NOTHING = 5e-4  # a change below this rounds to 0.000


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        title: title of the number.
        better: which is better, ``lower`` or ``higher``.
        says: how to read the number; empty for the parts of a number.
        cells: one text for each network.
        change: change from the first network to the last, such as ``−0.218 (better)``; empty for
            one.
    """

    title: str
    better: str
    says: str
    cells: tuple[str, ...]
    change: str


def rows(numbers: Sequence[dict[str, float]]) -> list[Row]:
    """The lines of a table.

    Args:
        numbers: each network's numbers from :func:`dagen.visualization.distances.measure`.
    """
    lines = []
    for name in dict.fromkeys(name for each in numbers for name in each):
        kind, _, part = name.partition("/")
        figure = FIGURES[kind]
        values = [each.get(name, math.nan) for each in numbers]
        lines.append(
            Row(
                f"{figure.title}, {part}" if part else figure.title,
                figure.better,
                "" if part else figure.says,
                tuple(told(kind, value) for value in values),
                _change(kind, values[0], values[-1]) if len(values) > 1 else "",
            )
        )
    return lines


def told(kind: str, value: float, sign: str = "") -> str:
    """A number as text: shares in per cent, undefined values as a dash."""
    if not math.isfinite(value):
        return "–"
    text = f"{100 * value:{sign}.1f} %" if kind == "knn_transfer" else f"{value:{sign}.3f}"
    return text.replace("-", "−")


def _change(kind: str, before: float, after: float) -> str:
    change = after - before
    if not math.isfinite(change):
        return "–"
    if abs(change) < _NOTHING:
        return "0"
    word = "better" if (change < 0) == (FIGURES[kind].better == "lower") else "worse"
    return f"{told(kind, change, '+').replace(' %', ' points')} ({word})"


def markdown(titles: Sequence[str], numbers: Sequence[dict[str, float]], caption: str) -> str:
    """The table as Markdown, with the caption below it."""
    changed = ["change"] if len(titles) > 1 else []
    head = ["figure", "better", *(title.replace("|", "\\|") for title in titles), *changed]
    lines = [head, ["---", "---", *["---:"] * (len(titles) + len(changed))]]
    lines += [
        [row.title, row.better, *row.cells, *([row.change] if changed else [])]
        for row in rows(numbers)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{caption}\n"
