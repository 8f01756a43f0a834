"""Choosing among checkpoints, and measuring the choice.

:func:`judge` and :meth:`Judgement.pick` use no target label: they end before the first one is
opened. :func:`picks` then compares the picks with the target's ``val`` scores, for the report.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagen import plugins
from dagen.errors import UsageError
from dagen.runs.checks import applicable, validator_domains
from dagen.runs.config import Config
from dagen.runs.selection import FIGURE, LAST, ORACLE, Pick
from dagen.types import Domain
from dagen.validators.base import Evidence, NotApplicable

logger = logging.getLogger("dagen")


def require(config: Config, pictured: Collection[Domain]) -> None:
    """Refuse a choice by missing images or labels.

    Args:
        config: configuration of the run.
        pictured: the domains that have images; those of the source have labels.

    Raises:
        UsageError: ``config.select`` needs a domain that is missing.
    """
    if config.select == LAST or validator_domains(config.select) <= set(pictured):
        return
    raise UsageError(
        f"select is {config.select}, which reads labels of {config.src} val, but there are none; "
        f"allowed here: {', '.join([LAST, *applicable(pictured)])}."
    )


@dataclass(frozen=True)
class Verdict:
    """The verdict of one validator.

    Attributes:
        values: its score of each candidate that it can judge, by step.
        reason: why it could not judge the latest such candidate.
    """

    values: dict[int, float]
    reason: str | None = None

    @property
    def pick(self) -> int | None:
        """The step of the highest score, the latest of equal ones; None without scores."""
        best = max(((value, step) for step, value in self.values.items()), default=None)
        return None if best is None else best[1]


@dataclass(frozen=True)
class Judgement:
    """The verdicts of all validators on the candidates.

    Attributes:
        steps: steps of the candidates, ascending.
        verdicts: verdicts by validator.
        forwards: number of images that were forwarded for each candidate.
    """

    steps: tuple[int, ...]
    verdicts: dict[str, Verdict]
    forwards: int

    def pick(self, select: str) -> int:
        """The step that ``select`` chooses.

        If that validator cannot judge any candidate, it is the last, with a warning.
        """
        if select == LAST:
            return self.steps[-1]
        verdict = self.verdicts.get(select, Verdict({}, "it has no images to judge by."))
        if verdict.pick is None:
            logger.warning(
                "%s cannot choose (%s) The last checkpoint stays.", select, verdict.reason
            )
            return self.steps[-1]
        return verdict.pick


def judge(candidates: Iterable[tuple[int, Evidence]], names: Sequence[str]) -> Judgement:
    """Let validators judge candidates.

    Args:
        candidates: step and evidence of each, in the order of their steps; consumed one at a time.
        names: the validators.
    """
    validators = {name: plugins.get("validators", name)() for name in names}
    looks: dict[str, dict[int, Any]] = {name: {} for name in names}
    reasons: dict[str, str] = {}
    steps: list[int] = []
    forwards = 0
    for step, evidence in candidates:
        steps.append(step)
        for name, validator in validators.items():
            try:
                looks[name][step] = validator.look(evidence)
            except NotApplicable as error:
                reasons[name] = f"step {step}: {error}"
        forwards = max(forwards, evidence.forwards)
    verdicts = {}
    for name, validator in validators.items():
        seen = looks[name]
        values = validator.compare(list(seen.values())) if seen else []
        scored = dict(zip(seen, values, strict=True))
        finite = {step: value for step, value in scored.items() if math.isfinite(value)}
        for step in scored.keys() - finite.keys():
            reasons[name] = f"step {step}: its score is not a finite number."
        verdicts[name] = Verdict(finite, reasons.get(name))
    return Judgement(tuple(steps), verdicts, forwards)


def picks(judgement: Judgement, scores: Mapping[int, Mapping[str, float]]) -> dict[str, Pick]:
    """Each validator's pick and its worth.

    Args:
        judgement: a complete judgement.
        scores: scores of each candidate on the target's ``val`` split, by step; empty without
            labels there. They decide the oracle's pick and the regrets, but no other pick.
    """
    known = {step: s[FIGURE] for step, s in scores.items() if FIGURE in s}
    best = max(((value, step) for step, value in known.items()), default=None)
    chosen: dict[str, tuple[int, float]] = {}
    if best is not None:
        chosen[ORACLE] = best[1], best[0]
    last = judgement.steps[-1]
    chosen[LAST] = last, float(last)
    for name, verdict in judgement.verdicts.items():
        if verdict.pick is not None:
            chosen[name] = verdict.pick, verdict.values[verdict.pick]
    found = {}
    for name, (step, value) in chosen.items():
        worth = scores.get(step, {})
        regret = best[0] - known[step] if best is not None and step in known else None
        found[name] = Pick(step, value, worth.get("waste_iou"), worth.get(FIGURE), regret)
    return found
