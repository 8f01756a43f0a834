import torch
from torch import nn

from dagen.models.layers.blocks import PooledNorm, conv_norm_act, global_average


def test_pooled_norm_is_batch_norm_for_more_than_one_image() -> None:
    torch.manual_seed(0)
    ours, plain = PooledNorm(4).train(), nn.BatchNorm2d(4).train()
    x = torch.randn(3, 4, 1, 1)
    torch.testing.assert_close(ours(x), plain(x))
    torch.testing.assert_close(ours.running_var, plain.running_var)


def test_pooled_norm_of_one_image_takes_and_keeps_the_running_statistics() -> None:
    torch.manual_seed(0)
    norm = PooledNorm(4).train()
    norm(torch.randn(8, 4, 1, 1))
    mean, var = norm.running_mean.clone(), norm.running_var.clone()
    x = torch.randn(1, 4, 1, 1)
    expected = (x - mean.view(1, 4, 1, 1)) / (var.view(1, 4, 1, 1) + norm.eps).sqrt()
    torch.testing.assert_close(norm(x), expected)
    assert torch.equal(norm.running_mean, mean)
    assert torch.equal(norm.running_var, var)


def test_padding_keeps_the_size_at_stride_1() -> None:
    x = torch.rand(1, 3, 9, 11)
    for kernel, dilation in ((1, 1), (3, 1), (3, 4), (7, 1)):
        block = conv_norm_act(3, 2, kernel, dilation=dilation).eval()
        assert block(x).shape == (1, 2, 9, 11)


def test_global_average() -> None:
    x = torch.arange(24.0).view(1, 2, 3, 4)
    assert global_average(x).flatten().tolist() == [5.5, 17.5]
