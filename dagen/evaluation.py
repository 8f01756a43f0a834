"""A network on a data set: one confusion matrix at the labels' own resolution."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dagen import transforms
from dagen.datasets.base import Dataset
from dagen.loaders import to_tensor
from dagen.metrics import Scores
from dagen.models.base import Network, upsample
from dagen.transforms import Pixels


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
