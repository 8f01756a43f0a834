"""A disk that is full, or cannot be written to, at every file that a run writes."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from dagen.benchmarking.attempt import attempt, train
from dagen.engine.run import run, run_pair
from dagen.errors import DagenError
from dagen.runs.config import from_mapping
from dagen.runs.runtime import Runtime

CONFIG = from_mapping(
    {
        "src": "resortit", "tgt": "taco", "method": "minent", "model": "enet", "width": 0.25,
        "task": "binary", "size": [32, 64], "steps": 2, "batch": 2, "warmup": 1, "candidates": 2,
        "batch_norm": "separate", "target_labels": 2,
    }
)  # fmt: skip
FILES = (
    "config.json", "target_labels.txt", "log.jsonl", "00000001.batch-norm.safetensors",
    "00000001.safetensors", "state-00000001.pt", "00000002.safetensors", "state-00000002.pt",
    "model.safetensors", "predictions-resortit.png", "predictions-taco.png", "result.json",
)  # fmt: skip
"""The files of a run in the order in which they are first written."""


@pytest.fixture
def runtime(runtime: Runtime) -> Runtime:
    return replace(runtime, save_every=1)


@contextmanager
def failing(name: str, number: int) -> Iterator[list[str]]:
    """Writes to files of a name fail as the system fails them; the list has their paths."""
    hit: list[str] = []

    def refuse(call: Callable[..., object]) -> Callable[..., object]:
        def called(descriptor: int, *rest: object) -> object:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            if Path(path).name == name or Path(path).name.startswith(f".{name}."):
                hit.append(path)
                raise OSError(number, os.strerror(number))
            return call(descriptor, *rest)

        return called

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", refuse(os.fsync))
        patch.setattr(os, "write", refuse(os.write))
        yield hit


def test_each_file_in_turn_then_the_same_model_to_the_bit(runtime: Runtime, tmp_path: Path) -> None:
    whole = run(CONFIG, replace(runtime, runs=tmp_path / "whole")).model.read_bytes()
    folder = runtime.runs / CONFIG.name
    for name in FILES:
        with failing(name, errno.ENOSPC) as hit, pytest.raises(DagenError) as error:
            run(CONFIG, runtime)
        text = str(error.value)
        assert hit and name in text and "free some space and run again" in text, (name, text)
        assert "\n" not in text
        assert not list(folder.rglob("*.tmp")), name
        assert not (folder / "result.json").exists()
    assert run(CONFIG, runtime).model.read_bytes() == whole


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "choose a folder that can be written to"),
        (errno.EACCES, "make the folder writable or choose another one"),
    ],
)
def test_a_runs_folder_that_cannot_be_written_to(
    runtime: Runtime, number: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        with pytest.raises(DagenError, match=words) as error:
            run_pair(CONFIG, runtime)
    assert "\n" not in str(error.value) and str(runtime.runs) in str(error.value)


def test_a_run_that_cannot_be_locked_is_one_line_also_as_a_cell(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(DagenError, match=r"run\.lock cannot be written: read-only") as error:
        run(CONFIG, runtime)
    assert "\n" not in str(error.value)
    assert attempt(train, CONFIG, runtime) == str(error.value)


def test_a_file_where_the_runs_folder_should_be(runtime: Runtime) -> None:
    runtime.runs.write_text("a file")
    with pytest.raises(DagenError, match="a path whose parents are folders") as error:
        run_pair(CONFIG, runtime)
    assert "\n" not in str(error.value)
