"""From photographs to masks on disk: what each step takes, and all of them at once.

Called by ``benchmarks/latency.py --photos FOLDER``. The network is the one that comes with dagen.
The bare network, the folder and a video of the same photographs take turns, so that a busy machine
slows them all.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from dagen.datasets.loading.transforms import cover, resize
from dagen.datasets.reading.images import read_image
from dagen.datasets.reading.paths import list_images
from dagen.deploy import predictor
from dagen.deploy.hub.names import SHIPPED, shipped
from dagen.scoring.at_once import Clock
from dagen.scoring.prediction import predict_files, write_prediction
from dagen.scoring.predictor import mask
from dagen.scoring.video.prediction import open_source, predict_video
from dagen.system.memory import keep_freed_memory

_ALONE = "the network alone"
_FRAME = (480, 640)
"""Height and width in pixels of the video."""


def measured(photos: Path, count: int, threads: int, rounds: int) -> dict[str, Any]:
    """The figures of the first photographs of a folder, or of all if there are fewer.

    Args:
        photos: a folder of photographs.
        count: number of photographs.
        threads: threads of the network.
        rounds: how often everything is measured; medians are told.
    """
    keep_freed_memory()  # as the command line does
    opened = predictor.load(shipped(), threads=threads)
    with tempfile.TemporaryDirectory() as place:
        folder, film, out = Path(place) / "photos", Path(place) / "film.mp4", Path(place) / "out"
        folder.mkdir()
        files = []
        for k, name in enumerate(list_images(photos)[:count]):
            files.append(folder / f"{k:04}{Path(name).suffix.lower()}")
            files[-1].write_bytes((photos / name).read_bytes())
        _film(files, film)
        ways: dict[str, Callable[[], object]] = {
            "folder, masks": lambda: predict_files(opened, folder, out, overlays=False),
            "folder, masks and overlays": lambda: predict_files(opened, folder, out),
            "video, masks": lambda: predict_video(
                opened, open_source(str(film)), out, overlay=False
            ),
            "video, masks and overlay": lambda: predict_video(opened, open_source(str(film)), out),
        }
        inputs = [_input(opened, read_image(file)) for file in files]
        ways = {_ALONE: lambda: [opened.runtime(each) for each in inputs], **ways}
        taken: dict[str, list[_Taken]] = {way: [] for way in ways}
        for turn in range(rounds + 1):
            for way, call in ways.items():
                found = _timed(call, len(files))
                if turn:  # the first round warms up
                    taken[way].append(found)
        steps = _steps(opened, files, out)
    return {
        "network": SHIPPED,
        "photographs": len(files),
        "threads": threads,
        "steps_ms": steps,
        "rows": list(_rows(taken)),
    }


class _Taken(NamedTuple):
    """Seconds of one photograph: of the clock, and of all processors together."""

    wall: float
    busy: float


def _rows(taken: dict[str, list[_Taken]]) -> Iterator[dict[str, Any]]:
    for way, rounds in taken.items():
        alone = zip(taken[_ALONE], rounds, strict=True)
        yield {
            "way": way,
            "images_per_second": round(1 / statistics.median(each.wall for each in rounds), 1),
            "share_of_network": round(statistics.median(a.wall / b.wall for a, b in alone), 3),
            "processor_ms": round(1000 * statistics.median(each.busy for each in rounds), 2),
        }


def _timed(call: Callable[[], object], count: int) -> _Taken:
    wall, busy = time.perf_counter(), time.process_time()
    call()
    return _Taken((time.perf_counter() - wall) / count, (time.process_time() - busy) / count)


def _input(opened: predictor.ExportedPredictor, image: np.ndarray) -> np.ndarray:
    facts = opened.runtime.facts
    fitted = cover((image.shape[0], image.shape[1]), opened.size, facts.multiple)
    return predictor.to_input(resize(image, fitted), facts.input)


def _steps(opened: predictor.ExportedPredictor, files: list[Path], out: Path) -> dict[str, float]:
    """Milliseconds of a photograph in each step, one step after the other."""
    clock = Clock()
    for file in files:
        with clock("decode"):
            image = read_image(file)
        with clock("resize"):
            pixels = _input(opened, image)
        with clock("infer"):
            (logits,) = opened.runtime(pixels, ("logits",))
        with clock("enlarge"):
            label = mask(predictor.at_image_size(logits[0], image.shape[:2]))
        path = out / f"{file.stem}.png"
        with clock("write the mask"):
            write_prediction(image, label, opened.task, path, overlays=False)
        with clock("write mask and overlay"):
            write_prediction(image, label, opened.task, path, overlays=True)
    return {name: round(1000 * each / len(files), 2) for name, each in clock.seconds.items()}


def _film(files: list[Path], path: Path) -> None:
    """The photographs as frames of one video, at 25 frames a second."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.height, stream.width = _FRAME
        stream.pix_fmt = "yuv420p"
        for file in files:
            frame = av.VideoFrame.from_ndarray(resize(read_image(file), _FRAME), format="rgb24")
            film.mux(stream.encode(frame))
        film.mux(stream.encode())


def table(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    steps = ", ".join(f"{name} {value:.1f} ms" for name, value in found["steps_ms"].items())
    lines = [
        f"{found['photographs']} photographs, {found['network']}, {found['threads']} thread(s). "
        f"One after the other: {steps}.",
        "",
        "| | images a second | share of the network's own rate | processor time an image, ms |",
        "|---|---:|---:|---:|",
    ]
    for row in found["rows"]:
        share = f"{100 * row['share_of_network']:.0f} %"
        lines.append(
            f"| {row['way']} | {row['images_per_second']:.1f} | {share} "
            f"| {row['processor_ms']:.1f} |"
        )
    return "\n".join(lines) + "\n"
