"""Logs a run for MLflow: its settings, metrics, result and files."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from dagen.datasets.base import Dataset
from dagen.datasets.loading.batches import Stream
from dagen.datasets.loading.wrappers import Pooled
from dagen.errors import DagenError, Stopped
from dagen.runs import describe
from dagen.runs.config import plain_name
from dagen.runs.figures import SUMMARY
from dagen.runs.history import history
from dagen.runs.log import RunLog
from dagen.runs.note import note
from dagen.runs.plan import Plan
from dagen.runs.resolved import Classes
from dagen.runs.results import RunResult
from dagen.runs.runtime import PRECISION
from dagen.system import device
from dagen.system.device import choose_device
from dagen.tracking.delivery import Delivery
from dagen.version import __version__

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime

TIME = "train/seconds"
"""The metric of the seconds of training so far."""
COMMIT = "DAGEN_COMMIT"
"""The environment variable that names the commit of code without its history."""


class Tracked:
    """The log of one run and its delivery.

    Attributes:
        seconds: seconds of training so far, earlier attempts included.
    """

    def __init__(
        self, plan: Plan, log: RunLog, delivery: Delivery | None, how: Mapping[str, str]
    ) -> None:
        self._plan = plan
        self._log, self._delivery, self._how = log, delivery, how
        self._started = time.monotonic()
        self._before = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of training so far, including earlier attempts up to their saved states."""
        return self._before + time.monotonic() - self._started

    def describe(
        self,
        data: Mapping[Stream, Dataset],
        teachers: Mapping[str, str] | None = None,
        classes: Classes | None = None,
    ) -> None:
        """Log parameters, tags and data sets, once at the start.

        Args:
            data: the images by stream.
            teachers: digests of the teachers' files, by name.
            classes: the classes, and what each data set calls them.
        """
        config = self._plan.config
        self._log.params(parameters(self._plan))
        revision = commit() or "unknown"
        stored = config.to_dict()
        self._log.tags(
            {
                "dagen.version": __version__,
                "dagen.folder": config.name,
                "git.commit": revision,
                "mlflow.source.git.commit": revision,  # MLflow's own column
                "torch.version": torch.__version__,
                **self._how,
                "src": config.src,
                "tgt": config.tgt or "none",
                **({"extra_tgt": "+".join(config.extra_tgt)} if config.extra_tgt else {}),
                "method": describe.title(stored),
                "model": config.model,
                "task": config.task,
                "seed": config.seed,
                "budget": describe.budget(stored),
                "recipe": config.recipe or "none",
                "ceiling": config.ceiling or "none",
                **({} if classes is None else classes.tags(describe.roles(stored))),
                **({"teachers": json.dumps(dict(teachers))} if teachers else {}),
            }
        )
        unlabelled = [name for names in self._plan.unlabelled for name in names]
        names = {"source": [config.src], "target": unlabelled, "labelled": [config.tgt or "none"]}
        for stream, dataset in data.items():
            pool = dataset.datasets if isinstance(dataset, Pooled) else (dataset,)
            for own, each in zip(names[stream], pool, strict=False):
                name = f"{own}/{each.split}"
                self._log.dataset(name, each.fingerprint(), stream, images=len(each))

    def metrics(self, figures: Mapping[str, float], step: int) -> None:
        """Log values of a training step."""
        values = {f"train/{name}": value for name, value in figures.items()}
        self._log.metrics({**values, TIME: self.seconds}, step)
        if self._delivery:
            self._delivery.poll()

    def resumed(self, step: int) -> None:
        """Training resumes at ``step``: later values of earlier attempts no longer count."""
        self._log.rewind(step)
        spent = history(self._log.folder).get(TIME, [])
        self._before = spent[-1][1] if spent else 0.0
        self._started = time.monotonic()

    def result(self, result: RunResult, baseline: RunResult | None, pictures: list[Path]) -> None:
        """Log scores, sizes, images, the model and the note, once at the end.

        Args:
            result: result of the run.
            baseline: result that it is compared with.
            pictures: image files to keep with the run.
        """
        for candidate in result.selection.candidates if result.selection else ():
            known = candidate.scores
            seen = {**{k: known[k] for k in SUMMARY if k in known}, **candidate.values}
            self._log.metrics({f"candidates/{k}": v for k, v in seen.items()}, candidate.step)
        images = result.stream_images
        step = result.config["steps"] if images is None else images
        self._log.metrics({**figures(result), **gains(result, baseline)}, step)
        text = note(result, baseline)
        self._log.note(text)
        for picture in pictures:
            self._log.artifact(picture, "pictures")
        config = result.config
        self._log.model(
            result.model,
            registered=f"{config['model']}-{config['task']}-{describe.domains(config)}".replace(
                " ", "-"
            ),
            description=text,
            tags={
                "method": describe.title(config),
                "budget": describe.budget(config, images),
                "seed": config["seed"],
                "dagen.folder": result.name,
            },
        )


def parameters(plan: Plan) -> dict[str, str]:
    """The settings of a run as MLflow's parameters, the same names in every run.

    Strategies' parameters include their defaults, so that a run that set one can be compared with a
    run that did not. Settings without influence and unset ones are left out.
    """
    config, stored = plan.config, plan.config.to_dict()
    left_out = ("score", "init", *config.parts)
    named = {
        name: value
        for name, value in describe.settings(stored).items()
        if name.split(".")[0] not in left_out
    }
    named["method"] = describe.title(stored)  # `supervised` is source-only, or the oracle
    if config.init is not None:
        named["init"] = config.init
    for part, built in plan.parts.configs.items():
        # Sorts after `method` and `model`: MLflow compares the first few parameters.
        named |= {f"parts.{part}.{key}": value for key, value in asdict(built).items()}
    return {name: describe.text(value) for name, value in named.items()}


def figures(result: RunResult) -> dict[str, float]:
    """All final measurements, under names that do not depend on the data.

    ``target/waste_iou`` is the waste IoU on the target, whatever the data set's name; ``source``
    likewise.
    Further scored data sets keep their names.
    """
    found = {f"profile/{name}": value for name, value in result.profile.items()}
    known = describe.roles(result.config)
    for dataset, scores in result.scores.items():
        found |= {
            f"{known.get(dataset, plain_name(dataset))}/{name}": v for name, v in scores.items()
        }
    if result.false_alarms is not None:
        found["false_alarms"] = result.false_alarms.share
    if (compiled := result.compiled) is not None:
        found |= {f"compile/{k}": v for k, v in asdict(compiled).items() if v is not None}
    if (seen := result.unlabelled) is not None:
        found |= {
            f"unlabelled/{name}/{when}": value
            for name, values in seen.validators.items()
            for when, value in values.items()
        }
        if seen.changed is not None:
            found["unlabelled/changed"] = seen.changed
    found |= {
        f"validators/{name}/{figure}": value
        for name, pick in (result.selection.picks if result.selection else {}).items()
        for figure, value in asdict(pick).items()
        # `candidates/` has the value beside those of the other checkpoints
        if figure != "value" and value is not None
    }
    found |= {
        f"target/{row}/{name}": value
        for row, scores in (result.stream.rows if result.stream else {}).items()
        if row != "after"  # these are the run's own scores
        for name, value in scores.items()
    }
    if result.stream is not None and result.stream.changed is not None:
        found["target/changed"] = result.stream.changed
    return found


def gains(result: RunResult, before: RunResult | None) -> dict[str, float]:
    """The run's gains over its baseline, such as ``gain/target/waste_iou``, as fractions of 1."""
    if before is None:
        return {}
    known = describe.roles(result.config)
    return {
        f"gain/{known.get(name, name)}/{figure}": scores[figure] - before.scores[name][figure]
        for name, scores in result.scores.items()
        for figure in SUMMARY
        if figure in scores and figure in before.scores.get(name, {})
    }


@contextmanager
def tracked(plan: Plan, runtime: Runtime, folder: Path) -> Iterator[Tracked]:
    """The log of a run in ``folder``; its final status is always logged."""
    log = RunLog.open(folder)
    delivery = None
    if runtime.track:
        name = describe.run_name(plan.config.to_dict(), plan.config.name)
        delivery = Delivery(
            folder, runtime.experiment, name, parent=runtime.parent, runs=runtime.runs
        )
    where = choose_device(runtime.device)
    how = {"hardware": device.describe(where), PRECISION: precision(plan, runtime, where)}
    try:
        yield Tracked(plan, log, delivery, how)
    except BaseException as error:
        killed = isinstance(error, KeyboardInterrupt | SystemExit | Stopped)
        with suppress(DagenError):  # a full disk, for instance; the first error tells it
            log.finish("KILLED" if killed else "FAILED")
            if delivery:
                delivery.close()
        raise
    log.finish()
    if delivery:
        delivery.close()


def precision(plan: Plan, runtime: Runtime, where: torch.device) -> str:
    """``float32`` or ``bfloat16``: what convolutions and matrix products of a run compute in."""
    return "bfloat16" if runtime.autocast(where) and not plan.online else "float32"


def commit() -> str | None:
    """The commit of the checkout that dagen runs from.

    Outside one, as in an image or on a machine that got the code alone, it is ``$DAGEN_COMMIT``;
    None without that.
    """
    here, told = Path(__file__).parent, os.environ.get(COMMIT) or None
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return told
    return found.stdout.strip() or told
