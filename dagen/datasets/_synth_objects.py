"""The four families of waste, each drawn new from its dice: cans, cartons, bottles, bags.

Here are those of a turned shape, cans and bottles, and the table of all. Every function takes
the dice and answers one upright :class:`Sprite` about 150 pixels long.
"""

from collections.abc import Callable

import numpy as np

from dagen.datasets._synth_folded import bag, box, sheet, wrapper
from dagen.datasets._synth_noise import F32, Dice, creases, fractal
from dagen.datasets._synth_sprite import (
    INKS, WHITES,
    Colour,
    Sprite,
    artwork,
    blob,
    crumple,
    ellipse,
    filled,
    gloss,
    mix,
    revolve,
    wrap,
)

METALS: tuple[Colour, ...] = ((0.80, 0.81, 0.84), (0.74, 0.72, 0.70), (0.82, 0.76, 0.55))
CLEARS: tuple[Colour, ...] = ((0.80, 0.86, 0.92), (0.72, 0.84, 0.95), (0.70, 0.88, 0.76))


def _metal(u: F32) -> F32:
    """Brightness across a shiny cylinder: a hard highlight, a dark reflection beside it."""
    body = 0.34 + 0.5 * np.sqrt(np.clip(1 - u * u, 0, 1))
    shine = 0.55 * gloss(u, -0.42, 0.13) + 0.28 * gloss(u, 0.55, 0.10)
    dark = 0.30 * gloss(u, -0.08, 0.13) + 0.18 * gloss(u, 0.82, 0.12)
    return (body + shine - dark).astype(np.float32)


def can(dice: Dice) -> Sprite:
    """A drink can or a food tin, side view, its lid seen a little from above."""
    height, width, top, bottom = 160, 112, 22.0, 148.0
    y = np.arange(height, dtype=np.float32)
    tin = dice.chance(0.25)
    full = 36.0 if not tin else dice.uniform(40, 46)
    neck = 0.0 if tin else 0.2
    radius = full * (
        1 - neck * np.clip(1 - (y - top) / 14, 0, 1) - 0.14 * np.clip((y - 140) / 8, 0, 1)
    )
    if tin:
        radius += 0.8 * np.sin(y * 0.9) * (abs(y - 85) < 40)
    radius = np.where((y >= top) & (y <= bottom), radius, 0).astype(np.float32)
    u, cover = revolve(radius, width)
    light, metal = _metal(u), dice.pick(METALS)
    rgb = filled(metal, light)
    if not tin or dice.chance(0.6):
        base = metal if dice.chance(0.15) else dice.pick(INKS)
        printed = wrap(artwork(dice, (height, width), base), u, dice.uniform())
        painted = (
            printed * (0.15 + 0.85 * light[..., None]) + 0.22 * gloss(u, -0.42, 0.10)[..., None]
        )
        rim = (16, 8) if not tin else (12, 12)
        where = np.clip(y - top - rim[0], 0, 1) * np.clip(bottom - rim[1] - y, 0, 1)
        rgb = mix(rgb, painted.astype(np.float32), np.broadcast_to(where[:, None], cover.shape))
    lid_radius = float(full * (1 - neck))
    middle = (width - 1) / 2
    lid = ellipse((height, width), (middle, top), (lid_radius, 7.5))
    inner = ellipse((height, width), (middle, top), (lid_radius - 4, 5))
    hole = ellipse((height, width), (middle - 4, top + 1.5), (9, 2.5))
    sheen = np.broadcast_to((0.75 + 0.25 * np.sin(np.arange(width) * 0.12))[None], cover.shape)
    rgb = mix(rgb, filled(metal, 1.15 * np.ones_like(cover)), lid)
    rgb = mix(rgb, filled(metal, sheen.astype(np.float32) * 0.8), inner)
    rgb = mix(rgb, (0.05, 0.05, 0.05), hole * np.float32(0.9))
    mask = np.maximum(cover, lid)
    whole = Sprite(np.clip(rgb, 0, 1), mask, mask)
    if dice.chance(0.5):
        return crumple(whole, dice, dice.uniform(0.6, 1.0), 16.0, dice.uniform(0.55, 0.95))
    return crumple(whole, dice, 0.15, 20.0)


def foil(dice: Dice) -> Sprite:
    """A ball or a sheet of aluminium foil."""
    size = (150, 150)
    shape = blob(dice, size, 52, dice.uniform(0.6, 1.0), 0.10)
    light = 0.66 + 0.30 * creases(dice, size, 15.0) + 0.22 * creases(dice, size, 7.0)
    light += 0.25 * fractal(dice, size, 50.0, 2)
    rgb = filled(dice.pick(METALS[:2]), np.clip(light, 0.12, 1.25).astype(np.float32))
    return Sprite(np.clip(rgb, 0, 1), shape, shape)


def bottle(dice: Dice) -> Sprite:
    """A plastic bottle: clear with a label and a cap, or an opaque flask."""
    height, width = 168, 84
    y = np.arange(height, dtype=np.float32)
    full, neck, shoulder = dice.uniform(22, 30), dice.uniform(7, 9), dice.uniform(44, 66)
    swell = 0.5 - 0.5 * np.cos(np.pi * np.clip((y - 26) / (shoulder - 26), 0, 1))
    radius = neck + (full - neck) * swell
    opaque = dice.chance(0.2)
    if not opaque:
        radius += 1.1 * np.sin(y * dice.uniform(0.5, 0.8)) * (y > shoulder + 4) * (y < 150)
        radius -= dice.uniform(0, 3) * np.exp(-(((y - 108) / 12) ** 2))
    radius -= 5 * np.clip((y - 154) / 9, 0, 1) ** 2
    radius = np.where((y >= 6) & (y <= 162), radius, 0)
    cap = (y >= 6) & (y < 20) & dice.chance(0.85)
    radius = np.where(cap, neck + 2.0, radius).astype(np.float32)
    u, cover = revolve(radius, width)
    rim = np.abs(u) ** 3
    streak = gloss(u, -0.55, 0.14) + 0.6 * gloss(u, 0.45, 0.10) + 0.3 * gloss(u, 0.0, 0.08)
    ribs = 0.5 + 0.5 * np.sin(y * dice.uniform(0.35, 0.7))[:, None]
    if opaque:
        tone = 0.45 + 0.55 * np.sqrt(1 - u * u)
        rgb = filled(dice.pick(WHITES + INKS[:7]), tone) + 0.35 * gloss(u, -0.5, 0.15)[..., None]
        alpha = cover
    else:
        wet = 0.55 + 0.25 * rim + 0.6 * streak * (0.75 + 0.25 * ribs) + 0.08 * ribs
        rgb = filled(dice.pick(CLEARS), wet.astype(np.float32))
        alpha = cover * np.clip(0.30 + 0.5 * rim + 0.5 * streak + 0.1 * ribs, 0, 0.97)
        if dice.chance(0.25):
            level = np.broadcast_to(np.clip(y - dice.uniform(90, 150), 0, 1)[:, None], u.shape)
            drink = dice.pick(((0.30, 0.14, 0.05), (0.85, 0.55, 0.10), (0.75, 0.80, 0.70)))
            rgb = mix(rgb, filled(drink, 0.6 + 0.5 * streak), (level * 0.7).astype(np.float32))
            alpha = np.maximum(alpha, cover * level * 0.85)
    bright = (0.55 + 0.45 * np.sqrt(1 - u * u) + 0.3 * gloss(u, -0.5, 0.16)).astype(np.float32)
    if dice.chance(0.75):
        start, span = dice.uniform(shoulder, 85), dice.uniform(22, 48)
        art = wrap(artwork(dice, (height, width), dice.pick(INKS)), u, dice.uniform())
        rows = np.clip(y - start, 0, 1) * np.clip(start + span - y, 0, 1)
        band = np.broadcast_to(rows[:, None], u.shape).astype(np.float32)
        rgb = mix(rgb, art * bright[..., None], band)
        alpha = np.maximum(alpha, cover * band * 0.97)
    lid = np.broadcast_to(cap[:, None], u.shape).astype(np.float32)
    ridged = bright * (0.85 + 0.15 * np.sin(u * 30))
    rgb = mix(rgb, filled(dice.pick(INKS), ridged.astype(np.float32)), lid)
    alpha = np.maximum(alpha, cover * lid)
    whole = Sprite(np.clip(rgb, 0, 1).astype(np.float32), alpha.astype(np.float32), cover)
    if opaque:
        return crumple(whole, dice, 0.1, 24.0)
    return crumple(whole, dice, dice.pick((0.12, 0.3, 0.7, 0.9)), 12.0)


FAMILIES: dict[int, tuple[tuple[Callable[[Dice], Sprite], float], ...]] = {
    1: ((can, 0.7), (can, 0.7), (can, 0.7), (foil, 0.6)),
    2: ((box, 0.95), (box, 0.95), (sheet, 1.0)),
    3: ((bottle, 1.0),),
    4: ((bag, 1.05), (bag, 1.05), (wrapper, 0.85)),
}
"""By class id of the material task: its kinds and their length against a bottle's."""
