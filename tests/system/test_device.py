"""Hardware in words."""

import pytest
import torch

from dagen.errors import UsageError
from dagen.system.device import choose_device, describe


def test_a_processor_is_named_with_its_threads() -> None:
    name, _, threads = describe(torch.device("cpu")).rpartition(", ")
    assert name and "/" not in name
    assert threads == f"{torch.get_num_threads()} threads"


@pytest.mark.parametrize("name", ["meta", "mps", "xla", "", "cuda:x", "tpu"])
def test_other_devices_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"unknown device '.*'\. Allowed: auto, cpu, cuda"):
        choose_device(name)
