import pytest


@pytest.fixture(autouse=True)
def _installed() -> None:
    pytest.importorskip("webdataset", reason="shards need the extra dagen[shards]")
