"""Bright, crisp things that are not waste: stones, leaves, drain covers, painted marks."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from dagen.methods.shared.backgrounds import colours, power_noise
from dagen.methods.shared.style import Dice


def strew(ground: Tensor, dice: Dice, most: int) -> Tensor:
    """Lay 0 to ``most`` random shapes on each ground, each with texture, shading and shadow.

    Args:
        ground: (B, 3, H, W).
        dice: source of all random draws.
        most: largest number of shapes on one image.
    """
    count, _, height, width = ground.shape
    one = (count, 1, 1, 1)
    number = dice.uniform(one, 0, most + 1).floor()
    grain = power_noise(count, (height, width), dice)
    for k in range(most):
        inside, shade = _shape(count, (height, width), dice)
        inside = inside * (number > k)
        colour = colours((count,), dice, bright=0.4)
        other = colours((count,), dice, bright=0.6)
        offset = int(dice.numbers(1, 0, width)[0])  # another part of the grain for each shape
        pattern = dice.uniform(one, 0, 0.7) * (2 * grain.roll(offset, 3)).sigmoid()
        body = torch.lerp(colour, other, pattern) * (1 + dice.uniform(one, -0.5, 0.5) * shade)
        ground = cast_shadow(ground, inside, dice)
        ground = torch.lerp(ground, body, inside)
    return ground


def cast_shadow(ground: Tensor, inside: Tensor, dice: Dice) -> Tensor:
    """Darken the ground beside things by up to 60 %.

    Args:
        ground: (B, 3, H, W).
        inside: (B, 1, H, W), 1 where a thing lies; all shadows of a call fall the same way, a
            thirtieth of the image away at most.
        dice: source of all random draws.
    """
    far = max(ground.shape[-2:]) / 30
    down, right = (round(v) for v in dice.numbers(2, -far, far))
    cast = F.avg_pool2d(inside, 5, 1, 2).roll((down, right), (2, 3))
    return ground * (1 - dice.uniform((len(ground), 1, 1, 1), 0, 0.6) * cast)


def _shape(count: int, size: tuple[int, int], dice: Dice) -> tuple[Tensor, Tensor]:
    """One star-shaped thing in each image: a polygon, or a circle with waves on its outline.

    Returns:
        (B, 1, H, W) 1 inside and 0 outside, soft over a pixel or two, and its shading in [-1, 1],
        one side light and the other dark.
    """
    height, width = size
    one = (count, 1, 1, 1)
    y = torch.arange(height, device=dice.device)[:, None] - dice.uniform(one, 0, height)
    x = torch.arange(width, device=dice.device)[None] - dice.uniform(one, 0, width)
    turn = dice.uniform(one, 0, 2 * math.pi)
    radius = dice.log_uniform(one, 0.015, 0.15) * max(size)
    slim = dice.log_uniform(one, 1, 4)
    along = (turn.cos() * x + turn.sin() * y) / slim.sqrt()
    across = (turn.cos() * y - turn.sin() * x) * slim.sqrt()
    distance = (along.square() + across.square()).sqrt()
    angle = torch.atan2(across, along)
    corners = dice.uniform(one, 3, 8).floor()
    sector = 2 * math.pi / corners
    polygon = (sector / 2).cos() / (angle.remainder(sector) - sector / 2).cos()
    waves = torch.ones_like(angle)
    for k in range(2, 6):
        strength = dice.uniform(one, 0, 0.5 / k)
        waves = waves + strength * (k * angle + dice.uniform(one, 0, 2 * math.pi)).cos()
    outline = radius * torch.lerp(waves, polygon, dice.chance(one, 0.5))
    inside = ((outline - distance) / dice.uniform(one, 0.5, 2)).sigmoid()
    lit = dice.uniform(one, 0, 2 * math.pi)
    shade = (lit.cos() * along + lit.sin() * across) / outline.clamp(min=1)
    return inside, shade.clamp(-1, 1)
