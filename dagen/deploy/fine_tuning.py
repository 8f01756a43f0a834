"""Quantisation-aware fine-tuning: a network learns to bear 8 bits, by the settings of its run.

The network of a run is trained on with the run's own strategies and data, rounded as its int8 file
is (:mod:`dagen.methods.qat`), and taught by itself in float32 (:mod:`dagen.methods.distill`) on
unlabelled target images. Batch-norm statistics are frozen, no average of weights is deployed, no
weight decays, and the learning rate is small and constant: the recipe of PTQ-then-QAT in United
Perception's EOD, whose rate is the last one of the float32 run. Deviation: our rates decay to
nearly nothing, so it is a share of the peak.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from dagen import plugins
from dagen.deploy.export import Exported, export
from dagen.deploy.int8 import Origin
from dagen.engine.run import run
from dagen.errors import UsageError, short
from dagen.models.deployed.file import read_card
from dagen.parameters import build_config
from dagen.runs.config import Config, from_mapping
from dagen.runs.parts import resolve
from dagen.runs.results import RunResult
from dagen.runs.runtime import Runtime

logger = logging.getLogger("dagen")

RATE = 0.1
"""Learning rate, as a share of the run's peak."""
_TEACHER, _SELF, _ROUNDING = "mean-teacher", "distill", "qat"


def config_of(model: Path, steps: int) -> Config:
    """The configuration of the run that fine-tunes a network.

    Strategies that change the network after training (adabn, swa) are left out: the network that
    was rounded is the one that is deployed. A mean teacher stays as the network was.

    Args:
        model: the network's deployed file.
        steps: training steps.

    Raises:
        UsageError: no run made the network, its run learned from a stream, or ``steps`` is out of
            its range.
    """
    made = read_card(model).run
    if not made:
        raise UsageError(
            f"{short(model, 200)} has no run whose strategies could train it; export it without "
            "fine-tuning."
        )
    whole = from_mapping(made)
    stack = resolve(whole.method)
    if any(plugins.get("methods", name).online for name in stack):
        raise UsageError(
            f"{'+'.join(whole.method)} learns from a stream and cannot fine-tune; export without "
            "fine-tuning, or fine-tune the network that it started from."
        )
    kept = [name for name in stack if name == _TEACHER or not _changes(name, whole)]
    names = [name for name in kept if name not in (_SELF, _ROUNDING)] or ["supervised"]
    parts: dict[str, dict[str, Any]] = {k: dict(v) for k, v in whole.parts.items() if k in names}
    if _TEACHER in names:
        parts[_TEACHER] = {**parts.get(_TEACHER, {}), "decay": 1.0, "predict": False}
    domain = "source" if whole.tgt is None else "target"
    parts[_SELF] = {"teacher": str(model), "domain": domain, "logits": 0.0}
    return from_mapping(
        {
            **made,
            "method": [*names, _SELF, _ROUNDING],
            "parts": parts,
            "init": str(model),
            "steps": steps,
            "batch_norm": "shared",  # the deployed statistics normalise every pass
            "freeze_batch_norm": 0.0,
            "lr": RATE * whole.lr,
            "warmup": 0,
            "power": 0.0,
            "weight_decay": 0.0,
            "candidates": 1,
            "select": "last",
            "compile": False,  # hooks round every pass
        }
    )


def _changes(name: str, config: Config) -> bool:
    """Whether a strategy changes the network after training."""
    method = plugins.get("methods", name)
    own = build_config(method.Config, config.parts.get(name, {}), name)
    return bool(method.predicts(own))


def tune(model: Path, steps: int, runtime: Runtime) -> RunResult:
    """Fine-tune a network; a run that was stopped is resumed.

    Args:
        model: the network's deployed file.
        steps: training steps.
        runtime: where and how to run.

    Raises:
        UsageError: see :func:`config_of`.
        DagenError: any error of a run.
    """
    config = config_of(model, steps)
    return run(config, runtime)


def export_tuned(
    model: Path,
    out: Path,
    *,
    steps: int,
    runtime: Runtime,
    max_drop: float | None = None,
    **options: Any,
) -> Exported:
    """Write an int8 file, fine-tuned if that brings it nearer to the float32 network.

    With ``max_drop``, a network whose layers can all be in 8 bits within it is not trained. What
    the fine-tuned network still loses beyond it, layers in float32 have to bring.

    Args:
        model: the deployed file.
        out: the file to write.
        steps: training steps.
        runtime: where and how to train.
        max_drop: points of agreement with the float32 network that may be lost; None puts all
            layers into 8 bits.
        options: see :func:`dagen.deploy.export.export`.

    Raises:
        UsageError: see :func:`config_of` and :func:`dagen.deploy.export.export`.
        DagenError: any error of a run or of an export.
    """
    config_of(model, steps)  # refused before anything is measured
    before = _loss(model, out, None, options)
    if max_drop is not None and before <= max_drop:
        logger.info("all layers bear 8 bits within %g points; nothing is trained.", max_drop)
        return export(model, out, int8=True, max_drop=max_drop, **options)
    tuned = tune(model, steps, runtime)
    after = _loss(tuned.model, out, Origin(model, {}), options)
    if after >= before:
        logger.warning(
            "fine-tuning did not help: the loss of agreement was %.2f points and would be %.2f; "
            "the network is exported as it was. Try more steps.",
            before, after,
        )  # fmt: skip
        return export(model, out, int8=True, max_drop=max_drop, **options)
    told = {"run": tuned.name, "steps": steps, "loss_before": before, "loss_after": after}
    origin = Origin(model, told)
    return export(tuned.model, out, int8=True, max_drop=max_drop, origin=origin, **options)


def _loss(model: Path, out: Path, origin: Origin | None, options: dict[str, Any]) -> float:
    """The loss of agreement with all layers in 8 bits."""
    with tempfile.TemporaryDirectory() as folder:
        made = export(model, Path(folder) / out.name, int8=True, origin=origin, **options)
    return float(made.facts.calibration["agreement_loss"])
