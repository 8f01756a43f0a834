"""Features: pre-trains a network on a pretrained encoder's features (Romero et al., ICLR 2015).

A start for other runs (``dagen pretrain``), without a label: the network learns to answer what an
ImageNet encoder answers about unlabelled images of both domains, half of them from each. Small
networks collapse under self-supervision and learn from a teacher's features (Fang et al., ICLR
2021), hence this and no contrast of views.

The teacher's maps at strides 8 and 16, standardised by channel, are compared with the student's
at two places: in the encoder, where the deepest map that is at least as fine is taken, and before
the classifier, so that the decoder starts as well. Both are averaged to the coarser grid, and 1x1
convolutions, which are thrown away, give the student's the teacher's channels. Two terms, each with
convolutions of its own:

* regression: the squared error (FitNets' hints);
* similarity: the KL divergence between the rows of the two self-similarity matrices.

Regression before the classifier is what was tried first (by hand, one seed, 105 photographs, 600
such steps and 600 with a teacher's maps): BiSeNet had 28.1 % waste IoU, where 900 steps from
scratch gave 12.4; ENet 31.1, where 1,200 gave 32.2. The head does not learn: ``--init`` leaves it
out.

Deviations: FitNets learns one hint of one layer, then the task; the teacher's rows here are of
ImageNet features at two strides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from dagen.errors import UsageError
from dagen.methods._asked import by_stride
from dagen.methods.base import Context, Method, RunFacts, Setting
from dagen.methods.shared.soft.affinity import on_one_grid
from dagen.methods.shared.soft.regression import regression, standardised
from dagen.methods.shared.soft.similarity import similarity
from dagen.ops import evaluating, outputs_of
from dagen.parameters import Count, NotNegative, Positive
from dagen.types import Domain, SegOut

Place = Literal["encoder", "last"]


class Features(Method):
    """Learns a pretrained encoder's features."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            teacher: a network with a pretrained encoder (``lite``, ``bisenet-resnet18``), a run
                (its name, its folder or ``run:NAME``), or a deployed file.
            strides: the teacher's maps that are learnt, by their stride.
            places: where the student learns them: in its ``encoder``, and in the ``last`` features
                before the classifier.
            regression: factor of the squared error.
            similarity: factor of the self-similarity's KL divergence (lightly-train: 1).
            temperature: its temperature (lightly-train: 0.07).
            learning_rate: AdamW's peak rate for the 1x1 convolutions.
        """

        teacher: str = "lite"
        strides: Annotated[tuple[Count, ...], Field(min_length=1)] = (8, 16)
        places: Annotated[tuple[Place, ...], Field(min_length=1)] = ("encoder", "last")
        regression: NotNegative = 1.0
        similarity: NotNegative = 0.0
        temperature: Positive = 0.07
        learning_rate: Positive = 2e-3

    family = "pre-training"
    paper = "Romero et al., ICLR 2015"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})
    pretrains: ClassVar[bool] = True

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        """Look at both networks' maps and build the convolutions.

        Raises:
            UsageError: a network has no maps at the wanted strides or places.
        """
        super().__init__(student, setting, config)
        self.asked = setting.networks[config.teacher]
        self.names: tuple[str, ...] = getattr(student, "encoder_maps", ())
        if "encoder" in config.places and not self.names:
            raise UsageError(
                f"{type(student).__name__} names no encoder maps; set features.places to ['last']."
            )
        blank = torch.zeros(1, 3, *setting.size)
        theirs = self.asked.encoder(blank)
        for stride in config.strides:
            if stride not in theirs:
                known = ", ".join(map(str, sorted(theirs))) or "none"
                raise UsageError(
                    f"features.strides names {stride}; the encoder of {config.teacher} has maps at "
                    f"strides {known}."
                )
        with torch.no_grad(), evaluating(student), outputs_of(student, self.names) as found:
            out: SegOut = student(blank)
        ours = self._maps(found, out, setting.size[0])
        sizes = {key: (x.shape[1], theirs[s].shape[1]) for key, (s, x) in ours.items()}
        # Each term has its own: a cosine has no scale, and would move the other's.
        self.projections = nn.ModuleDict(
            {
                f"{term}-{key}": _projection(*size, near_mean=term == "regression")
                for term in _terms(config)
                for key, size in sizes.items()
            }
        )
        self.optimizer = torch.optim.AdamW(self.projections.parameters(), lr=config.learning_rate)

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse a run without a loss, and things named twice."""
        if not (config.regression or config.similarity):
            raise UsageError(
                "the factors of both of features' terms are 0; set regression or similarity."
            )
        for name in ("strides", "places"):
            values = getattr(config, name)
            if len(set(values)) < len(values):
                raise UsageError(f"features.{name} is {list(values)}; name each once.")

    @classmethod
    def networks_of(cls, config: Config) -> tuple[str, ...]:
        """The teacher."""
        return (config.teacher,)

    def optimizers(self) -> Iterable[torch.optim.Optimizer]:
        """One AdamW for all 1x1 convolutions."""
        return (self.optimizer,)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """The terms whose factors are above 0, the mean over strides and places.

        Logs ``explained``, with regression: the share of the teacher's variance that is explained.
        """
        own = self.config
        image = ctx.target.image
        wanted = {s: standardised(x) for s, x in self.asked.encoder(image).items()}
        with outputs_of(ctx.student, self.names) as found:
            out = ctx.target_out
        each: dict[str, list[Tensor]] = {term: [] for term in _terms(own)}
        for key, (stride, x) in self._maps(found, out, image.shape[2]).items():
            for term, losses in each.items():
                ours, theirs = on_one_grid(self.projections[f"{term}-{key}"](x), wanted[stride])
                if term == "regression":
                    losses.append(regression(ours, theirs))
                else:
                    losses.append(similarity(ours, theirs, own.temperature))
        means = {term: torch.stack(losses).mean() for term, losses in each.items()}
        if "regression" in means:
            ctx.metrics["explained"] = 1 - means["regression"].detach()
        # Head and auxiliary heads learn nothing, but have gradients, which DDP waits for.
        idle = 0.0 * sum(x.float().sum() for x in (out.logits, *out.aux))
        return {term: getattr(own, term) * mean + idle for term, mean in means.items()}

    def _maps(
        self, found: dict[str, Tensor], out: SegOut, height: int
    ) -> dict[str, tuple[int, Tensor]]:
        """The student's map for each of the teacher's strides and each place, by a plain key."""
        encoder = by_stride((found[name] for name in self.names), height)
        maps: dict[str, tuple[int, Tensor]] = {}
        for place in self.config.places:
            for stride in self.config.strides:
                x = out.features if place == "last" else _deepest(encoder, stride)
                maps[f"{place}{stride}"] = stride, x
        return maps


def _terms(config: Features.Config) -> list[str]:
    """The terms whose factors are above 0."""
    return [name for name in ("regression", "similarity") if getattr(config, name)]


def _projection(inputs: int, outputs: int, *, near_mean: bool) -> nn.Conv2d:
    """A 1x1 convolution; one that begins near the mean of all features has no error to unlearn."""
    conv = nn.Conv2d(inputs, outputs, 1)
    if near_mean:
        assert conv.bias is not None
        nn.init.normal_(conv.weight, std=0.01)
        nn.init.zeros_(conv.bias)
    return conv


def _deepest(encoder: dict[int, Tensor], stride: int) -> Tensor:
    """The deepest map that is at least as fine as ``stride``, or else the finest of all."""
    return encoder[max((s for s in encoder if s <= stride), default=min(encoder))]
