"""Names of regions by what ImageNet's classifier calls them.

ImageNet's 1,000 categories have no class of litter, but some of them are made of a class's material
or have its form: "water bottle" and "pop bottle" for bottles. A user says which. A class's score is
the log of the summed probability of its categories, less its mean over the target's regions: a
category that the classifier sees everywhere says nothing. No label decides.

Scores are added to the log-probabilities of the probe (:mod:`dagen.scoring.naming.probe`) as a
product of experts (Hinton, Neural Computation 2002), with a weight below 1: two categories of the
thousand are a rough description of a class, and a classifier is too sure of itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.datasets.base import digest_of
from dagen.errors import UsageError, unknown
from dagen.models.layers.efficientnet_lite import EPS, PIXEL_MEAN, PIXEL_STD, EfficientNetLite
from dagen.models.layers.pretrained import EFFICIENTNET_LITE0
from dagen.models.lite import load_imagenet
from dagen.types import Image, Pixels, Task

WEIGHT = 0.25
"""Factor of the scores. On 69 regions of TACO's training photographs 59 to 64 % of the names are
right with 0.25, 56 to 64 % with 0.5 and 55 to 61 % with 1 (pictures of 160 to 288 pixels, with and
without "hair spray" for aluminium); with the probe alone 49 %."""
_BATCH = 16

Scores = NDArray[np.float64]
"""(N, C): log-scores of N regions for each foreground class; 0 for a class without words."""


class Words:
    """What ImageNet's classifier says of regions, in the classes of a task.

    The network is built on first use, and again in another process.

    Attributes:
        digest: identifies the words and the network.
    """

    def __init__(self, words: Mapping[str, Sequence[str]], task: Task) -> None:
        """Look up the words; no weights are read yet.

        Args:
            words: for classes of the task, categories of ImageNet that are such objects.
            task: what is segmented.

        Raises:
            UsageError: a class or a category is unknown, a class has none, or two classes share
                one.
        """
        numbers = {name: k for k, name in enumerate(categories())}
        names = [task.classes[k] for k in task.foreground]
        taken: dict[str, str] = {}
        for name, own in words.items():
            if name not in names:
                raise unknown("class of teacher.words", name, names)
            if isinstance(own, str) or not own:
                raise UsageError(
                    f"teacher.words.{name} is {own!r}; it is a list of ImageNet's categories, such "
                    'as ["water bottle", "pop bottle"].'
                )
            for word in own:
                if word not in numbers:
                    raise unknown(f"category of ImageNet in teacher.words.{name}", word, numbers)
                if taken.setdefault(word, name) != name:
                    raise UsageError(
                        f"teacher.words has '{word}' for {taken[word]} and for {name}; a category "
                        "belongs to one class."
                    )
        self._places = [[numbers[word] for word in words.get(name, ())] for name in names]
        self.digest = digest_of([f"{WEIGHT} {EFFICIENTNET_LITE0.sha256}", *map(str, self._places)])
        self._network: nn.Module | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None}

    @torch.no_grad()
    def __call__(self, pictures: Sequence[tuple[Image, Pixels]]) -> Scores:
        """The scores of regions.

        Args:
            pictures: N regions, as for :class:`~dagen.scoring.naming.features.ImageNetFeatures`.

        Raises:
            DagenError: the weights are missing or damaged.
        """
        if self._network is None:
            self._network = ImageNetClassifier().eval()
        found = [np.zeros((0, len(self._places)))]
        for first in range(0, len(pictures), _BATCH):
            pixels = np.stack([image for image, _ in pictures[first : first + _BATCH]])
            x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
            log_p: Tensor = self._network(x).log_softmax(1).double()
            each = [
                log_p[:, own].logsumexp(1) if own else torch.zeros(len(x), dtype=torch.float64)
                for own in self._places
            ]
            found.append(torch.stack(each, 1).numpy())
        return np.concatenate(found)


class ImageNetClassifier(nn.Module):
    """EfficientNet-Lite0 with its classifier, and the ImageNet weights.

    Raises:
        DagenError: the weights are missing or damaged.
    """

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            self.encoder = EfficientNetLite(15)
            self.head = nn.Conv2d(320, 1280, 1, bias=False)
            self.norm = nn.BatchNorm2d(1280, eps=EPS)
            self.classes = nn.Linear(1280, 1000)
        load_imagenet(self.encoder)
        given = EFFICIENTNET_LITE0.load()
        for layer, name in (
            (self.head, "_conv_head."),
            (self.norm, "_bn1."),
            (self.classes, "_fc."),
        ):
            own = {k.removeprefix(name): v for k, v in given.items() if k.startswith(name)}
            layer.load_state_dict(own)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1], sides multiples of 32 -> (B, 1000) logits."""
        deep = self.encoder((image - PIXEL_MEAN) / PIXEL_STD)[32]
        out: Tensor = self.classes(F.relu6(self.norm(self.head(deep))).mean((2, 3)))
        return out


def categories() -> list[str]:
    """The names of ImageNet's 1,000 categories, as torchvision has them."""
    from torchvision.models import EfficientNet_B0_Weights

    found: list[str] = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]
    return found


def joined(p: NDArray[np.float64], scores: Scores, usual: NDArray[np.float64]) -> Scores:
    """Class probabilities of regions from the probe's and the words', (N, C).

    Args:
        p: (N, C) the probe's probabilities.
        scores: (N, C) what the words say.
        usual: (C,) mean of the scores over the target's regions.
    """
    grown = p * np.exp(WEIGHT * (scores - usual))
    return np.asarray(grown / grown.sum(1, keepdims=True))
