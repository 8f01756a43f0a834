"""Textures: source objects on procedural grounds, so that bright no longer means waste.

On a sorting belt everything that is not black is waste, and a network that learns just this
finds litter everywhere in a photograph. With probability ``p`` this part replaces the
background of a source image by a random ground (soil, gravel, paving, grain; bright ones as
often as dark ones) strewn with stones, leaves and painted marks that are labelled background.
No target image is used. The idea is domain randomisation (Tobin et al., IROS 2017); grounds and
distractors are dagen's own.

Pasted objects are made to fit: their edges are feathered inwards, so that no belt is left around
them; they cast shadows; since transparent things look black on a black belt, the ground may shine
through the dark parts of an object; and since litter is farther from the camera than waste on a
belt, the scene and its label may be shrunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from dagen.methods.base import Context, Method
from dagen.methods.shared.backgrounds import grounds
from dagen.methods.shared.distractors import cast_shadow, strew
from dagen.methods.shared.style import Dice, dice
from dagen.parameters import Fraction, NotNegative, Steps
from dagen.types import IGNORE, Batch, Domain, Task


class Textures(Method):
    """Replaces source backgrounds by procedural grounds."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            p: probability that an image's background is replaced.
            distractors: largest number of shapes that are not waste, for each image.
            feather: width of the soft edge of objects, in pixels.
            shine: largest share of the ground's light that the darkest parts of an object let
                through; drawn for each image, uniform from 0.
            smallest: smallest scale at which objects are pasted, 1 for their own size; drawn
                for each image, log-uniform up to 1. Not tuned: 0.4 gives a geometric mean of 0.63,
                and a mean object of TACO is 0.56 (whole data set) to 0.7 (small benchmark) times as
                long as one on the belt, relative to the image.
        """

        p: Fraction = 0.5
        distractors: Steps = 6
        feather: NotNegative = 2.0
        shine: Fraction = 0.5
        smallest: Annotated[float, Field(ge=0.1, le=1)] = 0.4

    family = "generalization"
    paper = "after Tobin et al., IROS 2017"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source"})

    @classmethod
    def refuses(cls, task: Task) -> str | None:
        """See :meth:`Method.refuses`: a background is needed."""
        return None if task.background else "there is no background to replace"

    def transform(self, ctx: Context) -> Batch:
        """Source objects on new grounds. Ignored pixels keep their content."""
        source, draw = ctx.source, dice(ctx, "textures")
        assert source.label is not None
        size = (source.image.shape[-2], source.image.shape[-1])
        images, labels = list(source.image), list(source.label)
        chosen = [i for i, u in enumerate(draw.numbers(len(images))) if u < self.config.p]
        if not chosen:
            return ctx.batch
        ground = strew(grounds(len(chosen), size, draw), draw, self.config.distractors)
        for i in chosen:
            scale = self.config.smallest ** draw.numbers(1)[0]
            images[i], labels[i] = shrink(images[i], labels[i], scale, draw.numbers(2))
        image, label = torch.stack(images), torch.stack(labels)
        image[chosen] = self._paste(image[chosen], label[chosen], ground, draw)
        return replace(ctx.batch, source=replace(source, image=image, label=label))

    def _paste(self, image: Tensor, label: Tensor, ground: Tensor, draw: Dice) -> Tensor:
        known = (label != IGNORE)[:, None]
        thing = ((label > 0)[:, None] | ~known).float()
        ground = cast_shadow(ground, thing, draw).clamp(0, 1)
        solid = feather(thing, self.config.feather)
        shine = draw.uniform((len(image), 1, 1, 1), 0, self.config.shine)
        darkness = 1 - image.amax(1, keepdim=True)
        body = (image + shine * darkness * ground).clamp(0, 1)
        return torch.where(known, torch.lerp(ground, body, solid), image)


def shrink(
    image: Tensor, label: Tensor, scale: float, corner: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """A scene shrunk and placed on a black canvas of its old size.

    Args:
        image: (3, H, W).
        label: (H, W) int64; the canvas around is background.
        scale: in (0, 1].
        corner: position of the upper left corner, (down, right), each a share of the free space.
    """
    height, width = label.shape
    if scale == 1:
        return image, label
    size = (max(1, round(scale * height)), max(1, round(scale * width)))
    top, left = (round(c * (f - s)) for c, f, s in zip(corner, (height, width), size, strict=True))
    window = (slice(top, top + size[0]), slice(left, left + size[1]))
    small, ids = torch.zeros_like(image), torch.zeros_like(label)
    small[:, *window] = F.interpolate(image[None], size, mode="bilinear", antialias=True)[0]
    # Nearest on floats: interpolation has no integer kernel, and ids up to 255 are exact.
    ids[window] = F.interpolate(label[None, None].float(), size, mode="nearest-exact")[0, 0].long()
    return small, ids


def feather(mask: Tensor, width: float) -> Tensor:
    """A mask that falls to 0 within ``width`` pixels inside its own edge.

    Args:
        mask: (B, 1, H, W), 0 or 1. The image's border is not an edge.
        width: in pixels; 0 leaves the mask alone.
    """
    radius = round(width)
    if radius == 0:
        return mask
    padded = F.pad(mask, (radius,) * 4, mode="replicate")
    share = F.avg_pool2d(padded, 2 * radius + 1, 1)
    # At a straight edge half of the window is object; there the result is 0.
    return (2 * share - 1).clamp(0, 1) * mask
