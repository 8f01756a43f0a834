"""What a run was computed on, in words that say nothing else of the machine."""

from __future__ import annotations

import platform
from pathlib import Path

import torch


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
