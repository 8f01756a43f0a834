"""A lost loader process is one line with what to do; other errors pass."""

import multiprocessing
import os
import signal
from collections.abc import Iterator

import pytest
from torch.utils.data import DataLoader, Dataset

from dagen.datasets.loading.workers import Told, explained, running, start_worker
from dagen.errors import DagenError, DataError


class Dying(Dataset[int]):
    """Numbers; whoever asks for number 3 gets an end of some kind."""

    def __init__(self, end: str) -> None:
        self.end = end

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        if index == 3 and self.end == "memory":
            raise MemoryError
        if index == 3 and self.end == "file":
            raise DataError(f"the image {'x' * 300}.jpg is damaged: replace it.")
        if index == 3 and self.end == "value":
            raise ValueError("a damaged image")
        if index == 3:
            os.kill(os.getpid(), getattr(signal, self.end))
        return index


def _read(end: str) -> Iterator[int]:
    loader = DataLoader(Dying(end), batch_size=None, num_workers=2, worker_init_fn=start_worker)
    with explained(2), running(loader) as items:
        yield from items


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("SIGKILL", r"most likely because memory ran out.*--workers \(it is 2 now"),
        ("memory", r"memory ran out.*--workers \(it is 2 now\)"),
    ],
)
def test_a_lost_worker_is_one_line_that_names_memory_and_workers(end: str, words: str) -> None:
    with pytest.raises(DagenError, match=words) as error:
        list(_read(end))
    assert not multiprocessing.active_children(), "Python would wait for them at its exit"
    assert "\n" not in str(error.value) and "resumes" in str(error.value)
    assert error.value.exit_code == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("(pid(s) 12, 13) exited unexpectedly", "was killed, most likely because memory ran out"),
        ("(pid 12) exited unexpectedly with exit code 1. Details are lost", "because memory ran"),
        ("(pid 12) is killed by signal: Killed. ", "most likely because memory ran out"),
        ("(pid 12) is killed by signal: Bus error. It is", r"shared memory \(/dev/shm\) is full"),
        ("(pid 12) is killed by signal: Segmentation fault. ", r"\(Segmentation fault\)"),
    ],
)
def test_pytorch_s_words(words: str, told: str) -> None:
    with pytest.raises(DagenError, match=told) as error:
        _raise(RuntimeError(f"DataLoader worker {words}"))
    assert "--workers" in str(error.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_a_file_is_the_same_whoever_reads_it(workers: int) -> None:
    loader = DataLoader(
        Told(Dying("file")),
        batch_size=None,
        sampler=range(8),
        num_workers=workers,
        worker_init_fn=start_worker,
    )
    with (
        pytest.raises(DataError, match=r"^the image x{300}\.jpg is damaged: replace it\.$"),
        explained(workers),
        running(loader) as items,
    ):
        list(items)
    assert not multiprocessing.active_children()


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="a damaged image"):
        list(_read("value"))
    assert not multiprocessing.active_children()
    with pytest.raises(RuntimeError, match="shapes differ"):
        _raise(RuntimeError("shapes differ"))


def _raise(error: Exception) -> None:
    with explained(2):
        raise error
