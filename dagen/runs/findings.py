"""What is known of a run besides its scores, as under ``extra`` in files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dagen.runs.compiled import Compiled
from dagen.runs.selection import Selection


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
        compiled: what compiling the student cost and saved; None if it was not compiled.
    """

    selection: Selection | None = None
    stream: StreamScores | None = None
    baseline: Baseline | None = None
    unlabelled: Unlabelled | None = None
    teachers: Mapping[str, str] | None = None
    seen: tuple[str, ...] = ()
    false_alarms: FalseAlarms | None = None
    compiled: Compiled | None = None

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
        if self.compiled is not None:
            found["compiled"] = asdict(self.compiled)
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
        "compiled": Compiled(**extra["compiled"]) if "compiled" in extra else None,
    }
