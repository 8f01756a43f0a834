"""Segments a video, a camera or a stream: it decodes, computes and writes at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dagen.errors import DataError, Stopped, UsageError
from dagen.scoring.at_once import Clock, at_once
from dagen.scoring.objects import Shape, shapes
from dagen.scoring.prediction import segment
from dagen.scoring.predictor import Predictor
from dagen.scoring.video.addresses import is_camera
from dagen.scoring.video.frames import Frame, Source
from dagen.scoring.video.handover import Handover
from dagen.scoring.video.reading import Video
from dagen.scoring.video.webcam import Webcam
from dagen.scoring.video.writing import Masks, OverlayVideo
from dagen.system.progress import Progress
from dagen.system.stopping import asked_to_stop
from dagen.types import Label

_WAITING = 4
"""Frames that wait between two threads at most."""
_AT_ONCE = 2
"""Frames of a file that the network segments at the same time."""
_PATIENCE = 2.0
"""Seconds that a stopped source gets to end by itself."""

OnFrame = Callable[[str, Frame, list[Shape]], None]
"""Called with the name of the results, each frame and its objects, in order."""


@dataclass
class Filmed:
    """What became of a video.

    Attributes:
        masks: folder of the masks; None if none were wanted.
        overlay: the video of overlays; None if none was wanted, or no frame came.
        frames: number of frames that were segmented and written.
        dropped: number of frames of a live source that came while the network was busy.
        found: number of objects.
        seconds: the time that decoding, the network, objects and writing were busy, by name; they
            run at the same time.
        wall: seconds from the first frame to the end.
        problem: what was wrong with the source, as one sentence; empty if nothing was.
        signal: number of the signal that ended it; 0 without one.
    """

    masks: Path | None = None
    overlay: Path | None = None
    frames: int = 0
    dropped: int = 0
    found: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0
    problem: str = ""
    signal: int = 0


class _Segmented(NamedTuple):
    frame: Frame
    label: Label
    found: list[Shape]


def open_source(text: str) -> Source:
    """A video file, a camera by its index, or the address of a stream.

    Raises:
        UsageError: a package is missing, or an address of another kind.
        DataError: it cannot be opened.
    """
    return Webcam(int(text)) if is_camera(text) else Video(text)


def name_for(source: Source) -> str:
    """What the results of a source are called; a live one is never the same twice."""
    return f"{source.name}-{time.strftime('%Y%m%d-%H%M%S')}" if source.live else source.name


def predict_video(
    predictor: Predictor,
    source: Source,
    out: Path,
    *,
    masks: bool = True,
    overlay: bool = True,
    on_frame: OnFrame | None = None,
    least: int = 1,
    seconds: float | None = None,
    quiet: bool = True,
) -> Filmed:
    """Segment every frame of a file, or those frames of a live source that there is time for.

    ``film.mp4`` becomes ``<out>/film/000001.png`` and so on (mode L, class ids), numbered by the
    frames of the source, and ``<out>/film-overlay.mp4``. The name of a live source also has the
    time of the start. SIGTERM and Ctrl-C end it; what was done stays.

    Args:
        predictor: the predictor that segments them.
        source: the source; it is closed at the end.
        out: folder to write to; made if missing.
        masks: whether to write masks.
        overlay: whether to write the video of overlays.
        on_frame: called with each frame's objects, if given.
        least: pixels of the smallest object.
        seconds: end after this time of the source; None goes on to its end.
        quiet: no progress display.

    Returns:
        What was written, and where the time went. A source that breaks off or is damaged is no
        error: the frames before and after are written, and ``problem`` says what was wrong.

    Raises:
        UsageError: nothing is to be written, ``seconds`` is not positive, or a file that dagen did
            not write would be overwritten.
        DagenError: a file cannot be written, or the network fails.
    """
    try:
        if not masks and not overlay and on_frame is None:
            raise UsageError("no masks, no overlay and no objects: nothing would be written.")
        if seconds is not None and not seconds > 0:
            raise UsageError(f"seconds is {seconds:g}; it must be more than 0.")
        stem = out / name_for(source)
        film = None
        if overlay:
            path = stem.with_name(f"{stem.name}-overlay.mp4")
            film = OverlayVideo(path, predictor.task, source.rate)
        folder = Masks(stem) if masks else None
        done = Filmed(masks=stem if masks else None)
        job = _Job(predictor, source, stem.name, folder, film, on_frame, least, seconds, done)
    except BaseException:
        source.close()
        raise
    with Progress(quiet=quiet) as progress:
        job.run(progress)
    return done


def masks_of_video(predictor: Predictor, text: str, out: Path, *, quiet: bool = True) -> list[Path]:
    """Segment a source with masks and overlays; see :func:`open_source`, :func:`predict_video`.

    Returns:
        The masks.

    Raises:
        DataError: the source broke off or is damaged; the other frames are segmented.
        Stopped: a signal ended it before the end of a file.
    """
    source = open_source(text)
    done = predict_video(predictor, source, out, quiet=quiet)
    assert done.masks is not None
    if done.problem:
        raise DataError(done.problem)
    if done.signal and not source.live:
        raise Stopped(f"{source.told} is segmented up to frame {done.frames}.", done.signal)
    return sorted(done.masks.iterdir())


@dataclass
class _Job:
    predictor: Predictor
    source: Source
    name: str
    folder: Masks | None
    film: OverlayVideo | None
    on_frame: OnFrame | None
    least: int
    limit: float | None
    done: Filmed
    failure: BaseException | None = None
    over: bool = False
    clock: Clock = field(default_factory=Clock)
    start: float = 0.0

    def run(self, progress: Progress) -> None:
        decoded: Handover[Frame] = Handover(_WAITING, newest=self.source.live)
        segmented: Handover[_Segmented] = Handover(_WAITING)
        decoder = threading.Thread(target=self._decode, args=(decoded,), daemon=True)
        writer = threading.Thread(target=self._write, args=(segmented,), daemon=True)
        with asked_to_stop() as came:
            decoder.start()
            writer.start()
            bar = progress.task("segmenting", self.source.count)
            try:
                frames = self._frames(decoded, lambda: bool(came or self.failure))
                with closing(self._each(frames)) as each:
                    for one in each:
                        if not segmented.put(one):
                            break
                        dropped = {"dropped": decoded.dropped} if self.source.live else {}
                        bar.advance(figures=dropped)
                segmented.close()
            except BaseException:
                segmented.cancel()
                raise
            finally:
                self.over = True
                self.done.dropped = decoded.dropped
                decoded.cancel()
                writer.join()
                # It may be waiting for a camera that is silent.
                decoder.join(_PATIENCE)
            self.done.signal = came[0] if came else 0
        self.done.wall = time.perf_counter() - self.start if self.start else 0.0
        self.done.seconds = {"decoding": self.source.busy, **self.clock.seconds}
        if self.failure is not None:
            raise self.failure

    def _frames(self, decoded: Handover[Frame], stop: Callable[[], bool]) -> Iterator[Frame]:
        while (frame := decoded.get(stop)) is not None:
            self.start = self.start or time.perf_counter()
            yield frame

    def _each(self, frames: Iterator[Frame]) -> Generator[_Segmented]:
        """The frames segmented: of a file several at once, of a live source the newest alone."""
        if self.source.live:
            yield from map(self._segment, frames)
            return
        given = ((frame,) for frame in frames)
        with closing(at_once(self._segment, given, _AT_ONCE)) as results:
            for _, result in results:
                yield result()

    def _decode(self, decoded: Handover[Frame]) -> None:
        try:
            for frame in self.source:
                if self.limit is not None and frame.seconds >= self.limit:
                    break
                if self.over or not decoded.put(frame):
                    break
        except DataError as error:
            self.done.problem = str(error)
        except BaseException as error:
            self.failure = error
        finally:
            # Here, because no other thread may close what this one reads.
            self.source.close()
            decoded.close()

    def _segment(self, frame: Frame) -> _Segmented:
        with self.clock("network"):
            label, confidence = segment(self.predictor, frame.pixels, self.on_frame is not None)
        if confidence is None:
            return _Segmented(frame, label, [])
        with self.clock("objects"):
            found = shapes(label, confidence, self.predictor.task, self.least)
        return _Segmented(frame, label, found)

    def _write(self, segmented: Handover[_Segmented]) -> None:
        try:
            try:
                while (each := segmented.get()) is not None:
                    with self.clock("writing"):
                        self._write_one(each)
            finally:
                if self.film is not None:
                    with self.clock("writing"):
                        self.film.close()
        except BaseException as error:
            self.failure = error
            segmented.cancel()

    def _write_one(self, each: _Segmented) -> None:
        if self.folder is not None:
            self.folder.add(each.frame, each.label)
        if self.film is not None:
            self.film.add(each.frame, each.label)
            self.done.overlay = self.film.path
        if self.on_frame is not None:
            self.on_frame(self.name, each.frame, each.found)
        self.done.found += len(each.found)
        self.done.frames += 1
