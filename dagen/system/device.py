"""The device of a run: choosing it and naming it, without any other detail of the machine."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

import torch

from dagen.errors import UsageError, quoted


def describe(device: torch.device) -> str:
    """The hardware's name: ``NVIDIA H200``, ``Intel(R) Xeon(R) Platinum 8480+, 2 threads``."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{_processor()}, {torch.get_num_threads()} threads"


def _processor() -> str:
    # platform.processor() is empty or a mere "x86_64" on Linux.
    return next(iter(_facts("model name")), "") or platform.processor() or platform.machine()


def _facts(name: str) -> list[str]:
    """What Linux says of each core under ``name``; nothing elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.partition(":")[2].strip() for line in lines if line.startswith(name)]


def instructions(threads: int) -> str:
    """A short name for code that was made for this kind of processor and so many threads."""
    found = [_processor(), platform.machine(), *_facts("flags")[:1], torch.__version__]
    digest = hashlib.blake2b("\n".join(found).encode(), digest_size=6).hexdigest()
    return f"{digest}-{threads}"


def has_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16; True where the system does not tell."""
    known = _facts("flags") + _facts("Features")  # of x86, of ARM
    return not known or any("bf16" in flag for flag in known[0].split())


def choose_device(name: str) -> torch.device:
    """The device called ``name``; ``auto`` is a GPU, or the CPU if there is none.

    The GPU is the first, or under ``torchrun`` that of the process.

    Raises:
        UsageError: this machine has no such device.
    """
    if name == "auto":
        if not torch.cuda.is_available():
            return torch.device("cpu")
        own = os.environ.get("LOCAL_RANK")
        return torch.device("cuda" if own is None else f"cuda:{own}")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise UsageError(f"unknown device {quoted(name)}. Allowed: auto, cpu, cuda, cuda:N.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device {name} was asked for, but torch sees no GPU; use --device cpu.")
    return device
