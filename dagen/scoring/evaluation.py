"""A network on a data set: one confusion matrix at the labels' own resolution."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from dagen.datasets.base import Dataset
from dagen.datasets.loading import transforms
from dagen.datasets.loading.opening import open_dataset
from dagen.datasets.loading.transforms import Pixels, to_tensor
from dagen.models.base import Network, upsample
from dagen.runs.runtime import Runtime
from dagen.scoring.metrics import Scores
from dagen.system.progress import Progress
from dagen.types import Task


@torch.inference_mode()
def probabilities(network: nn.Module, image: Pixels, size: tuple[int, int]) -> Tensor:
    """Class probabilities of one image at its own resolution.

    Args:
        network: in evaluation mode.
        image: (H, W, 3) uint8 RGB.
        size: height and width in pixels that the network's input covers.

    Returns:
        (C, H, W) float32 on the network's device.
    """
    shape = (image.shape[0], image.shape[1])
    multiple = int(getattr(network, "multiple", Network.multiple))
    fitted = transforms.cover(shape, size, multiple)
    device = next(network.parameters()).device
    pixels = to_tensor(transforms.resize(image, fitted))[None].to(
        device, memory_format=torch.channels_last
    )
    logits = upsample(network(pixels).logits.float(), shape)
    return logits[0].softmax(0)


def evaluate(
    network: nn.Module,
    dataset: Dataset,
    size: tuple[int, int],
    *,
    on_image: Callable[[], None] = lambda: None,
) -> Scores:
    """Score ``network`` on every image of ``dataset``.

    Args:
        network: put in evaluation mode here and left so.
        dataset: with labels, of the network's task.
        size: height and width in pixels that the network's input covers.
        on_image: called after each image.
    """
    network.eval()
    scores = Scores(dataset.task)
    for index in range(len(dataset)):
        label = torch.from_numpy(dataset.label(index)).long()
        scores.update(probabilities(network, dataset.image(index), size).cpu(), label)
        on_image()
    return scores


logger = logging.getLogger("dagen")


def scores_of(
    network: nn.Module,
    names: Sequence[str],
    task: Task,
    size: tuple[int, int],
    runtime: Runtime,
    progress: Progress,
    around: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),
) -> dict[str, dict[str, float]]:
    """The figures of a network on the ``val`` split of each data set that has labels.

    Args:
        network: on the device where it is to run.
        names: the data sets.
        task: the network's.
        size: height and width in pixels that its input covers.
        runtime: where the data lie.
        progress: shows a bar for each data set.
        around: context of the scoring on a data set.
    """
    scores: dict[str, dict[str, float]] = {}
    for name in names:
        dataset = open_dataset(name, "val", task, runtime.data_root)
        if not dataset.has_labels:
            logger.warning("%s has no labels here; it is not scored.", name)
            continue
        bar = progress.task(f"scoring on {name}", len(dataset))
        with around(name):
            scores[name] = evaluate(network, dataset, size, on_image=bar.advance).to_dict()
    return scores
