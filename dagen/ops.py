"""Building blocks that strategies share: modes, moving averages, mixing and masking.

Random ones take a CPU generator, so that their draws are the same on every device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from dagen.types import IGNORE


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Let gradients pass through ``module`` inside the block, but keep none for its parameters."""
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        for parameter in trained:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put ``module`` in evaluation mode inside the block, then restore all submodules' modes."""
    modes = {part: part.training for part in module.modules()}
    try:
        module.eval()
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


@contextmanager
def outputs_of(network: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """The outputs of submodules in the passes inside the block, by name; later ones replace."""
    found: dict[str, Tensor] = {}

    def note(name: str, module: nn.Module, inputs: object, output: Tensor) -> None:
        found[name] = output

    hooks = [
        network.get_submodule(name).register_forward_hook(partial(note, name)) for name in names
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


class Ema(nn.Module):
    """A teacher that is the moving average of a student (Tarvainen & Valpola, NeurIPS 2017).

    Buffers are averaged too: a teacher with averaged weights but its initial batch-norm statistics
    is not an average of the student (DAFormer copies parameters only). Integer buffers are copied.
    Its parameters require no gradient; all state is in ``state_dict``.

    Attributes:
        module: the averaged network. Its owner sets its mode (``train``, ``eval``).
    """

    def __init__(self, student: nn.Module, decay: float) -> None:
        """Start from a copy of the student.

        Args:
            student: copied, not kept.
            decay: the highest decay per step, in [0, 1).
        """
        super().__init__()
        self.module = deepcopy(student).requires_grad_(False)
        self.decay = decay

    def update(self, student: nn.Module, step: int) -> None:
        """Move towards ``student`` after step ``step`` (from 0)."""
        ema_update(self.module, student, ema_decay(step, self.decay))


def ema_decay(step: int, decay: float) -> float:
    """``decay``, or less in the first steps: 1 - 1 / (step + 1), so that step 0 copies."""
    return min(1 - 1 / (step + 1), decay)


@torch.no_grad()
def ema_update(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    """``teacher = decay * teacher + (1 - decay) * student``, parameters and buffers, in place."""
    ours, theirs = teacher.state_dict(), student.state_dict()
    floating = [key for key, value in ours.items() if value.is_floating_point()]
    torch._foreach_lerp_([ours[k] for k in floating], [theirs[k] for k in floating], 1 - decay)
    for key in ours.keys() - set(floating):
        ours[key].copy_(theirs[key])


def class_mix(label: Tensor, generator: torch.Generator, *, background: bool = False) -> Tensor:
    """Where to paste: the pixels of half the classes of each image (Olsson et al., WACV 2021).

    Half is rounded up. By default only foreground classes are drawn, so that with two classes
    litter is pasted and never the whole belt; the paper draws among all classes.

    Args:
        label: (B, H, W) int64; ignored pixels are never chosen.
        generator: a CPU generator.
        background: whether class 0 is among those that can be drawn.

    Returns:
        (B, 1, H, W) bool, True where the image of ``label`` is kept.
    """
    masks = []
    for one in label:
        classes = one.unique()
        classes = classes[classes != IGNORE]
        if not background:
            classes = classes[classes != 0]
        order = torch.randperm(len(classes), generator=generator).to(classes.device)
        chosen = classes[order[: (len(classes) + 1) // 2]]
        masks.append(torch.isin(one, chosen))
    return torch.stack(masks)[:, None]


def block_mask(image: Tensor, block: int, ratio: float, generator: torch.Generator) -> Tensor:
    """Random square patches to hide (MIC; Hoyer et al., CVPR 2023).

    Args:
        image: (B, C, H, W); only its shape and device are used.
        block: side of a patch in pixels; patches at the right and lower border are cut.
        ratio: probability that a patch is hidden, in [0, 1].
        generator: a CPU generator.

    Returns:
        (B, 1, H, W) float32, 0 where the image is hidden and 1 where it is kept.
    """
    count, _, height, width = image.shape
    grid = (-(-height // block), -(-width // block))
    kept = (torch.rand(count, 1, *grid, generator=generator) >= ratio).float()
    whole = kept.repeat_interleave(block, 2).repeat_interleave(block, 3)
    return whole[..., :height, :width].to(image.device)


def fourier_swap(source: Tensor, target: Tensor, radius: int) -> Tensor:
    """``source`` with the low-frequency amplitudes of ``target`` (FDA; Yang & Soatto, CVPR 2020).

    The window is the square of frequencies -radius ... radius on both axes, as in the authors'
    numpy code; their torch code lacks one side of it. The phase stays the source's.

    Args:
        source: (B, 3, H, W) float.
        target: images of the same shape.
        radius: radius in pixels of the spectrum, from 0 (the mean colour alone) to below half the
            shorter side.

    Returns:
        The changed source, of the same shape; values may leave [0, 1] a little.
    """
    size = (source.shape[-2], source.shape[-1])
    ours = torch.fft.rfft2(source.float())
    theirs = torch.fft.rfft2(target.float())
    # For a real image rfft2 keeps the columns 0 ... W/2; the rest are their mirror images.
    rows = torch.arange(-radius, radius + 1, device=source.device) % size[0]
    window = (..., rows, slice(0, radius + 1))
    ours[window] = torch.polar(theirs[window].abs(), ours[window].angle())
    mixed: Tensor = torch.fft.irfft2(ours, s=size)
    return mixed
