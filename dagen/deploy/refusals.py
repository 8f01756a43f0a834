"""Refuses files that cannot be written, and options that contradict each other, before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from dagen.deploy.facts import MARK
from dagen.errors import UsageError, short, unknown

Format = Literal["onnx", "openvino", "litert"]
ENDINGS = {"onnx": ".onnx", "openvino": ".xml"}
"""The suffix of the file of each format that can be written."""


def check_precision(int8: bool, fp16: bool, calibrate: str | None, max_drop: float | None) -> None:
    """Refuse options that contradict each other, before any work."""
    if int8 and fp16:
        raise UsageError("int8 and fp16 are two precisions; give one of them.")
    for name, given in (("calibrate", calibrate), ("max_drop", max_drop)):
        if given is not None and not int8:
            raise UsageError(f"{name} is for int8; give int8 too, or omit {name}.")
    if max_drop is not None and not 0 <= max_drop <= 100:
        raise UsageError(f"max_drop is {max_drop:g}; it is in points, from 0 to 100.")


def check_fine_tuning(steps: int, int8: bool) -> None:
    """Refuse fine-tuning that cannot be, before any work."""
    if steps < 0:
        raise UsageError(f"fine_tune is {steps}; it is a number of training steps, 0 or above.")
    if steps and not int8:
        raise UsageError("fine_tune is for int8; give int8 too, or omit fine_tune.")


def check_format(format: str) -> None:
    """Refuse a format that cannot be written.

    Raises:
        UsageError: see :func:`export`.
    """
    if format == "litert":
        raise UsageError(
            "litert is not written: its converter, the package litert-torch, needs torch below "
            "2.15 and some forty packages that dagen does not use; convert the ONNX file with a "
            "tool of your own, such as onnx2tf."
        )
    if format not in ENDINGS:
        raise unknown("format", format, [*ENDINGS, "litert"])


def check_out(out: Path, format: str) -> None:
    """Refuse a file to write, before any work."""
    if out.suffix != ENDINGS[format]:
        raise UsageError(
            f"{short(out, 200)} is the file to write, and {format} needs a name that ends in "
            f"{ENDINGS[format]}."
        )
    if out.exists() and (not out.is_file() or MARK not in out.read_bytes()):
        raise UsageError(
            f"{short(out, 200)} exists, and dagen export did not write it; move it away, or give "
            "another file with --out."
        )
