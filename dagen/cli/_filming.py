"""``dagen predict`` with a video, a camera or a stream."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dagen.errors import Stopped

if TYPE_CHECKING:
    from dagen.scoring.predictor import Predictor
    from dagen.scoring.video.frames import Source
    from dagen.scoring.video.prediction import Filmed


@dataclass(frozen=True)
class Wants:
    """What is to be written; see :func:`dagen.cli.predict.predict`."""

    out: Path
    masks: bool
    overlay: bool
    objects: Path | None
    least: int
    seconds: float | None


def film(load: Callable[[], Predictor], text: str, wants: Wants, *, quiet: bool) -> None:
    """Segment a video, a camera or a stream, and say what became of it.

    Args:
        load: opens the network.
        text: what to segment.
        wants: what to write.
        quiet: no progress display.

    Raises:
        typer.Exit: the source broke off or is damaged.
        Stopped: a signal came before the end of a file.
    """
    from dagen.scoring.video.lines import FrameDocument, FrameLines
    from dagen.scoring.video.prediction import open_source, predict_video

    predictor = load()
    lines = wants.objects == Path("-")
    objects: FrameLines | FrameDocument | None = None
    source = open_source(text)
    try:
        if wants.objects is not None and (lines or wants.objects.suffix == ".jsonl"):
            path = None if lines else wants.objects
            objects = FrameLines(path, typer.echo, predictor.task)
        elif wants.objects is not None:
            objects = FrameDocument(wants.objects, predictor.task)
    except BaseException:
        source.close()
        raise
    try:
        done = predict_video(
            predictor,
            source,
            wants.out,
            masks=wants.masks,
            overlay=wants.overlay,
            on_frame=objects.add if objects else None,
            least=wants.least,
            seconds=wants.seconds,
            quiet=quiet,
        )
    finally:
        if objects:
            objects.close()
    for line in told(done, source, wants):
        typer.echo(line, err=lines)
    if done.problem:
        typer.echo(f"dagen: {done.problem}", err=True)
        raise typer.Exit(1)
    if done.signal and not source.live:
        raise Stopped(f"{source.told} is segmented up to frame {done.frames}.", done.signal)


def told(done: Filmed, source: Source, wants: Wants) -> list[str]:
    """What is said at the end, in a few lines."""
    written = [str(path) for path in (done.masks, done.overlay) if path is not None]
    where = f"; see {' and '.join(written)}" if written and done.frames else ""
    lines = [f"{done.frames} frame(s) of {source.told} segmented{where}."]
    if done.signal:
        name = "Ctrl-C" if done.signal == signal.SIGINT else signal.Signals(done.signal).name
        lines.append(f"Ended by {name}.")
    if done.dropped:
        came = done.frames + done.dropped
        lines.append(
            f"{done.dropped} of {came} frames were dropped: they came while the network or the "
            "writing was busy."
        )
    if wants.objects is not None:
        place = "" if wants.objects == Path("-") else f"; they are in {wants.objects}"
        lines.append(f"{done.found} object(s) found{place}.")
    total = sum(done.seconds.values())
    if done.frames and total and done.wall:
        shares = ", ".join(f"{name} {100 * s / total:.0f} %" for name, s in done.seconds.items())
        lines.append(
            f"{done.frames / done.wall:.1f} images per second (of the busy time, {shares}; "
            "decoding, network and writing run at once)."
        )
    return lines
