"""In one process a synchronised layer is the layer that it was; tests/engine has two."""

import copy

import torch
from torch import nn

from dagen.models.layers.blocks import PooledNorm
from dagen.models.layers.sync_batch_norm import SyncBatchNorm2d, SyncPooledNorm, synchronise


def test_a_layer_changes_its_class_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, bias=False), PooledNorm(4))
    before, layer = dict(network.state_dict(keep_vars=True)), network[1]
    synchronise(network)
    assert network[1] is layer
    assert [type(module) for module in network[1:]] == [SyncBatchNorm2d, SyncPooledNorm]
    after = network.state_dict(keep_vars=True)
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] for name in before)


def test_alone_it_computes_the_same_to_the_bit() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1))
    plain.append(PooledNorm(4))
    synced = copy.deepcopy(plain)
    synchronise(synced)
    for count in (3, 1):
        image = torch.rand(count, 3, 8, 8)
        assert torch.equal(plain(image), synced(image))
    assert torch.equal(plain.eval()(image), synced.eval()(image))
    for ours, theirs in zip(plain.buffers(), synced.buffers(), strict=True):
        assert torch.equal(ours, theirs)
