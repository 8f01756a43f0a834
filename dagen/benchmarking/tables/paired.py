"""What may be bold, and which differences are clear: a paired t-test over the seeds decides."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dagen.benchmarking.tables.statistics import clearly_differ
from dagen.benchmarking.tables.tables import Value

BySeed = Mapping[int, float]
"""The figure of a row's runs by their seeds."""


def pairs(one: BySeed, other: BySeed) -> list[tuple[float, float]]:
    """The figures of two rows for each seed that both have."""
    return [(one[seed], other[seed]) for seed in sorted(one.keys() & other.keys())]


def clearly_best(rivals: Sequence[BySeed], better: int) -> int | None:
    """The position of the rival that is clearly better than every other; None if none is.

    Args:
        rivals: their figures by seed; NaN counts as not measured.
        better: 1 if more is better, -1 if less is.
    """
    known = {
        i: {seed: value for seed, value in one.items() if not math.isnan(value)}
        for i, one in enumerate(rivals)
    }
    known = {i: one for i, one in known.items() if one}
    if len(known) < 2:
        return None
    best = max(known, key=lambda i: better * sum(known[i].values()) / len(known[i]))
    others = (one for i, one in known.items() if i != best)
    return best if all(_ahead(known[best], one, better) for one in others) else None


def mark_best(
    rows: list[list[str | Value]], column: int, better: int, samples: Sequence[BySeed | None]
) -> None:
    """Make the entry bold that a paired test over the seeds finds better than all rivals.

    Args:
        rows: rows of a table, changed in place.
        column: position of the column.
        better: 1 if more is better, -1 if less is, 0 if neither.
        samples: the figures of each row by seed; None for a row that does not compete.
    """
    places = [i for i, one in enumerate(samples) if one is not None]
    best = clearly_best([one for one in samples if one is not None], better) if better else None
    if best is None:
        return
    entry = rows[places[best]][column]
    if isinstance(entry, Value):
        rows[places[best]][column] = replace(entry, best=True)


def listed(names: Iterable[str], entries: Iterable[str] | None = None) -> str:
    """Rows of a table in a sentence, so that a comma in a name does not end it.

    Args:
        names: their names.
        entries: what is said of each, which begins with its name; None is the names alone.
    """
    names = list(names)
    return ("; " if any("," in name for name in names) else ", ").join(entries or names)


def told(title: str, rows: Mapping[str, BySeed], baseline: str | None = None) -> Iterable[str]:
    """A sentence on which rows differ clearly in a figure; none with a single seed.

    Args:
        title: name of the figure.
        rows: the figures of each row by seed, the best row first.
        baseline: a row that all others are compared with as well.
    """
    if len(rows) < 2:
        return
    best, *others = rows
    if len(pairs(rows[best], rows[others[0]])) < 2:
        return
    level = [row for row in others if not clearly_differ(pairs(rows[best], rows[row]))]
    if not level:
        verdict = f"{best} is clearly ahead"
    elif level == others:
        verdict = f"no row is clearly behind {best}"
    else:
        verdict = f"not clearly behind {best}: {listed(level)}"
    if baseline in others:
        above = [
            row
            for row in rows
            if row != baseline and clearly_differ(pairs(rows[row], rows[baseline]))
        ]
        verdict += f"; clearly different from {baseline}: {listed(above) or 'no row'}"
    yield (
        f"Differences in {title} are clear if a paired t-test over the seeds says so (p < 0.05): "
        f"{verdict}."
    )


def _ahead(one: BySeed, other: BySeed, better: int) -> bool:
    both = pairs(one, other)
    mean = sum(better * (a - b) for a, b in both)
    return mean > 0 and clearly_differ(both)
