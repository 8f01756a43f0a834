"""The four families of waste, each drawn new from its dice: cans, cartons, bottles, bags.

Every function takes the dice and answers one upright :class:`Sprite` about 150 pixels long.
"""

from collections.abc import Callable

import cv2
import numpy as np

from dagen.datasets._synth_noise import F32, Dice, blur, creases, fractal
from dagen.datasets._synth_sprite import (
    INKS,
    Colour,
    Sprite,
    artwork,
    blob,
    crumple,
    ellipse,
    empty,
    face,
    filled,
    gloss,
    mix,
    polygon,
    revolve,
    wrap,
)

METALS: tuple[Colour, ...] = ((0.80, 0.81, 0.84), (0.74, 0.72, 0.70), (0.82, 0.76, 0.55))
KRAFTS: tuple[Colour, ...] = ((0.68, 0.50, 0.31), (0.60, 0.43, 0.27), (0.76, 0.60, 0.42))
WHITES: tuple[Colour, ...] = ((0.93, 0.93, 0.91), (0.90, 0.88, 0.80), (0.86, 0.90, 0.95))
CLEARS: tuple[Colour, ...] = ((0.80, 0.86, 0.92), (0.72, 0.84, 0.95), (0.70, 0.88, 0.76))
FILMS: tuple[Colour, ...] = (
    (0.92, 0.93, 0.96),
    (0.82, 0.88, 0.97),
    (0.95, 0.95, 0.92),
    (0.55, 0.72, 0.93),
    (0.65, 0.88, 0.68),
    (0.97, 0.88, 0.50),
    (0.95, 0.70, 0.72),
)


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


def box(dice: Dice) -> Sprite:
    """A folding carton: front, side and top, printed or plain."""
    size = (160, 160)
    wide, tall = dice.uniform(45, 95), dice.uniform(60, 110)
    deep, rise = dice.uniform(12, 38), dice.uniform(8, 26)
    left, top = (160 - wide - deep) / 2, (160 - tall + rise) / 2
    right, bottom = left + wide, top + tall
    kraft = dice.chance(0.4)
    base = dice.pick(KRAFTS) if kraft else dice.pick(WHITES + INKS[:6])
    front = artwork(dice, (150, 110), base)
    if kraft and dice.chance(0.5):
        front = filled(base, np.ones((150, 110), np.float32))
    side = front[:, ::-1] if dice.chance(0.5) else filled(base, np.ones((150, 110), np.float32))
    sides = [
        (front, [(left, top), (right, top), (right, bottom), (left, bottom)], 0.95),
        (
            np.ascontiguousarray(side),
            [
                (right, top),
                (right + deep, top - rise),
                (right + deep, bottom - rise),
                (right, bottom),
            ],
            0.62,
        ),
        (
            filled(base, np.ones((20, 20), np.float32)),
            [(left, top), (left + deep, top - rise), (right + deep, top - rise), (right, top)],
            1.12,
        ),
    ]
    rgb, mask = empty(*size), np.zeros(size, np.float32)
    for art, corners, shade in sides:
        picture, cover = face(art, np.array(corners, np.float32), size)
        rgb = mix(rgb, picture * np.float32(shade), cover)
        mask = np.maximum(mask, cover)
    rgb = rgb * (1 + 0.06 * fractal(dice, size, 8.0, 3))[..., None]
    return crumple(Sprite(np.clip(rgb, 0, 1), mask, mask), dice, dice.uniform(0.05, 0.35), 30.0)


def sheet(dice: Dice) -> Sprite:
    """A flattened carton with flaps, or a sheet of printed paper, folded once or twice."""
    size = (160, 160)
    half_w, half_h = dice.uniform(32, 58), dice.uniform(45, 66)
    corners = [(-half_w, -half_h), (half_w, -half_h), (half_w, half_h), (-half_w, half_h)]
    points = np.array(corners, np.float32) + 80 + dice.uniforms((4, 2), -7, 7)
    board = dice.chance(0.5)
    base = dice.pick(KRAFTS) if board else dice.pick(WHITES)
    rgb, mask = face(artwork(dice, (150, 120), base), points, size)
    if board:
        plain = filled(base, 1 + 0.05 * np.sin(np.mgrid[0:160, 0:160][1] * 1.6).astype(np.float32))
        rgb = mix(rgb, plain, np.full(size, dice.uniform(0.2, 1.0), np.float32))
        if dice.chance(0.6):
            flap = np.array(
                [(80 - half_w, 80), (80 - half_w - 18, 90), (80 - half_w, 125)], np.float32
            )
            mask = np.maximum(mask, polygon(size, flap))
    rows, columns = np.mgrid[0:160, 0:160].astype(np.float32)
    for _ in range(dice.integer(1, 4)):
        angle, shift = dice.uniform(0, np.pi), dice.uniform(-30, 30)
        away = (columns - 80) * np.cos(angle) + (rows - 80) * np.sin(angle) - shift
        crease = 0.20 * np.exp(-((away / 1.2) ** 2)) + 0.09 * np.tanh(away / 6)
        rgb = rgb * (1 - crease)[..., None]
    rough = dice.uniform(0.1, 0.3) if board else dice.pick((0.15, 0.3, 0.75))
    return crumple(Sprite(np.clip(rgb, 0, 1).astype(np.float32), mask, mask), dice, rough, 18.0)


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


def _gathered(dice: Dice, size: tuple[int, int]) -> F32:
    """Folds that run from a knot to the rim, (H, W) in about -1 to 1.

    Noise is read along a circle, at the direction in which a pixel lies from the knot: the
    same all along a fold, and without a seam.
    """
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    y -= size[0] * np.float32(dice.uniform(0.3, 0.6))
    x -= size[1] * np.float32(dice.uniform(0.35, 0.65))
    away = np.hypot(x, y) + 1
    circle = fractal(dice, (160, 160), 13.0, 3, 0.6)
    return np.asarray(
        cv2.remap(
            circle, 80 + 55 * x / away + 0.2 * x, 80 + 55 * y / away + 0.2 * y, cv2.INTER_LINEAR
        ),
        np.float32,
    )


def bag(dice: Dice) -> Sprite:
    """A thin plastic bag: a crumpled film, or a carrier bag with its two handles."""
    size = (160, 160)
    if dice.chance(0.4):
        outline = np.array(
            [
                (48, 60),
                (50, 14),
                (60, 12),
                (64, 52),
                (96, 52),
                (100, 12),
                (110, 14),
                (112, 60),
                (122, 108),
                (118, 150),
                (80, 146),
                (42, 150),
                (38, 108),
            ],
            np.float32,
        )
        shape = polygon(size, outline + dice.uniforms(outline.shape, -6, 6))
        drape = fractal(dice, size, (90.0, 11.0), 3, 0.6)
    else:
        shape = blob(dice, size, 54, dice.uniform(0.6, 1.0), 0.15)
        drape = _gathered(dice, size)
    folds = creases(dice, size, dice.uniform(9, 18))
    shine = np.clip(0.5 * folds + 1.6 * drape - 0.25, 0, 1)
    light = 0.70 + 0.35 * drape + 0.13 * folds + 0.5 * shine
    edge = np.clip(shape - blur(shape, 3.0), 0, 1)
    thick = dice.uniform(0.35, 0.75)
    alpha = shape * np.clip(
        thick + 0.10 * folds + 0.3 * drape + 0.5 * shine + 0.5 * edge, 0.2, 0.98
    )
    rgb = filled(dice.pick(FILMS), np.clip(light, 0.1, 1.3).astype(np.float32))
    if dice.chance(0.35):
        ink = np.abs(artwork(dice, size, (1.0, 1.0, 1.0)) - 1).max(axis=2)
        tint = polygon(size, np.array([(55, 75), (105, 75), (105, 115), (55, 115)], np.float32))
        rgb = mix(rgb, filled(dice.pick(INKS[:6]), light), (ink * tint * 0.8).astype(np.float32))
        alpha = np.maximum(alpha, shape * ink * tint * 0.85)
    whole = Sprite(np.clip(rgb, 0, 1).astype(np.float32), alpha.astype(np.float32), shape)
    return crumple(whole, dice, 0.35, 20.0)


def wrapper(dice: Dice) -> Sprite:
    """A crisp packet or a sweet wrapper: printed film with crimped ends and a hard gloss."""
    size = (160, 130)
    half = dice.uniform(28, 48)
    teeth = np.arange(65 - half, 65 + half, 4, dtype=np.float32)
    zigzag = 2.0 * (np.arange(len(teeth)) % 2)
    top = np.stack([teeth, 14 + zigzag], 1)
    outline = np.concatenate([top, np.stack([teeth, 146 - zigzag], 1)[::-1]]).astype(np.float32)
    mask = polygon(size, outline)
    rows, columns = np.mgrid[0:160, 0:130].astype(np.float32)
    puffed = 0.75 + 0.25 * np.cos((columns - 65) / half * 1.3) - 0.10 * (np.abs(rows - 80) > 52)
    crimp = 1 + 0.14 * np.sin(columns * 1.5) * (np.abs(rows - 80) > 54)
    shine = np.clip(fractal(dice, size, (45.0, 12.0), 3) * 2 - 0.25, 0, 1) ** 1.5
    art = artwork(dice, size, dice.pick(INKS[:7]))
    rgb = art * (puffed * crimp)[..., None] + 0.75 * shine[..., None]
    whole = Sprite(np.clip(rgb, 0, 1).astype(np.float32), mask, mask)
    return crumple(whole, dice, dice.uniform(0.3, 0.8), 13.0)


FAMILIES: dict[int, tuple[tuple[Callable[[Dice], Sprite], float], ...]] = {
    1: ((can, 0.7), (can, 0.7), (can, 0.7), (foil, 0.6)),
    2: ((box, 0.95), (box, 0.95), (sheet, 1.0)),
    3: ((bottle, 1.0),),
    4: ((bag, 1.05), (bag, 1.05), (wrapper, 0.85)),
}
"""By class id of the material task: its kinds and their length against a bottle's."""
