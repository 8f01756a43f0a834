"""Opens ONNX files in ONNX Runtime; whatever is wrong with one is said in one line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dagen.errors import DataError, UsageError, listed, short

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CPU = "CPUExecutionProvider"
SPINNING = "session.intra_op.allow_spinning"
"""ONNX Runtime's option: whether idle threads wait for work without giving up their cores."""
_PROVIDERS = {"cpu": CPU, "cuda": "CUDAExecutionProvider"}
# What ONNX Runtime says of an operator for which it has no kernel, or that it does not know.
_LACKING = (
    "no op registered",
    "not_implemented",
    "could not find an implementation",
    "is not a registered",
)


def open_session(
    model: Path | bytes,
    name: str,
    *,
    threads: int | None = None,
    device: str = "cpu",
    spinning: bool = True,
) -> InferenceSession:
    """An ONNX Runtime session.

    Args:
        model: the ONNX file, or its bytes.
        name: what messages call it.
        threads: threads that compute; None leaves their number to ONNX Runtime, and they sleep
            while they have nothing to do.
        device: ``auto`` (the CPU), ``cpu``, ``cuda`` or ``cuda:N``.
        spinning: whether ``threads`` threads keep their cores while they have nothing to do, for
            the shortest time of one image after the other.

    Raises:
        UsageError: onnxruntime is not installed, or it cannot use the device.
        DataError: the file is missing or damaged, no ONNX, or has an operator that ONNX Runtime
            lacks.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UsageError(
            f"{short(name, 200)} is an ONNX file, and onnxruntime is not installed: "
            "pip install 'dagen[onnx]', or 'dagen[camera]' where nothing is trained."
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, and said once
    if threads is not None:
        options.intra_op_num_threads = threads
    if threads is None or not spinning:
        # Reading and writing pictures at the same time needs the cores on which they would spin:
        # processor time an image of `dagen predict` was twice as long.
        options.add_session_config_entry(SPINNING, "0")
    provider = _provider(onnxruntime.get_available_providers(), device)
    given = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(given, options, providers=[provider])
    except Exception as error:  # onnxruntime's errors share no base of their own
        reason = short((str(error).splitlines() or ["no reason given"])[0], 200)
        version = onnxruntime.__version__
        if any(said in reason.lower() for said in _LACKING):
            raise DataError(
                f"{short(name, 200)} needs an operator that ONNX Runtime {version} lacks here: "
                f"{reason}; install a newer onnxruntime."
            ) from None
        raise DataError(
            f"{short(name, 200)} is damaged or no ONNX file (ONNX Runtime {version}: {reason}); "
            "restore it from a copy, or make it again."
        ) from None


def _provider(available: list[str], device: str) -> str | tuple[str, dict[str, str]]:
    kind, _, number = ("cpu" if device == "auto" else device).partition(":")
    if kind not in _PROVIDERS or (number and not number.isdecimal()):
        raise UsageError(f"device is '{short(device)}'; write auto, cpu, cuda or cuda:N.")
    provider = _PROVIDERS[kind]
    if provider not in available:
        raise UsageError(
            f"device is '{short(device)}', but this ONNX Runtime has only {listed(available)}; "
            "install onnxruntime-gpu, or give cpu."
        )
    return (provider, {"device_id": number}) if number else provider
