"""The cost of a deployed network: parameters, MACs, bytes, latency.

Everything used in training only (:attr:`Network.training_only`, the auxiliary heads) is left out.
One multiply-accumulate (MAC) is two floating-point operations (FLOPs).
"""

import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from dagen.errors import DagenError, UsageError
from dagen.models.base import Network
from dagen.ops import evaluating

CAP = 10_000_000
"""Largest size of a deployed file in bytes: 10 MB, not 10 MiB."""

_WIDTHS = [number / 20 for number in range(1, 81)]


@dataclass(frozen=True)
class Profile:
    """The cost of a deployed network.

    Attributes:
        parameters: number of trained values.
        macs: multiply-accumulates of one image.
        flops: floating-point operations of one image, two per MAC.
        bytes: size of the deployed file in float32; of a network that has no file yet, without a
            card, which is a few hundred bytes more.
        latency_ms: median milliseconds for one image, None if it was not measured.
    """

    parameters: int
    macs: int
    flops: int
    bytes: int
    latency_ms: float | None = None


def parameters(network: Network) -> int:
    """Number of trained values that are deployed."""
    return sum(
        parameter.numel() for name, parameter in network.named_parameters() if network.ships(name)
    )


def macs(network: Network, size: tuple[int, int]) -> int:
    """Multiply-accumulates of convolutions and matrix products for one image.

    Args:
        network: any network; it is left as it is.
        size: height and width in pixels.

    Raises:
        UsageError: a side is not a positive multiple of ``network.multiple``.
    """
    with _ready(network, size) as image, FlopCounterMode(display=False) as counter:
        network(image)
    return int(counter.get_total_flops()) // 2


def size_bytes(network: Network, metadata: dict[str, str] | None = None) -> int:
    """Exact bytes of the deployed safetensors file.

    Args:
        network: any network.
        metadata: entries of the file's header besides the tensors.
    """
    return len(save({k: v.cpu().contiguous() for k, v in network.deployed().items()}, metadata))


def latency(network: Network, size: tuple[int, int], repeats: int = 20) -> float:
    """Median milliseconds for one image on the network's device, after warming up.

    Args:
        network: any network; it is left as it is.
        size: height and width in pixels.
        repeats: timed runs, at least 1.

    Raises:
        UsageError: a side is not a positive multiple of ``network.multiple``, or ``repeats`` is
            below 1.
    """
    if repeats < 1:
        raise UsageError(f"repeats is {repeats}; it must be at least 1.")
    times = []
    with _ready(network, size) as image:
        for _ in range(3 + repeats):
            start = time.perf_counter()
            network(image)
            if image.is_cuda:
                torch.cuda.synchronize(image.device)
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[3:])


_latency = latency  # profile's argument has the same name


def profile(network: Network, size: tuple[int, int], latency: bool = True) -> Profile:
    """All costs at once.

    Args:
        network: any network; it is left as it is.
        size: height and width in pixels.
        latency: whether to measure it too.

    Raises:
        UsageError: a side is not a positive multiple of ``network.multiple``.
    """
    count = macs(network, size)
    return Profile(
        parameters=parameters(network),
        macs=count,
        flops=2 * count,
        bytes=size_bytes(network),
        latency_ms=_latency(network, size) if latency else None,
    )


def enforce_cap(
    network: Network,
    name: str,
    cap: int = CAP,
    *,
    options: Mapping[str, Any] | None = None,
    size: int | None = None,
) -> None:
    """Refuse a network that is too big to be deployed.

    Args:
        network: any network.
        name: the network's name in the error.
        cap: largest size of the deployed file in bytes.
        options: the keyword arguments that it was built with, besides its width.
        size: bytes of its file; None counts those of a file without a card.

    Raises:
        DagenError: it is too big; the message names the largest width that fits. A pruned network
            has no other width.
    """
    size = size_bytes(network) if size is None else size
    if size <= cap:
        return
    fitting = [width for width in _WIDTHS if width < network.width and not network.channels]
    low, high = 0, len(fitting)  # bytes grow with the width: the first `low` ones fit
    while low < high:
        middle = (low + high) // 2
        if _bytes_at(network, fitting[middle], options or {}) <= cap:
            low = middle + 1
        else:
            high = middle
    advice = f"give a width of at most {fitting[low - 1]:g}" if low else "no width fits"
    raise DagenError(
        f"{name} at width {network.width:g} has {size:,} bytes as deployed; "
        f"at most {cap:,} are allowed: {advice}."
    )


def _bytes_at(network: Network, width: float, options: Mapping[str, Any]) -> int:
    with torch.device("meta"):  # only sizes are needed: nothing is initialised
        other = type(network)(network.num_classes, width=width, **options)
    return size_bytes(other.to_empty(device="cpu"))


@contextmanager
def _ready(network: Network, size: tuple[int, int]) -> Iterator[Tensor]:
    """Evaluation mode without gradients inside the block; yields a blank image on its device."""
    if any(side < 1 or side % network.multiple for side in size):
        raise UsageError(
            f"the size is {size[0]}x{size[1]}; height and width must be multiples of "
            f"{network.multiple}, such as 224x448."
        )
    image = torch.zeros(1, 3, *size, device=next(network.parameters()).device)
    with torch.no_grad(), evaluating(network):
        yield image.contiguous(memory_format=torch.channels_last)
