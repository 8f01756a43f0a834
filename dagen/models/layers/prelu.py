"""PReLU whose gradients come from operations that a processor's vector units compute.

Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, equation 1; gradients: equations 3, 4.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class PReLU(nn.PReLU):
    """``nn.PReLU`` with quicker gradients on a CPU.

    The backward pass of PyTorch's own kernel asks for the sign of one number after the other, and
    a processor guesses half of the answers wrongly. Its forward pass is quick, if the slopes fill
    whole vectors. Outputs and gradients of the inputs are the same to the bit; those of the slopes
    are summed in another order.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W), or any shape of ``nn.PReLU``, -> the same shape and layout."""
        if not _own(input, self.weight):
            return super().forward(input)
        batch, channels, height, width = input.shape
        if not input.is_contiguous(memory_format=torch.channels_last):
            slope = self.weight.view(-1, 1, 1).expand(channels, 1, 1)
            return _Rectify.apply(input, slope)  # type: ignore[no-any-return]
        # A row of pixels at a time: a vector of C slopes alone would be too short.
        rows = input.permute(0, 2, 3, 1).view(batch * height, width * channels)
        out = _Rectify.apply(rows, self.weight.expand(channels).repeat(width))
        return out.view(batch, height, width, channels).permute(0, 3, 1, 2)  # type: ignore[no-any-return]


def _own(x: Tensor, slope: Tensor) -> bool:
    """Whether the quick way is there: images on a CPU, outside compiled and exported graphs."""
    return (
        x.ndim == 4
        and x.device.type == "cpu"
        and x.dtype == slope.dtype
        and not torch.compiler.is_compiling()
    )


class _Rectify(torch.autograd.Function):
    """``max(x, 0) + slope * min(x, 0)``, with a slope for each entry of ``x``'s second dimension.

    ``slope`` has the shape that is broadcast over ``x``: (C, 1, 1) for images, (C,) for rows.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return torch.prelu(x, slope.flatten())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, slope = ctx.saved_tensors
        above = torch.ops.aten.threshold_backward(gradient, x, 0.0)  # where x > 0, zero elsewhere
        below = gradient - above
        return above.addcmul_(below, slope), below.mul_(x).sum_to_size(slope.shape)
