"""The cost of files, each in its own runtime."""

from pathlib import Path

import pytest
import torch

import dagen
from dagen.deploy import profiling
from dagen.errors import DagenError, UsageError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "_SECONDS", 0.0)


def test_an_exported_file_costs_what_its_network_costs(deployed: Path, exported: Path) -> None:
    ours, theirs = dagen.profile(exported, threads=1), dagen.profile(str(deployed), threads=1)
    assert (ours.parameters, ours.macs, ours.flops) == (
        theirs.parameters, theirs.macs, theirs.flops,
    )  # fmt: skip
    assert ours.bytes == exported.stat().st_size
    assert ours.runtime.startswith("ONNX Runtime") and theirs.runtime.startswith("PyTorch")
    for found in (ours, theirs):
        assert found.threads == 1 and found.runs == 50
        assert found.latency_ms is not None and 0 < found.latency_ms <= found.p95_ms


def test_threads_of_pytorch_are_as_before(deployed: Path) -> None:
    before = torch.get_num_threads()
    assert dagen.profile(deployed, threads=before + 1).threads == before + 1
    assert torch.get_num_threads() == before


def test_median_and_percentile_are_those_of_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = iter([moment for k in range(1, 51) for moment in (0.0, k / 1000)])
    monkeypatch.setattr(profiling.time, "perf_counter", lambda: next(ends))
    calls: list[int] = []
    plain = profiling.Profile(1, 2, 4, 8)
    found = profiling._measured(plain, lambda: calls.append(1), "x", 3)
    assert len(calls) == 55, "five to warm up"
    assert found.latency_ms == pytest.approx(25.5) and found.p95_ms == pytest.approx(47.55)
    assert (found.parameters, found.bytes, found.threads) == (1, 8, 3)


def test_what_cannot_be_is_said_in_one_line(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="its own input size"):
        dagen.profile(exported, size="64x64")
    with pytest.raises(DagenError, match="cannot be read"):
        dagen.profile(exported.with_name("missing.onnx"))
    with pytest.raises(UsageError, match="threads is 0"):
        dagen.profile(exported, threads=0)
    with pytest.raises(DagenError, match=r"give a deployed network, such as"):
        dagen.profile(exported.parent)  # a run's folder is no name of a network
    monkeypatch.setattr(profiling, "CAP", 1000)
    with pytest.raises(DagenError, match="at most 1,000 are allowed"):
        dagen.profile(exported, enforce_cap=True)
