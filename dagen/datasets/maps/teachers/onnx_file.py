"""Maps of a network in an ONNX file, run by ONNX Runtime (the extra ``dagen[onnx]``).

The file is data: it is parsed by ONNX Runtime, and nothing in it is executed as Python.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from dagen.datasets.maps.base import Map
from dagen.datasets.maps.teachers.preparation import Preparation
from dagen.errors import DataError, short
from dagen.system.onnx_session import open_session
from dagen.types import Image, Pixels

_MOST = 255  # channels; as many as a task may have classes


class OnnxMap(Map):
    """The output of an ONNX file, as 8-bit probabilities.

    One channel is the probability of foreground, several are those of the task's classes.

    Attributes:
        title: the file's name, for errors.
        sha256: SHA-256 of the file.
        bytes: size of the file.
    """

    whole = True

    def __init__(self, content: bytes, title: str, preparation: Preparation) -> None:
        """Keep a file's content; it is parsed on first use.

        Args:
            content: the file.
            title: its name, for errors.
            preparation: how an image becomes its input.
        """
        self.content = content
        self.title = title
        self.preparation = preparation
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.bytes = len(content)
        self.digest = f"onnx/1 {self.sha256} {preparation}"
        self._session: Any = None
        self._process = 0

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_session": None}

    def ready(self) -> None:
        """See :meth:`Map.ready`: parses the file."""
        self.open()

    def make(self, image: Image, name: str) -> Pixels:
        """(h, w) or (h, w, K) uint8 at the output's own size.

        Raises:
            UsageError: ONNX Runtime is not installed.
            DagenError: the file is damaged, or has an operator that ONNX Runtime lacks.
            DataError: the file takes another input, or answers no map.
        """
        session = self.open()
        given = session.get_inputs()
        if len(given) != 1:
            raise DataError(f"{self.title} has {len(given)} inputs; a teacher has one.")
        try:
            answers = session.run(None, {given[0].name: self.preparation.input(image)})
        # ONNX Runtime's errors have no common type of their own.
        except Exception as error:
            raise DataError(
                f"{self.title} does not take an input {(1, 3, *self.preparation.size)} of float32 "
                f"({_reason(error)}); the file declares {given[0].shape}. Give its size in the "
                "TOML file beside it; it takes (1, 3, height, width)."
            ) from None
        if self.preparation.output >= len(answers):
            raise DataError(
                f"{self.title} has {len(answers)} output(s); output = {self.preparation.output} "
                "counts from 0."
            )
        return self._map(answers[self.preparation.output])

    def _map(self, answer: Any) -> Pixels:
        array = np.asarray(answer)
        if not np.issubdtype(array.dtype, np.floating) or array.ndim != 4 or len(array) != 1:
            raise DataError(
                f"{self.title} answers {array.dtype} {array.shape}; a map is float (1, K, h, w): "
                "declare which output it is."
            )
        if min(array.shape[2:]) < 2:
            raise DataError(
                f"{self.title} answers {array.shape}, one number for a whole image; a map says "
                "where: declare which output it is."
            )
        if not 1 <= array.shape[1] <= _MOST:
            raise DataError(f"{self.title} answers {array.shape[1]} channels, not 1 to {_MOST}.")
        raw = np.asarray(array[0, 0] if array.shape[1] == 1 else array[0], np.float32)
        try:
            p = self.preparation.probabilities(raw)
        except DataError as error:
            raise DataError(f"{self.title}: {error}") from None
        made = np.asarray(np.round(255 * p.clip(0, 1)), np.uint8)
        return made if made.ndim == 2 else np.ascontiguousarray(made.transpose(1, 2, 0))

    def open(self) -> Any:
        """The file's session in this process; a forked one must not use its parent's threads.

        Raises:
            UsageError: ONNX Runtime is not installed.
            DagenError: the file is damaged, no ONNX, or has an operator that ONNX Runtime lacks.
        """
        if self._session is not None and self._process == os.getpid():
            return self._session
        import torch

        self._session = open_session(self.content, self.title, threads=torch.get_num_threads())
        self._process = os.getpid()
        return self._session


def read(file: Path) -> bytes:
    """The content of an ONNX file.

    Raises:
        DataError: it is missing or cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"the teacher {file} cannot be read ({error.strerror}).") from None


def _reason(error: Exception) -> str:
    return short(" ".join(str(error).split()), 160)
