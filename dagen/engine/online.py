"""Test-time adaptation: a network that learns from the stream of images that it predicts.

There is one pass over the stream. Each batch is predicted first (before the strategy's step) and
then learnt from, so that every image is scored by a network that has never learnt from it. The
stream is the target's ``val`` split in the data set's order, the images on which other runs are
scored. Labels are opened for scoring only, and may be missing. A strategy may first pass over the
target's ``train`` split, whose labels are never opened.

The same stream is predicted by the unchanged network with the strategy's batch norm, so that the
run can say how many pixels it is that learning has changed.

A batch has up to ``batch`` consecutive images that are scored at one size; where the size changes
(a portrait after a landscape photograph) it ends early. The order is never changed.

The settings ``steps``, ``lr``, ``warmup``, ``power``, ``clip``, ``zoom``, ``augment``,
``weight_decay``, ``batch_norm``, ``freeze_batch_norm``, ``sync_batch_norm`` and ``candidates``
belong to training runs and have no effect here: a strategy has its own learning rate and batch
norm, and the stream determines the number of steps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dagen.datasets.base import Dataset
from dagen.datasets.loading import transforms
from dagen.datasets.loading.transforms import to_tensor
from dagen.engine.answers import Answers
from dagen.engine.loop import Hooks
from dagen.engine.stack import Stack
from dagen.engine.states import load_state, save_state
from dagen.errors import DagenError, Stopped
from dagen.scoring.predictor import Probabilities
from dagen.scoring.torch_predictor import at_image_size
from dagen.system.seeding import hash_seed
from dagen.system.stopping import asked_to_stop
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
        given: the network as it was before the first step; it never learns.
    """

    def __init__(self, stack: Stack, device: torch.device) -> None:
        """Wrap a stack, which is changed in place.

        Args:
            stack: a stack with an online strategy.
            device: device of the images.
        """
        self.stack = stack.to(device).to(memory_format=torch.channels_last).eval()
        self.given = copy.deepcopy(stack.student).requires_grad_(False)
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

    @torch.no_grad()
    def unlearned(self, image: Tensor) -> Tensor:
        """The logits of :attr:`given` with the strategy's batch norm, as in :meth:`__call__`."""
        with self.stack.online_part.normalised(self.given):
            image = image.to(self.device, memory_format=torch.channels_last)
            logits: Tensor = self.given(image).logits
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
    before: Sequence[Dataset] = (),
) -> Answers:
    """Adapt to a data set, image by image, from the newest state in ``folder`` if there is one.

    Args:
        learner: the learner, changed in place.
        dataset: the stream; labels are read if it has them.
        size: height and width in pixels that the network's input covers.
        batch: largest number of images that are predicted together.
        folder: folder for states.
        hooks: progress and logging; a step is an image.
        before: passes before the stream, whose labels are never read.

    Returns:
        What is known of all predictions for ``dataset``.

    Raises:
        DagenError: a loss is not finite, or an image or label is damaged.
        Stopped: SIGTERM or Ctrl-C came; the state is saved.
    """
    hooks = hooks or Hooks()
    found, done = Answers.of(dataset), 0
    if (state := load_state(folder)) is not None:
        learner.load_state_dict(state["learner"])
        found.load_state_dict(state["answers"])
        done = state["done"]
    hooks.on_resume(done)
    multiple = int(getattr(learner.stack.student, "multiple", 1))
    total = sum(map(len, (*before, dataset)))
    with asked_to_stop() as came:
        for images, group in _in_turn((*before, dataset), size, batch, multiple, done):
            names = [images.name(index) for index in group.indices]
            respond = partial(learner, names=names)
            if images is dataset:
                pairs = (answers([group], respond), answers([group], learner.unlearned))
                for (index, learnt), (_, plain) in zip(*pairs, strict=True):
                    found.add(dataset, index, learnt, plain)
            else:
                respond(group.image)
            earlier, done = done, done + len(group.indices)
            hooks.on_step(done, learner.figures)
            stopping = bool(came) and done < total
            if stopping or done // hooks.save_every > earlier // hooks.save_every:
                kept = {"learner": learner.state_dict(), "answers": found.state_dict()}
                save_state(folder, done, {**kept, "done": done})
            if stopping:
                raise Stopped(
                    f"stopped after image {done} of {total}; resume by running it again.", came[0]
                )
    return found


def _in_turn(
    datasets: Sequence[Dataset], size: tuple[int, int], batch: int, multiple: int, start: int
) -> Iterator[tuple[Dataset, Group]]:
    """The groups of all data sets, one after the other, without the first ``start`` images."""
    for dataset in datasets:
        skipped = min(start, len(dataset))
        start -= skipped
        for group in groups(dataset, size, batch, multiple, skipped):
            yield dataset, group
