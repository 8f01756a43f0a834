"""The two baseline tables of the course project that dagen grew out of.

Networks on the source domain alone: object against background, and each material.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from dagen.benchmarking.tables import alarms, protocol
from dagen.benchmarking.tables.protocol import Rows
from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.statistics import estimate
from dagen.benchmarking.tables.tables import Table, Value, in_percent
from dagen.runs.config import plain_name

_TITLES = {"icnet": "ICNet", "bisenet": "BiSeNet", "enet": "ENet"}
_MATERIALS = {
    "Paper": "iou/paper",
    "Bottle": "iou/bottle",
    "Aluminum": "iou/aluminium",
    "Nylon": "iou/nylon",
    "avg. mIoU": "foreground_miou",
}


def tables(records: Iterable[Record]) -> list[Table]:
    """A table for each task that has records, with networks in the order of the records.

    ``Object (mIoU)`` is the IoU of the one foreground class, and ``avg. mIoU`` the mean over the
    four materials; the mean with the background is below the table.
    """
    found: list[Table] = []
    records = list(records)
    for task in ("binary", "material"):
        networks: dict[str, list[Record]] = {}
        for record in records:
            if record.task == task:
                networks.setdefault(record.model, []).append(record)
        if networks:
            found.append(_binary(networks) if task == "binary" else _material(networks))
    return found


def _binary(networks: dict[str, list[Record]]) -> Table:
    rows: list[tuple[str | Value, ...]] = []
    for model, records in networks.items():
        weight = records[0].profile
        rows.append(
            (
                _TITLES.get(model, model),
                _score(records, "foreground_miou"),
                f"{weight.get('flops', math.nan) / 1e9:.2f} G",
                Value(weight.get("parameters", math.nan), digits=0),
                Value(weight.get("bytes", math.nan) / 1e6, digits=2),
                *_alarms(networks, records),
            )
        )
    heads = ("Object (mIoU)", "FLOPS", "#parameters", "Model size (MB)")
    columns = ("", *heads, *_alarm_head(networks))
    size = next(iter(networks.values()))[0].config["size"]
    notes = (
        f"FLOPS are floating-point operations for one image of {size[0]}x{size[1]}, two per "
        "multiply-accumulate; MB are 1,000,000 bytes of the deployed file.",
        *_notes(networks),
    )
    return Table("Binary segmentation", columns, tuple(rows), notes)


def _material(networks: dict[str, list[Record]]) -> Table:
    rows: tuple[tuple[str | Value, ...], ...] = tuple(
        (
            _TITLES.get(model, model),
            *(_score(records, f) for f in _MATERIALS.values()),
            *_alarms(networks, records),
        )
        for model, records in networks.items()
    )
    columns = ("", *_MATERIALS, *_alarm_head(networks))
    return Table("Segmentation per material", columns, rows, tuple(_notes(networks)))


def _alarm_head(networks: Rows) -> tuple[str, ...]:
    """A column beyond those of the course project, only if something was measured."""
    return ("false alarms",) if alarms.scenes(networks) else ()


def _alarms(networks: Rows, records: Sequence[Record]) -> tuple[Value, ...]:
    return (alarms.share(records),) if alarms.scenes(networks) else ()


def _score(records: Sequence[Record], figure: str) -> Value:
    return in_percent(estimate(record.score(figure) for record in records))


def _notes(networks: dict[str, list[Record]]) -> Iterable[str]:
    first = next(iter(networks.values()))[0]
    many = any(len(records) > 1 for records in networks.values())
    yield (
        f"IoU in % on {plain_name(first.domain)} val, trained on {plain_name(first.source)} train"
        f"{'; mean over seeds ± 95 % t-interval' if many else ''}. Foreground classes only; with "
        "the background, mIoU is "
        + ", ".join(
            f"{_TITLES.get(model, model)} {_score(records, 'miou').text()}"
            for model, records in networks.items()
        )
        + "."
    )
    yield from alarms.notes(networks)
    yield protocol.budgets(networks)[0].replace("rows", "networks")
