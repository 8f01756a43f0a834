"""How much each layer of a network suffers from losing channels, and how many channels go where.

Layers are pruned one at a time, without training, as in Li et al., "Pruning Filters for Efficient
ConvNets" (ICLR 2017, arXiv:1608.08710, section 3.2). Deviation: the loss is that of the agreement
with the whole network on unlabelled images (:mod:`dagen.deploy.agreement`), not of accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dagen.deploy.pruning.arithmetic import Arithmetic
from dagen.deploy.pruning.groups import Group, together
from dagen.deploy.pruning.surgery import Removed
from dagen.errors import UsageError

SHARES = (0.25, 0.5, 0.75)
"""Shares of a layer's channels that are tried to remove."""
CAP = 0.5
"""Share of a layer's channels that goes at most, where that is enough."""
_EVEN = 16
"""Layers of at least this many channels keep a multiple of four: runtimes compute in fours."""


@dataclass(frozen=True)
class Felt:
    """A layer's sensitivity.

    Attributes:
        layer: its name.
        channels: its channels.
        losses: loss of agreement in points, for each of :data:`SHARES`.
    """

    layer: str
    channels: int
    losses: tuple[float, ...]


def removed_of(channels: int, share: float) -> int:
    """Channels that go of a layer: at most so many that one stays."""
    unit = 4 if channels >= _EVEN else 1
    kept = max(unit, round(channels * (1 - share) / unit) * unit)
    return max(0, channels - kept)


def sensitivity(
    groups: Sequence[Group],
    loss: Callable[[Removed], float],
    known: Mapping[str, Felt],
    on_layer: Callable[[Felt], None],
) -> list[Felt]:
    """The sensitivity of each group's layer.

    Args:
        groups: what can be pruned.
        loss: the loss of agreement, in points, if this goes.
        known: sensitivities from an earlier call, by layer.
        on_layer: is told of each layer as soon as it is measured.
    """
    found = []
    for group in groups:
        felt = known.get(group.layer)
        if felt is None:
            losses = [loss(group.least(removed_of(group.size, share))) for share in SHARES]
            felt = Felt(group.layer, group.size, tuple(losses))
            on_layer(felt)
        found.append(felt)
    return found


def allotted(
    arithmetic: Arithmetic,
    groups: Sequence[Group],
    felt: Sequence[Felt],
    share: float,
) -> dict[str, int]:
    """How many channels of each layer go, so that a share of the network's MACs stays.

    Channels go in steps, from one of :data:`SHARES` to the next of one layer. The step with the
    least further loss for each MAC that it saves is first, both measured with this layer pruned
    alone; a layer's steps keep their order.

    At most half of a layer's channels go (:data:`CAP`), unless the share cannot be reached so: one
    layer alone seems to bear more than it does together with others, and what few layers have left
    is then all that passes through the network. torch-pruning's global pruning has the same limit
    under the name ``max_pruning_ratio``.

    Args:
        arithmetic: counts the network's MACs.
        groups: what can be pruned.
        felt: their sensitivities, in the same order.
        share: share of the MACs that stays at most, 0 to 1.

    Returns:
        Number of channels that go, by layer.

    Raises:
        UsageError: pruning all layers as far as possible leaves more than that.
    """
    whole = left = arithmetic.macs()
    for cap in SHARES:
        if cap < CAP:
            continue
        going, left = _allotted(arithmetic, groups, felt, share * whole, cap)
        if left <= share * whole:
            return going
    raise UsageError(
        f"this network can be pruned to {100 * left / whole:.0f} % of its MACs at most, and "
        f"{100 * share:g} % is asked; ask for more."
    )


def _allotted(
    arithmetic: Arithmetic,
    groups: Sequence[Group],
    felt: Sequence[Felt],
    most: float,
    cap: float,
) -> tuple[dict[str, int], int]:
    """What goes until ``most`` MACs stay, at most ``cap`` of each layer; and the MACs that stay."""
    whole = left = arithmetic.macs()
    steps = []
    for group, each in zip(groups, felt, strict=True):
        price, lost, saved = 0.0, 0.0, 0
        for tried, loss in zip(SHARES, each.losses, strict=True):
            if tried > cap:
                break
            number = removed_of(group.size, tried)
            now = whole - arithmetic.macs(group.least(number))
            if now <= saved:
                continue
            price = max(price, (loss - lost) / (now - saved))
            steps.append((price, tried, group.layer, number))
            lost, saved = loss, now
    by_layer = {group.layer: group for group in groups}
    going: dict[str, int] = {}
    for _, _, layer, number in sorted(steps):
        going[layer] = number
        gone = together(by_layer[name].least(many) for name, many in going.items())
        if (left := arithmetic.macs(gone)) <= most:
            break
    return going, left
