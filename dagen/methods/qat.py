"""QAT: the student learns with the rounding of its int8 file (Jacob et al., CVPR 2018).

In each of the student's passes every convolution and linear layer computes as in the file that
``dagen export --int8`` writes (see ``dagen.deploy.quantise``): weights are rounded to 7 bits,
symmetric and per output channel; a layer's input, and its output after the batch norm and the ReLU
that the file does in it, are rounded to 8 bits per tensor, unsigned with a zero point. All else
stays float32.
Gradients pass the rounding as if it were not there, and are zero where a value is cut off. What is
saved are the plain float32 weights.

The range of an activation is the mean over images of their smallest and largest values, as in the
export's calibration, over the last passes of the target's images (the source's in a run without a
target).

Deviations: ranges are rounded from the first step on, because the student is trained already. The
paper folds batch norm with the statistics of each batch; here the running statistics are meant to
be frozen (``freeze_batch_norm = 0``), and a layer's output is then what the file computes. Biases
stay float32 (the file: 32 bits). A ReLU that the network applies in several places is not taken
into the layer: rounding then comes before it, in the file after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dagen import collective
from dagen.errors import UsageError
from dagen.methods.base import Context, Method, Setting
from dagen.ops import evaluating
from dagen.parameters import Count
from dagen.types import Batch, Domain

_LEVELS = 255
"""The largest number of an activation in 8 bits."""
_WEIGHT = 64
"""The largest number of a weight in 7 bits, as ONNX Runtime writes them."""
_SMALLEST = 1e-12
"""The smallest step between two numbers; an activation that is always 0 has no range."""

_Layers = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
_CUTTING = (nn.ReLU, nn.ReLU6)


class _Place(NamedTuple):
    """A layer that computes in 8 bits, and the module whose output the file rounds."""

    layer: nn.Module
    end: nn.Module


class Qat(Method):
    """Rounds the student's weights and activations as its int8 file does, while it learns."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            window: number of passes over which ranges are averaged.
        """

        window: Count = 32

    family = "deployment"
    paper = "Jacob et al., CVPR 2018"
    ranges: Tensor
    looks: Tensor

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        """See :class:`Method`.

        Raises:
            UsageError: the network has no layer that would be rounded.
        """
        super().__init__(student, setting, config)
        self._places = _places(student, setting.size)  # a plain list: the student registers them
        if not self._places:
            raise UsageError("qat rounds convolutions and linear layers; this network has none.")
        # Of each layer's input and output, the smallest and the largest value.
        self.register_buffer("ranges", torch.zeros(len(self._places), 2, 2))
        self.register_buffer("looks", torch.tensor(0))

    def transform(self, ctx: Context) -> Batch:
        """Changes no image; all passes of the student in this step are rounded."""
        domain: Domain = "source" if ctx.batch.target is None else "target"
        ctx.around.append(partial(self.rounded, observed=domain))
        return ctx.batch

    @contextmanager
    def rounded(self, domain: Domain, observed: Domain | None = None) -> Iterator[None]:
        """The student computes as its int8 file inside the block.

        Args:
            domain: the images of the pass.
            observed: the domain whose passes set the ranges; None leaves them as they are.
        """
        if domain == observed:
            self.looks += 1
            share = 1 / min(int(self.looks), self.config.window)
        else:  # until then, the other domain's ranges are better than none
            share = float(observed is not None and int(self.looks) == 0)
        with ExitStack() as stack:
            for place, (given, made) in zip(self._places, self.ranges, strict=True):
                for hook in (
                    place.layer.register_forward_pre_hook(partial(_before, given, share)),
                    place.layer.register_forward_hook(_after),
                    place.end.register_forward_hook(partial(_result, made, share)),
                ):
                    stack.callback(hook.remove)
            yield


def _before(limits: Tensor, share: float, layer: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
    # A plain attribute hides the parameter of its name; the parameter gets the gradient.
    layer.__dict__["weight"] = round_weight(layer, layer._parameters["weight"])  # type: ignore[arg-type]
    return (_observed(given[0], limits, share),)


def _after(layer: nn.Module, given: object, made: Tensor) -> None:
    del layer.__dict__["weight"]


def _result(limits: Tensor, share: float, end: nn.Module, given: object, made: Tensor) -> Tensor:
    return _observed(made, limits, share)


def _observed(x: Tensor, limits: Tensor, share: float) -> Tensor:
    """``x`` in 8 bits, after its own range has moved ``limits`` by ``share`` of the way."""
    if share:
        images = x.detach().float().flatten(1)
        now = torch.stack([images.amin(1).mean(), images.amax(1).mean()])
        limits.lerp_(collective.mean(now), share)
    return round_activation(x, limits)


def round_activation(x: Tensor, limits: Tensor) -> Tensor:
    """``x`` as 8 unsigned bits with a zero point have it.

    Args:
        x: any shape.
        limits: (2,) its smallest and largest value; 0 is always among the values.
    """
    low, high = limits.clamp(max=0)[0], limits.clamp(min=0)[1]
    step = ((high - low) / _LEVELS).clamp(min=_SMALLEST)
    zero = (-low / step).round().clamp(0, _LEVELS).int()
    rounded = torch.fake_quantize_per_tensor_affine(x.float(), step, zero, 0, _LEVELS)
    return rounded.to(x.dtype)


def round_weight(layer: nn.Module, weight: Tensor) -> Tensor:
    """A layer's weight as 7 bits have it, with a step of its own for each output channel."""
    axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    others = [k for k in range(weight.ndim) if k != axis]
    step = (weight.detach().abs().amax(others) / _WEIGHT).clamp(min=_SMALLEST)
    zero = torch.zeros_like(step, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, step, zero, axis, -_WEIGHT, _WEIGHT)


@torch.no_grad()
def _places(student: nn.Module, size: tuple[int, int]) -> list[_Place]:
    """The layers that the deployed network applies, with what the file does inside them.

    Found by one pass: a batch norm whose input is a convolution's output belongs to it, and so does
    a ReLU after either.
    """
    ends: dict[nn.Module, list[nn.Module]] = {}
    outputs: dict[int, tuple[nn.Module, Tensor]] = {}  # kept, so that no number is used again
    calls: Counter[nn.Module] = Counter()

    def made(module: nn.Module, given: tuple[Tensor], out: Tensor) -> None:
        calls[module] += 1
        if isinstance(module, _Layers):
            ends[module] = [module]
            outputs[id(out)] = module, out
        elif id(given[0]) in outputs:
            layer, _ = outputs[id(given[0])]
            ends[layer].append(module)
            outputs[id(out)] = layer, out

    device = next(student.parameters()).device
    with ExitStack() as stack, evaluating(student):
        for module in student.modules():
            if isinstance(module, (*_Layers, _BatchNorm, *_CUTTING)):
                stack.callback(module.register_forward_hook(made).remove)
        student(torch.zeros(1, 3, *size, device=device))
    return [
        _Place(layer, next(end for end in reversed(chain) if calls[end] == 1 or end is layer))
        for layer, chain in ends.items()
    ]
