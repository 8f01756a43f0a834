"""Helpers of pseudo-labels."""

import pytest
import torch

from dagen.methods.shared.pseudo import top_class


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_top_class_is_that_of_argmax_and_the_first_of_equals(
    layout: torch.memory_format,
) -> None:
    draws = torch.Generator().manual_seed(0)
    scores = torch.randint(0, 4, (2, 5, 33, 34), generator=draws).float()  # many are equal
    scores = scores.contiguous(memory_format=layout)
    assert torch.equal(top_class(scores), scores.argmax(1))
    assert torch.equal(top_class(torch.zeros(1, 3, 8, 8)), torch.zeros(1, 8, 8, dtype=torch.long))
