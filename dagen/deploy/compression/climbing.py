"""Exports and measures every rung of the ladder, without a target label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np

from dagen.datasets.loading.opening import open_dataset
from dagen.deploy import predictor as exported
from dagen.deploy.compression.ground import Ground, agreement_loss
from dagen.deploy.compression.journal import Journal
from dagen.deploy.compression.rungs import Rung, Tried
from dagen.deploy.export import UNSTATED, export
from dagen.deploy.turns import in_turns
from dagen.errors import DagenError, UsageError
from dagen.models.deployed.file import read_card
from dagen.runs import figures
from dagen.system.progress import Progress
from dagen.version import __version__

ROUNDS = 5
"""Rounds, in each of which every file has a turn."""


def climb(
    models: Mapping[str, Path],
    rungs: Sequence[Rung],
    against: Ground,
    out: Path,
    *,
    calibrate: str | None = None,
    data_root: Path | None = None,
    licence: str = UNSTATED,
    threads: int = 1,
    progress: Progress | None = None,
) -> tuple[list[Tried], list[str]]:
    """Export and measure the rungs; files of an earlier call that are the same are kept.

    Latencies are taken in turns (:mod:`dagen.deploy.turns`), and anew in each call.

    Args:
        models: the deployed files, by the rungs' names of networks.
        rungs: what to try.
        against: what to compare with.
        out: folder of the files.
        calibrate: data set that sets the ranges of int8; None is the run's target.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.
        licence: licence of the weights.
        threads: threads that compute.
        progress: where to show how far it is.

    Returns:
        What was tried, and a sentence for each rung that could not be exported.

    Raises:
        UsageError: a package is not installed, or a file that dagen did not write is in the way.
        DagenError: no rung could be exported.
    """
    progress = progress or Progress(quiet=True)
    bar = progress.task("trying", len(rungs))
    journal = Journal(out)
    shared = {"images": against.digest, "licence": licence, **_versions()}
    found: list[tuple[Rung, Path, float]] = []
    failures: list[str] = []
    for rung in rungs:
        file, model = out / rung.file, models[rung.network]
        data = str(calibrate) if rung.precision == "int8" else ""
        asked = {**shared, "weights": str(read_card(model).weights), "calibrate": data}
        known = journal.loss(file, asked)
        try:
            if known is None:
                known = _exported(model, rung, file, against, calibrate, data_root, licence)
                journal.note(file, asked, known)
            found.append((rung, file, known))
        except UsageError:
            raise
        except DagenError as error:
            failures.append(f"{rung.file}: {error}")
        bar.advance()
    if not found:
        raise DagenError(f"no file could be exported. {' '.join(failures[:3])}")
    opened = [exported.load(file, threads=threads) for _, file, _ in found]
    times = _latencies(opened)
    tried = []
    for (rung, file, known), predictor, taken in zip(found, opened, times, strict=True):
        assert predictor.bytes is not None
        tried.append(
            Tried(
                rung,
                file,
                predictor.bytes,
                predictor.runtime.facts.macs,
                known,
                float(np.median(taken)),
                float(np.percentile(taken, 95)),
                predictor.runtime.name,
            )
        )
    return tried, failures


def scored(
    tried: Sequence[Tried], data: str, data_root: Path | None
) -> tuple[list[Tried], str | None]:
    """The same with the task's own figure on a data set's ``val`` split, which chose nothing.

    Returns:
        What was tried, with scores, and the key of the figure (see :mod:`dagen.runs.figures`).

    Raises:
        DataError: the data set is missing, damaged, or has no labels.
    """
    from dagen.scoring.evaluation import evaluate

    found, figure = [], None
    for each in tried:
        predictor = exported.load(each.file)
        dataset = open_dataset(data, "val", predictor.task, data_root)
        scores = evaluate(predictor, dataset).to_dict()
        figure = figures.headline(predictor.task.name, [scores])
        found.append(replace(each, score=100 * scores[figure]))
    return found, figure


def _exported(
    model: Path,
    rung: Rung,
    file: Path,
    against: Ground,
    calibrate: str | None,
    data_root: Path | None,
    licence: str,
) -> float:
    """Export one rung and measure what it loses."""
    written = export(
        model,
        file,
        format=rung.format,
        int8=rung.precision == "int8",
        fp16=rung.precision == "fp16",
        calibrate=calibrate if rung.precision == "int8" else None,
        size=rung.size,
        data_root=data_root,
        licence=licence,
    )
    return agreement_loss(exported.load(written.file), against)


def _versions() -> dict[str, str]:
    """What computes: another version may compute otherwise."""
    found = {"dagen": __version__}
    for name in ("onnxruntime", "openvino", "torch"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _latencies(opened: Sequence[exported.ExportedPredictor]) -> list[list[float]]:
    inputs = []
    for each in opened:
        facts = each.runtime.facts
        image = np.random.default_rng(0).integers(0, 256, (*facts.card.size, 3), np.uint8)
        inputs.append(exported.to_input(image, facts.input))
    calls = [partial(each.runtime, pixels) for each, pixels in zip(opened, inputs, strict=True)]
    return in_turns(calls, ROUNDS)
