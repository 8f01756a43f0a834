"""What came of a ladder, and its files: table, figure, document and MLflow runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.deploy.compression import telling
from dagen.deploy.compression.climbing import ROUNDS
from dagen.deploy.compression.rungs import Tried
from dagen.runs import figures
from dagen.system.files import write_atomically

if TYPE_CHECKING:
    from dagen.tracking.compressed import Entry


@dataclass(frozen=True)
class Found:
    """What came of a ladder.

    Attributes:
        model: name of the network.
        tried: every file with its figures, the largest input first.
        front: those that no other one beats in loss, bytes and latency at once.
        chosen: the fastest one within both limits; None if there is none.
        failures: a sentence for each file that could not be exported.
        told: on which images the loss of agreement was measured.
        threads: threads that computed.
        figure: key of the score (see :mod:`dagen.runs.figures`); None without one.
        task: name of the task.
        data: data set of the score; None without one.
    """

    model: str
    tried: list[Tried]
    front: list[Tried]
    chosen: Tried | None
    failures: list[str]
    told: str
    threads: int
    task: str
    figure: str | None = None
    data: str | None = None

    @property
    def title(self) -> str | None:
        """The name of the score in tables; None without one."""
        return None if self.figure is None else figures.title(self.figure, self.task)


def write(
    found: Found, folder: Path, of: str, size: tuple[int, int], cap: int, max_drop: float
) -> tuple[Path, Path, Path]:
    """Write the table (Markdown), the figure (PNG) and the document (JSON).

    Args:
        found: what came of the ladder.
        folder: where to write.
        of: name of the run.
        size: height and width in pixels of the network's own input.
        cap: most bytes of the chosen file.
        max_drop: most points of agreement that it may lose.

    Raises:
        DagenError: a file cannot be written.
    """
    runtimes = ", ".join(dict.fromkeys(each.runtime for each in found.tried))
    notes = [
        f"{found.model} of {of}. Loss of agreement with PyTorch in float32 at {size[0]}x{size[1]}, "
        f"in points, on {found.told} without labels.",
        f"Milliseconds of one image (median and 95th percentile) on {found.threads} thread(s) in "
        f"{runtimes}; files take turns of a tenth of a second, {ROUNDS} times.",
    ]
    if found.title:
        name = f"{found.title[0].upper()}{found.title[1:]}" if found.title != "mIoU" else "mIoU"
        notes.append(f"{name} in per cent on {found.data} val; it decided nothing.")
    table, figure, document = (folder / f"compression.{kind}" for kind in ("md", "png", "json"))
    text = telling.markdown(found.tried, found.front, notes, found.title)
    write_atomically(table, text.encode())
    title = f"{found.model}, {found.told}, {found.threads} thread(s)"
    write_atomically(figure, telling.figure(found.tried, found.front, cap, max_drop, title))
    plain = telling.document(
        found.tried, found.front, found.chosen, failures=found.failures, cap=cap,
        max_drop=max_drop, threads=found.threads, images=found.told, score=found.figure,
        scored_on=found.data,
    )  # fmt: skip
    write_atomically(document, json.dumps(plain, indent=1, default=str).encode())
    return table, figure, document


def entries(found: Found) -> list[Entry]:
    """An MLflow run for each file."""
    return [_entry(found, each) for each in found.tried]


def _entry(found: Found, each: Tried) -> Entry:
    from dagen.tracking.compressed import Entry

    height, width = each.rung.size
    metrics = {
        "bytes": each.bytes, "macs": each.macs, "agreement_loss": each.loss,
        "latency_ms": each.latency_ms, "p95_ms": each.p95_ms,
    }  # fmt: skip
    if found.figure is not None and each.score is not None:
        metrics[found.figure] = each.score / 100
    parameters = {
        "model": found.model, "network": each.rung.network or "whole", "size": f"{height}x{width}",
        "format": each.rung.format, "precision": each.rung.precision, "runtime": each.runtime,
        "threads": str(found.threads),
    }  # fmt: skip
    return Entry(f"{found.model} {each.file.name}", parameters, metrics)
