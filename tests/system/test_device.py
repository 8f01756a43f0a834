"""Hardware in words."""

import torch

from dagen.system.device import describe


def test_a_processor_is_named_with_its_threads() -> None:
    name, _, threads = describe(torch.device("cpu")).rpartition(", ")
    assert name and "/" not in name
    assert threads == f"{torch.get_num_threads()} threads"
