"""The result of a run, as written to ``result.json`` and returned to Python."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dagen.errors import DagenError, short
from dagen.runs import describe, figures, stored
from dagen.runs.config import plain_name
from dagen.runs.resolved import Classes
from dagen.runs.selection import Selection
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


def sheet_of(folder: Path, dataset: str) -> Path:
    """The prediction sheet of a data set in a run's folder."""
    name = plain_name(dataset)
    if name != dataset:  # a path: another one may have the same folder's name
        name += f"-{hashlib.blake2b(dataset.encode(), digest_size=2).hexdigest()}"
    return folder / f"predictions-{name}.png"


@dataclass(frozen=True)
class StreamScores:
    """The scores of a run over a stream of images.

    Attributes:
        images: number of images.
        rows: scores on the target ``before``, with ``batch-norm`` statistics alone, and ``after``
            (those of the run itself); no row if the target has no labels.
        changed: share of the pixels, from 0 to 1, that have another class than with batch norm
            alone; None in a result of an earlier version.
    """

    images: int
    rows: Mapping[str, Mapping[str, float]]
    changed: float | None = None


@dataclass(frozen=True)
class Baseline:
    """The run that an adapted run is compared with.

    Attributes:
        run: its name; its folder is beside the adapted run's.
        scores: its scores by data set.
    """

    run: str
    scores: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Unlabelled:
    """What is known of a target without labels.

    Attributes:
        images: number of images that were compared.
        changed: share of their pixels, from 0 to 1, that have another class than before; None if
            the run has no baseline.
        validators: scores of validators that use no label, ``before`` and ``after``, by validator.
            More is better, as the validator sees it.
    """

    images: int
    changed: float | None
    validators: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class FalseAlarms:
    """What a network calls foreground where there is none.

    Attributes:
        data: data set of scenes without objects.
        images: number of scenes that were looked at.
        share: share of all their pixels, from 0 to 1, that are called foreground.
    """

    data: str
    images: int
    share: float


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Optional results of a run besides its scores.

    Attributes:
        selection: the choice among several checkpoints; None if only the last was kept.
        stream: the scores over a stream of images; None for a run that trains.
        baseline: the run that an adapted run is compared with; None if there was none.
        unlabelled: what is known of the target; None if it has labels, or there is none.
        teachers: by name, the digests of the teachers whose maps were learnt; None without any.
        seen: what the network has learned from besides the run's data sets, such as ``ImageNet``.
        false_alarms: foreground on scenes without objects; None if none were given.
    """

    selection: Selection | None = None
    stream: StreamScores | None = None
    baseline: Baseline | None = None
    unlabelled: Unlabelled | None = None
    teachers: Mapping[str, str] | None = None
    seen: tuple[str, ...] = ()
    false_alarms: FalseAlarms | None = None

    @property
    def stream_images(self) -> int | None:
        """The number of images of the stream; None for a run that trains."""
        return None if self.stream is None else self.stream.images

    def findings(self) -> dict[str, Any]:
        """The findings as plain values, as under ``extra`` in files."""
        found: dict[str, Any] = {} if self.selection is None else self.selection.to_dict()
        if self.stream is not None:
            rows = {name: dict(row) for name, row in self.stream.rows.items()}
            found["stream"] = {"images": self.stream.images, "rows": rows}
            if self.stream.changed is not None:
                found["stream"]["changed"] = self.stream.changed
        if self.baseline is not None:
            scores = {name: dict(one) for name, one in self.baseline.scores.items()}
            found["baseline"] = {"run": self.baseline.run, "scores": scores}
        if self.unlabelled is not None:
            found["unlabelled"] = asdict(self.unlabelled)
        if self.teachers is not None:
            found["teachers"] = dict(self.teachers)
        if self.seen:
            found["seen"] = list(self.seen)
        if self.false_alarms is not None:
            found["false_alarms"] = asdict(self.false_alarms)
        return found


def read_findings(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of :class:`Findings` from the plain values of :meth:`Findings.findings`.

    Raises:
        KeyError, TypeError: something is missing or of another kind.
    """
    return {
        "selection": Selection.from_dict(extra) if "selection" in extra else None,
        "stream": StreamScores(**extra["stream"]) if "stream" in extra else None,
        "baseline": Baseline(**extra["baseline"]) if "baseline" in extra else None,
        "unlabelled": Unlabelled(**extra["unlabelled"]) if "unlabelled" in extra else None,
        "teachers": dict(extra["teachers"]) if "teachers" in extra else None,
        "seen": tuple(extra.get("seen", ())),
        "false_alarms": FalseAlarms(**extra["false_alarms"]) if "false_alarms" in extra else None,
    }


@dataclass(frozen=True)
class RunResult(Findings):
    """One finished run.

    Attributes:
        name: name of the run and of its folder.
        folder: folder of its files.
        config: the resolved configuration.
        scores: by data set, the scores of :class:`dagen.scoring.metrics.Scores` on its ``val``
            split.
        profile: parameters, MACs, FLOPs (2 per MAC) and bytes of the deployed file.
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
