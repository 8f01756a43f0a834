"""OpenVINO: executes an exported network of two files, ``.xml`` and ``.bin``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dagen.deploy.facts import Facts, check_seal, from_metadata
from dagen.deploy.runtimes.base import Array, read_bytes
from dagen.errors import DagenError, UsageError, short

if TYPE_CHECKING:
    import openvino

INFO = "dagen"
"""The key of the file's ``rt_info`` under which the metadata lies, as one JSON object."""


class OpenVino:
    """An OpenVINO file on a CPU; see :class:`dagen.deploy.runtimes.base.InferenceRuntime`.

    Attributes:
        name: the runtime with its version and the device.
        facts: what the file says of itself.
        bytes: size of both files together.
    """

    def __init__(self, model: Path, *, threads: int | None = None, device: str = "cpu") -> None:
        """Open a file.

        Args:
            model: the ``.xml`` file; its ``.bin`` file lies beside it.
            threads: threads that compute; None leaves the choice to OpenVINO.
            device: ``auto`` or ``cpu``.

        Raises:
            UsageError: openvino is not installed, or another device.
            DagenError: a file is missing or damaged, or not exported by dagen.
        """
        core = open_core(str(model))
        if device not in ("auto", "cpu"):
            raise UsageError(
                f"device is '{short(device)}', but dagen runs OpenVINO files on the CPU; give cpu."
            )
        content, weights = read_bytes(model), read_bytes(model.with_suffix(".bin"))
        check_seal(content, str(model), weights)
        import openvino

        told = short(model, 200)
        version = openvino.__version__.split("-")[0]
        try:
            network = core.read_model(str(model))
            told_info = (
                network.get_rt_info([INFO]).astype(str) if network.has_rt_info([INFO]) else "{}"
            )
            metadata = json.loads(told_info)
        except Exception as error:
            raise DagenError(
                f"{told} cannot be read by OpenVINO {version}: {_reason(error)}; restore it from "
                "a copy, or export the network again."
            ) from None
        self.facts: Facts = from_metadata(metadata, str(model))
        options: dict[str, object] = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        try:
            self._network = core.compile_model(network, "CPU", options)
        except Exception as error:
            raise DagenError(
                f"{told} needs something that OpenVINO {version} lacks here: {_reason(error)}."
            ) from None
        self.bytes = len(content) + len(weights)
        self.name = f"OpenVINO {version} (CPU)"
        self._told = told

    def __call__(self, image: Array, outputs: Sequence[str] = ("logits",)) -> list[Array]:
        """See :meth:`dagen.deploy.runtimes.base.InferenceRuntime.__call__`."""
        try:
            # A request of its own for each call: two threads may call at once.
            found = self._network.create_infer_request().infer([image])
        except Exception as error:
            raise DagenError(
                f"{self._told} failed on an input of shape {image.shape}: {_reason(error)}."
            ) from None
        return [np.array(found[name]) for name in outputs]


def open_core(told: str) -> openvino.Core:
    """OpenVINO itself.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return _core()
    except ImportError:
        raise UsageError(
            f"{short(told, 200)} is an OpenVINO file, and openvino is not installed: "
            "pip install 'dagen[openvino]'."
        ) from None


@cache
def _core() -> openvino.Core:
    """One core for the whole program.

    A core that compiles gives its thread a stack for signals, and takes it back at its own end.
    After two cores that ended in the order in which they began, the thread keeps a stack that is
    gone, and the next signal (Ctrl-C) is a segmentation fault (OpenVINO 2026.4).
    """
    import openvino

    return openvino.Core()


def _reason(error: Exception) -> str:
    """The line of OpenVINO's message that says what is wrong; the last one that is not empty."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return short(lines[-1] if lines else type(error).__name__, 200)
