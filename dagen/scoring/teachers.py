"""Teachers of every kind: opened by name, and scored like a network.

Networks of dagen as teachers give all classes; what is no network of dagen is opened by
``dagen.datasets.maps.teachers``. The other way round, a teacher of one channel is a predictor, so
that it stands in tables beside what it has taught.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dagen import plugins
from dagen.datasets.loading.transforms import cover, resize
from dagen.datasets.maps.base import Map, fitted
from dagen.datasets.maps.teachers import known
from dagen.datasets.maps.teachers.mirrored import MirroredMap
from dagen.datasets.maps.teachers.onnx_file import OnnxMap
from dagen.datasets.maps.teachers.opening import open_map
from dagen.errors import DataError, UsageError
from dagen.methods.base import Asked, RunFacts
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import load_deployed, read_card
from dagen.runs.finding import file_of
from dagen.runs.results import RUN
from dagen.runs.starts import require_scored
from dagen.scoring.naming.named import Domains, NamedMap
from dagen.scoring.predictor import Probabilities
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.types import MIRRORED, NAMED, WORDS, Image, Pixels, Task

DEPLOYED = ".safetensors"
ONNX = ".onnx"


class NetworkMap(Map):
    """The class probabilities of a deployed network, as 8-bit values.

    Attributes:
        path: the deployed file.
        bytes: size of the file.
    """

    whole = True

    def __init__(self, path: Path, task: Task) -> None:
        """Read the file's card; the network is loaded on first use.

        Args:
            path: a deployed file.
            task: what is taught.

        Raises:
            DagenError: the file is missing, damaged, or not written by dagen.
            UsageError: the network segments other classes.
        """
        _require_same_classes(path, read_card(path), task)
        self.path = path
        self.bytes = path.stat().st_size
        self.digest = _digest(path)
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


def _digest(path: Path) -> str:
    return f"network/1 {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _require_same_classes(path: Path, card: Card, task: Task) -> None:
    require_scored(path, card)
    if card.kind.classes != task.classes:
        raise UsageError(
            f"the teacher {path} segments {', '.join(card.kind.classes)}; this run segments "
            f"{', '.join(task.classes)}: give a teacher of the same classes."
        )


def _pretrained(name: str, facts: RunFacts) -> Asked:
    """A network with its pretrained encoder; what comes after that is not trained."""
    begins = plugins.get("models", name).begins({"pretrained": True})
    if begins is None:
        every = plugins.names("models")
        known = [n for n in every if plugins.get("models", n).begins({"pretrained": True})]
        raise UsageError(
            f"the network {name} has no pretrained encoder; allowed: {', '.join(known)}, or a run."
        )
    with torch.random.fork_rng(devices=[]):
        network = create_network(name, facts.task, 1.0, {"pretrained": True})
    size = cover(facts.size, facts.size, network.multiple)
    return Asked(network, size, network.feature_channels, f"pretrained/1 {begins.sha256}")


def open_network(name: str, facts: RunFacts, runs: Path, *, features: bool = False) -> Asked:
    """A trained network that strategies ask live, at the size at which it was trained.

    Training images that are smaller or larger are resized, so that objects have the scale that it
    knows; its input keeps their aspect.

    Args:
        name: a deployed file, ``run:NAME``, or a run's name or folder.
        facts: what the run segments, and the size of its images.
        runs: folder of all runs.
        features: whether only its features are asked. It may then segment other classes, or be the
            name of a network with a pretrained encoder, which sees images at their own size.

    Raises:
        UsageError: there is no such run, or the network segments other classes.
        DagenError: the file is missing, damaged, or not written by dagen.
    """
    if features and name in plugins.names("models"):
        return _pretrained(name, facts)
    path = file_of(name, runs)
    network, card = load_deployed(path)
    if not features:
        _require_same_classes(path, card, facts.task)
    size = cover(facts.size, card.size, network.multiple)
    return Asked(network, size, network.feature_channels, _digest(path))


def open_teacher(
    name: str,
    task: Task,
    runs: Path,
    prepared: Mapping[str, Any] | None = None,
    domains: Domains | None = None,
) -> Map:
    """A teacher by what a user wrote.

    Args:
        name: a run (``run:NAME``), a deployed file, or what
            :func:`~dagen.datasets.maps.teachers.opening.open_map` opens; after ``mirrored:``, its
            maps of mirrored images; after ``named:``, its regions with names.
        task: what is taught.
        runs: folder of all runs.
        prepared: see there; ``words`` are those of
            :class:`~dagen.scoring.naming.named.NamedMap`, for a name that begins with ``named:``.
        domains: what names are learnt from; without it, named maps can be checked but not made.

    Raises:
        DagenError: it is missing, damaged or segments other classes; nothing has that name.
    """
    for prefix in (MIRRORED, NAMED):
        if name.startswith(prefix):
            said = dict(prepared or {})
            words = said.pop(WORDS, None) if prefix == NAMED else None
            kind = open_teacher(name.removeprefix(prefix), task, runs, said, domains)
            if prefix == MIRRORED:
                return MirroredMap(kind)
            return NamedMap(kind, task, domains, words)
    if name.startswith(RUN) or name.endswith(DEPLOYED):
        return NetworkMap(file_of(name, runs), task)
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
