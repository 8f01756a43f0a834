"""Every test runs in the same surroundings, whatever the machine around it looks like."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("dagen", deadline=None)  # no timing in tests: a first import is slow
settings.load_profile("dagen")

# Read when torch is first imported: idle OpenMP threads that spin starve everything else.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
if "PYTEST_XDIST_WORKER" in os.environ:  # every core has a test of its own
    os.environ.setdefault("OMP_NUM_THREADS", "1")

_FOREIGN = re.compile(
    "DAGEN_|MLFLOW_|GIT_|(FORCE_COLOR|PY_COLORS|GITHUB_ACTIONS|CI|COLUMNS|LINES|WORLD_SIZE|RANK"
    "|LOCAL_RANK|MASTER_ADDR|MASTER_PORT|TTY_COMPATIBLE|TTY_INTERACTIVE)$"
    "|(http|https|all|ftp|no)_proxy$|(HTTP|HTTPS|ALL|FTP|NO)_PROXY$"
)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No variable of the caller's reaches a test; terminals are wide and without colour."""
    for name in list(os.environ):
        if _FOREIGN.match(name):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DAGEN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True, scope="session")
def two_threads() -> Iterator[None]:
    """Small tensors gain nothing from more threads, and lose much when cores are shared."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(min(2, before))
    yield
    torch.set_num_threads(before)


@pytest.fixture
def shared_data() -> Path:
    """The small benchmark of real images beside the checkout; the test is skipped without."""
    path = Path(__file__).parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("needs the small benchmark of real images in ../shared/data")
    return path
