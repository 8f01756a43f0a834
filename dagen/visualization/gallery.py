"""Draws all figures of some networks: feature space, failures, calibration, curves.

Each kind of figure has its own module beside this one. The numbers of the feature map are measured
on the features themselves (:mod:`.distances`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagen.datasets.loading.opening import open_dataset, open_scored
from dagen.errors import DataError, UsageError
from dagen.system.device import choose_device
from dagen.system.files import make_folder, remove
from dagen.system.progress import Progress
from dagen.tracking.later import add_to_run
from dagen.types import Task
from dagen.visualization import (
    case_sheets,
    cases,
    confusion,
    curves,
    distances,
    embedding,
    failure_groups,
    map_page,
    map_picture,
    networks,
    reliability,
    sampling,
    surveying,
)
from dagen.visualization.networks import Checkpoint
from dagen.visualization.numbers import write as write_numbers
from dagen.visualization.survey import Side, Survey

_CASES = 5
_FOLDER = "visualize"


@dataclass(frozen=True)
class Gallery:
    """The drawn files.

    Attributes:
        folder: folder of the files.
        files: all files.
        titles: titles of the networks.
        distances: each network's numbers from :func:`dagen.visualization.distances.measure`.
        logged: folders of the runs whose MLflow run has the files.
        remark: what is left out, in a sentence; None if nothing is.
    """

    folder: Path
    files: list[Path]
    titles: list[str]
    distances: list[dict[str, float]]
    logged: list[Path]
    remark: str | None = None


def visualize(
    given: Sequence[Path | str],
    *,
    src: str | None,
    tgt: str | None,
    out: Path | None,
    split: str,
    points: int,
    images: int | None,
    seed: int,
    data_root: Path | None,
    device: str,
    track: bool,
    quiet: bool,
) -> Gallery:
    """Draw all figures of some networks, ``before`` first; see :func:`dagen.visualize`."""
    where = choose_device(device)
    opened = networks.open_all([Path(each) for each in given], src)
    embedding.require_one_size([c.predictor.feature_channels for c in opened])
    task = opened[0].card.kind
    quota = points // (len(opened) * 2 * task.num_classes)
    if quota < 2:
        least = 4 * len(opened) * task.num_classes
        raise UsageError(f"points is {points}; this map needs {least} or more.")
    if images is not None and images < 2:
        raise UsageError(f"images is {images}; give 2 or more.")
    sides = _sides(_names(opened, src, tgt), split, task, images, data_root)
    folder = make_folder(out if out is not None else opened[-1].path.parent / _FOLDER)
    with Progress(quiet=quiet) as progress:
        seen = _survey(opened, sides, quota, seed, where, progress)
        task_ = progress.task("distances", len(opened))
        numbers = []
        for features in seen.features:
            numbers.append(distances.measure(features, seen.points, seen.classes, seed))
            task_.advance()
        bar = progress.task("map", 100)
        places = embedding.joint_map(
            seen.features, seed, lambda share: bar.update(round(100 * share))
        )
        files = _draw(seen, places, numbers, folder, progress)
    logged = _log(seen, numbers, files) if track else []
    remark = None if seen.labelled else _remark(sides[1])
    return Gallery(folder, files, [c.title for c in opened], numbers, logged, remark)


def _remark(target: Side) -> str:
    return (
        f"{target.name} {target.dataset.split} has no labels: its points have no class, and there "
        "are no figures of errors."
    )


def _names(opened: list[Checkpoint], src: str | None, tgt: str | None) -> tuple[str, str]:
    run = opened[-1].card.run
    names = src or run.get("src"), tgt or run.get("tgt")
    for name, flag in zip(names, ("--src", "--tgt"), strict=True):
        if name is None:
            raise UsageError(
                f"{opened[-1].path} does not say which data it belongs to; give {flag}."
            )
    source, target = map(str, names)
    if source == target:
        raise UsageError(f"source and target are both {source}; give two data sets.")
    return source, target


def _sides(
    names: tuple[str, str], split: str, task: Task, images: int | None, data_root: Path | None
) -> tuple[Side, Side]:
    sides = []
    for domain, name in enumerate(names):
        if domain == 1 and split == "val":  # a folder of photographs alone has no such split
            dataset = open_scored(name, task, data_root)
        else:
            dataset = open_dataset(name, split, task, data_root)
        if domain == 0 and not dataset.has_labels:
            raise DataError(
                f"{name} {split} has no labels here, and the source needs them: give another data "
                "set with --src, or another --split."
            )
        shown = dataset.labelled if dataset.has_labels else range(len(dataset))
        chosen = [shown[place] for place in sampling.evenly(len(shown), images)]
        sides.append(Side(name, dataset, chosen))
    return sides[0], sides[1]


def _survey(
    opened: list[Checkpoint],
    sides: tuple[Side, Side],
    quota: int,
    seed: int,
    device: Any,
    progress: Progress,
) -> Survey:
    count = sum(len(side.chosen) for side in sides)
    bar = progress.task("drawing points", count)
    drawn = surveying.draw_points(sides, surveying.feature_grid(opened), quota, seed, bar.advance)
    bar = progress.task("features", count)
    return surveying.look(opened, sides, drawn, seed, device, bar.advance)


def _draw(
    seen: Survey,
    places: embedding.Floats,
    numbers: list[dict[str, float]],
    folder: Path,
    progress: Progress,
) -> list[Path]:
    # Removes figures of an earlier call that this one does not draw.
    for kind in ("cases-*", "failure-groups.*", "confusion.*", "reliability.*"):
        for stale in folder.glob(kind):
            remove(stale)
    steps: list[Callable[[], list[Path]]] = [
        lambda: map_picture.draw(seen, places, numbers, folder / "map"),
        lambda: [map_page.write(seen, places, numbers, folder / "map.html")],
        lambda: write_numbers(seen, numbers, folder),
        lambda: curves.draw(seen.checkpoints, folder / "curves"),
        *(_of_errors(seen, folder) if seen.labelled else ()),
    ]
    bar = progress.task("pictures", len(steps))
    files = []
    for step in steps:
        files += step()
        bar.advance()
    return files


def _of_errors(seen: Survey, folder: Path) -> list[Callable[[], list[Path]]]:
    """The figures that need labels of both domains."""
    return [
        lambda: failure_groups.draw(seen, folder / "failure-groups"),
        lambda: confusion.draw(seen, folder / "confusion"),
        lambda: reliability.draw(seen, folder / "reliability"),
        *(
            lambda kind=kind: [case_sheets.draw(seen, kind, folder / f"cases-{kind.name}.png")]
            for kind in cases.cases(seen, _CASES)
        ),
    ]


def _log(seen: Survey, numbers: list[dict[str, float]], files: list[Path]) -> list[Path]:
    """Add a network's distances to its own run, and the files to every run they show."""
    logged = []
    for c, figures in zip(seen.checkpoints, numbers, strict=True):
        if c.run is not None:
            known = {f"map/{name}": v for name, v in figures.items() if math.isfinite(v)}
            add_to_run(c.run, known, int(c.card.run.get("steps", 0)), files, _FOLDER)
            logged.append(c.run)
    return logged
