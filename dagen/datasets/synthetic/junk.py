"""Objects on natural ground besides the four families of waste.

*Junk* is waste of no family (TACO's cigarettes, glass, cups ...): ignored under the material task,
waste under the binary one. *Nature* is not waste, but just as bright and sharp.
"""

from collections.abc import Callable

import numpy as np

from dagen.datasets.synthetic.grounds import FOLIAGE, leaf_outlines
from dagen.datasets.synthetic.noise import F32, Dice, fractal, relief
from dagen.datasets.synthetic.print import INKS
from dagen.datasets.synthetic.sprite import (
    Colour,
    Sprite,
    band,
    blob,
    cut_out,
    ellipse,
    filled,
    gloss,
    mix,
    polygon,
    revolve,
)


def _round(u: F32) -> F32:
    """Brightness across a matt cylinder."""
    return np.asarray(0.45 + 0.55 * np.sqrt(1 - u * u), np.float32)


def cigarette(dice: Dice) -> Sprite:
    """A stub: cork filter, white paper, burnt end."""
    y = np.arange(64, dtype=np.float32)
    burnt = dice.uniform(34, 58)
    u, mask = revolve(np.where((y > 3) & (y < burnt + 3), 7.0, 0).astype(np.float32), 24)
    rgb = filled((0.93, 0.92, 0.88), _round(u))
    speckle = 1 + 0.25 * fractal(dice, (64, 24), 4.0, 2)
    rgb = mix(rgb, filled((0.82, 0.52, 0.22), _round(u) * speckle), band(y, 0, 26, u))
    rgb = mix(rgb, filled((0.16, 0.14, 0.13), _round(u)), band(y, burnt - 2, 64, u))
    return cut_out(rgb, mask)


def lid(dice: Dice) -> Sprite:
    """A plastic bottle cap from above, with its ridges."""
    size = (48, 48)
    rows, columns = np.mgrid[0:48, 0:48].astype(np.float32) - 24
    angle = np.arctan2(rows, columns)
    ridges = 1 + 0.18 * np.sin(angle * 26) * (np.hypot(rows, columns) > 15)
    mask = ellipse(size, (24, 24), (21, 21))
    inner = ellipse(size, (24, 24), (15, 15))
    shade = ridges * (0.85 + 0.12 * np.cos(angle - 2)) * (1 + 0.15 * inner)
    rgb = np.clip(filled(dice.pick(INKS), shade.astype(np.float32)), 0, 1)
    return cut_out(rgb, mask)


def cup(dice: Dice) -> Sprite:
    """A foam or plastic cup with a lid, its wall printed in one band."""
    y = np.arange(110, dtype=np.float32)
    slope = 34 - (y - 10) * 0.11
    u, mask = revolve(
        np.where((y > 6) & (y < 104), slope + 2.5 * (y < 18), 0).astype(np.float32), 84
    )
    wall: Colour = dice.pick(((0.92, 0.91, 0.88), (0.85, 0.20, 0.15), (0.85, 0.89, 0.92)))
    light = _round(u) + 0.12 * gloss(u, -0.5, 0.2)
    rgb = filled(wall, light)
    rgb = mix(rgb, filled(dice.pick(INKS), light), band(y, 45, dice.uniform(60, 84), u))
    rgb = mix(rgb, filled((0.95, 0.95, 0.95), light), band(y, 0, 18, u))
    return cut_out(rgb, mask)


def glass(dice: Dice) -> Sprite:
    """A beer bottle of brown or green glass."""
    y = np.arange(150, dtype=np.float32)
    body = 9 + 15 * (0.5 - 0.5 * np.cos(np.pi * np.clip((y - 44) / 26, 0, 1)))
    u, mask = revolve(np.where((y > 4) & (y < 146), body, 0).astype(np.float32), 64)
    tint: Colour = dice.pick(((0.30, 0.15, 0.05), (0.08, 0.26, 0.12), (0.12, 0.20, 0.08)))
    rgb = filled(tint, 0.5 + 0.7 * np.abs(u)) + 0.8 * gloss(u, -0.5, 0.08)[..., None]
    if dice.chance(0.6):
        rgb = mix(rgb, filled(dice.pick(INKS), _round(u)), band(y, 82, 122, u))
    return cut_out(rgb, mask, np.full_like(mask, 0.95))


def straw(dice: Dice) -> Sprite:
    """A striped drinking straw."""
    y = np.arange(120, dtype=np.float32)
    u, mask = revolve(np.where((y > 2) & (y < 118), 3.2, 0).astype(np.float32), 14)
    stripes = (np.sin((y[:, None] + 4 * u) * 0.7) > 0.2).astype(np.float32)
    rgb = mix(filled((0.94, 0.94, 0.92), _round(u)), filled(dice.pick(INKS), _round(u)), stripes)
    return cut_out(rgb, mask)


def stone(dice: Dice) -> Sprite:
    """A single stone, often a bright one."""
    size = (80, 80)
    mask = blob(dice, size, 28, dice.uniform(0.55, 0.95), 0.10)
    rows, columns = np.mgrid[-1:1:80j, -1:1:80j]
    dome = 30 * np.sqrt(np.clip(1.1 - rows**2 - columns**2, 0.02, 1))
    lit = relief((dome + 2.5 * fractal(dice, size, 12.0, 4)).astype(np.float32), 2.2, 0.5)
    grey = dice.uniform(0.45, 0.95)
    rgb = filled((grey, grey * dice.uniform(0.92, 1.0), grey * dice.uniform(0.82, 1.02)), lit)
    return cut_out(rgb, mask)


def twig(dice: Dice) -> Sprite:
    """A dry twig with a fork."""
    size = (100, 100)
    t = np.linspace(0, 1, 8, dtype=np.float32)
    x = 50 + 6 * np.sin(t * dice.uniform(2, 6) + dice.uniform(0, 6))
    y = 4 + 92 * t
    wide = 1.0 + 2.0 * t
    stem = np.concatenate([np.stack([x - wide, y], 1), np.stack([x + wide, y], 1)[::-1]])
    side = dice.sign()
    fork = np.array([(50, 50), (50 + side * 26, 18), (50 + side * 28, 19), (52, 56)], np.float32)
    mask = np.maximum(polygon(size, stem.astype(np.float32)), polygon(size, fork))
    bark = 0.8 + 0.5 * fractal(dice, size, (3.0, 9.0), 2)
    colour: Colour = dice.pick(((0.36, 0.25, 0.16), (0.62, 0.55, 0.44), (0.20, 0.15, 0.11)))
    return cut_out(filled(colour, bark), mask)


def leaf(dice: Dice) -> Sprite:
    """One leaf, fallen onto whatever is there."""
    size = (80, 80)
    outline = leaf_outlines(dice, np.full((1, 2), 40, np.float32), 64.0)[0]
    mask = polygon(size, outline)
    rib = polygon(size, np.stack([outline[0], outline[8], outline[8] + 1.5, outline[0] + 1.5]))
    shade = 1 + 0.35 * fractal(dice, size, 14.0, 3) + 0.25 * rib
    rgb = filled(dice.pick(dice.pick(FOLIAGE)), shade.astype(np.float32))
    return cut_out(rgb * 1.15, mask)


def splash(dice: Dice) -> Sprite:
    """A bright spot: chalk, a petal, a dropping, a fleck of sun."""
    size = (60, 60)
    mask = blob(dice, size, 20, dice.uniform(0.5, 1.0), 0.3)
    colour: Colour = dice.pick(((0.95, 0.95, 0.92), (0.96, 0.90, 0.62), (0.92, 0.80, 0.90)))
    rgb = filled(colour, 0.95 + 0.15 * fractal(dice, size, 10.0, 3))
    return cut_out(rgb, mask, np.full_like(mask, 0.85))


JUNK: tuple[tuple[Callable[[Dice], Sprite], float], ...] = (
    (cigarette, 0.24),
    (cigarette, 0.24),
    (lid, 0.2),
    (cup, 0.55),
    (glass, 0.95),
    (straw, 0.7),
)
"""Kinds and their length relative to a bottle's."""

NATURE: tuple[tuple[Callable[[Dice], Sprite], float], ...] = (
    (stone, 0.45),
    (twig, 0.9),
    (leaf, 0.5),
    (splash, 0.3),
)
"""Kinds and their length relative to a bottle's."""
