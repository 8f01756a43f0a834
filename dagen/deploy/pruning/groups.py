"""The groups of channels that can only go together, found by torch-pruning.

Fang et al., "DepGraph: Towards Any Structural Pruning" (CVPR 2023, arXiv:2301.12900): where a
channel goes, what it is added to, joined with or multiplied by goes too. The graph comes from
tracing the network, and what it cannot see (ENet's unpooling, padding with channels of zeros)
would break the network. So each group is tried: the network without two of its channels has to
compute what it computes with these channels at zero. A group that fails is left alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dagen.deploy.pruning.surgery import Removed, silenced, without
from dagen.errors import UsageError
from dagen.models.base import Network
from dagen.models.layers.narrowing import Layer
from dagen.ops import evaluating

TOLERANCE = 1e-4
"""Largest difference of a pruned network from the silenced one, as a share of the largest output:
sums over fewer channels are rounded otherwise."""


@dataclass(frozen=True)
class Group:
    """Channels of one layer, and all that goes with each of them.

    Attributes:
        layer: name of the convolution that makes them.
        goes: what goes with each channel, by the channel's number.
        importance: how much each channel contributes, by magnitude of all its weights; only the
            order within the group means something.
    """

    layer: str
    goes: tuple[Removed, ...]
    importance: tuple[float, ...]

    @property
    def size(self) -> int:
        """Number of channels."""
        return len(self.goes)

    def least(self, number: int) -> Removed:
        """What goes with the ``number`` channels of least importance."""
        order = sorted(range(self.size), key=lambda k: self.importance[k])
        return together(self.goes[k] for k in order[:number])


def together(parts: Iterable[Removed]) -> Removed:
    """What goes with any of several."""
    found = Removed()
    for each in parts:
        found = found | each
    return found


def groups_of(network: Network) -> tuple[list[Group], list[str]]:
    """The groups of a network that can be pruned.

    What the head gives, and what is made for training alone, stays.

    Args:
        network: the network, which is left as it is.

    Returns:
        The groups, and the names of convolutions whose outputs have to stay as they are, the head
        left out.

    Raises:
        UsageError: torch-pruning is not installed.
    """
    try:
        import torch_pruning as pruning
    except ImportError:
        raise UsageError(
            "pruning needs the package torch-pruning: pip install 'dagen[prune]'."
        ) from None
    side = max(64, 2 * network.multiple)
    image = torch.rand(1, 3, side, side, generator=torch.Generator())
    names = {each: name for name, each in network.named_modules()}
    with evaluating(network), warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        graph = pruning.DependencyGraph().build_dependency(
            network, image, forward_fn=_with_auxiliary, verbose=False
        )
        magnitude = pruning.importance.GroupMagnitudeImportance(p=2)
        found, left = [], []
        own = [names[each] for each in network.head.modules() if each in names]
        for members in graph.get_all_groups():
            layer = names[members[0].dep.target.module]
            if layer in own or not network.ships(f"{layer}."):
                continue
            group = _group(graph, members, names, magnitude)
            if group is None or group.size == 1 or _touches(network, group, own):
                left.append(layer)
            else:
                found.append(group)
        holding = _holding(network, found, image)
    left += [group.layer for group in found if group not in holding]
    return holding, left


def _with_auxiliary(network: Network, image: Tensor) -> list[Tensor]:
    """All outputs, those of the auxiliary heads included, with every layer in evaluation mode."""
    network.training = True
    try:
        out = network(image)
    finally:
        network.training = False
    return [out.logits, out.features, *out.aux]


def _group(graph: Any, members: Any, names: dict[Any, str], magnitude: Any) -> Group | None:
    """A group of torch-pruning's as one of ours; None if it has other layers than we can prune."""
    root = names[members[0].dep.target.module]
    goes = [Removed() for _ in members[0].idxs]
    for member in members:
        layer = member.dep.target.module
        if layer not in names:  # an operation without weights
            continue
        if not isinstance(layer, Layer):
            return None
        is_output = graph.is_out_channel_pruning_fn(member.dep.handler)
        for number, channel in zip(member.idxs, member.root_idxs, strict=True):
            side = goes[channel].outputs if is_output else goes[channel].inputs
            side.setdefault(names[layer], set()).add(number)
    try:
        importance = magnitude(members).tolist()
    except (IndexError, RuntimeError):  # the group has channels that a layer lacks
        return None
    return Group(root, tuple(goes), tuple(importance))


def _touches(network: Network, group: Group, own: list[str]) -> bool:
    """Whether a group has outputs of the head, or of what is made for training alone."""
    return any(name in own or not network.ships(f"{name}.") for name in group.goes[0].outputs)


@torch.no_grad()
def _holding(network: Network, groups: list[Group], image: Tensor) -> list[Group]:
    """The groups without two of whose channels a network computes what it does with them at zero.

    All are tried at once, and halves of those that fail.
    """
    if not groups:
        return []
    removed = together(each.goes[k] for each in groups for k in {0, max(1, each.size - 1) - 1})
    try:
        smaller = without(network, removed)(image).logits
        exact = difference(smaller, silenced(network, removed)(image).logits) <= TOLERANCE
    except (RuntimeError, IndexError):  # channels that the graph does not see are lacking
        exact = False
    if exact or len(groups) == 1:
        return groups if exact else []
    half = len(groups) // 2
    return [*_holding(network, groups[:half], image), *_holding(network, groups[half:], image)]


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference as a share of the largest value, or of 1 if that is more."""
    return float((ours - theirs).abs().max() / max(1.0, float(theirs.abs().max())))
