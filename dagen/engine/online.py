"""Test-time adaptation: a network that learns from the stream of images that it predicts.

There is one pass over the stream. Each batch is predicted first (before the strategy's step) and
then learnt from, so that every image is scored by a network that has never learnt from it. The
stream is the target's ``val`` split in the data set's order, the images on which other runs are
scored. Labels are opened for scoring only, and may be missing.

A batch has up to ``batch`` consecutive images that are scored at one size; where the size changes
(a portrait after a landscape photograph) it ends early. The order is never changed.

The settings ``steps``, ``lr``, ``warmup``, ``power``, ``clip``, ``zoom``, ``augment``,
``weight_decay``, ``batch_norm``, ``freeze_batch_norm`` and ``candidates`` belong to training runs
and have no effect here: a strategy has its own learning rate and batch norm, and the stream
determines the number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dagen.datasets.base import Dataset
from dagen.datasets.loading import transforms
from dagen.datasets.loading.transforms import to_tensor
from dagen.engine.loop import Hooks, sigterm
from dagen.engine.stack import Stack
from dagen.engine.states import load_state, save_state
from dagen.errors import DagenError, Stopped
from dagen.scoring.evaluation import count
from dagen.scoring.metrics import Scores
from dagen.scoring.predictor import Probabilities
from dagen.scoring.torch_predictor import at_image_size
from dagen.system.seeding import hash_seed
from dagen.types import Batch, View


@dataclass(frozen=True)
class Group:
    """Consecutive images that are predicted together.

    Attributes:
        indices: their positions in the data set.
        image: (B, 3, H, W) float32 in [0, 1], at the size at which they are scored.
        shapes: their original heights and widths in pixels.
    """

    indices: tuple[int, ...]
    image: Tensor
    shapes: tuple[tuple[int, int], ...]


def groups(
    dataset: Dataset, size: tuple[int, int], batch: int, multiple: int, start: int = 0
) -> Iterator[Group]:
    """A data set as a stream, from image ``start`` on.

    Args:
        dataset: its images are read one after the other, never its labels.
        size: height and width in pixels that each image covers.
        batch: largest number of images in a group.
        multiple: both sides of an image become multiples of this.
        start: index of the first image; the groups are those of a whole pass if one of them starts
            there.
    """
    waiting: list[tuple[int, Tensor, tuple[int, int]]] = []
    for index in range(start, len(dataset)):
        pixels = dataset.image(index)
        shape = (pixels.shape[0], pixels.shape[1])
        image = to_tensor(transforms.resize(pixels, transforms.cover(shape, size, multiple)))
        if waiting and image.shape != waiting[0][1].shape:
            yield _group(waiting)
            waiting = []
        waiting.append((index, image, shape))
        if len(waiting) == batch:
            yield _group(waiting)
            waiting = []
    if waiting:
        yield _group(waiting)


def _group(items: list[tuple[int, Tensor, tuple[int, int]]]) -> Group:
    indices, images, shapes = zip(*items, strict=True)
    return Group(indices, torch.stack(images), shapes)


class Learner:
    """A network with an online strategy: called with images, it predicts, then learns from them.

    Attributes:
        stack: the student and the strategy.
        optimizers: the strategy's optimisers.
        step: number of batches seen so far.
        figures: loss terms and logged values of the last step, by name.
    """

    def __init__(self, stack: Stack, device: torch.device) -> None:
        """Wrap a stack, which is changed in place.

        Args:
            stack: a stack with an online strategy.
            device: device of the images.
        """
        self.stack = stack.to(device).to(memory_format=torch.channels_last).eval()
        self.optimizers = stack.optimizers()
        self.device = device
        self.step = 0
        self.figures: dict[str, float] = {}

    def __call__(self, image: Tensor, names: Sequence[str] = ()) -> Tensor:
        """One step.

        Args:
            image: (B, 3, H, W) float32 in [0, 1], sides multiples of the network's.
            names: names of the images, for error messages.

        Returns:
            (B, C, h, w) logits from before the step.

        Raises:
            DagenError: a loss is not finite.
        """
        torch.manual_seed(hash_seed(self.stack.setting.seed, self.step, "online"))
        view = View(image, torch.arange(len(image))).to(self.device)
        logits, losses, metrics = self.stack.answer(Batch(target=view), self.step)
        total = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(total):
            bad = [name for name, value in losses.items() if not value.isfinite()]
            raise DagenError(
                f"step {self.step}: {', '.join(bad)} is not finite (batch: {', '.join(names)}). "
                f"Lower {self.stack.declared.online}.lr, or check these files."
            )
        total.backward()
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.stack.after_step(self.step)
        self.step += 1
        self.figures = {
            name: float(value.detach())
            for name, value in {"loss": total, **losses, **metrics}.items()
        }
        return logits

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {
            "step": self.step,
            "stack": self.stack.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a state."""
        self.step = state["step"]
        self.stack.load_state_dict(state["stack"])
        for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)


def answers(
    stream: Iterable[Group], respond: Callable[[Tensor], Tensor]
) -> Iterator[tuple[int, Probabilities]]:
    """The predictions of ``respond`` for each image of a stream.

    Args:
        stream: the images.
        respond: maps images (B, 3, H, W) to logits (B, C, h, w).

    Yields:
        The image's position and its class probabilities (C, H, W) at its own size.
    """
    for group in stream:
        logits = respond(group.image)
        for i, (index, shape) in enumerate(zip(group.indices, group.shapes, strict=True)):
            yield index, at_image_size(logits[i : i + 1], shape)


def adapt(
    learner: Learner,
    dataset: Dataset,
    size: tuple[int, int],
    batch: int,
    folder: Path,
    hooks: Hooks | None = None,
) -> Scores | None:
    """Adapt to a data set, image by image, from the newest state in ``folder`` if there is one.

    Args:
        learner: the learner, changed in place.
        dataset: the stream; labels are read if it has them.
        size: height and width in pixels that the network's input covers.
        batch: largest number of images that are predicted together.
        folder: folder for states.
        hooks: progress and logging; a step is an image.

    Returns:
        The scores of all predictions; None without labels.

    Raises:
        DagenError: a loss is not finite, or an image or label is damaged.
        Stopped: SIGTERM came; the state is saved.
    """
    hooks = hooks or Hooks()
    scores, done = Scores(dataset.task), 0
    if (state := load_state(folder)) is not None:
        learner.load_state_dict(state["learner"])
        scores.confusion, scores.calibration = state["confusion"], state["calibration"]
        done = state["done"]
    hooks.on_resume(done)
    multiple = int(getattr(learner.stack.student, "multiple", 1))
    with sigterm() as asked_to_stop:
        for group in groups(dataset, size, batch, multiple, done):
            names = [dataset.name(index) for index in group.indices]
            for index, probabilities in answers([group], partial(learner, names=names)):
                if dataset.has_labels:
                    count(scores, [(probabilities, dataset.label(index))])
            before, done = done, done + len(group.indices)
            hooks.on_step(done, learner.figures)
            stopping = bool(asked_to_stop) and done < len(dataset)
            if stopping or done // hooks.save_every > before // hooks.save_every:
                kept = {"confusion": scores.confusion, "calibration": scores.calibration}
                state = {"learner": learner.state_dict(), "done": done, **kept}
                save_state(folder, done, state)
            if stopping:
                raise Stopped(
                    f"stopped after image {done} of {len(dataset)}; resume by running it again."
                )
    return scores if dataset.has_labels else None


@torch.no_grad()
def score_normalised(
    stack: Stack, network: nn.Module, dataset: Dataset, size: tuple[int, int], batch: int
) -> Scores:
    """Scores on the same stream of a network that adapts its batch norm but learns nothing.

    Args:
        stack: stack whose online strategy normalises.
        network: the unchanged network, in evaluation mode.
        dataset: a data set with labels.
        size: see :func:`adapt`.
        batch: see :func:`adapt`.
    """
    scores, device = Scores(dataset.task), next(network.parameters()).device
    multiple = int(getattr(network, "multiple", 1))

    def respond(image: Tensor) -> Tensor:
        logits: Tensor = network(image.to(device, memory_format=torch.channels_last)).logits
        return logits

    with stack.online_part.normalised(network):
        answered = answers(groups(dataset, size, batch, multiple), respond)
        count(scores, ((p, dataset.label(index)) for index, p in answered))
    return scores
