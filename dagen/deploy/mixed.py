"""Which layers bear 8 bits: the most sensitive ones stay in float32 until the masks agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dagen.deploy.agreement import loss
from dagen.deploy.quantise import Quantiser
from dagen.deploy.runtimes.base import Array
from dagen.errors import DagenError
from dagen.types import Task

if TYPE_CHECKING:
    import onnx

_FEW = 4
"""Images on which single layers are compared."""

Forward = Callable[["onnx.ModelProto", Sequence[Array]], list[Array]]
"""The logits of a model for some inputs, each (1, C, h, w), in the runtime that it is for."""


class Mixed(NamedTuple):
    """An int8 model with some layers in float32."""

    model: onnx.ModelProto
    floats: list[str]
    """Layers that stay in float32, the most sensitive first."""
    drop: float
    """The loss of agreement with float32, in points (see :mod:`dagen.deploy.agreement`)."""


def mixed(
    quantiser: Quantiser,
    forward: Forward,
    judges: Sequence[Array],
    task: Task,
    max_drop: float | None,
    wanted: Sequence[NDArray[np.integer]] | None = None,
) -> Mixed:
    """The int8 model with as few layers in float32 as needed.

    Each layer is put into 8 bits alone, and the mean squared difference of the logits from float32
    is its sensitivity. Then the smallest number of most sensitive layers is searched for that, in
    float32, bring the loss of agreement to ``max_drop``, by halving: as if each further layer in
    float32 brought the masks nearer.

    Args:
        quantiser: the float32 model with its ranges.
        forward: computes a model.
        judges: inputs on which the loss of agreement is measured.
        task: what is segmented.
        max_drop: points of agreement that may be lost; None leaves no layer in float32.
        wanted: the masks to agree with, (1, h, w) each; None takes those of the float32 model.

    Raises:
        DagenError: no layer can be in 8 bits within ``max_drop``.
    """
    exact = forward(quantiser.plain, judges)
    aims = [each.argmax(1) for each in exact] if wanted is None else wanted

    def tried(floats: list[str]) -> Mixed:
        model = quantiser(floats)
        found = [each.argmax(1) for each in forward(model, judges)]
        return Mixed(model, floats, loss(found, aims, task))

    best = tried([])
    if max_drop is None or best.drop <= max_drop:
        return best
    step = max(1, len(judges) // _FEW)
    order = _ranked(quantiser, forward, judges[::step], exact[::step])
    fits, low, high = None, 1, len(order) - 1
    while low <= high:
        middle = (low + high) // 2
        now = tried(order[:middle])
        if now.drop <= max_drop:
            fits, high = now, middle - 1
        else:
            low = middle + 1
    if fits is None:
        raise DagenError(
            f"int8 loses {best.drop:.2f} points of agreement with float32, and with a single layer "
            f"in 8 bits still more than the {max_drop:g} that --max-drop allows; allow more, or "
            "export in float32 or with --fp16."
        )
    return fits


def _ranked(
    quantiser: Quantiser, forward: Forward, inputs: Sequence[Array], exact: Sequence[Array]
) -> list[str]:
    """The layers, the most sensitive first."""
    harm = {}
    for name in quantiser.layers:
        alone = forward(quantiser([other for other in quantiser.layers if other != name]), inputs)
        harm[name] = np.mean([((a - b) ** 2).mean() for a, b in zip(alone, exact, strict=True)])
    return sorted(harm, key=lambda name: -harm[name])
