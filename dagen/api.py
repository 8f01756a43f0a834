"""The commands as Python functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagen.datasets.loading.opening import open_dataset
from dagen.engine.run import Comparison, run, run_pair
from dagen.models.base import create_network
from dagen.models.deployed import cost
from dagen.models.deployed.cost import Profile
from dagen.models.deployed.file import load_deployed
from dagen.runs.config import Config, from_mapping, parse_size
from dagen.runs.reading import load
from dagen.runs.results import RunResult
from dagen.runs.runtime import Runtime
from dagen.scoring.evaluation import evaluate as score
from dagen.scoring.prediction import predict_files
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.device import choose_device
from dagen.system.progress import Progress
from dagen.types import Task

__all__ = ["Config", "RunResult", "adapt", "evaluate", "predict", "profile", "train"]


def train(*, runtime: Runtime | None = None, **settings: Any) -> RunResult:
    """Train on one data set alone (source-only, or the oracle).

    Args:
        runtime: folders and device.
        **settings: fields of :class:`dagen.Config`.

    Raises:
        DagenError: whatever a user can mend, in one line.
    """
    return run(load(flags=settings), runtime or Runtime())


def adapt(*, runtime: Runtime | None = None, **settings: Any) -> RunResult:
    """Adapt to a target without its labels.

    >>> result = dagen.adapt(src="resortit", tgt="taco", method="advent")  # doctest: +SKIP
    >>> result.score("taco", "waste_iou"), result.extra["source_only"]     # doctest: +SKIP

    Args:
        runtime: folders and device.
        **settings: fields of :class:`dagen.Config`; ``tgt`` is required.

    Returns:
        The adapted run; ``extra["source_only"]`` holds its baseline's scores.

    Raises:
        DagenError: whatever a user can mend, in one line.
    """
    pair: Comparison = run_pair(load(flags=settings), runtime or Runtime())
    return pair.result


def evaluate(
    model: Path | str,
    *,
    data: str,
    split: str = "val",
    size: str | None = None,
    data_root: Path | None = None,
    device: str = "auto",
    quiet: bool = True,
) -> dict[str, float]:
    """Score a deployed file on a data set.

    Args:
        model: the deployed file.
        data: the data set's name.
        split: its split.
        size: height x width that the network's input covers; None is the size it was made for.
        data_root: where the data sets lie; None is ``$DAGEN_DATA``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        quiet: no progress display.

    Returns:
        The figures of :class:`dagen.scoring.metrics.Scores`, fractions of 1.

    Raises:
        DagenError: a file, data set or label that is missing or damaged.
    """
    predictor = _open(model, size, device)
    dataset = open_dataset(data, split, predictor.task, data_root)
    with Progress(quiet=quiet) as progress:
        bar = progress.task(f"scoring on {data}", len(dataset))
        return score(predictor, dataset, on_image=bar.advance).to_dict()


def predict(
    model: Path | str,
    images: Path | str,
    out: Path | str,
    *,
    size: str | None = None,
    device: str = "auto",
    quiet: bool = True,
) -> list[Path]:
    """Masks and overlays of an image or of all images in a folder.

    Returns:
        The masks that were written: PNG, mode L, class ids.

    Raises:
        DagenError: no such image or folder, a damaged image, or two images that would share a
            mask's name.
    """
    return predict_files(_open(model, size, device), Path(images), Path(out), quiet=quiet)


def _open(model: Path | str, size: str | None, device: str) -> TorchPredictor:
    covered = None if size is None else parse_size(size)
    return TorchPredictor.load(model, size=covered, device=choose_device(device))


def profile(
    model: str,
    *,
    size: str = "224x448",
    width: float = 1.0,
    task: str = "material",
    enforce_cap: bool = False,
) -> Profile:
    """What a network weighs, by its name or as a deployed file.

    Raises:
        DagenError: with ``enforce_cap``, more than 10,000,000 bytes; the widths that would fit
            are named.
    """
    shape = parse_size(size)
    if model.endswith(".safetensors"):
        network, card = load_deployed(model)
        name, kind = card.model, Task(card.task)
    else:
        kind = Task(from_mapping({"task": task, "width": width}).task)  # checked there
        network, name = create_network(model, kind, width, {}).eval(), model
    if enforce_cap:
        cost.enforce_cap(network, name)
    return cost.profile(network, shape)
