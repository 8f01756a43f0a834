"""Connected objects of label images, and the colour jitter and blur after mixing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dagen.methods.shared.pseudo import draw
from dagen.types import IGNORE

_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_REACH = 4
"""Half width of the blur's kernel in pixels, more than 3 times the largest sigma."""


@dataclass(frozen=True)
class Objects:
    """The connected objects of a batch of labels, numbered through the batch from 0.

    Attributes:
        number: (B, H, W) int64 on the label's device, the object's number + 1, or 0 for none.
        image: (N,) int64, index of the image in the batch; on the CPU, like the next two.
        label: (N,) int64, class id.
        centre: (N, 2) float32, x and y of the box's centre, in pixels from the image's centre.
    """

    number: Tensor
    image: Tensor
    label: Tensor
    centre: Tensor

    def __len__(self) -> int:
        return len(self.image)


def find_objects(label: Tensor, smallest: int = 16) -> Objects:
    """Connected regions (8 neighbours) of one foreground class each.

    Args:
        label: (B, H, W) int64.
        smallest: regions of fewer pixels are left out; ragged masks contain such specks.
    """
    ids = label.to("cpu", torch.uint8).numpy()
    height, width = ids.shape[1:]
    number = np.zeros(ids.shape, np.int64)
    rows: list[tuple[int, int]] = []
    centres: list[tuple[float, float]] = []
    for b, one in enumerate(ids):
        present = np.flatnonzero(np.bincount(one.ravel(), minlength=IGNORE + 1))
        for c in present[(present != 0) & (present != IGNORE)]:
            count, region, stats, _ = cv2.connectedComponentsWithStats((one == c).view(np.uint8))
            known = np.zeros(count, np.int64)
            for i in range(1, count):
                left, top, w, h, area = (int(v) for v in stats[i])
                if area >= smallest:
                    rows.append((b, int(c)))
                    centres.append((left + (w - width) / 2, top + (h - height) / 2))
                    known[i] = len(rows)
            number[b] += known[region]
    image, classes = torch.tensor(rows, dtype=torch.int64).reshape(-1, 2).T
    return Objects(
        number=torch.from_numpy(number).to(label.device),
        image=image,
        label=classes,
        centre=torch.tensor(centres).reshape(-1, 2),
    )


def half_of_the_objects(objects: Objects, generator: torch.Generator) -> Tensor:
    """Half of each image's objects: ClassMix for tasks with one foreground class.

    Half is rounded up, as for classes in :func:`dagen.ops.class_mix`.

    Returns:
        (B, 1, H, W) bool, True where an object was chosen.
    """
    chosen = torch.zeros(len(objects) + 1, dtype=torch.bool)
    for b in range(len(objects.number)):
        own = (objects.image == b).nonzero()[:, 0]
        order = torch.randperm(len(own), generator=generator)
        chosen[own[order[: (len(own) + 1) // 2]] + 1] = True
    return chosen.to(objects.number.device)[objects.number][:, None]


def colour_maps(count: int, jitter: float, hue: float, generator: torch.Generator) -> Tensor:
    """Linear maps of RGB vectors that change brightness, saturation and hue, (count, 3, 3).

    Brightness and saturation are multiplied by U(1 - jitter, 1 + jitter); the hue is rotated by
    U(-hue, hue) of a circle in the colour plane of YIQ. All three are one matrix product.
    """
    gain = draw((count, 1, 1), 1 - jitter, 1 + jitter, generator)
    saturation = draw((count,), 1 - jitter, 1 + jitter, generator)
    angle = draw((count,), -hue, hue, generator) * 2 * math.pi
    turn = torch.eye(3).repeat(count, 1, 1)
    turn[:, 1, 1] = turn[:, 2, 2] = saturation * angle.cos()
    turn[:, 1, 2] = -saturation * angle.sin()
    turn[:, 2, 1] = saturation * angle.sin()
    return gain * (_YIQ.inverse() @ turn @ _YIQ)


def disturb(
    image: Tensor,
    generator: torch.Generator,
    *,
    jitter: float,
    jitter_p: float = 0.8,
    blur_p: float = 0.5,
) -> Tensor:
    """Colour jitter, then blur, each image on its own (DACS, Tranheden et al., WACV 2021).

    Brightness, contrast, saturation and hue change as in :func:`colour_maps`; the blur is Gaussian
    with sigma U(0.15, 1.15) pixels. The numbers come from the authors' code, except that the hue is
    rotated in YIQ instead of HSV and the kernel is cut at 4 pixels instead of a twentieth of the
    image. The library of their code (kornia) adds the brightness and multiplies for the contrast;
    here the brightness is multiplied, as by more light, and the contrast is taken around the mean.

    Args:
        image: (B, 3, H, W) in [0, 1], sides above 4.
        generator: a CPU generator.
        jitter: strength, in [0, 0.5].
        jitter_p: probability of colour jitter.
        blur_p: probability of blur.

    Returns:
        Of the same shape, in [0, 1].
    """
    count = len(image)
    jittered, blurred = torch.rand(2, count, 1, 1, generator=generator)
    maps = colour_maps(count, jitter, jitter, generator).where(jittered < jitter_p, torch.eye(3))
    contrast = draw((count, 1, 1), 1 - jitter, 1 + jitter, generator).where(jittered < jitter_p, 1)
    sigma = draw((count, 1), 0.15, 1.15, generator).where(blurred[:, 0] < blur_p, 1e-3)
    with torch.autocast(image.device.type, enabled=False):  # bfloat16 would lose image bits
        image = torch.einsum("bij,bjhw->bihw", maps.to(image), image)
        mean = image.mean((1, 2, 3), keepdim=True)
        image = mean + contrast[..., None].to(image) * (image - mean)
        return _blur(image, sigma).clamp(0, 1)


def _blur(image: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of image b with ``sigma[b]`` (B, 1) pixels; borders are mirrored."""
    count, channels, height, width = image.shape
    kernel = (-0.5 * (torch.arange(-_REACH, _REACH + 1) / sigma).square()).softmax(1)
    kernel = kernel.repeat_interleave(channels, 0)[:, None].to(image)
    planes = F.pad(image.reshape(1, -1, height, width), (_REACH,) * 4, mode="reflect")
    planes = F.conv2d(planes, kernel[:, :, :, None], groups=len(kernel))
    planes = F.conv2d(planes, kernel[:, :, None], groups=len(kernel))
    return planes.reshape(count, channels, height, width)
