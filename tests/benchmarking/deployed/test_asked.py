from importlib import metadata

import pytest

from dagen.benchmarking.deployed import asked
from dagen.benchmarking.deployed.asked import Deployment
from dagen.errors import UsageError


def test_float32_is_always_made_first() -> None:
    found = asked.read({"precisions": ["int8", "int8"], "prune": [0.6], "steps": 5})
    assert found == Deployment(("float32", "int8"), (0.6,), 5)
    files = [(one.network, one.share, one.steps, one.precision) for one in found.files()]
    assert files == [
        ("whole", None, None, "float32"), ("whole", None, None, "int8"),
        ("macs-60", 0.6, 5, "float32"), ("macs-60", 0.6, 5, "int8"),
    ]  # fmt: skip
    assert asked.read(None) is None and asked.read({}) == Deployment()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (3, "deploy is 3"),
        ({"precision": ["int8"]}, "unknown key 'precision'.*precisions"),
        ({"precisions": "int8"}, "precisions is 'int8'"),
        ({"precisions": ["int4"]}, "unknown precision 'int4'.*int8"),
        ({"prune": [1.5]}, r"prune is \[1.5\].*above 0 and below 1"),
        ({"prune": 0.5}, "prune is 0.5"),
        ({"steps": -1}, "steps is -1"),
        ({"steps": True}, "steps is True"),
    ],
)
def test_what_is_wrong_is_said(given: object, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        asked.read(given)


def test_a_missing_package_is_said_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked.require_packages(None)
    without = {"torch-pruning"}

    def version(name: str) -> str:
        if name in without:
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    asked.require_packages(Deployment())
    with pytest.raises(UsageError, match=r"needs the package torch-pruning.*dagen\[prune\]"):
        asked.require_packages(Deployment(prune=(0.5,)))
    without.add("onnx")
    with pytest.raises(UsageError, match=r"needs the package onnx: pip install 'dagen\[onnx\]'"):
        asked.require_packages(Deployment())
