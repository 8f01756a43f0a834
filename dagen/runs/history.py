"""Reads a run's log back from its folder; see :mod:`dagen.runs.log` for the format."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from dagen.errors import DagenError
from dagen.system.files import read_lines

LOG = "log.jsonl"
"""Name of the log file in a run's folder."""

_CRC = "crc"

Record = dict[str, Any]
"""One line of the log."""
_FIELDS: dict[str, dict[str, type]] = {
    "params": {"values": dict},
    "tags": {"values": dict},
    "metrics": {"values": dict, "step": int},
    "artifact": {"path": str, "folder": str},
    "model": {"path": str},
    "dataset": {"name": str, "fingerprint": str, "role": str},
    "rewind": {"step": int},
    "status": {"status": str},
}
"""The fields that a record of each kind must have, besides its time."""
Curve = list[tuple[int, float]]
"""One metric: (step, value), by step."""


def read_records(folder: Path, start: int = 0) -> list[Record]:
    """The parsed lines of the log in ``folder``; empty without a log.

    Args:
        folder: the run's folder.
        start: byte at which the first line begins.

    Raises:
        DagenError: a line is damaged.
    """
    return [record for record, _ in read_with_ends(folder, start)]


def read_with_ends(folder: Path, start: int = 0) -> list[tuple[Record, int]]:
    """Like :func:`read_records`, with the byte after each record's line."""
    path = folder / LOG
    if not path.exists():
        return []
    records: list[tuple[Record, int]] = []
    end = start
    for line in read_lines(path, start):
        begin, end = end, end + len(line.encode()) + 1
        record = _record(line)
        if record is None or not _is_record(record):
            raise DagenError(
                f"{path} is damaged at byte {begin}: there is no log record. Remove that line, or "
                "move the file away to start a new log."
            )
        records.append((record, end))
    return records


def line_of(record: Record) -> str:
    """A record as a line, with its checksum."""
    return json.dumps({**record, _CRC: _crc(record)}, allow_nan=False)


def _record(line: str) -> Record | None:
    """The record of a line; None if it is damaged. Version 0.1 wrote lines without checksums."""
    try:
        record = json.loads(line)
        crc = record.pop(_CRC, None)
        return record if crc is None or crc == _crc(record) else None
    except (ValueError, RecursionError, AttributeError, TypeError):
        return None


def _crc(record: Record) -> int:
    return zlib.crc32(json.dumps(record).encode())


def _is_record(record: object) -> bool:
    """Whether a line has what its kind needs; kinds of newer versions are left to the reader."""
    if not isinstance(record, dict) or not isinstance(kind := record.get("kind"), str):
        return False
    needed = {"time": int, **_FIELDS.get(kind, {})}
    if not all(isinstance(record.get(name), own) for name, own in needed.items()):
        return False
    return kind != "metrics" or all(map(_is_number, record["values"].values()))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or value in ("nan", "inf", "-inf")


def history(folder: Path) -> dict[str, Curve]:
    """The metrics of a run by name; of a step that was logged twice, the last value.

    Raises:
        DagenError: the log is damaged.
    """
    curves: dict[str, dict[int, float]] = {}
    for record in read_records(folder):
        if record["kind"] == "metrics":
            for name, value in record["values"].items():
                curves.setdefault(name, {})[record["step"]] = float(value)
        elif record["kind"] == "rewind":
            limit = record["step"]
            curves = {
                name: {step: value for step, value in points.items() if step <= limit}
                for name, points in curves.items()
            }
    return {name: sorted(points.items()) for name, points in curves.items() if points}
