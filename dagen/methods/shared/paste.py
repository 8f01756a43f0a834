"""Source objects cut out, changed and laid on target images, all images at once.

An object goes through three maps, each drawn per object: an affine one (place, size, rotation,
aspect, mirror), a linear one of its colours (brightness, contrast, saturation, hue) and one that
moves its mean and spread towards those of the ground underneath (Reinhard et al., "Color transfer
between images", 2001, in RGB and not in their Lab). Some are repainted, because few objects were
filmed on the belt and litter comes in every print (domain randomisation, Tobin et al., IROS 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dagen.methods.shared.backgrounds import colours, power_noise
from dagen.methods.shared.mixing import Objects, colour_maps
from dagen.methods.shared.pseudo import draw
from dagen.methods.shared.style import Dice


@dataclass(frozen=True)
class Look:
    """How pasted objects are changed; see the part's configuration."""

    scale: tuple[float, float]
    aspect: float
    jitter: float
    hue: float
    repaint: float
    match: float
    shadow: float
    erode: int


@dataclass(frozen=True)
class Layer:
    """One object for each image, at its final place.

    Attributes:
        colour: (B, 3, H, W), multiplied by ``alpha``.
        alpha: (B, 1, H, W) in [0, 1].
    """

    colour: Tensor
    alpha: Tensor


def choose(objects: Objects, count: int, generator: torch.Generator) -> Tensor:
    """``count`` random object numbers, (count,) int64; all classes present are equally likely."""
    weight = 1 / objects.label.bincount()[objects.label]
    return torch.multinomial(weight, count, replacement=True, generator=generator)


def lift(
    image: Tensor,
    objects: Objects,
    chosen: Tensor,
    look: Look,
    generator: torch.Generator,
) -> Layer:
    """The chosen objects on an empty canvas, moved and scaled.

    All objects of a layer share one scale, so that one average-pooled copy of the images serves
    them all (shrinking by sampling alone would alias).

    Args:
        image: (B, 3, H, W) to cut from, image b for object b.
        objects: the objects of the source images.
        chosen: (B,) numbers of objects.
        look: the ranges of the draws.
        generator: a CPU generator.
    """
    device, size = image.device, (image.shape[-2], image.shape[-1])
    own = chosen.to(device)[:, None, None] + 1
    mask = (objects.number[objects.image[chosen].to(device)] == own)[:, None].float()
    inner = mask
    for _ in range(look.erode):
        inner = -F.max_pool2d(-inner, 3, 1, 1)
    # A soft edge, as a lens draws it, that contains no belt.
    alpha = F.avg_pool2d(inner, 3, 1, 1) * mask
    cut = torch.cat([image * alpha, alpha], 1)
    low, high = (math.log(s) for s in look.scale)
    scale = math.exp(draw((1,), low, high, generator).item())
    shrink = 2 ** max(0, math.floor(-math.log2(scale)))
    cut = F.avg_pool2d(cut, shrink, ceil_mode=True) if shrink > 1 else cut
    theta = _affine(objects.centre[chosen], scale, look.aspect, size, generator).to(device)
    grid = F.affine_grid(theta, [len(theta), 4, *size], align_corners=False)
    moved = F.grid_sample(cut, grid.to(cut.dtype), align_corners=False)
    return Layer(moved[:, :3], moved[:, 3:])


def _affine(
    centre: Tensor, scale: float, aspect: float, size: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """Output to input coordinates for ``affine_grid``, (B, 2, 3); the centre may fall anywhere."""
    count = len(centre)
    half = torch.tensor([size[1] / 2, size[0] / 2])
    angle = draw((count,), 0, 2 * math.pi, generator)
    stretch = draw((count,), -math.log(aspect) / 2, math.log(aspect) / 2, generator).exp()
    mirror = torch.rand(count, generator=generator).sub(0.5).sign()
    place = draw((count, 2), -1, 1, generator) * half
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(-1, 2, 2)
    axes = torch.stack([mirror * stretch, 1 / stretch], 1) / scale
    back = axes[:, :, None] * turn
    shift = centre - (back @ place[:, :, None])[:, :, 0]
    return torch.cat([back * half / half[:, None], (shift / half)[:, :, None]], 2)


def recolour(layer: Layer, ground: Tensor, look: Look, generator: torch.Generator) -> Layer:
    """The layer with jittered colours, matched to ``ground`` (B, 3, H, W), some repainted."""
    layer = _relight(layer, ground, look, generator)
    return repaint(layer, look.repaint, generator) if look.repaint > 0 else layer


def repaint(layer: Layer, chance: float, generator: torch.Generator) -> Layer:
    """With probability ``chance`` each object gets a random pattern of two colours.

    The pattern is multiplied by the object's own shading, its grey relative to its mean grey,
    so that dents, folds and highlights stay; it is blended in by U(0.3, 1).
    """
    alpha, dice = layer.alpha, Dice(generator, layer.alpha.device)
    one, size = (len(alpha), 1, 1, 1), (alpha.shape[-2], alpha.shape[-1])
    first, second = colours((2, len(alpha)), dice, bright=0.6)
    contrast = dice.uniform(one, 0.5, 8)
    paint = torch.lerp(first, second, (contrast * power_noise(len(alpha), size, dice)).sigmoid())
    grey = (layer.colour / alpha.clamp(min=1e-3)).mean(1, keepdim=True).clamp(0, 1.5)
    mean, _ = _moments(grey, alpha)
    shading = (grey / mean.clamp(min=0.05)).clamp(max=2.5)
    strength = dice.chance(one, chance) * dice.uniform(one, 0.3, 1)
    painted = (paint * shading).clamp(0, 1) * alpha
    return Layer(torch.lerp(layer.colour, painted, strength), alpha)


def _relight(layer: Layer, ground: Tensor, look: Look, generator: torch.Generator) -> Layer:
    alpha = layer.alpha
    mixing = colour_maps(len(alpha), look.jitter, look.hue, generator).to(ground.device)
    with torch.autocast(ground.device.type, enabled=False):  # bfloat16 would lose image bits
        colour = torch.einsum("bij,bjhw->bihw", mixing, layer.colour)
    if look.match == 0:
        return Layer(colour, alpha)
    strength = draw((len(alpha), 1, 1, 1), 0, look.match, generator).to(ground.device)
    mean, spread = _moments(colour / alpha.clamp(min=1e-3), alpha)
    aim, aim_spread = _moments(ground, alpha)
    gain = 1 + strength * (aim_spread / spread.clamp(min=0.02) - 1)
    offset = mean + strength * (aim - mean) - gain * mean
    return Layer(gain * colour + offset * alpha, alpha)


def _moments(image: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean and standard deviation of each channel, (B, 3, 1, 1) both."""
    mass = weight.sum((2, 3), keepdim=True).clamp(min=1e-3)
    mean = (image * weight).sum((2, 3), keepdim=True) / mass
    variance = ((image - mean).square() * weight).sum((2, 3), keepdim=True) / mass
    return mean, variance.sqrt()


def lay(layer: Layer, ground: Tensor, look: Look, generator: torch.Generator) -> Tensor:
    """``ground`` with the layer on it and its contact shadow beneath, (B, 3, H, W) in [0, 1]."""
    if look.shadow > 0:
        dx, dy = (int(v) for v in torch.randint(-3, 4, (2,), generator=generator))
        shifted = F.pad(layer.alpha, (dx, -dx, dy, -dy))
        soft = F.avg_pool2d(F.avg_pool2d(shifted, (1, 7), 1, (0, 3)), (7, 1), 1, (3, 0))
        depth = draw((len(ground), 1, 1, 1), 0, look.shadow, generator).to(ground.device)
        ground = ground * (1 - depth * soft)
    return (ground * (1 - layer.alpha) + layer.colour).clamp(0, 1)
