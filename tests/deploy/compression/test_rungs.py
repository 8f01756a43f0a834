"""The ladder, its front, and the choice within two limits."""

from pathlib import Path

import numpy as np
import pytest

from dagen.deploy.compression.rungs import Rung, Tried, chosen, front, ladder
from dagen.errors import UsageError


def tried(loss: float, size: int, latency: float) -> Tried:
    rung = Rung("onnx", "int8", (32, 32))
    return Tried(rung, Path(f"{loss}-{size}-{latency}.onnx"), size, 9, loss, latency, latency, "r")


def test_every_combination_the_largest_size_first() -> None:
    found = ladder((96, 128), 8, None, ["float32", "int8"], ["onnx", "openvino"])
    assert [each.size for each in found[::4]] == [(96, 128), (72, 96), (48, 64)]
    assert [each.file for each in found[:4]] == [
        "96x128-float32.onnx", "96x128-int8.onnx", "96x128-float32.xml", "96x128-int8.xml",
    ]  # fmt: skip
    assert len({each.file for each in found}) == len(found) == 12
    # Sizes that become equal once rounded are tried once.
    assert [each.size for each in ladder((8, 8), 8, None, ["fp16"], ["onnx"])] == [(8, 8)]


def test_wrong_rungs() -> None:
    with pytest.raises(UsageError, match="takes multiples of 8"):
        ladder((96, 128), 8, [(96, 100)], ["int8"], ["onnx"])
    with pytest.raises(UsageError, match="unknown precision 'int4'"):
        ladder((96, 128), 8, None, ["int4"], ["onnx"])
    with pytest.raises(UsageError, match="unknown format 'tflite'"):
        ladder((96, 128), 8, None, ["int8"], ["tflite"])


@pytest.mark.parametrize("seed", range(5))
def test_the_front_by_its_definition(seed: int) -> None:
    draw = np.random.default_rng(seed).integers(0, 5, (30, 3)).tolist()
    all_ = [tried(*map(int, each)) for each in draw]
    found = front(all_)

    def beats(a: Tried, b: Tried) -> bool:
        mine, other = (a.loss, a.bytes, a.latency_ms), (b.loss, b.bytes, b.latency_ms)
        return all(x <= y for x, y in zip(mine, other, strict=True)) and mine != other

    for each in all_:
        is_best = not any(beats(other, each) for other in all_)
        twins = [e for e in found if (e.loss, e.bytes, e.latency_ms) == (
            each.loss, each.bytes, each.latency_ms)]  # fmt: skip
        assert len(twins) == int(is_best)


def test_the_fastest_within_both_limits() -> None:
    slow, big, bad, fast = tried(0, 5, 9), tried(0, 50, 1), tried(9, 5, 1), tried(1, 8, 3)
    assert chosen([slow, big, bad, fast], cap=10, max_drop=2) is fast
    assert chosen([slow, big, bad, fast], cap=5, max_drop=2) is slow
    assert chosen([big, bad], cap=10, max_drop=2) is None
