"""Memory of earlier steps, one ring per class so that background does not push out the rest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dagen.collective import rows


class Rings(nn.Module):
    """The newest items of each class; in a full ring, new items replace the oldest.

    Attributes:
        items: (rings, room, ...) float32; places not yet filled are 0.
        seen: (rings,) int64, how many items were ever added.
    """

    items: Tensor
    seen: Tensor

    def __init__(self, rings: int, room: int, *shape: int) -> None:
        """Empty rings.

        Args:
            rings: number of rings, such as one for each class.
            room: capacity of one ring.
            *shape: shape of one item.
        """
        super().__init__()
        self.register_buffer("items", torch.zeros(rings, room, *shape))
        self.register_buffer("seen", torch.zeros(rings, dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.seen)

    @torch.no_grad()
    def add(self, ring: int, new: Tensor) -> None:
        """Add (N, ...) items, the newest last; those of all processes, rank 0's first."""
        room = self.items.shape[1]
        new = rows(new)[-room:]
        places = (torch.arange(len(new), device=new.device) + self.seen[ring]) % room
        self.items[ring, places] = new.to(self.items)
        self.seen[ring] += len(new)

    @property
    def filled(self) -> Tensor:
        """(rings, room) bool: the places that hold an item."""
        return torch.arange(self.items.shape[1], device=self.seen.device) < self.seen[:, None]

    def held(self) -> list[Tensor]:
        """The items of each ring, (N, ...) each."""
        return [items[:n] for items, n in zip(self.items, self.filled.sum(1).tolist(), strict=True)]


def balanced(
    label: Tensor, classes: int, most: int, draw: torch.Generator, first: int = 0
) -> Tensor:
    """Indices of at most ``most`` random items of each class.

    Args:
        label: (N,) class ids.
        classes: how many classes there are, counted from ``first``.
        most: largest number of items of one class.
        draw: a CPU generator.
        first: the first class.
    """
    chosen = []
    for c in range(first, first + classes):
        items = (label == c).nonzero()[:, 0]
        order = torch.randperm(len(items), generator=draw)[:most]
        chosen.append(items[order.to(items.device)])
    return torch.cat(chosen)
