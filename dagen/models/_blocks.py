"""Pieces that several networks share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_norm_act(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    act: bool = True,
) -> nn.Sequential:
    """Convolution, batch norm and, unless ``act`` is off, ReLU; "same" padding at stride 1."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.ReLU()) if act else nn.Sequential(*layers)


def aux_head(inputs: int, middle: int, num_classes: int) -> nn.Sequential:
    """Auxiliary classifier: 3x3 convolution, then 1x1 to the logits."""
    return nn.Sequential(conv_norm_act(inputs, middle), nn.Conv2d(middle, num_classes, 1))


def initialise(network: nn.Module) -> None:
    """Kaiming initialisation (He et al., 2015) of every convolution, biases at zero.

    Fan-out keeps the gradient's size from layer to layer; batch norm sees to the signal's.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class PooledNorm(nn.BatchNorm2d):
    """Batch norm of globally pooled vectors (B, C, 1, 1) that works for a single image too.

    One image alone has no variance per channel and plain batch norm refuses to train on it;
    then the running statistics serve, and stay as they are.
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
