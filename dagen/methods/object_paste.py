"""Object-paste: source objects, rotated and scaled at random, pasted on unlabelled target images.

Cut, paste and learn (Dwibedi et al., ICCV 2017) with the target's own images as backgrounds: the
student sees its labelled objects in the scenes where it will have to find others, and learns the
target's ground as background. One to ``count`` objects of the batch's source images are pasted on
each target image with soft edges and contact shadows; the student learns the composite by
cross-entropy, in one forward pass.

Target images contain litter of their own, which must not be learnt as background: with
``background="teacher"`` unpasted pixels are ignored where the teacher's probability of foreground
is above ``doubt``. The default is far below one half: litter learnt as background makes the teacher
miss more litter, which is then learnt as background too. With ``doubt = 0.5`` ICNet collapsed this
way (TACO, binary, 1,200 steps, one seed: 4 per cent waste IoU, and a tenth of the pasted pixels
found); with 0.1 it reaches 21.

``decoys`` are patches in the shape of a source object, cut from another target image of the batch
(from the same one if there is no other) and labelled background: without them the student learns to
find whatever was pasted.

Deviations from the paper: places, sizes and rotations are drawn at random and not from scene
geometry; edges are softened by one filter and not by several blends for the same scene; backgrounds
are unlabelled target images, and the protection of their own objects is new. Decoys are not
protected: one that happens to be cut from litter is learnt as background, which is rare where
litter is rare.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from dagen.collective import anywhere
from dagen.errors import UsageError
from dagen.losses import cross_entropy
from dagen.methods.base import Context, Method, RunFacts, Setting
from dagen.methods.mean_teacher import teacher_of
from dagen.methods.shared import paste
from dagen.methods.shared.mixing import Objects, disturb, find_objects
from dagen.methods.shared.pseudo import source_label
from dagen.parameters import Count, Fraction, NotNegative
from dagen.types import IGNORE, Domain, Task

_UpToHalf = Annotated[float, Field(ge=0, le=0.5)]


class ObjectPaste(Method):
    """Pastes labelled source objects on unlabelled target images."""

    @dataclass(frozen=True)
    class Config:
        """Parameters; all defaults except ``doubt`` were chosen by looking at composites.

        Attributes:
            weight: factor of the loss.
            count: largest number of objects on one image, drawn uniformly from 1.
            scale: smallest and largest factor of an object's sides, log-uniform; belt objects
                are large, litter is small.
            aspect: largest ratio by which an object's sides are stretched, at least 1.
            jitter: each object's largest change of brightness and of saturation, in [0, 0.5].
            hue: each object's largest hue rotation, as a fraction of a circle, in [0, 0.5].
            repaint: probability that an object is recoloured with a random pattern of two colours,
                under its own shading.
            match: largest strength with which an object takes on the colours underneath it.
            shadow: largest darkness of the contact shadow.
            erode: pixels removed from each object's edge, where masks include some belt.
            decoys: share of pasted objects whose content is target background.
            background: label of unpasted pixels: ``all`` makes all of them background, ``teacher``
                ignores those where the teacher sees foreground.
            doubt: foreground probability of the teacher from which a pixel is ignored.
            background_weight: weight of unpasted pixels relative to pasted ones.
            disturb: strength of the colour jitter of the finished composite, in [0, 0.5].
        """

        weight: NotNegative = 1.0
        count: Count = 4
        scale: tuple[float, float] = (0.25, 1.0)
        aspect: Annotated[float, Field(ge=1, le=4)] = 1.5
        jitter: _UpToHalf = 0.3
        hue: _UpToHalf = 0.1
        repaint: Fraction = 0.0
        match: Fraction = 0.5
        shadow: Fraction = 0.5
        erode: Annotated[int, Field(ge=0, le=8)] = 1
        decoys: Fraction = 0.25
        background: Literal["all", "teacher"] = "teacher"
        doubt: Fraction = 0.1
        background_weight: NotNegative = 1.0
        disturb: _UpToHalf = 0.1

    family = "self-training"
    paper = "after Dwibedi et al., ICCV 2017"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})
    requires = ("mean-teacher",)

    @classmethod
    def refuses(cls, task: Task) -> str | None:
        """See :meth:`Method.refuses`: a background is needed."""
        return None if task.background else "there is no background to paste on"

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse factors in the wrong order or out of range."""
        low, high = config.scale
        if not 0 < low <= high <= 4:
            raise UsageError(
                f"object-paste.scale is {list(config.scale)}; give the smallest and the largest "
                "factor, above 0 and at most 4, such as [0.25, 1.0]."
            )

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config)
        names = (field.name for field in fields(paste.Look))
        self.look = paste.Look(**{name: getattr(config, name) for name in names})

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``; nothing if no source image of the whole batch shows an object."""
        objects = find_objects(source_label(ctx))
        if not anywhere(len(objects) > 0, ctx.source.image):
            return {}
        image, label, weight, pasted = self.compose(ctx, objects)
        ctx.metrics["pasted"] = pasted.float().mean()
        draws = ctx.generator("object-paste/disturb")
        out = ctx.forward(disturb(image, draws, jitter=self.config.disturb), "target")
        loss = cross_entropy(out.logits, label, pixel_weight=weight)
        return {"main": self.config.weight * loss}

    def compose(self, ctx: Context, objects: Objects) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Images (B, 3, H, W) and each pixel's label, weight and whether it is pasted (B, H, W)."""
        config, draws = self.config, ctx.generator("object-paste")
        image, other = ctx.target.image, ctx.target.image.roll(1, 0)
        label = self._background(ctx)
        everywhere = torch.zeros_like(label, dtype=torch.bool)
        weight = torch.full_like(image[:, 0], config.background_weight)
        count = torch.randint(1, config.count + 1, (len(image),), generator=draws)
        for k in range(config.count if len(objects) else 0):  # another process may have some
            chosen = paste.choose(objects, len(image), draws)
            decoy = torch.rand(len(image), generator=draws) < config.decoys
            value = objects.label[chosen].where(~decoy, 0).to(label.device)
            content = ctx.source.image[objects.image[chosen].to(label.device)]
            content = torch.where(decoy.to(label.device)[:, None, None, None], other, content)
            layer = paste.lift(content, objects, chosen, self.look, draws)
            shown = (count > k).to(image)[:, None, None, None]
            layer = paste.Layer(layer.colour * shown, layer.alpha * shown)
            layer = paste.recolour(layer, image, self.look, draws)
            image = paste.lay(layer, image, self.look, draws)
            pasted = layer.alpha[:, 0] > 0.5
            label = torch.where(pasted, value[:, None, None], label)
            weight = weight.where(~pasted, 1.0)
            everywhere |= pasted
        return image, label, weight, everywhere

    def _background(self, ctx: Context) -> Tensor:
        image = ctx.target.image
        label = torch.zeros(len(image), *image.shape[-2:], dtype=torch.int64, device=image.device)
        if self.config.background == "all":
            return label
        foreground = 1 - teacher_of(ctx).probabilities(ctx)[:, 0]
        return label.masked_fill(foreground > self.config.doubt, IGNORE)
