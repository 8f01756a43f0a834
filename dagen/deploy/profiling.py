"""The cost of a file with its latency in the runtime that it is for."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from dagen.deploy import predictor as exported
from dagen.errors import DagenError
from dagen.models.base import Network
from dagen.models.deployed import cost
from dagen.models.deployed.cost import CAP, Profile
from dagen.system.threads import check_threads, cores

_SECONDS = 1.0  # time that the timed runs take at least
_RUNS = 50


@dataclass(frozen=True)
class Measured(Profile):
    """A :class:`~dagen.models.deployed.cost.Profile` whose latency says how it was measured.

    Attributes:
        runtime: the runtime with its version.
        threads: threads that computed.
        p95_ms: milliseconds that 95 of 100 runs stayed below; ``latency_ms`` is the median.
        runs: timed runs.
    """

    runtime: str = ""
    threads: int = 0
    p95_ms: float = 0.0
    runs: int = 0


def of_file(path: Path, threads: int | None = None, *, enforce_cap: bool = False) -> Measured:
    """The cost of an exported file at its own input size, for one image.

    Args:
        path: the file.
        threads: threads that compute; None is all cores that this process may use.
        enforce_cap: refuse more than 10,000,000 bytes.

    Raises:
        UsageError: the runtime is not installed, or a wrong number of threads.
        DagenError: the file is missing, damaged or, with ``enforce_cap``, too big.
    """
    count = _checked(threads)
    runtime = exported.load(path, threads=count).runtime
    if enforce_cap and runtime.bytes > CAP:
        raise DagenError(f"{path} has {runtime.bytes:,} bytes; at most {CAP:,} are allowed.")
    facts = runtime.facts
    image = np.zeros((*facts.card.size, 3), np.uint8)
    pixels = exported.to_input(image, facts.input)
    plain = Profile(facts.parameters, facts.macs, 2 * facts.macs, runtime.bytes)
    return _measured(plain, lambda: runtime(pixels), runtime.name, count)


def of_network(network: Network, size: tuple[int, int], threads: int | None = None) -> Measured:
    """The cost of a PyTorch network in eager mode on the CPU, for one image.

    Args:
        network: any network, in evaluation mode on the CPU.
        size: height and width in pixels.
        threads: see :func:`of_file`.

    Raises:
        UsageError: a side is not a multiple of ``network.multiple``, or a wrong number of threads.
    """
    count, before = _checked(threads), torch.get_num_threads()
    plain = cost.profile(network, size, latency=False)
    image = torch.zeros(1, 3, *size).contiguous(memory_format=torch.channels_last)
    torch.set_num_threads(count)
    try:
        with torch.inference_mode():
            name = f"PyTorch {torch.__version__} (CPU)"
            return _measured(plain, lambda: network(image), name, count)
    finally:
        torch.set_num_threads(before)


def _checked(threads: int | None) -> int:
    check_threads(threads)
    return cores() if threads is None else threads


def _measured(plain: Profile, call: Callable[[], object], name: str, threads: int) -> Measured:
    """Time a call after warming up: at least :data:`_RUNS` runs and :data:`_SECONDS` seconds."""
    for _ in range(5):
        call()
    times: list[float] = []
    while len(times) < _RUNS or sum(times) < 1000 * _SECONDS:
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    values = {**asdict(plain), "latency_ms": statistics.median(times)}
    p95 = float(np.percentile(times, 95))
    return Measured(**values, runtime=name, threads=threads, p95_ms=p95, runs=len(times))
