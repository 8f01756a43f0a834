"""The predictor of an exported file; it needs neither torch nor torchvision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dagen.datasets.loading.transforms import cover, resize
from dagen.deploy.facts import MARK
from dagen.deploy.runtimes.base import Array, InferenceRuntime
from dagen.errors import DataError, UsageError, short
from dagen.scoring.predictor import Observation, Probabilities
from dagen.types import Image, Task

SUFFIXES = (".onnx", ".xml")
"""Exported files: ONNX, and OpenVINO's two files, of which the ``.xml`` is named."""


class ExportedPredictor:
    """An exported file that segments one image at a time.

    An image is scaled as for the PyTorch network, until it covers the input size. Where the file
    has a fixed input size and the image another aspect, as many windows as needed are forwarded,
    and their logits averaged where they overlap; training sees such windows too.

    Attributes:
        runtime: what executes the file.
        name: see :class:`dagen.scoring.predictor.Predictor`, also for the others.
        task: the task that it segments.
        size: height and width in pixels that its input covers.
        bytes: size of the file.
    """

    def __init__(self, runtime: InferenceRuntime, size: tuple[int, int] | None = None) -> None:
        """Wrap an opened file.

        Args:
            runtime: what executes the file.
            size: height and width in pixels that the input covers; None is the file's own.

        Raises:
            UsageError: the file has a fixed input size, and ``size`` is another one.
        """
        facts = runtime.facts
        own = facts.card.size
        if size is not None and size != own and not facts.dynamic:
            raise UsageError(
                f"the input of this file is always {own[0]}x{own[1]}, and size is "
                f"{size[0]}x{size[1]}; omit size, or train and export a network of that size."
            )
        self.runtime = runtime
        self.name: str = facts.card.model
        self.task: Task = facts.card.kind
        self.size = own if size is None else size
        self.bytes: int | None = runtime.bytes

    def __call__(self, image: Image) -> Probabilities:
        """See :meth:`dagen.scoring.predictor.Predictor.__call__`."""
        return at_image_size(self._forward(image)[0], image.shape[:2])

    def observe(self, image: Image) -> Observation:
        """See :meth:`dagen.scoring.predictor.Observer.observe`."""
        logits, features = self._forward(image, ("logits", "features"))
        return Observation(at_image_size(logits, image.shape[:2]), features)

    @property
    def feature_channels(self) -> int:
        """See :attr:`dagen.scoring.predictor.Observer.feature_channels`."""
        return self.runtime.facts.feature_channels

    def feature_shape(self, shape: tuple[int, int]) -> tuple[int, int]:
        """See :meth:`dagen.scoring.predictor.Observer.feature_shape`."""
        facts = self.runtime.facts
        height, width = cover(shape, self.size, facts.multiple)
        return height // facts.feature_stride, width // facts.feature_stride

    def _forward(
        self, image: Image, outputs: Sequence[str] = ("logits",)
    ) -> list[NDArray[np.float32]]:
        """Outputs (K, h, w) for the scaled image."""
        facts = self.runtime.facts
        fitted = cover((image.shape[0], image.shape[1]), self.size, facts.multiple)
        pixels = to_input(resize(image, fitted), facts.input)
        if facts.dynamic or fitted == facts.card.size:
            return [out[0] for out in self.runtime(pixels, outputs)]
        return _joined(self.runtime, pixels, outputs)


def to_input(image: Image, kind: str) -> Array:
    """(1, 3, H, W) of a file's input type from (H, W, 3) uint8."""
    plain = np.ascontiguousarray(image.transpose(2, 0, 1))[None]
    return plain if kind == "uint8" else plain.astype(np.float32) / np.float32(255)


def at_image_size(logits: NDArray[np.float32], shape: tuple[int, ...]) -> Probabilities:
    """Class probabilities of one image at its own size: bilinear logits, then softmax.

    Args:
        logits: (C, h, w) at a network's stride.
        shape: height and width of the image in pixels.
    """
    height, width = shape
    planes = np.empty((len(logits), height, width), np.float32)
    for small, plane in zip(logits, planes, strict=True):
        cv2.resize(small, (width, height), dst=plane)
    planes -= planes.max(0)
    np.exp(planes, out=planes)
    planes /= planes.sum(0)
    return planes


def _joined(
    runtime: InferenceRuntime, pixels: Array, outputs: Sequence[str]
) -> list[NDArray[np.float32]]:
    """The outputs for a scaled image of another size than the file's fixed one."""
    facts = runtime.facts
    size = facts.card.size
    height, width = pixels.shape[2:]
    # Only a very long strip is scaled until it is smaller than the input: see `cover`.
    lacking = [max(0, side - own) for side, own in zip(size, (height, width), strict=True)]
    padding = ((0, 0), (0, 0), (0, lacking[0]), (0, lacking[1]))
    padded = np.pad(pixels, padding, mode="edge")
    sums: list[NDArray[np.float32]] = []
    times: list[NDArray[np.float32]] = []
    for top in starts(padded.shape[2], size[0], facts.multiple):
        for left in starts(padded.shape[3], size[1], facts.multiple):
            window = padded[:, :, top : top + size[0], left : left + size[1]]
            outs = runtime(np.ascontiguousarray(window), outputs)
            if not sums:
                scales = [size[0] // out.shape[2] for out in outs]
                sums = [
                    np.zeros(
                        (out.shape[1], padded.shape[2] // scale, padded.shape[3] // scale),
                        np.float32,
                    )
                    for out, scale in zip(outs, scales, strict=True)
                ]
                times = [np.zeros(total.shape[1:], np.float32) for total in sums]
            for out, scale, total, time in zip(outs, scales, sums, times, strict=True):
                rows = slice(top // scale, top // scale + out.shape[2])
                columns = slice(left // scale, left // scale + out.shape[3])
                total[:, rows, columns] += out[0]
                time[rows, columns] += 1
    return [
        (total / time)[:, : height // scale, : width // scale]
        for total, time, scale in zip(sums, times, scales, strict=True)
    ]


def starts(length: int, window: int, multiple: int) -> list[int]:
    """Where windows begin that cover ``length`` pixels evenly; all are multiples of ``multiple``.

    Args:
        length: a multiple of ``multiple``, at least ``window``.
        window: length of a window, a multiple of ``multiple``.
        multiple: see above.
    """
    count = -(-length // window)
    spare = (length - window) // multiple
    return [multiple * (i * spare // max(1, count - 1)) for i in range(count)]


def is_exported(path: Path) -> bool:
    """Whether a name means an exported file; other ONNX files may be teachers."""
    if path.suffix != ".onnx":
        return path.suffix in SUFFIXES
    return path.is_file() and MARK in path.read_bytes()


def require_described(path: Path) -> None:
    """Refuse an ONNX file that is neither dagen's nor described as a teacher: mostly a cut one.

    Args:
        path: what :func:`is_exported` said no to, or the name of a teacher.

    Raises:
        DataError: it is missing, or nothing says how an image becomes its input.
    """
    if path.suffix.lower() != ".onnx":
        return
    told = short(path, 200)
    if not path.is_file():
        raise DataError(f"{told} does not exist; give a file that dagen export wrote.")
    if not path.with_suffix(".toml").is_file():
        raise DataError(
            f"{told} was not exported by dagen, or it is cut off: restore it from a copy, or "
            f"export the network again. A teacher has a file {path.stem}.toml beside it that says "
            "how an image becomes its input."
        )


def load(
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    device: str = "auto",
    threads: int | None = None,
    spinning: bool = True,
) -> ExportedPredictor:
    """The predictor of an exported file.

    Args:
        path: an ``.onnx`` file, or the ``.xml`` file of OpenVINO.
        size: height and width in pixels that the input covers; None is the file's own.
        device: ``auto`` (the CPU), ``cpu``, ``cuda`` or ``cuda:N``.
        threads: threads that compute; None leaves the choice to the runtime.
        spinning: see ``dagen.system.onnx_session.open_session``; OpenVINO decides itself.

    Raises:
        UsageError: the runtime is not installed or cannot use the device, or an invalid size.
        DagenError: the file is missing or damaged, or not exported by dagen.
    """
    from dagen.deploy.runtimes.onnx import OnnxRuntime
    from dagen.deploy.runtimes.openvino import OpenVino

    if path.suffix == ".xml":
        return ExportedPredictor(OpenVino(path, threads=threads, device=device), size)
    runtime = OnnxRuntime(path, threads=threads, device=device, spinning=spinning)
    return ExportedPredictor(runtime, size)
