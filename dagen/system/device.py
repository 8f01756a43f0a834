"""What a run was computed on, in words that say nothing else of the machine."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from dagen.errors import UsageError


def describe(device: torch.device) -> str:
    """Such as ``NVIDIA H200`` or ``Intel(R) Xeon(R) Platinum 8480+, 2 threads``."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{_processor()}, {torch.get_num_threads()} threads"


def _processor() -> str:
    try:  # platform.processor() is empty or a mere "x86_64" on Linux
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def choose_device(name: str) -> torch.device:
    """The device behind a name; ``auto`` is the first GPU, or the CPU.

    Raises:
        UsageError: it does not exist here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device '{name}'. Allowed: auto, cpu, cuda, cuda:N.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device {name} was asked for, but torch sees no GPU; use --device cpu.")
    return device
