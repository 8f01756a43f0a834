"""ISW: instance-selective whitening, RobustNet's loss (Choi et al., CVPR 2021).

The covariances of early features hold both style and content. The network itself tells them apart:
for pairs of a source image and the same image in other colours, the variance of each covariance
within the pair is averaged over many pairs. k-means splits these variances into ``clusters``
groups; the covariances of all groups but the lowest are style, and from then on
``weight * mean over stages and images of their mean |covariance|`` pushes them to zero. Features
are standardised per image and channel before their covariances are taken.

Deviations: the paper's network standardises its features too (instance norm at the end of early
stages); here they are standardised for the loss alone and the network is unchanged. The networks'
option ``ibn`` adds instance norm to the network itself. The stages are the network's ``taps``. The
clustered values are the covariances above the diagonal, as in the paper; the authors' code also
clusters zeros in place of the others. Variances are gathered from training batches (in evaluation
mode, as the authors do) in the ``gather`` steps before the loss begins, where the authors stop
after the fifth epoch for 500 pairs; each of these steps costs one pass without gradient. The other
colours are DACS's jitter and blur at full strength.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from dagen.collective import total
from dagen.methods.base import Context, Method, Setting
from dagen.methods.shared.mixing import disturb
from dagen.methods.shared.style import check_taps, moments
from dagen.ops import evaluating
from dagen.parameters import Count, NotNegative, Share
from dagen.types import Batch, Domain


class Isw(Method):
    """Whitens the feature covariances that change with the colours of an image."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            weight: factor of the loss (paper: 0.6).
            clusters: number of clusters of the variances, at least 2; the lowest is left alone
                (authors: 3 for ResNet-50).
            start: share of the run's steps before the loss begins.
            gather: number of steps before ``start`` that gather variances (fewer if there are
                fewer).
        """

        weight: NotNegative = 0.6
        clusters: Annotated[int, Field(ge=2)] = 3
        start: Share = 0.25
        gather: Count = 50

    family = "generalization"
    paper = "Choi et al., CVPR 2021"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source"})

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        """See :class:`Method`.

        Raises:
            UsageError: the network names no early stages.
        """
        super().__init__(student, setting, config)
        self.taps = check_taps(student, "isw")
        self.start = max(1, round(config.start * setting.steps))
        side = 2 * int(getattr(student, "multiple", 32))
        blank = torch.zeros(1, 3, side, side, device=next(student.parameters()).device)
        found = _eval_taps(student, self.taps, blank)
        for i, name in enumerate(self.taps):
            count = found[name].shape[1]
            self.register_buffer(f"variance{i}", torch.zeros(count, count))
            self.register_buffer(f"mask{i}", torch.zeros(count, count))

    def transform(self, ctx: Context) -> Batch:
        """Leaves the images unchanged; hooks record the stages in the shared source pass."""
        if ctx.step >= self.start:
            seen: dict[str, Tensor] = ctx.once("isw", dict)

            @contextmanager
            def around(domain: Domain) -> Iterator[None]:
                # The first pass over source images is the one that all parts share.
                first = domain == "source" and not seen
                with _listen(ctx.student, self.taps if first else (), seen):
                    yield

            ctx.around.append(around)
        return ctx.batch

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``main``, after ``start``; logs ``sensitive``, the share of covariances in it."""
        if ctx.step < self.start:
            if ctx.step >= self.start - self.config.gather:
                self._gather(ctx)
            return {}
        if ctx.step == self.start:
            for variance, mask in self._matrices():
                mask.copy_(sensitive(variance, self.config.clusters))
        _ = ctx.source_out
        seen: dict[str, Tensor] = ctx.once("isw", dict)
        if not seen:  # all labelled images of this step are the target's
            return {}
        terms, shares = [], []
        for name, (_, mask) in zip(self.taps, self._matrices(), strict=True):
            masked = covariance(seen[name]).abs() * mask
            terms.append(masked.sum((1, 2)).mean() / mask.sum().clamp(min=1))
            shares.append(mask.sum() / max(1, len(mask) * (len(mask) - 1) // 2))
        ctx.metrics["sensitive"] = torch.stack(shares).mean()
        return {"main": self.config.weight * torch.stack(terms).mean()}

    def _gather(self, ctx: Context) -> None:
        image = ctx.source.image
        changed = disturb(image, ctx.generator("isw"), jitter=0.5, jitter_p=1.0)
        both = _eval_taps(ctx.student, self.taps, torch.cat([image, changed]))
        for name, (variance, _) in zip(self.taps, self._matrices(), strict=True):
            pairs = torch.stack(covariance(both[name]).chunk(2))
            variance += total(pairs.var(0, correction=0).sum(0))  # only their order matters

    def _matrices(self) -> Iterator[tuple[Tensor, Tensor]]:
        for i in range(len(self.taps)):
            yield self.get_buffer(f"variance{i}"), self.get_buffer(f"mask{i}")


def covariance(features: Tensor) -> Tensor:
    """Covariances between the channels of each image, (B, D, D) from (B, D, h, w), float32.

    Every channel of every image is standardised first, so the covariances are correlations.
    """
    mean, deviation = moments(features, eps=1e-5)
    with torch.autocast(features.device.type, enabled=False):
        rows = ((features.float() - mean) / deviation).flatten(2)
        return rows @ rows.transpose(1, 2) / max(1, rows.shape[2] - 1)


def sensitive(variance: Tensor, clusters: int) -> Tensor:
    """Which covariances are style: 1 above the diagonal in all clusters but the lowest, else 0.

    Args:
        variance: (D, D), how much each covariance changes with the colours.
        clusters: number of k-means clusters (seeded: equal variances give equal clusters).
    """
    from sklearn.cluster import KMeans

    rows, columns = np.triu_indices(len(variance), 1)
    mask = torch.zeros_like(variance)
    values = variance.cpu().double().numpy()[rows, columns, None]
    distinct = len(np.unique(values))
    if distinct > 1:
        found = KMeans(min(clusters, distinct), n_init=10, random_state=0).fit(values)
        above = found.labels_ != found.cluster_centers_.argmin()
        mask[rows[above], columns[above]] = 1
    return mask


@torch.no_grad()
def _eval_taps(network: nn.Module, taps: tuple[str, ...], image: Tensor) -> dict[str, Tensor]:
    """The stages' outputs for ``image`` in evaluation mode; the network's own mode is restored."""
    found: dict[str, Tensor] = {}
    with evaluating(network), _listen(network, taps, found):
        network(image)
    return found


@contextmanager
def _listen(network: nn.Module, taps: tuple[str, ...], into: dict[str, Tensor]) -> Iterator[None]:
    """Record each stage's output in ``into`` inside the block; the hooks are removed after it."""

    def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda _module, _inputs, output: into.update({name: output})

    handles = [network.get_submodule(name).register_forward_hook(keep(name)) for name in taps]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
