"""The predictor that runs a PyTorch network."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from dagen.datasets.loading import transforms
from dagen.datasets.loading.transforms import to_tensor
from dagen.models.base import Network, upsample
from dagen.models.deployed.file import load_deployed
from dagen.runs.starts import require_scored
from dagen.scoring.predictor import Observation, Probabilities
from dagen.types import Image, SegOut, Task

_CPU = torch.device("cpu")


class TorchPredictor:
    """A network that segments one image at a time.

    Attributes:
        network: the network, in evaluation mode; it runs on the device of its parameters.
        name: see :class:`dagen.scoring.predictor.Predictor`, also for the others.
        task: the task that it segments.
        size: height and width in pixels that its input covers.
        bytes: size of the deployed file that it was read from, or None.
    """

    def __init__(
        self,
        network: Network,
        task: Task,
        size: tuple[int, int],
        *,
        name: str = "network",
        bytes: int | None = None,
    ) -> None:
        """Wrap a network, which is put into evaluation mode.

        Args:
            network: a network with as many classes as the task; it is not copied.
            task: the task that it segments.
            size: height and width in pixels that its input covers.
            name: name of the network.
            bytes: size of its deployed file, if it has one.
        """
        self.network = network.eval()
        self.name = name
        self.task = task
        self.size = size
        self.bytes = bytes

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        size: tuple[int, int] | None = None,
        device: torch.device = _CPU,
        start: bool = False,
    ) -> TorchPredictor:
        """The network of a deployed file.

        Args:
            path: a safetensors file that dagen wrote.
            size: height and width in pixels that the input covers; None is the network's own.
            device: device to run on.
            start: whether a network that is pre-trained only will do.

        Raises:
            UsageError: the network is pre-trained only.
            DagenError: the file is missing, damaged, or not written by dagen.
        """
        path = Path(path)
        network, card = load_deployed(path)
        if not start:
            require_scored(path, card)
        return cls(
            network.to(device),
            card.kind,
            card.size if size is None else size,
            name=card.model,
            bytes=path.stat().st_size,
        )

    def __call__(self, image: Image) -> Probabilities:
        """See :meth:`dagen.scoring.predictor.Predictor.__call__`."""
        return at_image_size(self._forward(image).logits, image.shape[:2])

    def observe(self, image: Image) -> Observation:
        """See :meth:`dagen.scoring.predictor.Observer.observe`."""
        out = self._forward(image)
        features = out.features[0].float().cpu().numpy()
        return Observation(at_image_size(out.logits, image.shape[:2]), features)

    @property
    def feature_channels(self) -> int:
        """See :attr:`dagen.scoring.predictor.Observer.feature_channels`."""
        return self.network.feature_channels

    def feature_shape(self, shape: tuple[int, int]) -> tuple[int, int]:
        """See :meth:`dagen.scoring.predictor.Observer.feature_shape`."""
        height, width = transforms.cover(shape, self.size, self.network.multiple)
        stride = self._feature_stride
        return height // stride, width // stride

    @cached_property
    @torch.inference_mode()
    def _feature_stride(self) -> int:
        """Input pixels per feature, which no network declares."""
        side = 4 * self.network.multiple
        device = next(self.network.parameters()).device
        features: Tensor = self.network(torch.zeros(1, 3, side, side, device=device)).features
        return side // features.shape[2]

    @torch.inference_mode()
    def _forward(self, image: Image) -> SegOut:
        shape = (image.shape[0], image.shape[1])
        fitted = transforms.cover(shape, self.size, self.network.multiple)
        device = next(self.network.parameters()).device
        pixels = to_tensor(transforms.resize(image, fitted))[None]
        out: SegOut = self.network(pixels.to(device, memory_format=torch.channels_last))
        return out


@torch.inference_mode()
def at_image_size(logits: Tensor, shape: tuple[int, ...]) -> Probabilities:
    """Class probabilities of one image at its own size.

    Args:
        logits: (1, C, h, w) at a network's stride, on any device and in any precision.
        shape: height and width of the image in pixels.
    """
    height, width = shape
    found = upsample(logits.float(), (height, width))[0].softmax(0)
    probabilities: Probabilities = found.cpu().numpy()
    return probabilities
