"""The contract of a validator, which judges checkpoints without target labels.

A validator is one file with one public :class:`Validator`. It sees a checkpoint's predictions for a
few images, the same for every checkpoint of a run: unlabelled target training images, and labelled
images of the source's ``val`` split. Higher scores are always better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from dagen.errors import DagenError
from dagen.models.base import upsample
from dagen.scoring.predictor import Observer, Predictor
from dagen.system.seeding import hash_seed
from dagen.types import Domain, Task, View

_T = TypeVar("_T")
_CHUNK = 8  # images per pass: few enough for a small device


class NotApplicable(DagenError):
    """A validator cannot judge this checkpoint; the message says why."""


@dataclass(frozen=True)
class Probes:
    """The images that every checkpoint of a run predicts, on the CPU.

    Attributes:
        task: what is segmented.
        target: (N, 3, H, W) target training images; None without a target.
        source: images of the source's ``val`` split with their labels, both of one size; None
            without labels.
        seed: seed of everything that validators draw.
    """

    task: Task
    target: Tensor | None
    source: View | None
    seed: int = 0

    @property
    def domains(self) -> frozenset[Domain]:
        """The domains that have images."""
        have: dict[Domain, object] = {"source": self.source, "target": self.target}
        return frozenset(domain for domain, pictures in have.items() if pictures is not None)


class Answer(NamedTuple):
    """A checkpoint's output for some images, on the CPU."""

    probability: Tensor
    """(N, C, H, W) float32 at the images' own size."""
    seen: Tensor | None
    """(N, D, h, w) float32, the features; None if the predictor shows none."""

    @property
    def features(self) -> Tensor:
        """(N, D, h, w) float32.

        Raises:
            NotApplicable: the predictor shows none.
        """
        if self.seen is None:
            raise NotApplicable("this validator needs features, and the predictor shows none.")
        return self.seen

    @property
    def prediction(self) -> Tensor:
        """(N, H, W) int64 class ids."""
        return self.probability.argmax(1)


class Evidence:
    """One checkpoint's outputs for the probes; each is computed once, on first use.

    Attributes:
        probes: the images.
        forwards: number of images forwarded so far, the cost of validation.
    """

    def __init__(
        self,
        network: nn.Module | Predictor,
        probes: Probes,
        scoring: Callable[[Domain], AbstractContextManager[None]] = lambda domain: nullcontext(),
    ) -> None:
        """Forward nothing yet.

        Args:
            network: the checkpoint, as it would be deployed; put in evaluation mode. Or a
                predictor, such as one of an exported file; it is given images of 8 bits.
            probes: the images.
            scoring: makes a context in which the network uses a domain's batch-norm statistics.
        """
        self.probes = probes
        self.forwards = 0
        self._network = network.eval() if isinstance(network, nn.Module) else network
        self._scoring = scoring
        self._memo: dict[str, Any] = {}

    @property
    def target_images(self) -> Tensor:
        """(N, 3, H, W), without labels."""
        if self.probes.target is None:
            raise RuntimeError("a validator used the target without naming it in domains")
        return self.probes.target

    @property
    def source_label(self) -> Tensor:
        """(N, H, W) int64, 255 is ignored."""
        label = self._source.label
        assert label is not None
        return label

    @property
    def target(self) -> Answer:
        """The output for the target images."""
        return self.once("target", lambda: self.ask(self.target_images, "target"))

    @property
    def source(self) -> Answer:
        """The output for the source images."""
        return self.once("source", lambda: self.ask(self._source.image, "source"))

    @torch.no_grad()
    def ask(self, image: Tensor, domain: Domain) -> Answer:
        """The output for other images (changed, mixed ...).

        Args:
            image: (N, 3, H, W) in [0, 1] of the probes' size.
            domain: domain whose batch-norm statistics are used.
        """
        self.forwards += len(image)
        if not isinstance(self._network, nn.Module):
            return _asked(self._network, image)
        device = next(self._network.parameters()).device
        size = (image.shape[-2], image.shape[-1])
        probabilities, features = [], []
        with self._scoring(domain):
            for some in image.split(_CHUNK):
                out = self._network(some.to(device, memory_format=torch.channels_last))
                probabilities.append(upsample(out.logits.float(), size).softmax(1).cpu())
                features.append(out.features.float().cpu())
        return Answer(torch.cat(probabilities), torch.cat(features))

    def once(self, key: str, compute: Callable[[], _T]) -> _T:
        """``compute()``, remembered under ``key``."""
        if key not in self._memo:
            self._memo[key] = compute()
        value: _T = self._memo[key]
        return value

    def generator(self, name: str) -> torch.Generator:
        """A CPU generator that depends on the run's seed and ``name`` alone."""
        return torch.Generator().manual_seed(hash_seed(self.probes.seed, 0, f"validator/{name}"))

    @property
    def _source(self) -> View:
        if self.probes.source is None:
            raise RuntimeError("a validator used the source without naming it in domains")
        return self.probes.source


def _asked(predictor: Predictor, images: Tensor) -> Answer:
    """A predictor's answer for (N, 3, H, W) in [0, 1], rounded to 8 bits."""
    probabilities, features = [], []
    for pixels in (images * 255).round().byte().permute(0, 2, 3, 1).numpy():
        image = np.ascontiguousarray(pixels)
        if isinstance(predictor, Observer):
            answer = predictor.observe(image)
            features.append(torch.from_numpy(answer.features))
            probabilities.append(torch.from_numpy(answer.probabilities))
        else:
            probabilities.append(torch.from_numpy(predictor(image)))
    return Answer(torch.stack(probabilities), torch.stack(features) if features else None)


class Validator:
    """Base of every validator.

    Most score each checkpoint by itself (:meth:`score`). Those that compare checkpoints with
    each other override :meth:`look` and :meth:`compare`.

    Attributes:
        paper: short reference, such as ``"Saito et al., ICCV 2021"``.
        domains: the domains whose images it uses.
    """

    paper: ClassVar[str] = ""
    domains: ClassVar[frozenset[Domain]] = frozenset({"target"})

    def score(self, evidence: Evidence) -> float:
        """The score of one checkpoint, higher is better.

        Raises:
            NotApplicable: it cannot judge this checkpoint.
        """
        raise NotImplementedError

    def look(self, evidence: Evidence) -> Any:
        """The facts about one checkpoint that :meth:`compare` needs.

        Raises:
            NotApplicable: it cannot judge this checkpoint.
        """
        return evidence.once(f"score/{type(self).__name__}", lambda: self.score(evidence))

    def compare(self, looks: Sequence[Any]) -> list[float]:
        """The scores of all checkpoints, from what :meth:`look` found in each."""
        return list(looks)
