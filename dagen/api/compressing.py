"""The function that tries smaller files of a finished network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.api.settings import Size
from dagen.errors import UsageError

if TYPE_CHECKING:
    from dagen.deploy.compression.found import Found
    from dagen.deploy.compression.rungs import Tried


@dataclass(frozen=True)
class Compressed:
    """What came of a ladder, and where it was written.

    Attributes:
        found: every file with its figures, the front, and the choice.
        table: the table, Markdown.
        figure: the figure, PNG.
        document: all figures, JSON.
    """

    found: Found
    table: Path
    figure: Path
    document: Path

    @property
    def tried(self) -> list[Tried]:
        """Every file with its figures, the largest input first."""
        return self.found.tried

    @property
    def front(self) -> list[Tried]:
        """The files that no other one beats in loss, bytes and latency at once."""
        return self.found.front

    @property
    def chosen(self) -> Tried | None:
        """The fastest file within both limits; None if there is none."""
        return self.found.chosen


def compress(
    model: Path | str,
    out: Path | str | None = None,
    *,
    cap: int = 10_000_000,
    max_drop: float = 1.0,
    sizes: Sequence[Size] | None = None,
    precisions: Sequence[str] = ("float32", "fp16", "int8"),
    formats: Sequence[str] | None = None,
    prune: Sequence[float] = (),
    widths: Sequence[float] = (),
    steps: int | None = None,
    calibrate: str | None = None,
    score: str | None = None,
    threads: int = 1,
    licence: str | None = None,
    runs: Path | str = "runs",
    data_root: Path | str | None = None,
    track: bool = True,
    experiment: str = "dagen",
    quiet: bool = True,
) -> Compressed:
    """Export a network at several precisions, input sizes and formats, and measure each file.

    No label and no evaluation image decides anything: the loss of agreement with the PyTorch
    network is measured on unlabelled training images (see :mod:`dagen.deploy.agreement`). The same
    call after a kill keeps the files and losses that are there, and resumes runs.

    >>> found = dagen.compress("runs/belt-taco", max_drop=2)       # doctest: +SKIP
    >>> found.chosen.file, found.chosen.loss                       # doctest: +SKIP

    Args:
        model: a deployed file; or a finished run: its folder, its name, or the hash at the end of
            its name.
        out: folder of the files, the table and the figure; None is ``compressed`` beside the
            deployed file.
        cap: most bytes of the chosen file.
        max_drop: most points of agreement that the chosen file may lose.
        sizes: heights and widths of the input; None takes the network's own, 3/4 and 1/2 of it.
        precisions: some of ``float32``, ``fp16``, ``int8``.
        formats: ``onnx``, ``openvino`` or both; None takes those whose package is installed.
        prune: shares of the MACs that stay in pruned networks, which are tried too and trained
            first (see :func:`dagen.prune`).
        widths: widths at which the network's run is repeated from its start, to be tried too.
        steps: training steps of each pruned network; None is a quarter of the run's, 0 none.
        calibrate: data set whose unlabelled training images set the ranges of int8 and measure the
            agreement; None is the run's target.
        score: data set on whose labelled ``val`` split every file is scored in the end; it decides
            nothing.
        threads: threads that compute while the latency is measured.
        licence: licence of the weights, for the files' metadata.
        runs: folder of all runs.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.
        track: whether to log each file as an MLflow run.
        experiment: MLflow experiment.
        quiet: no progress display.

    Raises:
        UsageError: no such run, an unknown precision, format or data set, a wrong size, cap or
            limit, a share or width that cannot be had, or a missing package.
        DagenError: the network or the data is missing or damaged, or no file could be exported.
    """
    from dagen.deploy.compression import climbing, found, ground, networks, rungs
    from dagen.deploy.export import UNSTATED
    from dagen.models.deployed.file import load_deployed
    from dagen.runs import sizes as heights
    from dagen.runs.finding import file_of
    from dagen.runs.runtime import Runtime
    from dagen.system.files import make_folder
    from dagen.system.progress import Progress
    from dagen.tracking.compressed import log_compressed

    if cap < 1 or not 0 <= max_drop <= 100 or not 1 <= threads <= 1024:
        raise UsageError(
            f"cap is {cap}, max_drop {max_drop:g} and threads {threads}; they are at least 1 byte, "
            "0 to 100 points, and 1 to 1024."
        )
    file = file_of(str(model), Path(runs))
    network, card = load_deployed(file)
    given = None if sizes is None else [heights.checked(size) for size in sizes]
    kinds = precisions, formats or _installed()
    rungs.ladder(card.size, network.multiple, given, *kinds)  # refused before anything is trained
    root = None if data_root is None else Path(data_root)
    against = ground.ground(file, calibrate, root)
    folder = make_folder(file.with_name("compressed") if out is None else Path(out))
    with Progress(quiet=quiet) as progress:
        training = Runtime(runs, root, track=track, experiment=experiment, quiet=True)
        models = networks.networks(
            file, prune, widths, steps=steps, data=calibrate, runtime=training, progress=progress
        )
        tried, failures = climbing.climb(
            models, rungs.ladder(card.size, network.multiple, given, *kinds, tuple(models)),
            against, folder, calibrate=calibrate, data_root=root,
            licence=UNSTATED if licence is None else licence, threads=threads, progress=progress,
        )  # fmt: skip
    front, chosen = rungs.front(tried), rungs.chosen(tried, cap, max_drop)
    figure = None
    if score is not None:
        before = list(tried)
        tried, figure = climbing.scored(tried, score, root)
        front = [tried[before.index(each)] for each in front]
        chosen = None if chosen is None else tried[before.index(chosen)]
    whole = found.Found(
        card.model, tried, front, chosen, failures, against.told, threads, card.kind.name, figure,
        score,
    )  # fmt: skip
    written = found.write(whole, folder, file.parent.name, card.size, cap, max_drop)
    if track:
        log_compressed(Path(runs), experiment, file.parent.name, found.entries(whole), written)
    return Compressed(whole, *written)


def _installed() -> list[str]:
    """The formats whose runtime is installed."""
    try:
        metadata.version("openvino")
    except metadata.PackageNotFoundError:
        return ["onnx"]
    return ["onnx", "openvino"]
