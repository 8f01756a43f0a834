"""Prototypes: one metric space of class features for both domains (after Xie et al., TPAMI 2023).

Features of pixels, projected to the unit sphere, are pulled towards their own class and away
from the others by a supervised contrastive loss. The references that they are compared with come
from both domains, so that the target's classes come to lie where the source's do:

* ``references="prototypes"``: the mean direction of each class in each domain, as in SePiCo (Xie
  et al., TPAMI 2023), where prototypes are moving averages; here they are the means of a memory;
* ``references="memory"``: the remembered pixels themselves, a cross-batch memory (Wang et al.,
  CVPR 2020).

The losses are pytorch-metric-learning's: ``supcon`` (Khosla et al., NeurIPS 2020, the form with
the mean outside the logarithm), ``ntxent`` (one positive at a time in the denominator), or
``proxy-anchor`` (Kim et al., CVPR 2020), whose prototypes are trained and shared by both domains,
so that it needs no references.

A source cell of the feature map has the class of three quarters of its pixels (DAFormer's rule for
its feature distance); a target cell has the class whose mean probability over it is at least
``threshold``, predicted by the mean teacher if the stack has one, else by the student. From each
class and domain at most ``samples`` cells are drawn, and the memory has equal room for each class:
background would push litter out of a plain queue within a step.

Deviations: the library's own CrossBatchMemory keeps its position outside the state dict and ignores
classes, so this part has its own memory. The cells of a step are compared with those of earlier
steps and enter the memory afterwards; XBM compares them with one another as well. SePiCo's
self-training is left to other parts (dacs). Its temperature of 100 belongs to another form of the
loss; the default is SupCon's 0.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.collective import part
from dagen.methods.base import Context, Method, Setting
from dagen.methods.mean_teacher import MeanTeacher
from dagen.methods.shared.memory import Rings, balanced
from dagen.methods.shared.pseudo import source_label, started
from dagen.parameters import Count, Fraction, NotNegative, Positive, Steps
from dagen.types import IGNORE, Domain

_PURE = 0.75
_DOMAINS = 2


class Prototypes(Method):
    """Pulls the features of each class together, in and across the domains."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss. Chosen here: 0.1 of a loss of order log C beside
                cross-entropy.
            loss: ``supcon``, ``ntxent`` or ``proxy-anchor``.
            references: what features are compared with, ``prototypes`` or ``memory``.
            temperature: temperature of supcon and ntxent (Khosla et al.: 0.1).
            samples: largest number of cells drawn of each class and domain in a step.
            memory: number of cells remembered of each class and domain.
            threshold: mean probability from which a target cell has a class.
            start: share of the run's steps before target cells are drawn.
            projection: channels of the space in which features are compared, after a hidden
                layer as wide as the features; 0 compares the features themselves.
            learning_rate: learning rate of the Adam that trains projection and proxies; it follows
                the run's schedule.
        """

        weight: NotNegative = 0.1
        loss: Literal["supcon", "ntxent", "proxy-anchor"] = "supcon"
        references: Literal["prototypes", "memory"] = "prototypes"
        temperature: Positive = 0.1
        samples: Count = 64
        memory: Count = 256
        threshold: Fraction = 0.9
        start: Fraction = 0.25
        projection: Steps = 64
        learning_rate: Positive = 1e-3

    family = "metric learning"
    paper = "Xie et al., TPAMI 2023"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        """See :class:`Method`."""
        super().__init__(student, setting, config)
        width, classes = setting.feature_channels, setting.num_classes
        size = config.projection or width
        self.project: nn.Module = nn.Identity()
        if config.projection:
            self.project = nn.Sequential(
                nn.Linear(width, width), nn.ReLU(), nn.Linear(width, config.projection)
            )
        self.criterion = _criterion(config, classes, size)
        self.memory = Rings(_DOMAINS * classes, config.memory, size)  # the source's come first
        trained = [*self.project.parameters(), *self.criterion.parameters()]
        self._optimizers = [torch.optim.Adam(trained, config.learning_rate)] if trained else []

    def optimizers(self) -> Iterable[torch.optim.Optimizer]:
        """One Adam for projection and proxies, if there are any."""
        return self._optimizers

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``; logs ``target_cells``, the number of target cells that were drawn."""
        features, label, domain = self._cells(ctx)
        with torch.autocast(features.device.type, enabled=False):
            embedding = F.normalize(self.project(features.float()))
            if self.config.loss == "proxy-anchor":
                loss = self.criterion(embedding, label)
            else:
                known, classes = self.references()
                loss = self.criterion(embedding, label, ref_emb=known, ref_labels=classes)
        self.remember(embedding.detach(), label, domain)
        ctx.metrics["target_cells"] = (domain == 1).sum().float()
        return {"main": self.config.weight * loss.sum() * part(len(label), embedding)}

    def references(self) -> tuple[Tensor, Tensor]:
        """The references, (R, D) on the unit sphere, and their classes (R,)."""
        filled = self.memory.filled
        classes = torch.arange(len(filled), device=filled.device) % self.setting.num_classes
        if self.config.references == "memory":
            return self.memory.items[filled], classes[:, None].expand_as(filled)[filled]
        known = filled.any(1)
        # Empty places hold zeros: the direction of the sum is that of the mean.
        return F.normalize(self.memory.items.sum(1), dim=1)[known], classes[known]

    def remember(self, embedding: Tensor, label: Tensor, domain: Tensor) -> None:
        """Store embeddings (N, D) of classes (N,) and domains (N,) over the oldest ones."""
        ring = domain * self.setting.num_classes + label
        for r in range(len(self.memory)):
            self.memory.add(r, embedding[ring == r])

    def _cells(self, ctx: Context) -> tuple[Tensor, Tensor, Tensor]:
        """Features (N, D), classes (N,) and domains (N,; 0 source, 1 target) of drawn cells."""
        view, draws = ctx.source, ctx.generator("prototypes")
        out = ctx.source_out.features
        label = purest(source_label(ctx), self.setting.num_classes, out)
        border = len(out) - view.target_rows  # labelled target images follow
        parts = [(out[:border], label[:border], 0), (out[border:], label[border:], 1)]
        if started(ctx, self.config.start):
            features = ctx.target_out.features
            parts.append((features, self._pseudo_labels(ctx, features), 1))
        drawn = [
            (rows, label, torch.full_like(label, domain))
            for features, label, domain in parts
            for rows, label in [_draw(features, label, self.config.samples, self.setting, draws)]
        ]
        features, labels, domains = (torch.cat(one) for one in zip(*drawn, strict=True))
        return features, labels, domains

    @torch.no_grad()
    def _pseudo_labels(self, ctx: Context, features: Tensor) -> Tensor:
        teacher = ctx.parts.get("mean-teacher")
        if isinstance(teacher, MeanTeacher):
            p = teacher.probabilities(ctx)
        else:
            p = ctx.target_out.logits.float().softmax(1)
        sure, label = F.adaptive_avg_pool2d(p, _size(features)).max(1)
        return label.masked_fill(sure < self.config.threshold, IGNORE)


def purest(label: Tensor, num_classes: int, features: Tensor) -> Tensor:
    """Labels at the features' size: the class of three quarters of a cell's pixels, else 255.

    Args:
        label: (B, H, W).
        num_classes: classes with background.
        features: (B, D, h, w), used for their size only.
    """
    member = torch.stack([label == c for c in range(num_classes)], 1).float()
    share, found = F.adaptive_avg_pool2d(member, _size(features)).max(1)
    return found.masked_fill(share < _PURE, IGNORE)


def _draw(
    features: Tensor, label: Tensor, count: int, setting: Setting, draws: torch.Generator
) -> tuple[Tensor, Tensor]:
    """At most ``count`` cells of each class: rows (N, D) of (B, D, h, w), and classes (N,)."""
    rows, flat = features.movedim(1, -1).flatten(0, -2), label.flatten()
    places = balanced(flat, setting.num_classes, count, draws)
    return rows[places], flat[places]


def _criterion(config: Prototypes.Config, classes: int, size: int) -> Any:
    from pytorch_metric_learning import losses

    if config.loss == "proxy-anchor":
        return losses.ProxyAnchorLoss(classes, size)
    if config.loss == "ntxent":
        return losses.NTXentLoss(config.temperature)
    return losses.SupConLoss(config.temperature)


def _size(features: Tensor) -> tuple[int, int]:
    return features.shape[-2], features.shape[-1]
