"""A run in one precision is not taken for the same run in another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from dagen.engine.run import run
from dagen.errors import Stopped, UsageError
from dagen.runs.history import read_records
from dagen.runs.runtime import PRECISION, Runtime
from dagen.system import device
from tests.engine.test_run import small


@contextmanager
def _at_once() -> Iterator[list[int]]:
    """SIGTERM comes before the first step ends."""
    yield [15]


CONFIG = small(method="supervised", tgt=None, steps=2)


def test_another_precision_is_refused_in_one_line(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    quick = replace(runtime, precision="bfloat16")
    monkeypatch.setattr("dagen.engine.training_run.has_bfloat16", lambda: False)
    first = run(CONFIG, quick)
    assert "no instructions for bfloat16" in caplog.text
    tags = [r["values"] for r in read_records(first.folder) if r["kind"] == "tags"]
    assert [each[PRECISION] for each in tags if PRECISION in each] == ["bfloat16"]
    with pytest.raises(
        UsageError, match=r"computed in bfloat16, and float32 is asked for.*--fresh"
    ):
        run(CONFIG, replace(runtime, precision="float32"))
    assert run(CONFIG, quick).earlier and run(CONFIG, runtime).earlier
    other = run(CONFIG, replace(runtime, precision="float32", fresh=True))
    assert not other.earlier and other.weights != first.weights


def test_a_run_that_goes_on_elsewhere_says_so(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("dagen.engine.loop.asked_to_stop", _at_once)
        with pytest.raises(Stopped):
            run(CONFIG, replace(runtime, precision="bfloat16"))
    run(CONFIG, runtime)
    assert "began in bfloat16 and goes on in float32" in caplog.text


@pytest.mark.parametrize(
    ("facts", "known"),
    [
        ({"flags": ["fpu avx2", "fpu avx2"]}, False),
        ({"flags": ["fpu avx512_bf16"]}, True),
        ({"flags": ["fpu amx_bf16"]}, True),
        ({"Features": ["fp asimd bf16"]}, True),
        ({"Features": ["fp asimd"]}, False),
        ({}, True),
    ],
)
def test_what_processors_say(
    facts: dict[str, list[str]], known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_facts", lambda name: facts.get(name, []))
    assert device.has_bfloat16() == known
