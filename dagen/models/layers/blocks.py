"""Convolution blocks, norms and initialisation that several networks share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.errors import UsageError, quoted


class InstanceBatchNorm(nn.Module):
    """IBN: instance norm on the first half of the channels, batch norm on the others.

    Instance norm takes contrast and colour cast out of an image, batch norm keeps what tells
    classes apart (Pan et al., ECCV 2018). IBN-Net-a puts it behind the first convolution of the
    residual branches of the shallow stages and leaves the shortcut alone; the deepest stage has
    batch norm only. It has as many parameters as batch norm, and running statistics for half of
    the channels.

    Args:
        width: channels.
        eps: added to the variances.
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.border = width // 2
        self.instance = nn.InstanceNorm2d(self.border, eps=eps, affine=True)
        self.batch = nn.BatchNorm2d(width - self.border, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), more than one pixel, -> the same shape."""
        return torch.cat((self.instance(x[:, : self.border]), self.batch(x[:, self.border :])), 1)


def norm(width: int, *, ibn: bool = False, eps: float = 1e-5) -> nn.Module:
    """Batch norm or, with ``ibn`` and more than one channel, :class:`InstanceBatchNorm`."""
    return InstanceBatchNorm(width, eps) if ibn and width > 1 else nn.BatchNorm2d(width, eps)


def check_switch(name: str, value: object) -> None:
    """Refuse anything but true and false: the text "false" would count as true.

    Raises:
        UsageError: ``value`` is something else.
    """
    if not isinstance(value, bool):
        raise UsageError(f"{name} is {quoted(value)}; it must be true or false.")


def conv_norm_act(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    act: bool = True,
    ibn: bool = False,
) -> nn.Sequential:
    """Convolution, norm (see :func:`norm`) and, unless ``act`` is off, ReLU; "same" padding."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, bias=False),
        norm(outputs, ibn=ibn),
    ]
    return nn.Sequential(*layers, nn.ReLU()) if act else nn.Sequential(*layers)


def aux_head(inputs: int, middle: int, num_classes: int) -> nn.Sequential:
    """Auxiliary classifier: 3x3 convolution, then 1x1 to the logits."""
    return nn.Sequential(conv_norm_act(inputs, middle), nn.Conv2d(middle, num_classes, 1))


def initialise(network: nn.Module) -> None:
    """Kaiming initialisation (He et al., 2015) of every convolution, biases at zero.

    Fan-out keeps the gradient's size from layer to layer; batch norm keeps the signal's.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class PooledNorm(nn.BatchNorm2d):
    """Batch norm of globally pooled vectors (B, C, 1, 1) that works for a single image too.

    A single image has no variance per channel, and plain batch norm refuses to train on it; here
    the running statistics normalise it and do not change.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, 1, 1) -> the same shape."""
        if self.training and input.shape[0] == 1 and self.running_mean is not None:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        out: Tensor = super().forward(input)
        return out


def global_average(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 1, 1); a plain mean exports better than adaptive pooling."""
    return torch.mean(x, (2, 3), keepdim=True)
