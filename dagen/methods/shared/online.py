"""Base of the test-time strategies: batch norm that works for one image, trained parameters.

The papers normalise by the statistics of the batch, which one image estimates badly. Here each
layer mixes the checkpoint's running statistics (s) with those of the n current images (t), as if
the former came from N = ``prior`` further images (Schneider et al., NeurIPS 2020):
``mean = N / (N + n) mean_s + n / (N + n) mean_t`` and the same for the variance. ``prior = 0``
gives the papers' batch statistics; a large prior gives no adaptation.

The papers' learning rates are small because their streams are long: TENT's 2.5e-4 moves a network
over 782 batches of ImageNet, and next to nothing over a few dozen. Here the rate follows the length
of the stream. The learning rates of all steps add up to :data:`TRAVEL`, the papers' sum, and each
image has the same share of it, in whatever batch it comes. A rate given as a number is every
step's.

Passes otherwise run in evaluation mode, because their output is the prediction: without dropout and
auxiliary heads (the papers' code leaves the network in training mode, where dropout would blur the
prediction).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dagen.errors import UsageError
from dagen.methods.base import Context, Method, Setting
from dagen.ops import evaluating
from dagen.parameters import number_or
from dagen.types import Batch, Domain

PRIOR = 4.0
"""Number of images that the checkpoint's statistics count as; chosen here (the paper varies it with
n)."""

TRAVEL = 0.2
"""Sum of the learning rates over a stream: TENT's 2.5e-4 for 50,000 images in batches of 64."""

Rate = Annotated[
    float | Literal["stream"],
    number_or("stream", lambda value: 0 < value < math.inf, "a finite number above 0"),
]
"""A learning rate, or ``stream``: an image's share of :data:`TRAVEL`, times the batch's images."""

Moments = dict[_BatchNorm, tuple[Tensor, Tensor]]
"""Mean and variance (C,) that each layer used in a pass."""


def layers(network: nn.Module) -> list[_BatchNorm]:
    """The batch-norm layers of ``network`` that hold running statistics, whether updated or not.

    During the student's passes the run's batch-norm policy may have switched updates off.
    """
    return [
        module
        for module in network.modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    ]


@contextmanager
def mixed(network: nn.Module, prior: float, used: Moments | None = None) -> Iterator[None]:
    """Put ``network`` in evaluation mode, with batch norm that mixes the two statistics.

    Gradients flow through the statistics of the images, as in training. A layer that sees one value
    per channel (a globally pooled image) has no variance to mix and keeps the running statistics.

    Args:
        network: the running statistics do not change, and the mode is restored afterwards.
        prior: N in the module's docstring, at least 0.
        used: receives the moments that each layer used in its last pass.
    """

    def mix(layer: _BatchNorm, inputs: tuple[Tensor, ...]) -> Tensor:
        x = inputs[0]
        ours, theirs = layer.running_mean, layer.running_var
        assert ours is not None and theirs is not None
        n = len(x) if x.numel() > x.shape[1] else 0
        variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
        share = n / (prior + n) if n else 0.0
        mean, variance = torch.lerp(ours, mean, share), torch.lerp(theirs, variance, share)
        if used is not None:
            used[layer] = (mean.detach(), variance.detach())
        # The layer will normalise by its running statistics; its input is changed so that the
        # result equals normalising by the mixed ones.
        scale = ((theirs + layer.eps) / (variance + layer.eps)).sqrt()
        return (x - mean[:, None, None]) * scale[:, None, None] + ours[:, None, None]

    handles = [layer.register_forward_pre_hook(mix) for layer in layers(network)]
    try:
        with evaluating(network):
            yield
    finally:
        for handle in handles:
            handle.remove()


class Online(Method):
    """Base of the strategies that adapt to a stream of images, with one step per batch.

    Their ``Config`` has ``lr``, ``prior`` and ``passes``. They own the optimiser of the student's
    parameters: plain SGD with momentum 0.9 and no schedule. The network saved at the end carries
    the moments over all mixed statistics of the stream.

    Attributes:
        share: share of the stream that is this step's batch, in (0, 1].
    """

    family = "source-free"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})
    needs_checkpoint = True
    online = True

    def __init__(
        self, student: nn.Module, setting: Setting, config: Any, trained: list[nn.Parameter]
    ) -> None:
        """Make only the student's parameters ``trained`` require gradients.

        Raises:
            UsageError: the network has no batch norm.
        """
        super().__init__(student, setting, config)
        bound = layers(student)
        if not bound:
            raise UsageError("the network has no batch norm, which test-time adaptation changes.")
        if setting.stream_images < 1:
            raise RuntimeError("an online part was built without the length of its stream")
        student.requires_grad_(False)
        for parameter in trained:
            parameter.requires_grad_(True)
        self._optimizer = torch.optim.SGD(trained, lr=TRAVEL, momentum=0.9)
        self.share = 0.0
        self.moments = nn.ModuleList(_Moments(layer.num_features) for layer in bound)

    @classmethod
    def passes(cls, config: Any) -> int:
        """The ``passes`` of the configuration."""
        return int(config.passes)

    def normalised(self, network: nn.Module) -> AbstractContextManager[None]:
        """See :func:`mixed`."""
        return mixed(network, self.config.prior)

    def transform(self, ctx: Context) -> Batch:
        """Leaves the images unchanged; the student's passes run inside :func:`mixed`."""
        self.share = len(ctx.target.image) / self.setting.stream_images
        rate = self.config.lr
        for group in self._optimizer.param_groups:
            group["lr"] = TRAVEL * self.share if rate == "stream" else rate
        ctx.around.append(lambda domain: self._noted(ctx.student))
        return ctx.batch

    def optimizers(self) -> tuple[torch.optim.Optimizer, ...]:
        """The student's optimiser."""
        return (self._optimizer,)

    def predictor(
        self, network: nn.Module, target: Callable[[], Iterator[Tensor]] | None
    ) -> nn.Module:
        """``network`` with the statistics that the stream has used."""
        for layer, moments in zip(layers(network), self.moments, strict=True):
            assert isinstance(moments, _Moments)
            if moments.count:
                layer.running_mean, layer.running_var = moments.total()
        return network

    @contextmanager
    def _noted(self, student: nn.Module) -> Iterator[None]:
        used: Moments = {}
        with mixed(student, self.config.prior, used):
            yield
        for layer, moments in zip(layers(student), self.moments, strict=True):
            if layer in used:  # those of auxiliary heads are not
                assert isinstance(moments, _Moments)
                moments.add(*used[layer])


class _Moments(nn.Module):
    """Mean and variance of a mixture of distributions, from the mean and variance of each."""

    mean: Tensor
    square: Tensor
    count: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, dtype=torch.float64))
        self.register_buffer("square", torch.zeros(channels, dtype=torch.float64))
        self.register_buffer("count", torch.tensor(0))

    def add(self, mean: Tensor, variance: Tensor) -> None:
        self.count += 1
        share = 1 / int(self.count)
        self.mean.lerp_(mean.double(), share)
        self.square.lerp_(variance.double() + mean.double().square(), share)

    def total(self) -> tuple[Tensor, Tensor]:
        variance = (self.square - self.mean.square()).clamp(min=0)
        return self.mean.float(), variance.float()


def deployed_parameters(student: nn.Module) -> dict[str, nn.Parameter]:
    """The student's parameters by name, without those used in training only."""
    extra = tuple(f"{name}." for name in getattr(student, "training_only", ()))
    return {k: v for k, v in student.named_parameters() if not k.startswith(extra)}


def affine_parameters(student: nn.Module) -> list[nn.Parameter]:
    """Scale and shift of every batch-norm layer that is deployed."""
    deployed = {id(parameter) for parameter in deployed_parameters(student).values()}
    return [
        parameter
        for layer in layers(student)
        for parameter in layer.parameters()
        if id(parameter) in deployed
    ]
