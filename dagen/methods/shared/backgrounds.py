"""Procedural grounds: gravel, paving, grass-like grain, soil, and occasional bright things on them.

Two kinds of structure cover most natural grounds: noise with a power-law spectrum, stretched and
turned (soil, sand, grass, concrete), and cells around jittered lattice points (pebbles, leaves;
without jitter paving and bricks). Everything is computed for a whole batch on its device.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dagen.methods.shared.style import Dice


def grounds(count: int, size: tuple[int, int], dice: Dice) -> Tensor:
    """``count`` random grounds.

    Args:
        count: number of grounds, B.
        size: height and width in pixels.
        dice: source of all random draws.

    Returns:
        (B, 3, H, W) in [0, 1].
    """
    one = (count, 1, 1, 1)
    coarse, patches, fine, shadows = power_noise(4 * count, size, dice).view(4, count, 1, *size)
    first, third = colours((2, count), dice, bright=0.6)
    # Two tones of one colour: a ground of two unrelated colours is rare.
    second = first * dice.uniform(one, 0.4, 1.5) + 0.1 * dice.normal((count, 3, 1, 1))
    ground = torch.lerp(first, second, (dice.uniform(one, 0.3, 3) * coarse).sigmoid())
    patches = (dice.uniform(one, 1, 8) * (patches - 0.7)).sigmoid()
    ground = torch.lerp(ground, third, patches * dice.chance(one, 0.5))

    tone, tint, edge = cells(count, size, dice)
    strength = dice.uniform(one, 0, 0.5)
    stones = ground * (1 + strength * tone) + dice.uniform(one, 0, 0.15) * tint
    joint = dice.uniform(one, 0.2, 1.3)  # mostly darker than the stones
    stones = stones * torch.lerp(joint, torch.ones_like(joint), edge)
    ground = torch.lerp(ground, stones, dice.chance(one, 0.5))

    ground = ground * (1 + dice.uniform(one, 0, 0.35) * fine)
    speckle = dice.uniform(one, 0, 0.06) * dice.normal((count, 3, *size))
    return torch.clamp((ground + speckle) * light(shadows, dice), 0, 1)


def light(smooth: Tensor, dice: Dice) -> Tensor:
    """Uneven light (B, 1, H, W): a gradient and, in one image of three, shadows of things outside.

    Args:
        smooth: (B, 1, H, W) noise that shapes the shadows.
        dice: source of all random draws.
    """
    count, _, height, width = smooth.shape
    one = (count, 1, 1, 1)
    angle = dice.uniform(one, 0, 2 * math.pi)
    y = torch.linspace(-1, 1, height, device=smooth.device)[:, None]
    x = torch.linspace(-1, 1, width, device=smooth.device)[None]
    gradient = 1 + dice.uniform(one, 0, 0.4) * (angle.cos() * x + angle.sin() * y)
    shadow = (8 * (smooth - 0.5)).sigmoid() * dice.chance(one, 1 / 3)
    return gradient * (1 - dice.uniform(one, 0.2, 0.7) * shadow)


def colours(shape: tuple[int, ...], dice: Dice, bright: float) -> Tensor:
    """Random colours (*shape, 3, 1, 1) in [0, 1], mostly dull as the ground is.

    Args:
        shape: how many.
        dice: source of all random draws.
        bright: exponent of the brightness, below 1 for mostly bright colours.
    """
    earth = dice.chance((*shape, 1), 0.7)  # from brown over yellow to green
    hue = 6 * torch.lerp(dice.uniform((*shape, 1)), dice.uniform((*shape, 1), 0.05, 0.33), earth)
    offset = torch.tensor([0.0, 4.0, 2.0], device=dice.device)
    pure = (((hue + offset) % 6 - 3).abs() - 1).clamp(0, 1)
    saturation = 0.7 * dice.uniform((*shape, 1)) ** 1.5
    value = 0.05 + 0.95 * dice.uniform((*shape, 1)) ** bright
    colour: Tensor = value * (1 - saturation + saturation * pure)
    return colour[..., None, None]


def power_noise(count: int, size: tuple[int, int], dice: Dice) -> Tensor:
    """Noise (B, 1, H, W) of mean 0 and variance 1, its spectrum (1 + (f / f0)^2)^(-b / 2).

    The knee f0 is one period in 8 to 128 pixels, the exponent b 1.5 to 4, and the plane of
    frequencies is stretched up to four times along a random direction.
    """
    height, width = size
    one = (count, 1, 1, 1)
    fy = torch.fft.fftfreq(height, device=dice.device)[:, None]
    fx = torch.fft.rfftfreq(width, device=dice.device)[None]
    angle, stretch = dice.uniform(one, 0, math.pi), dice.log_uniform(one, 1, 4)
    along = (angle.cos() * fx + angle.sin() * fy) * stretch
    across = (angle.cos() * fy - angle.sin() * fx) / stretch
    knee, exponent = dice.log_uniform(one, 1 / 128, 1 / 8), dice.uniform(one, 1.5, 4)
    gain = (1 + (along.square() + across.square()) / knee.square()) ** (-exponent / 2)
    gain[..., 0, 0] = 0
    noise: Tensor = torch.fft.irfft2(torch.fft.rfft2(dice.normal((count, 1, *size))) * gain, s=size)
    return noise / noise.square().mean((2, 3), keepdim=True).sqrt().clamp(min=1e-6)


_TABLE = 64  # cells along a side, after which the pattern repeats


def cells(count: int, size: tuple[int, int], dice: Dice) -> tuple[Tensor, Tensor, Tensor]:
    """Mosaics of cells (Worley, SIGGRAPH 1996), 4 to 48 pixels wide and turned at random.

    Returns:
        A brightness of each cell (B, 1, H, W) and a colour (B, 3, H, W), both in [-1, 1), and
        (B, 1, H, W) that is 0 on the joints between cells and 1 inside.
    """
    height, width = size
    one = (count, 1, 1)
    angle, side = dice.uniform(one, 0, math.pi), dice.log_uniform(one, 4, 48)
    aspect = dice.log_uniform(one, 1, 2.5)
    jitter = dice.uniform(one) * dice.chance(one, 0.75)  # one of four is a regular pavement
    bond = 0.5 * dice.chance(one, 0.5)  # every second row of bricks is shifted
    table = dice.uniform((count, 6, _TABLE * _TABLE), -1, 1)

    y = torch.arange(height, device=dice.device)[:, None].float()
    x = torch.arange(width, device=dice.device)[None].float()
    v = (angle.cos() * y - angle.sin() * x) / side
    u = (angle.cos() * x + angle.sin() * y) / (side * aspect)
    nearest = torch.full((count, height, width), torch.inf, device=dice.device)
    second, cell = nearest.clone(), torch.zeros_like(nearest, dtype=torch.long)
    for row in (-1, 0, 1):
        cy = v.floor() + row
        shift = bond * (cy % 2)
        for column in (-1, 0, 1):
            cx = (u - shift).floor() + column
            here = ((cy % _TABLE) * _TABLE + cx % _TABLE).long()
            dy, dx = (_pick(table[:, i], here) * 0.5 * jitter for i in (0, 1))
            # The larger coordinate makes square stones; the joint of pebbles is round enough.
            distance = torch.maximum((cy + 0.5 + dy - v).abs(), (cx + 0.5 + dx + shift - u).abs())
            closer = distance < nearest
            second = torch.where(closer, nearest, torch.minimum(second, distance))
            cell = torch.where(closer, here, cell)
            nearest = torch.where(closer, distance, nearest)
    edge = ((second - nearest) * side / dice.uniform(one, 1, 3)).clamp(0, 1)
    tone, tint = (
        _pick(table[:, 2], cell),
        torch.stack([_pick(table[:, i], cell) for i in (3, 4, 5)], 1),
    )
    return tone[:, None], tint, edge[:, None]


def _pick(table: Tensor, at: Tensor) -> Tensor:
    return table.gather(1, at.flatten(1)).view(at.shape)
