"""The table of smaller files: what each weighs and scores, and how far it is from float32."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from dagen.benchmarking.deployed.asked import PLAIN, WHOLE
from dagen.benchmarking.deployed.versions import Version
from dagen.benchmarking.tables.statistics import Estimate, estimate
from dagen.benchmarking.tables.tables import Table, Value, in_percent
from dagen.runs import figures
from dagen.runs.config import plain_name


def tables(versions: Sequence[Version]) -> list[Table]:
    """One table for each task and pair of data sets."""
    groups: dict[tuple[str, str, str], list[Version]] = {}
    for one in versions:
        groups.setdefault((one.task, one.source, one.domain), []).append(one)
    return [_table(*key, found) for key, found in groups.items()]


def _table(task: str, source: str, domain: str, versions: Sequence[Version]) -> Table:
    figure = figures.headline(task, (one.scores.get(domain, {}) for one in versions))
    head = figures.title(figure, task)
    places = [domain] if source == domain else [domain, source]
    heads = [
        title
        for name in places
        for title in (f"{plain_name(name)} {head}", f"change on {plain_name(name)}")
    ]
    files: dict[tuple[str, ...], list[Version]] = {}
    for one in versions:
        extra = ", ".join(f"{name} {value}" for name, value in sorted(one.axes.items()))
        row = ", ".join(filter(None, (one.row, extra)))
        files.setdefault((one.model, row, one.network, one.precision), []).append(one)
    rows = []
    for (model, row, network, precision), found in files.items():
        plain = files.get((model, row, WHOLE, PLAIN), [])
        entries: list[str | Value] = [model, row, network, precision, f"{len(found)}"]
        for name in places:
            entries.append(in_percent(_mean(found, name, figure)))
            change = None if found is plain else _change(found, plain, name, figure)
            entries.append("–" if change is None else in_percent(change))
        entries.append(_weight((one.bytes for one in found), 1e6, 2))
        entries.append(_weight((one.macs for one in found), 1e9, 3))
        rows.append(tuple(entries))
    at = plain_name(domain)
    where = at if source == domain else f"{plain_name(source)} to {at}"
    return Table(
        title=f"Smaller files, {task}, {where}",
        columns=("network", "row", "channels", "weights", "seeds", *heads, "MB", "GMAC"),
        rows=tuple(rows),
        notes=_notes(versions),
        labels=4,
    )


def _notes(versions: Sequence[Version]) -> tuple[str, ...]:
    runtimes = ", ".join(dict.fromkeys(one.runtime for one in versions))
    hardware = ", ".join(dict.fromkeys(one.hardware for one in versions))
    notes = [
        "ONNX files, scored in % on the validation images; mean over seeds ± 95 % t-interval. MB "
        "are 1,000,000 bytes on disk. The change is to the whole network in float32, seed by seed, "
        "in points.",
    ]
    if any(one.precision == "int8" for one in versions):
        notes.append(
            "Ranges of int8 are set on unlabelled training images of the row's target, or of its "
            "source where it has no target. What int8 computes depends on the processor."
        )
    if pruned := dict.fromkeys(one.network for one in versions if one.network != WHOLE):
        steps = {one.steps for one in versions if one.network != WHOLE}
        told = "a quarter of the run's steps" if steps == {None} else "the steps that the file sets"
        first = next(iter(pruned))
        notes.append(
            f"{first} is the network with at most {first.removeprefix('macs-')} % of its "
            f"multiply-accumulates, trained again by its row's settings for {told}."
        )
    return (*notes, f"{runtimes} on {hardware}.")


def _mean(found: Iterable[Version], name: str, figure: str) -> Estimate:
    return estimate(one.scores.get(name, {}).get(figure) for one in found)


def _change(
    found: Iterable[Version], plain: Iterable[Version], name: str, figure: str
) -> Estimate | None:
    """The mean difference over the seeds that both have; None without any."""
    before = {one.seed: one.scores.get(name, {}).get(figure, math.nan) for one in plain}
    after = {one.seed: one.scores.get(name, {}).get(figure, math.nan) for one in found}
    both = sorted(before.keys() & after.keys())
    return estimate(after[seed] - before[seed] for seed in both) if both else None


def _weight(values: Iterable[float], unit: float, digits: int) -> Value:
    return Value(estimate(values).mean / unit, digits=digits)
