"""The loss valley of SWAD, found segment by segment; see :mod:`dagen.methods.swad`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Mean(nn.Module):
    """A mean of vectors."""

    value: Tensor
    count: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(size))
        self.register_buffer("count", torch.tensor(0))

    def add(self, value: Tensor, count: Tensor | int = 1) -> None:
        """Add the mean ``value`` of ``count`` vectors."""
        self.count += count
        self.value.lerp_(value, count / self.count.float())

    def clear(self) -> None:
        """Empty the mean."""
        self.value.zero_()
        self.count.zero_()


class Valley(nn.Module):
    """Finds the valley in a sequence of segments, and its average; all state is in buffers.

    Attributes:
        average: mean of the valley's segments so far.
    """

    losses: Tensor
    heights: Tensor
    ceiling: Tensor
    waited: Tensor
    ended: Tensor

    def __init__(self, size: int, converge: int, tolerance: int, ratio: float) -> None:
        """Start empty, for vectors of ``size``; the rest as in ``Swad.Config``."""
        super().__init__()
        self.tolerance, self.ratio = tolerance, ratio
        exact = torch.float64  # in float32 a loss would be below itself
        # The segments before the lowest loss that may belong to the valley, the last one last.
        self.earlier = nn.ModuleList(Mean(size) for _ in range(max(0, tolerance - converge)))
        self.register_buffer("heights", torch.full((len(self.earlier),), torch.inf, dtype=exact))
        # The first segment with the lowest loss and those after it, until there are `converge`.
        self.first = nn.ModuleList(Mean(size) for _ in range(converge))
        self.register_buffer("losses", torch.full((converge,), torch.inf, dtype=exact))
        self.register_buffer("ceiling", torch.tensor(torch.inf, dtype=exact))
        self.average = Mean(size)
        self.waiting = Mean(size)  # above the ceiling; the valley may have ended before them
        self.register_buffer("waited", torch.tensor(0))
        self.register_buffer("ended", torch.tensor(False))

    @property
    def converged(self) -> bool:
        """Whether the valley has begun."""
        return bool(self.ceiling.isfinite())

    @property
    def found(self) -> Tensor | None:
        """The valley's average, else the last segment's, else None."""
        if self.converged:
            return self.average.value
        filled = self._filled()
        return self._first(filled - 1).value if filled else None

    def take(self, segment: Mean, loss: float) -> None:
        """Add the next segment, with its loss."""
        if self.converged:
            self._judge(segment, loss)
            return
        filled = self._filled()
        if filled and loss < float(self.losses[0]):
            for number in range(filled):
                self._leave(self._first(number), float(self.losses[number]))
            self.losses.fill_(torch.inf)
            filled = 0
        self._first(filled).load_state_dict(segment.state_dict())
        self.losses[filled] = loss
        if filled + 1 == len(self.losses):
            self.ceiling.copy_(self.losses.mean() * (1 + self.ratio))
            for number in reversed(range(len(self.earlier))):
                if float(self.heights[number]) > float(self.ceiling):
                    break
                before = self._earlier(number)
                self.average.add(before.value, before.count)
            for number, one in enumerate(self.losses.tolist()):
                self._judge(self._first(number), one)

    def _leave(self, segment: Mean, loss: float) -> None:
        """Remember a segment that came before the lowest loss, over the oldest one."""
        count = len(self.earlier)
        for number in range(count):
            following = self._earlier(number + 1) if number + 1 < count else segment
            self._earlier(number).load_state_dict(following.state_dict())
        if count:
            self.heights.copy_(torch.cat([self.heights[1:], self.heights.new_tensor([loss])]))

    def _judge(self, segment: Mean, loss: float) -> None:
        if self.ended:
            return
        self.waiting.add(segment.value, segment.count)
        if loss <= float(self.ceiling):
            self.average.add(self.waiting.value, self.waiting.count)
            self.waiting.clear()
            self.waited.zero_()
        else:
            self.waited += 1
            self.ended |= self.waited >= self.tolerance

    def _filled(self) -> int:
        return int(self.losses.isfinite().sum())

    def _earlier(self, number: int) -> Mean:
        mean = self.earlier[number]
        assert isinstance(mean, Mean)
        return mean

    def _first(self, number: int) -> Mean:
        mean = self.first[number]
        assert isinstance(mean, Mean)
        return mean
