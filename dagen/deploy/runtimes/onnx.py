"""ONNX Runtime: executes an exported ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dagen.deploy.facts import Facts, check_seal, from_metadata
from dagen.deploy.runtimes.base import Array, read_bytes
from dagen.errors import DagenError, short
from dagen.system.onnx_session import open_session


class OnnxRuntime:
    """An ONNX file in ONNX Runtime; see :class:`dagen.deploy.runtimes.base.InferenceRuntime`.

    Attributes:
        name: the runtime with its version and the device.
        facts: what the file says of itself.
        bytes: size of the file.
    """

    def __init__(
        self,
        model: Path | bytes,
        *,
        threads: int | None = None,
        device: str = "cpu",
        spinning: bool = True,
    ) -> None:
        """Open a file.

        Args:
            model: the file, or its content.
            threads: threads that compute; None leaves the choice to ONNX Runtime.
            device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
            spinning: see :func:`dagen.system.onnx_session.open_session`.

        Raises:
            UsageError: onnxruntime is not installed, or it cannot use the device.
            DagenError: the file is missing or damaged, or not exported by dagen.
        """
        told = "the exported network" if isinstance(model, bytes) else str(model)
        content = model if isinstance(model, bytes) else read_bytes(model)
        check_seal(content, told)
        self._session = open_session(
            content, told, threads=threads, device=device, spinning=spinning
        )
        self.facts: Facts = from_metadata(self._session.get_modelmeta().custom_metadata_map, told)
        self.bytes = len(content)
        import onnxruntime

        where = self._session.get_providers()[0].removesuffix("ExecutionProvider")
        self.name = f"ONNX Runtime {onnxruntime.__version__} ({where})"
        self._told = told

    def __call__(self, image: Array, outputs: Sequence[str] = ("logits",)) -> list[Array]:
        """See :meth:`dagen.deploy.runtimes.base.InferenceRuntime.__call__`."""
        try:
            return list(self._session.run(list(outputs), {"image": image}))
        except Exception as error:  # onnxruntime's errors share no base of their own
            reason = short((str(error).splitlines() or ["no reason given"])[0], 200)
            raise DagenError(
                f"{short(self._told, 200)} failed on an input of shape {image.shape}: {reason}."
            ) from None
