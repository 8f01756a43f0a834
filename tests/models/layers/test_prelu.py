"""The quick PReLU against PyTorch's own."""

import pytest
import torch
from torch import Tensor, nn

from dagen.models.layers.prelu import PReLU

LAYOUTS = [torch.channels_last, torch.contiguous_format]


def images(layout: torch.memory_format, dtype: torch.dtype = torch.float32) -> Tensor:
    """Some pixels are exactly zero, where the slope decides, and some are infinite."""
    x = torch.randn(2, 5, 4, 6, generator=torch.Generator().manual_seed(0)).to(dtype)
    x[:, :, 1] = 0
    return x.contiguous(memory_format=layout)


def pair(parameters: int) -> tuple[PReLU, nn.PReLU]:
    ours, theirs = PReLU(parameters), nn.PReLU(parameters)
    with torch.no_grad():
        ours.weight.uniform_(-1, 1, generator=torch.Generator().manual_seed(1))
        theirs.weight.copy_(ours.weight)
    return ours, theirs


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("parameters", [5, 1])
def test_outputs_and_gradients_are_those_of_pytorch(
    layout: torch.memory_format, parameters: int
) -> None:
    ours, theirs = pair(parameters)
    x = images(layout)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    out = ours(a)
    assert torch.equal(out, theirs(b))
    assert out.is_contiguous(memory_format=layout)
    out.backward(direction)
    theirs(b).backward(direction)
    assert torch.equal(a.grad, b.grad)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_are_derivatives(layout: torch.memory_format) -> None:
    x = images(layout, torch.float64)
    x = torch.where(x.abs() < 0.05, 0.5, x).contiguous(memory_format=layout).requires_grad_()
    assert torch.autograd.gradcheck(PReLU(5).double(), x)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_infinities_stay_and_nan_is_not_hidden(layout: torch.memory_format) -> None:
    ours, theirs = pair(5)
    x = images(layout)
    x[0, 0, 0, :3] = torch.tensor([torch.inf, -torch.inf, torch.nan])
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("shape", [(3, 5), (2, 5, 4), (0, 5, 4, 6)])
def test_other_shapes_are_taken_as_well(shape: tuple[int, ...]) -> None:
    ours, theirs = pair(5)
    x = torch.randn(shape)
    assert torch.equal(ours(x), theirs(x))


def test_exported_and_compiled_graphs_keep_the_operator() -> None:
    program = torch.export.export(PReLU(5), (images(torch.channels_last),))
    assert any("prelu" in str(node.target) for node in program.graph.nodes)


def test_bfloat16_images_with_slopes_of_single_precision() -> None:
    ours, theirs = pair(5)
    with torch.autocast("cpu", torch.bfloat16):
        x = images(torch.channels_last, torch.bfloat16)
        assert torch.equal(ours(x), theirs(x))
