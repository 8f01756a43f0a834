"""Soft neighbourhood density: predictions form tight groups (Saito et al., ICCV 2021).

Each sampled pixel's class probabilities, of length one, are compared with those of all other
sampled pixels; the softmax of the similarities divided by 0.05 is a distribution over neighbours,
whose entropy is high where many neighbours are similar.

Deviations, both for small foreground objects. The authors draw 100 pixels of each image: with
95 % background they are nearly all background, and a network that sees nothing else scores best.
Here 100 pixels of every *predicted class* are drawn from all images together, and the score is
the mean over the classes of their pixels' mean entropy, where a class that is predicted nowhere
counts as 0. A pixel is not its own neighbour, as in the paper and unlike the authors' code for
segmentation. Its limit is the paper's assumption that the network can tell the source's classes
apart: a network that is undecided everywhere has dense neighbourhoods too.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dagen.validators.base import Evidence, Validator

_TEMPERATURE = 0.05
_PIXELS = 100
"""Pixels of each predicted class (paper: of each image)."""


class Snd(Validator):
    """Rewards classes whose pixels get similar predictions."""

    paper = "Saito et al., ICCV 2021"

    def score(self, evidence: Evidence) -> float:
        """In nats: from 0 to log of the sampled pixels."""
        p = sample(evidence.target.probability, _PIXELS, evidence.generator("snd"))
        return density(p)


def sample(probability: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Pixels of every predicted class, (M, C), at most ``count`` of each.

    Args:
        probability: (N, C, H, W).
        count: drawn without replacement from the pixels whose largest probability is the class.
        generator: a CPU generator; ``probability`` is on the CPU too.
    """
    rows = probability.movedim(1, -1).flatten(0, 2)
    predicted = rows.argmax(1)
    chosen = []
    for c in range(rows.shape[1]):
        own = (predicted == c).nonzero()[:, 0]
        chosen.append(own[torch.randperm(len(own), generator=generator)[:count]])
    return rows[torch.cat(chosen)]


def density(p: Tensor) -> float:
    """Mean over the classes of the mean neighbourhood entropy of the pixels predicted as them.

    Args:
        p: (M, C) probabilities; a class that no pixel predicts counts as 0.
    """
    if len(p) < 2:
        return 0.0
    unit = F.normalize(p.double())
    similarity = (unit @ unit.T / _TEMPERATURE).fill_diagonal_(-torch.inf)
    spread = torch.special.entr(similarity.softmax(1)).sum(1)
    predicted = p.argmax(1)
    means = [spread[predicted == c].mean() for c in predicted.unique()]
    return float(torch.stack(means).sum() / p.shape[1])
