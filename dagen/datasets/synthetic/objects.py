"""The four families of waste, drawn from dice: cans, cartons, bottles, bags.

This module has the rotationally symmetric ones, cans and bottles, and the table of all. Every
function takes the dice and returns one upright :class:`Sprite` about 150 pixels long.
"""

from collections.abc import Callable

import numpy as np

from dagen.datasets.synthetic.folded import bag, box, sheet, wrapper
from dagen.datasets.synthetic.noise import F32, Dice, creases, fractal
from dagen.datasets.synthetic.print import INKS, WHITES, artwork, wrap
from dagen.datasets.synthetic.sprite import (
    Colour,
    Field,
    Sprite,
    band,
    blob,
    crumple,
    cut_out,
    ellipse,
    filled,
    gloss,
    mix,
    revolve,
)

METALS: tuple[Colour, ...] = ((0.80, 0.81, 0.84), (0.74, 0.72, 0.70), (0.82, 0.76, 0.55))
CLEARS: tuple[Colour, ...] = ((0.80, 0.86, 0.92), (0.72, 0.84, 0.95), (0.70, 0.88, 0.76))
DRINKS: tuple[Colour, ...] = ((0.30, 0.14, 0.05), (0.85, 0.55, 0.10), (0.75, 0.80, 0.70))


def _metal(u: F32) -> F32:
    """Brightness across a shiny cylinder: a hard highlight, a dark reflection beside it."""
    body = 0.34 + 0.5 * np.sqrt(1 - u * u)
    shine = 0.55 * gloss(u, -0.42, 0.13) + 0.28 * gloss(u, 0.55, 0.10)
    dark = 0.30 * gloss(u, -0.08, 0.13) + 0.18 * gloss(u, 0.82, 0.12)
    return np.asarray(body + shine - dark, np.float32)


def can(dice: Dice) -> Sprite:
    """A drink can or a food tin, side view, its lid seen a little from above."""
    size, top, bottom = (160, 112), 22.0, 148.0
    y = np.arange(160, dtype=np.float32)
    tin = dice.chance(0.25)
    full = dice.uniform(40, 46) if tin else 36.0
    neck = 0.0 if tin else 0.2
    taper = neck * np.clip(1 - (y - top) / 14, 0, 1) + 0.14 * np.clip((y - 140) / 8, 0, 1)
    radius = full * (1 - taper)
    if tin:
        radius += 0.8 * np.sin(y * 0.9) * (abs(y - 85) < 40)
    u, cover = revolve(np.where((y >= top) & (y <= bottom), radius, 0), size[1])
    light, metal = _metal(u), dice.pick(METALS)
    rgb = filled(metal, light)
    if not tin or dice.chance(0.6):
        bare = dice.chance(0.3)
        printed = wrap(artwork(dice, size, metal if bare else dice.pick(INKS)), u, dice.uniform())
        shade = 0.15 + 0.85 * light[..., None]
        painted = printed * shade + 0.22 * gloss(u, -0.42, 0.10)[..., None]
        above, below = (12, 12) if tin else (16, 8)
        rgb = mix(rgb, painted, band(y, top + above, bottom - below, u))
    middle, reach = (size[1] - 1) / 2, full * (1 - neck)
    lid = ellipse(size, (middle, top), (reach, 7.5))
    sunk = ellipse(size, (middle, top), (reach - 4, 5))
    hole = ellipse(size, (middle - 4, top + 1.5), (9, 2.5))
    sheen = 0.6 + 0.2 * np.sin(np.arange(size[1]) * 0.12)
    rgb = mix(rgb, filled(metal, np.full(size, 1.15)), lid)
    rgb = mix(rgb, filled(metal, np.broadcast_to(sheen, size)), sunk)
    rgb = mix(rgb, (0.05, 0.05, 0.05), 0.9 * hole)
    whole = cut_out(rgb, np.maximum(cover, lid))
    if dice.chance(0.5):
        return crumple(whole, dice, dice.uniform(0.6, 1.0), 16.0, dice.uniform(0.55, 0.95))
    return crumple(whole, dice, 0.15, 20.0)


def foil(dice: Dice) -> Sprite:
    """A ball or a sheet of aluminium foil."""
    size = (150, 150)
    shape = blob(dice, size, 52, dice.uniform(0.6, 1.0), 0.10)
    light = 0.66 + 0.30 * creases(dice, size, 15.0) + 0.22 * creases(dice, size, 7.0)
    light += 0.25 * fractal(dice, size, 50.0, 2)
    return cut_out(filled(dice.pick(METALS[:2]), np.clip(light, 0.12, 1.25)), shape)


def _profile(dice: Dice, y: F32, ribbed: bool) -> tuple[Field, float, float]:
    """A bottle's half width at every row, of its neck, and the row where its body begins."""
    full, neck, shoulder = dice.uniform(22, 30), dice.uniform(7, 9), dice.uniform(44, 66)
    swell = 0.5 - 0.5 * np.cos(np.pi * np.clip((y - 26) / (shoulder - 26), 0, 1))
    radius = neck + (full - neck) * swell - 5 * np.clip((y - 154) / 9, 0, 1) ** 2
    if ribbed:
        radius += 1.1 * np.sin(y * dice.uniform(0.5, 0.8)) * (y > shoulder + 4) * (y < 150)
        radius -= dice.uniform(0, 3) * np.exp(-(((y - 108) / 12) ** 2))
    return np.where((y >= 6) & (y <= 162), radius, 0), neck, shoulder


def _clear(dice: Dice, y: F32, u: F32) -> tuple[F32, Field]:
    """Colour and opacity of a transparent wall: bright at the rim and along the highlights."""
    rim = np.abs(u) ** 3
    streak = gloss(u, -0.55, 0.14) + 0.6 * gloss(u, 0.45, 0.10) + 0.3 * gloss(u, 0.0, 0.08)
    ribs = 0.5 + 0.5 * np.sin(y * dice.uniform(0.35, 0.7))[:, None]
    wet = 0.55 + 0.25 * rim + 0.6 * streak * (0.75 + 0.25 * ribs) + 0.08 * ribs
    rgb = filled(dice.pick(CLEARS), wet)
    alpha = np.clip(0.30 + 0.5 * rim + 0.5 * streak + 0.1 * ribs, 0, 0.97)
    if dice.chance(0.25):
        rest = band(y, dice.uniform(90, 150), 200, u)
        rgb = mix(rgb, filled(dice.pick(DRINKS), 0.6 + 0.5 * streak), 0.7 * rest)
        alpha = np.maximum(alpha, 0.85 * rest)
    return rgb, alpha


def bottle(dice: Dice) -> Sprite:
    """A plastic bottle: clear with a label and a cap, or an opaque flask."""
    size = (168, 84)
    y = np.arange(168, dtype=np.float32)
    opaque = dice.chance(0.15)
    radius, neck, shoulder = _profile(dice, y, not opaque)
    closed = (y >= 6) & (y < 20) & dice.chance(0.85)
    u, cover = revolve(np.where(closed, neck + 2.0, radius), size[1])
    bright = 0.55 + 0.45 * np.sqrt(1 - u * u) + 0.3 * gloss(u, -0.5, 0.16)
    if opaque:
        rgb = filled(dice.pick(WHITES + INKS[:7]), 0.9 * bright)
        alpha: Field = np.ones_like(u)
    else:
        rgb, alpha = _clear(dice, y, u)
    if dice.chance(0.75):
        start, span = dice.uniform(shoulder, 85), dice.uniform(22, 48)
        art = wrap(artwork(dice, size, dice.pick(INKS)), u, dice.uniform())
        label = band(y, start, start + span, u)
        rgb = mix(rgb, art * bright[..., None], label)
        alpha = np.maximum(alpha, 0.97 * label)
    cap = np.broadcast_to(closed[:, None], u.shape).astype(np.float32)
    rgb = mix(rgb, filled(dice.pick(INKS), bright * (0.85 + 0.15 * np.sin(u * 30))), cap)
    whole = cut_out(rgb, cover, np.maximum(alpha, cap))
    if opaque:
        return crumple(whole, dice, 0.1, 24.0)
    return crumple(whole, dice, dice.pick((0.12, 0.3, 0.7, 0.9)), 12.0)


FAMILIES: dict[int, tuple[tuple[Callable[[Dice], Sprite], float], ...]] = {
    1: ((can, 0.7), (can, 0.7), (can, 0.7), (foil, 0.6)),
    2: ((box, 0.95), (box, 0.95), (sheet, 1.0)),
    3: ((bottle, 1.0),),
    4: ((bag, 1.05), (bag, 1.05), (bag, 1.05), (wrapper, 0.85)),
}
"""By class id of the material task: kinds and their length relative to a bottle's."""
