"""The allocator's settings, seen from outside: what a process holds before and after."""

import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from dagen.system import memory

_SCRIPT = """
import sys

import numpy as np
from dagen.system.memory import keep_freed_memory, release_freed_memory, return_freed_memory

def megabytes():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * 4096 // 2**20

keep_freed_memory()
if "loader" in sys.argv:
    return_freed_memory()
before = megabytes()
blocks = [np.ones(2**17) for _ in range(200)]  # 1 MiB each
last = blocks[-1]  # keeps the end of the heap in use
del blocks
kept = megabytes()
release_freed_memory()
print(kept - before, megabytes() - before)
"""


only_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc",
    reason="only glibc has these settings",
)


@only_glibc
def test_freed_memory_is_kept_until_it_is_released() -> None:
    kept, released = held()
    assert kept > 150
    assert released < 50


@only_glibc
def test_a_loader_process_keeps_none() -> None:
    kept, _ = held("loader")
    assert kept < 50


def test_an_older_glibc_gets_the_most_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[int, int] = {}

    def mallopt(parameter: int, value: int) -> int:
        """As of glibc 2.28 to 2.34: a threshold of mapping above 32 MiB is refused."""
        if parameter == -3 and value > 32 << 20:
            return 0
        settings[parameter] = value
        return 1

    monkeypatch.setattr(memory, "_glibc", lambda: SimpleNamespace(mallopt=mallopt))
    memory.keep_freed_memory()
    assert settings == {-3: 32 << 20, -1: 1 << 30}


def held(*arguments: str) -> tuple[int, int]:
    """MiB held after freeing, before and after the release."""
    command = [sys.executable, "-c", _SCRIPT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kept, released = map(int, done.stdout.split())
    return kept, released
