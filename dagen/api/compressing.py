"""The function that tries smaller files of a finished network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.api.settings import Size
from dagen.errors import UsageError

if TYPE_CHECKING:
    from dagen.deploy.compression.rungs import Tried
    from dagen.tracking.compressed import Entry


@dataclass(frozen=True)
class Compressed:
    """What came of a ladder.

    Attributes:
        tried: every file with its figures, the largest input first.
        front: those that no other one beats in loss, bytes and latency at once.
        chosen: the fastest one within both limits; None if there is none.
        failures: a sentence for each file that could not be exported.
        table: the table, Markdown.
        figure: the figure, PNG.
        document: all figures, JSON.
        told: on which images the loss of agreement was measured.
        threads: threads that computed.
    """

    tried: list[Tried]
    front: list[Tried]
    chosen: Tried | None
    failures: list[str]
    table: Path
    figure: Path
    document: Path
    told: str
    threads: int


def compress(
    model: Path | str,
    out: Path | str | None = None,
    *,
    cap: int = 10_000_000,
    max_drop: float = 1.0,
    sizes: Sequence[Size] | None = None,
    precisions: Sequence[str] = ("float32", "fp16", "int8"),
    formats: Sequence[str] | None = None,
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
    network is measured on unlabelled training images (see :mod:`dagen.deploy.agreement`).

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
            limit, or a missing package.
        DagenError: the network or the data is missing or damaged, or no file could be exported.
    """
    from dagen.deploy.compression import climbing, rungs, telling
    from dagen.deploy.export import UNSTATED
    from dagen.models.deployed.file import load_deployed
    from dagen.runs import sizes as heights
    from dagen.runs.finding import file_of
    from dagen.system.files import make_folder, write_atomically
    from dagen.system.progress import Progress
    from dagen.tracking.compressed import log_compressed

    if cap < 1 or not 0 <= max_drop <= 100 or not 1 <= threads <= 1024:
        raise UsageError(
            f"cap is {cap}, max_drop {max_drop:g} and threads {threads}; they are at least 1 byte, "
            "0 to 100 points, and 1 to 1024."
        )
    file = file_of(str(model), Path(runs))
    network, card = load_deployed(file)
    known = formats or _installed()
    given = None if sizes is None else [heights.checked(size) for size in sizes]
    ladder = rungs.ladder(card.size, network.multiple, given, precisions, known)
    root = None if data_root is None else Path(data_root)
    against = climbing.ground(file, calibrate, root)
    folder = make_folder(file.with_name("compressed") if out is None else Path(out))
    with Progress(quiet=quiet) as progress:
        tried, failures = climbing.climb(
            file, ladder, against, folder, calibrate=calibrate, data_root=root,
            licence=UNSTATED if licence is None else licence, threads=threads, progress=progress,
        )  # fmt: skip
    front, chosen = rungs.front(tried), rungs.chosen(tried, cap, max_drop)
    if score is not None:
        before = list(tried)
        tried = climbing.scored(tried, score, root)
        front = [tried[before.index(each)] for each in front]
        chosen = None if chosen is None else tried[before.index(chosen)]
    runtimes = ", ".join(dict.fromkeys(each.runtime for each in tried))
    notes = [
        f"{card.model} of {file.parent.name}. Loss of agreement with PyTorch in float32 at "
        f"{card.size[0]}x{card.size[1]}, in points, on {against.told} without labels.",
        f"Milliseconds of one image (median and 95th percentile) on {threads} thread(s) in "
        f"{runtimes}, in 20 rounds over all files.",
        *([f"Waste IoU in per cent on {score} val; it decided nothing."] if score else []),
    ]
    table, figure, document = (folder / f"compression.{kind}" for kind in ("md", "png", "json"))
    write_atomically(table, telling.markdown(tried, front, notes).encode())
    title = f"{card.model}, {against.told}, {threads} thread(s)"
    write_atomically(figure, telling.figure(tried, front, cap, max_drop, title))
    limits = {"cap": cap, "max_drop": max_drop, "threads": threads, "images": against.told}
    plain = telling.document(tried, front, chosen, failures=failures, **limits)
    write_atomically(document, json.dumps(plain, indent=1, default=str).encode())
    if track:
        entries = [_entry(card.model, each, threads) for each in tried]
        log_compressed(Path(runs), experiment, file.parent.name, entries, [table, figure, document])
    return Compressed(
        tried, front, chosen, failures, table, figure, document, against.told, threads
    )


def _installed() -> list[str]:
    """The formats whose runtime is installed."""
    try:
        metadata.version("openvino")
    except metadata.PackageNotFoundError:
        return ["onnx"]
    return ["onnx", "openvino"]


def _entry(model: str, each: Tried, threads: int) -> Entry:
    from dagen.tracking.compressed import Entry

    height, width = each.rung.size
    metrics = {
        "bytes": each.bytes, "macs": each.macs, "agreement_loss": each.loss,
        "latency_ms": each.latency_ms, "p95_ms": each.p95_ms,
    }  # fmt: skip
    if each.waste_iou is not None:
        metrics["waste_iou"] = each.waste_iou / 100
    parameters = {
        "model": model, "size": f"{height}x{width}", "format": each.rung.format,
        "precision": each.rung.precision, "runtime": each.runtime, "threads": str(threads),
    }  # fmt: skip
    return Entry(f"{model} {each.file.name}", parameters, metrics)
