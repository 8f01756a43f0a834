"""The result of a run, as written to ``result.json`` and returned to Python."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagen.errors import DagenError, short
from dagen.runs import describe, figures, stored
from dagen.runs.config import plain_name
from dagen.runs.findings import Findings, read_findings
from dagen.runs.resolved import Classes
from dagen.system.files import write_atomically
from dagen.system.sealing import SEAL, sealed, unsealed

FILE = "result.json"
FORMAT = 2
"""Version of ``result.json``. Version 0.1 wrote none, which is format 1."""
MODEL = "model.safetensors"
"""Name of the deployed file in a run's folder."""
LOCK = "run.lock"
"""The file in a run's folder that is locked while the run is executed; it stays, and is empty."""
GIVEN = "given-"
"""Prefix of the name of a checkpoint that was only scored: a source-free run's baseline."""
RUN = "run:"
"""Prefix of an ``init`` that names a run instead of a path: ``run:NAME``."""


_LONGEST = 200  # bytes; a whole file name has 255


def sheet_of(folder: Path, dataset: str) -> Path:
    """The prediction sheet of a data set in a run's folder."""
    name = plain_name(dataset)
    if len(os.fsencode(name)) > _LONGEST:
        name = name[:40]
    if name != dataset:  # a path: another one may have the same folder's name
        name += f"-{hashlib.blake2b(dataset.encode(), digest_size=2).hexdigest()}"
    return folder / f"predictions-{name}.png"


@dataclass(frozen=True)
class RunResult(Findings):
    """One finished run.

    Attributes:
        name: name of the run and of its folder.
        folder: folder of its files.
        config: the resolved configuration.
        scores: by data set, the scores of :class:`dagen.scoring.metrics.Scores` on its ``val``
            split.
        profile: parameters, MACs, FLOPs (2 per MAC) and bytes of the deployed file; up to version
            0.2, the bytes without its card.
        seconds: seconds of training, all attempts together.
        weights: SHA-256 of the deployed file's tensors; None in a result of version 0.1.
        earlier: whether the run was finished before it was asked for, so that nothing was run.
        classes: the classes, and what each data set calls them; None in older results.
    """

    name: str
    folder: Path
    config: dict[str, Any]
    scores: dict[str, dict[str, float]]
    profile: dict[str, float]
    seconds: float
    weights: str | None = None
    earlier: bool = field(default=False, compare=False)
    classes: Classes | None = None

    @property
    def title(self) -> str:
        """The run's title in tables, such as ``advent``; ``before`` for a checkpoint."""
        return "before" if self.name.startswith(GIVEN) else describe.title(self.config)

    @property
    def model(self) -> Path:
        """The deployed file."""
        return self.folder / MODEL

    def score(self, dataset: str, figure: str | None = None) -> float:
        """One score on one data set.

        Args:
            dataset: name of the data set.
            figure: name of the score, such as ``iou/paper``; None is the task's headline, see
                :func:`dagen.runs.figures.headline`.

        Raises:
            DagenError: the run has no such score.
        """
        if figure is None:
            figure = figures.headline(self.config["task"], self.scores.values())
        try:
            return self.scores[dataset][figure]
        except KeyError:
            have = [f"{d}: {', '.join(sorted(s))}" for d, s in self.scores.items()]
            raise DagenError(
                f"run {self.name} has no {figure} on {dataset}. It has {'; '.join(have)}."
            ) from None

    def save(self) -> None:
        """Write ``result.json``; its presence marks the run as finished."""
        values = {
            "format": FORMAT,
            "name": self.name,
            "folder": None,
            "config": self.config,
            "scores": self.scores,
            "profile": self.profile,
            "seconds": self.seconds,
            "weights": self.weights,
            **({} if self.classes is None else {"classes": self.classes.to_dict()}),
            "extra": self.findings(),
        }
        plain = json.loads(json.dumps(values, default=list))
        text = json.dumps(sealed(plain), indent=2)
        write_atomically(self.folder / FILE, text.encode() + b"\n")


class DamagedResult(DagenError):
    """A ``result.json`` that cannot be read; the run's command makes it again."""


def load(folder: Path) -> RunResult | None:
    """The result of a finished run; None if the run is not finished.

    A run without its deployed file is not finished: its command makes the file again.

    Raises:
        DamagedResult: the result is damaged.
        DagenError: it cannot be read, or a newer dagen wrote it.
    """
    path = folder / FILE
    if not path.is_file() or not (folder / MODEL).is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        _check_format(path, values)
        stored.check_result({name: value for name, value in values.items() if name != SEAL})
        values = unsealed(values)
        values.pop("format", None)
    except OSError as error:
        raise DagenError(f"{path} cannot be read: {str(error.strerror).lower()}.") from None
    except (ValueError, RecursionError) as error:
        raise DamagedResult(
            f"{path} is damaged ({short(str(error), 200)}); run the same command again, which "
            "scores the run once more."
        ) from None
    found = read_findings(values.pop("extra", {}))
    if values.get("classes") is not None:
        values["classes"] = Classes.from_dict(values["classes"])
    return RunResult(**{**values, "folder": folder}, **found)


def intact(folder: Path) -> RunResult | None:
    """Like :func:`load`; None also if the result is damaged, because the run has to end again.

    Raises:
        DagenError: it cannot be read, or a newer dagen wrote it.
    """
    try:
        return load(folder)
    except DamagedResult:
        return None


def _check_format(path: Path, values: object) -> None:
    """Refuse a result of a newer version, which may have other values."""
    if not isinstance(values, dict):
        raise ValueError("it is no JSON object")
    written = values.get("format", 1)
    if isinstance(written, int) and written > FORMAT:
        raise DagenError(
            f"{path} has format {short(written)}; this dagen reads up to {FORMAT}. Update dagen, "
            "or give another folder with --runs."
        )


def located(init: str | None, runs: Path) -> str | None:
    """The path of the deployed file behind a configuration's ``init``.

    Args:
        init: a path, ``run:NAME``, or None.
        runs: folder of all runs.

    Raises:
        DagenError: the named run is not finished.
    """
    if init is None or not init.startswith(RUN):
        return init
    found = load(runs / init.removeprefix(RUN))
    if found is None:
        raise DagenError(f"--init {init}: there is no finished run of that name in {runs}.")
    return str(found.model)
