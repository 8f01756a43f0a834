"""Objects of a label image, and what is done to images after mixing."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from dagen.methods._pseudo import draw
from dagen.types import IGNORE


@dataclass(frozen=True)
class Objects:
    """The connected objects of a batch of labels, numbered through the batch from 0.

    Attributes:
        number: (B, H, W) int64 on the label's device, the object's number + 1, or 0 for none.
        image: (N,) int64, on the CPU as all that follows: the image in the batch.
        label: (N,) int64, class id.
        centre: (N, 2) float32, x and y of the middle of the box, pixels from the image's middle.
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
        smallest: regions of fewer pixels are left out; ragged masks shed such crumbs.
    """
    ids = label.to("cpu", torch.uint8).numpy()
    height, width = ids.shape[1:]
    number = np.zeros(ids.shape, np.int64)
    rows: list[tuple[int, int]] = []
    centres: list[tuple[float, float]] = []
    for b, one in enumerate(ids):
        for c in np.unique(one):
            if c in (0, IGNORE):
                continue
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
    """ClassMix among objects where there is one foreground class: half of each image's.

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


def disturb(
    image: Tensor,
    generator: torch.Generator,
    *,
    jitter: float,
    jitter_p: float = 0.8,
    blur_p: float = 0.5,
) -> Tensor:
    """Colour jitter, then blur, each image on its own (DACS, Tranheden et al., WACV 2021).

    Brightness, contrast and saturation are multiplied by U(1 - jitter, 1 + jitter), the hue is
    turned by U(-jitter, jitter) of a circle; the blur is Gaussian with sigma U(0.15, 1.15)
    pixels. Figures from the authors' code, with the kernel cut at 4 pixels in place of a
    tenth of the image.

    Args:
        image: (B, 3, H, W) in [0, 1].
        generator: on the CPU.
        jitter: strength, in [0, 0.5].
        jitter_p: probability of colour jitter.
        blur_p: probability of blur.
    """
    from torchvision.transforms.v2 import functional as V  # type: ignore[import-untyped]

    done = []
    for one in image.clamp(0, 1):
        coins = torch.rand(2, generator=generator).tolist()
        factors = draw((3,), 1 - jitter, 1 + jitter, generator).tolist()
        hue = draw((1,), -jitter, jitter, generator).item()
        sigma = draw((1,), 0.15, 1.15, generator).item()
        if coins[0] < jitter_p:
            one = V.adjust_brightness(one, factors[0])
            one = V.adjust_contrast(one, factors[1])
            one = V.adjust_saturation(one, factors[2])
            one = V.adjust_hue(one, hue)
        if coins[1] < blur_p:
            one = V.gaussian_blur(one, [9, 9], [sigma, sigma])
        done.append(one)
    return torch.stack(done)
