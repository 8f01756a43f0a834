"""Exports and measures every rung of the ladder, without a target label."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dagen.datasets.loading.opening import open_dataset, require_images
from dagen.datasets.loading.transforms import resize
from dagen.deploy import predictor as exported
from dagen.deploy.agreement import loss
from dagen.deploy.compression.rungs import Rung, Tried
from dagen.deploy.export import UNSTATED, Exported, export
from dagen.deploy.pictures import data_of
from dagen.errors import DagenError, UsageError
from dagen.models.deployed.file import load_deployed
from dagen.scoring.predictor import Predictor, mask
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.progress import Progress
from dagen.types import Image, Task

_JUDGES = 16
_LONGEST = 512
"""Pixels of the longer side at which masks are compared; larger images are scaled down."""
_WARM = 5
_LEAST = 20
"""Timed rounds, in each of which every file computes one image."""


@dataclass(frozen=True)
class Ground:
    """What all rungs are compared with.

    Attributes:
        task: what is segmented.
        images: unlabelled training images.
        wanted: the PyTorch network's masks of them.
        told: the images in a few words.
    """

    task: Task
    images: list[Image]
    wanted: list[NDArray[np.uint8]]
    told: str


def ground(model: Path, data: str | None, data_root: Path | None) -> Ground:
    """The PyTorch network's masks of unlabelled training images.

    Args:
        model: the deployed file.
        data: data set; None is the target of the network's run, or else its source.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.

    Raises:
        UsageError: no data set is given or known.
        DataError: it is missing, damaged or empty.
    """
    card = load_deployed(model)[1]
    name = data or next(iter(data_of(card.run)), None)
    if name is None:
        raise UsageError(
            "the agreement is measured on images, and this network has no run that names a data "
            "set; give one with --calibrate."
        )
    dataset = open_dataset(name, "train", card.kind, data_root)
    require_images(dataset, name)
    count = min(_JUDGES, len(dataset))
    # In the middle of equal parts; those that set the ranges of int8 stand at their beginnings.
    places = [(2 * k + 1) * len(dataset) // (2 * count) for k in range(count)]
    images = [_smaller(dataset.image(place)) for place in places]
    predictor = TorchPredictor.load(model)
    wanted = [mask(predictor(image)) for image in images]
    return Ground(card.kind, images, wanted, f"{count} images of {name} train")


def climb(
    model: Path,
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
    """Export and measure the rungs.

    Latencies are taken in rounds, one image of each file after the other, so that a machine that is
    busy for a while is so for all of them.

    Args:
        model: the deployed file.
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
    found: list[tuple[Rung, Exported]] = []
    failures: list[str] = []
    for rung in rungs:
        try:
            written = export(
                model,
                out / rung.file,
                format=rung.format,
                int8=rung.precision == "int8",
                fp16=rung.precision == "fp16",
                calibrate=calibrate if rung.precision == "int8" else None,
                size=rung.size,
                data_root=data_root,
                licence=licence,
            )
            found.append((rung, written))
        except UsageError:
            raise
        except DagenError as error:
            failures.append(f"{rung.file}: {error}")
        bar.advance()
    if not found:
        raise DagenError(f"no file could be exported. {' '.join(failures[:3])}")
    opened = [exported.load(each.file, threads=threads) for _, each in found]
    times = _latencies(opened)
    tried = []
    for (rung, written), predictor, taken in zip(found, opened, times, strict=True):
        tried.append(
            Tried(
                rung,
                written.file,
                written.bytes,
                written.facts.macs,
                agreement_loss(predictor, against),
                float(np.median(taken)),
                float(np.percentile(taken, 95)),
                predictor.runtime.name,
            )
        )
    return tried, failures


def agreement_loss(predictor: Predictor, against: Ground) -> float:
    """A predictor's loss of agreement with the PyTorch network, in points."""
    masks = (mask(predictor(image)) for image in against.images)
    return loss(masks, against.wanted, against.task)


def scored(tried: Sequence[Tried], data: str, data_root: Path | None) -> list[Tried]:
    """The same with the foreground IoU on a data set's ``val`` split, which chose nothing.

    Raises:
        DataError: the data set is missing, damaged, or has no labels.
    """
    from dagen.scoring.evaluation import evaluate

    found = []
    for each in tried:
        predictor = exported.load(each.file)
        dataset = open_dataset(data, "val", predictor.task, data_root)
        found.append(replace(each, waste_iou=100 * evaluate(predictor, dataset).waste_iou))
    return found


def _latencies(opened: Sequence[exported.ExportedPredictor]) -> list[list[float]]:
    inputs = []
    for each in opened:
        facts = each.runtime.facts
        image = np.random.default_rng(0).integers(0, 256, (*facts.card.size, 3), np.uint8)
        inputs.append(exported.to_input(image, facts.input))
    times: list[list[float]] = [[] for _ in opened]
    for number in range(_WARM + _LEAST):
        for each, pixels, taken in zip(opened, inputs, times, strict=True):
            start = time.perf_counter()
            each.runtime(pixels)
            if number >= _WARM:
                taken.append(1000 * (time.perf_counter() - start))
    return times


def _smaller(image: Image) -> Image:
    scale = _LONGEST / max(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return resize(image, (height, width))
