"""The tables of what scores are made of: by size of object, by scene, by class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from dagen.benchmarking.broken_down.parts import Parts
from dagen.benchmarking.tables.statistics import estimate
from dagen.benchmarking.tables.tables import Table, Value, in_percent
from dagen.runs import figures
from dagen.runs.config import plain_name
from dagen.scoring.found_objects import SIZES
from dagen.types import Task

_Groups = Mapping[tuple[str, str], Sequence[Parts]]
_Values = Mapping[str, Mapping[str, float]]
_SCENES = 8
"""The most frequent scenes have a column, and no others."""


def tables(parts: Sequence[Parts]) -> list[Table]:
    """Tables for each task and pair of data sets; a line is a network in a row, over its seeds."""
    pairs: dict[tuple[str, str, str], list[Parts]] = {}
    for one in parts:
        pairs.setdefault((one.task, one.source, one.domain), []).append(one)
    return [
        table
        for (task, source, domain), found in pairs.items()
        for table in _of_pair(task, _where(source, domain), found)
    ]


def _where(source: str, domain: str) -> str:
    at = plain_name(domain)
    return f"{plain_name(source)} to {at}" if source != domain else at


def _of_pair(task: str, where: str, parts: Sequence[Parts]) -> Iterable[Table]:
    groups: dict[tuple[str, str], list[Parts]] = {}
    for one in parts:
        extra = [f"{name} {value}" for name, value in sorted(one.axes.items())]
        groups.setdefault((one.model, ", ".join([one.row, *extra])), []).append(one)
    told = f"{task}, {where}"
    if any(one.sizes for one in parts):
        yield _by_size(f"By size of the object, {told}", task, groups)
    if any(one.scenes for one in parts):
        yield _by_scene(f"By scene, {told}", task, groups)
    yield _by_class(f"By class, {told}", groups)


def _by_size(title: str, task: str, groups: _Groups) -> Table:
    shown = _named((one.sizes for of in groups.values() for one in of), "objects")
    shown = {name: shown[name] for name in SIZES if name in shown}
    # With one foreground class both are the same.
    what = "found" if task == Task.BINARY.name else "predicted as its class"
    return Table(
        title,
        ("network", "row", *(f"{name} ({count})" for name, count in shown.items())),
        _rows(groups, shown, lambda one, name: one.sizes.get(name, {}).get("right")),
        (
            f"The mean share of an object's pixels that is {what}, in %, by the share of the "
            "photograph that the object covers; in brackets, the number of objects. False alarms "
            "beside objects do not count: who calls everything waste finds all. Touching objects "
            "of one class count as one.",
        ),
        labels=2,
    )


def _by_scene(title: str, task: str, groups: _Groups) -> Table:
    all_scenes = _named((one.scenes for of in groups.values() for one in of), "images")
    frequent = sorted(all_scenes.items(), key=lambda item: (-item[1], item[0]))
    shown = dict(frequent[:_SCENES])
    some = [each for of in groups.values() for one in of for each in one.scenes.values()]
    figure = figures.headline(task, some)
    rest = len(all_scenes) - len(shown)
    left = f" {rest} rarer scenes are left out." if rest else ""
    return Table(
        title,
        ("network", "row", *(f"{name} ({count})" for name, count in shown.items())),
        _rows(groups, shown, lambda one, name: one.scenes.get(name, {}).get(figure)),
        (
            f"{figures.title(figure, task)} in % over the photographs with each scene tag; in "
            f"brackets, their number. One with several tags counts under the first.{left}",
        ),
        labels=2,
    )


def _by_class(title: str, groups: _Groups) -> Table:
    classes = next(one.classes for of in groups.values() for one in of)
    rows: list[tuple[str | Value, ...]] = []
    for (model, row), found in groups.items():
        for i, name in enumerate(classes):
            shares = [[_share(one.confusion[i], j) for one in found] for j in range(len(classes))]
            entries = [in_percent(estimate(share)) for share in shares]
            rows.append((model, row, name, *entries))
    return Table(
        title,
        ("network", "row", "truth", *(f"as {name}" for name in classes)),
        tuple(rows),
        ("Confusion matrices: the share of the truth's pixels, in %, that is predicted as each "
         "class.",),
        labels=3,
    )  # fmt: skip


def _named(tables: Iterable[_Values], unit: str) -> dict[str, int]:
    """The groups of images or objects, and how many are in each; the same for every network.

    Their order is that of the letters where they come from a file.
    """
    found: dict[str, int] = {}
    for table in tables:
        for name, values in table.items():
            found.setdefault(name, int(values[unit]))
    return found


def _rows(
    groups: _Groups, shown: Iterable[str], value: Callable[[Parts, str], float | None]
) -> tuple[tuple[str | Value, ...], ...]:
    return tuple(
        (model, row, *(in_percent(estimate(value(one, name) for one in found)) for name in shown))
        for (model, row), found in groups.items()
    )


def _share(counts: Sequence[int], column: int) -> float | None:
    total = sum(counts)
    return counts[column] / total if total else None
