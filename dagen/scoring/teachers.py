"""Teachers of every kind: opened by name, and scored like a network.

Networks of dagen as teachers give all classes; what is no network of dagen is opened by
``dagen.datasets.maps.teachers``. The other way round, a teacher of one channel is a predictor, so
that it stands in tables beside what it has taught.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dagen.datasets.loading.transforms import cover, resize
from dagen.datasets.maps.base import Map, fitted
from dagen.datasets.maps.teachers import known
from dagen.datasets.maps.teachers.onnx_file import OnnxMap
from dagen.datasets.maps.teachers.opening import open_map
from dagen.errors import DataError, UsageError
from dagen.models.deployed.file import read_card
from dagen.runs.results import RUN, located
from dagen.scoring.predictor import Probabilities
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.types import Image, Pixels, Task

DEPLOYED = ".safetensors"
ONNX = ".onnx"


class NetworkMap(Map):
    """The class probabilities of a deployed network, as 8-bit values.

    Attributes:
        path: the deployed file.
        bytes: size of the file.
    """

    whole: ClassVar[bool] = True

    def __init__(self, path: Path, task: Task) -> None:
        """Read the file's card; the network is loaded on first use.

        Args:
            path: a deployed file.
            task: what is taught.

        Raises:
            DagenError: the file is missing, damaged, or not written by dagen.
            UsageError: the network segments other classes.
        """
        card = read_card(path)
        if card.kind.classes != task.classes:
            raise UsageError(
                f"the teacher {path} segments {', '.join(card.kind.classes)}; this run segments "
                f"{', '.join(task.classes)}: give a teacher of the same classes."
            )
        content = path.read_bytes()
        self.path = path
        self.bytes = len(content)
        self.digest = f"network/1 {hashlib.sha256(content).hexdigest()}"
        self._predictor: TorchPredictor | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_predictor": None}

    def make(self, image: Image, name: str) -> Pixels:
        """(h, w, C) uint8 at the size at which the network sees the image."""
        if self._predictor is None:
            self._predictor = TorchPredictor.load(self.path)
        small = cover((image.shape[0], image.shape[1]), self._predictor.size)
        p = self._predictor(resize(image, small))
        made = np.ascontiguousarray(np.round(255 * p).transpose(1, 2, 0))
        return np.asarray(made, np.uint8)


def open_teacher(
    name: str, task: Task, runs: Path, prepared: Mapping[str, Any] | None = None
) -> Map:
    """A teacher by what a user wrote.

    Args:
        name: a run (``run:NAME``), a deployed file, or what
            :func:`~dagen.datasets.maps.teachers.opening.open_map` opens.
        task: what is taught.
        runs: folder of all runs.
        prepared: see there.

    Raises:
        DagenError: it is missing, damaged or segments other classes; nothing has that name.
    """
    if name.startswith(RUN) or name.endswith(DEPLOYED):
        path = located(name, runs)
        assert path is not None
        return NetworkMap(Path(path).expanduser(), task)
    return open_map(name, prepared)


class TeacherPredictor:
    """An ONNX teacher of one channel as a predictor of background and waste.

    Attributes:
        name: see :class:`dagen.scoring.predictor.Predictor`, also for the others.
        task: always binary.
        size: height and width in pixels of its input.
        bytes: size of its file.
    """

    def __init__(self, teacher: OnnxMap) -> None:
        """Wrap a teacher."""
        self.teacher = teacher
        self.name = teacher.title
        self.task = Task.BINARY
        self.size = teacher.preparation.size
        self.bytes: int | None = teacher.bytes

    def __call__(self, image: Image) -> Probabilities:
        """See :meth:`dagen.scoring.predictor.Predictor.__call__`.

        Raises:
            DataError: the teacher answers several channels, whose classes it does not name.
        """
        made = self.teacher.checked(image, "an image")
        if made.ndim != 2:
            raise DataError(
                f"{self.name} answers {made.shape[2]} channels and does not say which classes they "
                "are; only a map of one channel, foreground, can be scored."
            )
        p = fitted(made, image.shape).astype(np.float32) / np.float32(255)
        return np.stack([1 - p, p])


def is_teacher(name: str) -> bool:
    """Whether a name means an ONNX teacher: a known one, or a file."""
    return name in known.all_known() or name.lower().endswith(ONNX)


def teacher_predictor(name: str) -> TeacherPredictor:
    """The predictor behind a name for which :func:`is_teacher` holds.

    Raises:
        DagenError: the file is missing, damaged, or not the known one.
    """
    teacher = open_map(name)
    assert isinstance(teacher, OnnxMap)
    teacher.ready()
    return TeacherPredictor(teacher)
