"""Training steps written straight from the papers, to compare dagen's with: ``train_speed.py``.

Forward passes one by one, all logits enlarged to the input, losses and discriminators there, a
backward pass for each loss, float32, contiguous layout. Networks, optimiser and schedule are
dagen's, but each layer is PyTorch's own: ``nn.PReLU`` where dagen has a quicker one.
"""

from __future__ import annotations

import copy
import itertools
import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms import v2

from dagen.engine.loop import schedule, student_optimizer
from dagen.models.base import Network
from dagen.models.layers.prelu import PReLU
from dagen.runs.config import Config
from dagen.types import IGNORE, Batch


class Plain(ABC):
    """What all of them share: the student, its optimiser, the supervised loss."""

    def __init__(self, network: Network, config: Config) -> None:
        self.network, self.config = _with_layers_of_pytorch(network).train(), config
        self.shares = (1.0, *network.aux_weights)
        self.optimizers: list[torch.optim.Optimizer] = [student_optimizer(network, config)]
        self._peaks: list[list[float]] = []

    def __call__(self, batch: Batch, step: int) -> float:
        """One step; returns the supervised loss of the main head before it."""
        scale = schedule(step, self.config)
        self._peaks = self._peaks or [[g["lr"] for g in o.param_groups] for o in self.optimizers]
        for optimizer, peaks in zip(self.optimizers, self._peaks, strict=True):
            optimizer.zero_grad()
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * scale
        loss = self.backward(batch, step)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    @abstractmethod
    def backward(self, batch: Batch, step: int) -> float:
        """Gradients of all losses; returns the supervised loss of the main head."""

    def supervised(self, batch: Batch) -> tuple[list[Tensor], float]:
        """The loss on the source, backward; the logits of all heads and the main head's loss."""
        assert batch.source is not None and batch.source.label is not None
        heads = self.logits(batch.source.image)
        terms = [F.cross_entropy(x, batch.source.label, ignore_index=IGNORE) for x in heads]
        torch.stack([s * t for s, t in zip(self.shares, terms, strict=True)]).sum().backward()
        return heads, float(terms[0].detach())

    def logits(self, image: Tensor, network: nn.Module | None = None) -> list[Tensor]:
        """The logits of all heads, at the images' size."""
        out = (network or self.network)(image)
        size = image.shape[2:]
        return [
            F.interpolate(x, size, mode="bilinear", align_corners=False)
            for x in (out.logits, *out.aux)
        ]


class PlainAdvent(Plain):
    """ADVENT (Vu et al., 2019, section 3.2 and its training details).

    As in the paper, the auxiliary head has a discriminator of its own.
    """

    def __init__(self, network: Network, config: Config) -> None:
        super().__init__(network, config)
        self.weights = (0.001, *(0.0002 for _ in network.aux_weights))
        self.judges = nn.ModuleList(_judge(network.num_classes) for _ in self.weights)
        judging = torch.optim.Adam(self.judges.parameters(), lr=1e-4, betas=(0.9, 0.99))
        self.optimizers.append(judging)

    def backward(self, batch: Batch, step: int) -> float:
        """See :meth:`Plain.backward`."""
        assert batch.target is not None
        self.judges.requires_grad_(False)
        source, loss = self.supervised(batch)
        target = self.logits(batch.target.image)
        fooled = [
            weight * self._verdict(judge, logits, 1.0)
            for weight, judge, logits in zip(self.weights, self.judges, target, strict=True)
        ]
        torch.stack(fooled).sum().backward()

        self.judges.requires_grad_(True)
        for judge, ours, theirs in zip(self.judges, source, target, strict=True):
            (self._verdict(judge, ours.detach(), 1.0) / 2).backward()
            (self._verdict(judge, theirs.detach(), 0.0) / 2).backward()
        return loss

    def _information(self, logits: Tensor) -> Tensor:
        p = logits.softmax(1)
        return -p * torch.log2(p + 1e-30) / math.log2(p.shape[1])

    def _verdict(self, judge: nn.Module, logits: Tensor, label: float) -> Tensor:
        verdict = judge(self._information(logits))
        return F.binary_cross_entropy_with_logits(verdict, torch.full_like(verdict, label))


def _judge(classes: int) -> nn.Sequential:
    """The paper's discriminator: five 4x4 convolutions with stride 2."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise([classes, 64, 128, 256, 512]):
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 2, 1))


class PlainDacs(Plain):
    """DACS (Tranheden et al., 2021, algorithm 1 and section 4.1), with the loss on the source.

    Classes are drawn among all, colour jitter and blur are torchvision's, an image at a time.
    """

    def __init__(self, network: Network, config: Config) -> None:
        super().__init__(network, config)
        self.teacher = copy.deepcopy(network).requires_grad_(False)
        self.disturb = v2.Compose(
            [
                v2.RandomApply([v2.ColorJitter(0.25, 0.25, 0.25, 0.25)], p=0.8),
                v2.RandomApply([v2.GaussianBlur(_kernel(config.size[0]), (0.15, 1.15))], p=0.5),
            ]
        )

    def __call__(self, batch: Batch, step: int) -> float:
        """A step of the student, then the teacher's."""
        loss = super().__call__(batch, step)
        decay = min(1 - 1 / (step + 1), 0.99)
        with torch.no_grad():
            for ours, theirs in zip(
                self.teacher.parameters(), self.network.parameters(), strict=True
            ):
                ours.copy_(decay * ours + (1 - decay) * theirs)
        return loss

    def backward(self, batch: Batch, step: int) -> float:
        """See :meth:`Plain.backward`."""
        assert batch.source is not None and batch.target is not None
        assert batch.source.label is not None
        _, loss = self.supervised(batch)
        with torch.no_grad():
            sure, pseudo = self.logits(batch.target.image, self.teacher)[0].softmax(1).max(1)
        share = float((sure >= 0.968).float().mean())
        images, labels, weights = [], [], []
        for i, label in enumerate(batch.source.label):
            pasted = _half_of_the_classes(label)
            image = torch.where(pasted, batch.source.image[i], batch.target.image[i])
            images.append(self.disturb(image))
            labels.append(torch.where(pasted, label, pseudo[i]))
            weights.append(torch.where(pasted, 1.0, share))
        mixed = self.logits(torch.stack(images))[0]
        each = F.cross_entropy(mixed, torch.stack(labels), ignore_index=IGNORE, reduction="none")
        (each * torch.stack(weights)).mean().backward()
        return loss


class PlainBest(PlainDacs):
    """The recipe ``best``: DACS, and a pass over the target that learns its salience.

    The second one is dagen's own (see ``dagen.methods.saliency``); here it is at the input's size.
    """

    def backward(self, batch: Batch, step: int) -> float:
        """See :meth:`Plain.backward`."""
        assert batch.target is not None
        loss = super().backward(batch, step)
        salience = batch.target.maps["salience"]
        label = torch.full(salience.shape, IGNORE)
        label[salience <= 0.12] = 0
        label[salience >= 0.22] = 1
        image = torch.stack([self.disturb(one) for one in batch.target.image])
        log_p = self.logits(image)[0].log_softmax(1)
        both = torch.stack([log_p[:, 0], log_p[:, 1:].logsumexp(1)], 1)
        F.nll_loss(both, label, ignore_index=IGNORE).backward()
        return loss


def _with_layers_of_pytorch(network: Network) -> Network:
    """The network, changed in place: what it computes stays the same."""
    for layer in list(network.modules()):
        for name, child in layer.named_children():
            if isinstance(child, PReLU):
                plain = nn.PReLU(child.num_parameters)
                plain.weight = child.weight
                setattr(layer, name, plain)
    return network


def _half_of_the_classes(label: Tensor) -> Tensor:
    """Where a label (H, W) shows one of half of its classes, which are drawn (ClassMix)."""
    classes = label.unique()
    classes = classes[classes != IGNORE]
    drawn = classes[torch.randperm(len(classes))[: (len(classes) + 1) // 2]]
    return torch.isin(label, drawn)


def _kernel(height: int) -> int:
    """The odd number next to a tenth of the height, as the authors' code has it."""
    tenth = math.ceil(0.1 * height)
    return tenth - 1 + tenth % 2


STEPS: dict[str, type[Plain]] = {"advent": PlainAdvent, "dacs": PlainDacs, "best": PlainBest}
"""By the name of dagen's strategy or recipe."""
