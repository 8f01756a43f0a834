"""The log of a run, as lines of JSON in the run's own folder.

A run writes only here, so it needs no server and loses nothing when it is killed.
:mod:`dagen.runs.history` reads the log, and MLflow gets it from :mod:`dagen.tracking.delivery`.
Lines are only ever added; going back to a checkpoint adds a line, too. Every line has ``kind``,
``time`` (milliseconds since 1970) and ``crc``, the CRC-32 of the line without it:

=========  ==================================================================
kind       further keys
=========  ==================================================================
params     ``values``: text by name
tags       ``values``: text by name
metrics    ``step``; ``values``: number by name, ``"nan"``, ``"inf"``, ``"-inf"``
artifact   ``path`` (below the run's folder, or absolute), ``folder``
model      ``path``; ``registered``, ``description``, ``tags`` if it is registered
dataset    ``name``, ``fingerprint``, ``role``, ``images`` if their number is known
rewind     ``step``: metrics of later steps no longer count
status     ``status``: one of :data:`Status`
=========  ==================================================================
"""

from __future__ import annotations

import math
import posixpath
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, SupportsFloat, get_args

from dagen.errors import DagenError, UsageError
from dagen.runs.history import LOG, line_of, read_records
from dagen.system.files import append_line, make_folder

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

# Names that MLflow accepts (mlflow.utils.validation), checked before the run starts.
_NAME = re.compile(r"[/\w.\- :]{1,250}")


class RunLog:
    """The log of one run; opening it again continues it.

    Attributes:
        folder: the run's folder; the log is its file ``log.jsonl``.
    """

    def __init__(self, folder: Path) -> None:
        """Use :meth:`open`."""
        self.folder = folder
        self._params: dict[str, str] = {}

    @classmethod
    def open(cls, folder: Path) -> RunLog:
        """The log in ``folder``, which is made if it is missing.

        Raises:
            DagenError: the folder cannot be made, or its log is damaged.
        """
        log = cls(make_folder(folder))
        for record in read_records(folder):
            if record["kind"] == "params":
                log._params.update(record["values"])
        return log

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; nested mappings get dotted names.

        MLflow's parameters cannot change. A parameter that was logged before is not logged again;
        if it has changed since, its new value becomes the tag ``resumed.<name>``.

        Raises:
            UsageError: MLflow does not accept a name.
        """
        flat = _flat(values)
        new = {name: value for name, value in flat.items() if name not in self._params}
        changed = {
            f"resumed.{name}": value
            for name, value in flat.items()
            if self._params.get(name, value) != value
        }
        if new:
            self._add("params", values=_named(new))
            self._params.update(new)
        if changed:
            self.tags(changed)

    def tags(self, values: Mapping[str, Any]) -> None:
        """Set tags; the last value counts.

        Raises:
            UsageError: MLflow does not accept a name.
        """
        self._add("tags", values=_named(_flat(values)))

    def note(self, text: str) -> None:
        """Set the description that MLflow shows above the run (Markdown)."""
        self.tags({"mlflow.note.content": text})

    def metrics(self, values: Mapping[str, SupportsFloat], step: int) -> None:
        """Log metrics.

        Args:
            values: numbers by name; tensors of one element are fine.
            step: the step that they belong to, at least 0.

        Raises:
            UsageError: MLflow does not accept a name.
        """
        numbers = {name: _number(float(value)) for name, value in values.items()}
        self._add("metrics", step=int(step), values=_named(numbers))

    def artifact(self, path: Path, folder: str = "") -> None:
        """Log a file, or a folder with its content.

        Args:
            path: file or folder; it must still exist when it is delivered.
            folder: folder among the run's artifacts in MLflow.

        Raises:
            DagenError: there is nothing at ``path``.
        """
        self._add("artifact", path=self._existing(path), folder=folder)

    def model(
        self,
        path: Path,
        *,
        registered: str | None = None,
        description: str = "",
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        """Log the deployed file ``path`` as an MLflow model from arrays to arrays.

        Args:
            path: the deployed file.
            registered: name of the registered model that gets it as a version; None registers
                nothing.
            description: description of that version (Markdown).
            tags: tags of that version.

        Raises:
            DagenError: there is no such file.
            UsageError: MLflow does not accept a name.
        """
        entry: dict[str, Any] = {"path": self._existing(path)}
        if registered is not None:
            _named({registered: None})
            entry |= {
                "registered": registered,
                "description": description,
                "tags": _named(_flat(tags or {})),
            }
        self._add("model", **entry)

    def dataset(self, name: str, fingerprint: str, role: str, images: int | None = None) -> None:
        """Log a data set that the run has read.

        Args:
            name: the data set and split, such as ``"taco/train"``.
            fingerprint: SHA-256 (hex) over its contents.
            role: its role in the run, such as ``"source"`` or ``"target"``.
            images: number of images, if known.
        """
        known = {} if images is None else {"images": images}
        self._add("dataset", name=name, fingerprint=fingerprint, role=role, **known)

    def rewind(self, step: int) -> None:
        """Resume from a checkpoint: metrics of steps after ``step`` no longer count.

        Args:
            step: the last step that still counts; -1 if the run starts over.
        """
        if (self.folder / LOG).exists():
            self._add("rewind", step=int(step))

    def finish(self, status: Status = "FINISHED") -> None:
        """Log how the run ended."""
        if status not in get_args(Status):
            raise ValueError(f"status {status!r} is none of {get_args(Status)}")
        self._add("status", status=status)

    def _add(self, kind: str, **values: Any) -> None:
        record = {"kind": kind, "time": time.time_ns() // 1_000_000, **values}
        append_line(self.folder / LOG, line_of(record))

    def _existing(self, path: Path) -> str:
        if not path.exists():
            raise DagenError(f"{path} cannot be logged: there is no such file.")
        path, home = path.resolve(), self.folder.resolve()
        # Relative, so that the run's own files are found again if its folder is moved.
        return path.relative_to(home).as_posix() if path.is_relative_to(home) else str(path)


def _number(value: float) -> float | str:
    """JSON has no infinities, so they become names that ``float`` can read."""
    return value if math.isfinite(value) else str(value)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = str(value)
    return flat


def _named(values: dict[str, Any]) -> dict[str, Any]:
    for name in values:
        plain = posixpath.normpath(name) == name and not name.startswith(("..", "/"))
        if not _NAME.fullmatch(name) or not plain:
            raise UsageError(
                f"'{name}' cannot be logged to MLflow; a name has at most 250 letters, digits, "
                "and _-.:/ or spaces, and is not a path that starts with / or has empty parts."
            )
    return values
