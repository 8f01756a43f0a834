"""In a process that is alone nothing changes, to the bit; tests/engine has those of two."""

import pytest
import torch

from dagen import collective


@pytest.mark.parametrize("inside", [False, True])
def test_alone_everything_is_returned_as_it_came(inside: bool) -> None:
    x = torch.randn(5, 3, requires_grad=True)
    if inside:
        with collective.sharing():
            found = collective.total(x), collective.mean(x), collective.rows(x)
            size = collective.size()
    else:
        found = collective.total(x), collective.mean(x), collective.rows(x)
        size = collective.size()
    assert size == 1
    assert all(one is x for one in found)


def test_alone_a_divisor_is_the_count_and_at_least_the_least() -> None:
    assert int(collective.divisor(torch.tensor(7))) == 7
    assert int(collective.divisor(torch.tensor(0))) == 1
    assert float(collective.divisor(torch.tensor(0.25), 0.5)) == 0.5
    assert collective.part(3, torch.zeros(1)) == 1.0


def test_alone_a_flag_is_what_it_is() -> None:
    assert collective.anywhere(True, torch.zeros(1))
    assert not collective.anywhere(False, torch.zeros(1))


def test_variance_and_mean_are_biased_and_keep_their_axes() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 9.0]])
    variance, mean = collective.var_mean(x, (0,))
    assert torch.equal(mean, torch.tensor([[2.0, 7.0]]))
    assert torch.equal(variance, torch.tensor([[1.0, 4.0]]))
