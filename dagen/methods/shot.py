"""SHOT: source hypothesis transfer, adapting without the source (Liang et al., ICML 2020).

The classifier of a trained network (``--init``) is frozen; the layers before it learn, from target
images alone, to give features that fit it: predictions certain for each pixel and diverse over all
(information maximisation), and pseudo-labels of the nearest class centroid, learnt by cross-entropy
with the weight 0.3. Centroids are means of features weighted by the predictions, then means of the
features that are nearest to each of these, by cosine; a 1 is appended to the features first, as in
the authors' code.

Deviations, because nine tenths of all pixels are background. The paper's diversity asks for
classes of equal size, which would make half of every photograph litter. Here the losses are taken
over a sample with equally many pixels of each pseudo-label (as far as available), and the mean
prediction over the sample should have the sample's class shares: this is the paper's loss if all
classes are present, and absent classes have no effect. Centroids come from a memory with equally
many pixels of each predicted class, where the paper takes the whole target set every epoch. A class
that was never predicted has no centroid and is given to no pixel. All of this happens at the size
of the features; larger predictions are averaged down to it.

The paper fine-tunes the pretrained layers at a tenth of the rate from scratch, and so does a run
with this part unless it is given a rate. In the authors' code the labels of centroids come from the
whole target set before the first step, and on VisDA they wait for a fifteenth of the steps. Here
they wait until the memory has seen the target, for a fifth by default; until then the sample is
balanced by the network's own predictions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.collective import part, total
from dagen.losses import information_maximisation
from dagen.methods.base import Context, Method, Setting
from dagen.methods.shared.memory import Rings, balanced
from dagen.methods.shared.pseudo import started, top_class
from dagen.parameters import Count, NotNegative, Share
from dagen.types import Domain

_LEAST = 0.01
"""Share of the balanced prior that is spread over all classes: it keeps logarithms finite."""


class Shot(Method):
    """Fits the features of target pixels to a frozen classifier, without the source."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of information maximisation (paper: 1).
            diversity: weight of the balance relative to the entropy (paper: 1).
            pseudo: factor of the cross-entropy with pseudo-labels (paper: 0.3).
            start: share of the run's steps before the first pseudo-labels of centroids (authors: 0,
                or a fifteenth).
            sample: largest number of pixels of each class that a step learns from.
            memory: number of pixels of each class that centroids are computed from.
        """

        weight: NotNegative = 1.0
        diversity: NotNegative = 1.0
        pseudo: NotNegative = 0.3
        start: Share = 0.2
        sample: Count = 1024
        memory: Count = 2048

    family = "source-free"
    paper = "Liang et al., ICML 2020"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})
    needs_checkpoint = True
    settings: ClassVar[Mapping[str, float]] = {"lr": 2e-4}

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        super().__init__(student, setting, config)
        for name in ("head", *getattr(student, "training_only", ())):
            student.get_submodule(name).requires_grad_(False)
        classes, room = setting.num_classes, config.memory
        self.features = Rings(classes, room, setting.feature_channels + 1)
        self.probabilities = Rings(classes, room, classes)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``information`` and ``pseudo``; logs ``changed``, the share of relabelled pixels."""
        out, draw = ctx.target_out, ctx.generator("shot")
        size = (out.features.shape[-2], out.features.shape[-1])
        grid = F.adaptive_avg_pool2d(out.logits.float().softmax(1), size)
        p = grid.movedim(1, -1).flatten(0, -2)
        features = directions(out.features.detach().movedim(1, -1).flatten(0, -2))
        self.remember(features, p.detach(), draw)
        late = started(ctx, self.config.start)
        label = self.nearest(features) if late else top_class(p)
        ctx.metrics["changed"] = (label != top_class(p)).float().mean()
        chosen = balanced(label, self.setting.num_classes, self.config.sample, draw)
        p, label = p[chosen], label[chosen]
        information = information_maximisation(
            p.T[None, :, :, None], self._shares(label), self.config.diversity
        ) * math.log(self.setting.num_classes)
        terms = {"information": self.config.weight * information}
        if late:
            cross_entropy = F.nll_loss(p.clamp(min=1e-6).log(), label) * part(len(p), p)
            terms["pseudo"] = self.config.pseudo * cross_entropy
        return terms

    def remember(self, features: Tensor, p: Tensor, draw: torch.Generator) -> None:
        """Store (N, D + 1) features and (N, C) probabilities by predicted class."""
        predicted = top_class(p)
        for c in range(len(self.features)):
            one = balanced(predicted, 1, min(self.config.sample, self.config.memory), draw, c)
            self.features.add(c, features[one])
            self.probabilities.add(c, p[one])

    def nearest(self, features: Tensor) -> Tensor:
        """(N,) pseudo-labels of (N, D + 1) features: the class of the nearest centroid.

        In full precision: in bfloat16 the cosines of similar centroids tie, and ties go to
        background.
        """
        with torch.autocast(features.device.type, enabled=False):
            return self._nearest(features)

    def _nearest(self, features: Tensor) -> Tensor:
        memory, weights = torch.cat(self.features.held()), torch.cat(self.probabilities.held())
        known = self.features.filled.any(1)
        soft = centroids(memory, weights)
        label = assign(memory, soft, known)
        hard = F.one_hot(label, len(known)).to(memory.dtype)
        known = hard.any(0)
        return assign(features, centroids(memory, hard), known)

    def _shares(self, label: Tensor) -> Tensor:
        count = total(label.bincount(minlength=self.setting.num_classes)).float()
        return (1 - _LEAST) * count / count.sum() + _LEAST / len(count)


def directions(features: Tensor) -> Tensor:
    """(N, D) to (N, D + 1): a 1 is appended, then each has the length 1."""
    features = features.float()
    return F.normalize(torch.cat([features, torch.ones_like(features[:, :1])], 1), dim=1)


def centroids(features: Tensor, weights: Tensor) -> Tensor:
    """(C, D) means of (N, D) features under (N, C) weights."""
    return weights.T @ features / (weights.sum(0)[:, None] + 1e-8)


def assign(features: Tensor, centres: Tensor, known: Tensor) -> Tensor:
    """(N,): which of the ``known`` (C,) bool centroids has the smallest cosine distance."""
    cosine = F.normalize(features, dim=1) @ F.normalize(centres, dim=1).T
    return cosine.masked_fill(~known, -torch.inf).argmax(1)
