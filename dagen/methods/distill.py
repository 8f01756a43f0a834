"""Distill: a trained network teaches a smaller one what it answers (Liu et al., CVPR 2019).

The teacher is a finished run or a deployed file of any network and size, with the classes of this
run. It answers live, about the images that the student sees, in evaluation mode and without
gradients; ``teacher`` instead learns maps that were made once. Its input has the size at which it
was trained, so a student of 128x128 may have a teacher of 224x224.

Four terms, each switched on by its factor:

* pixel-wise: KL divergence between the two answers at each pixel (Hinton et al., 2015);
* channel-wise on logits, and on features: KL divergence between where in the image each channel is
  active (Shu et al., ICCV 2021);
* affinity: how alike the features of any two places are (Liu et al., CVPR 2019).

On the source the labels teach as well (a large network's knowledge, for a small one); on the
unlabelled target an adapted network hands on its adaptation.

Deviations: logits are compared at the images' size, as in scoring, because the strides of the two
networks differ; features on the coarser grid of the two. Where their channels differ in number, the
student's pass a 1x1 convolution (Shu et al.) that learns at a rate of its own. There is no
adversarial term (Liu et al., section 3.3). The defaults are CIRKD's (Yang et al., CVPR 2022) for
logits; its factor for features is 50, and Liu et al. give 10 to the affinity.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from dagen.errors import UsageError
from dagen.methods._asked import resized
from dagen.methods.base import Context, Method, RunFacts, Setting
from dagen.methods.shared.pseudo import enlarge, top_class
from dagen.methods.shared.soft.affinity import affinity, on_one_grid
from dagen.methods.shared.soft.channel_wise import channel_wise
from dagen.methods.shared.soft.pixel_wise import pixel_wise
from dagen.parameters import Count, NotNegative, Positive
from dagen.types import Domain, SegOut


class Distill(Method):
    """Learns what a trained network answers about the same images."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            teacher: the trained network: a run (its name, its folder or ``run:NAME``), or a
                deployed file.
            domain: the images that it answers, ``source``, ``target`` or ``both``.
            weight: factor of all terms.
            pixel: factor of the pixel-wise KL divergence (CIRKD: 1; Liu et al.: 10).
            temperature: its temperature (CIRKD and Liu et al.: 1).
            logits: factor of the channel-wise distillation of logits (CIRKD: 3).
            features: factor of the channel-wise distillation of features (CIRKD: 50).
            channel_temperature: temperature of both channel-wise terms (Shu et al.: 4).
            affinity: factor of the pairwise affinity of features (CIRKD's code and Liu et al.:
                10).
            patch: side of one node of the affinity, in places of the coarser of the two feature
                maps (CIRKD: 2).
            learning_rate: AdamW's peak rate for the convolution that gives the student's features
                the teacher's number of channels.
        """

        teacher: str = ""
        domain: Literal["source", "target", "both"] = "target"
        weight: NotNegative = 1.0
        pixel: NotNegative = 1.0
        temperature: Positive = 1.0
        logits: NotNegative = 3.0
        features: NotNegative = 0.0
        channel_temperature: Positive = 4.0
        affinity: NotNegative = 0.0
        patch: Count = 2
        learning_rate: Positive = 1e-3

    family = "self-training"
    paper = "Liu et al., CVPR 2019; Shu et al., ICCV 2021"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config)
        self.asked = setting.networks[config.teacher]
        ours, theirs = setting.feature_channels, self.asked.feature_channels
        self.adapter: nn.Module = nn.Identity()
        self._optimizers: list[torch.optim.Optimizer] = []
        if config.features and ours != theirs:
            self.adapter = nn.Conv2d(ours, theirs, 1, bias=False)
            self._optimizers.append(
                torch.optim.AdamW(self.adapter.parameters(), lr=config.learning_rate)
            )

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse a run without teacher, and one without a loss."""
        if not config.teacher:
            raise UsageError(
                "distill needs a trained network; give --set distill.teacher=RUN, a finished run's "
                "name or folder, or a deployed file (model.safetensors)."
            )
        if not (config.pixel or config.logits or config.features or config.affinity):
            raise UsageError(
                "all factors of distill's terms are 0; set pixel, logits, features or affinity."
            )

    @classmethod
    def streams_of(cls, config: Config) -> frozenset[Domain]:
        """The domains that ``domain`` names."""
        return frozenset(_domains(config))

    @classmethod
    def networks_of(cls, config: Config) -> tuple[str, ...]:
        """The teacher."""
        return (config.teacher,)

    def optimizers(self) -> Iterable[torch.optim.Optimizer]:
        """One AdamW for the 1x1 convolution, if there is one."""
        return self._optimizers

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """The terms whose factors are above 0, for each domain.

        Logs ``agreement``: the share of the pixels on which both networks name the same class.
        """
        own = self.config
        terms: dict[str, Tensor] = {}
        for domain in _domains(own):
            source = domain == "source"
            image = (ctx.source if source else ctx.target).image
            ours = ctx.source_out if source else ctx.target_out
            theirs = self.asked(image)
            student = enlarge(ours.logits, image)
            teacher = resized(theirs.logits.float(), (image.shape[-2], image.shape[-1]))
            found = self._of_logits(student, teacher) | self._of_features(ours, theirs)
            terms |= {f"{name}_{domain}": own.weight * term for name, term in found.items()}
            same = top_class(student.detach()) == top_class(teacher)
            ctx.metrics[f"agreement_{domain}"] = same.float().mean()
        return terms

    def _of_logits(self, student: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        own = self.config
        terms: dict[str, Tensor] = {}
        if own.pixel:
            terms["pixel"] = own.pixel * pixel_wise(student, teacher, own.temperature)
        if own.logits:
            terms["logits"] = own.logits * channel_wise(student, teacher, own.channel_temperature)
        return terms

    def _of_features(self, ours: SegOut, theirs: SegOut) -> dict[str, Tensor]:
        own = self.config
        terms: dict[str, Tensor] = {}
        if own.features:
            maps = on_one_grid(self.adapter(ours.features), theirs.features)
            terms["features"] = own.features * channel_wise(*maps, own.channel_temperature)
        if own.affinity:
            terms["affinity"] = own.affinity * affinity(ours.features, theirs.features, own.patch)
        return terms


def _domains(config: Distill.Config) -> tuple[Domain, ...]:
    return ("source", "target") if config.domain == "both" else (config.domain,)
