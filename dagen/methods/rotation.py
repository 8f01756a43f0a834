"""Rotation: pre-trains a network to tell how an image is turned (Gidaris et al., ICLR 2018).

RotNet: each image is turned by 0, 90, 180 and 270 degrees, and a linear classifier on the network's
average features says which it was. Whoever knows how things usually stand knows what they are. No
label is read, and no augmentation may turn images over. ``dagen pretrain --method rotation`` makes
a start for other runs; its head is not taken. With ``--tgt`` it learns from the images of both
domains, without from those of ``--src`` alone, whose labels are not opened.

The classifier sees two places: the encoder's deepest map, and the features before the network's
head, so that the decoder starts as well.

Deviations: the paper has one classifier, of several layers, on a feature map; it turns whole images
of a square size, here a square is cut from each training crop at random.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.errors import UsageError
from dagen.methods.base import Context, Method, RunFacts, Setting
from dagen.ops import evaluating, outputs_of
from dagen.parameters import Positive
from dagen.types import Domain, SegOut

Place = Literal["encoder", "last"]
_TURNS = 4


class Rotation(Method):
    """Learns to tell rotations."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            places: where a classifier stands: on the ``encoder``'s deepest map, and on the ``last``
                features before the head.
            learning_rate: AdamW's peak rate for the classifiers.
        """

        places: Annotated[tuple[Place, ...], Field(min_length=1)] = ("encoder", "last")
        learning_rate: Positive = 2e-3

    family = "pre-training"
    paper = "Gidaris et al., ICLR 2018"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})
    pretrains: ClassVar[bool] = True
    upright: ClassVar[bool] = True

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        """Look at the network's maps and build the classifiers.

        Raises:
            UsageError: the network names no map of its encoder.
        """
        super().__init__(student, setting, config)
        self.names: tuple[str, ...] = getattr(student, "encoder_maps", ())[-1:]
        if "encoder" in config.places and not self.names:
            raise UsageError(
                f"{type(student).__name__} names no encoder maps; set rotation.places to ['last']."
            )
        self.side = min(setting.size)
        with torch.no_grad(), evaluating(student), outputs_of(student, self.names) as found:
            out: SegOut = student(torch.zeros(1, 3, self.side, self.side))
        self.classifiers = nn.ModuleDict(
            {place: nn.Linear(x.shape[1], _TURNS) for place, x in self._maps(found, out).items()}
        )
        self.optimizer = torch.optim.AdamW(self.classifiers.parameters(), lr=config.learning_rate)

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse a place that is named twice."""
        if len(set(config.places)) < len(config.places):
            raise UsageError(f"rotation.places is {list(config.places)}; name each once.")

    def optimizers(self) -> Iterable[torch.optim.Optimizer]:
        """One AdamW for the classifiers."""
        return (self.optimizer,)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """The cross-entropy of each place, by its name.

        Logs ``accuracy`` and the place's name, in [0, 1]; chance is 0.25.
        """
        square = self._squares(ctx)
        turned = torch.cat([torch.rot90(square, k, (2, 3)) for k in range(_TURNS)])
        truth = torch.arange(_TURNS, device=square.device).repeat_interleave(len(square))
        with outputs_of(ctx.student, self.names) as found:
            out = ctx.forward(turned, "target")
        # Head and auxiliary heads learn nothing, but have gradients, which DDP waits for.
        idle = 0.0 * sum(x.float().sum() for x in (out.logits, out.features, *out.aux))
        terms = {}
        for place, x in self._maps(found, out).items():
            scores = self.classifiers[place](x.mean((2, 3))).float()
            terms[place] = F.cross_entropy(scores, truth) / len(self.config.places) + idle
            ctx.metrics[f"accuracy_{place}"] = (scores.argmax(1) == truth).float().mean()
        return terms

    def _squares(self, ctx: Context) -> Tensor:
        """A square of each image, at the same random place along its longer side."""
        image = ctx.target.image
        spare = [image.shape[2] - self.side, image.shape[3] - self.side]
        draw = ctx.generator("rotation")
        top, left = (int(torch.randint(n + 1, (1,), generator=draw)) for n in spare)
        return image[:, :, top : top + self.side, left : left + self.side]

    def _maps(self, found: dict[str, Tensor], out: SegOut) -> dict[str, Tensor]:
        """The map of each place, (B, D, h, w)."""
        own = {"last": out.features}
        if self.names:
            own["encoder"] = found[self.names[0]]
        return {place: own[place] for place in self.config.places}
