"""The contract of a runtime, and what all runtimes share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from dagen.deploy.facts import Facts
from dagen.errors import DagenError, short

Array = NDArray[Any]


class InferenceRuntime(Protocol):
    """Executes one exported file; two threads may call it at once."""

    @property
    def name(self) -> str:
        """The runtime with its version and the device."""

    @property
    def facts(self) -> Facts:
        """What the file says of itself."""

    @property
    def bytes(self) -> int:
        """Size of the file on disk."""

    def __call__(self, image: Array, outputs: Sequence[str] = ("logits",)) -> list[Array]:
        """Some outputs for a batch.

        Args:
            image: (B, 3, H, W) of the file's own input type, contiguous.
            outputs: names of outputs: ``logits`` (B, C, H / stride, W / stride) and ``features``
                (B, D, h, w), float32.

        Returns:
            The outputs in that order.

        Raises:
            DagenError: the runtime failed.
        """


def read_bytes(path: Path) -> bytes:
    """The content of an exported file.

    Raises:
        DagenError: it is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DagenError(
            f"{short(path, 200)} cannot be read ({error.strerror or error}); give a file that "
            "dagen export wrote."
        ) from None
