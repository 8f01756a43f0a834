"""Functions that draw networks and runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagen.visualization.gallery import Gallery


@dataclass(frozen=True)
class Report:
    """A page about runs.

    Attributes:
        file: the HTML file.
        logged: folders of the runs whose MLflow run has it.
    """

    file: Path
    logged: list[Path]


def visualize(
    networks: Path | str | Sequence[Path | str],
    *,
    src: str | None = None,
    tgt: str | None = None,
    out: Path | str | None = None,
    split: str = "val",
    points: int = 6000,
    images: int | None = 200,
    seed: int = 0,
    data_root: Path | str | None = None,
    device: str = "auto",
    track: bool = True,
    quiet: bool = True,
) -> Gallery:
    """Draw what networks have learned: feature map, distances, failures, calibration, curves.

    Args:
        networks: one or more folders of finished runs or deployed files, all of one task, kind
            and width; the one before adaptation first.
        src: source data set; None is the last run's.
        tgt: target data set; None is the last run's. Without labels it has no classes on the map,
            and there are no figures of errors.
        out: folder of the files; None is ``visualize`` beside the last network.
        split: split of both data sets; its labels are read.
        points: number of points on the feature map, over all networks, classes and domains.
        images: largest number of images of each data set, spread over it; None is all.
        seed: seed of the draw, the folds and the map.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        track: add files and distances to the runs' MLflow runs.
        quiet: no progress display.

    Returns:
        The files that were drawn, and each network's distances between the domains.

    Raises:
        UsageError: an invalid option, or networks that cannot share a map.
        DataError: a data set is missing or damaged, or the source has no labels.
        DagenError: a network is missing or damaged.
    """
    from dagen.visualization import gallery

    return gallery.visualize(
        _several(networks),
        src=src,
        tgt=tgt,
        out=None if out is None else Path(out),
        split=split,
        points=points,
        images=images,
        seed=seed,
        data_root=None if data_root is None else Path(data_root),
        device=device,
        track=track,
        quiet=quiet,
    )


def report(
    run: Path | str | Sequence[Path | str],
    *,
    runs: Path | str = "runs",
    out: Path | str | None = None,
    latency: bool = False,
    track: bool = True,
) -> Report:
    """Write one self-contained page about runs: scores, settings, curves, images, cost.

    Args:
        run: one or more folders or names of finished runs, or the hashes at the end of their
            names. The others are compared with the first one; a baseline that all share is added.
        runs: folder of all runs.
        out: the HTML file; None is ``report.html`` in the last run's folder.
        latency: measure the networks' latency on this machine now.
        track: add the page to the runs' MLflow runs.

    Raises:
        UsageError: a run is missing, unfinished or given twice.
        DagenError: a result, log or image is damaged, or the file cannot be written.
    """
    from dagen.visualization.page.page import write

    file, logged = write(
        [str(each) for each in _several(run)],
        Path(runs),
        None if out is None else Path(out),
        latency=latency,
        track=track,
    )
    return Report(file, logged)


def _several(given: Path | str | Sequence[Path | str]) -> Sequence[Path | str]:
    return [given] if isinstance(given, Path | str) else given
