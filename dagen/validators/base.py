"""The contract of a validator: how good a checkpoint is, told without a target label.

A validator is one file with one public :class:`Validator`. It sees what a checkpoint says of a
few pictures, the same for every checkpoint of a run: unlabelled target training images, and
labelled images of the source's ``val`` split. Higher is better, always.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from dagen.errors import DagenError
from dagen.models.base import upsample
from dagen.system.seeding import hash_seed
from dagen.types import Domain, Task, View

_T = TypeVar("_T")
_CHUNK = 8  # images a pass: what a small device holds


class NotApplicable(DagenError):
    """A validator has nothing to say of this checkpoint; the message says why."""


@dataclass(frozen=True)
class Probes:
    """The pictures that every checkpoint of a run is shown, on the CPU.

    Attributes:
        task: what is segmented.
        target: (N, 3, H, W) target training images; None where the run names no target.
        source: images of the source's ``val`` split with their labels, both of one size; None
            where there are no labels.
        seed: of everything that validators draw.
    """

    task: Task
    target: Tensor | None
    source: View | None
    seed: int = 0

    @property
    def domains(self) -> frozenset[Domain]:
        """The domains of which there are pictures."""
        have: dict[Domain, object] = {"source": self.source, "target": self.target}
        return frozenset(domain for domain, pictures in have.items() if pictures is not None)


class Answer(NamedTuple):
    """What a checkpoint says of some images, on the CPU."""

    probability: Tensor
    """(N, C, H, W) float32 at the images' own size."""
    features: Tensor
    """(N, D, h, w) float32."""

    @property
    def prediction(self) -> Tensor:
        """(N, H, W) int64 class ids."""
        return self.probability.argmax(1)


class Evidence:
    """One checkpoint before the probes; each figure is computed once, on first use.

    Attributes:
        probes: the pictures.
        forwards: images that the network has seen so far, which is what validation costs.
    """

    def __init__(
        self,
        network: nn.Module,
        probes: Probes,
        scoring: Callable[[Domain], AbstractContextManager[None]] = lambda domain: nullcontext(),
    ) -> None:
        """Show nothing yet.

        Args:
            network: the checkpoint, as it would be deployed; put in evaluation mode.
            probes: the pictures.
            scoring: within, the network is ready for a domain (its batch-norm statistics).
        """
        self.probes = probes
        self.forwards = 0
        self._network = network.eval()
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
        """The answer to the target images."""
        return self.once("target", lambda: self.ask(self.target_images, "target"))

    @property
    def source(self) -> Answer:
        """The answer to the source images."""
        return self.once("source", lambda: self.ask(self._source.image, "source"))

    @torch.no_grad()
    def ask(self, image: Tensor, domain: Domain) -> Answer:
        """The answer to other images (changed, mixed ...).

        Args:
            image: (N, 3, H, W) in [0, 1] of the probes' size.
            domain: whose batch-norm statistics serve.
        """
        device = next(self._network.parameters()).device
        size = (image.shape[-2], image.shape[-1])
        probabilities, features = [], []
        with self._scoring(domain):
            for some in image.split(_CHUNK):
                out = self._network(some.to(device, memory_format=torch.channels_last))
                probabilities.append(upsample(out.logits.float(), size).softmax(1).cpu())
                features.append(out.features.float().cpu())
        self.forwards += len(image)
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


class Validator:
    """Base of every validator.

    Most score each checkpoint by itself (:meth:`score`). Those that compare checkpoints with
    each other override :meth:`look` and :meth:`compare`.

    Attributes:
        paper: short reference, such as ``"Saito et al., ICCV 2021"``.
        domains: the domains whose pictures it looks at.
    """

    paper: ClassVar[str] = ""
    domains: ClassVar[frozenset[Domain]] = frozenset({"target"})

    def score(self, evidence: Evidence) -> float:
        """The score of one checkpoint, higher is better.

        Raises:
            NotApplicable: it has nothing to say of this checkpoint.
        """
        raise NotImplementedError

    def look(self, evidence: Evidence) -> Any:
        """What :meth:`compare` needs to know of one checkpoint.

        Raises:
            NotApplicable: it has nothing to say of this checkpoint.
        """
        return evidence.once(f"score/{type(self).__name__}", lambda: self.score(evidence))

    def compare(self, looks: Sequence[Any]) -> list[float]:
        """The scores of all checkpoints, from what :meth:`look` found in each."""
        return list(looks)
