"""A stream of target images, and a network with batch norm that knows the source."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from dagen.engine.online import Learner
from dagen.scoring.metrics import Scores
from dagen.types import Task
from tests.methods.shift import CELL, SIZE, Drift, train, views
from tests.toy import ToyNetwork, setting, stacked

CPU = torch.device("cpu")
SHIFT = Drift(brighter=0.35)


def known() -> ToyNetwork:
    """A copy of a ToyNetwork that was trained on the source alone, ready to predict."""
    network = ToyNetwork(2)
    network.load_state_dict(_trained())
    return network.eval()


@cache
def _trained() -> dict[str, Tensor]:
    torch.manual_seed(0)
    stack = train(["supervised"], {}, Drift(), network=ToyNetwork(2))
    return {key: value.clone() for key, value in stack.student.state_dict().items()}


def learner(name: str, *, images: int = 64, **config: Any) -> Learner:
    """A learner that starts from :func:`known`, for a stream of so many images."""
    facts = replace(setting(size=(SIZE, SIZE)), stream_images=images)
    return Learner(stacked(known(), [name], {name: config}, facts), CPU)


def images(count: int, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """``count`` images of the target in batches, and their labels."""
    view, label = views(77, SHIFT, count=count)
    assert view.target is not None
    yield from zip(view.target.image.split(batch), label.split(batch), strict=True)


def plain(network: ToyNetwork) -> Callable[[Tensor], Tensor]:
    """A network that learns nothing."""

    def respond(image: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = network(image).logits
        return logits

    return respond


def score(
    respond: Callable[[Tensor], Tensor], *, count: int = 64, batch: int = 4, skip: int = 0
) -> float:
    """Waste IoU of what is predicted for the stream, without its first ``skip`` images."""
    scores, seen = Scores(Task.BINARY), 0
    for image, label in images(count, batch):
        probability = respond(image).softmax(1)
        probability = probability.repeat_interleave(CELL, 2).repeat_interleave(CELL, 3)
        for one, truth in zip(probability, label, strict=True):
            if seen >= skip:
                scores.update(one, truth)
            seen += 1
    return scores.waste_iou


def gap_closed(name: str, *, batch: int = 4, **config: Any) -> float:
    """Share of the way from the checkpoint to a faultless score, in the second half of a stream."""
    before = score(plain(known()), batch=batch, skip=32)
    assert before < 0.85, "the shift opens no gap"
    return (score(learner(name, **config), batch=batch, skip=32) - before) / (1 - before)


def beyond_statistics(name: str, *, batch: int = 4, **config: Any) -> float:
    """What learning gains over batch-norm statistics alone, in IoU."""
    part = learner(name, **config).stack.online_part
    network = known()
    with part.normalised(network):
        statistics = score(plain(network), batch=batch, skip=32)
    return score(learner(name, **config), batch=batch, skip=32) - statistics


def moved(name: str, *, batch: int = 4, count: int = 64, **config: Any) -> float:
    """Share of the stream's pixels that have another class than with batch norm alone."""
    part, changed = learner(name, images=count, **config), []
    for image, _ in images(count, batch):
        plain = part.unlearned(image).argmax(1)
        changed.append((part(image).argmax(1) != plain).float().mean())
    return float(torch.stack(changed).mean())
