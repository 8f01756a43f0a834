"""The most sensitive layers stay in float32, as few as needed."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pytest

from dagen.deploy.mixed import mixed
from dagen.errors import DagenError
from dagen.types import Task


class Layers:
    """Layers that each turn some pixels of a mask; a model is the set of layers in 8 bits."""

    def __init__(self, harm: dict[str, int]) -> None:
        self.layers, self.harm = list(harm), harm
        self.plain: Any = frozenset()
        self.asked = 0

    def __call__(self, floats: Collection[str] = ()) -> Any:
        self.asked += 1
        return frozenset(self.layers) - frozenset(floats)

    def forward(self, model: Any, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        wrong = sum(self.harm[name] for name in model)
        found = []
        for _ in inputs:
            logits = np.zeros((1, 2, 10, 100), np.float32)
            logits[0, 1] = 1  # all waste
            logits[0, 1].reshape(-1)[:wrong] = -1
            found.append(logits)
        return found


HARM = {f"layer{k}": [1, 50, 2, 30, 1, 4, 1, 2, 8, 1][k] for k in range(10)}  # of 1000 pixels
INPUTS = [np.zeros((1, 3, 4, 4), np.float32)] * 8


def run(max_drop: float | None) -> Any:
    layers = Layers(HARM)
    found = mixed(layers, layers.forward, INPUTS, Task.BINARY, max_drop)  # type: ignore[arg-type]
    return found, layers


def test_without_a_limit_every_layer_is_in_8_bits() -> None:
    found, layers = run(None)
    assert found.floats == [] and found.drop == pytest.approx(10.0) and layers.asked == 1


@pytest.mark.parametrize(
    ("most", "floats"),
    [
        (10.0, []),
        (9.0, ["layer1"]),
        (2.1, ["layer1", "layer3"]),
        (1.3, ["layer1", "layer3", "layer8"]),
        (0.11, ["layer1", "layer3", "layer8", "layer5", "layer2", "layer7"]),
    ],
)
def test_the_most_sensitive_layers_first(most: float, floats: list[str]) -> None:
    found, _ = run(most)
    if most == 0.11:  # the last ones are equal: one of them stays in 8 bits
        assert found.floats[:6] == floats and len(found.floats) == 9
    else:
        assert found.floats == floats
    assert found.drop <= most + 1e-9 and found.model.isdisjoint(found.floats)


def test_a_limit_that_no_layer_meets() -> None:
    with pytest.raises(DagenError, match=r"int8 loses 10\.00 points .* --max-drop allows"):
        run(0.05)
